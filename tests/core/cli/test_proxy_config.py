"""`hs proxy-config`."""

from pathlib import Path

import pytest

from hs_core.cli import main


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "hs.yaml"
    file.write_text("server_name: example.org\nlisteners: [{port: 8101, proxied: true}]\n")
    return str(file)


@pytest.mark.parametrize(
    ("proxy", "line"),
    [
        ("nginx", "server 127.0.0.1:8101 max_fails=3 fail_timeout=5s;"),
        ("haproxy", "server hs 127.0.0.1:8101"),
        ("caddy", "reverse_proxy 127.0.0.1:8101 {"),
    ],
)
def test_a_whole_configuration_is_printed(
    proxy: str, line: str, config: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["proxy-config", proxy, "-c", config]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith(f"# Written by `hs proxy-config {proxy}`.")
    assert line in printed


def test_the_certificate_can_be_named(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-config", "nginx", "-c", config, "--certificate", "/etc/tls/a.crt"]) == 0

    printed = capsys.readouterr().out
    assert 'ssl_certificate "/etc/tls/a.crt";' in printed
    assert 'ssl_certificate_key "/etc/letsencrypt/live/example.org/privkey.pem";' in printed


def test_only_nginx_has_sites(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["proxy-config", "nginx", "-c", config, "--site"]) == 0
    assert "http {" not in capsys.readouterr().out
    assert main(["proxy-config", "caddy", "-c", config, "--site"]) == 2


def test_a_deployment_without_a_listener_for_the_proxy_is_bad_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "hs.yaml").write_text("server_name: example.org\nlisteners: []\n")

    assert main(["proxy-config", "nginx", "-c", str(tmp_path / "hs.yaml")]) == 2
    assert capsys.readouterr().err.startswith("hs: no process has a listener without TLS; add one")
