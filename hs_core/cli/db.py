"""`hs db`: the schema, by hand. A server migrates by itself when it starts."""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from hs_core.cli.command import Command
from hs_core.cli.settings import config_argument, load_settings

if TYPE_CHECKING:
    from hs_core.config import Config
    from hs_core.db.migrate import Migrations
    from hs_core.plugin.discovery import Discovery


def _arguments(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, text in (("migrate", "apply what is pending"), ("status", "what is applied, and what is pending")):
        config_argument(verbs.add_parser(verb, help=text, description=text))


def _run(arguments: argparse.Namespace) -> int:
    config, discovery = load_settings(arguments)
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


COMMAND = Command("the database's schema: migrate, status", _arguments, _run)
