"""The declaration: all that the server must know of the plugin before it starts anything."""

from datetime import timedelta

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route, Task
from hs_guestbook import handlers
from hs_guestbook.api import ENTRIES, GUESTBOOKS
from hs_guestbook.config import GuestbookConfig
from hs_guestbook.hooks import GuestbookHooks
from hs_guestbook.section import SECTION
from hs_guestbook.service import GuestbookRole

_BOOK = "/_guestbook/v1/(?P<user_id>[^/]+)"

plugin = Plugin(
    name="guestbook",
    requires=["login"],
    config=GuestbookConfig,
    routes=[
        Route("PUT", f"{_BOOK}/entry", handlers.put_entry, affinity=By.USER, rate=RateClass.MESSAGE),
        Route("GET", f"{_BOOK}/entries", handlers.get_entries, affinity=By.USER),
    ],
    writes=[ENTRIES],
    serves=[GUESTBOOKS],
    sections=[SECTION],
    hooks=GuestbookHooks.of,
    start=GuestbookRole.start,
    tasks=[Task("forget old entries", every=timedelta(hours=1), run=GuestbookRole.forget_old)],
    migrations=Migrations("hs_guestbook"),
)
