"""A homeserver that is already running, named by the environment; without one these tests have nothing to talk to."""

from __future__ import annotations

import os
from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class RunningHomeserver:
    """Where a homeserver is, its registration shared secret, and its name."""

    url: str
    shared_secret: str
    server_name: str


@pytest.fixture
def homeserver() -> RunningHomeserver:
    """The one of HS_TEST_URL, HS_TEST_SHARED_SECRET and HS_TEST_SERVER_NAME."""
    url = os.environ.get("HS_TEST_URL")
    if url is None:
        pytest.skip("HS_TEST_URL names no homeserver")
    secret, name = os.environ["HS_TEST_SHARED_SECRET"], os.environ.get("HS_TEST_SERVER_NAME", "localhost")
    return RunningHomeserver(url, secret, name)
