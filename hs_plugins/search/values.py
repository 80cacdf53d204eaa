"""What is searched for, and where, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from hs_core.matrix.filters import RoomEventFilter
from hs_core.matrix.identifiers import EventId, RoomId, UserId
from hs_plugins.rooms.api import StoredEvent
from hs_plugins.search.words import Phrase

Key: TypeAlias = Literal["content.body", "content.name", "content.topic"]

KEYS: Final[Mapping[str, Key]] = {
    "m.room.message": "content.body",
    "m.room.name": "content.name",
    "m.room.topic": "content.topic",
}
"""The key that is searched, by event type: "The supported keys to search over"."""


class Text(msgspec.Struct, frozen=True):
    """What one event says."""

    position: int
    """Of the event in the stream; negative for history that came from another server."""
    event_id: EventId
    room_id: RoomId
    sender: UserId
    key: str
    words: list[str]


class Wanted(msgspec.Struct, frozen=True):
    """What somebody searches for."""

    phrases: list[Phrase]
    keys: frozenset[str]
    filter: RoomEventFilter
    rooms: frozenset[RoomId]
    """Those that are searched: the searcher has been in them, or anybody may read them."""
    senders: frozenset[str] | None
    """The only senders; `None` for all."""


class Stretch(NamedTuple):
    """Positions of the stream: `after < position <= up_to`."""

    after: int
    up_to: int


class Hit(msgspec.Struct, frozen=True):
    """An event that was found and that the searcher may see."""

    stored: StoredEvent
    position: int
    rank: float


class Gathered(msgspec.Struct, frozen=True):
    """Hits, the newest first."""

    hits: list[Hit]
    end: int | None
    """All before and at this position is left to be looked at; `None` if nothing is."""


def texts_in(event_type: str, content: Mapping[str, Any]) -> list[str]:
    """The texts of an event that are searched."""
    key = KEYS.get(event_type)
    if key is None:
        return []
    said = [content.get(key.removeprefix("content."))]
    if key == "content.topic":
        said += _plain_texts(content.get("m.topic"))
    return list(dict.fromkeys(text for text in said if isinstance(text, str)))


def _plain_texts(topic: Any) -> list[Any]:
    """ "the `body` of the `text/plain` representation in `content['m.topic']`"; without a type a text is plain."""
    texts = topic.get("m.text") if isinstance(topic, dict) else None
    if not isinstance(texts, list):
        return []
    return [
        each.get("body")
        for each in texts[:10]
        if isinstance(each, dict) and each.get("mimetype", "text/plain") == "text/plain"
    ]
