"""The search role: full text search in rooms."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Feed, Migrations, Plugin, Route, Task
from hs_core.plugin.paths import CLIENT
from hs_plugins.rooms.api import EVENTS
from hs_plugins.search import handlers
from hs_plugins.search.hooks import SearchHooks
from hs_plugins.search.role import SearchRole, start

plugin = Plugin(
    name="search",
    requires=["rooms"],
    routes=[Route("POST", CLIENT + "/search", handlers.post_search, affinity=By.USER)],
    reads=[EVENTS.name],
    hooks=SearchHooks.make,
    start=start,
    feeds=[Feed("take in events", EVENTS.name, SearchRole.take_in, most=500, rest=timedelta(milliseconds=100))],
    tasks=[Task("take in history of other servers", timedelta(seconds=10), SearchRole.take_in_history)],
    migrations=Migrations("hs_plugins.search"),
)
