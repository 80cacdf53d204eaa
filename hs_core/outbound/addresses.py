"""Which addresses strangers may make the server connect to."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from hs_core.config.network import SPECIAL_RANGES


def is_special(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address belongs to a private network or has a special meaning, in IPv6's clothes or not."""
    return any(address in network for network in SPECIAL_RANGES)


def is_special_literal(host: str) -> bool:
    """Whether the host of a URL is such an address itself; a name is not, wherever it leads."""
    try:
        return is_special(ip_address(host.strip("[]")))
    except ValueError:
        return False
