"""The whole of a deployment at one moment: processes, who owns what, how far everybody is, and what nobody does."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from hs_core.cluster.members import Sighting, sightings
from hs_core.cluster.registry import Rhythm
from hs_core.config import Config
from hs_core.db import DatabaseUnavailable, Transaction, glance
from hs_core.db.filelock import holder
from hs_core.db.opening import sqlite_path
from hs_core.plugin.declaration import Plugin
from hs_core.status.asking import Answer, ask_all, ask_listener, url_of
from hs_core.status.report import Followed, Report

SILENT_MS: Final = round(Rhythm().death * 1000)
"""Silence after which a process is taken for dead."""

_TASK: Final = "task: "


class ProcessState(msgspec.Struct, kw_only=True):
    """A process of the deployment."""

    id: str
    name: str
    plugins: list[str]
    """Those that are active there."""
    address: str
    """Where it was asked."""
    up_ms: int | None = None
    silent_ms: int = 0
    leaving: bool = False
    ready: bool = False
    problems: list[str] = []
    """Why it is not ready, or did not say."""
    lag: dict[str, int] = {}
    """How many positions it is behind, of each stream that it follows."""
    memory: int | None = None
    """Bytes."""
    connections: int = 0
    """To the database."""


class StreamState(msgspec.Struct, kw_only=True):
    """A stream or a task, and who owns its slots."""

    name: str
    plugin: str | None
    """Who writes it; `None` if that plugin is not installed here."""
    slots: int
    position: int | None
    """`None` if it lives in memory, and for tasks."""
    owners: dict[str, list[int]]
    """The slots of each process, by its ID."""
    unowned: list[int]


class Overview(msgspec.Struct, kw_only=True):
    """Everything that `hs status` tells."""

    server_name: str
    database: str
    """`sqlite` or `postgresql`."""
    processes: list[ProcessState]
    streams: list[StreamState]
    tasks: list[StreamState]
    inactive: list[str]
    """Installed plugins that are active nowhere."""

    @property
    def problems(self) -> list[str]:
        """What is not as it should be, in words."""
        names = {process.id: process.name for process in self.processes}
        lines = [] if self.processes else ["no process is running"]
        lines += [f"{each.name}: {problem}" for each in self.processes for problem in each.problems]
        lines += [f"the plugin {name!r} is active nowhere" for name in self.inactive if self.processes]
        owned = [(each, "stream") for each in self.streams] + [(each, "task") for each in self.tasks]
        for each, kind in owned:
            if each.unowned and each.plugin not in self.inactive and names:
                lines.append(f"the {kind} {each.name!r} has {len(each.unowned)} of {each.slots} slots without an owner")
        return lines


@dataclass(frozen=True)
class _Stored:
    """What the database says."""

    members: Sequence[Sighting]
    positions: Mapping[str, int]
    slots: Mapping[str, Mapping[int, str]]


async def overview(config: Config, installed: Mapping[str, Plugin]) -> Overview:
    """Look at the database, then ask every process that it names.

    Raises DatabaseUnavailable.
    """
    stored = await glance(config.database.url, _read)
    if config.redis.url is None or config.database.url.startswith("sqlite:"):
        processes = await _alone(config, stored, installed)
    else:
        processes = await _members(config, stored, installed)
    streams = [_stream(name, stored, processes, installed) for name in sorted(stored.slots)]
    active = {plugin for process in processes for plugin in process.plugins}
    return Overview(
        server_name=config.server_name,
        database=config.database.url.partition(":")[0],
        processes=processes,
        streams=[each for each in streams if not each.name.startswith(_TASK)],
        tasks=[each for each in streams if each.name.startswith(_TASK)],
        inactive=sorted(installed.keys() - active),
    )


async def _members(config: Config, stored: _Stored, installed: Mapping[str, Plugin]) -> list[ProcessState]:
    answers = await ask_all([each.member.address for each in stored.members], config.cluster)
    return [
        _state(each, answer, stored.positions, installed) for each, answer in zip(stored.members, answers, strict=True)
    ]


def _state(
    seen: Sighting, answer: Answer, positions: Mapping[str, int], installed: Mapping[str, Plugin]
) -> ProcessState:
    member = seen.member
    state = ProcessState(
        id=member.id,
        name=member.name,
        plugins=sorted(member.plugins),
        address=member.address,
        up_ms=seen.up_ms,
        silent_ms=member.silent_ms,
        leaving=member.leaving,
    )
    if member.silent_ms > SILENT_MS:
        state.problems = [f"not heard of for {member.silent_ms / 1000:.0f} s"]
    _take_in(state, answer, positions, installed)
    return state


async def _alone(config: Config, stored: _Stored, installed: Mapping[str, Plugin]) -> list[ProcessState]:
    """The one process of a deployment that can have no other, if it runs."""
    url = config.database.url
    if url.startswith("sqlite:") and holder(sqlite_path(url)) is None:
        return []
    listeners = [*config.listeners, *(each for process in config.processes.values() for each in process.listeners)]
    reachable = [each for each in listeners if each.port or each.socket]
    owner = next((owner for slots in stored.slots.values() for owner in slots.values() if owner), "")
    state = ProcessState(
        id=owner,
        name=owner.rpartition("-")[0] or "hs",
        plugins=sorted({name for name, plugin in installed.items() if _writes_something_owned(plugin, stored, owner)}),
        address=url_of(reachable[0]) if reachable else "",
    )
    answer: Answer = "it has no listener whose port is known, to be asked on"
    for listener in reachable:
        answer = await ask_listener(listener)
        if isinstance(answer, Report):
            state.address = url_of(listener)
            break
    else:
        if not url.startswith("sqlite:"):  # which alone knows that somebody has it
            return []
    _take_in(state, answer, stored.positions, installed)
    return [state]


def _writes_something_owned(plugin: Plugin, stored: _Stored, owner: str) -> bool:
    """Whether the plugin is active, as far as can be seen: one that writes nothing may be."""
    streams = [stored.slots.get(stream.name, {}) for stream in plugin.writes]
    return not streams or any(owner in slots.values() for slots in streams)


def _take_in(
    state: ProcessState, answer: Answer, positions: Mapping[str, int], installed: Mapping[str, Plugin]
) -> None:
    if isinstance(answer, str):
        state.problems = [*state.problems, answer]
        return
    state.ready = not answer.reasons
    state.problems = [*state.problems, *answer.reasons]
    in_memory = {stream.name for plugin in installed.values() for stream in plugin.writes if stream.in_memory}
    state.lag = {
        name: _lag(followed, None if name in in_memory else positions.get(name))
        for name, followed in sorted(answer.followed.items())
    }
    state.memory, state.connections = answer.memory, answer.connections


def _lag(followed: Followed, stored: int | None) -> int:
    """By what the process knows, and by what it may not have heard of."""
    return max(followed.lag, 0 if stored is None else stored - followed.position)


def _stream(
    name: str, stored: _Stored, processes: Collection[ProcessState], installed: Mapping[str, Plugin]
) -> StreamState:
    alive = {process.id for process in processes}
    owners: dict[str, list[int]] = {}
    for slot, owner in sorted(stored.slots[name].items()):
        owners.setdefault(owner if owner in alive else "", []).append(slot)
    declared = {stream.name: (plugin.name, stream) for plugin in installed.values() for stream in plugin.writes}
    plugin, stream = declared.get(name, (_plugin_of_task(name, installed), None))
    return StreamState(
        name=name,
        plugin=plugin,
        slots=len(stored.slots[name]),
        position=None if stream is None or stream.in_memory else stored.positions.get(name, 0),
        unowned=owners.pop("", []),
        owners=owners,
    )


def _plugin_of_task(name: str, installed: Iterable[str]) -> str | None:
    plugin = name.removeprefix(_TASK).partition(":")[0]
    return plugin if name.startswith(_TASK) and plugin in installed else None


def _read(tx: Transaction) -> _Stored:
    if not tx.value(_HAS_SCHEMA[tx.engine]):
        raise DatabaseUnavailable("the database is empty; `hs run` or `hs db migrate` makes the tables")
    slots: dict[str, dict[int, str]] = {}
    for stream, slot, owner in tx.all(_SLOTS):
        slots.setdefault(stream, {})[slot] = owner
    return _Stored(sightings(tx), dict(tx.all(_POSITIONS)), slots)


_HAS_SCHEMA: Final = {
    "postgresql": "SELECT to_regclass('stream_slots') IS NOT NULL",
    "sqlite": "SELECT COUNT(*) FROM sqlite_master WHERE name = 'stream_slots'",
}
_SLOTS: Final = "SELECT stream, slot, owner FROM stream_slots"
_POSITIONS: Final = "SELECT stream, position FROM stream_positions"
