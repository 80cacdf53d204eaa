"""Which requests go where: the part that all proxies have in common."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from hs_core.config import PUBLIC_RESOURCES, Config
from hs_core.http.routes import Claim, claims_of
from hs_core.plugin.declaration import By, Plugin, Resource
from hs_core.proxy_config.deployment import Deployment, Member
from hs_core.proxy_config.front import Front
from hs_core.proxy_config.shapes import Shape, unnamed, up_to_part
from hs_core.proxy_config.upstreams import Upstream, Upstreams

_PREFIXES = (
    (Resource.FEDERATION, "/_matrix/federation/.*"),
    (Resource.KEYS, "/_matrix/key/.*"),
    (Resource.MEDIA, "/_matrix/(?:client/v1/)?media/.*"),
)
"""Where requests of each kind are found that no installed plugin declares."""

_OURS = {
    Resource.ADMIN: ("/_synapse/admin(?:/.*)?", "/_synapse/[^/]*%.*"),
    Resource.METRICS: ("/metrics", "/health(?:/.*)?", "/[^/]*%.*"),
}
"""What only the server's own people should reach, whoever declares it; nor does a path spelled `%6D...` get there."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes. Without an upstream it is refused: it is not for the public."""

    upstream: Upstream | None = None
    apart: Upstream | None = None
    """Where it goes instead if it has no query parameter `parameter`, or an empty one."""
    parameter: str | None = None


REFUSED = Target()


@dataclass(frozen=True, slots=True)
class Rule:
    """All requests with one of these paths. The first rule that fits counts."""

    patterns: tuple[str, ...]
    """Regular expressions for whole paths, as they came over the wire."""
    methods: tuple[str, ...]
    """Empty: whatever the method."""
    target: Target


@dataclass(frozen=True)
class Plan:
    """Everything that a proxy needs to know."""

    front: Front
    upstreams: tuple[Upstream, ...]
    rules: tuple[Rule, ...]
    otherwise: Target
    """For requests that no rule is for."""
    room_paths: tuple[str, ...]
    """Regular expressions from the beginning of a path to the room's ID, which is their one group."""
    max_body: int
    """Bytes of the largest request."""
    notes: tuple[str, ...]
    """What whoever installs it should know."""

    def uses(self, affinity: By) -> bool:
        """Whether some upstream is chosen from by it."""
        return any(upstream.affinity is affinity for upstream in self.upstreams)


def make_plan(plugins: Iterable[Plugin], config: Config, front: Front, *, admin: bool = False) -> Plan:
    """The plan for the processes of `config`, or for `hs run` if it has none.

    `admin` publishes the administrators' endpoints, too. Raises NothingToProxy, BadRoute.
    """
    plugins = list(plugins)
    claims = claims_of(plugins)
    deployment = Deployment.of(config, [plugin.name for plugin in plugins])
    public = set(PUBLIC_RESOURCES) | ({Resource.ADMIN} if admin else set())
    if not config.federation.enabled:
        public -= {Resource.FEDERATION, Resource.KEYS}
    planner = _Planner(deployment, public)
    guard = planner.guard()
    unguarded = [claim for claim in claims if not any(re.match(each, claim.route.path) for each in guard.patterns)]
    rules = [guard, *planner.rules(unguarded), *planner.prefixes()]
    otherwise = planner.otherwise()
    while rules and rules[-1].target == otherwise:
        rules.pop()
    return Plan(
        front,
        planner.upstreams.used,
        tuple(rules),
        otherwise,
        _room_paths(claims),
        max([config.media.max_upload_size, *(claim.route.max_body for claim in claims)]),
        (*front.notes(config), *_notes(config, deployment, claims, public)),
    )


@dataclass
class _Entry:
    """A path, on its way to become part of a rule."""

    shape: Shape
    pattern: str
    methods: tuple[str, ...]
    target: Target

    def conflicts(self, other: _Entry) -> bool:
        """Whether it matters which of them is asked first."""
        return self.target != other.target and self.shape.meets(other.shape)


