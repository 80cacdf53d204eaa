"""In which order users are shown who were found. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hs_core.folding import fold
from hs_core.matrix.identifiers import localpart_of
from hs_plugins.user_directory.searching import Found
from hs_plugins.user_directory.terms import MAX_TEXT

_WORST: Final = 5


def ranked(found: Collection[Found], search: str) -> list[Found]:
    """ "Ordered by rank and then whether or not profile info is available": who has what was typed as their whole name
    or localpart comes first, then those whose name begins with it, accents and all, then without, then the rest.
    """
    typed = search.strip()[:MAX_TEXT]

    def key(user: Found) -> tuple[int, bool, str]:
        return _rank(user, typed), user.display_name is None and user.avatar_url is None, user.user_id

    return sorted(found, key=key)


def _rank(user: Found, typed: str) -> int:
    name, localpart = user.display_name or "", localpart_of(user.user_id)
    if typed.casefold() in {name.casefold(), localpart, user.user_id}:
        return 0
    folded = fold(typed)
    if folded in {fold(name), fold(localpart)}:
        return 1
    if name.casefold().startswith(typed.casefold()):
        return 2
    if fold(name).startswith(folded):
        return 3
    return 4 if localpart.startswith(folded.removeprefix("@")) else _WORST
