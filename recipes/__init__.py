"""Runnable scripts: one for each table and figure of the paper, and benchmarks."""
