"""A deployment of real processes for tests: each is an `hs run --process NAME` that can be killed or stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from hs_core import keyfile
from hs_core.clock import SystemClock
from hs_core.config import Listener, load
from hs_core.plugin.declaration import Resource
from hs_core.plugin.discovery import discover
from hs_core.process import Composition, running
from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Check

HS = str(Path(sys.executable).with_name("hs"))
SECRET = "the secret of the tests' deployments"
PATIENCE = 60.0
"""Seconds, before a test that waits for ever fails."""


class RunningProcess:
    """One process: `url` is where it answers, from its last start on."""

    def __init__(self, deployment: Deployment, name: str, replica: int = 0) -> None:
        self.name = name
        self.replica = replica
        self.url = ""
        self.command = deployment.command
        """What `hs` is for its next start: tests of upgrades change it."""
        self._deployment = deployment
        self._process: asyncio.subprocess.Process | None = None

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The one that runs, or ran last."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process

    @property
    def is_up(self) -> bool:
        """Whether it was started, and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            *("run", "-c", "hs.yaml", "--process", self.name, "--replica", str(self.replica)),
            cwd=self._deployment.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("HS_")},
            stdout=asyncio.subprocess.PIPE,
            stderr=(self._deployment.folder / f"{self.name}.err").open("ab"),
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            said = (await self._process.stdout.readline()).decode()
        assert " is listening on http://" in said, (said, self._deployment.said_by(self.name))
        self.url = said.split()[-1]

    async def stop(self) -> int:
        """Tell it to stop, and wait; its exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self._ended()

    async def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        await self._ended()

    def freeze(self) -> None:
        """It does nothing any more, until it is thawed, and does not end."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on as if nothing had been."""
        self.process.send_signal(signal.SIGCONT)

    async def _ended(self) -> int:
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()


class Deployment:
    """The processes of one configuration."""

    def __init__(
        self,
        folder: Path,
        database: str,
        redis: str,
        layout: Mapping[str, Any],
        command: Sequence[str] = (HS,),
        **settings: Any,
    ) -> None:
        """`layout` is the section `processes` of the configuration; each gets a listener that the system chooses.

        `command` is what `hs` is.
        """
        self.folder = folder
        self.command = command
        listeners = [{"port": 0, "resources": ["client", "media", "federation", "keys", "admin", "metrics"]}]
        wanted = {
            "server_name": "hs.test",
            "public_baseurl": "https://hs.test/",
            "data_dir": str(folder / "data"),
            "database": {"url": database},
            "redis": {"url": redis},
            "cluster": {"secret": SECRET},
            "processes": {name: {"listeners": listeners, **process} for name, process in layout.items()},
            "registration": {"enabled": True, "guests": True, "shared_secret": SECRET},
            "password_hash": {"cost": "minimum"},
            "rate_limits": {"enabled": False},
            "logging": {"level": "INFO", "format": "json"},
            **settings,
        }
        folder.mkdir(exist_ok=True)
        (folder / "hs.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
        self.processes = {
            f"{name}-{replica}" if process.get("replicas", 1) > 1 else name: RunningProcess(self, name, replica)
            for name, process in layout.items()
            for replica in range(process.get("replicas", 1))
        }

    def __getitem__(self, name: str) -> RunningProcess:
        return self.processes[name]

    @property
    def urls(self) -> list[str]:
        """Where the processes answer that are up."""
        return [process.url for process in self.processes.values() if process.is_up]

    async def start(self, names: Collection[str] | None = None) -> None:
        """Start all that are not up, or those of these names, one beside the other; wait until everybody is ready."""
        wanted = [self[name] for name in self.processes if names is None or name in names]
        await asyncio.gather(*(process.start() for process in wanted if not process.is_up))
        await self.ready()

    async def ready(self) -> None:
        """Wait until every process has what it needs of the others."""
        for url in self.urls:
            async with Client(url) as client, asyncio.timeout(PATIENCE):
                while (await client.answer("GET", "/health/ready")).status != 200:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)

    async def end(self) -> None:
        """End what is still up, in no orderly way."""
        for process in self.processes.values():
            if process.is_up:
                await process.kill()

    @asynccontextmanager
    async def joined(self) -> AsyncIterator[Homeserver]:
        """The deployment, with one process more in the test's own event loop, in which no plugin is active.

        All that is asked of it is done by the others.
        """
        installed = discover().plugins
        config = load(self.folder / "hs.yaml", {name: plugin.config for name, plugin in installed.items()}, {})
        clock = SystemClock()
        key = keyfile.read_or_create(config.signing_key_path, clock)
        composition = Composition(installed, [], (Listener(port=0, resources=tuple(Resource)),), "test")
        async with running(config, composition, key, clock) as process:
            yield Homeserver([*process.addresses, *self.urls], config.server_name, SECRET, process.core)

    def client(self, name: str, check: Check | None = None) -> Client:
        """A client of one process."""
        return Client(self[name].url, shared_secret=SECRET, check=check)

    def said_by(self, name: str) -> str:
        """The log of a process, and of its replicas."""
        return (self.folder / f"{name}.err").read_text(errors="replace")


@asynccontextmanager
async def deployed(
    folder: Path,
    database: str,
    redis: str,
    layout: Mapping[str, Any],
    names: Collection[str] | None = None,
    **settings: Any,
) -> AsyncIterator[Deployment]:
    """A deployment whose processes, or those of these `names`, are up and ready; none of them outlives the block."""
    deployment = Deployment(folder, database, redis, layout, **settings)
    try:
        await deployment.start(names)
        yield deployment
    finally:
        await deployment.end()
