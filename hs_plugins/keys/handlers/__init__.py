"""What clients ask for under `/keys`."""
