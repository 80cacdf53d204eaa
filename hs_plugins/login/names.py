"""From what a client calls a user to a user ID ("User Identifiers", "Identifier types")."""

from __future__ import annotations

from hs_core.errors import InvalidParam, InvalidUsername
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import ServerName, UserId, new_user_id, parse_user_id, server_name_of


def user_id_for(username: str, server_name: ServerName) -> UserId:
    """The ID of somebody who wants to register as `username`.

    "the server MUST either map the provided `username` onto a `user_id` in a logical manner, or reject any `username`
    which does not comply to the grammar": capitals become small, and the rest is rejected. Raises InvalidUsername.
    """
    try:
        return new_user_id(_lower(username), server_name)
    except ProtocolError as error:
        raise InvalidUsername(str(error)) from None


def candidates(name: str, server_name: ServerName) -> list[UserId]:
    """Whom somebody may mean who logs in as `name`: a "fully qualified Matrix user ID, or just the localpart".

    The first that exists is the one; capitals are tried as they are before small letters. Raises InvalidParam.
    """
    try:
        user = parse_user_id(name if name.startswith("@") else f"@{name}:{server_name}")
    except ProtocolError as error:
        raise InvalidParam(str(error)) from None
    if server_name_of(user) != server_name:
        return []
    localpart, colon, domain = user.partition(":")
    return list(dict.fromkeys([user, UserId(_lower(localpart) + colon + domain)]))


def _lower(name: str) -> str:
    """ASCII capitals only: nothing else has a small form that would be allowed."""
    return "".join(character.lower() if character.isascii() else character for character in name)
