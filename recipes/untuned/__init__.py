"""Data sets that no setting of this library was chosen on, and who learns them."""
