"""The status of a deployment of one process, beside the running server."""

from pathlib import Path
from typing import Any

from hs_core.plugin.declaration import Plugin
from hs_core.status.overview import overview
from hs_core.testing.homeserver import homeserver
from tests.core.streams.notes import NOTES

PLUGIN = Plugin("notes", writes=[NOTES], reads=[NOTES.name])


def listening(folder: Path) -> dict[str, Any]:
    return {"listeners": [{"socket": str(folder / "hs.sock"), "resources": ["metrics"]}]}


async def test_a_running_server_is_asked_how_it_is(tmp_path: Path, database_url: str) -> None:
    async with homeserver(tmp_path, database_url, settings=listening(tmp_path), plugins=[PLUGIN]) as server:
        seen = await overview(server.core.config, server.core.installed)

    (process,) = seen.processes
    assert process.name == "test"
    assert process.plugins == ["notes"]
    assert process.ready
    assert process.lag == {NOTES.name: 0}
    assert process.memory
    (notes,) = seen.streams
    assert notes.owners == {process.id: list(range(NOTES.slots))}
    assert (notes.plugin, notes.unowned) == ("notes", [])
    assert seen.problems == []


async def test_a_server_that_does_not_run_is_no_process(tmp_path: Path, database_url: str) -> None:
    async with homeserver(tmp_path, database_url, settings=listening(tmp_path), plugins=[PLUGIN]) as server:
        core = server.core
    seen = await overview(core.config, core.installed)

    assert seen.processes == []
    assert seen.problems == ["no process is running"]


async def test_a_server_that_cannot_be_asked_is_a_problem(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hs.db"
    async with homeserver(tmp_path, url, plugins=[PLUGIN]) as server:
        seen = await overview(server.core.config, server.core.installed)

    assert seen.problems == ["test: it has no listener whose port is known, to be asked on"]
