"""Authorisation rules (each room version's "Authorisation rules"; server-server API, "Authorisation rules").

An event is authorised in two steps. `check_auth_events` looks at the `auth_events` that it names. `authorise` looks at
a room state, and is asked several times about a received event: with the state that its `auth_events` make up, with
the state before it, and with the current state of the room ("Checks performed on receipt of a PDU").

Signatures are not looked at here, except those inside third-party invites: "events must be signed by the server denoted
by the `sender` property" and, for a restricted join, by the server of the user who vouches for it. Whoever receives an
event checks them before (`event_signing`).
"""

from hs_core.matrix.auth.auth_events import auth_event_keys, check_auth_events
from hs_core.matrix.auth.create import check_create, check_federation, check_room_id
from hs_core.matrix.auth.member import check_member
from hs_core.matrix.auth.power_levels import check_power_levels
from hs_core.matrix.auth.redaction import check_redaction, redaction_applies
from hs_core.matrix.auth.state import AuthState, StateLookup
from hs_core.matrix.auth.third_party import check_third_party_invite
from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import server_name_of
from hs_core.matrix.membership import Membership

__all__ = [
    "AuthState",
    "StateLookup",
    "auth_event_keys",
    "authorise",
    "check_auth_events",
    "redaction_applies",
]


def authorise(event: Event, state: AuthState) -> None:
    """Whether an event is allowed in a room in that state: the list of rules, top to bottom.

    The rule about `auth_events` is `check_auth_events`; those about signatures are kept by the caller.

    Raises:
        Rejected: with the rule that the event breaks.
        ProtocolError: for events that no parser lets through, such as one whose `sender` has no domain.
    """
    if event.type == "m.room.create":
        check_create(event)
        return
    creation = state.creation
    check_room_id(event, creation.event)
    check_federation(event, creation)
    if event.type == "m.room.aliases" and event.room_version.aliases_have_own_auth_rule:
        _check_aliases(event)
    elif event.type == "m.room.member":
        check_member(event, state)
    else:
        _check_sent_by_member(event, state)


def _check_aliases(event: Event) -> None:
    """The rules "If type is `m.room.aliases`", in the room versions that have a rule for it."""
    if event.state_key is None:
        raise Rejected("m.room.aliases: if event has no `state_key`, reject")
    if server_name_of(event.sender) != event.state_key:
        raise Rejected("m.room.aliases: if sender's domain doesn't match `state_key`, reject")


def _check_sent_by_member(event: Event, state: AuthState) -> None:
    """The rules for what members send: everything that the rules before were not about."""
    if state.membership(event.sender) is not Membership.JOIN:
        raise Rejected("if the `sender`'s current membership state is not `join`, reject")
    if event.type == "m.room.third_party_invite":
        check_third_party_invite(event, state)
        return
    if not state.power_levels.may_send(event.sender, event.type, is_state=event.state_key is not None):
        raise Rejected("if the event type's required power level is greater than the `sender`'s power level, reject")
    if event.state_key is not None and event.state_key.startswith("@") and event.state_key != event.sender:
        raise Rejected("if the event has a `state_key` that starts with an `@` and does not match the `sender`, reject")
    if event.type == "m.room.power_levels":
        check_power_levels(event, state)
    elif event.type == "m.room.redaction" and event.room_version.redaction_checked_by_auth_rules:
        check_redaction(event, state)
