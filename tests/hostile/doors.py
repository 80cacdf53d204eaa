"""Every route of the installed plugins, as somebody from outside finds it, and real names to put into its path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from hs_core.http.routes import Claim, Literal, claims_of, expand
from hs_core.plugin.declaration import Auth
from hs_core.plugin.discovery import discover
from hs_core.testing.acts import next_transaction_id
from hs_core.testing.client import Client, User
from tests.conftest import APPSERVICE
from tests.spec.schema import Operation, operation

Segments = list[tuple[str | None, str]]
"""A path's parts: of a named one its name and, if only some texts are possible, one of them."""


@dataclass(frozen=True)
class Door:
    """One route. `said` is what the specification has about it, if it has something."""

    claim: Claim
    segments: Segments
    said: Operation | None

    @property
    def method(self) -> str:
        return self.claim.route.method

    @property
    def names(self) -> list[str]:
        """The parts of the path that anybody can fill with anything."""
        return [name for name, text in self.segments if name is not None and not text]

    @property
    def takes_body(self) -> bool:
        return self.method in {"POST", "PUT"}

    def path(self, names: Mapping[str, str]) -> str:
        """The path with `names`, percent-encoded, in it."""
        return "".join("/" + (text or names.get(name or "", "x")) for name, text in self.segments)

    def __str__(self) -> str:
        shown = "/".join("{" + name + "}" if name and not text else text for name, text in self.segments)
        return f"{self.method} /{shown}"


def doors() -> list[Door]:
    """One for each route; of the paths that it answers, the one that the specification has now."""
    return [_door(claim) for claim in claims_of(discover().plugins.values())]


def _door(claim: Claim) -> Door:
    spelled: list[Segments] = [
        [(part.name, part.text if isinstance(part, Literal) else "") for part in path] for path in expand(claim)
    ]
    found = [Door(claim, path, _said(claim.route.method, path)) for path in spelled]
    return next((door for door in found if door.said is not None), found[-1])


def _said(method: str, segments: Segments) -> Operation | None:
    return operation(method, "".join("/" + (text or "x") for _, text in segments))


@dataclass(frozen=True)
class Visitor:
    """Somebody with a room in which something was said, who may be sent anywhere."""

    user: User
    names: dict[str, str]

    @classmethod
    async def arrive(cls, client: Client, kind: Auth) -> Visitor:
        """A new user in a new room, who can prove what routes of this kind ask for."""
        user = await client.register(admin=kind is Auth.ADMIN)
        room = await user.create_room(preset="public_chat")
        event = await user.send_text(room, "hello")
        uri = (await user.request("POST", "/_matrix/media/v3/upload", data=b"hello"))["content_uri"]
        names = {
            "room_id": room,
            "room_id_or_alias": room,
            "user_id": user.user_id,
            "event_id": event,
            "event_type": "m.room.message",
            "rel_type": "m.thread",
            "kind": "override",
            "type": "m.read",
            "state_key": "",
            "alias": f"#{user.localpart}:{user.server_name}",
            "name": "displayname",
            "device_id": user.device_id,
            "txn_id": next_transaction_id(),
            "stage": "m.login.dummy",
            "server_name": user.server_name,
            "appservice_id": str(APPSERVICE["id"]),
            "media_id": uri.rpartition("/")[2],
        }
        if kind is Auth.APPSERVICE:
            user.access_token = str(APPSERVICE["as_token"])
        return cls(user, {name: quote(value, safe="") for name, value in names.items()})
