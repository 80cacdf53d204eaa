"""Shipped for tests, ours and those of other people's plugins: real servers to test against."""
