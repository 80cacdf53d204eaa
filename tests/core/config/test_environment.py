"""What the environment may say about the configuration."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hs_core.config.source import Source, compose
from tests.core.config.conftest import Complain, Load


def test_a_variable_stands_above_the_file(load_text: Load) -> None:
    environ = {
        "HS__REGISTRATION__ENABLED": "true",
        "HS__LISTENERS__0__PORT": "9000",
        "HS__PLUGINS__BRIDGE__ROOMS": "7",
        "HS__IDENTITY__TRUSTED_SERVERS": "[a.example, b.example]",
    }

    config = load_text("registration: {enabled: false}\nlisteners: [{port: 8008}]", environ)

    assert config.registration.enabled
    assert config.listeners[0].port == 9000
    assert config.plugins["bridge"].rooms == 7
    assert config.identity.trusted_servers == ("a.example", "b.example")


def test_a_variable_with_a_secret_replaces_the_secrets_file(load_text: Load) -> None:
    config = load_text("registration: {shared_secret_file: gone}", {"HS__REGISTRATION__SHARED_SECRET": "a: {b"})

    assert config.registration.shared_secret == "a: {b"


def test_a_mistake_in_a_variable_is_blamed_on_it(problems: Complain) -> None:
    found = problems("", {"HS__RATE_LIMITS__ENABLED": "maybe", "HS__LISTENER__0": "x", "HS__SERVER_NAME__X": "y"})

    assert [problem for problem in found if problem.startswith("$")] == [
        "$HS__LISTENER__0: unknown key 'listener'; did you mean 'listeners'?",
        "$HS__RATE_LIMITS__ENABLED: rate_limits.enabled: Expected `bool`, got `str`; write true or false",
        "$HS__SERVER_NAME__X: does not name a setting; write HS__SECTION__KEY=value",
    ]


def test_a_reference_to_a_variable_is_replaced(load_text: Load) -> None:
    config = load_text(
        'public_baseurl: https://${HOST}/\nlisteners: [{port: "${PORT}"}]\nregistration: {shared_secret: "$${HOST}"}',
        {"HOST": "hs.example.org", "PORT": "8009"},
    )

    assert config.public_baseurl == "https://hs.example.org/"
    assert config.listeners[0].port == 8009
    assert config.registration.shared_secret == "${HOST}"


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_what_a_variable_holds_is_taken_as_it_is(value: str) -> None:
    source = Source({"VALUE": value})
    node = compose("before ${VALUE} after", "hs.yaml")
    assert hasattr(node, "style")

    expanded = source.expand(node)  # type: ignore[arg-type]  # a scalar, as the text shows

    assert expanded is not None
    assert expanded.value == f"before {value} after"
    assert not source.problems
