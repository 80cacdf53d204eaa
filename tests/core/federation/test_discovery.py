"""Server discovery, step by step as the specification numbers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.federation.discovery import Destination, ServiceRecord, discover, in_order
from hs_core.matrix.errors import ProtocolError

NEW, OLD = "_matrix-fed._tcp.", "_matrix._tcp."


class Network:
    """What `.well-known` and DNS say, and what was asked."""

    def __init__(self, delegations: Mapping[str, str], services: Mapping[str, Sequence[ServiceRecord]]) -> None:
        self._delegations = delegations
        self._services = services
        self.asked: list[str] = []

    async def well_known(self, host: str) -> str | None:
        self.asked.append(host)
        return self._delegations.get(host)

    async def services(self, name: str) -> Sequence[ServiceRecord]:
        self.asked.append(name)
        return self._services.get(name, ())

    async def find(self, server_name: str) -> Destination:
        return await discover(server_name, self.well_known, self.services, lambda: 0.5)


def record(host: str, port: int, priority: int = 0, weight: int = 0) -> ServiceRecord:
    return ServiceRecord(priority, weight, host, port)


@pytest.mark.parametrize(
    ("name", "header", "certificate", "target"),
    [
        ("1.2.3.4", "1.2.3.4", "1.2.3.4", ("1.2.3.4", 8448)),
        ("1.2.3.4:80", "1.2.3.4:80", "1.2.3.4", ("1.2.3.4", 80)),
        ("[::1]", "[::1]", "::1", ("::1", 8448)),
        ("[::1]:80", "[::1]:80", "::1", ("::1", 80)),
        ("a.org:80", "a.org:80", "a.org", ("a.org", 80)),
    ],
)
async def test_1_and_2_addresses_and_ports_are_taken_as_they_are(
    name: str, header: str, certificate: str, target: tuple[str, int]
) -> None:
    network = Network({"a.org": "elsewhere.org"}, {})
    assert await network.find(name) == Destination(header, certificate, (target,), "its name")
    assert not network.asked


@pytest.mark.parametrize(
    ("delegated", "header", "certificate", "target"),
    [
        ("1.2.3.4", "1.2.3.4", "1.2.3.4", ("1.2.3.4", 8448)),
        ("[::1]:80", "[::1]:80", "::1", ("::1", 80)),
        ("b.org:80", "b.org:80", "b.org", ("b.org", 80)),
        ("b.org", "b.org", "b.org", ("b.org", 8448)),
    ],
)
async def test_3_1_3_2_and_3_5_a_server_delegates(
    delegated: str, header: str, certificate: str, target: tuple[str, int]
) -> None:
    network = Network({"a.org": delegated}, {f"{NEW}a.org": [record("not.asked", 1)]})
    assert await network.find("a.org") == Destination(header, certificate, (target,), ".well-known")


@pytest.mark.parametrize("service", [NEW, OLD])
async def test_3_3_and_3_4_what_is_delegated_to_has_a_service_record(service: str) -> None:
    network = Network({"a.org": "b.org"}, {f"{service}b.org": [record("c.org", 443)]})
    assert await network.find("a.org") == Destination(
        "b.org", "b.org", (("c.org", 443),), ".well-known and an SRV record"
    )


@pytest.mark.parametrize("service", [NEW, OLD])
async def test_4_and_5_without_delegation_there_is_a_service_record(service: str) -> None:
    network = Network({}, {f"{service}a.org": [record("c.org.", 443)]})
    assert await network.find("a.org") == Destination("a.org", "a.org", (("c.org", 443),), "an SRV record")


async def test_the_new_service_comes_before_the_old_one() -> None:
    network = Network({}, {f"{NEW}a.org": [record("new", 1)], f"{OLD}a.org": [record("old", 1)]})
    assert (await network.find("a.org")).targets == (("new", 1),)


@pytest.mark.parametrize("delegations", [{}, {"a.org": "b.org:99999"}, {"a.org": "b org"}, {"a.org": ""}])
async def test_6_without_anything_valid_it_is_the_default_port(delegations: dict[str, str]) -> None:
    network = Network(delegations, {f"{NEW}a.org": [record(".", 0)]})
    assert await network.find("a.org") == Destination("a.org", "a.org", (("a.org", 8448),), "the default port")


@pytest.mark.parametrize("name", ["", "a b", "a.org:0", "a.org:70000", "[::1"])
async def test_what_is_no_server_name_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError):
        await Network({}, {}).find(name)


records = st.builds(ServiceRecord, st.integers(0, 3), st.integers(0, 100), st.text("abc", min_size=1), st.just(443))


@given(st.lists(records, max_size=8), st.floats(0, 1, exclude_max=True))
def test_records_come_by_priority_and_none_is_lost(found: list[ServiceRecord], chance: float) -> None:
    ordered = in_order(found, lambda: chance)
    assert Counter(ordered) == Counter(found)
    assert [one.priority for one in ordered] == sorted(one.priority for one in found)


def test_the_heavier_record_comes_first_as_often_as_it_weighs() -> None:
    light, heavy = record("light", 1, weight=1), record("heavy", 1, weight=3)
    first = Counter(in_order([light, heavy], lambda chance=n / 100: chance)[0].host for n in range(100))  # type: ignore[misc]
    assert first == {"light": 25, "heavy": 75}
