"""A real homeserver for tests: the process that `hs run` makes, on a free port, in the test's own event loop."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hs_core import keyfile
from hs_core.clock import Clock, SystemClock
from hs_core.config import Config, load
from hs_core.core import Core
from hs_core.plugin.declaration import Plugin
from hs_core.plugin.discovery import discover
from hs_core.process import Composition, running

SHARED_SECRET = "the tests' shared secret"


@dataclass(frozen=True)
class Homeserver:
    """A server that answers at `urls`, one for each of its processes."""

    urls: Sequence[str]
    server_name: str
    shared_secret: str
    core: Core
    """Of one process. For tests of a plugin's services and streams; tests of behaviour talk HTTP."""

    @property
    def url(self) -> str:
        """Where it answers."""
        return self.urls[0]


@asynccontextmanager
async def homeserver(
    folder: Path,
    database_url: str,
    *,
    settings: Mapping[str, Any] | None = None,
    plugins: Sequence[Plugin] | None = None,
    active: Sequence[str] | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Homeserver]:
    """Run a server with its files in `folder`. `settings` are laid over those that tests want anyway.

    `plugins` are the installed ones, by default those of the environment; all of them are active, or those named.
    """
    installed = discover().plugins if plugins is None else {plugin.name: plugin for plugin in plugins}
    config = _config(folder, database_url, settings or {}, installed)
    clock = clock or SystemClock()
    composition = Composition(installed, list(installed) if active is None else active, config.listeners, "test")
    key = keyfile.read_or_create(config.signing_key_path, clock)
    async with running(config, composition, key, clock) as process:
        yield Homeserver(process.addresses, config.server_name, SHARED_SECRET, process.core)


def _config(folder: Path, database_url: str, settings: Mapping[str, Any], installed: Mapping[str, Plugin]) -> Config:
    file = folder / "hs.yaml"
    wanted = {
        "server_name": "hs.test",
        "public_baseurl": "https://hs.test/",
        "data_dir": str(folder / "data"),
        "database": {"url": database_url},
        "listeners": [
            {"port": 0, "resources": ["client", "media", "federation", "keys", "admin", "metrics"]},
        ],
        "registration": {"enabled": True, "guests": True, "shared_secret": SHARED_SECRET},
        "password_hash": {"cost": "minimum"},
        "rate_limits": {"enabled": False},
        **settings,
    }
    file.write_text(yaml.safe_dump(wanted), encoding="utf-8")
    return load(file, {name: plugin.config for name, plugin in installed.items()}, {})
