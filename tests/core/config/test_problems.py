"""What is said about a configuration file that is wrong: where, why, and what to do."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hs_core.config import nearest
from tests.core.config.conftest import Complain


def test_all_problems_are_found_at_once_each_with_its_line(problems: Complain) -> None:
    text = "server_name: example.org\nregstration: {}\nmedia: {max_upload_size: 50Q}\nrate_limits:\n  enabled: maybe\n"

    assert problems(text) == [
        "2: unknown key 'regstration'; did you mean 'registration'?",
        "3: media.max_upload_size: '50Q' is not a size; write a size such as 50M",
        "5: rate_limits.enabled: Expected `bool`, got `str`; write true or false",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("server_name: ex ample", "1: .*server name.*; write a host name such as example.org"),
        ("public_baseurl: ftp://x/", "1: 'ftp://x/' is not a web address; write https://HOST/"),
        ('default_room_version: "99"', "1: .*99.*; write a version that is known"),
        ("database: {url: mysql://x}", "1: that is not a database; write sqlite:///FILE or postgresql"),
        ("recaptcha: {public_key: x}", "1: recaptcha.private_key is missing; give both keys, or neither"),
        ("listeners: [{tls: {cert: a}}]", r"1: listeners\[0\].tls.key is missing; add a line key: ..."),
        ("listeners: {port: 1}", "1: listeners is not a list; write .a, b., or a line - a for each"),
        ("listeners: [{port: 70000}]", r"1: listeners\[0\].port: Expected `int` <= 65535"),
        ("listeners: [{port: 1, resources: [clent]}]", "1: .*'clent'; write one of client, federation, media"),
        ("logging: {level: LOUD}", "1: logging.level: .*; write one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
        ("federation: {ip_blocklist: [all]}", "1: .*'all'.*; write an address range such as 10.0.0.0/8"),
        ("registration: yes", "1: registration is not a section; write its keys below it"),
        ("media: {}\nmedia: {}", "2: media is set twice"),
        ("media: {storage: local, storage: local}", "1: media.storage is set twice"),
        ("registration: {enabled: null}", "1: registration.enabled: nothing is written there; write true or false"),
        ("registration: {shared_secret_file: gone}", "1: cannot read .*gone: No such file or directory"),
        ("registration: {shared_secret: a, shared_secret_file: b}", "1: .*is set, and so is shared_secret_file"),
        ("registration: {shared_secret: ${GONE}}", "1: not YAML: .*needs quotes"),
        ("public_baseurl: ${GONE}", r"1: \$\{GONE\} is not set in the environment; set GONE"),
        ("plugins: {syncc: {}}", "1: the plugin 'syncc' is not installed; did you mean 'sync'?"),
        ("plugins: {bridge: {room: 1}}", "1: unknown key 'plugins.bridge.room'; did you mean 'rooms'?"),
        ("plugins: [sync]", "1: plugins is not a section"),
        ("processes: {a: {plugins: [rooom]}}", "1: the plugin 'rooom' is not installed; did you mean 'rooms'?"),
        ("processes: {a: {plugins: []}}\nstreams: {typing: [b]}", "2: there is no process 'b'; known here: a"),
        ("processes: {a: {plugins: [], replicas: 2}}", "1: several processes need Redis"),
        (
            "database: {max_connections: 8}\nprocesses: {a: {plugins: [], replicas: 9}}",
            "1: 8 connections are too few for 9 processes and one that starts; allow 20 or more",
        ),
        (
            "memory: {limit: 200M}\nprocesses: {a: {plugins: [], replicas: 3}}",
            "1: that leaves less than 100M for each of 3 processes; allow 300M or more",
        ),
        (
            "processes:\n  a: {plugins: [], replicas: 2, listeners: [{socket: /x}]}\n"
            "  b: {plugins: [], listeners: [{socket: /x.1}]}",
            "3: the socket /x.1 of processes.b is also that of processes.a; choose another file",
        ),
        ("listeners: [{socket: /x, port: 80}]", "1: a listener at a socket has no port; leave out port, or write a"),
        (
            "processes:\n  sync: {plugins: [], replicas: 2}\n  sync-1: {plugins: []}",
            "3: a replica of sync and one of sync-1 would both be called 'sync-1'; give one of them another name",
        ),
        (
            'cluster: {secret: "two\\nlines"}',
            "1: cluster.secret is not one line of plain characters; write a new one, such as `openssl rand -hex 32`",
        ),
        ('cluster: {secret: x, previous_secret: ""}', "1: cluster.previous_secret is not one line of plain characters"),
        ("cluster: {bind: 0.0.0.0}", "1: at '0.0.0.0' other hosts find nobody; write the address of this host"),
        ("media: [", "3: not YAML: .*; look at the quotes"),
        ("logging: {level: !!python/name:os.system x}", "1: logging.level: could not determine a constructor"),
    ],
)
def test_a_mistake_is_named_with_its_remedy(problems: Complain, text: str, problem: str) -> None:
    assert [found for found in problems(text) if re.match(problem, found)], problems(text)


def test_replicas_must_not_meet_at_a_port(problems: Complain) -> None:
    found = problems(
        "processes:\n"
        "  a: {plugins: [sync], replicas: 3, listeners: [{port: 8101}]}\n"
        "  b: {plugins: [rooms], listeners: [{bind: 0.0.0.0, port: 8103}]}\n"
        "  c: {plugins: [rooms], listeners: [{bind: 127.0.0.2, port: 8101}]}\n"
    )

    collisions = [problem for problem in found if "port" in problem]
    assert collisions == [
        "3: port 8103 of processes.b is also that of processes.a; choose ports that are further apart"
    ]


def test_a_secret_never_appears_in_a_complaint(problems: Complain) -> None:
    found = problems("database: {url: 'postgresq://hs:sesame@db/hs'}\nredis: {url: [sesame]}\n")

    assert len(found) == 2
    assert not any("sesame" in problem for problem in found)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(["registration", "rate_limits", "federation", "listeners"]), st.data())
def test_a_name_with_one_letter_missing_is_recognised(name: str, data: st.DataObject) -> None:
    gap = data.draw(st.integers(0, len(name) - 1))

    assert nearest(name[:gap] + name[gap + 1 :], ["registration", "rate_limits", "federation", "listeners"]) == (
        f"did you mean {name!r}?"
    )
