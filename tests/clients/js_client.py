"""matrix-js-sdk in Node.js, one process for each device."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from hs_core.testing.homeserver import Homeserver
from tests.clients.nio_client import PASSWORD

SOURCES = Path(__file__).parent / "js"
INSTALLED = Path(__file__).parents[2] / ".cache" / "clients-js"
"""Where the packages are, as `package-lock.json` pins them."""
PINNED = ("package.json", "package-lock.json", ".npmrc")
OLDEST_NODE = 20
_PATIENCE = 90.0
_turns = count()
_MAX_LINE = 1024 * 1024


def require_js() -> None:
    """Skip the test, and say why, where matrix-js-sdk cannot be had."""
    reason = _missing()
    if reason is not None:
        pytest.skip(reason)


@cache
def _missing() -> str | None:
    """Why there is no matrix-js-sdk; `None` if there is. The first to ask installs it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "Node.js with npm is not installed"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0] or 0) < OLDEST_NODE:
        return f"matrix-js-sdk needs Node.js {OLDEST_NODE}, and here is {version or 'none'}"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    with (INSTALLED / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return None if _is_installed() else _install(npm)


def _is_installed() -> bool:
    """What was pinned when it was installed is written last."""
    written = INSTALLED / "installed"
    return written.exists() and written.read_text() == _pins()


def _pins() -> str:
    return (SOURCES / "package-lock.json").read_text()


def _install(npm: str) -> str | None:
    for name in PINNED:
        shutil.copy(SOURCES / name, INSTALLED)
    try:
        done = subprocess.run([npm, "ci"], cwd=INSTALLED, capture_output=True, text=True, check=False, timeout=300)
    except subprocess.TimeoutExpired:
        return "matrix-js-sdk could not be installed: npm took too long"
    if done.returncode:
        return f"matrix-js-sdk could not be installed: {done.stderr.strip()[:500]}"
    (INSTALLED / "installed").write_text(_pins())
    return None


class JsDevice:
    """A device; `call` runs one of the methods of `device.mjs`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.user_id = self.device_id = ""
        self._process = process
        self._waiting: dict[int, asyncio.Future[Any]] = {}

    async def call(self, method: str, **params: Any) -> Any:
        """What the method returns; the test fails if it throws."""
        answer = asyncio.get_running_loop().create_future()
        number = len(self._waiting)
        self._waiting[number] = answer
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, "method": method, "params": params}).encode() + b"\n")
        async with asyncio.timeout(_PATIENCE):
            return await answer

    async def listen(self) -> None:
        """Take in answers until the process ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            answer = self._waiting[told["id"]]
            if not answer.done() and "error" in told:
                answer.set_exception(AssertionError(told["error"]))
            elif not answer.done():
                answer.set_result(told["result"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(AssertionError("the device is gone"))


@asynccontextmanager
async def js_device(server: Homeserver, user_id: str) -> AsyncIterator[JsDevice]:
    """A new device of the user, with the usual password, that is logged in and syncs, at one process of the server.

    What it complains of is shown with the test's output.
    """
    script = INSTALLED / "device.mjs"
    script.write_bytes((SOURCES / "device.mjs").read_bytes())  # beside the packages that it needs
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", script, stdin=pipe, stdout=pipe, limit=_MAX_LINE)
    device = JsDevice(process)
    listening = asyncio.create_task(device.listen())
    try:
        url = server.urls[next(_turns) % len(server.urls)]
        session = await device.call("login", url=url, user=user_id, password=PASSWORD)
        device.user_id, device.device_id = session["user_id"], session["device_id"]
        yield device
    finally:
        process.kill()
        await process.wait()
        await listening
