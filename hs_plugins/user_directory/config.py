"""The section `plugins.user_directory` of the configuration."""

from __future__ import annotations

from hs_core.config import Section


class UserDirectoryConfig(Section, frozen=True, kw_only=True):
    """Under `plugins: {user_directory: ...}`."""

    search_all_users: bool = False
    """Whether everybody finds every user that the server knows of, not just those who share a room with them or are in
    a public one."""
