"""What all recipes share: rows, presets, precision, memory."""
