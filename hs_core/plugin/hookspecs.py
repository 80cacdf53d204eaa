"""Every hook: its type, the moment it is called, and what happens if an implementation fails.

A plugin takes part with an object whose methods have these names and carry `@hookimpl`; a method takes the parameters
it needs, by name, and leaves out the rest. `Hooks` calls them:

- a `RefusalHook` **fails closed**: the first refusal decides, and an implementation that raises has refused;
- an `AnswerHook` asks one after the other until one knows; an implementation that raises does not know;
- a `NoticeHook` **fails open**: everybody is told, and an implementation that raises keeps nobody else from hearing it.

The one exception is `DatabaseUnavailable` from the first two kinds: it goes up to whoever asked, who is answered 503
and may try again. A token is not unknown, nor a join forbidden, because the database is away for a moment.

To add a hook, write its function here with the decorator of its kind.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar

import msgspec
import pluggy

from hs_core.http.requester import Requester
from hs_core.matrix.event import Event, Json
from hs_core.matrix.identifiers import DeviceId, EventId, RoomAlias, RoomId, ServerName, UserId
from hs_core.matrix.room_version import RoomVersion

PROJECT: Final = "hs"

hookimpl: Final = pluggy.HookimplMarker(PROJECT)
"""Marks a method that takes part in the hook of its name; `@hookimpl(tryfirst=True)` asks to come before others."""

hookspec: Final = pluggy.HookspecMarker(PROJECT)

P = ParamSpec("P")
T = TypeVar("T")


class Refusal(msgspec.Struct, frozen=True):
    """Why something may not be done; the client is told both."""

    message: str
    errcode: str = "M_FORBIDDEN"


class EventDraft(msgspec.Struct, frozen=True):
    """An event that a local user wants to send, before it is authorised and signed."""

    room_id: RoomId
    sender: UserId
    type: str
    state_key: str | None
    content: Mapping[str, Json]


class RoomView(Protocol):
    """What a hook may know of the room that an event is for."""

    @property
    def room_version(self) -> RoomVersion: ...

    async def state_event(self, type: str, state_key: str) -> Event | None:  # noqa: A002, the specification's word
        """The current state event at that place."""


class RegistrationRequest(msgspec.Struct, frozen=True):
    """An account that somebody wants to make."""

    localpart: str
    address: str | None
    """The client's IP address."""
    user_agent: str | None
    guest: bool = False


class NameClaims(msgspec.Struct, frozen=True):
    """The application services that may have a user ID or an alias, by their IDs: those in whose namespaces it is; if
    some have it for themselves alone, only those.
    """

    interested: tuple[str, ...]
    exclusive: bool
    """Whether nobody else may have it."""


@dataclass(frozen=True)
class RefusalHook(Generic[P]):
    """A hook that asks for permission."""

    function: Callable[P, Awaitable[Refusal | None]]


@dataclass(frozen=True)
class AnswerHook(Generic[P, T]):
    """A hook that asks who knows."""

    function: Callable[P, Awaitable[T | None]]


@dataclass(frozen=True)
class NoticeHook(Generic[P]):
    """A hook that says what has happened."""

    function: Callable[P, Awaitable[None]]


Hook = RefusalHook[Any] | AnswerHook[Any, Any] | NoticeHook[Any]


@RefusalHook
async def check_event(draft: EventDraft, room: RoomView) -> Refusal | None:
    """May this local event be sent? Asked where the room is owned, before signing. Fails closed."""


@RefusalHook
async def check_invite(sender: UserId, invited: UserId, room_id: RoomId) -> Refusal | None:
    """May this invitation go out or, from another server, come in? Asked before it has any effect. Fails closed."""


@RefusalHook
async def check_join(user: UserId, room_id: RoomId, invited: bool) -> Refusal | None:
    """May this local user join? Asked before the room, or another server, is. Fails closed."""


@RefusalHook
async def check_registration(request: RegistrationRequest) -> Refusal | None:
    """May this account be made? Asked after the stages of registration, before the account exists. Fails closed."""


@AnswerHook
async def check_password(user: UserId, password: str) -> bool | None:
    """Is this the user's password? `None`: ask others, and the server's own record last.

    Asked at every login and re-authentication with a password. An implementation that raises does not know.
    """


@AnswerHook
async def check_token(token: str) -> Requester | None:
    """Who an access token stands for that the server did not issue itself: an application service's, say.

    The answer is remembered for some minutes. An implementation that raises does not know.
    """


