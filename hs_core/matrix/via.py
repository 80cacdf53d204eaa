"""Servers through which a room can be reached (appendices, "Routing")."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from hs_core.matrix.identifiers import ServerName, UserId, server_name_of
from hs_core.matrix.server_acl import ServerAcl, is_ip_literal

MAX_SERVERS: Final = 3
_POWERFUL: Final = 50
"""The level of those who "are less likely to give up their power and move somewhere else"."""


def populations(joined: Iterable[UserId]) -> Counter[ServerName]:
    """How many of the joined users each server has."""
    return Counter(map(server_name_of, joined))


def choose_via(
    population: Mapping[ServerName, int], power_levels: Mapping[UserId, float], acl: ServerAcl | None
) -> list[ServerName]:
    """At most three servers "which have a high probability of being in the room in the distant future", best first.

    Args:
        population: how many joined users each server has.
        power_levels: of the joined users; those with the default level need not be there.
        acl: the room's, if it has one.
    """
    # "Servers which are blocked due to server ACLs should never be chosen. Servers which are IP addresses should never
    # be chosen." Between equals the name decides, so that the same room always gives the same list.
    ranked = sorted(
        (server for server, users in population.items() if users > 0 and _is_eligible(server, acl)),
        key=lambda server: (-population[server], server),
    )
    # "The first server should be the server of the highest power level user in the room, provided they are at least
    # power level 50."
    first = _server_of_most_powerful(power_levels, ranked)
    if first is not None:
        ranked = [first, *(server for server in ranked if server != first)]
    return ranked[:MAX_SERVERS]


def _server_of_most_powerful(power_levels: Mapping[UserId, float], ranked: list[ServerName]) -> ServerName | None:
    """Among equally powerful users, the one on the most popular server."""
    rank = {server: place for place, server in enumerate(ranked)}
    candidates = (
        (-level, rank[server])
        for user, level in power_levels.items()
        if level >= _POWERFUL and (server := ServerName(user.partition(":")[2])) in rank
    )
    best = min(candidates, default=None)
    return None if best is None else ranked[best[1]]


def _is_eligible(server: ServerName, acl: ServerAcl | None) -> bool:
    return not is_ip_literal(server) and (acl is None or acl.allows(server))