@dataclass
class _Planner:
    deployment: Deployment
    public: Collection[Resource]
    upstreams: Upstreams = field(default_factory=Upstreams)

    def guard(self) -> Rule:
        """What is refused, whether or not a plugin declares it."""
        patterns = [each for resource, paths in _OURS.items() if resource not in self.public for each in paths]
        return Rule(tuple(f"^{pattern}$" for pattern in patterns), (), REFUSED)

    def rules(self, claims: Sequence[Claim]) -> list[Rule]:
        """As few rules as the order of the routes allows."""
        entries = sorted(self._needed(self._entries(claims)), key=lambda entry: entry.shape.rank)
        groups: list[list[_Entry]] = []
        for entry in _with_methods(entries):
            _join(groups, entry)
        rules = []
        for group in groups:
            patterns = tuple(dict.fromkeys(f"^{entry.pattern}$" for entry in group))
            rules.append(Rule(patterns, group[0].methods, group[0].target))
        return rules

    def _needed(self, entries: list[_Entry]) -> list[_Entry]:
        """Without those whose requests would go to the same place anyway."""
        if self.prefixes():
            return entries
        usual = self.otherwise()
        return [each for each in entries if each.target != usual or any(map(each.conflicts, entries))]

    def _entries(self, claims: Sequence[Claim]) -> list[_Entry]:
        """One for each path and target, with the methods for which they belong together."""
        found: dict[tuple[str, Target], _Entry] = {}
        for claim in claims:
            key = unnamed(claim.route.path), self._target(claim)
            methods = ("GET", "HEAD") if claim.route.method == "GET" else (claim.route.method,)
            known = found.get(key)
            found[key] = (
                _Entry(Shape.of(claim), key[0], methods, key[1])
                if known is None
                else replace(known, methods=tuple(dict.fromkeys((*known.methods, *methods))))
            )
        return list(found.values())

    def _target(self, claim: Claim) -> Target:
        route = claim.route
        if route.resource not in self.public:
            return REFUSED
        answering = self.deployment.answering(route.resource, claim.plugin)
        tagged = self.deployment.answering(route.resource, claim.plugin, route.tag)
        usual = self._upstream(answering, route.resource, route.affinity)
        if tagged == answering:
            return Target(usual)
        apart = self._upstream(tagged, route.resource, route.affinity)
        return Target(apart) if route.tag_without is None else Target(usual, apart, route.tag_without)

    def _upstream(self, members: Sequence[Member], resource: Resource, affinity: By) -> Upstream | None:
        addresses = [address for member in members for address in member.addresses(resource)]
        return self.upstreams.of([member.name for member in members], addresses, affinity) if addresses else None

    def otherwise(self) -> Target:
        """Any process will do for what nobody declares: it knows who answers, or that nobody does."""
        return self._anyone(Resource.CLIENT)

    def prefixes(self) -> list[Rule]:
        """Where to send what nobody declares but whose path tells its resource."""
        return [
            Rule((f"^{prefix}$",), (), self._anyone(resource))
            for resource, prefix in _PREFIXES
            if self._anyone(resource) != self.otherwise()
        ]

    def _anyone(self, resource: Resource) -> Target:
        if resource not in self.public:
            return REFUSED
        return Target(self._upstream(self.deployment.answering(resource), resource, By.NONE))


def _with_methods(entries: Sequence[_Entry]) -> list[_Entry]:
    """Keep the methods only where nothing else tells a path from one of another target."""
    return [
        entry if any(_told_apart_by_method(entry, other) for other in entries) else replace(entry, methods=())
        for entry in entries
    ]


def _told_apart_by_method(one: _Entry, other: _Entry) -> bool:
    return set(one.methods) != set(other.methods) and one.conflicts(other)


def _join(groups: list[list[_Entry]], entry: _Entry) -> None:
    """Add an entry to the last group that is like it, unless something between must be asked before it."""
    for group in reversed(groups):
        if group[0].target == entry.target and set(group[0].methods) == set(entry.methods):
            group.append(entry)
            return
        if any(entry.conflicts(other) for other in group):
            break
    groups.append([entry])


def _room_paths(claims: Iterable[Claim]) -> tuple[str, ...]:
    by_room = (up_to_part(claim.route.path, "room") for claim in claims if claim.route.affinity is By.ROOM)
    return tuple(sorted({f"^{path}" for path in by_room if path is not None}))


def _notes(config: Config, deployment: Deployment, claims: Iterable[Claim], public: Collection[Resource]) -> list[str]:
    notes = []
    if unproxied := list(deployment.unproxied(public)):
        notes.append(
            f"add `proxied: true` to the listeners of {', '.join(unproxied)}: without it every client has the proxy's "
            "address, and shares its rate limits"
        )
    known = {claim.route.tag for claim in claims}
    unknown = {(name, tag) for name, process in config.processes.items() for tag in process.tags if tag not in known}
    notes += [f"no route has the tag {tag!r} of the process {name!r}" for name, tag in sorted(unknown)]
    return notes
