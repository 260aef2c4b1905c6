"""What all commands share: options, data, rows, presets, precision and memory."""
