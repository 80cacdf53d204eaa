"""The presence of one user, out of what their clients say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.presence.rows import OFFLINE, ONLINE, UNAVAILABLE
from hs_plugins.presence.user import ACTIVE_MS, IDLE_MS, UserPresence

PHONE, LAPTOP = DeviceId("PHONE"), DeviceId("LAPTOP")
NOW = 1_700_000_000_000
LONG = NOW + 10 * IDLE_MS


def somebody() -> UserPresence:
    return UserPresence(UserId("@alice:hs.test"))


def test_who_is_not_connected_is_offline() -> None:
    assert somebody().at(NOW).presence == OFFLINE


def test_the_most_present_client_counts() -> None:
    alice = somebody()
    alice.heard(PHONE, UNAVAILABLE, NOW, LONG)
    assert alice.at(NOW).presence == UNAVAILABLE
    alice.heard(LAPTOP, ONLINE, NOW, NOW + 1000)
    alice.says(LAPTOP, ONLINE, None, NOW, NOW + 1000)
    assert alice.at(NOW).presence == ONLINE
    assert alice.at(NOW + 1000).presence == UNAVAILABLE


def test_who_does_nothing_becomes_inactive_then_idle() -> None:
    alice = somebody()
    alice.heard(PHONE, ONLINE, NOW, LONG)
    assert alice.at(NOW).currently_active
    assert alice.next_change(NOW) == NOW + ACTIVE_MS
    assert not alice.at(NOW + ACTIVE_MS).currently_active
    assert alice.next_change(NOW + ACTIVE_MS) == NOW + IDLE_MS
    assert alice.at(NOW + IDLE_MS - 1).presence == ONLINE
    assert alice.at(NOW + IDLE_MS).presence == UNAVAILABLE


def test_a_client_that_stays_connected_does_not_keep_its_user_from_becoming_idle() -> None:
    alice = somebody()
    for minute in range(6):
        alice.heard(PHONE, ONLINE, NOW + minute * 60_000, LONG)
    assert alice.at(NOW + IDLE_MS).presence == UNAVAILABLE


def test_an_act_ends_it() -> None:
    alice = somebody()
    alice.heard(PHONE, UNAVAILABLE, NOW, LONG)
    alice.acts(PHONE, NOW + 5)
    assert alice.at(NOW + 5).presence == ONLINE
    assert alice.at(NOW + 5).currently_active


def test_offline_is_said_of_one_client() -> None:
    alice = somebody()
    alice.heard(PHONE, ONLINE, NOW, LONG)
    alice.heard(LAPTOP, ONLINE, NOW, LONG)
    alice.says(LAPTOP, OFFLINE, "gone fishing", NOW, LONG)
    assert (alice.at(NOW).presence, alice.at(NOW).status_msg) == (ONLINE, "gone fishing")
    alice.says(PHONE, OFFLINE, None, NOW, LONG)
    assert (alice.at(NOW).presence, alice.at(NOW).status_msg) == (OFFLINE, None)


_DEVICES = st.sampled_from([PHONE, LAPTOP, None])
_ACTS = st.lists(
    st.tuples(
        st.sampled_from(["heard", "says", "acts"]),
        _DEVICES,
        st.sampled_from([ONLINE, UNAVAILABLE]),
        st.integers(0, IDLE_MS),
        st.integers(1, 2 * IDLE_MS),
    ),
    max_size=10,
)


@settings(max_examples=100, deadline=None)
@given(_ACTS, st.integers(0, 3 * IDLE_MS))
def test_nothing_changes_before_the_time_of_the_next_change(
    acts: list[tuple[str, DeviceId, str, int, int]], later: int
) -> None:
    alice, now = somebody(), NOW
    for kind, device, state, passed, lasts in acts:
        now += passed
        if kind == "heard":
            alice.heard(device, state, now, now + lasts)  # type: ignore[arg-type]
        elif kind == "says":
            alice.says(device, state, None, now, now + lasts)  # type: ignore[arg-type]
        else:
            alice.acts(device, now)
        alice.forget_gone(now)
    change = alice.next_change(now)
    if change is None:
        assert alice.at(now + later) == alice.at(now)
    else:
        assert change > now
        assert alice.at(min(now + later, change - 1)) == alice.at(now)
