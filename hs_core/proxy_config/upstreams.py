"""Sets of processes between which a proxy chooses, and by what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from hs_core.plugin.declaration import By
from hs_core.proxy_config.deployment import Address

_HASHABLE = frozenset({By.USER, By.ROOM, By.ORIGIN})
"""What a proxy can see in a request."""

_NAMED_MEMBERS = 3
"""With more of them, a name would not be read any more."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Processes that answer alike, and what requests are to be hashed by (`By.NONE`: each takes its turn)."""

    name: str
    addresses: tuple[Address, ...]
    affinity: By


@dataclass
class Upstreams:
    """Each distinct set of processes, once for each affinity."""

    _known: dict[tuple[tuple[Address, ...], By], Upstream] = field(default_factory=dict)

    @property
    def used(self) -> tuple[Upstream, ...]:
        return tuple(sorted(self._known.values(), key=lambda upstream: upstream.name))

    def of(self, members: Sequence[str], addresses: Sequence[Address], affinity: By) -> Upstream:
        """The upstream of these processes; with one address there is nothing to hash."""
        if len(addresses) < 2 or affinity not in _HASHABLE:
            affinity = By.NONE
        key = tuple(addresses), affinity
        if key not in self._known:
            self._known[key] = Upstream(self._name(members, affinity), tuple(addresses), affinity)
        return self._known[key]

    def _name(self, members: Sequence[str], affinity: By) -> str:
        who = "_".join(members) if len(members) <= _NAMED_MEMBERS else f"{members[0]}_and_{len(members) - 1}_more"
        name = (
            "hs_" + re.sub(r"\W", "_", who, flags=re.ASCII) + ("" if affinity is By.NONE else f"_by_{affinity.value}")
        )
        taken = {upstream.name for upstream in self._known.values()}
        number, unique = 1, name
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        return unique
