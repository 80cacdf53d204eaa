"""The nodes of states: cached in memory, fetched from the database a level at a time."""

from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import TypeVar

from hs_core.cache import LRU
from hs_core.db import Database, Transaction
from hs_plugins.rooms.state_map import Leaf, MissingNodes, NewNodes, Node, NodeHash, Nodes, decode_node

T = TypeVar("T")

CACHE_ENTRIES = 200_000
"""State entries, and children of branches, that the cache holds: some tens of megabytes when full."""

_FETCH = "SELECT hash, node FROM state_nodes WHERE hash = ANY(?)"


def fetch_nodes(tx: Transaction, hashes: Collection[NodeHash]) -> NewNodes:
    """The nodes of these hashes."""
    return {node_hash: decode_node(data) for node_hash, data in tx.all(_FETCH, (list(hashes),))}


def _weight(node: Node) -> int:
    return 1 + len(node.entries if isinstance(node, Leaf) else node.children)


class _Layered(Mapping[NodeHash, Node]):
    """The shared cache, and below it what one question has needed: so that eviction cannot make it start over."""

    def __init__(self, cache: LRU[NodeHash, Node], held: Mapping[NodeHash, tuple[Node, int]]) -> None:
        self._cache = cache
        self._held = held
        self._own: NewNodes = {}

    def add(self, nodes: NewNodes) -> None:
        self._own.update(nodes)

    def __getitem__(self, node_hash: NodeHash) -> Node:
        own = self._own.get(node_hash)
        if own is not None:
            return own
        return self._held[node_hash][0] if node_hash in self._held else self._cache[node_hash]

    def __contains__(self, node_hash: object) -> bool:
        return (
            node_hash in self._own
            or node_hash in self._held
            or (isinstance(node_hash, bytes) and node_hash in self._cache)
        )

    def __iter__(self) -> Iterator[NodeHash]:
        return iter(self._own)

    def __len__(self) -> int:
        return len(self._own)


class StateNodes:
    """Answers questions about states, fetching the nodes that they need."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.cache: LRU[NodeHash, Node] = LRU(CACHE_ENTRIES, _weight)
        self._held: dict[NodeHash, tuple[Node, int]] = {}
        """Nodes on their way to the database, with the number of operations that bring them there."""

    def hold(self, nodes: NewNodes) -> None:
        """Nodes that are about to be stored: known from now on, at least until they are let go."""
        for node_hash, node in nodes.items():
            self._held[node_hash] = (node, self._held[node_hash][1] + 1 if node_hash in self._held else 1)

    def let_go(self, nodes: NewNodes) -> None:
        """The nodes have been stored, or will not be."""
        for node_hash, node in nodes.items():
            held = self._held[node_hash][1] - 1
            if held:
                self._held[node_hash] = (node, held)
            else:
                del self._held[node_hash]
            self.cache[node_hash] = node

    async def ask(self, question: Callable[[Nodes], T]) -> T:
        """Run a function of `state_map` over the nodes; it is run again with more nodes until it needs no other.

        Raises:
            LookupError: if a node is in neither memory nor database.
        """
        nodes = _Layered(self.cache, self._held)
        while True:
            try:
                return question(nodes)
            except MissingNodes as missing:
                hashes = missing.hashes
            found = await self._db.read(partial(fetch_nodes, hashes=hashes))
            if len(found) < len(hashes):
                raise LookupError(f"{len(hashes) - len(found)} nodes of a room's state are not in the database")
            nodes.add(found)
            for node_hash, node in found.items():
                self.cache[node_hash] = node
