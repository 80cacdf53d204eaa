"""Two users compare emoji, one of them with matrix-nio.

nio has the cryptography and the messages from `start` to `mac`. What it lacks is here: the messages around those, by
which clients agree to verify and tell each other that they have, and what version 0.26 does not as specified.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any
from uuid import uuid4

import nio
from nio.crypto import OlmDevice, Sas
from nio.event_builders import ToDeviceMessage

from hs_core.matrix.unpadded_base64 import encode_base64
from hs_core.testing.http import Json
from tests.clients.nio_client import R, good, sync_until

_SAS = "m.sas.v1"
_FRAMEWORK = "m.key.verification."
_NAME_IN_NIO = {"hkdf-hmac-sha256.v2": "hkdf-hmac-sha256"}
"""nio calculates as the second version demands, and gives the first one's name."""


class SpecifiedSas(Sas):  # type: ignore[misc]  # nio has no types
    """nio's, as others understand it. Its own commits in hex, and its emoji are not those of the shared secret."""

    _mac_normal = "hkdf-hmac-sha256.v2"
    _mac_v1 = tuple(_NAME_IN_NIO)

    @classmethod
    def from_key_verification_start(cls, *ours: Any) -> SpecifiedSas:
        sas: SpecifiedSas = super().from_key_verification_start(*ours)
        sas.commitment = _commitment(sas.pubkey, ours[-1].source["content"])
        return sas

    def receive_accept_event(self, event: nio.KeyVerificationAccept) -> None:
        mac = _NAME_IN_NIO.get(event.message_authentication_code, "not what we offered")
        super().receive_accept_event(replace(event, message_authentication_code=mac))

    def _check_commitment(self, key: str) -> bool:
        return bool(self.commitment == _commitment(key, self.start_verification().content))

    def get_emoji(self) -> list[tuple[str, str]]:
        return [self.emoji[index] for index in self.established_sas.bytes(self._extra_info).emoji_indices]


def _commitment(key: str, start: Json) -> str:
    # "The hash (encoded as unpadded base64) of the concatenation of the device's ephemeral public key (encoded as
    # unpadded base64) and the canonical JSON representation of the `content` object of the
    # `m.key.verification.start` message."
    return encode_base64(sha256((key + nio.Api.to_canonical_json(start)).encode()).digest())


async def known_device(client: nio.AsyncClient, user_id: str, device_id: str) -> OlmDevice:
    """Another's device, as soon as nio has its keys."""
    while True:
        if client.should_query_keys:
            good(nio.KeysQueryResponse, await client.keys_query())
        if device_id in client.device_store[user_id]:
            return client.device_store[user_id][device_id]
        await sync_until(client, lambda _: client.should_query_keys or None)


@dataclass
class Verification:
    """One verification of another's device by a nio client, from when both are ready."""

    client: nio.AsyncClient
    other: OlmDevice
    transaction: str
    heard: dict[str, nio.ToDeviceEvent] = field(default_factory=dict)
    """What the other has sent, by the last part of its type."""

    @classmethod
    async def ask(cls, client: nio.AsyncClient, other: OlmDevice) -> Verification:
        """Ask the other's user, and wait until they are ready."""
        self = cls(client, other, str(uuid4()))
        now = int(time.time() * 1000)
        await self._say("request", from_device=client.device_id, methods=[_SAS], timestamp=now)
        await self._until_heard("ready")
        return self

    @classmethod
    async def answer(cls, client: nio.AsyncClient, other: OlmDevice) -> Verification:
        """Wait until the other's user asks, and be ready."""
        asked = await sync_until(
            client, lambda sync: next((e for e in _framework(sync) if _kind(e) == "request"), None)
        )
        self = cls(client, other, asked.source["content"]["transaction_id"])
        await self._say("ready", from_device=client.device_id, methods=[_SAS])
        return self

    async def show(self, *, begins: bool) -> Json:
        """What the user has to compare; one side has to begin."""
        await (self._begin() if begins else self._follow())
        await self._until(lambda: self.sas.established_sas)
        return {"emoji": [emoji for emoji, _ in self.sas.get_emoji()], "decimal": list(self.sas.get_decimals())}

    async def confirm(self) -> None:
        """The user says that it is the same, as the other does."""
        sent = await self.client.confirm_short_auth_string(self.transaction)
        good(nio.ToDeviceResponse, sent)
        await self._until(lambda: self.sas.verified or None)
        await self._say("done")
        await self._until_heard("done")

    async def reject(self) -> None:
        """The user says that it is not the same."""
        sent = await self.client.cancel_key_verification(self.transaction, reject=True)
        good(nio.ToDeviceResponse, sent)

    async def cancelled(self) -> str:
        """With which code the other has put an end to it."""
        cancel: nio.KeyVerificationCancel = await self._until_heard("cancel")
        return str(cancel.code)

    @property
    def sas(self) -> SpecifiedSas:
        sas: SpecifiedSas = self.client.key_verifications[self.transaction]
        return sas

    @property
    def _ours(self) -> tuple[str, str, str, OlmDevice]:
        key = self.client.olm.account.identity_keys["ed25519"]
        return self.client.user_id, self.client.device_id, key, self.other

    async def _begin(self) -> None:
        self.client.key_verifications[self.transaction] = SpecifiedSas(*self._ours, self.transaction)
        await self._send(self.sas.start_verification())

    async def _follow(self) -> None:
        start = await self._until_heard("start")
        self.client.key_verifications[self.transaction] = SpecifiedSas.from_key_verification_start(*self._ours, start)
        good(nio.ToDeviceResponse, await self.client.accept_key_verification(self.transaction))

    async def _say(self, kind: str, **content: Any) -> None:
        content["transaction_id"] = self.transaction
        await self._send(ToDeviceMessage(_FRAMEWORK + kind, self.other.user_id, self.other.id, content))

    async def _send(self, message: ToDeviceMessage) -> None:
        good(nio.ToDeviceResponse, await self.client.to_device(message))

    async def _until_heard(self, kind: str) -> nio.ToDeviceEvent:
        return await self._until(lambda: self.heard.get(kind))

    async def _until(self, look: Callable[[], R | None]) -> R:
        """Sync on until `look` finds something, which may be there already. It is a failure if the other cancels."""

        def news(sync: nio.SyncResponse) -> R | None:
            mine = (e for e in _framework(sync) if e.source["content"]["transaction_id"] == self.transaction)
            self.heard |= {_kind(event): event for event in mine}
            found = look()
            assert found is not None or "cancel" not in self.heard, f"cancelled: {self.heard['cancel']}"
            return found

        found = look()
        return found if found is not None else await sync_until(self.client, news)


def _framework(sync: nio.SyncResponse) -> list[nio.ToDeviceEvent]:
    return [event for event in sync.to_device_events if event.source["type"].startswith(_FRAMEWORK)]


def _kind(event: nio.ToDeviceEvent) -> str:
    return str(event.source["type"]).removeprefix(_FRAMEWORK)
