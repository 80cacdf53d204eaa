"""The real programs, where they are installed: they accept what is generated, and send traffic as planned."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from hs_core.proxy_config import Plan, caddy, haproxy, make_plan, nginx
from hs_core.proxy_config.front import Front
from tests.core.proxy_config.toys import CLUSTER, PLUGINS, SPLIT, config_of

PROXIES = ("nginx", "haproxy", "caddy")
RENDER = {"nginx": nginx.render, "haproxy": haproxy.render, "caddy": caddy.render}
MIB = 1 << 20


def program(name: str) -> str:
    """The program's path; without it the test is skipped. Servers are often not on the path of ordinary users."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def checked(proxy: str, file: Path) -> subprocess.CompletedProcess[str]:
    folder = file.parent
    commands = {
        "nginx": ["-t", "-p", str(folder), "-c", str(file), "-g", f"pid {folder}/pid; error_log stderr;"],
        "haproxy": ["-c", "-f", str(file)],
        "caddy": ["validate", "--adapter", "caddyfile", "--config", str(file)],
    }
    home = os.environ | {"HOME": str(folder)}
    command = [program(proxy), *commands[proxy]]
    return subprocess.run(command, capture_output=True, text=True, env=home, check=False)


def written(proxy: str, plan: Plan, folder: Path) -> Path:
    """The configuration as a file, with the log where everybody may write."""
    file = folder / f"{proxy}.conf"
    file.write_text(RENDER[proxy](plan).replace("/var/log/nginx", str(folder)))
    return file


@pytest.mark.parametrize("proxy", PROXIES)
@pytest.mark.parametrize("text", [SPLIT, "server_name: example.org\n"], ids=["split", "one process"])
def test_the_program_accepts_the_configuration(proxy: str, text: str, tmp_path: Path) -> None:
    program(proxy)
    certificate, key = tmp_path / "both.pem", tmp_path / "key.pem"
    made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=a"]
    subprocess.run(
        [program("openssl"), *made, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    certificate.write_text(certificate.read_text() + key.read_text())
    config = config_of(tmp_path, text)
    plan = make_plan(PLUGINS, config, Front.of(config, certificate, key))

    result = checked(proxy, written(proxy, plan, tmp_path))
    assert result.returncode == 0, result.stderr


def test_nginx_accepts_the_site_among_others(tmp_path: Path) -> None:
    config = config_of(tmp_path, SPLIT.replace("https://matrix.example.org/", "http://127.0.0.1:8999/"))
    site = nginx.render(make_plan(PLUGINS, config, Front.of(config)), site=True).replace(
        "/var/log/nginx", str(tmp_path)
    )
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text("events { }\nhttp {\n    include site.conf;\n}\n")

    result = checked("nginx", tmp_path / "nginx.conf")
    assert result.returncode == 0, result.stderr


def free_ports(count: int) -> list[int]:
    """Neighbouring ones, as replicas need."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
        try:
            for each in range(port, port + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", each))
        except OSError:
            continue
        return list(range(port, port + count))


async def _backend(port: int, name: str) -> web.AppRunner:
    """A process that says who it is and what it was asked."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        headers = {key.lower(): value for key, value in request.headers.items()}
        return web.json_response({"name": name, "path": request.raw_path, "headers": headers})

    app = web.Application(client_max_size=4 * MIB)
    app.router.add_route("*", "/{rest:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    return runner


@contextmanager
def proxy_process(proxy: str, file: Path) -> Iterator[None]:
    folder = file.parent
    user = "user root; " if os.geteuid() == 0 else ""
    directives = f"daemon off; master_process off; {user}pid {folder}/pid; error_log stderr;"
    arguments = {
        "nginx": ["-p", str(folder), "-c", str(file), "-g", directives],
        "haproxy": ["-db", "-f", str(file)],
        "caddy": ["run", "--adapter", "caddyfile", "--config", str(file)],
    }
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program(proxy), *arguments[proxy]], stdout=output, stderr=output, env=os.environ | {"HOME": str(folder)}
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


class Site:
    """A proxy and the processes behind it."""

    def __init__(self, proxy: str, url: str, http: aiohttp.ClientSession) -> None:
        self.proxy = proxy
        self.url = url
        self.http = http

    async def ask(self, path: str, method: str = "GET", **more: Any) -> Any:
        async with self.http.request(method, URL(self.url + path, encoded=True), **more) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def name(self, path: str, method: str = "GET", **more: Any) -> str:
        answer = await self.ask(path, method, **more)
        return str(answer["name"])


REPLICAS = {"edge": 3, "sync": 3, "first": 2, "rest": 3}
NAMES = [f"{name}-{index}" for name, count in REPLICAS.items() for index in range(count)]


def deployment(ports: Sequence[int]) -> str:
    """The first port is the proxy's, then comes one for each replica in the order of NAMES."""
    text = CLUSTER.replace("https://matrix.example.org/", f"http://127.0.0.1:{ports[0]}/").replace("30M", "1M")
    return f"""{text}
processes:
  edge: {{plugins: [client], replicas: 3, listeners: [{{port: {ports[1]}, proxied: true}}]}}
  sync: {{plugins: [sync], replicas: 3, listeners: [{{port: {ports[4]}, proxied: true}}]}}
  first: {{plugins: [sync], replicas: 2, tags: [initial_sync], listeners: [{{port: {ports[7]}, proxied: true}}]}}
  rest: {{plugins: ["*"], except: [sync, client], replicas: 3, listeners: [{{port: {ports[9]}, proxied: true}}]}}
"""


@asynccontextmanager
async def site(proxy: str, folder: Path, gone: str | None = None) -> AsyncIterator[Site]:
    """All processes but the one that is `gone`."""
    program(proxy)
    ports = free_ports(12)
    config = config_of(folder, deployment(ports))
    plan = make_plan(PLUGINS, config, Front.of(config))
    async with AsyncExitStack() as stack:
        for name, port in zip(NAMES, ports[1:], strict=True):
            if name != gone:
                runner = await _backend(port, name)
                stack.push_async_callback(runner.cleanup)
        stack.enter_context(proxy_process(proxy, written(proxy, plan, folder)))
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(20)))
        await _listening(ports[0])
        yield Site(proxy, f"http://127.0.0.1:{ports[0]}", http)


