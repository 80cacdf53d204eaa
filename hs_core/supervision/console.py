"""One stream of log lines out of many, each with the name of the process that wrote it."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Final, TextIO, cast

_COLOURS: Final = (36, 32, 33, 35, 34, 96, 92, 93, 95, 94)


class Console:
    """Writes whole lines to `stream`, with a name before each; on a terminal each name has its colour.

    Lines that are JSON are left as they are, for programs to read: the name of the process is a field of theirs.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._labels: dict[str, int] = {}
        self._width = 0

    def labelled(self, name: str) -> Callable[[str], None]:
        """Writes a line of this process."""
        self._labels.setdefault(name, _COLOURS[len(self._labels) % len(_COLOURS)])
        self._width = max(self._width, len(name))
        return lambda line: self._write(name, line)

    def stream(self, name: str) -> TextIO:
        """For structlog, which writes lines and asks whether they are for a terminal."""
        return cast(TextIO, _Labelled(self.labelled(name), self._coloured))

    def _write(self, name: str, line: str) -> None:
        line = line.rstrip("\r\n")
        if not line.startswith('{"'):
            line = f"{self._label(name)} {line}"
        with suppress(OSError):  # the terminal is gone: the servers need not go, too
            self._stream.write(f"{line}\n")
            self._stream.flush()

    def _label(self, name: str) -> str:
        label = f"{name:<{self._width}} |"
        return f"\033[{self._labels[name]}m{label}\033[0m" if self._coloured else label


class _Labelled:
    """What writes to it is one of the processes."""

    def __init__(self, write_line: Callable[[str], None], coloured: bool) -> None:
        self._write_line = write_line
        self._coloured = coloured

    def write(self, text: str) -> int:
        for line in text.splitlines():
            self._write_line(line)
        return len(text)

    def flush(self) -> None:
        """Lines are written at once."""

    def isatty(self) -> bool:
        return self._coloured
