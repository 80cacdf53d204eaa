"""For tests that look into the process in which a plugin is active."""

from __future__ import annotations

import pytest

in_one_process = pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True, scope="session")
"""The server is the test's own process."""
