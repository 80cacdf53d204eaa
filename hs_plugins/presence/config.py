"""The plugin's section of the configuration."""

from __future__ import annotations

from hs_core.config import Section


class PresenceConfig(Section, frozen=True, kw_only=True):
    """Whether users are told who is online."""

    enabled: bool = True
    """Without it everybody is offline to everybody, and what clients say of themselves is forgotten."""
