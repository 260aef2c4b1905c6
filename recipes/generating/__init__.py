"""How images that a model generates are measured, and what it is compared with."""
