"""Upgrade a room: another room takes its place (client-server API, "Room upgrades", "Server behaviour")."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog

from hs_core.errors import Forbidden, MatrixError
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event, StateKey
from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.power_levels import Level, PowerLevels, parse_level
from hs_core.matrix.room_version import RoomVersion
from hs_plugins.client.making import begin_room
from hs_plugins.client.paging import END
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import Draft, View

log = structlog.get_logger(__name__)

TRANSFERRED: Final = (
    "m.room.server_acl",
    "m.room.encryption",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
)
""" "the recommended state events to transfer", but for `m.room.power_levels`, which come last: they may leave the one
who upgrades without the power to send the others.
"""

_CREATE, _POWER_LEVELS = ("m.room.create", ""), ("m.room.power_levels", "")
_CANONICAL_ALIAS = ("m.room.canonical_alias", "")
_LEVELS = ("users_default", "events_default", "state_default", "ban", "redact", "kick", "invite")


async def upgrade_room(
    client: ClientApi, user: UserId, room_id: RoomId, version: RoomVersion, additional_creators: Sequence[UserId]
) -> RoomId:
    """The ID of the room that replaces this one.

    Raises Forbidden unless the user may send `m.room.tombstone` events.
    """
    view = await client.read.views.of(user, room_id)
    state = await _state(client, view)
    create = state[_CREATE]
    levels = PowerLevels.of_room(state.get(_POWER_LEVELS), create)
    if not view.is_member or not levels.may_send(user, "m.room.tombstone", is_state=True):
        raise Forbidden("You do not have the power to upgrade this room")
    content = await _create_content(client, view, create, version, additional_creators)
    drafts = _first_events(user, await client.profile_of(user), state, version, additional_creators)
    new_id = await begin_room(client, version, content, drafts)
    await _move_directory_entries(client, room_id, new_id)
    await client.rooms.send(room_id, _tombstone(user, new_id))
    await _close(client, user, room_id, state, levels)
    return new_id


async def _state(client: ClientApi, view: View) -> dict[StateKey, Event]:
    keys = [_CREATE, _POWER_LEVELS, _CANONICAL_ALIAS, *((event_type, "") for event_type in TRANSFERRED)]
    ids = await client.read.states.lookup(view.state, keys)
    events = await client.read.timelines.events(list(ids.values()))
    return {key: events[event_id].event for key, event_id in ids.items()}


async def _create_content(
    client: ClientApi, view: View, old: Event, version: RoomVersion, additional_creators: Sequence[UserId]
) -> dict[str, Any]:
    """ "A `m.room.create` event containing a `predecessor` field, the applicable `room_version`, and a `type` field
    which is copied from the `predecessor` room."
    """
    room_id = view.room.room_id
    newest = await client.read.timelines.page(room_id, END, backwards=True, limit=1)
    content = {key: old.content[key] for key in ("type", "m.federate") if key in old.content}
    content["predecessor"] = {"room_id": room_id, "event_id": newest.events[0].event.event_id}
    if version.creators_have_infinite_power and additional_creators:
        content["additional_creators"] = list(additional_creators)
    return content


def _first_events(
    user: UserId,
    profile: Mapping[str, Any],
    state: Mapping[StateKey, Event],
    version: RoomVersion,
    additional_creators: Sequence[UserId],
) -> list[Draft]:
    """All events of the new room after the create event."""

    def draft(event_type: str, content: Mapping[str, Any], state_key: str = "") -> Draft:
        return Draft(sender=user, type=event_type, state_key=state_key, content=dict(content))

    kept = [(kind, state[kind, ""].content) for kind in TRANSFERRED if (kind, "") in state]
    drafts = [draft("m.room.member", {**profile, "membership": "join"}, user)]
    drafts += [draft(kind, content) for kind, content in kept]
    if _CANONICAL_ALIAS in state:
        drafts.append(draft("m.room.canonical_alias", state[_CANONICAL_ALIAS].content))
    old = state.get(_POWER_LEVELS)
    creators = {user, *additional_creators} if version.creators_have_infinite_power else set()
    levels = _power_levels(old.content if old else {}, state[_CREATE], user, version)
    levels["users"] = {name: level for name, level in levels["users"].items() if name not in creators}
    drafts.append(draft("m.room.power_levels", levels))
    return drafts


def _power_levels(content: Mapping[str, Any], create: Event, user: UserId, version: RoomVersion) -> dict[str, Any]:
    """The levels of the old room as the new version can read them: integers, and nothing that is none."""
    old_version = create.room_version

    def level(value: Any) -> int | None:
        return parse_level(value, old_version)

    def table(name: str) -> dict[str, int]:
        values = content.get(name)
        entries = values.items() if isinstance(values, dict) else ()
        return {key: number for key, value in entries if (number := level(value)) is not None}

    levels: dict[str, Any] = {
        name: number for name in _LEVELS if name in content and (number := level(content[name])) is not None
    }
    levels |= {name: table(name) for name in ("users", "events", "notifications")}
    if old_version.creators_have_infinite_power or not content:
        # Nobody has power by being a creator in the new room, unless its version says so.
        levels["users"].setdefault(user, 100)
    if version.creators_have_infinite_power:
        # "the power level for sending `m.room.tombstone` events MUST explicitly be higher than `state_default`."
        most = max(levels.get("state_default", 50), levels["events"].get("m.room.tombstone", 0), 100)
        levels["events"]["m.room.tombstone"] = max(most, 150)
    return levels


async def _move_directory_entries(client: ClientApi, old: RoomId, new: RoomId) -> None:
    """ "Moves any local aliases to the new room.", and its place on the list of published rooms."""
    await client.directory.move(old, new)
    if await client.aliases.is_published(old):
        await client.publishing.publish(new, "", True)
        await client.publishing.publish(old, "", False)


def _tombstone(user: UserId, new_id: RoomId) -> Draft:
    content = {"body": "This room has been replaced", "replacement_room": new_id}
    return Draft(sender=user, type="m.room.tombstone", state_key="", content=content)


async def _close(
    client: ClientApi, user: UserId, room_id: RoomId, state: Mapping[StateKey, Event], levels: PowerLevels
) -> None:
    """ "If possible, the power levels in the old room should also be modified to prevent sending of events and inviting
    new users. For example, setting `events_default` and `invite` to the greater of `50` and `users_default + 1`."
    """
    old = state.get(_POWER_LEVELS)
    least = max(50, _finite(levels.users_default) + 1)
    raised = {name: max(least, _finite(getattr(levels, name))) for name in ("events_default", "invite")}
    last: list[tuple[str, dict[str, Any]]] = [("m.room.power_levels", {**(old.content if old else {}), **raised})]
    if _CANONICAL_ALIAS in state:
        last.append(("m.room.canonical_alias", {}))
    for kind, content in last:
        draft = Draft(sender=user, type=kind, state_key="", content=content)
        try:
            await client.rooms.send(room_id, draft)
        except (MatrixError, ProtocolError) as error:
            # They may have the power to end the room, but not to do this.
            log.debug("a room that was replaced stays open", room=room_id, type=kind, error=str(error))


def _finite(level: Level) -> int:
    return level if isinstance(level, int) else 0
