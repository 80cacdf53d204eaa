"""The content of `m.room.canonical_alias`. Pure."""

from collections.abc import Mapping
from typing import Any

from hs_core.matrix.identifiers import RoomAlias


def without_alias(content: Mapping[str, Any], alias: RoomAlias) -> dict[str, Any] | None:
    """The content once an alias is gone; `None` if it does not name it."""
    rest = dict(content)
    if rest.get("alias") == alias:
        del rest["alias"]
    others = rest.get("alt_aliases")
    if isinstance(others, list) and alias in others:
        rest["alt_aliases"] = [other for other in others if other != alias]
    return None if rest == content else rest
