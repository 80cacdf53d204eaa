"""The rules that need no server: whose turn it is, what answers mean, how long to wait."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.errors import InvalidParam
from hs_core.outbound import Answer
from hs_plugins.notifications.api import Since
from hs_plugins.pusher.gateway import understand
from hs_plugins.pusher.lanes import Lanes
from hs_plugins.pusher.outcomes import (
    LONGEST_PAUSE_MS,
    MAX_REFUSALS,
    Outcome,
    Verdict,
    after_failure,
    is_hopeless,
)
from hs_plugins.pusher.settings import settings_from
from hs_plugins.pusher.values import Progress
from tests.plugins.pusher.gateways import settings

AT_ONCE, PER_LANE = 4, 2


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.sampled_from(["add", "done", "forget"]))))
def test_lanes_stay_within_their_bounds_and_lose_nothing(acts: list[tuple[str, int, str]]) -> None:
    lanes: Lanes[str] = Lanes(AT_ONCE, PER_LANE)
    running: list[str] = []
    wanted: Counter[str] = Counter()
    for lane, number, act in acts:
        key = f"{lane}{number}"
        if act == "add":
            lanes.add(lane, key)
            wanted[key] = 1
        elif act == "forget":
            lanes.forget(key)
            wanted[key] = 0
        elif running:
            lanes.done(running.pop(0))
        running += _begun(lanes, wanted)
        assert len(running) == len(set(running)) <= AT_ONCE
        assert max(Counter(key[0] for key in running).values(), default=0) <= PER_LANE
    while running:
        lanes.done(running.pop(0))
        running += _begun(lanes, wanted)
    assert not +wanted
    assert len(lanes) == 0


def _begun(lanes: Lanes[str], wanted: Counter[str]) -> list[str]:
    begun = lanes.begin()
    for key in begun:
        assert wanted[key] == 1
        wanted[key] = 0
    return begun


def test_a_lane_that_is_full_holds_up_no_other() -> None:
    lanes: Lanes[int] = Lanes(AT_ONCE, PER_LANE)
    for number in range(10):
        lanes.add("slow", number)
    lanes.add("other", 10)

    assert lanes.begin() == [0, 10, 1]


@given(st.integers(0, 100), st.floats(0, 1, exclude_max=True))
def test_pauses_grow_to_an_hour(failures: int, chance: float) -> None:
    def pause_ms(failures: int) -> int:
        before = Progress(place=Since(0), badge=0, failures=failures)
        return after_failure(before, Outcome(Verdict.FAILED), 0, chance).retry_ts

    assert 750 <= pause_ms(failures) <= LONGEST_PAUSE_MS * 1.25
    assert pause_ms(failures) <= pause_ms(failures + 1)
    assert pause_ms(30) >= LONGEST_PAUSE_MS * 0.75


def test_failures_are_counted_from_the_first_one_on() -> None:
    progress = Progress(place=Since(5, 7), badge=1)
    failed = Outcome(Verdict.FAILED, wait_ms=10_000)

    once = after_failure(progress, failed, 1_000, 0.5)
    twice = after_failure(once, Outcome(Verdict.FAILED), 20_000, 0.5)

    assert once == Progress(place=Since(5, 7), badge=1, failures=1, failing_since=1_000, retry_ts=11_000)
    assert (twice.failures, twice.failing_since, twice.retry_ts) == (2, 1_000, 22_000)


def test_a_gateway_does_not_choose_to_be_left_alone_for_ever() -> None:
    failed = Outcome(Verdict.FAILED, wait_ms=10**9)

    assert after_failure(Progress(place=Since(0), badge=0), failed, 0, 0.5).retry_ts == LONGEST_PAUSE_MS


def test_what_is_refused_again_and_again_is_left_out() -> None:
    unwanted, progress = Outcome(Verdict.UNWANTED), Progress(place=Since(0), badge=0)
    tries = 1
    while not is_hopeless(progress, unwanted):
        progress = after_failure(progress, unwanted, 0, 0.5)
        tries += 1

    assert tries == MAX_REFUSALS
    assert not is_hopeless(progress, Outcome(Verdict.FAILED))


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, b'{"rejected": []}', Verdict.TOLD),
        (200, b"{}", Verdict.TOLD),
        (202, b"", Verdict.TOLD),
        (200, b"nonsense", Verdict.TOLD),
        (200, b'{"rejected": "key"}', Verdict.TOLD),
        (200, b'{"rejected": ["other"]}', Verdict.TOLD),
        (200, b'{"rejected": ["other", "key"]}', Verdict.GONE),
        (302, b"", Verdict.FAILED),
        (400, b'{"rejected": ["key"]}', Verdict.UNWANTED),
        (404, b"", Verdict.FAILED),
        (413, b"", Verdict.UNWANTED),
        (429, b"", Verdict.FAILED),
        (502, b"", Verdict.FAILED),
    ],
)
def test_what_answers_mean(status: int, body: bytes, verdict: Verdict) -> None:
    assert understand(Answer(status, {}, body, ""), "key").verdict is verdict


def test_numbers_are_passed_on_or_refused() -> None:
    url = "https://push.example.org/_matrix/push/v1/notify"
    passed = settings(url, data={"number": 1.5})
    refused = settings(url, data={"number": 2**70})

    assert b"1.5" in settings_from(passed, lambda url: None, plain_http=False).data
    with pytest.raises(InvalidParam):
        settings_from(refused, lambda url: None, plain_http=False)


@pytest.mark.parametrize(("value", "wait_ms"), [("30", 30_000), ("soon", 0), ("-1", 0), ("9" * 50, 0)])
def test_how_long_a_gateway_wants_to_be_left_alone(value: str, wait_ms: int) -> None:
    assert understand(Answer(503, {"retry-after": value}, b"", ""), "key").wait_ms == wait_ms
