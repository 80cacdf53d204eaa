"""From a configuration to what runs on this host."""

from pathlib import Path

from hs_core.config import Section, load
from hs_core.supervision.child import Place, Program
from hs_core.supervision.programs import programs

DEPLOYMENT = """
server_name: example.org
database: {url: postgresql://hs@127.0.0.1/hs}
redis: {url: redis://127.0.0.1/0}
cluster: {secret: abc}
processes:
  edge: {plugins: [rooms]}
  sync: {plugins: [sync], replicas: 2}
"""


def commands(folder: Path, text: str, *only: str) -> dict[str, str]:
    file = folder / "hs.yaml"
    file.write_text(text)
    config = load(file, {"rooms": Section, "sync": Section}, {})
    made = programs(config, Path("hs"), "hs.yaml", only)
    return {program.name: " ".join(program.command) for program in made}


def test_every_replica_of_every_process_is_a_program(tmp_path: Path) -> None:
    assert commands(tmp_path, DEPLOYMENT) == {
        "edge": "hs run -c hs.yaml --process edge",
        "sync-0": "hs run -c hs.yaml --process sync --replica 0",
        "sync-1": "hs run -c hs.yaml --process sync --replica 1",
    }


def test_others_may_run_elsewhere(tmp_path: Path) -> None:
    assert list(commands(tmp_path, DEPLOYMENT, "sync")) == ["sync-0", "sync-1"]


def test_a_file_without_processes_is_one_program(tmp_path: Path) -> None:
    assert commands(tmp_path, "server_name: example.org\n") == {"hs": "hs run -c hs.yaml"}


def test_programs_that_listen_at_one_place_cannot_run_at_once() -> None:
    def on(*places: Place) -> Program:
        return Program("", [], frozenset(places))

    here, other = Place("127.0.0.1", 8101), Place("::1", 8101)
    assert on(here).collides(on(here, other))
    assert on(here).collides(on(Place("0.0.0.0", 8101)))
    assert on(Place(socket=Path("/run/a"))).collides(on(Place(socket=Path("/run/a"))))
    assert not on(here).collides(on(other, Place("127.0.0.1", 8102), Place(socket=Path("/run/a"))))
    assert not on().collides(on())


def test_each_replica_has_its_own_places(tmp_path: Path) -> None:
    file = tmp_path / "hs.yaml"
    listeners = "[{port: 8101}, {port: 0}, {socket: /run/a}]"
    file.write_text(DEPLOYMENT.replace("replicas: 2", f"replicas: 2, listeners: {listeners}"))
    _, first, second = programs(load(file, {"rooms": Section, "sync": Section}, {}), Path("hs"), None)

    assert first.places == {Place("127.0.0.1", 8101), Place(socket=Path("/run/a"))}
    assert second.places == {Place("127.0.0.1", 8102), Place(socket=Path("/run/a.1"))}
