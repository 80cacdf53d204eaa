"""Unit files."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hs_core.cli import main
from hs_core.config import Config, Section, load
from hs_core.systemd_units import Installation, units

CLUSTER = """
server_name: example.org
data_dir: /var/lib/hs
database: {url: postgresql://hs@127.0.0.1/hs}
redis: {url: redis://cache.example.org/0}
cluster: {secret: abc}
"""
PROCESSES = """
processes:
  edge: {plugins: [rooms], listeners: [{port: 443, tls: {cert: a, key: b}}]}
  sync: {plugins: [sync], replicas: 2, listeners: [{socket: /run/hs/sync.sock}]}
"""


def config_of(folder: Path, text: str) -> Config:
    (folder / "hs.yaml").write_text(text)
    return load(folder / "hs.yaml", {"rooms": Section, "sync": Section}, {})


def made(folder: Path, text: str, program: Path = Path("/opt/hs/bin/hs")) -> dict[str, str]:
    return units(config_of(folder, text), Installation(program, Path("/etc/hs/hs.yaml")))


def test_there_is_a_service_for_each_process_and_a_target_for_all(tmp_path: Path) -> None:
    files = made(tmp_path, CLUSTER + PROCESSES)

    assert sorted(files) == ["hs-edge.service", "hs-sync@.service", "hs.target"]
    wanted = [line for line in files["hs.target"].splitlines() if line.startswith("Wants=")]
    assert wanted == ["Wants=hs-edge.service", "Wants=hs-sync@0.service", "Wants=hs-sync@1.service"]
    for name in ("hs-edge.service", "hs-sync@.service"):
        assert "PartOf=hs.target\n" in files[name]
        assert "WantedBy=hs.target\n" in files[name]


def test_each_service_runs_its_process_and_each_instance_its_replica(tmp_path: Path) -> None:
    files = made(tmp_path, CLUSTER + PROCESSES)

    run = "ExecStart=/opt/hs/bin/hs run -c /etc/hs/hs.yaml --process"
    assert f"{run} edge\n" in files["hs-edge.service"]
    assert f"{run} sync --replica %i\n" in files["hs-sync@.service"]


def test_a_server_of_one_process_is_one_service(tmp_path: Path) -> None:
    files = made(tmp_path, "server_name: example.org\n")

    assert list(files) == ["hs.service"]
    assert "ExecStart=/opt/hs/bin/hs run -c /etc/hs/hs.yaml\n" in files["hs.service"]
    assert "WantedBy=multi-user.target\n" in files["hs.service"]


def test_only_what_is_on_this_machine_is_waited_for(tmp_path: Path) -> None:
    after = [line for line in made(tmp_path, CLUSTER + PROCESSES)["hs-edge.service"].splitlines() if "After=" in line]

    assert after == ["After=network-online.target postgresql.service"]


def test_a_process_may_write_its_data_and_bind_low_ports_only_if_it_has_some(tmp_path: Path) -> None:
    files = made(tmp_path, CLUSTER + PROCESSES)

    assert "ReadWritePaths=/var/lib/hs\n" in files["hs-edge.service"]
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE\n" in files["hs-edge.service"]
    assert "AmbientCapabilities" not in files["hs-sync@.service"]
    assert "RuntimeDirectory=hs\n" in files["hs-sync@.service"]


def test_systemd_waits_longer_for_the_end_than_draining_takes(tmp_path: Path) -> None:
    service = made(tmp_path, "server_name: example.org\n")["hs.service"]

    assert "TimeoutStopSec=35\n" in service
    assert "RestartPreventExitStatus=2\n" in service


def test_names_with_spaces_and_percent_signs_stay_what_they_are(tmp_path: Path) -> None:
    text = CLUSTER + 'processes: {"a %b": {plugins: [rooms]}}\n'
    files = made(tmp_path, text, Path("/opt/my server/hs"))

    assert 'ExecStart="/opt/my server/hs" run -c /etc/hs/hs.yaml --process "a %%b"\n' in files["hs-a__b.service"]


@pytest.mark.parametrize("text", [CLUSTER + PROCESSES, "server_name: example.org\n"], ids=["cluster", "one process"])
def test_systemd_accepts_the_units(text: str, tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    files = made(tmp_path, text, Path(sys.executable))
    for name, unit in files.items():
        (tmp_path / name).write_text(unit)
    loaded = [str(tmp_path / name.replace("@.", "@0.")) for name in files]

    result = subprocess.run([analyze, "verify", "--man=no", *loaded], capture_output=True, text=True, check=False)
    ours = [line for line in result.stderr.splitlines() if str(tmp_path) in line or line.startswith("hs")]
    assert (result.returncode, ours) == (0, [])


def test_the_files_are_written_where_they_are_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "hs.yaml").write_text("server_name: example.org\n")

    assert main(["systemd", "-c", str(tmp_path / "hs.yaml"), "--write", str(tmp_path), "--user", "matrix"]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'hs.service'}\n"
    assert "User=matrix\n" in (tmp_path / "hs.service").read_text()


def test_units_without_a_configuration_make_no_sense(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["systemd"]) == 2
    assert "name it with -c FILE" in capsys.readouterr().err
