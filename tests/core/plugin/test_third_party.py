"""A plugin that is a package of its own is installed with pip, and is the equal of those that come with the server.

The package is the example of the documentation. One environment serves all tests here: a fresh one that finds what the
package depends on, this server included, in the environment of the tests.
"""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from hs_core.testing.client import Client
from tests.environments import EXAMPLE, Environment, clean, copy_example, install

SECRET = "the shared secret of this test"
CONFIG = f"""
server_name: hs.test
listeners: [{{port: 0, resources: [client]}}]
registration: {{shared_secret: {SECRET}}}
password_hash: {{cost: minimum}}
plugins:
  guestbook: {{max_length: 20, sign_before_invite: true}}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A new environment in which the example is installed, from a copy that pip may litter."""
    folder = tmp_path_factory.mktemp("third-party")
    return install(copy_example(folder), folder / "venv")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a server is configured."""
    (tmp_path / "hs.yaml").write_text(CONFIG)
    return tmp_path


@contextmanager
def running(environment: Environment, folder: Path) -> Iterator[str]:
    """The real `hs run`, in `folder`; yields where it listens."""
    command = [*environment.command, "run", "-c", "hs.yaml"]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=clean(), stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        assert process.stdout is not None
        said = process.stdout.readline()
        assert " is listening on " in said, (folder / "log").read_text()
        try:
            yield said.split()[-1]
        finally:
            process.terminate()
    assert process.returncode == 0


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[Client]:
    async with Client(url, shared_secret=SECRET) as client:
        yield client


def test_the_package_is_listed_with_all_that_it_declares(environment: Environment, folder: Path) -> None:
    done = environment.hs("plugins", "--json", cwd=folder)

    listed = {each["name"]: each for each in json.loads(done.stdout)["plugins"]}["guestbook"]
    assert (listed["package"], listed["version"], listed["services"]) == ("hs-guestbook", "1.0.0", ["guestbook"])
    assert [(route["method"], route["path"]) for route in listed["routes"]] == [
        ("PUT", "/_guestbook/v1/(?P<user_id>[^/]+)/entry"),
        ("GET", "/_guestbook/v1/(?P<user_id>[^/]+)/entries"),
    ]
    assert listed["writes"] == [{"stream": "guestbook", "version": 1, "shard_by": "user", "slots": 16}]
    assert [(task["name"], task["scope"]) for task in listed["tasks"]] == [("forget old entries", "singleton")]


def test_its_section_of_the_configuration_is_checked_like_any_other(environment: Environment, folder: Path) -> None:
    fine = environment.hs("check", "-c", "hs.yaml", cwd=folder)
    (folder / "hs.yaml").write_text(
        "server_name: hs.test\nplugins:\n  guestbook:\n    max_lenght: 20\n    keep: soon\n"
    )
    wrong = environment.hs("check", "-c", "hs.yaml", cwd=folder)

    assert (fine.returncode, wrong.returncode) == (0, 2)
    assert "hs.yaml:4: unknown key 'plugins.guestbook.max_lenght'; did you mean 'max_length'?" in wrong.stderr
    assert "hs.yaml:5: plugins.guestbook.keep: 'soon' is not a duration; write a duration such as 5s" in wrong.stderr


async def test_it_serves_beside_the_built_in_plugins(environment: Environment, folder: Path) -> None:
    with running(environment, folder) as url:
        async with client_of(url) as client:
            alice, bob = await client.register("alice"), await client.register("bob")
            room, book = await bob.create_room(), f"/_guestbook/v1/{alice.user_id}"
            invite = {"user_id": alice.user_id}

            assert await bob.error("POST", f"/rooms/{room}/invite", json=invite) == (403, "M_FORBIDDEN")
            assert (await client.answer("PUT", f"{book}/entry", json={"text": "Who?"})).status == 401
            since = (await alice.sync()).next_batch
            await bob.request("PUT", f"{book}/entry", json={"text": "May I?"})
            await bob.invite(room, alice.user_id)
            page = await alice.request("GET", f"{book}/entries")
            assert [(entry["author"], entry["text"]) for entry in page["entries"]] == [(bob.user_id, "May I?")]
            told = await alice.sync_until(lambda sync: "org.example.guestbook" in sync, since)
            assert told["org.example.guestbook"] == {"entries": page["entries"]}

    status = environment.hs("db", "status", "-c", "hs.yaml", cwd=folder)
    assert [line.split()[:4] for line in status.stdout.splitlines() if "guestbook" in line] == [
        ["hs_guestbook", "001", "entries", "applied"]
    ]


def test_its_own_tests_pass_where_it_is_installed(environment: Environment, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    shutil.copy(EXAMPLE / "pyproject.toml", tmp_path)

    done = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgresql", cwd=tmp_path)

    assert done.returncode == 0, done.stdout
