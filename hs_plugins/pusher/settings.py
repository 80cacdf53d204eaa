"""What clients say of pushers, checked (client-server API, `POST /pushers/set`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from hs_core.errors import BadJson, InvalidParam, MissingParam
from hs_core.outbound import OutboundError
from hs_plugins.pusher.values import HTTP, PusherSettings

EMAIL: Final = "email"
MAX_PUSHKEY: Final = 512
"""Bytes."""
MAX_APP_ID: Final = 64
"""Characters."""
MAX_NAME: Final = 1024
"""Characters of whatever the specification sets no limit to."""
MAX_DATA: Final = 16 * 1024
"""Bytes of JSON."""
PATH: Final = "/_matrix/push/v1/notify"

_TEXTS: Final = ("app_display_name", "device_display_name", "lang")


def key_from(body: Mapping[str, Any]) -> tuple[str, str]:
    """The app ID and pushkey that name a pusher. Raises MissingParam, BadJson, InvalidParam."""
    _require(body, "app_id", "pushkey", "kind")
    app_id, pushkey = _text(body, "app_id", MAX_APP_ID), _text(body, "pushkey", MAX_PUSHKEY)
    if len(pushkey.encode()) > MAX_PUSHKEY:
        raise InvalidParam(f"pushkey has more than {MAX_PUSHKEY} bytes")
    if not app_id or not pushkey:
        raise InvalidParam("Neither app_id nor pushkey can be empty")
    return app_id, pushkey


def settings_from(body: Mapping[str, Any], check_url: Callable[[str], None], *, plain_http: bool) -> PusherSettings:
    """What a body with a `kind` asks for. `check_url` raises OutboundError for what may not be asked.

    `plain_http` is for tests: whether a gateway need not speak TLS.

    Raises MissingParam, BadJson, InvalidParam.
    """
    app_id, pushkey = key_from(body)
    kind = body["kind"]
    if not isinstance(kind, str):
        raise BadJson("kind must be a string or null")
    if kind == EMAIL:
        raise InvalidParam("This server does not send notifications by email")
    if kind != HTTP:
        raise InvalidParam("There is no such kind of pusher")
    _require(body, *_TEXTS, "data")
    data = body["data"]
    if not isinstance(data, dict):
        raise BadJson("data must be an object")
    _check_url(data, check_url, plain_http=plain_http)
    if data.get("format") is not None and not isinstance(data["format"], str):
        raise BadJson("data.format must be a string")
    return PusherSettings(
        app_id=app_id,
        pushkey=pushkey,
        profile_tag=None if body.get("profile_tag") is None else _text(body, "profile_tag"),
        data=_encoded(data),
        **{name: _text(body, name) for name in _TEXTS},
    )


def destination_of(data: Mapping[str, Any]) -> str:
    """Where the gateway is: what pushers have in common that wait for each other."""
    parts = urlsplit(data["url"])
    return f"{parts.scheme}://{parts.netloc}"


def _check_url(data: Mapping[str, Any], check_url: Callable[[str], None], *, plain_http: bool) -> None:
    """ "If `kind` is `http`, this MUST contain `url`" """
    if "url" not in data:
        raise MissingParam("Missing parameters: data.url")
    url = data["url"]
    if not isinstance(url, str):
        raise BadJson("data.url must be a string")
    try:
        check_url(url)
        parts = urlsplit(url)
    except OutboundError as error:
        raise InvalidParam(f"data.url cannot be used: {error.reason}") from None
    except ValueError:
        raise InvalidParam("data.url is not a URL") from None
    # "MUST be an HTTPS URL with a path of `/_matrix/push/v1/notify`"
    if parts.path != PATH:
        raise InvalidParam(f"data.url must have the path {PATH}")
    if parts.scheme != "https" and not plain_http:
        raise InvalidParam("data.url must begin with https://")


def _require(body: Mapping[str, Any], *names: str) -> None:
    if missing := [name for name in names if name not in body or (body[name] is None and name != "kind")]:
        raise MissingParam(f"Missing parameters: {', '.join(missing)}")


def _text(body: Mapping[str, Any], name: str, limit: int = MAX_NAME) -> str:
    value = body[name]
    if not isinstance(value, str):
        raise BadJson(f"{name} must be a string")
    if len(value) > limit:
        raise InvalidParam(f"{name} has more than {limit} characters")
    if "\0" in value:
        raise InvalidParam(f"{name} has a character that cannot be stored")
    return value


def _encoded(data: Mapping[str, Any]) -> bytes:
    try:
        encoded = orjson.dumps(data)
    except (TypeError, ValueError):
        raise InvalidParam("data cannot be stored") from None
    if len(encoded) > MAX_DATA:
        raise InvalidParam(f"data has more than {MAX_DATA} bytes")
    return encoded
