"""The rows of the stream `profiles`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import UserId


class ProfileRow(msgspec.Struct, frozen=True):
    """A local user's profile has changed; what it says now. One row stands for all changes of a user before it."""

    user_id: UserId
    displayname: str | None = None
    avatar_url: str | None = None
