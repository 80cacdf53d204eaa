"""From what `POST /createRoom` asks for to the first events of a room, in the order that the specification gives."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec

from hs_core.matrix.identifiers import RoomAlias, UserId
from hs_core.matrix.room_version import RoomVersion
from hs_plugins.rooms.api import Draft

Preset = Literal["private_chat", "public_chat", "trusted_private_chat"]

_JOIN_RULES = {"private_chat": "invite", "trusted_private_chat": "invite", "public_chat": "public"}
_GUEST_ACCESS = {"private_chat": "can_join", "trusted_private_chat": "can_join", "public_chat": "forbidden"}

MAX_INVITES = 200
MAX_INITIAL_STATE = 500


class StateBody(msgspec.Struct):
    """An event of `initial_state`."""

    type: str
    content: dict[str, Any]
    state_key: str = ""


class CreateRoomBody(msgspec.Struct):
    """The body of `POST /createRoom`."""

    visibility: Literal["public", "private"] = "private"
    room_alias_name: str | None = None
    name: str | None = None
    topic: str | None = None
    invite: list[str] = msgspec.field(default_factory=list)
    invite_3pid: list[dict[str, Any]] = msgspec.field(default_factory=list)
    room_version: str | None = None
    creation_content: dict[str, Any] = msgspec.field(default_factory=dict)
    initial_state: list[StateBody] = msgspec.field(default_factory=list)
    preset: Preset | None = None
    is_direct: bool = False
    power_level_content_override: dict[str, Any] | None = None

    def chosen_preset(self) -> Preset:
        """ "A visibility of `public` equates to a preset of `public_chat`"."""
        return self.preset or ("public_chat" if self.visibility == "public" else "private_chat")


def creation_content(body: CreateRoomBody, version: RoomVersion, invited: Sequence[UserId]) -> dict[str, Any]:
    """The content of the create event, but for what the server adds.

    "When using the `trusted_private_chat` preset, the server SHOULD combine `additional_creators` specified here and
    the `invite` array into the eventual `m.room.create` event's `additional_creators`."
    """
    content = {key: value for key, value in body.creation_content.items() if key not in ("creator", "room_version")}
    if version.creators_have_infinite_power and body.preset == "trusted_private_chat" and invited:
        named = content.get("additional_creators", [])
        content["additional_creators"] = list(dict.fromkeys([*(named if isinstance(named, list) else []), *invited]))
    return content


def first_events(
    body: CreateRoomBody,
    version: RoomVersion,
    creator: UserId,
    *,
    profiles: Mapping[UserId, dict[str, Any]],
    invited: Sequence[UserId],
    alias: RoomAlias | None,
) -> list[Draft]:
    """All events after the create event. `profiles` has the member fields of the creator and of everybody invited."""

    def state(event_type: str, content: dict[str, Any], state_key: str = "") -> Draft:
        return Draft(sender=creator, type=event_type, state_key=state_key, content=content)

    drafts = [
        state("m.room.member", {**profiles.get(creator, {}), "membership": "join"}, creator),
        state("m.room.power_levels", _power_levels(body, version, creator, invited)),
    ]
    if alias is not None:
        drafts.append(state("m.room.canonical_alias", {"alias": alias}))
    drafts += [state(kind, content) for kind, content in _of_preset(body)]
    drafts += [state(one.type, one.content, one.state_key) for one in body.initial_state]
    if body.name is not None:
        drafts.append(state("m.room.name", {"name": body.name}))
    if body.topic is not None:
        drafts.append(state("m.room.topic", _topic(body.topic)))
    direct = {"is_direct": True} if body.is_direct else {}
    drafts += [
        state("m.room.member", {**profiles.get(user, {}), **direct, "membership": "invite"}, user) for user in invited
    ]
    return drafts


def _of_preset(body: CreateRoomBody) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the preset sets, unless `initial_state` does."""
    preset = body.chosen_preset()
    given = {(one.type, one.state_key) for one in body.initial_state}
    for kind, content in (
        ("m.room.join_rules", {"join_rule": _JOIN_RULES[preset]}),
        ("m.room.history_visibility", {"history_visibility": "shared"}),
        ("m.room.guest_access", {"guest_access": _GUEST_ACCESS[preset]}),
    ):
        if (kind, "") not in given:
            yield kind, content


def _power_levels(
    body: CreateRoomBody, version: RoomVersion, creator: UserId, invited: Sequence[UserId]
) -> dict[str, Any]:
    powerful: list[UserId] = [] if version.creators_have_infinite_power else [creator]
    if body.preset == "trusted_private_chat" and not version.creators_have_infinite_power:
        # "All invitees are given the same power level as the room creator."
        powerful += invited
    levels: dict[str, Any] = {
        "users": dict.fromkeys(powerful, 100),
        "users_default": 0,
        "events": {
            "m.room.name": 50,
            "m.room.avatar": 50,
            "m.room.canonical_alias": 50,
            "m.room.power_levels": 100,
            "m.room.history_visibility": 100,
            "m.room.encryption": 100,
            "m.room.server_acl": 100,
            # "If the room's version is 12 or higher, the power level for sending `m.room.tombstone` events MUST
            # explicitly be higher than `state_default`."
            "m.room.tombstone": 150 if version.creators_have_infinite_power else 100,
        },
        "events_default": 0,
        "state_default": 50,
        "ban": 50,
        "kick": 50,
        "redact": 50,
        "invite": 50 if body.chosen_preset() == "public_chat" else 0,
        "notifications": {"room": 50},
    }
    return {**levels, **(body.power_level_content_override or {})}


def _topic(topic: str) -> dict[str, Any]:
    """ "An `m.room.topic` event with a `text/plain` mimetype" ("m.room.topic", `m.topic`)."""
    return {"topic": topic, "m.topic": {"m.text": [{"body": topic, "mimetype": "text/plain"}]}}
