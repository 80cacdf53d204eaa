"""`/room_keys/version` and `/room_keys/keys`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final

import orjson
from starlette.responses import Response

from hs_core.db import Database, Transaction
from hs_core.errors import BadJson, InvalidParam, MatrixError, NotFound, TooLarge
from hs_core.http.request import Request
from hs_core.http.responses import JsonStream, empty, json_response
from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.identifiers import UserId
from hs_plugins.key_backup import store
from hs_plugins.key_backup.sessions import Copy, Name, copy_of, name_of, rooms_in, sessions_in
from hs_plugins.key_backup.store import Backup, Part

MAX_VERSIONS: Final = 100
"""Of one user, deleted ones not counted."""
MAX_SESSIONS: Final = 500_000
"""Of one version."""
MAX_AUTH_DATA: Final = 64 * 1024
MAX_ALGORITHM: Final = 255
PAGE: Final = 500
"""Sessions that are read at once."""


async def post_version(db: Database, request: Request) -> Response:
    """Make a version."""
    body, user = await request.json_object(canonical=False), request.asker.user_id
    algorithm, auth_data = _algorithm(body), _auth_data(body)

    def work(tx: Transaction) -> int:
        if store.live(tx, user) >= MAX_VERSIONS:
            raise TooLarge(f"A user may have {MAX_VERSIONS} backups")
        return store.create(tx, user, algorithm, auth_data)

    return json_response({"version": str(await db.write(work))})


async def get_version(db: Database, request: Request) -> Response:
    """Tell of a version, or of the newest."""
    user, text = request.asker.user_id, request.params.get("version")
    version = None if text is None else _version(text)
    found = _found(await db.read(lambda tx: store.backup(tx, user, version)))
    said = {"algorithm": found.algorithm, "auth_data": orjson.Fragment(found.auth_data), "version": str(found.version)}
    return json_response({**said, **_state(found)})


async def put_version(db: Database, request: Request) -> Response:
    """Change the `auth_data` of a version."""
    body, user, version = await request.json_object(canonical=False), request.asker.user_id, _version_of(request)
    algorithm, auth_data = _algorithm(body), _auth_data(body)
    if body.get("version", str(version)) != str(version):
        raise InvalidParam("The version in the body is not that in the path")

    def work(tx: Transaction) -> None:
        if _found(store.backup(tx, user, version, lock=True)).algorithm != algorithm:
            raise InvalidParam("The algorithm of a backup cannot be changed")
        store.set_auth_data(tx, user, version, auth_data)

    await db.write(work)
    return empty()


async def delete_version(db: Database, request: Request) -> Response:
    """Delete a version, with all that it holds.

    "If the backup was previously deleted, the call should succeed rather than returning an error."
    """
    user, version = request.asker.user_id, _version_of(request)
    if not await db.write(lambda tx: store.delete(tx, user, version)):
        raise NotFound("There is no such backup")
    return empty()


async def put_keys(db: Database, request: Request) -> Response:
    """Back up sessions: all of the body, those of a room, or one."""
    room_id, session_id = request.params.get("room_id"), request.params.get("session_id")
    body, user = await request.json_object(canonical=False), request.asker.user_id
    if room_id is None:
        copies = rooms_in(body)
    elif session_id is None:
        copies = sessions_in(room_id, body)
    else:
        copies = {name_of(room_id, session_id): copy_of(body)}
    version = _version(request.query_required("version"))
    return json_response(_state(await db.write(lambda tx: _merge(tx, user, version, copies))))


async def get_keys(db: Database, request: Request) -> Response:
    """What is backed up: everything, what is of a room, or one session."""
    user, part, version = request.asker.user_id, _part(request), _version(request.query_required("version"))
    _found(await db.read(lambda tx: store.backup(tx, user, version)))
    if part.session_id is None:
        return JsonStream(_written(db, user, version, part))
    stored = await db.read(lambda tx: store.sessions(tx, user, version, part, limit=1))
    if not stored:
        raise NotFound("There is no such session")
    return json_response(stored[0][1].to_json())


async def delete_keys(db: Database, request: Request) -> Response:
    """Delete what is backed up, or a part of it."""
    user, part, version = request.asker.user_id, _part(request), _version(request.query_required("version"))

    def work(tx: Transaction) -> Backup:
        found = _found(store.backup(tx, user, version, lock=True))
        gone = store.delete_sessions(tx, user, version, part)
        return store.changed(tx, user, version, -gone) if gone else found

    return json_response(_state(await db.write(work)))


def _merge(tx: Transaction, user: UserId, version: int, copies: Mapping[Name, Copy]) -> Backup:
    """Keep the better copy of each session. Raises NotFound, TooLarge, 403 `M_WRONG_ROOM_KEYS_VERSION`."""
    found = _found(store.backup(tx, user, None, lock=True))
    if found.version != version:
        current = {"current_version": str(found.version)}
        raise MatrixError(403, "M_WRONG_ROOM_KEYS_VERSION", "That is not the newest version", extra=current)
    known = store.known(tx, user, version, copies)
    better = {name: copy for name, copy in copies.items() if name not in known or copy.rank < known[name].rank}
    if not better:
        return found
    more = sum(name not in known for name in better)
    if found.sessions + more > MAX_SESSIONS:
        raise TooLarge(f"A backup may have {MAX_SESSIONS} sessions")
    store.put(tx, user, version, better)
    return store.changed(tx, user, version, more)


async def _written(db: Database, user: UserId, version: int, part: Part) -> AsyncIterator[bytes]:
    """`rooms`, or the `sessions` of one room, a page at a time: between two of them nothing waits for the client."""
    yield b'{"rooms":{' if part.room_id is None else b'{"sessions":{'
    room_id, first = part.room_id, True
    async for page in _pages(db, user, version, part):
        for room, copies in groupby(page, key=lambda each: each[0].room_id):
            if room != room_id:
                yield (b"" if room_id is None else b"}},") + orjson.dumps(room) + b':{"sessions":{'
                room_id, first = room, True
            written = [orjson.dumps(name.session_id) + b":" + orjson.dumps(copy.to_json()) for name, copy in copies]
            yield (b"" if first else b",") + b",".join(written)
            first = False
    yield b"}}" if part.room_id is not None or room_id is None else b"}}}}"


async def _pages(db: Database, user: UserId, version: int, part: Part) -> AsyncIterator[list[tuple[Name, Copy]]]:
    after = store.FIRST
    while True:
        page = await db.read(partial(store.sessions, user=user, version=version, part=part, after=after, limit=PAGE))
        yield page
        if len(page) < PAGE:
            return
        after = page[-1][0]


def _part(request: Request) -> Part:
    return Part(request.params.get("room_id"), request.params.get("session_id"))


def _state(backup: Backup) -> dict[str, Any]:
    return {"count": backup.sessions, "etag": str(backup.etag)}


def _found(backup: Backup | None) -> Backup:
    """Raises NotFound."""
    if backup is None:
        raise NotFound("There is no such backup")
    return backup


def _version_of(request: Request) -> int:
    return _version(request.params["version"])


def _version(text: str) -> int:
    """Raises NotFound for what no version is called."""
    if not (text.isascii() and text.isdigit()) or len(text) > 15:
        raise NotFound("There is no such backup")
    return int(text)


def _algorithm(body: Mapping[str, Any]) -> str:
    """Raises BadJson, InvalidParam."""
    algorithm = body.get("algorithm")
    if not isinstance(algorithm, str):
        raise BadJson("algorithm must be a string")
    if len(algorithm.encode()) > MAX_ALGORITHM or "\0" in algorithm:
        raise InvalidParam(f"algorithm may have {MAX_ALGORITHM} bytes")
    return algorithm


def _auth_data(body: Mapping[str, Any]) -> bytes:
    """Raises BadJson, TooLarge."""
    if "auth_data" not in body:
        raise BadJson("auth_data is missing")
    written = encode_canonical(body["auth_data"], strict=False)
    if len(written) > MAX_AUTH_DATA:
        raise TooLarge(f"auth_data may have {MAX_AUTH_DATA} bytes")
    return written
