"""Commands for the paper's tables and figures and for benchmarks.

Each module at this level is a command, `python -m recipes.NAME`, run from the project's
root. The folders hold the commands' helpers.
"""
