"""Whatever strangers put into events and into the state, the answer is yes or no."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.auth import AuthState, auth_event_keys, authorise, check_auth_events
from hs_core.matrix.errors import Rejected
from hs_core.matrix.room_version import RoomVersion

from .rooms import ALICE, BOB, CAROL, VERSIONS, Room

USERS = [ALICE, BOB, CAROL]
WORDS = [
    *("join", "invite", "leave", "ban", "knock", "public", "restricted", "knock_restricted"),
    *("token", "100", " 50 ", "1_0", "", "@", "12", "m.room.message", "\ud800", "elsewhere.org", *USERS),
]
NAMES = [
    *("membership", "join_rule", "creator", "m.federate", "room_version", "additional_creators", "redacts"),
    *("third_party_invite", "signed", "mxid", "token", "signatures", "public_key", "public_keys", "x:y"),
    *("join_authorised_via_users_server", "users", "events", "notifications", "users_default", "events_default"),
    *("state_default", "ban", "kick", "redact", "invite", "m.room.message", "ed25519:1", *USERS),
]
TYPES = [
    *("m.room.create", "m.room.member", "m.room.power_levels", "m.room.join_rules", "m.room.third_party_invite"),
    *("m.room.aliases", "m.room.redaction", "m.room.message", "m.room.topic"),
]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-60, 120)
    | st.integers()
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
)
json = st.recursive(
    scalars,
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), below, max_size=6)
    ),
    max_leaves=12,
)
contents = st.dictionaries(st.sampled_from(NAMES), json, max_size=8)
plausible = st.fixed_dictionaries(
    {},
    optional={
        "membership": st.sampled_from(["join", "invite", "leave", "ban", "knock"]) | json,
        "join_rule": st.sampled_from(["public", "restricted", "knock"]) | json,
        "users": st.dictionaries(st.sampled_from(USERS), st.integers(0, 100) | scalars) | json,
        "events": st.dictionaries(st.sampled_from(TYPES), st.integers(0, 100) | scalars) | json,
        "third_party_invite": st.fixed_dictionaries(
            {
                "signed": st.fixed_dictionaries(
                    {"mxid": st.sampled_from(USERS), "token": st.just("token")}, optional={"signatures": json}
                )
            }
        )
        | json,
        "public_keys": st.lists(st.fixed_dictionaries({"public_key": scalars})) | json,
        "join_authorised_via_users_server": st.sampled_from(USERS) | json,
        "additional_creators": st.lists(st.sampled_from(USERS)) | json,
        "ban": scalars,
        "users_default": scalars,
    },
)
events = st.tuples(
    st.sampled_from(TYPES),
    st.sampled_from(USERS),
    contents | plausible,
    st.none() | st.sampled_from(["", "token", *USERS]),
)


def answer(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except Rejected:
        return False
    return True


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(VERSIONS), st.lists(events, max_size=8), events, contents | plausible, st.booleans())
def test_every_event_gets_an_answer_in_every_state(
    version: RoomVersion, state: list[Any], drawn: Any, create_content: dict[str, Any], first: bool
) -> None:
    room = Room(version, create_content)
    room.put_members(alice="join", bob="join")
    for event_type, sender, content, state_key in state:
        room.put(event_type, sender, content, state_key or "")
    event = room.event(*drawn, prev_events=(room.create.event_id,) if first else None)

    allowed = answer(authorise, event, room.auth_state)

    assert allowed is answer(authorise, event, AuthState.from_events(room.state.values())), "and always the same"
    auth_events = [room.state[key] for key in auth_event_keys(event, version) if key in room.state]
    if room.state["m.room.create", ""] is room.create:
        assert answer(check_auth_events, event, auth_events, (), room.create)
