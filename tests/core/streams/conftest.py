"""A process that owns the notes, on each engine."""

from collections.abc import AsyncIterator

import pytest

from hs_core.testing.clock import TestClock
from tests.core.streams.notes import Node, owner


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
async def node(database_url: str, clock: TestClock) -> AsyncIterator[Node]:
    async with owner(database_url, clock) as node:
        yield node
