"""A server with toy routes for each test that asks."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.core.http.toys import Toy, running


@pytest_asyncio.fixture(loop_scope="session")
async def toy() -> AsyncIterator[Toy]:
    async with running() as server:
        yield server
