"""Layouts of the server for tests that do not want each of the usual ones."""

from __future__ import annotations

import pytest

in_one_process = pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True, scope="session")
"""The server is the test's own process."""

to_the_extreme = pytest.mark.parametrize("server", ["sqlite", "scattered"], indirect=True, scope="session")
"""The server is one process, or as many as there are plugins, each of which is active in one of them."""
