"""The rules for `m.room.member`."""

from hs_core.matrix.auth.state import AuthState
from hs_core.matrix.auth.third_party import check_invite_by_third_party
from hs_core.matrix.errors import ProtocolError, Rejected
from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import parse_user_id
from hs_core.matrix.membership import Membership, parse_membership


def check_member(event: Event, state: AuthState) -> None:
    """The rules "If type is `m.room.member`". Raises `Rejected`."""
    target = event.state_key
    if target is None or "membership" not in event.content:
        raise Rejected(
            "m.room.member: if there is no `state_key` property, or no `membership` property in `content`, reject"
        )
    _check_is_user(target, "m.room.member: the `state_key` does not name the target user")
    _check_authoriser_has_server(event)
    match parse_membership(event.content["membership"]):
        case Membership.JOIN:
            _check_join(event, target, state)
        case Membership.INVITE:
            _check_invite(event, target, state)
        case Membership.LEAVE:
            _check_leave(event, target, state)
        case Membership.BAN:
            _check_ban(event, target, state)
        case Membership.KNOCK if event.room_version.knocking:
            _check_knock(event, target, state)
        case _:
            raise Rejected("m.room.member: the membership is unknown")


def _check_authoriser_has_server(event: Event) -> None:
    """The rule "If `content` has a `join_authorised_via_users_server` property: if the event is not validly signed by
    the homeserver of the user ID denoted by the key, reject."

    The signature is checked with all others, before the authorisation rules (`event_signing.required_signers`); a key
    that denotes no user ID has no homeserver that could have signed.
    """
    if event.room_version.restricted_joins and "join_authorised_via_users_server" in event.content:
        _check_is_user(
            event.content["join_authorised_via_users_server"],
            "m.room.member: if the event is not validly signed by the homeserver of the user ID denoted by"
            " `join_authorised_via_users_server`, reject",
        )


def _check_join(event: Event, target: str, state: AuthState) -> None:
    if _is_first_join(event, target, state):
        return
    if event.sender != target:
        raise Rejected("join: if the `sender` does not match `state_key`, reject")
    membership = state.membership(target)
    if membership is Membership.BAN:
        raise Rejected("join: if the `sender` is banned, reject")
    join_rule, version = state.join_rule, event.room_version
    if join_rule == "public":
        return
    restricted = isinstance(join_rule, str) and join_rule in version.restricted_join_rules
    by_invite = isinstance(join_rule, str) and (join_rule == "invite" or join_rule in version.knock_join_rules)
    if not restricted and not by_invite:
        raise Rejected("join: if the `join_rule` is none that lets people join in this room version, reject")
    if membership in {Membership.INVITE, Membership.JOIN}:
        return
    if not restricted:
        raise Rejected(
            f"join: if the `join_rule` is {join_rule!r} then allow if membership state is `invite` or `join`"
        )
    _check_authoriser(event, state)


def _is_first_join(event: Event, target: str, state: AuthState) -> bool:
    """Whether "the only previous event is an `m.room.create` and the `state_key` is the creator", since version 11
    "the sender of the `m.room.create`".
    """
    creation = state.creation
    if event.prev_events != (creation.event.event_id,):
        return False
    if event.room_version.creator_is_sender:
        return target == creation.event.sender
    return target in creation.creators


def _check_authoriser(event: Event, state: AuthState) -> None:
    """The rule for joins that a member who could have invited vouches for."""
    authoriser = event.content.get("join_authorised_via_users_server")
    if (
        not isinstance(authoriser, str)
        or state.membership(authoriser) is not Membership.JOIN
        or not state.power_levels.may_invite(authoriser)
    ):
        raise Rejected(
            "join: if the `join_authorised_via_users_server` key in `content` is not a user with sufficient permission"
            " to invite other users or is not a joined member of the room, reject"
        )


def _check_invite(event: Event, target: str, state: AuthState) -> None:
    if "third_party_invite" in event.content:
        check_invite_by_third_party(event, target, state)
        return
    _check_sender_is_joined(event, state)
    if state.membership(target) in {Membership.JOIN, Membership.BAN}:
        raise Rejected("invite: if target user's current membership state is `join` or `ban`, reject")
    if not state.power_levels.may_invite(event.sender):
        raise Rejected("invite: if the `sender`'s power level is greater than or equal to the invite level, allow")


def _check_leave(event: Event, target: str, state: AuthState) -> None:
    if event.sender == target:
        membership = state.membership(target)
        knocking = event.room_version.knocking and membership is Membership.KNOCK
        if membership not in {Membership.INVITE, Membership.JOIN} and not knocking:
            raise Rejected(
                "leave: if the `sender` matches `state_key`, allow if and only if that user's current membership state"
                " is `invite`, `join`, or [since version 7] `knock`"
            )
        return
    _check_sender_is_joined(event, state)
    levels = state.power_levels
    if state.membership(target) is Membership.BAN and levels.of(event.sender) < levels.ban:
        raise Rejected(
            "leave: if the target user's current membership state is `ban`, and the `sender`'s power level is less than"
            " the ban level, reject"
        )
    if not levels.may_kick(event.sender, target):
        raise Rejected(
            "leave: if the `sender`'s power level is greater than or equal to the kick level, and the target user's"
            " power level is less than the `sender`'s power level, allow"
        )


def _check_ban(event: Event, target: str, state: AuthState) -> None:
    _check_sender_is_joined(event, state)
    if not state.power_levels.may_ban(event.sender, target):
        raise Rejected(
            "ban: if the `sender`'s power level is greater than or equal to the ban level, and the target user's power"
            " level is less than the `sender`'s power level, allow"
        )


def _check_knock(event: Event, target: str, state: AuthState) -> None:
    join_rule = state.join_rule
    if not isinstance(join_rule, str) or join_rule not in event.room_version.knock_join_rules:
        raise Rejected(
            "knock: if the `join_rule` is anything other than `knock` or [since version 10] `knock_restricted`, reject"
        )
    if event.sender != target:
        raise Rejected("knock: if `sender` does not match `state_key`, reject")
    if state.membership(target) in {Membership.BAN, Membership.INVITE, Membership.JOIN}:
        raise Rejected("knock: if the `sender`'s current membership is not `ban`, `invite`, or `join`, allow")


def _check_sender_is_joined(event: Event, state: AuthState) -> None:
    if state.membership(event.sender) is not Membership.JOIN:
        raise Rejected("m.room.member: if the `sender`'s current membership state is not `join`, reject")


def _check_is_user(value: Json, message: str) -> None:
    try:
        parse_user_id(value)
    except ProtocolError:
        raise Rejected(message) from None
