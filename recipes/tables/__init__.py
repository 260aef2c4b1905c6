"""The cells of the paper's tables, and how a cell's model is trained."""
