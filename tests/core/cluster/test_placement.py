"""Slots are spread evenly, and move only when they must."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.cluster.placement import process_of, slot_of

SLOTS = 64
PROCESSES = st.sets(st.text("abcdefgh0123456789-", min_size=1, max_size=12), min_size=1, max_size=8)


@given(st.text(), st.integers(1, 1000))
def test_a_key_always_has_the_same_slot(key: str, slots: int) -> None:
    assert 0 <= slot_of(key, slots) < slots
    assert slot_of(key, slots) == slot_of(key, slots)


def test_slots_are_the_same_in_every_release() -> None:
    assert [slot_of(key, SLOTS) for key in ("!room:example.org", "@user:example.org", "")] == [41, 14, 0]


@settings(max_examples=50, deadline=None)
@given(PROCESSES, st.text("abc", min_size=1))
def test_a_process_that_comes_takes_only_its_share(processes: set[str], new: str) -> None:
    before = [process_of("events", slot, processes) for slot in range(SLOTS)]
    after = [process_of("events", slot, processes | {new}) for slot in range(SLOTS)]

    assert all(now in (old, new) for old, now in zip(before, after, strict=True))


@settings(max_examples=50, deadline=None)
@given(PROCESSES)
def test_what_a_process_leaves_behind_moves_and_nothing_else(processes: set[str]) -> None:
    gone, rest = max(processes), processes - {max(processes)}
    before = [process_of("events", slot, processes) for slot in range(SLOTS)]
    after = [process_of("events", slot, rest) for slot in range(SLOTS)]

    assert all(old in (now, gone) for old, now in zip(before, after, strict=True))


@settings(max_examples=50, deadline=None)
@given(PROCESSES)
def test_everybody_computes_the_same_in_whatever_order(processes: set[str]) -> None:
    answers = [[process_of("events", 5, order)] for order in (sorted(processes), sorted(processes, reverse=True))]

    assert answers[0] == answers[1]


def test_the_share_of_each_process_is_about_the_same() -> None:
    processes = [f"process {number}" for number in range(8)]
    share = Counter(process_of("events", slot, processes) for slot in range(8000))

    assert len(share) == 8
    assert all(850 < slots < 1150 for slots in share.values())


def test_streams_with_one_writer_are_spread_too() -> None:
    share = Counter(process_of(f"stream {number}", 0, ["a", "b"]) for number in range(100))

    assert min(share.values()) > 30


def test_without_processes_nobody_owns_anything() -> None:
    assert process_of("events", 0, []) is None
