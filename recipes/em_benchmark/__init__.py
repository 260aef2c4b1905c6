"""EM compared with EG: the parts of `python -m recipes.benchmark_em`."""
