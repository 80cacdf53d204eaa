"""Whether a redaction may be sent (room versions 1 and 2) and whether it takes effect ("Handling redactions")."""

from hs_core.matrix.auth.state import AuthState
from hs_core.matrix.errors import Rejected
from hs_core.matrix.event import Event
from hs_core.matrix.identifiers import server_name_of
from hs_core.matrix.power_levels import PowerLevels


def check_redaction(event: Event, state: AuthState) -> None:
    """The rules "If type is `m.room.redaction`" (room versions whose rules look at redactions)."""
    if state.power_levels.may_redact(event.sender):
        return
    # "If the domain of the `event_id` of the event being redacted is the same as the domain of the `event_id` of the
    # `m.room.redaction`, allow."
    if event.redacts is None or event.redacts.partition(":")[2] != server_name_of(event.event_id):
        raise Rejected(
            "m.room.redaction: if the `sender`'s power level is greater than or equal to the redact level, allow; if"
            " the domain of the `event_id` of the event being redacted is the same as the domain of the `event_id` of"
            " the `m.room.redaction`, allow; otherwise, reject"
        )


def redaction_applies(redaction: Event, redacted: Event, power_levels: PowerLevels) -> bool:
    """Whether to redact an event, now that both it and an accepted redaction of it have been seen.

    `power_levels` are those of the room before the redaction. Where the authorisation rules look at redactions, they
    have said all there is to say; elsewhere "the server applies the redaction if one of the following conditions is
    met".
    """
    if redaction.redacts != redacted.event_id or redaction.room_id != redacted.room_id:
        return False
    if redaction.room_version.redaction_checked_by_auth_rules:
        return True
    # "The power level of the redaction event's `sender` is greater than or equal to the *redact level*."
    # "The domain of the redaction event's `sender` matches that of the original event's `sender`."
    return power_levels.may_redact(redaction.sender) or server_name_of(redaction.sender) == server_name_of(
        redacted.sender
    )
