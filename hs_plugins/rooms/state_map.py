"""A room's state as a content-addressed persistent map from (type, state key) to event ID.

A state is named by the hash of the root of a hash trie. Changing one entry makes O(log n) new nodes and shares all
others with the state before; equal states have equal roots, whatever their history; two states are compared by walking
only where their hashes differ. Nodes are immutable, so they may be cached without end and shared by all rooms.

The shape depends on the content alone: a subtree of at most `LEAF_ENTRIES` entries is a leaf, a larger one a branch by
the next four bits of the key's hash.

Functions here know no database. They look nodes up in a mapping and raise `MissingNodes` when some are not there: the
caller fetches those, all at once, and calls again (`hs_plugins.rooms.state_nodes` does).
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import TypeAlias

import msgspec

from hs_core.matrix.event import StateKey
from hs_core.matrix.identifiers import EventId

LEAF_ENTRIES = 8
_FANOUT = 16
_DEEPEST = 15
"""The last level that has bits of its own in a 64-bit hash; a leaf there takes whatever remains."""

NodeHash: TypeAlias = bytes


class Leaf(msgspec.Struct, frozen=True, array_like=True, tag=0, gc=False):
    """A few entries, sorted."""

    entries: tuple[tuple[str, str, EventId], ...]


class Branch(msgspec.Struct, frozen=True, array_like=True, tag=1, gc=False):
    """Sixteen subtrees, by the next four bits of the key's hash; empty bytes where there is none."""

    children: tuple[NodeHash, ...]


Node: TypeAlias = Leaf | Branch
Nodes: TypeAlias = Mapping[NodeHash, Node]
NewNodes: TypeAlias = dict[NodeHash, Node]

_decoder: msgspec.msgpack.Decoder[Node] = msgspec.msgpack.Decoder(Node)
_encoder = msgspec.msgpack.Encoder()


class MissingNodes(Exception):
    """Nodes that must be fetched before the question can be answered."""

    def __init__(self, hashes: Iterable[NodeHash]) -> None:
        self.hashes = frozenset(hashes)
        super().__init__(f"{len(self.hashes)} state nodes are not in memory")


def encode_node(node: Node) -> bytes:
    return _encoder.encode(node)


def decode_node(data: bytes) -> Node:
    return _decoder.decode(data)


def _hash_of(node: Node) -> NodeHash:
    return blake2b(encode_node(node), digest_size=16).digest()


def _path_of(key: StateKey) -> str:
    """The key's way down the trie: one hexadecimal digit for each level."""
    return blake2b(f"{key[0]}\0{key[1]}".encode(), digest_size=8).hexdigest()


_EMPTY_LEAF = Leaf(())
EMPTY: NodeHash = _hash_of(_EMPTY_LEAF)
"""The state without entries. It needs no stored node."""


def get(nodes: Nodes, root: NodeHash, key: StateKey) -> EventId | None:
    """The event that is current for the key in the state."""
    path = _path_of(key)
    node = _node(nodes, root)
    for digit in path:
        if isinstance(node, Leaf):
            break
        child = node.children[int(digit, 16)]
        if not child:
            return None
        node = _node(nodes, child)
    assert isinstance(node, Leaf)
    return next((event_id for kind, state_key, event_id in node.entries if (kind, state_key) == key), None)


def items(nodes: Nodes, root: NodeHash) -> Iterator[tuple[StateKey, EventId]]:
    """All entries of the state, in no particular order. Missing nodes are asked for a level at a time."""
    level = [root]
    leaves: list[Leaf] = []
    while level:
        found = _all(nodes, level)
        leaves += [node for node in found if isinstance(node, Leaf)]
        level = [child for node in found if isinstance(node, Branch) for child in node.children if child]
    for leaf in leaves:
        for kind, state_key, event_id in leaf.entries:
            yield (kind, state_key), event_id


