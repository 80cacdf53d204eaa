"""Budgets: arithmetic by a clock that stands still, and their refusal over a real socket."""

from __future__ import annotations

import msgspec
import pytest

from hs_core.errors import LimitExceeded
from hs_core.http import limits as limits_module
from hs_core.http.limits import RateLimit, RateLimiter, RateLimits, network_of
from hs_core.plugin.declaration import RateClass
from tests.core.http.toys import ManualClock, running

TIGHT = RateLimits(login=RateLimit(0.5, 2), message=RateLimit(1, 1))


def refused(limiter: RateLimiter, key: str = "a") -> float:
    """The seconds to wait, 0 if there is a budget."""
    try:
        limiter.spend(RateClass.LOGIN, key)
    except LimitExceeded as error:
        return error.retry_after
    return 0


def test_a_burst_is_let_through_and_the_rest_at_the_given_pace() -> None:
    clock = ManualClock()
    limiter = RateLimiter(TIGHT, clock.monotonic)
    assert [refused(limiter) for _ in range(3)] == [0, 0, pytest.approx(2)]
    clock.at += 1.5
    assert refused(limiter) == pytest.approx(0.5)
    clock.at += 0.5
    assert [refused(limiter), refused(limiter)] == [0, pytest.approx(2)]


def test_an_unused_budget_fills_up_to_its_burst_and_no_more() -> None:
    clock = ManualClock()
    limiter = RateLimiter(TIGHT, clock.monotonic)
    refused(limiter)
    clock.at += 1_000_000
    assert [bool(refused(limiter)) for _ in range(3)] == [False, False, True]


def test_being_refused_costs_nothing() -> None:
    clock = ManualClock()
    limiter = RateLimiter(TIGHT, clock.monotonic)
    for _ in range(100):
        refused(limiter)
    clock.at += 2
    assert refused(limiter) == 0


def test_everyone_has_a_budget_of_their_own() -> None:
    limiter = RateLimiter(TIGHT, ManualClock().monotonic)
    assert [refused(limiter, "a"), refused(limiter, "a"), refused(limiter, "b")] == [0, 0, 0]
    assert refused(limiter, "a") > 0


def test_only_so_many_budgets_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "KEPT", 2)
    limiter = RateLimiter(RateLimits(login=RateLimit(1, 1)), ManualClock().monotonic)
    assert [refused(limiter, key) for key in "abc"] == [0, 0, 0]
    assert refused(limiter, "b") > 0
    assert refused(limiter, "a") == 0


def test_every_class_has_a_size_and_its_section_is_checked() -> None:
    sized = {name for name in RateLimits.__struct_fields__ if name != "enabled"}
    assert sized == {rate.value for rate in RateClass if rate is not RateClass.NONE}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"login": {"per_second": 0, "burst": 1}}, RateLimits)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"logins": {}}, RateLimits)


def test_addresses_of_one_customer_share_a_budget() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8:0:0:ffff::2") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("no:address") == "no:address"


async def test_too_many_requests_are_told_when_to_come_back() -> None:
    async with running(limits=TIGHT) as toy:
        for _ in range(2):
            async with toy.get("/limited") as response:
                assert response.status == 200
        async with toy.get("/limited") as response:
            assert response.status == 429
            assert response.headers["Retry-After"] == "2"
            refusal = await response.json()
        assert (refusal["errcode"], refusal["retry_after_ms"]) == ("M_LIMIT_EXCEEDED", 2000)
        toy.clock.at += 2
        async with toy.get("/limited") as response:
            assert response.status == 200


async def test_users_are_limited_and_exempted_ones_are_not() -> None:
    async with running(limits=TIGHT) as toy:
        statuses = []
        for token in ("alice", "alice", "admin", "bridge", "bridge"):
            async with toy.get("/message", headers={"Authorization": f"Bearer {token}"}) as response:
                statuses.append(response.status)
    assert statuses == [200, 429, 200, 200, 200]
