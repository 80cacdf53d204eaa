"""What state resolution asks about auth chains, answered from their sets and from who cites whom (docs/adr/0005)."""

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hs_core.db import Database
from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId
from hs_plugins.rooms import auth_chain
from hs_plugins.rooms.auth_chain import Chain
from hs_plugins.rooms.commit import Committer
from hs_plugins.rooms.operation import Operation
from hs_plugins.rooms.state_map import EMPTY, Nodes, Overlay
from hs_plugins.rooms.store.auth import citing
from hs_plugins.rooms.stored import StoredEvent

if TYPE_CHECKING:
    from hs_plugins.rooms.resolution import SharedState

PAGE = 200
"""Citations of one event that are looked at together."""


class AuthIndex:
    """Questions about the auth chains of one room's state events."""

    def __init__(self, db: Database, committer: Committer) -> None:
        self._db = db
        self._committer = committer

    async def difference(
        self, operation: Operation, branches: Sequence[Mapping[StateKey, EventId]], unconflicted: "SharedState"
    ) -> frozenset[EventId]:
        """The auth difference of states that share `unconflicted` ("Auth difference").

        Every full auth chain contains those of the unconflicted events. So what is in the auth chain of one of those is
        no part of the difference, and may as well be added to each branch: of the events that authorised the conflicted
        ones, this keeps almost everything out before it is looked at.
        """
        conflicted = await operation.load({event_id for branch in branches for event_id in branch.values()})
        cited = await operation.load({one for stored in conflicted.values() for one in stored.event.auth_events})
        await unconflicted.prepare({stored.event.key for stored in cited.values() if stored.event.is_state})
        common = [_chain(stored) for stored in cited.values() if unconflicted.has(stored.event)]

        def compare(nodes: Nodes) -> set[EventId]:
            chains = [auth_chain.union(nodes, [*common, *_chains(branch.values(), conflicted)]) for branch in branches]
            made = {node_hash: node for _, new in chains for node_hash, node in new.items()}
            return auth_chain.differing(Overlay(made, nodes), [chain for chain, _ in chains])

        candidates = await operation.ask(compare)
        return await self._outside_unconflicted_chains(operation, candidates, unconflicted)

    async def _outside_unconflicted_chains(
        self, operation: Operation, candidates: set[EventId], unconflicted: "SharedState"
    ) -> frozenset[EventId]:
        """Those of the events that are in the auth chain of no unconflicted event.

        Found from below, along the citations: what many events cite is soon found to be cited by an unconflicted one,
        and what is cited by few has not many ways up.
        """
        if candidates:
            await self._committer.flushed()  # the database must know of every citation
        inside: set[EventId] = set()
        outside: set[EventId] = set()
        for candidate in candidates:
            if candidate in inside or candidate in outside:
                continue
            above, seen = await self._climb(operation, candidate, unconflicted, outside)
            if above is None:
                outside |= seen
            else:
                inside |= await operation.ask(partial(_among, chain=_chain(above), event_ids=candidates))
        return frozenset(candidates - inside)

    async def _climb(
        self, operation: Operation, start: EventId, unconflicted: "SharedState", outside: Collection[EventId]
    ) -> tuple[StoredEvent | None, set[EventId]]:
        """An unconflicted event that has `start` in its auth chain, if there is one, and where it was looked for.

        `outside` are events that have none.
        """
        seen = {start}
        pending = [start]
        while pending:
            event_id, after = pending.pop(), ""
            while page := await self._citing(event_id, after):
                after = page[-1]
                stored = await operation.load(page)
                await unconflicted.prepare({one.event.key for one in stored.values() if one.event.is_state})
                if above := next((one for one in stored.values() if unconflicted.has(one.event)), None):
                    return above, seen
                new = [one for one in page if one not in seen and one not in outside]
                seen.update(new)
                pending += new
        return None, seen

    async def _citing(self, event_id: EventId, after: str) -> list[EventId]:
        return await self._db.read(lambda tx: citing(tx, event_id, after, PAGE))

    async def subgraph(self, operation: Operation, conflicted: frozenset[EventId]) -> frozenset[EventId]:
        """The events on all paths between any two of these ("Conflicted state subgraph"), endpoints included.

        Walked from above, but only through events that have a conflicted one in their auth chain.
        """
        known = dict(await operation.load(conflicted))
        found = set(known)
        frontier = set(known)
        while frontier:
            cited = {one for event_id in frontier for one in known[event_id].event.auth_events} - found
            stored = await operation.load(cited)
            chains = {event_id: _chain(one) for event_id, one in stored.items()}
            frontier = await operation.ask(partial(_above, chains=chains, below=conflicted))
            known.update(stored)
            found |= frontier
        return frozenset(found)


def _above(nodes: Nodes, chains: Mapping[EventId, Chain], below: Collection[EventId]) -> set[EventId]:
    """Those of the events that have one of the others in their auth chain."""
    return {event_id for event_id, chain in chains.items() if _among(nodes, chain, below)}


def _among(nodes: Nodes, chain: Chain, event_ids: Collection[EventId]) -> set[EventId]:
    """Those of the events that are in an auth chain."""
    return {event_id for event_id in event_ids if auth_chain.contains(nodes, chain, event_id)}


def _chain(stored: StoredEvent) -> Chain:
    return EMPTY if stored.auth_chain is None else stored.auth_chain


def _chains(event_ids: Collection[EventId], known: Mapping[EventId, StoredEvent]) -> list[Chain]:
    return [_chain(known[event_id]) for event_id in event_ids if event_id in known]
