"""The client API around rooms."""

from hs_core.plugin import By, Plugin, RateClass, Route
from hs_core.plugin.paths import CLIENT, ROOM
from hs_plugins.client.handlers import create_room, membership, send
from hs_plugins.client.role import ClientApi

_SEND = ROOM + "/send/(?P<event_type>[^/]+)"
_STATE = ROOM + "/state/(?P<event_type>[^/]+)"
_REDACT = ROOM + "/redact/(?P<event_id>[^/]+)"
_TRANSACTION = "/(?P<txn_id>[^/]+)"
_ANY_ROOM = "(?P<room_id_or_alias>[^/]+)"


def _write(method: str, path: str, handler: object, rate: RateClass = RateClass.MESSAGE, guests: bool = False) -> Route:
    return Route(method, path, handler, affinity=By.ROOM, rate=rate, guests=guests)  # type: ignore[arg-type]


plugin = Plugin(
    name="client",
    requires=["rooms"],
    start=ClientApi.start,
    routes=[
        Route(
            "POST", CLIENT + "/createRoom", create_room.post_create_room, affinity=By.USER, rate=RateClass.ROOM_CREATION
        ),
        _write("PUT", _SEND + _TRANSACTION, send.put_message, guests=True),
        _write("POST", _SEND, send.post_message, guests=True),
        _write("PUT", _STATE, send.put_state, guests=True),
        _write("PUT", _STATE + "/(?P<state_key>[^/]*)", send.put_state, guests=True),
        _write("PUT", _REDACT + _TRANSACTION, send.put_redaction, guests=True),
        _write("POST", _REDACT, send.put_redaction, guests=True),
        _write("POST", ROOM + "/join", membership.post_join, RateClass.JOIN, guests=True),
        _write("POST", CLIENT + "/join/" + _ANY_ROOM, membership.post_join, RateClass.JOIN, guests=True),
        _write("POST", CLIENT + "/knock/" + _ANY_ROOM, membership.post_knock, RateClass.JOIN),
        _write("POST", ROOM + "/leave", membership.post_leave, guests=True),
        _write("POST", ROOM + "/forget", membership.post_forget, guests=True),
        _write("POST", ROOM + "/invite", membership.post_invite, RateClass.INVITE),
        _write("POST", ROOM + "/kick", membership.post_kick),
        _write("POST", ROOM + "/ban", membership.post_ban),
        _write("POST", ROOM + "/unban", membership.post_unban),
    ],
)
