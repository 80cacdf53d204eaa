"""`hs run`: one process of a server, from the command line to the function that lives its life."""

from __future__ import annotations

import argparse
import gc
import shlex
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING

from hs_core.cli.check import unusable_certificates
from hs_core.cli.command import Command, Failure
from hs_core.cli.settings import config_argument, load_settings

if TYPE_CHECKING:
    from hs_core.config import Config, Listener, Process
    from hs_core.plugin.discovery import Discovery
    from hs_core.process import Composition

DESCRIPTION = """\
Without -c the server is called localhost, listens on http://127.0.0.1:8008 and keeps its data in ./hs-data.
Ctrl-C finishes what is being answered, then ends the server.
"""


def _arguments(parser: argparse.ArgumentParser) -> None:
    config_argument(parser)
    parser.add_argument("--process", metavar="NAME", help="run this entry of the configuration's `processes`")
    parser.add_argument("--replica", metavar="K", type=int, help="which replica of --process, from 0; default: 0")
    parser.add_argument("--plugins", metavar="A,B", help="activate just these plugins")
    parser.add_argument(
        "--listen", metavar="HOST:PORT", action="append", default=[], help="listen here instead; may be repeated"
    )
    parser.add_argument("--name", metavar="NAME", help="what the process is called in logs and metrics")


def _run(arguments: argparse.Namespace) -> int:
    gc.disable()  # until the process serves: what a start makes stays, and a fourth of it was to look at that

    import uvloop

    from hs_core import logs
    from hs_core.config.appservices import read_appservices
    from hs_core.server import serve

    config, discovery = load_settings(arguments)
    composition = compose(config, discovery, arguments)
    if problems := list(unusable_certificates(composition.listeners)):
        raise Failure(problems, 2)
    read_appservices(config)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    logs.configure(config.logging, composition.name)
    try:
        uvloop.run(serve(config, composition, lambda addresses: _announce(config, addresses, arguments.config)))
    except KeyboardInterrupt:
        return 0
    return 0


def compose(config: Config, discovery: Discovery, arguments: argparse.Namespace) -> Composition:
    """What the process is made of. Raises PluginError if plugins do not fit together, Failure for wrong arguments."""
    from hs_core.plugin.checks import check_active, check_installed, check_streams
    from hs_core.plugin.discovery import PluginError
    from hs_core.process import Composition

    plugins = discovery.plugins
    wanted: tuple[str, ...] = ("*",)
    excepted: tuple[str, ...] = ()
    listeners, name = config.listeners, "hs"
    if arguments.process is not None:
        process = config.processes[_process(config, arguments.process)]
        replica = _replica(process, arguments)
        wanted, excepted = process.plugins, process.except_
        listeners = tuple(listener.of_replica(replica) for listener in process.listeners)
        name = process.name_of_replica(arguments.process, replica)
    if arguments.plugins is not None:
        wanted, excepted = tuple(filter(None, arguments.plugins.split(","))), ()
    active = discovery.select(wanted, excepted)
    lines = check_installed(list(plugins.values()), discovery.broken) + check_streams(
        list(plugins.values()), config.streams
    )
    alone = config.redis.url is None or config.database.url.startswith("sqlite:")
    if lines := lines or (check_active(plugins, active) if alone else []):
        raise PluginError(lines)
    if arguments.listen:
        listeners = tuple(map(parse_listen, arguments.listen))
    return Composition(plugins, active, listeners, arguments.name or name)


def _process(config: Config, name: str) -> str:
    """`name`, if there is such an entry. Raises Failure."""
    from hs_core.config import nearest

    if name not in config.processes:
        raise Failure([f"the configuration has no process {name!r}; {nearest(name, config.processes)}"], 2)
    return name


def _replica(process: Process, arguments: argparse.Namespace) -> int:
    """Which replica this is. Raises Failure."""
    replica: int = arguments.replica or 0
    if not 0 <= replica < process.replicas:
        raise Failure(
            [f"--replica {replica}: the process {arguments.process!r} has {process.replicas}, counted from 0"], 2
        )
    return replica


def parse_listen(text: str) -> Listener:
    """The listener that `HOST:PORT` or `[IPV6]:PORT` means: for everything on loopback, elsewhere for what is public.

    Raises Failure.
    """
    from hs_core.config import PUBLIC_RESOURCES, Listener
    from hs_core.plugin.declaration import Resource

    host, separator, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not separator or not host or not port.isdecimal() or int(port) > 65535:
        raise Failure([f"--listen {text}: write HOST:PORT, such as 127.0.0.1:8008 or [::1]:8008"], 2)
    return Listener(host, int(port), resources=tuple(Resource) if _is_loopback(host) else PUBLIC_RESOURCES)


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _announce(config: Config, addresses: Sequence[str], file: str | None) -> None:
    """Where it listens, and how to create the first user: for people, not for what supervises it."""
    from hs_core.notify import supervised

    if supervised():
        return
    where = ", ".join(addresses) or "no address"
    option = f" -c {shlex.quote(file)}" if file else ""
    print(f"hs: {config.server_name} is listening on {where}")
    print(f"hs: to create the first user, an administrator: hs user create{option} --admin NAME")
    sys.stdout.flush()


COMMAND = Command("run a server, or one process of it, until it is told to stop", _arguments, _run, DESCRIPTION)
