"""Which addresses are kept from strangers."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hs_core.outbound.addresses import is_special, is_special_literal


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.31.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.0.0.8"),
        *("::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2001:db8::1"),
    ],
)
def test_addresses_with_a_special_meaning(address: str) -> None:
    assert is_special(ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "172.32.0.1", "193.0.0.1", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses(address: str) -> None:
    assert not is_special(ip_address(address))


@given(st.ip_addresses(v=4))
def test_an_address_in_the_clothes_of_another_family_is_never_public(address: IPv4Address) -> None:
    assert is_special(IPv6Address(b"\0" * 10 + b"\xff\xff" + address.packed))
    assert is_special(IPv6Address(b"\x20\x02" + address.packed + b"\0" * 10))


@given(st.ip_addresses())
def test_what_python_takes_for_private_is_special(address: IPv4Address | IPv6Address) -> None:
    assert is_special(address) or not address.is_private


def test_a_name_is_no_literal() -> None:
    assert not is_special_literal("localhost")
    assert is_special_literal("127.0.0.1")
    assert is_special_literal("[::1]")
