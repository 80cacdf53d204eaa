"""Joins, and who authorises them where the join rule asks for it (client-server API, "Restricted rooms")."""

from typing import Any

from hs_core.db import Database, Transaction
from hs_core.errors import Forbidden
from hs_core.matrix.auth import AuthState
from hs_core.matrix.auth.state import CREATE, JOIN_RULES, POWER_LEVELS
from hs_core.matrix.identifiers import UserId, server_name_of
from hs_core.matrix.join_rules import allowed_rooms
from hs_core.matrix.membership import Membership
from hs_plugins.rooms.actor import RoomActor
from hs_plugins.rooms.api import Draft, Join
from hs_plugins.rooms.store.members import joined_of, joined_to_any, local_member


class Joining:
    """Makes a join out of a user's wish to join."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def draft(self, actor: RoomActor, join: Join) -> Draft:
        """The member event that lets the user in, if anything does.

        Raises:
            Forbidden: `M_FORBIDDEN` if the user meets none of the conditions of a restricted room;
                `M_UNABLE_TO_GRANT_JOIN` if they do, but nobody on this server may invite.
        """
        user = join.user_id
        content = {**join.content, "membership": "join"}
        await actor.memory.view.prepare([CREATE, JOIN_RULES, POWER_LEVELS, ("m.room.member", user)])
        state = actor.memory.auth
        membership = state.membership(user)
        if membership is Membership.JOIN:
            content = _unless_unchanged(content, state, user)
        elif state.join_rule in actor.memory.version.restricted_join_rules and membership is not Membership.INVITE:
            content["join_authorised_via_users_server"] = await self._authoriser(actor, user)
        return Draft(sender=user, type="m.room.member", state_key=user, content=content)

    async def _authoriser(self, actor: RoomActor, user: UserId) -> UserId:
        state, room_id = actor.memory.auth, actor.memory.room_id
        rules = state.get(*JOIN_RULES)
        allowed = allowed_rooms(rules.content if rules else None)
        if not await self._db.read(lambda tx: joined_to_any(tx, user, allowed)):
            raise Forbidden("You are in none of the rooms whose members may join this one")
        server_name = actor.engine.server_name
        levels = state.power_levels
        named = (*levels.users, *state.creation.creators)
        trusted = [UserId(one) for one in named if server_name_of(one) == server_name and levels.may_invite(one)]

        def choose(tx: Transaction) -> UserId | None:
            if joined := joined_of(tx, room_id, trusted):
                return max(joined, key=lambda one: (levels.of(one), one))
            anybody = local_member(tx, room_id, server_name)
            return anybody if anybody is not None and levels.may_invite(anybody) else None

        authoriser = await self._db.read(choose)
        if authoriser is None:
            raise Forbidden("Nobody on this server may let you in", errcode="M_UNABLE_TO_GRANT_JOIN", status=400)
        return authoriser


def _unless_unchanged(content: dict[str, Any], state: AuthState, user: UserId) -> dict[str, Any]:
    """What a member who joins again says; word for word what they said before, if only the authoriser differs.

    Members need no authoriser any more, and one of another server would have to sign again.
    """
    member = state.get("m.room.member", user)
    before = dict(member.content) if member else {}
    said = {key: value for key, value in before.items() if key != "join_authorised_via_users_server"}
    return before if said == content else content
