"""The client API around rooms."""

from hs_core.plugin import Auth, By, Handler, Plugin, RateClass, Route
from hs_core.plugin.paths import CLIENT, CLIENT_R0, CLIENT_V1, ROOM, ROOM_V1
from hs_plugins.client.api import SENDING
from hs_plugins.client.config import ClientConfig
from hs_plugins.client.handlers import (
    create_room,
    membership,
    messages,
    relations,
    send,
    server,
    state,
    summary,
    upgrade,
)
from hs_plugins.client.role import ClientApi
from hs_plugins.rooms.api import EVENTS

_SEND = ROOM + "/send/(?P<event_type>[^/]+)"
_STATE = ROOM + "/state/(?P<event_type>[^/]+)"
_REDACT = ROOM + "/redact/(?P<event_id>[^/]+)"
_TRANSACTION = "/(?P<txn_id>[^/]+)"
_ANY_ROOM = "(?P<room_id_or_alias>[^/]+)"
_RELATIONS = ROOM_V1 + "/relations/(?P<event_id>[^/]+)"
_OLD_SUMMARY = r"/_matrix/client/unstable/im\.nheko\.summary"
"""Where clients from before v1.15 look for summaries."""
_WELL_KNOWN = r"/\.well-known/matrix"


def _act(method: str, path: str, handler: Handler, rate: RateClass = RateClass.MESSAGE, guests: bool = False) -> Route:
    """Something that a user does in a room."""
    return Route(method, path, handler, affinity=By.ROOM, rate=rate, guests=guests)


def _look(path: str, handler: Handler, guests: bool = False) -> Route:
    """Something that a user reads of a room."""
    return Route("GET", path, handler, affinity=By.ROOM, guests=guests)


_server = [
    Route("GET", "/_matrix/client/versions", server.get_versions, Auth.NONE),
    Route("GET", CLIENT_R0 + "/capabilities", server.get_capabilities),
    Route("GET", _WELL_KNOWN + "/client", server.get_well_known, Auth.NONE),
    Route("GET", _WELL_KNOWN + "/support", server.get_support, Auth.NONE),
]
_acts = [
    Route("POST", CLIENT + "/createRoom", create_room.post_create_room, affinity=By.USER, rate=RateClass.ROOM_CREATION),
    _act("PUT", _SEND + _TRANSACTION, send.put_message, guests=True),
    _act("POST", _SEND, send.put_message, guests=True),
    _act("PUT", _STATE, send.put_state, guests=True),
    _act("PUT", _STATE + "/(?P<state_key>[^/]*)", send.put_state, guests=True),
    _act("PUT", _REDACT + _TRANSACTION, send.put_redaction),
    _act("POST", _REDACT, send.put_redaction),
    _act("POST", ROOM + "/upgrade", upgrade.post_upgrade, RateClass.ROOM_CREATION),
]
_memberships = [
    _act("POST", ROOM + "/join", membership.post_join, RateClass.JOIN, guests=True),
    _act("POST", CLIENT + "/join/" + _ANY_ROOM, membership.post_join, RateClass.JOIN, guests=True),
    _act("POST", CLIENT + "/knock/" + _ANY_ROOM, membership.post_knock, RateClass.JOIN),
    _act("POST", ROOM + "/leave", membership.post_leave, guests=True),
    _act("POST", ROOM + "/forget", membership.post_forget),
    _act("POST", ROOM + "/invite", membership.post_invite, RateClass.INVITE),
    _act("POST", ROOM + "/kick", membership.post_kick),
    _act("POST", ROOM + "/ban", membership.post_ban),
    _act("POST", ROOM + "/unban", membership.post_unban),
]
_reads = [
    Route("GET", CLIENT + "/joined_rooms", state.get_joined_rooms, affinity=By.USER),
    _look(ROOM + "/state", state.get_state, guests=True),
    _look(_STATE, state.get_state_event, guests=True),
    _look(_STATE + "/(?P<state_key>[^/]*)", state.get_state_event, guests=True),
    _look(ROOM + "/members", state.get_members, guests=True),
    _look(ROOM + "/joined_members", state.get_joined_members),
    _look(ROOM + "/event/(?P<event_id>[^/]+)", state.get_event, guests=True),
    _look(ROOM + "/messages", messages.get_messages, guests=True),
    _look(ROOM + "/context/(?P<event_id>[^/]+)", messages.get_context, guests=True),
    _look(ROOM_V1 + "/timestamp_to_event", messages.get_timestamp_to_event),
    _look(ROOM_V1 + "/threads", relations.get_threads),
    _look(_RELATIONS, relations.get_relations),
    _look(_RELATIONS + "/(?P<rel_type>[^/]+)", relations.get_relations),
    _look(_RELATIONS + "/(?P<rel_type>[^/]+)/(?P<event_type>[^/]+)", relations.get_relations),
    *(
        Route("GET", path, summary.get_room_summary, Auth.OPTIONAL_TOKEN, By.ROOM)
        for path in (
            f"{CLIENT_V1}/room_summary/{_ANY_ROOM}",
            f"{_OLD_SUMMARY}/summary/{_ANY_ROOM}",
            f"{_OLD_SUMMARY}/rooms/{_ANY_ROOM}/summary",
        )
    ),
]

plugin = Plugin(
    name="client",
    requires=["rooms", "directory", "login", "profile"],
    config=ClientConfig,
    reads=[EVENTS.name],
    serves=[SENDING],
    start=ClientApi.start,
    routes=[*_server, *_acts, *_memberships, *_reads],
)
