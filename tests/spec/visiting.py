"""Somebody who has something at every path of the files below, so that each documented answer can be asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hs_core.testing.acts import next_transaction_id
from hs_core.testing.client import Client, User
from hs_core.testing.http import Answer, Json, path
from tests.plugins.keys.devices import Identity, Signer, device_keys, publish, upload
from tests.spec.schema import Operation

NOTE, TAG, RULE, SESSION = "org.example.note", "u.work", "mine", "session"
ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
PUSHER: Json = {
    "kind": "http",
    "app_id": "org.example.app",
    "pushkey": "key",
    "app_display_name": "App",
    "device_display_name": "Phone",
    "profile_tag": "tag",
    "lang": "en",
    "data": {"url": "https://push.example.org/_matrix/push/v1/notify", "format": "event_id_only", "custom": 1},
}
COPY: Json = {"first_message_index": 1, "forwarded_count": 0, "is_verified": True, "session_data": {"ciphertext": "x"}}


@dataclass(frozen=True)
class Visitor:
    """A user with another device, who shares a room with a friend; `stranger` is in none of their rooms."""

    user: User
    friend: User
    stranger: User
    phone: User
    identity: Identity
    names: dict[str, str]
    """What stands for the parameters of paths and queries, and some more to put there."""

    @classmethod
    async def arrive(cls, client: Client) -> Visitor:
        """A new user, who has done everything once."""
        user, friend, stranger = [await client.register() for _ in range(3)]
        phone = await client.login(user.localpart, initial_device_display_name="phone")
        room = await user.create_room(preset="public_chat")
        await friend.join(room)
        since = (await user.sync())["next_batch"]
        event = await friend.send_text(room, f"good morning {user.localpart}")
        await _leave_something(user, room)
        await publish(friend)
        await upload(friend, one_time_keys={"signed_curve25519:1": {"key": "k" * 43, "signatures": {}}})
        identity = Identity(user)
        version = await _back_up(user, room)
        names = {
            "userId": user.user_id,
            "roomId": room,
            "eventId": event,
            "type": NOTE,
            "tag": TAG,
            "receiptType": "m.read",
            "eventType": "org.example.ping",
            "txnId": next_transaction_id(),
            "deviceId": phone.device_id,
            "version": version,
            "sessionId": SESSION,
            "kind": "override",
            "ruleId": RULE,
            "since": since,
            "until": (await user.sync())["next_batch"],
            "stranger": stranger.user_id,
        }
        return cls(user, friend, stranger, phone, identity, names)

    def path(self, operation: Operation, instead: Mapping[str, str]) -> str:
        """Where the operation is asked for, with those of its query's parameters that are named."""
        names = self.names | {name: self.names.get(value, value) for name, value in instead.items()}
        where = operation.template
        for name, value in names.items():
            where = where.replace("{" + name + "}", quote(value, safe=""))
        query = "&".join(f"{name}={quote(names[name], safe='')}" for name in operation.query if name in names)
        return f"{where}?{query}" if query else where

    async def ask(self, operation: Operation, instead: Mapping[str, str], body: Any, by: User) -> Answer:
        """One request; bytes are sent as they are."""
        where = self.path(operation, instead)
        if isinstance(body, bytes):
            return await by.answer(operation.method, where, data=body)
        return await by.answer(operation.method, where, json=body)

    def proof(self) -> Json:
        """`auth` of user-interactive authentication."""
        identifier = {"type": "m.id.user", "user": self.user.user_id}
        return {"type": "m.login.password", "identifier": identifier, "password": self.user.password}

    def keys(self) -> Json:
        """A body for `/keys/upload`."""
        key = {"key": "k" * 43, "signatures": {}}
        return {
            "device_keys": device_keys(self.user, Signer()),
            "one_time_keys": {"signed_curve25519:2": key},
            "fallback_keys": {"signed_curve25519:f": {**key, "fallback": True}},
        }

    async def signatures(self) -> Json:
        """A body for `/keys/signatures/upload`, in which one signature is wrong."""
        await self.identity.publish()
        device = {**await publish(self.user), "signatures": {}}
        wrong = {**await publish(self.phone), "signatures": {}}
        name = self.user.user_id
        return {
            name: {
                self.user.device_id: self.identity.self_signing.sign(name, device),
                self.phone.device_id: Signer().sign(name, wrong),
            }
        }

    def claimed(self) -> Json:
        """Of the friend, in a body for `/keys/claim`."""
        return {self.friend.device_id: "signed_curve25519"}

    def badly_signed(self) -> Json:
        """Cross-signing keys of which the master key has not signed one."""
        other = Identity(self.user).body()
        return {**self.identity.body(), "user_signing_key": other["user_signing_key"]}

    def clash(self) -> Json:
        """A master key that is named as a device of the user."""
        key: Json = self.identity.master.cross_signing(self.user, "master")
        return {"master_key": {**key, "keys": {f"ed25519:{self.phone.device_id}": self.identity.master.public}}}


async def _leave_something(user: User, room: str) -> None:
    await user.request("PUT", user.path("account_data", NOTE), json={"says": "hi"})
    await user.request("PUT", user.path("rooms", room, "account_data", NOTE), json={"says": "hi"})
    await user.request("PUT", user.path("rooms", room, "tags", TAG), json={"order": 0.5})
    condition = {"kind": "event_match", "key": "content.body", "pattern": "good *"}
    rule = {"actions": ["notify", {"set_tweak": "highlight"}], "conditions": [condition]}
    await user.request("PUT", f"/pushrules/global/override/{RULE}", json=rule)
    await user.request("POST", "/pushers/set", json=PUSHER)
    await user.request("PUT", path("presence", user.user_id, "status"), json={"presence": "online", "status_msg": "up"})


async def _back_up(user: User, room: str) -> str:
    """The newest of two versions, with one session."""
    made = {"algorithm": ALGORITHM, "auth_data": {"public_key": "key"}}
    first, version = [(await user.request("POST", "/room_keys/version", json=made))["version"] for _ in range(2)]
    assert (first, version) == ("1", "2")
    await user.request("PUT", path("room_keys", "keys", room, SESSION) + f"?version={version}", json=COPY)
    return str(version)
