"""The rows of the stream `accounts`."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from hs_core.matrix.identifiers import DeviceId, UserId

Change: TypeAlias = Literal[
    "registered", "altered", "deactivated", "device_created", "device_renamed", "device_deleted", "tokens_revoked"
]


class AccountRow(msgspec.Struct, frozen=True):
    """What happened to an account or to one of its devices."""

    user_id: UserId
    change: Change
    device_id: DeviceId | None = None
    tokens: tuple[bytes, ...] = ()
    """Hashes (`hs_core.http.authenticate.token_hash`) of the access tokens that are no longer what they were."""
