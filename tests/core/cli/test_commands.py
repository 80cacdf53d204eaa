"""The real `hs`, as people run it."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from select import select

import pytest

HS = Path(sys.executable).with_name("hs")


class Shell:
    """Runs `hs` in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def environ(self, extra: dict[str, str]) -> dict[str, str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("HS_")}
        return clean | {"PYTHONUNBUFFERED": "1"} | extra

    def hs(self, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HS, *arguments],
            cwd=self.folder,
            env=self.environ(extra),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [HS, *arguments],
            cwd=self.folder,
            env=self.environ({}),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def test_the_help_teaches_how_to_begin(shell: Shell) -> None:
    done = shell.hs("--help")

    assert done.returncode == 0
    for text in ("hs run", "hs init --server-name", "HS_CONFIG", "Exit status", "\n  plugins ", "\n  db "):
        assert text in done.stdout


def test_a_misspelt_command_is_recognised(shell: Shell) -> None:
    done = shell.hs("chek")

    assert done.returncode == 2
    assert done.stderr == "hs: there is no command 'chek'; did you mean `hs check`?\n"


def test_init_writes_a_configuration_that_check_likes_and_never_writes_over_it(shell: Shell) -> None:
    first = shell.hs("init", "--server-name", "example.org")
    written = (shell.folder / "hs.yaml").read_text()
    key = (shell.folder / "data" / "signing.key").read_text()
    again = shell.hs("init", "--server-name", "example.com")

    assert (first.returncode, again.returncode) == (0, 1)
    assert again.stderr.startswith("hs: hs.yaml is there already, and nothing is overwritten")
    assert (shell.folder / "hs.yaml").read_text() == written
    assert (shell.folder / "data" / "signing.key").read_text() == key
    assert shell.hs("check", "-c", "hs.yaml").stdout.startswith("hs.yaml is fine: example.org")
    assert shell.hs("check", HS_CONFIG="hs.yaml").returncode == 0


def test_init_needs_a_server_name_that_is_one(shell: Shell) -> None:
    assert shell.hs("init").returncode == 2
    assert shell.hs("init", "--server-name", "not a name").returncode == 2
    assert list(shell.folder.iterdir()) == []


