"""The command line: finds the command, says how it ended. A command is imported only when it is run or described.

A plugin adds a command with an entry point of group `hs.commands`: its name is the command's, its object a `Command`.
"""

import difflib
import os
import sys
from collections.abc import Sequence

from hs_core.cli.command import Command, Failure, find, names, parser

FINE, FAILED, MISUSED = 0, 1, 2

HELP = """\
usage: hs COMMAND [ARGUMENTS]

A Matrix homeserver that grows from one command to a cluster.

To begin:
  hs run                              a server on this machine, now: http://127.0.0.1:8008, data in ./hs-data
  hs init --server-name example.org   write hs.yaml, with every setting explained, and a signing key
  hs check -c hs.yaml                 find everything that is wrong with it
  hs run -c hs.yaml                   run that server

Commands:
{commands}

`hs COMMAND --help` explains one. HS_CONFIG=FILE stands for -c FILE, and HS__SECTION__KEY=VALUE for a line in it.
Exit status: 0 fine, 1 the operation failed, 2 bad usage or bad configuration.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command in `arguments` (default: those of the process) and return the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in {"-h", "--help", "help"}:
        print(HELP.format(commands=_summaries()), end="")
        return FINE if words else MISUSED
    if words[0] in {"-V", "--version"}:
        print(f"hs {_version()}")
        return FINE
    try:
        return _run(words[0], words[1:])
    except Failure as failure:
        return _complain(failure.lines, failure.status)
    except BrokenPipeError:  # whoever read the output has seen enough; Python must not try to flush it once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt:
        return _complain(["interrupted"], FAILED)


def _run(name: str, words: Sequence[str]) -> int:
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean `hs {close[0]}`?" if close else "`hs --help` lists them"
        raise Failure([f"there is no command {name!r}; {remedy}"], MISUSED)
    command = find(name)
    try:
        return command.run(parser(name, command).parse_args(words))
    except Exception as error:
        if lines := _explained(error):
            raise Failure(*lines) from error
        raise


def _explained(error: Exception) -> tuple[Sequence[str], int] | None:
    """Errors that mean something to whoever typed the command; anything else is a fault of ours, with its traceback."""
    from hs_core.config.problems import ConfigError
    from hs_core.db.errors import DatabaseError
    from hs_core.keyfile import KeyFileError
    from hs_core.plugin.discovery import PluginError
    from hs_core.plugin.hooks import BadHooks

    match error:
        case ConfigError():
            count = len(error.problems)
            heading = [] if count == 1 else [f"the configuration has {count} problems"]
            return [*heading, *map(str, error.problems)], MISUSED
        case PluginError():
            return error.lines, MISUSED
        case KeyFileError() | BadHooks():
            return str(error).splitlines(), MISUSED
        case DatabaseError():
            return str(error).splitlines(), FAILED
        case OSError():
            reason = error.strerror or str(error)
            return [f"{error.filename}: {reason}" if error.filename else reason], FAILED
        case ExceptionGroup(exceptions=(only,)):  # a group of tasks has waited for its other tasks
            return _explained(only)
        case _:
            return None


def _complain(lines: Sequence[str], status: int) -> int:
    for line in lines:
        print(f"hs: {line}" if line is lines[0] else f"    {line}", file=sys.stderr)
    return status


def _summaries() -> str:
    return "\n".join(f"  {name:<13} {_summary(name)}" for name in names())


def _summary(name: str) -> str:
    try:
        return find(name).summary
    except Failure as failure:
        return f"({failure.lines[0]})"


def _version() -> str:
    from importlib.metadata import version

    return version("hs")


__all__ = ["Command", "Failure", "main"]
