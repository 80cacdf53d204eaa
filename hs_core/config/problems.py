"""What is wrong with a configuration: where, why, and what to do about it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right. `line` counts from 1; it is 0 where a source has no lines."""

    source: str
    line: int
    message: str
    remedy: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return f"{place}: {self.message}; {self.remedy}"


class ConfigError(Exception):
    """A configuration that cannot be used. All of its `problems` are found at once, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str:
    """A remedy for a name that is not known: the one that was probably meant, or all there are."""
    names = sorted(known)
    if close := difflib.get_close_matches(word, names, n=1, cutoff=0.6):
        return f"did you mean {close[0]!r}?"
    return f"known here: {', '.join(names)}" if names else "nothing can be set here"
