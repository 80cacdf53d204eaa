"""The documentation, and what generates those parts of it that the code knows better."""
