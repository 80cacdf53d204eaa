"""The section `plugins.notifications` of the configuration."""

from __future__ import annotations

from datetime import timedelta

from hs_core.config import Section


class NotificationsConfig(Section, frozen=True, kw_only=True):
    """Under `plugins: {notifications: ...}`."""

    keep: timedelta = timedelta(days=30)
    """How long `GET /notifications` lists what users were notified of. What they have not read stays counted."""
