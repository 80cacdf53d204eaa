"""How often one may ask (client-server API, "Rate limiting").

A budget is a token bucket: it holds `burst` requests and refills by `per_second`. What is kept of it is one number, the
moment at which it will be full again; a bucket that nobody uses is a full one and need not be kept at all.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address
from typing import Final

from hs_core.config.model import RateLimit, RateLimits
from hs_core.errors import LimitExceeded
from hs_core.http.request import Request
from hs_core.plugin.declaration import RateClass

__all__ = ["RateLimit", "RateLimiter", "RateLimits", "network_of"]

KEPT: Final = 10_000
"""Buckets that are kept of each class; beyond that the ones used longest ago count as full."""


class _Budgets:
    """The buckets of one class, by who asks."""

    __slots__ = ("_capacity", "_full_at", "_interval")

    def __init__(self, limit: RateLimit) -> None:
        self._interval = 1 / limit.per_second
        self._capacity = limit.burst * self._interval
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def spend(self, key: str, now: float) -> float:
        """Take one from a bucket: 0, or the seconds until there will be one to take."""
        full_at = max(self._full_at.get(key, now), now) + self._interval
        too_early = full_at - now - self._capacity
        if too_early > 1e-9:
            return too_early
        self._full_at[key] = full_at
        self._full_at.move_to_end(key)
        if len(self._full_at) > KEPT:
            self._full_at.popitem(last=False)
        return 0


class RateLimiter:
    """The budgets of one process."""

    def __init__(self, limits: RateLimits, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._budgets: dict[RateClass, _Budgets] = {}
        if limits.enabled:
            self._budgets = {
                rate: _Budgets(getattr(limits, rate.value)) for rate in RateClass if rate is not RateClass.NONE
            }

    def check(self, rate: RateClass, request: Request) -> None:
        """Count a request against the budget of who asks. Raises LimitExceeded."""
        if rate in self._budgets and (request.requester is None or request.requester.rate_limited):
            self.spend(rate, _who(rate, request))

    def spend(self, rate: RateClass, key: str) -> None:
        """Count against any budget: a login, say, against that of the account. Raises LimitExceeded."""
        budgets = self._budgets.get(rate)
        if budgets is not None and (wait := budgets.spend(key, self._monotonic())):
            raise LimitExceeded(wait)


def _who(rate: RateClass, request: Request) -> str:
    """Each device reads for itself; what others notice is limited per user, and strangers per address."""
    requester = request.requester
    if requester is None:
        return request.origin or network_of(request.client_ip)
    if rate in {RateClass.READ, RateClass.SYNC} and requester.device_id is not None:
        return f"{requester.user_id} {requester.device_id}"
    return requester.user_id


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or an IPv6 /64."""
    if ":" not in address:
        return address
    try:
        parsed = IPv6Address(address)
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Address(int(parsed) >> 64 << 64))
