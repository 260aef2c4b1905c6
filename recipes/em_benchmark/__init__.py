"""EM against EG: what `recipes.benchmark_em` measures."""
