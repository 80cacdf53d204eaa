"""What must hold between declarations. Each check yields lines for a person, which name plugins and a remedy."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hs_core.config.problems import nearest
from hs_core.http.routes import BadRoute, claims_of, overlaps, template
from hs_core.plugin.declaration import Plugin
from hs_core.streams.token import EVENTS_KEY, is_key

if TYPE_CHECKING:
    from hs_core.config import Process
    from hs_core.plugin.discovery import Broken


def check_installed(plugins: Collection[Plugin], broken: Collection[Broken] = ()) -> list[str]:
    """What is wrong with this set of plugins, whichever of them are active; empty if they fit together.

    Those of `broken` that others require are named, and not all that follows from that.
    """
    checks = (_requirements, _streams, _sections, _services, _tasks, _feeds, _routes)
    without = {each.name for each in broken}
    while more := {plugin.name for plugin in plugins if without & {*plugin.requires}} - without:
        without |= more
    sound = [plugin for plugin in plugins if plugin.name not in without]
    needed = {name for plugin in plugins for name in plugin.requires}
    lines = [str(each) for each in broken if each.name in needed]
    return lines + [line for check in checks for line in check(sound)]


def check_active(plugins: Mapping[str, Plugin], active: Collection[str]) -> list[str]:
    """Why these plugins cannot be all that is active in a deployment; empty if they can."""
    return [
        f"the plugin {name!r} requires {needed!r}, which is not active; activate it too"
        for name in active
        for needed in plugins[name].requires
        if needed not in active and needed in plugins
    ]


def check_deployment(
    plugins: Mapping[str, Plugin], processes: Mapping[str, Collection[str]], pinned: Mapping[str, Collection[str]]
) -> list[str]:
    """What these processes, with what is active in each, lack to be a whole server; `pinned` streams may be written by
    the processes that are named only.
    """
    somewhere = {name for active in processes.values() for name in active}
    missing: dict[str, list[str]] = defaultdict(list)
    for name in sorted(somewhere):
        for needed in plugins[name].requires:
            if needed not in somewhere and needed in plugins:
                missing[needed].append(name)
    lines = [
        f"the plugin {needed!r} is active in no process, and {_some(names)}; add it to the plugins of one"
        for needed, names in missing.items()
    ]
    writers = {stream.name: name for name, plugin in plugins.items() for stream in plugin.writes}
    for stream, names in pinned.items():
        writer = writers.get(stream)
        if writer in somewhere and not any(writer in processes.get(name, ()) for name in names):
            having = ", ".join(name for name, active in processes.items() if writer in active)
            lines.append(f"streams.{stream}: none of these processes has the plugin {writer!r}; name {having}")
    return lines


def _some(names: Sequence[str]) -> str:
    """That these need something."""
    first = ", ".join(map(repr, names[:3]))
    if len(names) > 3:
        return f"{first} and {len(names) - 3} more need it"
    return f"{first} need{'s' if len(names) == 1 else ''} it"


def inactive(plugins: Iterable[str], processes: Mapping[str, Collection[str]]) -> list[str]:
    """The plugins that none of these processes has."""
    return sorted(set(plugins).difference(*processes.values()))


def unused_tags(
    plugins: Mapping[str, Plugin], active: Mapping[str, Collection[str]], processes: Mapping[str, Process]
) -> Iterator[str]:
    """The tags of processes by which they get no request from a reverse proxy."""
    tagged: dict[str, set[str]] = defaultdict(set)
    for name, plugin in plugins.items():
        for route in plugin.routes:
            if route.tag is not None:
                tagged[route.tag].add(name)
    for process, settings in processes.items():
        for tag in settings.tags:
            if tag not in tagged:
                kept = "a reverse proxy sends nothing there"
                yield f"processes.{process}: no route has the tag {tag!r}, so {kept}; {nearest(tag, tagged)}"
            elif not tagged[tag] & {*active[process]}:
                one = " or ".join(map(repr, sorted(tagged[tag])))
                yield f"processes.{process}: the tag {tag!r} is for the plugin {one}, which is not active there"


def check_streams(plugins: Collection[Plugin], named: Iterable[str]) -> list[str]:
    """Which of the streams that the configuration's section `streams` names do not exist."""
    known = {stream.name for plugin in plugins for stream in plugin.writes}
    return [
        f"streams.{name}: no plugin writes such a stream; {nearest(name, known)}" for name in named if name not in known
    ]


