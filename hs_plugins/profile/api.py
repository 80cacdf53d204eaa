"""The door of the profile plugin: change a profile, read profiles, hear of changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from hs_core.matrix.identifiers import UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.profile.rows import ProfileRow
from hs_plugins.profile.store import load_rows

__all__ = ["PROFILES", "PROFILES_READ", "PROFILE_CHANGES", "ProfileRow", "Profiles", "ProfilesRead"]

PROFILE_CHANGES = Stream("profiles", ProfileRow, load=load_rows, shard_by=By.USER, slots=64)


class Profiles(Protocol):
    """Calls run in the process that owns their first argument, a local user."""

    async def set_field(self, user_id: UserId, name: str, value: bytes) -> None:
        """Set a field to a value, in JSON. The rooms of the user are told of a new name or avatar before long.

        Raises MatrixError, 400: `M_KEY_TOO_LARGE`, `M_PROFILE_TOO_LARGE`, `M_INVALID_PARAM`.
        """

    async def delete_field(self, user_id: UserId, name: str) -> None:
        """Remove a field; one that is not there is removed already."""

    async def erase(self, user_id: UserId) -> None:
        """Remove everything, without telling any room: the user is leaving them."""


class ProfilesRead(Protocol):
    """Profiles of local users, in any process: from memory or the database."""

    async def fields(self, user_id: UserId) -> Mapping[str, Any]:
        """All fields; none for a user who never set any, or does not exist."""

    async def fields_of(self, user_ids: Collection[UserId]) -> dict[UserId, Mapping[str, Any]]:
        """The same for several users at once."""

    async def member_fields(self, user_id: UserId) -> dict[str, Any]:
        """What a member event of a local user says of them: `displayname` and `avatar_url`, where they are set.

        "when homeservers emit room membership events for their own users, they should include the display name and
        avatar URL fields"
        """


PROFILES = Service[Profiles]("profiles", owner=PROFILE_CHANGES)
PROFILES_READ = ReadSide[ProfilesRead]("profiles")
