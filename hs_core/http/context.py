"""Which request the running code works for: for log lines.

One variable that is set once per request costs a fraction of binding each name; the names are read when something is
really logged.
"""

from __future__ import annotations

from contextvars import ContextVar

from structlog.typing import EventDict, WrappedLogger

from hs_core.http.request import Request

current_request: ContextVar[Request | None] = ContextVar("current_request", default=None)


def add_request(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """A structlog processor: adds `request_id`, `plugin` and `user` to what is logged while a request is handled."""
    request = current_request.get()
    if request is not None:
        event.setdefault("request_id", request.request_id)
        event.setdefault("plugin", request.plugin)
        if request.requester is not None:
            event.setdefault("user", request.requester.user_id)
    return event