@AnswerHook
async def act_as(requester: Requester, user: UserId | None, device: DeviceId | None) -> Requester | Refusal | None:
    """Who an application service asks as ("Identity assertion"), if it may. Asked for each request that names a user
    or a device. If nobody knows, it may not.
    """


@AnswerHook
async def claims_on(user: UserId) -> NameClaims | None:
    """Which application services claim a user ID. Asked before a registration, and of every name that is looked up."""


@AnswerHook
async def claims_on_alias(alias: RoomAlias) -> NameClaims | None:
    """Which application services claim an alias of a room. Asked before one is deleted."""


@AnswerHook
async def make_user(user: UserId) -> bool | None:
    """Somebody asks for a local user who does not exist: have they been made now, by a bridge? It may take seconds.
    An implementation that raises does not know.
    """


@AnswerHook
async def find_user(medium: str, address: str) -> UserId | None:
    """The local user with this third-party identifier, in canonical form ("Identifier types").

    An implementation that raises does not know.
    """


@AnswerHook
async def check_auth_stage(stage: str, answer: Mapping[str, Json], address: str) -> str | Refusal | None:
    """Is a stage of user-interactive authentication passed with this `auth` object, by a client at `address`?

    A text that proves it, which whoever finishes the operation is given; a refusal; or `None`, if the stage is not the
    plugin's.

    An implementation that raises does not know, and a stage that nobody knows is refused.
    """


@AnswerHook
async def registration_flows() -> Sequence[Sequence[str]] | None:
    """The stages of each flow of registration, instead of the server's own. If nobody knows, those of the server."""


@RefusalHook
async def check_alias(user: UserId, alias: RoomAlias) -> Refusal | None:
    """May this local user give a room this alias of the server? Asked before it is taken. Fails closed."""


@AnswerHook
async def find_alias(alias: RoomAlias) -> tuple[RoomId, Sequence[ServerName]] | None:
    """The room of an alias that is not in this server's directory, and servers to reach it through: another server's
    alias, say, or one for which a bridge makes a room now. An implementation that raises does not know.
    """


@AnswerHook
async def ignored_users(user: UserId) -> Collection[UserId] | None:
    """Whose events a local user does not want to see ("Ignoring Users"). Asked by each request that shows events, so
    answer from memory. An implementation that raises does not know.
    """


@AnswerHook
async def fetch_profile(user: UserId, name: str | None) -> Mapping[str, Json] | None:
    """The profile of another server's user, or the one field of that `name`. `None` if there is nothing to be had.

    An implementation that raises does not know.
    """


@AnswerHook
async def managed_account_data(user: UserId, type: str) -> Mapping[str, Json] | None:  # noqa: A002
    """Account data of the account that is not in the account data plugin's tables, because the server manages it:
    `m.push_rules`. An implementation that raises does not know.
    """


@NoticeHook
async def account_data_changed(user: UserId, room: RoomId | None, type: str, content: Mapping[str, Json]) -> None:  # noqa: A002
    """A user's clients have set account data of a room, or of the account, once that is committed. Fails open."""


@NoticeHook
async def client_syncs(user: UserId, device: DeviceId | None, presence: str, timeout_ms: int) -> None:
    """A client begins a sync that may wait for so long, and wants its user to be seen as `presence`: `online`,
    `unavailable` or `offline` ("Syncing", `set_presence`). Its response waits for the implementations. Fails open.
    """


@NoticeHook
async def user_joined(user: UserId, room: RoomId) -> None:
    """A local user has joined, or said so again, through the client API, which answers them when all have been told.
    Fails open.
    """


@NoticeHook
async def room_succeeded(user: UserId, old: RoomId, new: RoomId) -> None:
    """A local user has followed a room to the one that replaces it, so what they have set for the one should be true
    of the other ("Room Upgrades"). It may be told again when they come back. Fails open.
    """


@NoticeHook
async def history_purged(room: RoomId, events: Sequence[EventId]) -> None:
    """These events are gone from the room's timeline for good, once that is committed. A purge tells of some hundreds
    at a time. Fails open.
    """


@NoticeHook
async def user_deactivated(user: UserId, erase: bool) -> None:
    """The account is gone for good, once that is committed; `erase` if its messages should be, too. Fails open."""


@NoticeHook
async def device_deleted(user: UserId, device: DeviceId) -> None:
    """The device and its access tokens are gone, once that is committed. Fails open."""


HOOKS: Final[tuple[Hook, ...]] = tuple(
    value for value in list(globals().values()) if isinstance(value, RefusalHook | AnswerHook | NoticeHook)
)
"""All of them."""
