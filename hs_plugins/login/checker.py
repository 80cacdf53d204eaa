"""Whose an access token is: what every process asks before it answers a request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from hs_core.clock import Clock
from hs_core.cluster.calls import Services
from hs_core.db import Database
from hs_core.errors import Forbidden, UnknownToken
from hs_core.http.authenticate import Authenticator, token_hash
from hs_core.http.requester import Requester
from hs_core.matrix.identifiers import DeviceId, ServerName, UserId
from hs_core.plugin.hooks import Hooks
from hs_core.plugin.hookspecs import Refusal, act_as, check_token
from hs_core.streams.batch import Batch
from hs_plugins.login.api import ACCOUNTS
from hs_plugins.login.rows import AccountRow
from hs_plugins.login.store import tokens
from hs_plugins.login.tokens import Kind, owner_of

STATUS_OF_REFUSAL: Final = {"M_UNKNOWN_DEVICE": 400}
"""Where it is not 403."""


@dataclass(frozen=True)
class TokenReader:
    """Implements `hs_core.http.authenticate.TokenChecker`. The caller remembers the answers for a while."""

    db: Database
    clock: Clock
    services: Services
    hooks: Hooks
    server_name: ServerName

    async def check(self, token: str) -> Requester | None:
        """Our own tokens, and what other plugins know as a token: that of an application service, say."""
        if owner_of(Kind.ACCESS, token, self.server_name) is None:
            return await self.hooks.first(check_token, token)
        hashed = token_hash(token)
        found = await self.db.read(lambda tx: tokens.owner(tx, hashed))
        if found is None:
            return None
        remaining = None if found.expires_ts is None else (found.expires_ts - self.clock.now_ms()) / 1000
        if remaining is not None and remaining <= 0:
            raise UnknownToken("The access token has expired", soft_logout=True)
        if found.unused:
            await self.services[ACCOUNTS].token_used(found.user_id, found.token_id)
        return Requester(
            user_id=found.user_id,
            device_id=found.device_id,
            is_guest=found.is_guest,
            is_admin=found.is_admin,
            is_locked=found.locked,
            is_suspended=found.suspended,
            token_id=found.token_id,
            good_for=remaining,
        )

    async def act_as(self, requester: Requester, user: UserId | None, device: DeviceId | None) -> Requester:
        answer = cast("Requester | Refusal | None", await self.hooks.first(act_as, requester, user, device))
        if answer is None:
            raise Forbidden("The application service may not act as this user")
        if isinstance(answer, Refusal):
            raise Forbidden(answer.message, errcode=answer.errcode, status=STATUS_OF_REFUSAL.get(answer.errcode))
        return answer


def forget_changed_tokens(authenticator: Authenticator, batch: Batch[AccountRow]) -> None:
    """Have the process check tokens again of which the stream says that they changed."""
    for _, row in batch.rows:
        for hashed in row.tokens:
            authenticator.forget_token(hashed)
