"""How long to leave alone what does not stay up."""

from hypothesis import given
from hypothesis import strategies as st

from hs_core.backoff import SETTLED_AFTER, failures_after, pause


def test_pauses_double_up_to_a_minute() -> None:
    assert [pause(failures, 0.5) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 32, 48, 48]
    assert pause(99, 1.0) == 60


@given(failures=st.integers(1, 10**6), chance=st.floats(0, 1, exclude_max=True))
def test_chance_moves_a_pause_by_a_quarter(failures: int, chance: float) -> None:
    usual = pause(failures, 0.5)

    assert 0.75 * usual <= pause(failures, chance) <= 1.25 * usual <= 60


def test_what_lived_for_a_while_begins_again_at_the_shortest_pause() -> None:
    assert failures_after(5, SETTLED_AFTER - 1) == 6
    assert failures_after(5, SETTLED_AFTER) == 1