async def _listening(port: int) -> None:
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise AssertionError("the proxy does not listen; its log is beside its configuration")


def bearer(localpart: str, device: str = "Abc123") -> dict[str, str]:
    return {"Authorization": f"Bearer {token(localpart, device)}"}


def token(localpart: str, device: str = "Abc123") -> str:
    return f"hst_{localpart}_{device}_0a1b2c3d"


SYNC = "/_matrix/client/v3/sync"
USERS = [f"YWxpY2{number}_x-{number}" for number in range(12)]


@pytest.fixture(params=PROXIES, scope="module")
async def proxied(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    async with site(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


async def test_all_syncs_of_a_user_go_to_one_process_and_users_are_spread(proxied: Site) -> None:
    chosen = set()
    for user in USERS:
        devices = [bearer(user, device) for device in ("Phone1", "Laptop2")]
        names = {await proxied.name(f"{SYNC}?since=s{index}", headers=each) for index, each in enumerate(devices)}
        names.add(await proxied.name(f"{SYNC}?since=s&access_token={token(user, 'Tablet3')}"))
        assert len(names) == 1, user
        chosen |= names
    assert len(chosen) > 1
    assert all(name.startswith("sync-") for name in chosen)


async def test_initial_syncs_are_apart_and_by_user(proxied: Site) -> None:
    for user in USERS[:4]:
        names = {await proxied.name(SYNC + query, headers=bearer(user)) for query in ("", "?timeout=0", "?since=")}
        assert len(names) == 1
        assert names.pop().startswith("first-")


async def test_all_messages_of_a_room_go_to_one_process_however_its_id_is_spelled(proxied: Site) -> None:
    chosen = set()
    for number in range(12):
        send = f"/_matrix/client/v3/rooms/{{}}r{number}{{}}e/send/m.room.message/{{}}"
        names = {
            await proxied.name(send.format("!", ":", 1), "PUT", headers=bearer(USERS[0])),
            await proxied.name(send.format("%21", "%3A", 2), "PUT", headers=bearer(USERS[number])),
            await proxied.name(f"/_matrix/client/r0/rooms/!r{number}:e/messages"),
        }
        assert len(names) == 1, number
        chosen |= names
    assert len(chosen) > 1
    assert all(name.startswith("edge-") for name in chosen)


async def test_all_transactions_of_a_server_go_to_one_process(proxied: Site) -> None:
    chosen = set()
    for number in range(12):
        spellings = (
            f'X-Matrix origin="s{number}.example",destination="e",key="ed25519:1",sig="abc"',
            f"X-Matrix destination=e,key=ed25519:1,sig=abc,origin=s{number}.example",
        )
        names = {
            await proxied.name(f"/_matrix/federation/v1/send/{index}", "PUT", headers={"Authorization": each})
            for index, each in enumerate(spellings)
        }
        assert len(names) == 1, number
        chosen |= names
    assert len(chosen) > 1
    assert all(name.startswith("rest-") for name in chosen)


async def test_requests_without_an_affinity_take_turns(proxied: Site) -> None:
    names = {await proxied.name("/_matrix/key/v2/server") for _ in range(12)}
    assert names == {"rest-0", "rest-1", "rest-2"}
    assert len({await proxied.name("/_matrix/client/v3/unheard_of") for _ in range(30)}) > 3


async def test_requests_that_tell_no_user_take_turns(proxied: Site) -> None:
    assert len({await proxied.name(f"{SYNC}?since=1") for _ in range(20)}) > 1


async def test_the_process_sees_the_path_as_it_was_and_who_asks(proxied: Site) -> None:
    path = "/_matrix/client/v3/join/%23a%2Fb:c%20?via=%41"
    answer = await proxied.ask(path, "POST", headers={"X-Forwarded-For": "6.6.6.6"}, json={})

    assert answer["path"] == path
    assert answer["name"].startswith("edge-")
    headers = answer["headers"]
    assert headers["x-forwarded-for"].rpartition(",")[2].strip() == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert len(headers["x-request-id"]) >= 32
    assert not {"x-hs-user", "x-hs-room", "x-hs-origin"} & headers.keys()


async def test_what_is_refused_or_too_large_gets_an_answer_that_web_clients_can_read(proxied: Site) -> None:
    async with proxied.http.get(proxied.url + "/_synapse/admin/v1/users", headers=bearer("x")) as response:
        assert response.status == 404
        assert (await response.json())["errcode"] == "M_UNRECOGNIZED"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    async with proxied.http.post(proxied.url + "/_matrix/media/v3/upload", data=b"a" * MIB) as response:
        assert response.status == 200


async def test_a_request_that_is_too_large_is_answered_with_413(proxied: Site) -> None:
    if proxied.proxy == "caddy":
        pytest.skip("Caddy passes bodies on as they come: the process itself refuses them")
    async with proxied.http.post(proxied.url + "/_matrix/media/v3/upload", data=b"a" * (MIB + 1)) as response:
        assert response.status == 413
        assert (await response.json())["errcode"] == "M_TOO_LARGE"
        assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("proxy", PROXIES)
async def test_a_process_that_is_gone_costs_nobody_an_answer(proxy: str, tmp_path: Path) -> None:
    async with site(proxy, tmp_path, gone="rest-1") as proxied:
        names = {await proxied.name("/_matrix/key/v2/server", method) for method in ("GET", "POST") for _ in range(6)}
        signed = {
            await proxied.name(f"/_matrix/federation/v1/send/{index}", "PUT", headers={"Authorization": each})
            for index, each in enumerate(f"X-Matrix origin=s{number}.example,key=a,sig=b" for number in range(12))
        }

    assert names == {"rest-0", "rest-2"}
    assert signed == names
