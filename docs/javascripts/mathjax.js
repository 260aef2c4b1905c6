// Read by MathJax when it starts. Formulas are what pymdownx.arithmatex marks.
window.MathJax = {
  tex: { inlineMath: [["\\(", "\\)"]], displayMath: [["\\[", "\\]"]] },
  options: {
    enableMenu: false,
    ignoreHtmlClass: ".*|",
    processHtmlClass: "arithmatex",
  },
};
