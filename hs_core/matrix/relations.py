"""How events refer to each other (client-server API, "Forming relationships between events").

"Relationships which don't match the schema, or which break the rules of a relationship, are simply ignored": reading
one never fails. Only what a client of this server wants to send is refused, by `check_relation`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId, parse_event_id

REPLACE: Final = "m.replace"
ANNOTATION: Final = "m.annotation"
THREAD: Final = "m.thread"
REFERENCE: Final = "m.reference"

MAX_REL_TYPE_BYTES: Final = 255
"""Relation types follow the "Common Namespaced Identifier Grammar", whose identifiers are not longer."""
MAX_HOPS_TO_THREAD: Final = 3
"""Receiving notifications: "implementations are encouraged to do a maximum of 3 hops to find a thread"."""


class Relation(msgspec.Struct, frozen=True):
    """What `m.relates_to` says of an event, the child, and its parent."""

    rel_type: str
    event_id: EventId
    """The parent."""
    key: str | None = None
    """What an annotation annotates with."""
    is_falling_back: bool = False
    """Whether the `m.in_reply_to` of a threaded event is only there for clients without threads."""


def relation_of(content: Mapping[str, Any]) -> Relation | None:
    """The relation that the content of an event declares, if it is a valid one.

    A mere reply has none: "rich replies [...] do not use `rel_type`". See `in_reply_to`.
    """
    relates_to = content.get("m.relates_to")
    if not isinstance(relates_to, Mapping):
        return None
    rel_type, event_id = relates_to.get("rel_type"), _event_id(relates_to)
    if not isinstance(rel_type, str) or not rel_type or event_id is None or not _is_short(rel_type):
        return None
    key = relates_to.get("key")
    return Relation(
        rel_type,
        event_id,
        key if isinstance(key, str) else None,
        relates_to.get("is_falling_back") is True,
    )


def in_reply_to(content: Mapping[str, Any]) -> EventId | None:
    """The event that this one is a rich reply to ("Rich replies")."""
    relates_to = content.get("m.relates_to")
    reply = relates_to.get("m.in_reply_to") if isinstance(relates_to, Mapping) else None
    return _event_id(reply) if isinstance(reply, Mapping) else None


def is_valid_replacement(replacement: Event, original: Event) -> bool:
    """Whether `replacement` may stand for `original` ("Validity of replacement events")."""
    relation = relation_of(replacement.content)
    if relation is None or (relation.rel_type, relation.event_id) != (REPLACE, original.event_id):
        return False
    # "the original event and replacement event must have the same `room_id`", "the same `sender`", "the same `type`"
    if any(getattr(original, name) != getattr(replacement, name) for name in ("room_id", "sender", "type")):
        return False
    # "The replacement and original events must not have a `state_key` property."
    if original.is_state or replacement.is_state:
        return False
    # "The original event must not, itself, have a `rel_type` of `m.replace`."
    parent = relation_of(original.content)
    if parent is not None and parent.rel_type == REPLACE:
        return False
    # "The replacement event (once decrypted, if appropriate) must have an `m.new_content` property." What is encrypted
    # only the clients can check.
    return replacement.type == "m.room.encrypted" or isinstance(replacement.content.get("m.new_content"), Mapping)


def is_valid_thread_root(root: Event) -> bool:
    """ "It is not possible to create a thread from an event which itself is the child of an event relationship (i.e.,
    one with an `m.relates_to` property with a `rel_type` property)."
    """
    return relation_of(root.content) is None


def check_relation(content: Mapping[str, Any], parent: Event | None, *, already_annotated: bool = False) -> None:
    """Refuse what a client may not send about another event of the room.

    Args:
        content: of the event that the client sends.
        parent: the event of its relation, if the server has it.
        already_annotated: whether the same user annotated `parent` with the same key by an event of the same type that
            is not redacted.

    Raises:
        ProtocolError: `M_UNKNOWN` for a thread from an event with a relation, or `M_DUPLICATE_ANNOTATION`.
    """
    relation = relation_of(content)
    if relation is None:
        return
    if relation.rel_type == THREAD and parent is not None and not is_valid_thread_root(parent):
        # "A specific error code is not currently available for this case: servers should use `M_UNKNOWN`."
        raise ProtocolError("a thread cannot start from an event that itself relates to another", "M_UNKNOWN")
    if relation.rel_type == ANNOTATION and already_annotated:
        raise ProtocolError("the same annotation was already sent", "M_DUPLICATE_ANNOTATION")


def thread_of(event: Event, load: Callable[[EventId], Event | None]) -> EventId | None:
    """The root of the thread that an event is in, or `None` for the main timeline ("Receiving notifications").

    "The server follows the event relationship until it finds a thread root via an `m.thread` relation", here with at
    most `MAX_HOPS_TO_THREAD` hops. A root itself is in the main timeline.

    Args:
        load: gives an event of the same room, if it is known.
    """
    current: Event | None = event
    for _ in range(MAX_HOPS_TO_THREAD):
        relation = relation_of(current.content) if current is not None else None
        if relation is None:
            return None
        if relation.rel_type == THREAD:
            return relation.event_id
        current = load(relation.event_id)
    return None


def _event_id(value: Mapping[str, Any]) -> EventId | None:
    try:
        return parse_event_id(value.get("event_id"))
    except ProtocolError:
        return None


def _is_short(text: str) -> bool:
    return len(text.encode(errors="surrogatepass")) <= MAX_REL_TYPE_BYTES
