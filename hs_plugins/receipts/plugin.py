"""The receipts role: how far users have read."""

from __future__ import annotations

from hs_core.plugin import By, Migrations, Offer, Plugin, RateClass, Route
from hs_core.plugin.paths import ROOM
from hs_plugins.receipts import handlers
from hs_plugins.receipts.api import RECEIPT_CHANGES, RECEIPTS, RECEIPTS_READ
from hs_plugins.receipts.section import SECTION
from hs_plugins.receipts.service import open_receipts, start

RECEIPT = ROOM + "/receipt/(?P<type>[^/]+)/(?P<event_id>[^/]+)"
READ_MARKERS = ROOM + "/read_markers"

plugin = Plugin(
    name="receipts",
    requires=["account_data", "rooms"],
    routes=[
        Route("POST", RECEIPT, handlers.post_receipt, affinity=By.ROOM, rate=RateClass.MESSAGE, guests=True),
        Route("POST", READ_MARKERS, handlers.post_read_markers, affinity=By.ROOM, rate=RateClass.MESSAGE, guests=True),
    ],
    writes=[RECEIPT_CHANGES],
    serves=[RECEIPTS],
    offers=[Offer(RECEIPTS_READ, open_receipts)],
    sections=[SECTION],
    start=start,
    migrations=Migrations("hs_plugins.receipts"),
)
