"""Who may speak for a room in the directory."""

from hs_core.matrix.identifiers import RoomId, UserId
from hs_core.matrix.power_levels import PowerLevels
from hs_plugins.rooms.api import RoomsRead

CREATE = ("m.room.create", "")
POWER_LEVELS = ("m.room.power_levels", "")


async def may_set_aliases(read: RoomsRead, room_id: RoomId, user_id: UserId) -> bool:
    """Whether a member of the room has the power to set its canonical alias: so they may publish it, too."""
    info = (await read.members.rooms([room_id])).get(room_id)
    membership = await read.members.membership(room_id, user_id)
    if info is None or membership is None or membership.membership != "join":
        return False
    create = await read.states.event(info.state, CREATE)
    levels = await read.states.event(info.state, POWER_LEVELS)
    if create is None:
        return False
    power_levels = PowerLevels.of_room(levels.event if levels else None, create.event)
    return power_levels.may_send(user_id, "m.room.canonical_alias", is_state=True)
