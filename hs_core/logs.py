"""structlog, set up once per process: facts as fields, names bound once, nothing secret.

Parts say `log = structlog.get_logger(__name__)` and `log.info("what happened", stream=..., position=...)`. A level that
is switched off costs one call of an empty function. The standard library's logging comes out the same way.
"""

import logging
import re
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any, Final, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from hs_core.config.model import Logging
from hs_core.http.context import add_request

HIDDEN: Final = "[hidden]"
_SECRET_FIELDS: Final = frozenset(
    {
        "access_token",
        "as_token",
        "authorization",
        "client_secret",
        "hs_token",
        "login_token",
        "mac",
        "new_password",
        "password",
        "private_key",
        "refresh_token",
        "secret",
        "shared_secret",
        "token",
    }
)
_SECRET_TEXT: Final = re.compile(
    r"hst_[A-Za-z0-9_-]+|(?P<name>(?:access|login|refresh|as|hs)_token=|bearer\s+|X-Matrix\s|://[^/\s:@]*:(?=[^/\s@]+@))[^\s&\"'@]+",
    re.IGNORECASE,
)


def configure(settings: Logging, process: str, stream: TextIO | None = None) -> None:
    """Send this process's log where `settings` say; without a file, to `stream` or else standard error.

    Raises OSError if the file cannot be opened.
    """
    stream = _open(settings.file) if settings.file else stream or sys.stderr
    level = logging.getLevelNamesMapping()[settings.level]
    structlog.configure(
        processors=_processors(settings, process, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, _Unfailing(stream))),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ToStructlog()]
    root.setLevel(max(level, logging.INFO))


def bound(**names: str) -> AbstractContextManager[None]:
    """Bind `request_id`, `plugin`, `user` or `room` to all that is logged in the block, by whatever it calls."""
    return structlog.contextvars.bound_contextvars(**names)


def hide_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """A structlog processor: fields that are secret by their name, and access tokens wherever they stand."""
    for name, value in event.items():
        event[name] = HIDDEN if name.lower() in _SECRET_FIELDS else _without_secrets(value)
    return event


def _without_secrets(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return _SECRET_TEXT.sub(lambda match: (match["name"] or "hst_") + HIDDEN, value)
    if depth > 3 or not isinstance(value, Mapping | list | tuple):
        return value
    if isinstance(value, Mapping):
        return {
            key: HIDDEN if str(key).lower() in _SECRET_FIELDS else _without_secrets(each, depth + 1)
            for key, each in value.items()
        }
    return [_without_secrets(each, depth + 1) for each in value]


def _processors(settings: Logging, process: str, stream: TextIO) -> list[Processor]:
    def name_process(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        return event

    console = settings.format == "console"
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
        if console
        else structlog.processors.JSONRenderer(lambda event, **_: orjson.dumps(event, default=repr).decode())
    )
    return [
        structlog.contextvars.merge_contextvars,
        add_request,
        name_process,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        hide_secrets,
        render,
    ]


def _open(file: Path) -> TextIO:
    """Written line by line, so that a log can be followed."""
    return file.open("a", encoding="utf-8", buffering=1)


class _Unfailing:
    """A stream that nobody reads any more, or a disk that is full, is no reason to fail."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


class _ToStructlog(logging.Handler):
    """Passes on what libraries say."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # as the standard library does: a bad format is the caller's fault, and must not stop it
            self.handleError(record)
            return
        logger = structlog.get_logger(record.name)
        logger.log(min(record.levelno, logging.CRITICAL), message, logger=record.name, exc_info=record.exc_info or None)
