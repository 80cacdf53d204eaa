"""What a command is, and where commands come from. Listing their names imports none of them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Final

GROUP: Final = "hs.commands"
BUILT_IN: Final = ("run", "up", "status", "init", "check", "plugins", "db", "proxy-config", "systemd", "import-config")
"""In the order of the help; each is a module beside this one, `-` as `_`, with a `COMMAND`."""


class Failure(Exception):
    """The command cannot do what it was asked. The first line says it all; status 2 if the asking was wrong."""

    def __init__(self, lines: Sequence[str], status: int = 1) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)
        self.status = status


@dataclass(frozen=True)
class Command:
    """A word after `hs`."""

    summary: str
    """One line for `hs --help`, without a full stop."""
    arguments: Callable[[argparse.ArgumentParser], None]
    """Adds the command's arguments, and its verbs if it has some."""
    run: Callable[[argparse.Namespace], int]
    """Does it, and returns the exit status. Raises Failure."""
    description: str = ""
    """What `hs COMMAND --help` says beyond the summary."""


def names() -> list[str]:
    """The commands of the core, then those that plugins bring."""
    return [*BUILT_IN, *(name for name in _brought() if name not in BUILT_IN)]


def find(name: str) -> Command:
    """Import a command. Raises Failure, which names the package, if one that a plugin brings does not load."""
    if name in BUILT_IN:
        command: Command = import_module(f"hs_core.cli.{name.replace('-', '_')}").COMMAND
        return command
    entry_point = _brought()[name]
    package = entry_point.dist.name if entry_point.dist else "unknown"
    try:
        command = entry_point.load()
    except Exception as error:
        raise Failure([f"the command {name!r} of the package {package} does not load: {error}"]) from error
    if not isinstance(command, Command):
        raise Failure([f"the command {name!r} of the package {package} does not load: it is not a Command"])
    return command


def parser(name: str, command: Command) -> argparse.ArgumentParser:
    """The parser of one command's arguments; it exits with status 2 by itself."""
    made = argparse.ArgumentParser(
        prog=f"hs {name}",
        description=f"{command.summary}.\n\n{command.description}".strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.arguments(made)
    return made


@cache
def _brought() -> dict[str, EntryPoint]:
    return {each.name: each for each in sorted(entry_points(group=GROUP), key=lambda each: each.name)}
