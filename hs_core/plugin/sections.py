"""How plugins add to what a user's clients are told of: parts of `/sync` that other plugins than `sync` know about.

A `Section` follows one stream. Its rows say whom they concern, so that exactly those who wait are woken; its reader is
asked for what is new to one device. The contract knows nothing of the form of the response: whoever assembles one
filters the events, merges the parts of all sections, and keeps the positions for the client.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from hs_core.matrix.identifiers import DeviceId, RoomId, UserId

if TYPE_CHECKING:
    from hs_core.core import Core
    from hs_core.plugin.declaration import Stream

Row = TypeVar("Row", bound=msgspec.Struct)


class Window(NamedTuple):
    """What one device has not been told of yet."""

    user_id: UserId
    device_id: DeviceId | None
    after: int | None
    """The position of the section's stream that the client has reached; `None` if it knows nothing of the section."""
    up_to: int
    """The position to tell of; every row up to it has been delivered in this process."""
    joined: Collection[RoomId]
    """The rooms that the user is in."""
    newly_joined: Collection[RoomId]
    """Those whose parts must be told from the beginning."""
    newly_left: Collection[RoomId]
    shown: Collection[RoomId]
    """The joined rooms that the response speaks of anyway."""
    events_after: int | None
    """The same window in the stream of room events."""
    events_up_to: int
    per_thread: bool = False
    """Whether the client wants unread counts for each thread (`unread_thread_notifications`)."""


class SectionEvent(NamedTuple):
    """An event that is in no room's timeline: ephemeral, account data, to-device, presence."""

    type: str
    sender: UserId | None
    json: bytes
    """The whole event as clients see it."""


@dataclass(slots=True)
class RoomParts:
    """What a section says of one joined room."""

    ephemeral: list[SectionEvent] = field(default_factory=list)
    account_data: list[SectionEvent] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    """Further keys of the room, such as `unread_notifications`, as JSON values."""


@dataclass(slots=True)
class Parts:
    """What a section says."""

    events: Mapping[str, list[SectionEvent]] = field(default_factory=dict)
    """Lists of events by top-level key: `presence`, `account_data`, `to_device`."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Other top-level keys, as JSON values: `device_lists`, `device_one_time_keys_count`."""
    rooms: Mapping[RoomId, RoomParts] = field(default_factory=dict)
    news: bool = True
    """Whether this is a reason to answer a client that waits."""
    up_to: int | None = None
    """Where the reader stopped, past the window's `after`, if it had too much to tell: the rest comes next time. Or,
    past the window's `up_to`, what it has told already, if what it read was newer than the window.
    """


class SectionReader(Protocol):
    """The side of a section that knows its data, in every process that answers clients."""

    async def collect(self, window: Window) -> Parts | None:
        """What is new to this device; `None` for nothing. Bounded, and quick when there is nothing."""


@dataclass(frozen=True)
class Section(Generic[Row]):
    """One plugin's part of what clients are told."""

    key: str
    """Stands for the stream in tokens: one to eight lower-case letters that no other section has, and not `e`."""
    stream: Stream[Row]
    concerns: Callable[[Row], Iterable[str]]
    """The users whom a row is news to: user IDs, and room IDs that stand for all joined members."""
    open: Callable[[Core], SectionReader]
    """Makes the reader, in processes where a plugin that shows sections is active."""
    every_time: bool = False
    """Asked for every response that is sent, and when an event of a room concerned the user, not only when a row did:
    for what is always told, or follows from room events.
    """
