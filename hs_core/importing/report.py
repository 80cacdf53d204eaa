"""What became of every option."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import yaml

_HEAD = """\
# Made by `hs import-config`. Its report said what was not taken over; `hs check -c FILE` says what is still wrong.
"""


class Outcome(Enum):
    """What became of an option."""

    KEPT = "kept"
    """The same name and meaning."""
    MAPPED = "mapped"
    """Another name or form for what it meant."""
    DROPPED = "dropped"
    """Not taken over; the reason is given."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the report."""

    option: str
    """As it was written: `rc_login.address`, or `sync1: worker_app` in a worker's file."""
    outcome: Outcome
    text: str
    """The new setting and what is to be known about it, or the reason."""

    def __str__(self) -> str:
        arrow = " -> " if self.outcome is Outcome.MAPPED else ": "
        return (
            f"{self.outcome.value:<8} {self.option}{arrow}{self.text}"
            if self.text
            else (f"{self.outcome.value:<8} {self.option}")
        )


@dataclass
class Imported:
    """The new configuration in the making, and the report."""

    settings: dict[str, Any] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)

    def set(self, setting: str, value: object) -> None:
        """Set a dotted name."""
        *sections, key = setting.split(".")
        place = self.settings
        for section in sections:
            place = place.setdefault(section, {})
        place[key] = value

    def keep(self, option: str, setting: str, value: object, note: str = "") -> None:
        """Take a value over under the name `setting`."""
        self.set(setting, value)
        if option == setting:
            self.lines.append(Line(option, Outcome.KEPT, note))
        else:
            self.lines.append(Line(option, Outcome.MAPPED, f"{setting}; {note}" if note else setting))

    def map(self, option: str, text: str) -> None:
        """Say what became of an option whose new settings are made elsewhere."""
        self.lines.append(Line(option, Outcome.MAPPED, text))

    def drop(self, option: str, reason: str) -> None:
        self.lines.append(Line(option, Outcome.DROPPED, reason))

    def yaml(self) -> str:
        """The text of the new file."""
        text: str = yaml.safe_dump(_literal(self.settings), sort_keys=False, allow_unicode=True, width=120)
        return _HEAD + text

    def report(self) -> str:
        """For people, one line for each option."""
        return "".join(f"{line}\n" for line in self.lines)


def _literal(value: Any) -> Any:
    """The value in a form in which no `${NAME}` is read from the environment."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, Mapping):
        return {key: _literal(each) for key, each in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        return [_literal(each) for each in value]
    return value
