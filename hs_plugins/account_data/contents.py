"""What account data may be, and what follows from what it says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from hs_core.errors import BadJson, InvalidParam, MatrixError, TooLarge
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import UserId

MAX_TYPE: Final = 255
MAX_TAG: Final = 255
""" "The name of a tag MUST NOT exceed 255 bytes." """
MAX_CONTENT: Final = 256 * 1024
"""Bytes of one piece."""
MAX_TOTAL: Final = 16 * 1024 * 1024
"""Bytes of all that one user has, for an initial sync shows all of it."""
OVERHEAD: Final = 100
"""Bytes that a piece counts for besides its content, so that many small ones have an end, too."""

MANAGED: Final = frozenset({"m.fully_read", "m.push_rules"})
""" "event types that the server manages" """


def check_type(type_: str) -> None:
    """Raises MatrixError if clients may not set this type."""
    if type_ in MANAGED:
        raise MatrixError(405, "M_BAD_JSON", f"{type_} cannot be set through this API")
    if len(type_.encode()) > MAX_TYPE:
        raise InvalidParam(f"A type may have {MAX_TYPE} bytes")


def check_tag(tag: str, content: Mapping[str, Any]) -> None:
    """Raises InvalidParam, BadJson."""
    if len(tag.encode()) > MAX_TAG:
        raise InvalidParam(f"The name of a tag may have {MAX_TAG} bytes")
    if "order" not in content:
        return
    order = content["order"]
    if isinstance(order, bool) or not isinstance(order, int | float):
        raise BadJson("The order of a tag must be a number")
    if not 0 <= order <= 1:
        raise InvalidParam("The order of a tag must be between 0 and 1")


def written(content: Mapping[str, Any]) -> bytes:
    """As it is stored. Clients may use numbers, and nest them as deep, as the server's own JSON never has."""
    return encode_canonical(content, strict=False)


def check_size(content: bytes) -> None:
    """Raises TooLarge."""
    if len(content) > MAX_CONTENT:
        raise TooLarge(f"Account data of one type may have {MAX_CONTENT} bytes")


def weight(type_: str, content: bytes | None) -> int:
    """What a piece counts for in the user's total."""
    return 0 if content is None else OVERHEAD + len(type_.encode()) + len(content)


def tags_in(content: bytes | None) -> dict[str, Any]:
    """The tags in the content of `m.tag`, which clients may set to anything."""
    tags = orjson.loads(content).get("tags") if content else None
    return tags if isinstance(tags, dict) else {}


def with_tag(content: bytes | None, tag: str, said: bytes) -> bytes:
    """The content of `m.tag` with one tag more, or one that says something else."""
    return written({"tags": {**tags_in(content), tag: orjson.loads(said)}})


def without_tag(content: bytes | None, tag: str) -> bytes | None:
    """The content of `m.tag` without a tag; as it is, if that is not there."""
    tags = tags_in(content)
    if tag not in tags:
        return content
    return written({"tags": {name: tags[name] for name in tags if name != tag}})


def ignored_in(content: Mapping[str, Any] | None, user: UserId) -> frozenset[UserId]:
    """The users in the content of `m.ignored_user_list`: "A map of user IDs". Nobody ignores themselves."""
    ignored = content.get("ignored_users") if content else None
    return frozenset(UserId(each) for each in ignored if each != user) if isinstance(ignored, dict) else frozenset()
