"""An event together with what this server knows about it."""

from typing import TypeAlias

import msgspec

from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import DeviceId, EventId

StateRoot: TypeAlias = bytes
"""The name of one state of a room: the hash of its trie's root. Equal roots are equal states."""


class StoredEvent(msgspec.Struct, frozen=True):
    """An event with what this server knows about it."""

    event: Event
    position: int | None
    state_before: StateRoot | None
    state_after: StateRoot | None
    auth_chain: StateRoot | None
    """The set of the events in its auth chain, as a state whose keys are `(event ID, "")`. For state events."""
    replaces: EventId | None
    redacted_by: EventId | None
    rejected: str | None
    soft_failed: bool
    device_id: DeviceId | None
    txn_id: str | None
