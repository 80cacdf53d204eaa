"""The rows of the stream `push_rules`."""

from __future__ import annotations

import msgspec

from hs_core.matrix.identifiers import UserId


class PushRulesRow(msgspec.Struct, frozen=True, array_like=True):
    """A user has changed their rules. A row says all, so it replaces those before."""

    user_id: UserId
    rules: bytes
    """The `Ruleset`, in JSON."""
