"""The calls of `Interactive`: step by step through the stages, with what is known of each session in the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hs_core.clock import Clock
from hs_core.db import Database
from hs_core.errors import BadJson, Forbidden, NotFound
from hs_core.http.authenticate import token_hash
from hs_plugins.login.config import LoginConfig, milliseconds
from hs_plugins.login.interactive.flows import is_complete, may_come_next
from hs_plugins.login.interactive.stages import PASSWORD, StageFailed, Stages
from hs_plugins.login.interactive.values import Challenge, Operation, Outcome
from hs_plugins.login.store import sessions
from hs_plugins.login.store.sessions import StoredSession

SESSION_LENGTH = 32
USER_FLOWS = ((PASSWORD,),)


@dataclass(frozen=True)
class InteractiveService:
    """Any process can go on with a session: only the hash of its key and its progress are kept, and for a while."""

    db: Database
    clock: Clock
    config: LoginConfig
    stages: Stages

    async def attempt(self, operation: Operation) -> Outcome:
        auth = operation.auth or {}
        key = _text(auth, "session")
        stage = _text(auth, "type")
        session = await self._find(key, operation)
        if session is None:
            key = None
        completed = session.completed if session is not None else {}
        flows = operation.flows or USER_FLOWS
        failure: str | None = None
        if stage is not None and stage not in completed:
            if not may_come_next(flows, completed, stage):
                failure = "Other stages of the flow come first"
            else:
                try:
                    completed = {
                        **completed,
                        stage: await self.stages.check(stage, auth, operation.user_id, operation.address),
                    }
                except StageFailed as error:
                    failure = str(error)
        if is_complete(flows, completed):
            return await self._proven(key, session, operation, completed)
        key = await self._store(key, operation, completed)
        challenge = Challenge(
            flows=flows,
            params={},
            session=key,
            completed=tuple(completed),
            errcode=None if failure is None else "M_FORBIDDEN",
            error=failure,
        )
        return Outcome(challenge=challenge, completed=completed)

    async def complete(self, session: str, stage: str, proof: str) -> None:
        hashed, now = token_hash(session), self.clock.now_ms()
        if not await self.db.write(lambda tx: sessions.complete(tx, hashed, {stage: proof}, now)):
            raise NotFound("There is no such session, or not any more")

    async def _find(self, key: str | None, operation: Operation) -> StoredSession | None:
        """The session, if there is one. Raises Forbidden if it is not for this operation."""
        if key is None:
            return None
        hashed, now = token_hash(key), self.clock.now_ms()
        session = await self.db.read(lambda tx: sessions.find(tx, hashed, now))
        if session is not None and session.operation != _bound(key, operation):
            raise Forbidden("The operation is not the one that this session is for")
        return session

    async def _store(self, key: str | None, operation: Operation, completed: dict[str, str]) -> str:
        """Keep the progress, in a new session if there is none. Returns its key."""
        now = self.clock.now_ms()
        if key is None:
            key = self.clock.random_text(SESSION_LENGTH)
            hashed, bound = token_hash(key), _bound(key, operation)
            expires = now + milliseconds(self.config.authentication_lifetime)
            new = sessions.NewSession(hashed, bound, operation.remember, expires)
            await self.db.write(lambda tx: sessions.add(tx, new, completed))
        elif completed:
            hashed = token_hash(key)
            await self.db.write(lambda tx: sessions.complete(tx, hashed, completed, now))
        return key

    async def _proven(
        self, key: str | None, session: StoredSession | None, operation: Operation, completed: dict[str, str]
    ) -> Outcome:
        if key is None or session is None:
            return Outcome(completed=completed)
        hashed, now = token_hash(key), self.clock.now_ms()
        if operation.once:
            if not await self.db.write(lambda tx: sessions.delete(tx, hashed)):
                raise Forbidden("The proof has been used")
            return Outcome(completed=completed)
        await self.db.write(lambda tx: sessions.complete(tx, hashed, completed, now))
        return Outcome(completed=completed, remembered=session.remembered, result=session.result, session=hashed)


def _bound(key: str, operation: Operation) -> bytes:
    """A hash of the operation that tells nobody what it is who does not have the key."""
    return token_hash(f"{key} {operation.what.hex()}")


def _text(auth: dict[str, Any], name: str) -> str | None:
    value = auth.get(name)
    if value is not None and not isinstance(value, str):
        raise BadJson(f"auth.{name} must be a string")
    return value
