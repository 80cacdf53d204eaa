"""What a configuration file means."""

from pathlib import Path

import pytest

from hs_core.clock import SystemClock
from hs_core.config import ConfigError, RateLimit, RateLimits, Secret, defaults, load
from hs_core.plugin.declaration import RateClass, Resource
from tests.core.config.conftest import SECTIONS, Load

CONFORMANCE = """
appservices: [/work/as1.yaml, /work/as2.yaml]
cas: {server_url: "http://127.0.0.1:18802/cas"}
data_dir: /srv/data
database: {url: "sqlite:////srv/data/hs.db"}
default_room_version: '10'
directory: {public_over_federation: true, public_without_auth: true}
email: {from: hs@localhost, smtp_host: 127.0.0.1, smtp_port: 18803, smtp_tls: none}
federation: {allow_private_addresses: true, ca_file: /srv/keys/ca.crt, verify_tls: true}
identity: {trusted_servers: ['*']}
listeners:
- bind: 127.0.0.1
  port: 18800
  resources: [client, federation, media]
  tls: {cert: /srv/tls.crt, key: /srv/tls.key}
logging: {file: /srv/homeserver.log, level: INFO}
outbound: {allow_private_addresses: true, verify_tls: false}
password_hash: {cost: minimum}
public_baseurl: https://127.0.0.1:18800
rate_limits: {enabled: false}
recaptcha: {private_key: private, public_key: public, verify_url: "http://127.0.0.1/siteverify"}
registration: {enabled: true, guests: true, shared_secret: reg_secret}
server_name: 127.0.0.1:18800
signing_key_path: /srv/signing.key
url_previews: {enabled: true}
"""

DEPLOYMENT = """
database: {url: postgresql://hs@db/hs}
redis: {url: redis://127.0.0.1:6379/0}
cluster: {secret: sesame}
processes:
  edge: {plugins: [sync], replicas: 2, listeners: [{bind: 127.0.0.1, port: 8101}]}
  rest: {plugins: ["*"], except: [sync], listeners: [{bind: 127.0.0.1, port: 8103}]}
streams: {typing: [rest]}
"""


def test_a_name_is_all_that_a_file_must_say(load_text: Load, tmp_path: Path) -> None:
    config = load_text("server_name: example.org")

    assert config.public_baseurl == "https://example.org/"
    assert config.data_dir == tmp_path / "data"
    assert config.signing_key_path == tmp_path / "data" / "signing.key"
    assert config.database.url == f"sqlite:///{tmp_path}/data/hs.db"
    assert not config.registration.enabled


def test_without_a_file_the_server_is_local_and_closed(tmp_path: Path) -> None:
    config = defaults(tmp_path, SECTIONS, {})

    assert config.server_name == "localhost"
    assert config.data_dir == tmp_path / "hs-data"
    assert [(each.bind, each.port, each.tls) for each in config.listeners] == [("127.0.0.1", 8008, None)]
    assert set(config.listeners[0].resources) == set(Resource)
    assert not config.registration.enabled


def test_everything_the_conformance_suite_writes_is_understood(load_text: Load) -> None:
    config = load_text(CONFORMANCE)

    assert config.public_baseurl == "https://127.0.0.1:18800/"
    assert config.email is not None
    assert config.email.from_ == "hs@localhost"
    assert config.database.url == "sqlite:////srv/data/hs.db"
    assert config.default_room_version == "10"
    assert not config.rate_limits.enabled


def test_a_deployment_of_several_processes_is_understood(load_text: Load) -> None:
    config = load_text(DEPLOYMENT)

    assert config.processes["edge"].replicas == 2
    assert config.processes["rest"].except_ == ("sync",)
    assert config.streams == {"typing": ("rest",)}


def test_a_federation_listener_answers_for_the_servers_keys_too(load_text: Load) -> None:
    (listener,) = load_text("listeners: [{port: 8448, resources: [federation]}]").listeners

    assert set(listener.resources) == {Resource.FEDERATION, Resource.KEYS}


def test_a_listener_shows_strangers_no_metrics_unless_told_to(load_text: Load) -> None:
    (listener,) = load_text("listeners: [{port: 8008}]").listeners

    assert not {Resource.METRICS, Resource.ADMIN} & set(listener.resources)


def test_every_class_of_requests_has_a_budget() -> None:
    assert {"enabled", "none", *RateLimits.__struct_fields__} == {"enabled", *(rate.value for rate in RateClass)}


def test_a_budget_can_be_set_for_one_class(load_text: Load) -> None:
    limits = load_text("rate_limits: {login: {per_second: 0.5, burst: 3}}").rate_limits

    assert limits.login == RateLimit(0.5, 3)
    assert limits.message == RateLimits().message


def test_a_number_is_text_where_text_is_expected(load_text: Load) -> None:
    config = load_text("default_room_version: 11\nregistration: {shared_secret: 0123}")

    assert config.default_room_version == "11"
    assert config.registration.shared_secret == "0123"


def test_every_installed_plugin_has_a_section(load_text: Load) -> None:
    config = load_text("plugins: {bridge: {rooms: 3}}")

    assert config.plugins["bridge"].rooms == 3
    assert set(config.plugins) == set(SECTIONS)


def test_the_section_of_a_broken_plugin_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hs.yaml").write_text("server_name: example.org\nplugins: {broken: {anything: at all}}")

    assert "broken" not in load(tmp_path / "hs.yaml", {**SECTIONS, "broken": None}, {}).plugins


def test_a_secret_may_be_in_a_file_of_its_own(load_text: Load, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("se${same\n")

    assert load_text("registration: {shared_secret_file: secret}").registration.shared_secret == "se${same"


def test_a_secret_is_not_shown() -> None:
    assert "sesame" not in repr(Secret("sesame"))


def test_sections_can_be_merged(load_text: Load) -> None:
    config = load_text("directory: &all {public_without_auth: true}\nplugins: {}\noutbound: {<<: {verify_tls: false}}")

    assert not config.outbound.verify_tls


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: cannot read it: .*hs init"):
        load(tmp_path / "absent.yaml", SECTIONS, {})


def test_the_system_clock_goes_on() -> None:
    clock = SystemClock()
    before = clock.monotonic()

    assert clock.monotonic() >= before
    assert len(clock.random_text(20)) == 20
    assert clock.random_text(20) != clock.random_text(20)
