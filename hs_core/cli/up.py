"""`hs up`: every process of a deployment on this host, from one command."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

if TYPE_CHECKING:
    from hs_core.config import Config
    from hs_core.supervision.child import Program
    from hs_core.supervision.console import Console
    from hs_core.supervision.supervisor import Supervisor


def _arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    parser.add_argument(
        "--process",
        metavar="NAME",
        action="append",
        default=[],
        help="only this one, with its replicas, for others run elsewhere; may be repeated",
    )


DESCRIPTION = """\
Runs each replica of each process of the configuration, or one process if there are no `processes`. One that ends is
started again, after a while if it does so repeatedly. Their logs come out here, each line with the process's name.

  SIGHUP           read the configuration again, then restart the processes one after the other, each when the one
                   before it can serve: for a new version or new settings, without a pause for clients
  SIGTERM, Ctrl-C  drain and end all of them; again: kill them
"""


def _run(arguments: argparse.Namespace) -> int:
    from hs_core import logs
    from hs_core.supervision.console import Console

    config, wanted = _wanted(arguments)
    console = Console(sys.stderr)
    logs.configure(config.logging, NAME, console.stream(NAME))
    with TemporaryDirectory(prefix="hs-up-") as folder:
        hopeful = asyncio.run(_supervise(arguments, config, wanted, console, Path(folder)))
    if not hopeful:
        raise Failure(["no process could be run as the configuration asks; their last lines say why"], 2)
    return 0


def _wanted(arguments: argparse.Namespace) -> tuple[Config, list[Program]]:
    """The configuration, and what it says should run. Raises ConfigError, PluginError, Failure."""
    from hs_core.config import nearest
    from hs_core.config.appservices import read_appservices
    from hs_core.plugin.checks import check_installed, check_streams
    from hs_core.plugin.discovery import PluginError
    from hs_core.supervision.programs import programs

    config, discovery = load_settings(arguments)
    plugins = list(discovery.plugins.values())
    if lines := check_installed(plugins, discovery.broken) + check_streams(plugins, config.streams):
        raise PluginError(lines)
    read_appservices(config)
    for name in arguments.process:
        if name not in config.processes:
            raise Failure([f"the configuration has no process {name!r}; {nearest(name, config.processes)}"], 2)
    file = None if arguments.config is None else str(Path(arguments.config).absolute())
    return config, programs(config, Path(sys.executable).with_name("hs"), file, arguments.process)


async def _supervise(
    arguments: argparse.Namespace, config: Config, wanted: list[Program], console: Console, folder: Path
) -> bool:
    from hs_core.clock import SystemClock
    from hs_core.supervision.supervisor import Supervisor

    supervisor = Supervisor(wanted, console, SystemClock(), folder)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    renewals: set[asyncio.Task[None]] = set()

    def renew() -> None:
        task = loop.create_task(_renew(arguments, supervisor))
        renewals.add(task)
        task.add_done_callback(renewals.discard)

    loop.add_signal_handler(signal.SIGHUP, renew)
    return await supervisor.run(lambda: _announce(config, len(wanted), arguments.config))


async def _renew(arguments: argparse.Namespace, supervisor: Supervisor) -> None:
    """Read the configuration again and have it run. A configuration that is wrong changes nothing."""
    import structlog

    from hs_core.config import ConfigError
    from hs_core.plugin.discovery import PluginError

    log = structlog.get_logger(__name__)
    try:
        _, wanted = _wanted(arguments)
    except (ConfigError, PluginError, Failure) as error:
        for line in str(error).splitlines():
            log.error("nothing is renewed: the configuration is wrong", problem=line)
        return
    await supervisor.renew(wanted)


def _announce(config: Config, processes: int, file: str | None) -> None:
    """That all is up, and how to create the first user."""
    option = f" -c {shlex.quote(file)}" if file else ""
    print(f"hs: {config.server_name} is up, {processes} process{'es' if processes > 1 else ''}")
    print(f"hs: to create the first user, an administrator: hs user create{option} --admin NAME")
    sys.stdout.flush()


NAME = "up"
COMMAND = Command("run and supervise every process of a configuration on this host", _arguments, _run, DESCRIPTION)