def test_check_lists_every_problem_of_a_file(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\nmedai: {}\nlogging: {level: LOUD}\n")

    done = shell.hs("check", "-c", "hs.yaml")

    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[0] == "hs: the configuration has 2 problems"
    assert lines[1] == "    hs.yaml:2: unknown key 'medai'; did you mean 'media'?"
    assert lines[2].startswith("    hs.yaml:3: logging.level: ")


def test_check_finds_missing_files(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text(
        "server_name: example.org\nappservices: [bridge.yaml]\nlisteners: [{tls: {cert: a.crt, key: a.key}}]\n"
    )

    done = shell.hs("check", "-c", "hs.yaml")

    assert done.returncode == 2
    assert done.stderr.startswith("hs: hs.yaml has 2 problems\n")
    assert "appservices: there is no file" in done.stderr
    assert "a.crt" in done.stderr


def test_a_registration_file_is_checked_with_its_lines(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\nappservices: [bridge.yaml]\n")
    bridge = "id: irc\nurl: null\nas_token: a\nhs_token: h\nsender_localpart: bot\nnamespaces:\n  users: {}\n"
    (shell.folder / "bridge.yaml").write_text(bridge)

    for command in ("check", "run", "up"):
        done = shell.hs(command, "-c", "hs.yaml")
        assert done.returncode == 2
        assert "bridge.yaml:7: namespaces.users is not a list; write [a, b], or a line - a for each" in done.stderr

    (shell.folder / "bridge.yaml").write_text(bridge.replace("{}", "[]"))
    assert shell.hs("check", "-c", "hs.yaml").returncode == 0


def test_check_finds_what_does_not_answer(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text(
        "server_name: example.org\ndatabase: {url: 'postgresql://hs:sesame@127.0.0.1:1/hs'}\n"
        "redis: {url: 'redis://127.0.0.1:1/0'}\ncluster: {secret: sesame}\n"
    )

    done = shell.hs("check", "-c", "hs.yaml")

    assert done.returncode == 2
    assert [line.split(": ")[:2] for line in done.stderr.splitlines()[1:]] == [
        ["    hs.yaml:2", "database.url"],
        ["    hs.yaml:3", "redis.url"],
    ]
    assert "sesame" not in done.stderr


@pytest.mark.parametrize("engine", ["postgresql"], indirect=True)
def test_check_looks_at_what_a_deployment_lacks(shell: Shell, database_url: str) -> None:
    text = (
        f"server_name: example.org\ndatabase: {{url: '{database_url}', max_connections: 100000}}\n"
        "processes: {all: {plugins: ['*'], except: [rooms, typing]}}\nstreams: {events: [all]}\n"
    )
    (shell.folder / "hs.yaml").write_text(text)
    wrong = shell.hs("check", "-c", "hs.yaml")
    (shell.folder / "hs.yaml").write_text(text.replace("rooms, ", "").replace("100000", "50"))
    fine = shell.hs("check", "-c", "hs.yaml")

    assert wrong.returncode == 2
    assert "hs: note: the plugin 'typing' is active in no process" in wrong.stderr
    assert re.search(r"the plugin 'rooms' is active in no process, and .* more need it; add it", wrong.stderr)
    assert "    hs.yaml:2: database.max_connections: 100000 may be needed, and PostgreSQL allows " in wrong.stderr
    assert fine.returncode == 0
    assert fine.stderr.splitlines() == [
        "hs: note: the plugin 'typing' is active in no process: what it does, this server does not do"
    ]


def test_plugins_are_listed_for_people_and_for_programs(shell: Shell) -> None:
    listed = json.loads(shell.hs("plugins", "--json").stdout)
    text = shell.hs("plugins").stdout

    assert listed["plugins"]
    assert listed["broken"] == []
    for plugin in listed["plugins"]:
        assert f"{plugin['name']}  ({plugin['package']} {plugin['version']})" in text


def test_the_schema_can_be_brought_up_to_date_by_hand(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\n")

    before = shell.hs("db", "status", "-c", "hs.yaml").stdout
    migrated = shell.hs("db", "migrate", "-c", "hs.yaml")
    after = shell.hs("db", "status", "-c", "hs.yaml").stdout

    assert "pending" in before
    assert migrated.returncode == 0
    assert "applied hs_core 001" in migrated.stdout
    assert "pending" not in after


def test_the_status_of_a_server_that_does_not_run_is_known_all_the_same(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\n")

    nothing = shell.hs("status", "-c", "hs.yaml")
    shell.hs("db", "migrate", "-c", "hs.yaml")
    people, programs = shell.hs("status", "-c", "hs.yaml"), shell.hs("status", "-c", "hs.yaml", "--json")

    assert (nothing.returncode, people.returncode, programs.returncode) == (1, 1, 1)
    assert nothing.stderr.startswith("hs: there is no database")
    assert people.stdout.splitlines()[-1] == "no process is running"
    assert json.loads(programs.stdout)["problems"] == ["no process is running"]


def test_the_status_is_watched_until_it_is_enough_with_what_is_wrong_on_top(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\nlisteners: [{port: 0}]\n")
    shell.hs("db", "migrate", "-c", "hs.yaml")
    ours, theirs = pty.openpty()
    watching = subprocess.Popen(
        # Whoever is started in the background ignores Ctrl-C, and so do all whom they start.
        ["env", "--default-signal=INT", HS, "status", "-c", "hs.yaml", "--watch"],
        cwd=shell.folder,
        env=shell.environ({"LINES": "5", "COLUMNS": "80", "TERM": "xterm"}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while b"no process is running" not in shown:
            assert select([ours], [], [], 60)[0]
            shown += os.read(ours, 4096)
    finally:
        watching.send_signal(signal.SIGINT)
        status = watching.wait(timeout=60)
        os.close(ours)

    assert status == 0
    assert b"interrupted" not in shown


def test_units_are_written_into_a_folder_that_is_there(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\n")
    done = shell.hs("systemd", "-c", "hs.yaml", "--write", "absent")

    assert done.returncode == 2
    assert done.stderr == "hs: there is no folder absent; make it, or name another with --write\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--plugins", "romms"], "hs: the plugin 'romms' is not installed; did you mean 'rooms'?\n"),
        (["--listen", "8008"], "hs: --listen 8008: write HOST:PORT"),
        (["--process", "sync"], "hs: the configuration has no process 'sync'"),
        (["-c", "absent.yaml"], "hs: absent.yaml: cannot read it"),
    ],
)
def test_a_server_that_cannot_be_run_as_asked_says_why(shell: Shell, arguments: list[str], message: str) -> None:
    done = shell.hs("run", *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith(message)


def test_an_address_that_is_taken_is_named(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = shell.hs("run", "--listen", f"127.0.0.1:{port}")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"hs: cannot listen at 127.0.0.1:{port}: address already in use; end what listens there, or choose another port"
    )
    assert "Traceback" not in done.stderr


def test_an_address_that_is_not_of_this_host_is_named(shell: Shell) -> None:
    settings = {"HS__LISTENERS": "[{bind: 192.0.2.1, port: 33999}]"}
    done = shell.hs("run", **settings)
    named = shell.hs("run", HS__LISTENERS="[{bind: nowhere.invalid, port: 33999}]")
    missing = shell.hs("run", HS__LISTENERS="[{socket: absent/hs.sock}]")

    assert done.stderr.splitlines()[-1].startswith("hs: cannot listen at 192.0.2.1:33999: cannot assign requested")
    assert named.stderr.splitlines()[-1].endswith("; write an address of this host")
    assert missing.stderr.splitlines()[-1].endswith("absent/hs.sock: no such file or directory; make the folder")
    assert (done.returncode, named.returncode, missing.returncode) == (1, 1, 1)


def test_a_certificate_that_is_none_is_bad_configuration(shell: Shell) -> None:
    (shell.folder / "hs.yaml").write_text("server_name: example.org\nlisteners: [{tls: {cert: a.crt, key: a.key}}]\n")

    done = shell.hs("run", "-c", "hs.yaml")

    assert done.returncode == 2
    assert done.stderr.startswith(f"hs: listeners: {shell.folder}/a.crt and {shell.folder}/a.key are no certificate")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_says_where_it_listens_and_ends_when_it_is_told_to(shell: Shell, number: signal.Signals) -> None:
    server = shell.start("run", "--listen", "127.0.0.1:0")
    assert server.stdout is not None
    try:
        first, second = server.stdout.readline(), server.stdout.readline()
        assert first.startswith("hs: localhost is listening on http://127.0.0.1:")
        assert "hs user create --admin NAME" in second
    finally:
        server.send_signal(number)
        assert server.wait(timeout=60) == 0
        server.stdout.close()
    assert (shell.folder / "hs-data" / "signing.key").exists()
