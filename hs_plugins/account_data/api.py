"""The door of the account data plugin: set account data, read it, know whom a user ignores, hear of changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.plugin import By, ReadSide, Service, Stream
from hs_plugins.account_data.rows import AccountDataRow
from hs_plugins.account_data.store import load_rows

__all__ = [
    "ACCOUNT_DATA",
    "ACCOUNT_DATA_CHANGES",
    "ACCOUNT_DATA_READ",
    "FULLY_READ",
    "IGNORED_USERS",
    "PUSH_RULES",
    "TAGS",
    "AccountData",
    "AccountDataRead",
    "AccountDataRow",
]

ACCOUNT_DATA_CHANGES = Stream("account_data", AccountDataRow, load=load_rows, shard_by=By.USER, slots=64)

FULLY_READ: Final = "m.fully_read"
"""Of a room; set by whoever keeps read markers."""
IGNORED_USERS: Final = "m.ignored_user_list"
PUSH_RULES: Final = "m.push_rules"
"""Kept elsewhere: see the hook `managed_account_data`."""
TAGS: Final = "m.tag"
"""Of a room."""


class AccountData(Protocol):
    """Calls run in the process that owns their first argument, a local user.

    What is as it was before is no change, and nobody is told. All of them may raise MatrixError, 413 `M_TOO_LARGE`, if
    the user would have too much.
    """

    async def put(self, user_id: UserId, room_id: RoomId | None, type: str, content: bytes) -> None:  # noqa: A002
        """Set one type of account data, of a room or (`None`) of the account, to a JSON object.

        The types that clients may not set are for the caller to refuse; `FULLY_READ` is set like this.
        """

    async def put_tag(self, user_id: UserId, room_id: RoomId, tag: str, content: bytes) -> None:
        """Give a room a tag, or change what is said about it, which is a JSON object."""

    async def delete_tag(self, user_id: UserId, room_id: RoomId, tag: str) -> None:
        """Take a tag from a room; one that is not there is gone already."""

    async def erase(self, user_id: UserId) -> None:
        """Remove everything of a user who is no more, without telling anybody."""


class AccountDataRead(Protocol):
    """Account data of local users, in any process."""

    async def global_of(self, user_id: UserId, type: str) -> Mapping[str, Any] | None:  # noqa: A002
        """One type of account data of the account, if it was ever set."""

    async def of_room(self, user_id: UserId, room_id: RoomId, type: str) -> Mapping[str, Any] | None:  # noqa: A002
        """One type of account data of a room, if it was ever set."""

    async def ignored_by(self, user_id: UserId) -> frozenset[UserId]:
        """Whom the user ignores: from memory, for those who asked lately."""

    async def ignored_by_all(self, users: Collection[UserId]) -> dict[UserId, frozenset[UserId]]:
        """The same for many users, with one query for all who have not been asked about lately."""


ACCOUNT_DATA = Service[AccountData]("account_data", owner=ACCOUNT_DATA_CHANGES)
ACCOUNT_DATA_READ = ReadSide[AccountDataRead]("account_data")
