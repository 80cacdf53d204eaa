"""From arguments to what a process is made of."""

import argparse
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.cli.command import Failure
from hs_core.cli.run import COMMAND, compose, parse_listen
from hs_core.config import Config, Listener, load
from hs_core.plugin import NoConfig, Plugin, Resource
from hs_core.plugin.discovery import Discovery, Installed, PluginError, in_order
from hs_core.process import Composition

ROOMS, SYNC = Plugin("rooms"), Plugin("sync", requires=["rooms"])


def discovery(*plugins: Plugin) -> Discovery:
    return Discovery(in_order(Installed(plugin, "hs", "1") for plugin in plugins))


def composed(config: Config, *words: str, plugins: Discovery | None = None) -> Composition:
    parser = argparse.ArgumentParser()
    COMMAND.arguments(parser)
    return compose(config, plugins or discovery(SYNC, ROOMS), parser.parse_args(words))


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return written(tmp_path, "processes: {all: {plugins: ['*'], listeners: [{port: 8101}]}}")


def written(folder: Path, text: str) -> Config:
    file = folder / "hs.yaml"
    file.write_text(f"server_name: example.org\n{text}\n")
    return load(file, {"rooms": NoConfig, "sync": NoConfig}, {})


def test_everything_that_is_installed_runs_unless_told_otherwise(config: Config) -> None:
    made = composed(config)

    assert made.active == ["rooms", "sync"]
    assert made.listeners == config.listeners
    assert made.name == "hs"


def test_just_the_plugins_that_are_named_run(config: Config) -> None:
    made = composed(config, "--plugins", "rooms", "--name", "alone")

    assert made.active == ["rooms"]
    assert set(made.installed) == {"rooms", "sync"}
    assert made.name == "alone"


def test_a_plugin_does_not_run_without_what_it_requires(config: Config) -> None:
    with pytest.raises(PluginError, match="the plugin 'sync' requires 'rooms', which is not active; activate it too"):
        composed(config, "--plugins", "sync")


def test_a_deployment_of_one_process_runs_by_its_name(config: Config) -> None:
    made = composed(config, "--process", "all")

    assert made.name == "all"
    assert [listener.port for listener in made.listeners] == [8101]


def test_a_process_among_others_may_lack_what_its_plugins_require(tmp_path: Path) -> None:
    several = "redis: {url: redis://redis/0}\ncluster: {secret: x}\n"
    alone = "database: {url: postgresql://hs@db/hs}\n"

    assert composed(written(tmp_path, alone + several), "--plugins", "sync").active == ["sync"]
    with pytest.raises(PluginError, match="'sync' requires 'rooms'"):
        composed(written(tmp_path, alone), "--plugins", "sync")


def test_a_pinned_stream_that_nobody_writes_is_refused(tmp_path: Path) -> None:
    config = written(tmp_path, "processes: {all: {plugins: ['*']}}\nstreams: {typing: [all]}")

    with pytest.raises(PluginError, match="no plugin writes such a stream"):
        composed(config)


@pytest.mark.parametrize(
    ("text", "bind", "port"),
    [("127.0.0.1:8008", "127.0.0.1", 8008), ("[::1]:80", "::1", 80), ("localhost:0", "localhost", 0)],
)
def test_loopback_listens_for_everything(text: str, bind: str, port: int) -> None:
    assert parse_listen(text) == Listener(bind, port, resources=tuple(Resource))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "example.org", "192.0.2.1"])
def test_strangers_see_neither_metrics_nor_administration(host: str) -> None:
    assert not {Resource.METRICS, Resource.ADMIN} & set(parse_listen(f"{host}:8008").resources)


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(codec="utf-8"), max_size=12))
def test_any_text_is_an_address_or_bad_usage(text: str) -> None:
    try:
        listener = parse_listen(text)
    except Failure:
        return
    assert listener.bind
    assert 0 <= listener.port <= 65535


def test_an_address_without_a_port_is_bad_usage() -> None:
    with pytest.raises(Failure, match="--listen localhost: write HOST:PORT") as caught:
        parse_listen("localhost")
    assert caught.value.status == 2
