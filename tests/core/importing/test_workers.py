"""Workers: their files, and the shared options that say what they do."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from hs_core.cli import main
from hs_core.config import Config, Section, load
from hs_core.importing import Imported, import_config
from hs_core.plugin.discovery import discover

ALL = (
    "login client sync rooms account_data receipts typing presence to_device keys key_backup push_rules pusher "
    "federation federation_sender media directory profile user_directory appservice admin search sso"
)

SHARED = """
server_name: example.org
listeners:
  - {port: 8008, bind_addresses: [127.0.0.1], x_forwarded: true, resources: [{names: [client, federation]}]}
  - {port: 9093, bind_addresses: [127.0.0.1], resources: [{names: [replication]}]}
database: {name: psycopg2, args: {user: synapse, host: db}}
redis: {enabled: true, host: cache, port: 6380, password: "a b", dbid: 2}
worker_replication_secret: sesame
instance_map:
  main: {host: localhost, port: 9093}
  persister1: {host: localhost, port: 9200}
stream_writers:
  events: [persister1, persister2]
  typing: writer
  to_device: [writer]
run_background_tasks_on: background
update_user_directory_from_worker: background
notify_appservices_from_worker: background
federation_sender_instances: [sender1, sender2]
send_federation: false
start_pushers: false
pusher_instances: [pusher1]
enable_media_repo: false
media_instance_running_background_jobs: media1
"""


def generic(name: str, port: int | None = None, *resources: str) -> dict[str, Any]:
    worker: dict[str, Any] = {"worker_app": "synapse.app.generic_worker", "worker_name": name}
    worker["worker_log_config"] = f"/etc/{name}.log.yaml"
    if port is not None:
        listener = {"type": "http", "port": port, "x_forwarded": True, "resources": [{"names": list(resources)}]}
        worker["worker_listeners"] = [listener | {"bind_address": "127.0.0.1"}]
    return worker


WORKERS = [
    generic("persister1", 9200, "replication"),
    generic("persister2"),
    generic("writer", 8035, "client"),
    generic("background"),
    generic("client1", 8083, "client", "federation"),
    generic("sender1"),
    {"worker_app": "synapse.app.federation_sender", "worker_name": "sender2", "worker_replication_host": "127.0.0.1"},
    {"worker_app": "synapse.app.pusher", "worker_name": "pusher1"},
    {"worker_app": "synapse.app.media_repository", "worker_name": "media1"}
    | {"worker_listeners": generic("x", 8085, "media")["worker_listeners"]},
]


def imported_from(text: str, workers: list[dict[str, Any]], installed: str = ALL) -> Imported:
    return import_config([yaml.safe_load(text), *workers], installed.split(), lambda: "new secret")


def loaded(imported: Imported, folder: Path, installed: str = ALL) -> Config:
    (folder / "hs.yaml").write_text(imported.yaml())
    return load(folder / "hs.yaml", dict.fromkeys(installed.split(), Section), {})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return loaded(imported_from(SHARED, WORKERS), tmp_path)


def test_each_worker_becomes_a_process_that_does_the_same(config: Config) -> None:
    plugins = {name: set(process.plugins) for name, process in config.processes.items()}

    assert plugins["persister1"] == plugins["persister2"] == {"rooms"}
    assert plugins["writer"] == {"typing", "to_device"}
    assert plugins["background"] == {"appservice", "user_directory"}
    assert plugins["sender1"] == plugins["sender2"] == {"federation_sender"}
    assert plugins["pusher1"] == {"pusher"}
    assert plugins["media1"] == {"media"}
    assert plugins["client1"] >= {"sync", "client", "login", "federation"}
    assert "rooms" not in plugins["client1"]


def test_the_main_process_does_all_that_was_not_given_away(config: Config) -> None:
    main = config.processes["main"]

    assert main.plugins == ("*",)
    assert set(main.except_) == {
        *("rooms", "typing", "to_device", "user_directory", "appservice", "federation_sender", "pusher", "media")
    }
    assert [(each.port, each.proxied) for each in main.listeners] == [(8008, True)]


def test_what_processes_need_to_find_each_other_is_taken_over(config: Config) -> None:
    assert config.redis.url == "redis://:a%20b@cache:6380/2"
    assert config.cluster.secret == "sesame"
    assert config.database.url == "postgresql://synapse@db/hs"


def test_every_shared_option_of_workers_is_in_the_report() -> None:
    report = imported_from(SHARED, WORKERS).report()

    assert (
        "mapped   stream_writers.events -> the plugin rooms in processes.persister1, processes.persister2; "
        "it can be in any number of processes\n"
    ) in report
    for option in yaml.safe_load(SHARED):
        assert f" {option}" in report, option
    assert "dropped  run_background_tasks_on: tasks run once in the deployment" in report
    assert "dropped  client1: worker_log_config: " in report
    assert "dropped  sender2: worker_replication_host: processes find each other by themselves\n" in report


@pytest.mark.parametrize(
    ("app", "plugin"),
    [
        ("client_reader", "client"),
        ("event_creator", "client"),
        ("federation_reader", "federation"),
        ("federation_sender", "federation_sender"),
        ("frontend_proxy", "keys"),
        ("pusher", "pusher"),
        ("synchrotron", "sync"),
        ("appservice", "appservice"),
        ("user_dir", "user_directory"),
        ("media_repository", "media"),
    ],
)
def test_old_names_of_workers_are_known(app: str, plugin: str) -> None:
    worker = {"worker_app": f"synapse.app.{app}", "worker_listeners": generic("x", 8083, "client")["worker_listeners"]}
    processes = imported_from(SHARED.partition("stream_writers")[0], [worker]).settings["processes"]

    assert plugin in processes[app]["plugins"]
    assert "rooms" not in processes[app]["plugins"]


def test_plugins_that_are_not_installed_are_left_out(tmp_path: Path) -> None:
    imported = imported_from(SHARED, WORKERS, "rooms client login")
    config = loaded(imported, tmp_path, "rooms client login")

    assert set(config.processes) == {"main", "persister1", "persister2", "writer", "client1", "media1"}
    assert "dropped  pusher1: pusher: these plugins are not installed\n" in imported.report()
    assert "dropped  pusher1: nothing is left for this process to do\n" in imported.report()


def test_workers_of_several_machines_with_one_port_get_ports_of_their_own(tmp_path: Path) -> None:
    workers = [generic("a", 8083, "client"), generic("b", 8083, "client"), generic("c", 8084, "client")]
    processes = loaded(imported_from(SHARED.partition("stream_writers")[0], workers), tmp_path).processes

    assert [processes[name].listeners[0].port for name in ("a", "b", "c")] == [8083, 8085, 8084]


def test_a_secret_and_redis_are_there_even_if_they_were_not(tmp_path: Path) -> None:
    text = "server_name: a.b\ndatabase: {name: psycopg2}\n"
    config = loaded(imported_from(text, [generic("a", 8083, "client")]), tmp_path)

    assert config.cluster.secret == "new secret"
    assert config.redis.url == "redis://127.0.0.1:6379/0"


def test_workers_of_one_name_are_processes_of_their_own(tmp_path: Path) -> None:
    workers = [{"worker_app": "synapse.app.pusher"}] * 3 + [generic("main", 8083, "client")]
    imported = imported_from(SHARED.partition("stream_writers")[0], workers)

    assert set(loaded(imported, tmp_path).processes) == {"main", "pusher", "pusher_2", "pusher_3", "main_2"}
    assert "mapped   pusher: worker_name -> processes.pusher_2; there is another pusher\n" in imported.report()


def test_there_are_connections_for_every_process(tmp_path: Path) -> None:
    many = [generic(f"client{number}", 8100 + number, "client") for number in range(40)]
    text = SHARED.partition("stream_writers")[0]

    assert loaded(imported_from(text, WORKERS), tmp_path).database.max_connections == 60
    imported = imported_from(text, many)
    assert loaded(imported, tmp_path).database.max_connections == 4 * (41 + 1)
    assert "database.max_connections: 168; PostgreSQL must allow as many, of all 41 processes\n" in imported.report()


def test_every_plugin_that_is_spoken_of_is_there_or_to_come() -> None:
    to_come = {
        *(
            "sso",
            "search",
            "user_directory",
            "media",
            "pusher",
            "appservice",
            "federation",
            "federation_sender",
            "admin",
        )
    }

    assert set(ALL.split()) <= set(discover().plugins) | to_come
    streams = ("events", "typing", "to_device", "account_data", "receipts", "presence", "push_rules", "device_lists")
    text = SHARED.partition("stream_writers")[0] + f"stream_writers: {json.dumps(dict.fromkeys(streams, 'client1'))}\n"
    everything = [*WORKERS, *({"worker_app": f"synapse.app.{app}"} for app in ("client_reader", "event_creator"))]
    everything += [{"worker_app": f"synapse.app.{app}"} for app in ("frontend_proxy", "appservice", "user_dir")]
    assert "not installed" not in imported_from(text, everything).report()


def test_a_worker_that_has_nothing_to_do_yet_passes_on_what_it_is_asked(tmp_path: Path) -> None:
    imported = imported_from(SHARED, WORKERS, "rooms client login")

    assert loaded(imported, tmp_path, "rooms client login").processes["media1"].plugins == ()
    assert (
        "dropped  media1: media: these plugins are not installed; what it is asked it passes on to the others\n"
    ) in imported.report()


def test_a_writer_without_a_file_is_named_and_the_plugin_stays_where_it_is() -> None:
    text = SHARED.partition("stream_writers")[0] + "stream_writers: {events: gone}\n"
    imported = imported_from(text, [generic("a", 8083, "client")])

    assert "dropped  stream_writers.events: gone: no file of a worker with that name was given\n" in imported.report()
    assert "except" not in imported.settings["processes"]["main"]


def test_the_command_prints_the_configuration_and_reports_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "homeserver.yaml").write_text("server_name: example.org\npid_file: /run/a\n")

    assert main(["import-config", str(tmp_path / "homeserver.yaml")]) == 0
    printed = capsys.readouterr()
    assert yaml.safe_load(printed.out) == {"server_name": "example.org"}
    assert printed.err.endswith("1 kept, 0 mapped, 1 dropped\n")


def test_the_command_overwrites_nothing_and_keeps_secrets_to_the_owner(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "homeserver.yaml", tmp_path / "hs.yaml"
    old.write_text("server_name: example.org\n")

    assert main(["import-config", str(old), "-o", str(new)]) == 0
    assert new.stat().st_mode & 0o777 == 0o600
    assert main(["import-config", str(old), "-o", str(new)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert main(["check", "-c", str(new)]) == 0


@pytest.mark.parametrize("text", ["[1", "5", "\udcff", "{}"])
def test_a_file_that_is_none_of_ours_is_bad_usage(text: str, tmp_path: Path) -> None:
    (tmp_path / "homeserver.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))

    assert main(["import-config", str(tmp_path / "homeserver.yaml")]) == 2
