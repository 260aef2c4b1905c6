"""The paper's tables: their cells, and how a cell is trained."""
