"""Write the tables and pictures of README.md and docs/results.md from recorded rows.

python -m recipes.report
"""

from recipes.reporting.page import main

if __name__ == "__main__":
    main()
