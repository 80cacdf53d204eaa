"""What a gateway is told of an event (Push Gateway API, `POST /_matrix/push/v1/notify`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from hs_core.cache import LRU
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import EventId
from hs_core.matrix.push_rules import Actions
from hs_plugins.notifications.api import Notification
from hs_plugins.pusher.values import EVENT_ID_ONLY, Pusher
from hs_plugins.rooms.api import RoomsRead, StoredEvent

MEMBER: Final = "m.room.member"
ENCRYPTED: Final = "m.room.encrypted"
_REMEMBERED: Final = 4 << 20
"""Bytes of content."""


@dataclass(frozen=True)
class About:
    """What everybody is told of an event, and whom it is about."""

    fields: Mapping[str, Any]
    type: str
    target: str | None
    """The user whose membership it is."""
    size: int
    """Bytes of content."""


@dataclass(frozen=True)
class Composer:
    """Writes notifications. What is told of an event is remembered a while: many may be told."""

    rooms: RoomsRead
    remembered: LRU[EventId, About] = field(default_factory=lambda: LRU(_REMEMBERED, lambda about: about.size))

    async def notification(self, pusher: Pusher, event: Notification, unread: int) -> dict[str, Any] | None:
        """What is told of an event; `None` if it is not there any more, or was redacted."""
        data = pusher.data
        body = {"event_id": event.event_id, "room_id": event.room_id, "counts": {"unread": unread}}
        about = await self._about(event.event_id)
        if about is None:
            return None
        tweaks = dict(Actions.of(tuple(orjson.loads(event.actions))).tweaks)
        body["prio"] = "high" if _is_urgent(about, tweaks) else "low"
        if data.get("format") == EVENT_ID_ONLY:
            return {**body, "devices": [_device(pusher, data)]}
        target = {} if about.target is None else {"user_is_target": about.target == pusher.user_id}
        # NOTSPEC: `id` is what the event ID was called once, and there are gateways that ask for nothing else.
        told = {**about.fields, **body, **target, "id": event.event_id}
        return {**told, "devices": [{**_device(pusher, data), "tweaks": tweaks}]}

    async def _about(self, event_id: EventId) -> About | None:
        about = self.remembered.get(event_id)
        if about is None:
            stored = (await self.rooms.timelines.events([event_id])).get(event_id)
            if stored is None or stored.redacted_by is not None:
                return None
            about = self.remembered[event_id] = await self._compose(stored)
        return about

    async def _compose(self, stored: StoredEvent) -> About:
        event = stored.event
        content = encode_canonical(event.content, strict=False)  # old rooms have numbers that orjson cannot write
        name = await self._state(stored, "m.room.name", "", "name")
        alias = await self._state(stored, "m.room.canonical_alias", "", "alias")
        membership = _text(event.content, "membership") if event.type == MEMBER else None
        fields = {
            "type": event.type,
            "sender": event.sender,
            "sender_display_name": await self._state(stored, MEMBER, event.sender, "displayname"),
            "room_name": name or alias,
            "room_alias": alias,
            "membership": membership,  # NOTSPEC: what clients need to tell an invitation without asking
            "content": orjson.Fragment(content),
        }
        shown = {key: value for key, value in fields.items() if value is not None}
        return About(shown, event.type, event.state_key if event.type == MEMBER else None, len(content))

    async def _state(self, stored: StoredEvent, type_: str, state_key: str, key: str) -> str | None:
        """A text in the state of the room; of one that this server is not in, in what it was told with an invite."""
        if stored.state_after:
            found = await self.rooms.states.event(stored.state_after, (type_, state_key))
            return None if found is None else _text(found.event.content, key)
        return _stripped(stored.event, type_, state_key, key)


def badge(pusher: Pusher, unread: int) -> dict[str, Any]:
    """What is told when the number of unread notifications has changed, and nothing else."""
    # NOTSPEC: "Counts whose value is zero should be omitted", but gateways leave the badge as it is if there is none.
    return {"counts": {"unread": unread}, "prio": "low", "devices": [_device(pusher, pusher.data)]}


def _device(pusher: Pusher, data: Mapping[str, Any]) -> dict[str, Any]:
    """ "Servers MUST forward the entire content including `format` and any custom keys but excluding `url`" """
    return {
        "app_id": pusher.settings.app_id,
        "pushkey": pusher.settings.pushkey,
        "pushkey_ts": pusher.set_ts // 1000,
        "data": {key: value for key, value in data.items() if key != "url"},
    }


def _is_urgent(about: About, tweaks: Mapping[str, Any]) -> bool:
    """Whether a device should be woken up: it is to be heard or seen, or may be, for all one can tell from here."""
    return about.type == ENCRYPTED or bool(tweaks.get("highlight")) or bool(tweaks.get("sound"))


def _stripped(event: Event, type_: str, state_key: str, key: str) -> str | None:
    unsigned = event.pdu.get("unsigned")
    state = unsigned.get("invite_room_state") if isinstance(unsigned, Mapping) else None
    for each in state if isinstance(state, list) else []:
        if isinstance(each, Mapping) and (each.get("type"), each.get("state_key")) == (type_, state_key):
            content = each.get("content")
            return _text(content, key) if isinstance(content, Mapping) else None
    return None


def _text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    return value if isinstance(value, str) and value else None
