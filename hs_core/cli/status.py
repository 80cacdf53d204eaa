"""`hs status`: the live deployment, for people and for programs."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from hs_core.cli.command import Command
from hs_core.cli.settings import config_argument, load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hs_core.config import Config
    from hs_core.plugin.declaration import Plugin
    from hs_core.status.overview import Overview

INTERVAL = 2.0
"""Seconds between two looks of --watch."""

DESCRIPTION = """\
Reads the database, and asks each process that it finds there. Exit status: 0 if all is well, 1 if something is missing:
no process runs, one does not answer or is not ready, a plugin is active nowhere, or slots have no owner.
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    ways.add_argument("--json", action="store_true", help="for programs")


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.status.overview import overview

    config, discovery = load_settings(arguments)
    if arguments.watch:
        with suppress(KeyboardInterrupt):
            asyncio.run(_watch(config, discovery.plugins))
        return 0
    seen = asyncio.run(overview(config, discovery.plugins))
    if arguments.json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(as_json(seen))).decode())
    else:
        from rich.console import Console

        from hs_core.status.tables import tables

        Console().print(tables(seen))
    return 1 if seen.problems else 0


def as_json(seen: Overview) -> dict[str, object]:
    """All that is known, and what is wrong with it in words."""
    import msgspec

    return {**msgspec.structs.asdict(seen), "problems": seen.problems}


async def _watch(config: Config, installed: Mapping[str, Plugin]) -> None:
    from rich.live import Live

    from hs_core.db import DatabaseError
    from hs_core.status.overview import overview
    from hs_core.status.tables import watched

    with Live(screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(watched(await overview(config, installed)), refresh=True)
            except DatabaseError as error:
                live.update(f"the database: {error}", refresh=True)
            await asyncio.sleep(INTERVAL)


COMMAND = Command("the live deployment: processes, who owns what, how far everybody is", _arguments, _run, DESCRIPTION)
