"""A server with the plugin in it, and people who use it."""

pytest_plugins = ["hs_core.testing.fixtures"]