def change(nodes: Nodes, root: NodeHash, changes: Mapping[StateKey, EventId | None]) -> tuple[NodeHash, NewNodes]:
    """The state with some entries replaced, or removed where the new value is `None`; and the nodes this made."""
    made: NewNodes = {}
    placed = [(_path_of(key), key, event_id) for key, event_id in changes.items()]
    return _change(nodes, made, root, placed, 0) or EMPTY, made


def difference(nodes: Nodes, old: NodeHash, new: NodeHash) -> dict[StateKey, EventId | None]:
    """The changes that make `new` of `old`. Costs what differs, not what exists."""
    before: dict[StateKey, EventId] = {}
    after: dict[StateKey, EventId] = {}
    pairs = [(old, new)] if old != new else []
    while pairs:
        _all(nodes, [node_hash for pair in pairs for node_hash in pair if node_hash])
        below: list[tuple[NodeHash, NodeHash]] = []
        for left, right in pairs:
            below += _descend(nodes, left, right, before, after)
        pairs = below
    changes: dict[StateKey, EventId | None] = dict.fromkeys(before.keys() - after.keys())
    changes.update((key, event_id) for key, event_id in after.items() if before.get(key) != event_id)
    return changes


def union(nodes: Nodes, one: NodeHash, other: NodeHash) -> tuple[NodeHash, NewNodes]:
    """The entries of both, and the nodes that this made; where both have a key, they must agree. Costs what differs."""
    pairs = [(one, other)]
    while pairs:
        _all(nodes, [node_hash for pair in pairs for node_hash in pair])
        pairs = [pair for left, right in pairs for pair in _shared_branches(nodes, left, right)]
    made: NewNodes = {}
    return _union(nodes, made, one, other, 0), made


def reachable(made: NewNodes, root: NodeHash) -> NewNodes:
    """Those of the nodes that are part of one state: what is worth storing after several changes."""
    found: NewNodes = {}
    pending = [root]
    while pending:
        node_hash = pending.pop()
        node = made.get(node_hash)
        if node is not None and node_hash not in found:
            found[node_hash] = node
            if isinstance(node, Branch):
                pending += node.children
    return found


class Overlay(dict[NodeHash, Node]):
    """Nodes that were made just now, before those that are stored."""

    def __init__(self, made: NewNodes, stored: Nodes) -> None:
        super().__init__()
        self._made = made
        self._stored = stored

    def __missing__(self, node_hash: NodeHash) -> Node:
        made = self._made.get(node_hash)
        return self._stored[node_hash] if made is None else made

    def __contains__(self, node_hash: object) -> bool:
        return node_hash in self._made or node_hash in self._stored


_Placed: TypeAlias = tuple[str, StateKey, EventId | None]


def _node(nodes: Nodes, node_hash: NodeHash) -> Node:
    if node_hash == EMPTY:
        return _EMPTY_LEAF
    try:
        return nodes[node_hash]
    except KeyError:
        raise MissingNodes((node_hash,)) from None


def _all(nodes: Nodes, hashes: list[NodeHash]) -> list[Node]:
    if missing := [node_hash for node_hash in hashes if node_hash not in nodes and node_hash != EMPTY]:
        raise MissingNodes(missing)
    return [_node(nodes, node_hash) for node_hash in hashes]


def _change(nodes: Nodes, made: NewNodes, root: NodeHash, changes: list[_Placed], level: int) -> NodeHash:
    """Change a subtree. Answers with its new hash, empty if nothing is left of it."""
    node = _node(nodes, root) if root else _EMPTY_LEAF
    if isinstance(node, Leaf):
        entries = {(kind, key): event_id for kind, key, event_id in node.entries}
        for _, key, event_id in changes:
            if event_id is None:
                entries.pop(key, None)
            else:
                entries[key] = event_id
        return _build(made, entries, level)
    children = list(node.children)
    for digit, group in _by_digit(changes, level).items():
        children[digit] = _change(nodes, made, children[digit], group, level + 1)
    return _joined(nodes, made, children, level, may_shrink=any(event_id is None for _, _, event_id in changes))


