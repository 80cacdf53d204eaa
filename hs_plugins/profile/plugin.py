"""The profile role: what users say about themselves."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import Auth, By, Migrations, Offer, Plugin, RateClass, Route, Task
from hs_core.plugin.paths import CLIENT
from hs_plugins.profile import handlers
from hs_plugins.profile.api import PROFILE_CHANGES, PROFILES, PROFILES_READ
from hs_plugins.profile.hooks import ProfileHooks
from hs_plugins.profile.reading import open_profiles
from hs_plugins.profile.role import finish_propagations, start

PROFILE = CLIENT + "/profile/(?P<user_id>[^/]+)"
FIELD = PROFILE + "/(?P<name>[^/]+)"

plugin = Plugin(
    name="profile",
    requires=["login", "rooms"],
    routes=[
        Route("GET", PROFILE, handlers.get_profile, Auth.NONE, affinity=By.USER),
        Route("GET", FIELD, handlers.get_field, Auth.NONE, affinity=By.USER),
        Route("PUT", FIELD, handlers.put_field, affinity=By.USER, rate=RateClass.PROFILE, guests=True),
        Route("DELETE", FIELD, handlers.delete_field, affinity=By.USER, rate=RateClass.PROFILE, guests=True),
    ],
    writes=[PROFILE_CHANGES],
    serves=[PROFILES],
    offers=[Offer(PROFILES_READ, open_profiles, reads=[PROFILE_CHANGES.name])],
    hooks=ProfileHooks.make,
    start=start,
    tasks=[Task("tell rooms of profiles", timedelta(minutes=1), finish_propagations)],
    migrations=Migrations("hs_plugins.profile"),
    capabilities={
        "m.profile_fields": {"enabled": True},
        "m.set_displayname": {"enabled": True},
        "m.set_avatar_url": {"enabled": True},
    },
)
