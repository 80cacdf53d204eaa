"""What gets into a log, and what must not."""

import asyncio
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from starlette.types import Message

from hs_core.config.model import Logging
from hs_core.http.context import current_request
from hs_core.http.request import Request
from hs_core.logs import bound, configure, hide_secrets

TOKEN = "hst_YWxpY2U_x7Gh2jKlMnOpQr_1a2B3c"


class Log:
    """A log file and what was written to it."""

    def __init__(
        self, file: Path, level: Literal["DEBUG", "INFO", "WARNING"], form: Literal["json", "console"]
    ) -> None:
        self.file = file
        configure(Logging(file=file, level=level, format=form), process="sync-1")
        self.log = structlog.get_logger("test")

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]


@pytest.fixture(autouse=True)
def _put_logging_back() -> Iterator[None]:
    handlers, level = list(logging.root.handlers), logging.root.level
    yield
    structlog.reset_defaults()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "hs.log", "INFO", "json")


def test_a_line_has_its_facts_and_the_names_bound_around_it(log: Log) -> None:
    with bound(request_id="r1", user="@alice:example.org"):
        log.log.info("event sent", position=7)
    log.log.info("outside")

    inside, outside = log.lines()
    assert inside["event"] == "event sent"
    assert (inside["level"], inside["process"], inside["position"]) == ("info", "sync-1", 7)
    assert (inside["request_id"], inside["user"]) == ("r1", "@alice:example.org")
    assert "user" not in outside


async def test_a_line_names_the_request_that_it_is_about(log: Log) -> None:
    request = Request(
        {"method": "GET"},
        _nothing,
        params={},
        plugin="sync",
        request_id="trace-7",
        max_body=0,
        proxied=False,
        draining=asyncio.Event(),
        header_map={},
    )
    before = current_request.set(request)
    log.log.error("request failed")
    current_request.reset(before)
    log.log.info("outside")

    inside, outside = log.lines()
    assert (inside["request_id"], inside["plugin"]) == ("trace-7", "sync")
    assert "request_id" not in outside


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def test_a_level_that_is_off_writes_nothing(log: Log) -> None:
    log.log.debug("detail")
    logging.getLogger("library").debug("detail")

    assert log.lines() == []


def test_what_libraries_log_comes_out_the_same_way(log: Log) -> None:
    with bound(request_id="r1"):
        logging.getLogger("library").warning("slow: %d ms", 700)

    (line,) = log.lines()
    assert (line["event"], line["logger"], line["level"]) == ("slow: 700 ms", "library", "warning")
    assert line["request_id"] == "r1"


@pytest.mark.parametrize("form", ["json", "console"])
def test_no_secret_reaches_the_file(tmp_path: Path, form: Literal["json", "console"]) -> None:
    log = Log(tmp_path / "hs.log", "INFO", form)
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        log.log.exception("refused", password="sesame", headers={"Authorization": f"Bearer {TOKEN}"})
    log.log.info("answered", path=f"/sync?access_token={TOKEN}&since=s1", url="postgresql://hs:sesame@db/hs")
    logging.getLogger("library").warning("Authorization: Bearer sesame")

    text = log.file.read_text()
    assert "sesame" not in text
    assert TOKEN not in text
    assert "bad token" in text
    assert "since=s1" in text


def test_a_log_that_cannot_be_written_stops_nobody() -> None:
    reader, writer = os.pipe()
    with open(writer, "w", buffering=1, encoding="utf-8") as stream:
        configure(Logging(), "sync-1", stream)
        os.close(reader)
        structlog.get_logger("test").info("nobody reads this")
        with suppress(BrokenPipeError):
            stream.close()


def test_what_is_not_secret_stays_as_it_is() -> None:
    event = {"event": "sent", "room": "!r:example.org", "positions": [1, 2], "at": "https://example.org:8448/"}

    assert hide_secrets(None, "info", dict(event)) == event
