"""The user directory role: how people find each other."""

from __future__ import annotations

from datetime import timedelta

from hs_core.plugin import By, Feed, Migrations, Plugin, Route, Task
from hs_core.plugin.paths import CLIENT
from hs_plugins.login.api import ACCOUNT_CHANGES
from hs_plugins.profile.api import PROFILE_CHANGES
from hs_plugins.rooms.api import EVENTS
from hs_plugins.user_directory import handlers
from hs_plugins.user_directory.config import UserDirectoryConfig
from hs_plugins.user_directory.role import UserDirectoryRole, start

REST = timedelta(milliseconds=100)

plugin = Plugin(
    name="user_directory",
    requires=["login", "profile", "rooms"],
    config=UserDirectoryConfig,
    routes=[Route("POST", CLIENT + "/user_directory/search", handlers.post_search, affinity=By.USER)],
    start=start,
    feeds=[
        Feed("take in rooms", EVENTS.name, UserDirectoryRole.take_in_events, most=500, rest=REST),
        Feed("take in profiles", PROFILE_CHANGES.name, UserDirectoryRole.take_in_profiles, rest=REST),
        Feed("take in changes of accounts", ACCOUNT_CHANGES.name, UserDirectoryRole.take_in_accounts, rest=REST),
    ],
    tasks=[Task("take in old accounts", timedelta(seconds=30), UserDirectoryRole.take_in_old_accounts)],
    migrations=Migrations("hs_plugins.user_directory"),
)
