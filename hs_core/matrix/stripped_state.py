"""Which part of a room's state strangers are shown, and reading what other servers show (client-server API, "Stripped
state"; `client_event.stripped_state` is its format).
"""

from collections.abc import Mapping
from typing import Any, Final

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import StateKey, StateMap
from hs_core.matrix.identifiers import EventId, parse_user_id

STRIPPED_STATE_TYPES: Final = (
    "m.room.create",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.join_rules",
    "m.room.canonical_alias",
    "m.room.encryption",
)
""" "Stripped state should contain some or all of the following state events"; the first "is now **required**"."""

STRIPPED_STATE_KEYS: Final[tuple[StateKey, ...]] = tuple((event_type, "") for event_type in STRIPPED_STATE_TYPES)

MAX_STRIPPED_STATE_EVENTS: Final = 100
"""How many of the events that another server sends along with an invitation are kept."""


def stripped_state_ids(state: StateMap) -> list[EventId]:
    """The events of a room's state that invited and knocking users are shown, the create event first."""
    return [state[key] for key in STRIPPED_STATE_KEYS if key in state]


def prune_stripped_state(events: object) -> list[dict[str, Any]]:
    """What another server sent along with an invitation or a knock, as clients may have it.

    "Servers cannot pass through what they receive over federation to clients as stripped state. Servers are expected to
    prune the events into the stripped state schema." Anything without that form is left out; of several events for the
    same state the first is kept.
    """
    kept: dict[StateKey, dict[str, Any]] = {}
    for event in events if isinstance(events, list | tuple) else ():
        if len(kept) == MAX_STRIPPED_STATE_EVENTS:
            break
        stripped = _strip(event)
        if stripped is not None:
            kept.setdefault((stripped["type"], stripped["state_key"]), stripped)
    return list(kept.values())


def _strip(event: object) -> dict[str, Any] | None:
    if not isinstance(event, Mapping):
        return None
    event_type, state_key, content = event.get("type"), event.get("state_key"), event.get("content")
    if not isinstance(event_type, str) or not isinstance(state_key, str) or not isinstance(content, Mapping):
        return None
    try:
        sender = parse_user_id(event.get("sender"))
    except ProtocolError:
        return None
    return {"type": event_type, "sender": sender, "state_key": state_key, "content": content}
