"""Fixtures only; no cleverness."""

pytest_plugins = ["hs_core.testing.fixtures"]
