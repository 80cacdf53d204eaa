"""What is checked of an event that a client sends before the room is asked: what it says of other events and rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hs_core.errors import BadJson, Forbidden, InvalidParam, MatrixError
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import RoomAlias, RoomId, parse_event_id, parse_room_alias, parse_user_id
from hs_core.matrix.membership import parse_membership
from hs_core.matrix.relations import ANNOTATION, check_relation, relation_of
from hs_plugins.rooms.api import Draft, Join, Sent

if TYPE_CHECKING:
    from hs_plugins.client.role import ClientApi

MAX_TRANSACTION_ID = 255
"""Characters."""

MAX_ALIASES = 100
"""New aliases that one event may name."""


async def send(client: ClientApi, room_id: RoomId, draft: Draft) -> Sent:
    """Send an event for a client.

    Raises MatrixError or ProtocolError, such as Forbidden by the rules of the room, or if the room is not known: who is
    not in a room need not learn whether there is one.
    """
    check_transaction(draft)
    if draft.type == "m.room.tombstone" and draft.content.get("replacement_room") == room_id:
        raise InvalidParam("A room cannot be replaced by itself")
    if draft.state_key is None:
        draft = _with_redaction(draft)
        if "m.relates_to" in draft.content:
            await _check_relation(client, room_id, draft)
    elif draft.type == "m.room.canonical_alias":
        await _check_aliases(client, room_id, draft.content)
    elif draft.type == "m.room.member":
        return await _send_member(client, room_id, draft)
    return await _send(client, room_id, draft)


def check_transaction(draft: Draft) -> None:
    """Raises InvalidParam."""
    if draft.txn_id is not None and len(draft.txn_id) > MAX_TRANSACTION_ID:
        raise InvalidParam(f"A transaction ID has at most {MAX_TRANSACTION_ID} characters")


async def _send(client: ClientApi, room_id: RoomId, draft: Draft) -> Sent:
    try:
        return await client.rooms.send(room_id, draft)
    except MatrixError as error:
        if error.errcode == "M_NOT_FOUND":
            raise Forbidden("You are not in that room") from error
        raise


def _with_redaction(draft: Draft) -> Draft:
    """ "Homeservers MUST allow clients to send `m.room.redaction` events with this endpoint for all room versions. In
    rooms with a version older than 11 they MUST move the `redacts` property inside the `content` to the top level of
    the event." The rooms role puts it where the version wants it.
    """
    if draft.type != "m.room.redaction" or draft.redacts is not None:
        return draft
    content = {key: value for key, value in draft.content.items() if key != "redacts"}
    return Draft(
        sender=draft.sender,
        type=draft.type,
        content=content,
        redacts=parse_event_id(draft.content.get("redacts")),
        device_id=draft.device_id,
        txn_id=draft.txn_id,
        origin_server_ts=draft.origin_server_ts,
    )


async def _send_member(client: ClientApi, room_id: RoomId, draft: Draft) -> Sent:
    """A change of membership that is sent as state: a join may need somebody who authorises it."""
    parse_user_id(draft.state_key)
    membership = parse_membership(draft.content.get("membership"))
    if membership is None:
        raise BadJson("`membership` is not one")
    if membership == "join" and draft.state_key == draft.sender:
        said = {key: value for key, value in draft.content.items() if key != "membership"}
        return await client.join(room_id, Join(user_id=draft.sender, content=said))
    return await _send(client, room_id, draft)


async def _check_relation(client: ClientApi, room_id: RoomId, draft: Draft) -> None:
    relation = relation_of(draft.content)
    if relation is None:
        return
    parent = (await client.read.timelines.events([relation.event_id])).get(relation.event_id)
    if parent is None or parent.event.room_id != room_id:
        return  # nothing that this room knows of, and nothing that its members should learn of
    annotated = relation.rel_type == ANNOTATION and await _is_annotated(client, draft, parent.event, relation.key)
    check_relation(draft.content, parent.event, already_annotated=annotated)


async def _is_annotated(client: ClientApi, draft: Draft, parent: Event, key: str | None) -> bool:
    """Whether the sender annotated the event like this before, other than by the same transaction."""
    related = await client.read.timelines.related([parent.event_id], [ANNOTATION])
    own = [one.event_id for one in related if one.sender == draft.sender and one.type == draft.type]
    for stored in (await client.read.timelines.events(own)).values():
        relation = relation_of(stored.event.content)
        repeated = draft.txn_id is not None and (stored.device_id, stored.txn_id) == (draft.device_id, draft.txn_id)
        here = stored.event.room_id == parent.room_id
        if relation is not None and relation.key == key and here and not repeated:
            return True
    return False


async def _check_aliases(client: ClientApi, room_id: RoomId, content: Mapping[str, Any]) -> None:
    """ "servers SHOULD ensure that any new aliases being listed in the event are valid per their grammar/syntax and
    that they point to the room ID where the state event is to be sent. Servers do not validate aliases which are being
    removed or are already present in the state event."
    """
    info = (await client.read.members.rooms([room_id])).get(room_id)
    current = await client.read.states.event(info.state, ("m.room.canonical_alias", "")) if info else None
    new = _aliases(content) - (_aliases_quietly(current.event.content) if current else set())
    if len(new) > MAX_ALIASES:
        raise InvalidParam(f"At most {MAX_ALIASES} aliases can be added at once")
    for alias in new:
        found = await client.directory.resolve(alias)
        if found is None or found.room_id != room_id:
            raise MatrixError(400, "M_BAD_ALIAS", f"The alias {alias} does not point to this room")


def _aliases(content: Mapping[str, Any]) -> set[RoomAlias]:
    """All aliases that the content names. Raises ProtocolError, `M_INVALID_PARAM`, if one is none."""
    canonical, others = content.get("alias"), content.get("alt_aliases")
    if others is not None and not isinstance(others, list):
        raise InvalidParam("`alt_aliases` must be a list of aliases")
    # "If not present, null, or empty the room should be considered to have no canonical alias."
    absent = canonical is None or canonical == ""
    named = [*([] if absent else [canonical]), *(others or [])]
    return set(map(parse_room_alias, named))


def _aliases_quietly(content: Mapping[str, Any]) -> set[RoomAlias]:
    try:
        return _aliases(content)
    except (ProtocolError, MatrixError):
        return set()