def _build(made: NewNodes, entries: Mapping[StateKey, EventId], level: int) -> NodeHash:
    """The smallest subtree for these entries."""
    if not entries:
        return b""
    if len(entries) <= LEAF_ENTRIES or level > _DEEPEST:
        return _add(made, Leaf(tuple(sorted((kind, key, event_id) for (kind, key), event_id in entries.items()))))
    groups: list[dict[StateKey, EventId]] = [{} for _ in range(_FANOUT)]
    for key, event_id in entries.items():
        groups[int(_path_of(key)[level], 16)][key] = event_id
    return _add(made, Branch(tuple(_build(made, group, level + 1) for group in groups)))


def _union(nodes: Nodes, made: NewNodes, one: NodeHash, other: NodeHash, level: int) -> NodeHash:
    """A subtree with the entries of two. What only one of them has is shared, not looked at."""
    if one == other or not other or other == EMPTY:
        return one
    if not one or one == EMPTY:
        return other
    left, right = _node(nodes, one), _node(nodes, other)
    if isinstance(left, Branch) and isinstance(right, Branch):
        children = zip(left.children, right.children, strict=True)
        return _add(made, Branch(tuple(_union(nodes, made, a, b, level + 1) for a, b in children)))
    if isinstance(right, Branch):
        one, left, right = other, right, left
    assert isinstance(right, Leaf)
    return _change(nodes, made, one, [(_path_of((k, s)), (k, s), value) for k, s, value in right.entries], level)


def _shared_branches(nodes: Nodes, one: NodeHash, other: NodeHash) -> Iterator[tuple[NodeHash, NodeHash]]:
    """The pairs of different subtrees below two branches."""
    left, right = _node(nodes, one), _node(nodes, other)
    if isinstance(left, Branch) and isinstance(right, Branch):
        for pair in zip(left.children, right.children, strict=True):
            if pair[0] and pair[1] and pair[0] != pair[1]:
                yield pair


def _joined(nodes: Nodes, made: NewNodes, children: list[NodeHash], level: int, *, may_shrink: bool) -> NodeHash:
    """A branch of these children, or a leaf if a removal left so little that it must be one."""
    if may_shrink:
        kept = [made[child] if child in made else _node(nodes, child) for child in children if child]
        leaves = [node for node in kept if isinstance(node, Leaf)]
        if len(leaves) == len(kept) and sum(len(leaf.entries) for leaf in leaves) <= LEAF_ENTRIES:
            return _build(made, {(kind, key): e for leaf in leaves for kind, key, e in leaf.entries}, level)
    return _add(made, Branch(tuple(children)))


def _add(made: NewNodes, node: Node) -> NodeHash:
    node_hash = _hash_of(node)
    made[node_hash] = node
    return node_hash


def _by_digit(changes: list[_Placed], level: int) -> dict[int, list[_Placed]]:
    groups: dict[int, list[_Placed]] = {}
    for placed in changes:
        groups.setdefault(int(placed[0][level], 16), []).append(placed)
    return groups


def _descend(
    nodes: Nodes, left: NodeHash, right: NodeHash, before: dict[StateKey, EventId], after: dict[StateKey, EventId]
) -> list[tuple[NodeHash, NodeHash]]:
    """Note the entries of leaves; pair up the subtrees of branches that are not the same."""
    old = _node(nodes, left) if left else _EMPTY_LEAF
    new = _node(nodes, right) if right else _EMPTY_LEAF
    if isinstance(old, Leaf):
        before.update(((kind, key), event_id) for kind, key, event_id in old.entries)
    if isinstance(new, Leaf):
        after.update(((kind, key), event_id) for kind, key, event_id in new.entries)
    absent = (b"",) * _FANOUT
    olds = old.children if isinstance(old, Branch) else absent
    news = new.children if isinstance(new, Branch) else absent
    return [pair for pair in zip(olds, news, strict=True) if pair[0] != pair[1]]
