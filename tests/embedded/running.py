"""`hs run` in a folder, started, stopped and killed as tests want."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from hs_core.testing.client import Client

HS = Path(sys.executable).with_name("hs")
SECRET = "the secret of embedded tests"
PATIENCE = 60.0
USUAL_DESCRIPTORS = 1024
"""The soft limit of open files that most systems give a process."""


class HsRun:
    """One folder's server. `url` is where it answers, from the last start on."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.url = ""
        self.log = folder / "hs.log"
        self._process: asyncio.subprocess.Process | None = None
        wanted = {
            "server_name": "hs.test",
            "data_dir": str(folder / "data"),
            "listeners": [{"port": 0, "resources": ["client", "admin"]}],
            "registration": {"enabled": True, "shared_secret": SECRET},
            "password_hash": {"cost": "minimum"},
            "rate_limits": {"enabled": False},
            "logging": {"level": "WARNING", "file": str(self.log), "format": "json"},
            **settings,
        }
        (folder / "hs.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The one that runs, or ran last."""
        assert self._process is not None
        return self._process

    async def spawn(self) -> asyncio.subprocess.Process:
        """Begin a process, without waiting for what becomes of it."""
        return await asyncio.create_subprocess_exec(
            HS,
            "run",
            "-c",
            "hs.yaml",
            cwd=self.folder,
            env={name: value for name, value in os.environ.items() if not name.startswith("HS_")},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_as_usual,
        )

    async def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = await self.spawn()
        assert self._process.stdout is not None
        async with asyncio.timeout(PATIENCE):
            said = (await self._process.stdout.readline()).decode()
        assert " is listening on http://" in said, (said, await self._process.communicate())
        self.url = said.split()[-1]

    async def stop(self) -> int:
        """Tell it to stop; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        await self.ended()

    async def ended(self) -> int:
        """Wait for its end; the exit status."""
        async with asyncio.timeout(PATIENCE):
            return await self.process.wait()

    def client(self) -> Client:
        """A client of the server as it runs now."""
        return Client(self.url, shared_secret=SECRET)


def _as_usual() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL_DESCRIPTORS, hard), hard))


@asynccontextmanager
async def hs_run(folder: Path, **settings: Any) -> AsyncIterator[HsRun]:
    """A server that answers, and does not outlive the block."""
    server = HsRun(folder, **settings)
    try:
        await server.start()
        yield server
    finally:
        if server.process.returncode is None:
            await server.kill()
