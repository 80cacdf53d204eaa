"""Devices with real keys, and what syncs say of them."""

from __future__ import annotations

from nacl.signing import SigningKey as Seed

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.unpadded_base64 import encode_base64
from hs_core.testing.client import User
from hs_core.testing.http import Json
from hs_core.testing.sync import Sync


class Signer:
    """An Ed25519 key pair."""

    def __init__(self, seed: bytes | None = None) -> None:
        self.seed = Seed.generate() if seed is None else Seed(seed)
        self.public = encode_base64(self.seed.verify_key.encode())

    def sign(self, user: str, value: Json, name: str | None = None) -> Json:
        """The object with a signature of the user's, by the key of that name (its own)."""
        unsigned = {key: each for key, each in value.items() if key not in {"signatures", "unsigned"}}
        signature = encode_base64(self.seed.sign(encode_canonical(unsigned)).signature)
        signatures = {**value.get("signatures", {})}
        signatures[user] = {**signatures.get(user, {}), f"ed25519:{name or self.public}": signature}
        return {**value, "signatures": signatures}

    def cross_signing(self, user: User, usage: str) -> Json:
        """This key as a cross-signing key, not signed."""
        return {"user_id": user.user_id, "usage": [usage], "keys": {f"ed25519:{self.public}": self.public}}


class Identity:
    """A user's cross-signing keys."""

    def __init__(self, user: User) -> None:
        self.user, self.master, self.self_signing, self.user_signing = user, Signer(), Signer(), Signer()

    def body(self) -> Json:
        signed = {"self_signing": self.self_signing, "user_signing": self.user_signing}
        body = {
            f"{usage}_key": self.master.sign(self.user.user_id, signer.cross_signing(self.user, usage))
            for usage, signer in signed.items()
        }
        return {**body, "master_key": self.master.cross_signing(self.user, "master")}

    async def publish(self) -> None:
        await self.user.request("POST", "/keys/device_signing/upload", json=self.body())


def device_keys(user: User, signer: Signer) -> Json:
    """The identity keys of the user's device."""
    keys: Json = {
        "user_id": user.user_id,
        "device_id": user.device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {f"curve25519:{user.device_id}": "c" * 43, f"ed25519:{user.device_id}": signer.public},
    }
    return signer.sign(user.user_id, keys, user.device_id)


async def upload(user: User, **body: Json) -> Json:
    """`POST /keys/upload`; the counts that it answers."""
    counts: Json = (await user.request("POST", "/keys/upload", json=body))["one_time_key_counts"]
    return counts


async def publish(user: User) -> Json:
    """New identity keys of the user's device."""
    keys = device_keys(user, Signer())
    await upload(user, device_keys=keys)
    return keys


async def query(reader: User, *users: User) -> Json:
    """`POST /keys/query` for all devices of the users."""
    body: Json = {"device_keys": {user.user_id: [] for user in users}}
    answer: Json = await reader.request("POST", "/keys/query", json=body)
    return answer


async def claim(asker: User, user: User, algorithm: str) -> Json:
    """`POST /keys/claim` for one device; its key, by its name."""
    body: Json = {"one_time_keys": {user.user_id: {user.device_id: algorithm}}}
    claimed = (await asker.request("POST", "/keys/claim", json=body))["one_time_keys"]
    found: Json = claimed.get(user.user_id, {}).get(user.device_id, {})
    return found


def changed(sync: Sync, user: User) -> bool:
    """Whether the user's keys are to be fetched again."""
    return user.user_id in sync.get("device_lists", {}).get("changed", [])


def left(sync: Sync, user: User) -> bool:
    """Whether no room is shared with the user any more."""
    return user.user_id in sync.get("device_lists", {}).get("left", [])
