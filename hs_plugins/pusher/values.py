"""Pushers as values."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import orjson

from hs_core.matrix.identifiers import DeviceId, UserId
from hs_plugins.notifications.api import Since

HTTP: Final = "http"
EVENT_ID_ONLY: Final = "event_id_only"


class PusherSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of a pusher; `kind` is always `http`."""

    app_id: str
    pushkey: str
    app_display_name: str
    device_display_name: str
    profile_tag: str | None = None
    lang: str
    data: bytes
    """A JSON object, with the `url` of the gateway."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a pusher has been told, and how that goes."""

    place: Since
    """What comes after it in the stream `notifications` has not been told."""
    badge: int
    """The number of unread notifications that was told last."""
    failures: int = 0
    """In a row."""
    failing_since: int = 0
    """Milliseconds since the epoch, if there are failures."""
    retry_ts: int = 0
    """When to try again, if there are failures."""
    refusals: int = 0
    """How often the gateway did not want the notification that is next."""


class Pusher(msgspec.Struct, frozen=True, kw_only=True):
    """A pusher of a user."""

    pusher_id: int
    user_id: UserId
    device_id: DeviceId | None
    settings: PusherSettings
    set_ts: int
    """When it was last set, in milliseconds since the epoch."""
    progress: Progress

    @property
    def data(self) -> dict[str, Any]:
        """What the client gave for the gateway, with its `url`."""
        data: dict[str, Any] = orjson.loads(self.settings.data)
        return data

    def to_json(self) -> dict[str, Any]:
        """As its owner sees it (`GET /pushers`)."""
        settings = self.settings
        shown = {
            "app_id": settings.app_id,
            "pushkey": settings.pushkey,
            "kind": HTTP,
            "app_display_name": settings.app_display_name,
            "device_display_name": settings.device_display_name,
            "lang": settings.lang,
            "data": orjson.Fragment(settings.data),
        }
        return shown if settings.profile_tag is None else {**shown, "profile_tag": settings.profile_tag}
