"""Find and load what is installed: the entry points of group `hs.plugins`. One that is broken is named, not fatal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from stevedore import ExtensionManager

from hs_core.config.problems import nearest
from hs_core.plugin.declaration import Plugin

GROUP: Final = "hs.plugins"


class PluginError(Exception):
    """Plugins that do not work, alone or together. Each of `lines` is for a person, the first one first."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


@dataclass(frozen=True, slots=True)
class Installed:
    """A plugin and where it comes from."""

    plugin: Plugin
    package: str
    version: str


@dataclass(frozen=True, slots=True)
class Broken:
    """An entry point that cannot be used."""

    name: str
    package: str
    cause: str

    def __str__(self) -> str:
        return f"the plugin {self.name!r} of the package {self.package} does not load: {self.cause}"


@dataclass(frozen=True, slots=True)
class Discovery:
    """What is installed, each plugin after those that it requires, and what is broken."""

    installed: Mapping[str, Installed]
    broken: tuple[Broken, ...] = ()

    @property
    def plugins(self) -> dict[str, Plugin]:
        return {name: each.plugin for name, each in self.installed.items()}

    def select(self, wanted: Iterable[str], excepted: Iterable[str] = ()) -> list[str]:
        """The names among `wanted`, where `"*"` stands for all, in the order in which they can start.

        Raises PluginError, naming every one that is broken or not installed.
        """
        broken = {each.name: each for each in self.broken}
        names = set(wanted)
        if "*" in names:
            names = (names - {"*"}) | set(self.installed) | set(broken)
        names -= set(excepted)
        if unusable := sorted(name for name in names if name not in self.installed):
            raise PluginError(
                str(broken[name])
                if name in broken
                else f"the plugin {name!r} is not installed; {nearest(name, self.installed)}"
                for name in unusable
            )
        return [name for name in self.installed if name in names]


class _Manager(ExtensionManager[Any]):
    """stevedore without its cache of entry points, which takes two installations within minutes for one."""

    def list_entry_points(self) -> list[EntryPoint]:
        return list(entry_points(group=self.namespace))


def discover() -> Discovery:
    """Load every declaration of the environment. What fails is in `broken`."""
    found: dict[str, Installed] = {}
    broken: list[Broken] = []

    def failed(_manager: Any, entry_point: EntryPoint, error: BaseException) -> None:
        broken.append(Broken(entry_point.name, _origin(entry_point)[0], _cause(error)))

    for extension in _Manager(GROUP, on_load_failure_callback=failed).extensions:
        name: str = extension.name
        plugin: Any = extension.plugin
        package, version = _origin(extension.entry_point)
        if cause := _misdeclared(extension.entry_point, plugin, found.get(name)):
            broken.append(Broken(name, package, cause))
        else:
            found[name] = Installed(plugin, package, version)
    return Discovery(in_order(found.values()), tuple(sorted(broken, key=lambda each: each.name)))


def _misdeclared(entry_point: EntryPoint, plugin: object, taken: Installed | None) -> str | None:
    if not isinstance(plugin, Plugin):
        return f"{entry_point.value} is not a Plugin"
    if plugin.name != entry_point.name:
        return f"it calls itself {plugin.name!r}"
    if taken is not None:
        return f"the package {taken.package} has one of that name already"
    return None


def in_order(found: Iterable[Installed]) -> dict[str, Installed]:
    """Each after those that it requires, otherwise by name. What requires each other in a circle is ordered by name."""
    remaining = {each.plugin.name: each for each in sorted(found, key=lambda each: each.plugin.name)}
    ordered: dict[str, Installed] = {}
    while remaining:
        ready = [name for name, each in remaining.items() if not remaining.keys() & {*each.plugin.requires} - {name}]
        for name in ready or list(remaining)[:1]:
            ordered[name] = remaining.pop(name)
    return ordered


def _origin(entry_point: EntryPoint) -> tuple[str, str]:
    """Name and version of the package."""
    package = entry_point.dist
    return (package.name, package.version) if package else ("unknown", "unknown")


def _cause(error: BaseException) -> str:
    """One line."""
    first = (str(error).strip().splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
