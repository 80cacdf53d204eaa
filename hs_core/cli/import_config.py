"""`hs import-config`: a Synapse deployment's configuration as one hs.yaml."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hs_core.cli.command import Command, Failure

DESCRIPTION = """\
Reads homeserver.yaml, other files of its folder conf.d, and workers' files in any order, and prints one hs.yaml; the
report of every option (kept, mapped to another, dropped and why) goes to standard error. Only configuration is taken
over: users, rooms and media stay where they are.
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", type=Path, help="homeserver.yaml, and workers' files")
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write hs.yaml there; nothing is overwritten")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.clock import SystemClock
    from hs_core.importing import Outcome, import_config
    from hs_core.plugin.discovery import discover

    discovery = discover()
    try:
        files = [_read(file) for file in arguments.files]
        imported = import_config(files, list(discovery.plugins), lambda: SystemClock().random_text(43))
    except ValueError as error:
        raise Failure([str(error)], 2) from None
    if arguments.output is None:
        sys.stdout.write(imported.yaml())
    else:
        _write(arguments.output, imported.yaml())
    sys.stderr.write(imported.report())
    count = {outcome: sum(line.outcome is outcome for line in imported.lines) for outcome in Outcome}
    print(", ".join(f"{number} {outcome.value}" for outcome, number in count.items()), file=sys.stderr)
    return 0


def _read(file: Path) -> Mapping[str, Any]:
    """Raises ValueError, OSError."""
    import yaml

    try:
        value = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"{file} is not YAML: {error}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not UTF-8 text") from None
    if not isinstance(value, dict):
        raise ValueError(f"{file} is not a list of settings")
    return {str(key): each for key, each in value.items()}


def _write(file: Path, text: str) -> None:
    """For the owner alone: there are secrets in it."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failure([f"{file} is there already, and nothing is overwritten; move it away first"]) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as output:
        output.write(text)


COMMAND = Command("a Synapse deployment's configuration as one hs.yaml", _arguments, _run, DESCRIPTION)
