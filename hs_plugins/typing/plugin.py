"""The typing role: who is typing in which room."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Offer, Plugin, RateClass, Route, Scope, Task
from hs_core.plugin.paths import ROOM
from hs_plugins.typing import handlers
from hs_plugins.typing.api import TYPING, TYPING_CHANGES, TYPING_READ
from hs_plugins.typing.recent import open_recent
from hs_plugins.typing.section import SECTION
from hs_plugins.typing.service import TypingRole, start

TYPING_PATH = ROOM + "/typing/(?P<user_id>[^/]+)"

plugin = Plugin(
    name="typing",
    requires=["rooms"],
    routes=[Route("PUT", TYPING_PATH, handlers.put_typing, affinity=By.ROOM, rate=RateClass.MESSAGE, guests=True)],
    writes=[TYPING_CHANGES],
    reads=["events"],
    serves=[TYPING],
    offers=[Offer(TYPING_READ, open_recent, reads=[TYPING_CHANGES.name])],
    sections=[SECTION],
    start=start,
    tasks=[Task("stop typing", timedelta(milliseconds=500), TypingRole.is_over, Scope.PER_PROCESS)],
)
