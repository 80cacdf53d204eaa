"""Fixtures only; no cleverness."""