def _requirements(plugins: Collection[Plugin]) -> Iterator[str]:
    names = {plugin.name for plugin in plugins}
    for plugin in plugins:
        for needed in plugin.requires:
            if needed not in names:
                yield f"the plugin {plugin.name!r} requires {needed!r}, which is not installed; install it"


def _streams(plugins: Collection[Plugin]) -> Iterator[str]:
    writers = _owners((stream.name, plugin.name) for plugin in plugins for stream in plugin.writes)
    yield from _contested("stream", "written", writers)
    for plugin in plugins:
        for stream in plugin.writes:
            if stream.kept is not None and not stream.in_memory:
                yield f"the stream {stream.name!r} of {plugin.name!r} is stored; take away what it says is `kept`"
        followed = {
            "reads": [*plugin.reads, *(name for offer in plugin.offers for name in offer.reads)],
            "adds a section of": [section.stream.name for section in plugin.sections],
        }
        for verb, streams in followed.items():
            for name in streams:
                if name not in writers:
                    remedy = nearest(name, writers)
                    yield f"the plugin {plugin.name!r} {verb} the stream {name!r}, which nobody writes; {remedy}"


def _sections(plugins: Collection[Plugin]) -> Iterator[str]:
    keys = _owners((section.key, plugin.name) for plugin in plugins for section in plugin.sections)
    yield from _contested("key of tokens", "used", keys)
    for key, (owner, *_) in keys.items():
        if key == EVENTS_KEY or not is_key(key):
            yield f"the plugin {owner!r} has a section with the key {key!r}; choose one to eight letters, not 'e'"


def _services(plugins: Collection[Plugin]) -> Iterator[str]:
    yield from _contested(
        "service", "served", _owners((service.name, plugin.name) for plugin in plugins for service in plugin.serves)
    )
    yield from _contested(
        "read side", "offered", _owners((offer.key.name, plugin.name) for plugin in plugins for offer in plugin.offers)
    )
    for plugin in plugins:
        for service in plugin.serves:
            if service.owner is not None and service.owner.name not in {stream.name for stream in plugin.writes}:
                yield (
                    f"the plugin {plugin.name!r} serves {service.name!r} where {service.owner.name!r} is owned, "
                    "but does not write that stream; name one that it writes"
                )
        if plugin.serves and plugin.start is None:
            yield f"the plugin {plugin.name!r} serves {plugin.serves[0].name!r} but has no start; let start yield it"


def _tasks(plugins: Collection[Plugin]) -> Iterator[str]:
    for plugin in plugins:
        names = [task.name for task in plugin.tasks] + [feed.name for feed in plugin.feeds]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"the plugin {plugin.name!r} has two tasks {name!r}; rename one"


def _feeds(plugins: Collection[Plugin]) -> Iterator[str]:
    streams = {stream.name: stream for plugin in plugins for stream in plugin.writes}
    for plugin in plugins:
        for feed in plugin.feeds:
            if feed.stream not in streams:
                remedy = nearest(feed.stream, streams)
                yield f"the plugin {plugin.name!r} is fed by the stream {feed.stream!r}, which nobody writes; {remedy}"
            elif streams[feed.stream].in_memory:
                yield f"the plugin {plugin.name!r} is fed by {feed.stream!r}, which is lost with its writer; read it"


def _routes(plugins: Collection[Plugin]) -> Iterator[str]:
    sound: list[Plugin] = []
    for plugin in plugins:
        try:
            overlaps(claims_of([plugin]))
            sound.append(plugin)
        except BadRoute as error:
            yield f"{error}; write it as Route.path documents"
    for one, other in overlaps(claims_of(sound)):
        url = f"{one.route.method} {template(one.route.path)}"
        yield f"{url} is claimed by {one.plugin!r} and by {other.plugin!r}; only one plugin can answer it"


def _owners(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for name, plugin in pairs:
        owners[name].append(plugin)
    return owners


def _contested(kind: str, verb: str, owners: Mapping[str, list[str]]) -> Iterator[str]:
    for name, plugins in owners.items():
        if len(plugins) > 1:
            both = " and by ".join(map(repr, plugins))
            yield f"the {kind} {name!r} is {verb} by {both}; only one plugin can"
