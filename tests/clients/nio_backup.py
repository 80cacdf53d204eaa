"""Key backup with matrix-nio, which has what it takes to decrypt one but does not ask the server for it."""

from __future__ import annotations

import json

import nio
from nio.crypto import InboundGroupSession
from vodozemac import Curve25519SecretKey, Message, PkDecryption

from hs_core.testing.client import Client
from hs_core.testing.homeserver import Homeserver
from hs_core.testing.http import Json, path


async def restore_backup(server: Homeserver, device: nio.AsyncClient, backup_key: str) -> int:
    """Give a device all room keys that its user has in the backup; how many these are."""
    backup = PkDecryption.from_key(Curve25519SecretKey.from_base64(backup_key))
    async with Client(server.url) as client:
        client.access_token = device.access_token
        about: Json = await client.request("GET", path("room_keys", "version"))
        assert about["auth_data"]["public_key"] == backup.public_key.to_base64()
        kept: Json = await client.request("GET", path("room_keys", "keys"), params={"version": about["version"]})
    sessions = [
        _session(room, backup, key["session_data"])
        for room, keys in kept["rooms"].items()
        for key in keys["sessions"].values()
    ]
    for session in sessions:
        if device.olm.inbound_group_store.add(session):
            device.olm.save_inbound_group_session(session)
    return len(sessions)


def _session(room: str, backup: PkDecryption, sealed: Json) -> InboundGroupSession:
    message = Message.from_base64(sealed["ciphertext"], sealed["mac"], sealed["ephemeral"])
    told = json.loads(backup.decrypt(message))
    signing_key = told["sender_claimed_keys"]["ed25519"]
    chain = told["forwarding_curve25519_key_chain"]
    return InboundGroupSession.import_session(told["session_key"], signing_key, told["sender_key"], room, chain)
