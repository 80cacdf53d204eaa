"""One process: the options of homeserver.yaml."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.config import Config, Section, load
from hs_core.importing import Imported, Outcome, import_config
from hs_core.importing.options import OPTIONS
from hs_core.importing.workers import SHARED

INSTALLED = ["rooms", "client", "login", "sync", "federation", "media"]

HOMESERVER = """
server_name: "example.org"
public_baseurl: https://matrix.example.org/
pid_file: /var/run/matrix-synapse.pid
listeners:
  - port: 8008
    tls: false
    type: http
    x_forwarded: true
    bind_addresses: ['::1', '127.0.0.1']
    resources:
      - names: [client, federation]
        compress: false
  - port: 9000
    type: metrics
    bind_addresses: ['127.0.0.1']
  - port: 9001
    type: manhole
database:
  name: psycopg2
  args:
    user: synapse_user
    password: p@ss/word${1}
    dbname: synapse
    host: db.example.org
    cp_min: 5
    cp_max: 10
log_config: "/etc/matrix-synapse/log.yaml"
media_store_path: /var/lib/matrix-synapse/media
max_upload_size: 100M
enable_registration: true
registration_requires_token: true
registration_shared_secret: "a ${secret}"
macaroon_secret_key: "abc"
report_stats: false
signing_key_path: "/etc/matrix-synapse/homeserver.signing.key"
trusted_key_servers:
  - server_name: "matrix.org"
url_preview_enabled: true
allow_public_rooms_over_federation: true
federation_domain_whitelist: [a.example, b.example]
ip_range_blacklist: ['10.0.0.0/8', 'fe80::/10']
rc_message: {per_second: 0.5, burst_count: 20}
rc_login:
  address: {per_second: 0.15, burst_count: 5}
  account: {per_second: 0.18, burst_count: 4}
rc_joins: {local: {per_second: 0, burst_count: 0}}
email:
  smtp_host: mail.example.org
  smtp_port: 587
  smtp_user: me
  smtp_pass: secret
  require_transport_security: true
  notif_from: "Your %(app)s server <noreply@example.org>"
  app_name: Home
  enable_notifs: true
cas_config: {enabled: true, server_url: "https://cas.example.org", service_url: "https://a"}
oidc_providers:
  - idp_id: My GitHub
    idp_name: GitHub
    issuer: https://github.com/
    client_id: abc
    client_secret: def
    user_mapping_provider: {config: {localpart_template: "{{ user.login }}"}}
app_service_config_files: [/etc/irc.yaml]
some_future_option: 5
"""


def imported_from(text: str, *more: dict[str, Any]) -> Imported:
    return import_config([yaml.safe_load(text), *more], INSTALLED, lambda: "new secret")


def loaded(imported: Imported, folder: Path) -> Config:
    (folder / "hs.yaml").write_text(imported.yaml())
    return load(folder / "hs.yaml", dict.fromkeys(INSTALLED, Section), {})


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return loaded(imported_from(HOMESERVER), tmp_path)


def outcome(imported: Imported, option: str) -> tuple[Outcome, str]:
    return next((line.outcome, line.text) for line in imported.lines if line.option == option)


def test_a_whole_homeserver_yaml_becomes_a_configuration_that_loads(config: Config) -> None:
    assert config.server_name == "example.org"
    assert config.public_baseurl == "https://matrix.example.org/"
    assert config.signing_key_path == Path("/etc/matrix-synapse/homeserver.signing.key")
    assert config.media.max_upload_size == 100 << 20
    assert config.registration.enabled
    assert config.registration.require_token
    assert config.url_previews.enabled
    assert config.directory.public_over_federation
    assert config.federation.allow_domains == ("a.example", "b.example")
    assert list(map(str, config.federation.ip_blocklist)) == ["10.0.0.0/8", "fe80::/10"]
    assert config.appservices == (Path("/etc/irc.yaml"),)
    assert config.cas.server_url == "https://cas.example.org"


def test_secrets_with_a_dollar_sign_stay_what_they_are(config: Config) -> None:
    assert config.registration.shared_secret == "a ${secret}"
    assert config.database.url == "postgresql://synapse_user:p%40ss%2Fword%24%7B1%7D@db.example.org/hs"


def test_listeners_carry_what_the_old_resources_meant(config: Config) -> None:
    seen = [(each.bind, each.port, each.proxied, {one.value for one in each.resources}) for each in config.listeners]

    everything = {"client", "media", "admin", "federation", "keys"}
    assert seen == [
        ("::1", 8008, True, everything),
        ("127.0.0.1", 8008, True, everything),
        ("127.0.0.1", 9000, False, {"metrics"}),
    ]


def test_rate_limits_take_the_part_that_means_the_same(config: Config) -> None:
    assert (config.rate_limits.message.per_second, config.rate_limits.message.burst) == (0.5, 20)
    assert (config.rate_limits.login.per_second, config.rate_limits.login.burst) == (0.15, 5)
    imported = imported_from(HOMESERVER)
    assert outcome(imported, "rc_login.account")[0] is Outcome.DROPPED
    assert outcome(imported, "rc_joins.local") == (
        Outcome.DROPPED,
        "a budget of nothing cannot be set; rate_limits.join keeps its default",
    )


def test_mail_is_sent_as_before(config: Config) -> None:
    assert config.email is not None
    assert (config.email.smtp_host, config.email.smtp_port, config.email.smtp_tls) == (
        "mail.example.org",
        587,
        "starttls",
    )
    assert config.email.from_ == "Your Home server <noreply@example.org>"
    assert config.email.smtp_password == "secret"


def test_providers_of_single_sign_on_are_taken_over(config: Config) -> None:
    (provider,) = config.oidc
    assert (provider.id, provider.name, provider.client_secret) == ("my_github", "GitHub", "def")
    dropped = outcome(imported_from(HOMESERVER), "oidc_providers[0].user_mapping_provider")
    assert dropped == (Outcome.DROPPED, "there is no such setting")


def test_every_option_has_a_line_in_the_report() -> None:
    imported = imported_from(HOMESERVER)

    for option in yaml.safe_load(HOMESERVER):
        assert any(line.option.startswith(option) for line in imported.lines), option
    assert outcome(imported, "server_name") == (Outcome.KEPT, "")
    assert outcome(imported, "enable_registration") == (Outcome.MAPPED, "registration.enabled")
    assert outcome(imported, "some_future_option") == (Outcome.DROPPED, "there is no such setting")
    assert "mapped   enable_registration -> registration.enabled\n" in imported.report()


def test_the_new_database_is_not_the_old_one() -> None:
    assert "which you have to create: data are not taken over" in outcome(imported_from(HOMESERVER), "database")[1]
    sqlite = imported_from("server_name: a.b\ndatabase: {name: sqlite3, args: {database: /homeserver.db}}\n")
    assert "database" not in sqlite.settings


@pytest.mark.parametrize(
    ("args", "url"),
    [
        ("{}", "postgresql:///hs"),
        ("{host: '::1', port: 5433, user: a}", "postgresql://a@[::1]:5433/hs"),
        ("{host: /run/postgresql, user: a}", "postgresql://a@/hs?host=%2Frun%2Fpostgresql"),
        ("{host: db, sslmode: require}", "postgresql://db/hs?sslmode=require"),
    ],
)
def test_a_database_is_found_where_it_was(args: str, url: str) -> None:
    imported = imported_from(f"server_name: a.b\ndatabase: {{name: psycopg2, args: {args}}}\n")

    assert imported.settings["database"]["url"] == url


def test_whom_people_find_is_taken_over() -> None:
    imported = imported_from("server_name: a.b\nuser_directory: {enabled: true, search_all_users: true}")

    assert imported.settings["plugins"] == {"user_directory": {"search_all_users": True}}
    assert outcome(imported, "user_directory.enabled")[0] is Outcome.DROPPED
    assert outcome(imported, "user_directory.search_all_users")[0] is Outcome.MAPPED


def test_a_captcha_is_taken_over_only_if_it_was_on(tmp_path: Path) -> None:
    keys = "server_name: a.b\nrecaptcha_public_key: a\nrecaptcha_private_key: b\n"

    assert loaded(imported_from(keys), tmp_path).recaptcha.public_key is None
    on = loaded(imported_from(keys + "enable_registration_captcha: true\n"), tmp_path)
    assert (on.recaptcha.public_key, on.recaptcha.private_key) == ("a", "b")


def test_administration_is_not_opened_to_the_world(tmp_path: Path) -> None:
    text = """
