"""Identifiers (specification, appendices, "Identifier Grammar").

The functions named `parse_...` take what a stranger sent, of whatever type, and return it under its type if it has the
form of one; otherwise they raise `ProtocolError` with `M_INVALID_PARAM`. The rest take what has been parsed.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final, NamedTuple, NewType

from hs_core.matrix.errors import ProtocolError

ServerName = NewType("ServerName", str)
UserId = NewType("UserId", str)
RoomId = NewType("RoomId", str)
EventId = NewType("EventId", str)
RoomAlias = NewType("RoomAlias", str)
DeviceId = NewType("DeviceId", str)
KeyId = NewType("KeyId", str)

MAX_LENGTH: Final = 255
"""The most bytes (of UTF-8) that an identifier may have, sigil and domain included."""


class MxcUri(NamedTuple):
    """Where a piece of media is: `mxc://server_name/media_id`."""

    server_name: ServerName
    media_id: str

    def __str__(self) -> str:
        return f"mxc://{self.server_name}/{self.media_id}"


_SERVER_NAME = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]{2,45})\]|(?P<host>[0-9A-Za-z.-]{1,255}))(?::[0-9]{1,5})?")
_IPV4 = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_NEW_LOCALPART = re.compile(r"[a-z0-9._=/+-]+")
_COMPLIANT_LOCALPART = re.compile(r"[!-9;-~]+")
_HASH = re.compile(r"[A-Za-z0-9+/]{43}|[A-Za-z0-9_-]{43}")
_URL_SAFE_HASH = re.compile(r"[A-Za-z0-9_-]{43}")
_KEY_ID = re.compile(r"[a-z0-9_]+:[!-~]+")
_MEDIA_ID = re.compile(r"[A-Za-z0-9_-]+")


def parse_server_name(value: object) -> ServerName:
    """A host name, an IPv4 address or an IPv6 address in brackets, and perhaps a port ("Server Name")."""
    match = _SERVER_NAME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _invalid("server name", value)
    host, ipv6 = match["host"], match["ipv6"]
    if ipv6 is not None:
        try:
            IPv6Address(ipv6)
        except AddressValueError:
            raise _invalid("server name", value) from None
    # "IPv4 literals must be a sequence of four decimal numbers in the range 0 to 255, separated by `.`."
    elif host[-1] in "0123456789" and _IPV4.fullmatch(host) and max(map(int, host.split("."))) > 255:
        raise _invalid("server name", value)
    return ServerName(match[0])


def parse_user_id(value: object) -> UserId:
    """Any user ID that may be met, "Historical User IDs" included."""
    return UserId(_parse_with_domain(value, "@", "user ID"))


def parse_new_user_id(value: object) -> UserId:
    """A user ID as one may be given to a new user ("User Identifiers")."""
    user = parse_user_id(value)
    if not _NEW_LOCALPART.fullmatch(localpart_of(user)):
        raise _invalid("new user ID", value)
    return user


def new_user_id(localpart: str, server_name: ServerName) -> UserId:
    """The ID for somebody who wants to register as `localpart`.

    Raises:
        ProtocolError: `M_INVALID_USERNAME`, if the localpart is empty, too long or has a character outside the grammar.
    """
    user = f"@{localpart}:{server_name}"
    if not _NEW_LOCALPART.fullmatch(localpart):
        raise ProtocolError("a user name has only characters a-z, 0-9 and ._=-/+", "M_INVALID_USERNAME")
    if len(user) > MAX_LENGTH:
        raise ProtocolError(f"a user ID is not longer than {MAX_LENGTH} bytes", "M_INVALID_USERNAME")
    return UserId(user)


def is_compliant_user_id(user: UserId) -> bool:
    """Whether a user ID may be shown outside the context of an event.

    "User IDs with localparts containing characters outside the range U+0021 to U+007E, or with an empty localpart, are
    considered non-compliant. [...] servers [...] SHOULD NOT forward such user IDs to clients when referenced outside
    the context of an event."
    """
    return _COMPLIANT_LOCALPART.fullmatch(localpart_of(user)) is not None


def parse_room_id(value: object) -> RoomId:
    """A room ID of either form: with a domain, or the hash of the create event (since room version 12)."""
    if isinstance(value, str) and ":" not in value:
        if value[:1] != "!" or not _URL_SAFE_HASH.fullmatch(value, 1):
            raise _invalid("room ID", value)
        return RoomId(value)
    return RoomId(_parse_with_domain(value, "!", "room ID"))


def parse_event_id(value: object) -> EventId:
    """An event ID of any form: with a domain (room versions 1 and 2), or a hash in either alphabet (3; since 4)."""
    if isinstance(value, str) and ":" not in value:
        if value[:1] != "$" or not _HASH.fullmatch(value, 1):
            raise _invalid("event ID", value)
        return EventId(value)
    return EventId(_parse_with_domain(value, "$", "event ID"))


def parse_room_alias(value: object) -> RoomAlias:
    return RoomAlias(_parse_with_domain(value, "#", "room alias"))


def parse_device_id(value: object) -> DeviceId:
    """A device ID, which the specification leaves opaque. Ours are not empty, not longer than other identifiers and
    without NUL, which no database stores.
    """
    if not isinstance(value, str) or not value or "\0" in value or _utf8_length(value) > MAX_LENGTH:
        raise _invalid("device ID", value)
    return DeviceId(value)


def parse_key_id(value: object) -> KeyId:
    """An algorithm and the name of a key, of a server (`ed25519:a_1`) or of a device (`curve25519:DEVICE`)."""
    if not isinstance(value, str) or len(value) > MAX_LENGTH or not _KEY_ID.fullmatch(value):
        raise _invalid("key ID", value)
    return KeyId(value)


def parse_mxc_uri(value: object) -> MxcUri:
    """The parts of a "Matrix Content (`mxc://`) URI" (client-server API, content repository)."""
    if not isinstance(value, str) or not value.startswith("mxc://"):
        raise _invalid("mxc URI", value)
    server_name, _, media_id = value[6:].partition("/")
    # "homeservers MUST sanitise `mxc://` URIs by [...] allowing only alphanumeric, `_` and `-` characters"
    if len(media_id) > MAX_LENGTH or not _MEDIA_ID.fullmatch(media_id):
        raise _invalid("mxc URI", value)
    return MxcUri(parse_server_name(server_name), media_id)


def localpart_of(identifier: str) -> str:
    """What is between the sigil and the domain; all after the sigil, if there is no domain."""
    return identifier[1:].partition(":")[0]


def server_name_of(identifier: str) -> ServerName:
    """The domain of a user ID, a room alias, or a room or event ID of the form that has one.

    Raises:
        ProtocolError: `M_INVALID_PARAM`, if it has none.
    """
    domain = identifier.partition(":")[2]
    if not domain:
        raise _invalid("identifier with a domain", identifier)
    return ServerName(domain)


def _parse_with_domain(value: object, sigil: str, kind: str) -> str:
    """`&localpart:domain` ("Common Identifier Format"). The localpart may be any text without `:` and NUL."""
    if not isinstance(value, str) or value[:1] != sigil:
        raise _invalid(kind, value)
    localpart, colon, domain = value.partition(":")
    if not colon or "\0" in localpart or _utf8_length(value) > MAX_LENGTH:
        raise _invalid(kind, value)
    parse_server_name(domain)
    return value


def _utf8_length(value: str) -> int:
    """The length in UTF-8; of text with lone surrogates, which has no UTF-8, more than any limit."""
    if value.isascii():
        return len(value)
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        return MAX_LENGTH + len(value)


def _invalid(kind: str, value: object) -> ProtocolError:
    shown = repr(value[:MAX_LENGTH] if isinstance(value, str) else type(value).__name__)
    return ProtocolError(f"not a valid {kind}: {shown}", "M_INVALID_PARAM")
