"""From recorded rows to README, the results pages and their pictures."""
