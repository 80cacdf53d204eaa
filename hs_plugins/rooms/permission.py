"""Whether other plugins let a local user's event into the room: the hooks that are asked where the room is owned."""

from dataclasses import dataclass

from hs_core.errors import Forbidden
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import UserId
from hs_core.matrix.room_version import RoomVersion
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import EventDraft, Refusal, check_event, check_invite, check_join
from hs_plugins.rooms.api import Draft
from hs_plugins.rooms.operation import Operation


@dataclass(frozen=True, slots=True)
class _View:
    """The room as a hook sees it: its state with what the operation has changed so far."""

    operation: Operation

    @property
    def room_version(self) -> RoomVersion:
        return self.operation.memory.version

    async def state_event(self, type: str, state_key: str) -> Event | None:  # noqa: A002, the specification's word
        await self.operation.prepare([(type, state_key)])
        return self.operation.get((type, state_key))


async def ask_others(hooks: Hooks, operation: Operation, draft: Draft) -> None:
    """Raises Forbidden, with the plugin's words, if one refuses. The member's own event must have been prepared."""
    room_id = operation.memory.room_id
    proposed = EventDraft(room_id, draft.sender, draft.type, draft.state_key, draft.content)
    refusal = await hooks.refusal(check_event, proposed, _View(operation))
    refusal = refusal or await _about_member(hooks, operation, draft)
    if refusal is not None:
        raise Forbidden(refusal.message, errcode=refusal.errcode)


async def _about_member(hooks: Hooks, operation: Operation, draft: Draft) -> Refusal | None:
    if draft.type != "m.room.member" or draft.state_key is None:
        return None
    room_id, user, membership = operation.memory.room_id, UserId(draft.state_key), draft.content.get("membership")
    if membership == "invite":
        return await hooks.refusal(check_invite, draft.sender, user, room_id)
    member = operation.get(("m.room.member", draft.state_key))
    before = member.content.get("membership") if member else None
    creates = before is None and user == operation.auth.creation.event.sender
    if membership == "join" and before != "join" and not creates:
        return await hooks.refusal(check_join, user, room_id, before == "invite")
    return None
