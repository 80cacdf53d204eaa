"""What is behind a URL, for users who see one in a message (content repository, `/preview_url`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final
from urllib.parse import urldefrag

import orjson
import structlog

from hs_core.clock import Clock
from hs_core.db import Database, Transaction
from hs_core.errors import InvalidParam, Unavailable
from hs_core.matrix.identifiers import MxcUri, ServerName, UserId
from hs_core.outbound import Outbound, OutboundError, UnusableUrl
from hs_plugins.media import programs, store
from hs_plugins.media.filing import Filing
from hs_plugins.media.headers import SHOWN_INLINE
from hs_plugins.media.once import Once
from hs_plugins.media.turns import Turns
from hs_plugins.media.uploads import ID_LENGTH
from hs_plugins.media.values import LocalMedia

log = structlog.get_logger(__name__)

AT_ONCE: Final = 10
MOST_OF_ONE: Final = 20
MOST: Final = 200
"""Pages that are looked at, and that wait to be, for one person and for all."""
MAX_URL: Final = 2048
PAGE_BYTES: Final = 256 << 10
"""Of a page; what is to be found is at its beginning."""
IMAGE_BYTES: Final = 5 << 20
"""A larger image is left out."""
SECONDS: Final = 10.0
"""For a page, and again for its image."""
REDIRECTS: Final = 5
FRESH_MS: Final = 60 * 60 * 1000
KEPT_MS: Final = 2 * 24 * 60 * 60 * 1000
"""After that the image is removed, too."""
FORGOTTEN_AT_ONCE: Final = 100
PAGES: Final = {"text/html", "application/xhtml+xml"}
NOBODY: Final = UserId("")
"""Who images of previews are of."""

Preview = dict[str, Any]


@dataclass
class Previews:
    """They are kept for a while, for all users."""

    server_name: ServerName
    db: Database
    clock: Clock
    outbound: Outbound
    filing: Filing
    turns: Turns
    looking: Once[str, Preview]

    async def of(self, given: str, by: str) -> Preview:
        """Properties of the Open Graph protocol; none if there is nothing to tell. Raises InvalidParam, Unavailable."""
        url = urldefrag(given).url
        if len(url) > MAX_URL:
            raise InvalidParam(f"A URL has at most {MAX_URL} characters")
        try:
            self.outbound.check(url)
        except UnusableUrl:
            raise InvalidParam("Only pages of the web can be looked at") from None
        except OutboundError:
            return {}
        after = self.clock.now_ms() - FRESH_MS
        kept = await self.db.read(lambda tx: store.preview(tx, url, after), rows=1)
        return orjson.loads(kept) if kept is not None else await self.looking.do(url, lambda: self._look(url, by))

    async def forget(self) -> None:
        """Old previews, with their images."""
        before = self.clock.now_ms() - KEPT_MS
        more = FORGOTTEN_AT_ONCE
        while more == FORGOTTEN_AT_ONCE:
            more = await self.db.write(lambda tx: self._forget(tx, before))

    def _forget(self, tx: Transaction, before: int) -> int:
        media_ids = store.forget_previews(tx, before, FORGOTTEN_AT_ONCE)
        for media_id in media_ids:
            if media_id is not None and (media := store.delete(tx, media_id)) is not None and media.file_id is not None:
                store.limit_thumbnails(tx, media.file_id, 0, self.clock.now_ms())
                store.loosen(tx, media.file_id, self.clock.now_ms())
        return len(media_ids)

    async def _look(self, url: str, by: str) -> Preview:
        async with self.turns.turn(by):
            # What cannot be had is told like what has nothing to tell: a preview is no way to look into networks.
            try:
                preview, image = await self._fetch(url)
            except OutboundError as error:
                log.info("a page cannot be looked at", destination=error.destination, reason=error.reason)
                preview, image = {}, None
            if image is None:
                preview = {name: value for name, value in preview.items() if not name.startswith("og:image")}
            else:
                preview["og:image"] = str(MxcUri(self.server_name, image.media_id))
                preview["og:image:type"] = image.content_type
                preview["matrix:image:size"] = image.size
            now = self.clock.now_ms()
            await self.db.write(lambda tx: self._keep(tx, url, now, preview, image))
            return preview

    def _keep(self, tx: Transaction, url: str, now: int, preview: Preview, image: LocalMedia | None) -> None:
        if image is not None:
            if image.file_id is None or not store.name(tx, image.file_id):
                raise Unavailable
            store.add(tx, image)
        store.add_preview(tx, url, now, orjson.dumps(preview), image.media_id if image else None)

    async def _fetch(self, url: str) -> tuple[Preview, LocalMedia | None]:
        """Raises OutboundError."""
        headers = {"Accept": "text/html, application/xhtml+xml, image/*;q=0.8"}
        opened = self.outbound.opened("GET", url, headers=headers, seconds=SECONDS, redirects=REDIRECTS)
        async with opened as answer:
            content_type, charset = _type_of(answer.headers.get("content-type", ""))
            if answer.status != 200:
                return {}, None
            if _is_image(content_type):
                return {}, await self._store(content_type, await answer.read(IMAGE_BYTES))
            if content_type not in PAGES:
                return {}, None
            page, landed = await answer.beginning(PAGE_BYTES), answer.url
        preview = await self._parsed(page[:PAGE_BYTES], landed, charset)
        image_url = preview.pop("og:image", None)
        return preview, None if image_url is None else await self._image(image_url)

    async def _parsed(self, page: bytes, url: str, charset: str | None) -> Preview:
        try:
            said = await programs.run("hs_plugins.media.pages", url, *([charset] if charset else []), given=page)
        except programs.GaveUp:
            return {}
        found: Preview = orjson.loads(said)
        for name in ("og:image:width", "og:image:height"):
            value = found.pop(name, "")
            if value.isascii() and value.isdigit() and len(value) < 6:
                found[name] = int(value)
        return found

    async def _image(self, url: str) -> LocalMedia | None:
        """A page is worth a preview without its image."""
        try:
            headers = {"Accept": "image/*"}
            opened = self.outbound.opened("GET", url, headers=headers, seconds=SECONDS, redirects=REDIRECTS)
            async with opened as answer:
                content_type, _ = _type_of(answer.headers.get("content-type", ""))
                if answer.status != 200 or not _is_image(content_type):
                    return None
                return await self._store(content_type, await answer.read(IMAGE_BYTES))
        except OutboundError:
            return None

    async def _store(self, content_type: str, body: bytes) -> LocalMedia:
        file_id = self.filing.new_id()
        size = await self.filing.folder.receive(file_id, _once(body))
        await self.filing.complete(file_id)
        return LocalMedia(
            media_id=self.clock.random_text(ID_LENGTH),
            user_id=NOBODY,
            created_ts=self.clock.now_ms(),
            expires_ts=None,
            file_id=file_id,
            size=size,
            content_type=content_type,
            filename=None,
        )


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _is_image(content_type: str) -> bool:
    return content_type.startswith("image/") and content_type in SHOWN_INLINE


def _type_of(header: str) -> tuple[str, str | None]:
    """The type that an answer says it has, and its character set."""
    message = Message()
    message["content-type"] = header.replace("\r", "").replace("\n", "")
    charset = message.get_content_charset()
    return message.get_content_type(), charset if charset and charset.isascii() and charset.isprintable() else None