server_name: a.b
tls_certificate_path: /tls.crt
tls_private_key_path: /tls.key
listeners: [{port: 8448, tls: true, bind_addresses: ['::', '0.0.0.0'], resources: [{names: [client, federation]}]}]
"""
    (listener,) = loaded(imported_from(text), tmp_path).listeners

    assert {resource.value for resource in listener.resources} == {"client", "federation", "keys", "media"}
    assert listener.bind == ""
    assert listener.tls is not None
    assert listener.tls.cert == Path("/tls.crt")


@pytest.mark.parametrize("value", ["5", "[1]", "{name: oracle}", "text", "null", "{name: [1]}"])
def test_an_option_that_cannot_be_read_is_dropped(value: str, tmp_path: Path) -> None:
    for option in (
        "database",
        "email",
        "cas_config",
        "oidc_providers",
        "saml2_config",
        "rc_message",
        "rc_login",
        "user_directory",
    ):
        imported = imported_from(f"server_name: a.b\n{option}: {value}\n")
        assert loaded(imported, tmp_path).server_name == "a.b"


@pytest.mark.parametrize("text", ["{}", "server_name: 5", "{server_name: a.b, listeners: 5}"])
def test_what_is_no_homeserver_yaml_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        imported_from(text)


def test_files_of_a_folder_are_laid_over_each_other() -> None:
    imported = imported_from("server_name: a.b\nenable_registration: false\n", {"enable_registration": True})

    assert imported.settings["registration"] == {"enabled": True}


_KEYS = st.sampled_from(
    [
        "name",
        "args",
        "user",
        "host",
        "port",
        "enabled",
        "names",
        "resources",
        "type",
        "address",
        "per_second",
        "burst_count",
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("psycopg2"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    options=st.dictionaries(st.sampled_from([*OPTIONS, *sorted(SHARED)]), _VALUES, max_size=4),
    with_worker=st.booleans(),
    listening=_VALUES,
)
def test_whatever_is_written_there_is_imported_or_refused(
    options: dict[str, Any], with_worker: bool, listening: Any
) -> None:
    worker = {"worker_app": "synapse.app.generic_worker", "worker_name": "a", "worker_listeners": listening}
    try:
        imported = import_config(
            [{"server_name": "a.b"} | options, *([worker] if with_worker else [])], INSTALLED, lambda: "new secret"
        )
    except ValueError:
        return
    assert yaml.safe_load(imported.yaml())["server_name"] == options.get("server_name", "a.b")
