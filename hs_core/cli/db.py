"""`hs db`: the schema by hand, though a server migrates by itself when it starts; and moving to another database."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final, TextIO

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

if TYPE_CHECKING:
    from hs_core.config import Config
    from hs_core.db.copying import Progress
    from hs_core.db.migrate import Migrations
    from hs_core.plugin.discovery import Discovery

_WIDTH: Final = 30
"""Characters of the bar."""


def _arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, text in (("migrate", "apply what is pending"), ("status", "what is applied, and what is pending")):
        config_argument(verbs.add_parser(verb, help=text, description=text))
    text = "copy everything into an empty database; stop the server before. Broken off, it goes on when it is run again"
    copying = verbs.add_parser("copy", help=text, description=text)
    config_argument(copying)
    copying.add_argument("--to", metavar="URL", required=True, help="such as postgresql://USER:PASSWORD@HOST/NAME")


def _run(arguments: argparse.Namespace) -> int:
    config, discovery = load_settings(arguments)
    if arguments.verb == "copy":
        return asyncio.run(_copy(config, histories(discovery), arguments.to))
    return asyncio.run((_migrate if arguments.verb == "migrate" else _status)(config, histories(discovery)))


def histories(discovery: Discovery) -> list[Migrations]:
    """The core's schema, then that of each installed plugin after those that it requires."""
    from hs_core.db.migrate import Migrations

    found = [plugin.migrations for plugin in discovery.plugins.values()]
    return [Migrations("hs_core"), *(history for history in found if history is not None)]


async def _migrate(config: Config, schema: list[Migrations]) -> int:
    from hs_core.db import open_database
    from hs_core.db.migrate import migrate

    config.data_dir.mkdir(parents=True, exist_ok=True)
    db = await open_database(config.database.url)
    try:
        applied = await migrate(db, schema)
    finally:
        await db.close()
    for migration in applied:
        print(f"applied {migration.plugin} {migration.version:03d} {migration.name}")
    print(f"{len(applied)} applied, nothing is pending" if applied else "nothing was pending")
    return 0


async def _status(config: Config, schema: list[Migrations]) -> int:
    from hs_core.db import open_database
    from hs_core.db.migrate import status

    config.data_dir.mkdir(parents=True, exist_ok=True)
    db = await open_database(config.database.url)
    try:
        lines = await status(db, schema)
    finally:
        await db.close()
    for line in lines:
        when = f"applied {line.applied_at}" if line.applied_at else "pending"
        print(f"{line.plugin:<28} {line.version:03d} {line.name:<32} {when}{'' if line.known else ', unknown here'}")
    return 0


async def _copy(config: Config, schema: list[Migrations], url: str) -> int:
    from hs_core.db import open_database
    from hs_core.db.copying import copy

    try:
        source, target = await open_database(config.database.url), await open_database(url)
    except ValueError as error:
        raise Failure([str(error)], 2) from None
    bar = _Bar(sys.stderr)
    try:
        async for progress in copy(source, target, schema):
            bar.show(progress)
            if progress.table_done:
                bar.hide()
                print(f"{progress.table:<32} {progress.rows} rows", flush=True)
    finally:
        bar.hide()
        await source.close()
        await target.close()
    print("copied, and counted; now set database.url to the new one")
    return 0


class _Bar:
    """How far a copy has come, in one line at the foot of a terminal."""

    def __init__(self, terminal: TextIO) -> None:
        self._terminal = terminal if terminal.isatty() else None
        self._shown = 0

    def show(self, progress: Progress) -> None:
        done = progress.all_rows / max(progress.of_all, 1)
        line = (
            f"[{'#' * round(done * _WIDTH):<{_WIDTH}}] {done:4.0%}  {progress.table}: {progress.rows} of {progress.of}"
        )
        self._write(f"\r{line:<{self._shown}}")
        self._shown = len(line)

    def hide(self) -> None:
        self._write(f"\r{'':<{self._shown}}\r" if self._shown else "")
        self._shown = 0

    def _write(self, text: str) -> None:
        if self._terminal is not None:
            self._terminal.write(text)
            self._terminal.flush()


COMMAND = Command("the database: migrate, status, copy", _arguments, _run)
