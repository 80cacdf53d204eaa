"""The keys role: the public keys of users' devices."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Migrations, Plugin, RateClass, Route, Task
from hs_core.plugin.paths import CLIENT_R0
from hs_plugins.keys import device_lists, supply_section
from hs_plugins.keys.api import DEVICE_KEYS, DEVICE_LISTS, ONE_TIME_KEY_SUPPLIES, ONE_TIME_KEYS
from hs_plugins.keys.handlers import changes, cross_signing, keys
from hs_plugins.keys.hooks import KeysHooks
from hs_plugins.keys.role import KeysRole, start
from hs_plugins.login.api import ACCOUNT_CHANGES
from hs_plugins.rooms.api import EVENTS

KEYS = CLIENT_R0 + "/keys"

plugin = Plugin(
    name="keys",
    requires=["login", "rooms"],
    routes=[
        Route("POST", f"{KEYS}/upload", keys.post_upload, affinity=By.USER, guests=True),
        Route("POST", f"{KEYS}/query", keys.post_query, affinity=By.USER, guests=True),
        Route("POST", f"{KEYS}/claim", keys.post_claim, affinity=By.USER, rate=RateClass.MESSAGE, guests=True),
        Route("GET", f"{KEYS}/changes", changes.get_changes, affinity=By.USER, guests=True),
        Route("POST", f"{KEYS}/device_signing/upload", cross_signing.post_device_signing, affinity=By.USER),
        Route("POST", f"{KEYS}/signatures/upload", cross_signing.post_signatures, affinity=By.USER),
    ],
    writes=[DEVICE_LISTS, ONE_TIME_KEY_SUPPLIES],
    reads=[ACCOUNT_CHANGES.name, DEVICE_LISTS.name, EVENTS.name],
    serves=[DEVICE_KEYS, ONE_TIME_KEYS],
    sections=[device_lists.SECTION, supply_section.SECTION],
    hooks=KeysHooks.make,
    start=start,
    tasks=[Task("take in changes of devices", timedelta(minutes=1), KeysRole.look_at_accounts)],
    migrations=Migrations("hs_plugins.keys"),
)
