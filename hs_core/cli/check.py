"""`hs check`: everything that can be known to be wrong before the server runs, in one list."""

from __future__ import annotations

import argparse
import asyncio
import ssl
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from hs_core.cli.command import Command
from hs_core.cli.settings import config_argument, load_placed_settings

if TYPE_CHECKING:
    from hs_core.config import Config, Listener, Places
    from hs_core.db import Transaction
    from hs_core.plugin.discovery import Discovery


def _run(arguments: argparse.Namespace) -> int:
    from hs_core.cli.outside import seen_from_outside

    config, places, discovery = load_placed_settings(arguments)
    problems = [*_plugins(config, discovery), *_files(config), *asyncio.run(_services(config, discovery))]
    name = arguments.config or "the default configuration"
    for note in [*_notes(config, discovery), *asyncio.run(seen_from_outside(config))]:
        print(f"hs: note: {note}", file=sys.stderr)
    if problems:
        print(f"hs: {name} has {len(problems)} problem{'s' if len(problems) > 1 else ''}", file=sys.stderr)
        for problem in problems:
            print(f"    {_placed(problem, places)}", file=sys.stderr)
        return 2
    print(f"{name} is fine: {config.server_name} at {config.public_baseurl}, plugins: {', '.join(discovery.installed)}")
    return 0


def _placed(problem: str, places: Places) -> str:
    """One that begins with a setting's name, with where that is written, or what is around it."""
    where = tuple(problem.partition(": ")[0].split("."))
    for end in range(len(where), 0, -1):
        if where[:end] in places:
            source, line = places[where[:end]]
            return f"{source}:{line}: {problem}" if line else f"{source}: {problem}"
    return problem


def _plugins(config: Config, discovery: Discovery) -> list[str]:
    from hs_core.plugin.checks import check_deployment, check_installed, check_streams

    plugins = list(discovery.plugins.values())
    lines = [
        *map(str, discovery.broken),
        *check_installed(plugins, discovery.broken),
        *check_streams(plugins, config.streams),
        *check_deployment(discovery.plugins, _active(config, discovery), config.streams),
    ]
    return list(dict.fromkeys(lines))


def _active(config: Config, discovery: Discovery) -> dict[str, list[str]]:
    """What is active in each process of the file."""
    broken = {each.name for each in discovery.broken}
    return {
        name: discovery.select(set(process.plugins) - broken, {*process.except_, *broken})
        for name, process in config.processes.items()
    }


def _notes(config: Config, discovery: Discovery) -> Iterator[str]:
    """What may be meant."""
    from hs_core.plugin.checks import inactive, unused_tags

    if config.processes:
        yield from unused_tags(discovery.plugins, _active(config, discovery), config.processes)
        for plugin in inactive(discovery.plugins, _active(config, discovery)):
            yield f"the plugin {plugin!r} is active in no process: what it does, this server does not do"


def _files(config: Config) -> Iterator[str]:
    """Files that must be there. The signing key need not: it is made at the first start."""
    from hs_core.clock import SystemClock
    from hs_core.keyfile import KeyFileError, read_or_create

    needed = [("appservices", path) for path in config.appservices]
    needed += [("federation.ca_file", config.federation.ca_file)] if config.federation.ca_file else []
    needed += [("saml.metadata", config.saml.metadata)] if config.saml.metadata else []
    for setting, path in needed:
        if not path.is_file():
            yield f"{setting}: there is no file {path}; write it, or remove the setting"
    yield from _registrations(config)
    processes = [listener for process in config.processes.values() for listener in process.listeners]
    yield from unusable_certificates([*config.listeners, *processes])
    if config.signing_key_path.exists():
        try:
            read_or_create(config.signing_key_path, SystemClock())
        except KeyFileError as error:
            yield f"signing_key_path: {error}; restore it from a backup, or move it away for a new one"


def _registrations(config: Config) -> Iterator[str]:
    """What is wrong with those registration files of application services that are there."""
    import msgspec

    from hs_core.config.appservices import read_appservices
    from hs_core.config.problems import ConfigError

    there = tuple(path for path in config.appservices if path.is_file())
    try:
        read_appservices(msgspec.structs.replace(config, appservices=there))
    except ConfigError as error:
        yield from map(str, error.problems)


def unusable_certificates(listeners: Iterable[Listener]) -> Iterator[str]:
    """Why listeners cannot do TLS."""
    for tls in sorted({(listener.tls.cert, listener.tls.key) for listener in listeners if listener.tls}):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*tls)
        except OSError as error:  # ssl.SSLError is one
            reason = error.strerror or str(error)
            yield f"listeners: {tls[0]} and {tls[1]} are no certificate and key: {reason}; write both as PEM"


async def _services(config: Config, discovery: Discovery) -> list[str]:
    return [*await _database(config, discovery), *await _redis(config)]


async def _database(config: Config, discovery: Discovery) -> list[str]:
    """Whether it can be opened, and has no migrations that this version does not know. A new one is not made."""
    from hs_core.cli.db import histories
    from hs_core.db import open_database
    from hs_core.db.copying import unfinished
    from hs_core.db.errors import DatabaseError, DatabaseInUse
    from hs_core.db.migrate import status
    from hs_core.db.opening import sqlite_path

    url = config.database.url
    try:
        if url.startswith("sqlite:") and not sqlite_path(url).exists():
            return []
        db = await open_database(url)
        try:
            unknown = [line for line in await status(db, histories(discovery)) if not line.known]
            allowed = await db.read(_connections) if db.engine == "postgresql" else None
            half = await unfinished(db)
        finally:
            await db.close()
    except DatabaseInUse:  # a server is running on it, so it is all right
        return []
    except (DatabaseError, ValueError, OSError) as error:
        return [f"database.url: {str(error).splitlines()[0]}; is it running, and is the URL right?"]
    if half:
        return ["database.url: it is the unfinished copy of another database; run `hs db copy` again"]
    wanted = config.database.max_connections
    few = [
        f"database.max_connections: {wanted} may be needed, and PostgreSQL allows {allowed}; lower it, or raise "
        "max_connections in postgresql.conf"
    ]
    return (few if allowed is not None and allowed < wanted else []) + [
        f"database: {line.plugin} has migration {line.version:03d} {line.name} of a newer version; update {line.plugin}"
        for line in unknown
    ]


def _connections(tx: Transaction) -> int:
    """How many the server allows to those who are not superusers."""
    return int(
        tx.value(
            "SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
        )
        or 0
    )


async def _redis(config: Config) -> list[str]:
    """Whether it answers."""
    if config.redis.url is None:
        return []
    from redis.asyncio import from_url
    from redis.exceptions import RedisError

    try:
        async with from_url(config.redis.url, socket_connect_timeout=5, socket_timeout=5) as redis:
            await redis.ping()
    except (RedisError, ValueError, OSError) as error:
        return [f"redis.url: {error}; is it running, and is the URL right?"]
    return []


COMMAND = Command("find everything that is wrong with a configuration", config_argument, _run)
