"""Clients that were away for long are told from the database what those that were there were told from memory."""

import inspect
from pathlib import Path

from hs_core.testing.client import Client
from hs_core.testing.homeserver import homeserver
from tests.plugins.sync import test_members, test_old, test_state, test_sync
from tests.spec import schema

STORIES = [
    story
    for module in (test_sync, test_state, test_members, test_old)
    for name, story in vars(module).items()
    if name.startswith("test_") and list(inspect.signature(story).parameters) == ["client"]
]


async def test_all_the_stories_are_true_of_a_server_with_nothing_in_memory(tmp_path: Path) -> None:
    settings = {"plugins": {"sync": {"recent_events": 0}}}
    async with (
        homeserver(tmp_path, f"sqlite:///{tmp_path}/hs.db", settings=settings) as server,
        Client(server.url, shared_secret=server.shared_secret, check=schema.check) as client,
    ):
        for story in STORIES:
            await story(client)
    assert len(STORIES) > 30
