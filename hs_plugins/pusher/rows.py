"""The rows of the stream `pushers`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import UserId


class PushersRow(msgspec.Struct, frozen=True, array_like=True):
    """A user has set or removed pushers."""

    user_id: UserId
