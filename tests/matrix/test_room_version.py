import pytest

from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.room_version import (
    ROOM_VERSIONS,
    V6,
    V7,
    V8,
    V9,
    V10,
    V11,
    V12,
    EventFormat,
    StateResolution,
    room_version,
)


def test_versions_1_to_12_are_known_and_stable() -> None:
    assert list(ROOM_VERSIONS) == [str(number) for number in range(1, 13)]
    assert all(version.stable for version in ROOM_VERSIONS.values())
    assert room_version("9") is V9


@pytest.mark.parametrize("identifier", ["13", "", "1.0", " 1", None, 1, ["1"], {}])
def test_other_versions_are_unsupported(identifier: object) -> None:
    with pytest.raises(ProtocolError) as refused:
        room_version(identifier)
    assert refused.value.errcode == "M_UNSUPPORTED_ROOM_VERSION"


@pytest.mark.parametrize(
    ("behaviour", "since"),
    [
        ("enforces_key_validity", 5),
        ("strict_canonical_json", 6),
        ("limits_notification_power_levels", 6),
        ("knocking", 7),
        ("restricted_joins", 8),
        ("redaction_keeps_join_authorised_via", 9),
        ("knock_restricted_joins", 10),
        ("integer_power_levels", 10),
        ("creator_is_sender", 11),
        ("redacts_in_content", 11),
        ("revised_redaction_rules", 11),
        ("room_id_is_create_event_id", 12),
        ("creators_have_infinite_power", 12),
    ],
)
def test_a_behaviour_stays_once_it_was_introduced(behaviour: str, since: int) -> None:
    for number in range(1, 13):
        assert getattr(ROOM_VERSIONS[str(number)], behaviour) == (number >= since)


@pytest.mark.parametrize(
    ("behaviour", "until"),
    [("redaction_checked_by_auth_rules", 2), ("aliases_have_own_auth_rule", 5), ("create_event_in_auth_events", 11)],
)
def test_a_behaviour_is_gone_once_it_was_removed(behaviour: str, until: int) -> None:
    for number in range(1, 13):
        assert getattr(ROOM_VERSIONS[str(number)], behaviour) == (number <= until)


def test_event_formats_and_state_resolution_change_where_the_specification_says() -> None:
    formats = [version.event_format for version in ROOM_VERSIONS.values()]
    assert (
        formats
        == [EventFormat.ID_IN_EVENT] * 2 + [EventFormat.REFERENCE_HASH] + [EventFormat.URL_SAFE_REFERENCE_HASH] * 9
    )
    algorithms = [version.state_resolution for version in ROOM_VERSIONS.values()]
    assert algorithms == [StateResolution.V1] + [StateResolution.V2] * 10 + [StateResolution.V2_1]


def test_join_rules_that_let_people_in_grow_with_the_versions() -> None:
    assert V6.knock_join_rules == set()
    assert V7.knock_join_rules == {"knock"}
    assert V7.restricted_join_rules == set()
    assert V8.restricted_join_rules == {"restricted"}
    for version in (V10, V11, V12):
        assert version.knock_join_rules == {"knock", "knock_restricted"}
        assert version.restricted_join_rules == {"restricted", "knock_restricted"}
