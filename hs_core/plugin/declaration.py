"""What a plugin says about itself: frozen values that can be read without starting anything.

`hs plugins`, `hs proxy-config`, the route table, sync tokens and the reference documentation are all made from these.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args

import msgspec

from hs_core.db.migrate import Migrations
from hs_core.plugin.sections import Section

if TYPE_CHECKING:
    from starlette.responses import Response

    from hs_core.cluster.feeds import Portion
    from hs_core.core import Core
    from hs_core.db import Transaction
    from hs_core.http.request import Request

T = TypeVar("T")
Row = TypeVar("Row", bound=msgspec.Struct)

Handler = Callable[[Any, "Request"], Awaitable["Response"]]
"""A route's handler: `async def get_thing(role: Thing, request: Request) -> Response`.

`role` is what the plugin's own `start` yielded in this process.
"""


class Auth(Enum):
    """Who may call a route, and how they prove it."""

    NONE = "none"
    ACCESS_TOKEN = "access_token"
    OPTIONAL_TOKEN = "optional_token"
    """A token is checked if there is one; without one `request.requester` is `None`."""
    APPSERVICE = "appservice"
    OPTIONAL_APPSERVICE = "optional_appservice"
    """Everybody may; `request.requester` is an application service, if the request has the token of one. Other tokens
    mean nothing.
    """
    SERVER_SIGNATURE = "server_signature"
    ADMIN = "admin"


class By(Enum):
    """What a load balancer should hash a request by, and what a stream is sharded by."""

    NONE = "none"
    USER = "user"
    ROOM = "room"
    ORIGIN = "origin"
    DESTINATION = "destination"


class Resource(Enum):
    """Which listeners carry a route."""

    CLIENT = "client"
    FEDERATION = "federation"
    MEDIA = "media"
    KEYS = "keys"
    ADMIN = "admin"
    METRICS = "metrics"


class RateClass(Enum):
    """Requests of one class share a budget per user, device and address; `rate_limits` in the config sizes it."""

    NONE = "none"
    READ = "read"
    SYNC = "sync"
    MESSAGE = "message"
    ROOM_CREATION = "room_creation"
    JOIN = "join"
    INVITE = "invite"
    PROFILE = "profile"
    UPLOAD = "upload"
    LOGIN = "login"
    REGISTRATION = "registration"
    FEDERATION = "federation"


@dataclass(frozen=True, slots=True)
class Route:
    """A method and a URL that one plugin answers.

    `path` is a regular expression over the whole path whose slash-separated segments are literals, alternatives like
    `(?:v3|r0)`, or a named wildcard `(?P<room_id>[^/]+)`; a last segment `(?P<rest>.*)` takes all that follows.
    """

    method: str
    """`GET` answers HEAD, too."""
    path: str
    handler: Handler
    """Given the role of the plugin, and the request."""
    auth: Auth = Auth.ACCESS_TOKEN
    """How whoever asks proves who they are."""
    affinity: By = By.NONE
    """What requests should be hashed by, so that caches stay warm."""
    rate: RateClass = RateClass.READ
    """The budget that a request counts against."""
    resource: Resource = Resource.CLIENT
    """Only listeners that carry it have the route."""
    guests: bool = False
    """Whether guests may call it ("Guest Access")."""
    locked_users: bool = False
    """Whether users whose account is locked may call it ("Account locking")."""
    tag: str | None = None
    """Lets a deployment place these requests apart, such as initial syncs: `processes.NAME.tags` asks for them."""
    tag_without: str | None = None
    """The tag is only for requests without this query parameter: a `/sync` without `since` is an initial sync."""
    max_body: int = 256 * 1024
    """Bytes; a larger body is answered with 413 `M_TOO_LARGE` before it is read whole."""
    upload: bool = False
    """The body is a file, for which `media.max_upload_size` stands in the place of `max_body`."""


def nothing_stored(tx: Transaction, after: int, up_to: int, limit: int) -> Sequence[Any]:
    """The `load` of a stream whose rows live in memory only."""
    return ()


@dataclass(frozen=True, slots=True)
class Kept(Generic[Row]):
    """How readers of a stream in memory forget what was said of a key under an owner whose heir does not know of it."""

    key: Callable[[Row], str]
    """That of a row: what it was announced with."""
    nothing: Callable[[str], Row]
    """The row that says of a key that there is nothing any more: nobody types, say."""


@dataclass(frozen=True)
class Stream(Generic[Row]):
    """An append-only, ordered log of typed rows that this plugin writes and everyone may follow."""

    name: str
    """One that no other plugin's stream has; it is in the database, and never changes."""
    row: type[Row]
    """What it carries."""
    load: Callable[[Transaction, int, int, int], Sequence[tuple[int, Row]]]
    """`load(tx, after, up_to, limit)`: the rows with `after < position <= up_to`, in order, from the tables.

    `nothing_stored` if the rows live in memory only, because a transaction each would cost more than they are worth.
    Such a stream is written with `Core.announcer`. Its positions tell the time and each process has its own order; a
    row says all about what it concerns, for those before it may be lost (docs/adr/0004).
    """
    shard_by: By = By.NONE
    """What the keys of its slots are."""
    slots: int = 1
    """How many shares the writing can be split into; 1 is a single writer. Once released it never changes."""
    version: int = 1
    """The version of `row`. A new one only adds fields, at the end and with defaults: processes understand the version
    before theirs and the one after, so that a rolling restart works.
    """

    kept: Kept[Row] | None = None
    """What is kept under each key, if the stream is in memory and its owners say what they keep as they take slots on
    (`Announcer.take_on`).
    """

    @property
    def in_memory(self) -> bool:
        """Whether its rows live in memory only."""
        return self.load is nothing_stored


class Scope(Enum):
    """Where a task runs."""

    PER_PROCESS = "per_process"
    SINGLETON = "singleton"
    """In one live process of the deployment at a time."""
    SHARDED = "sharded"
    """Split over the processes in which the plugin is active, by a hash of what it works on: users, say."""


@dataclass(frozen=True, slots=True)
class Task:
    """Background work that is done again and again: `run` is awaited, then `every` passes, and so on.

    A run that raises is logged and tried again at the next turn. Where it falls to another process, that goes on from
    wherever this one left off; this one's turn is waited for, up to five seconds.
    """

    name: str
    """For logs; one that no other task of the plugin has."""
    every: timedelta
    """From the end of a turn to the beginning of the next."""
    run: Callable[..., Awaitable[None]]
    """Given what the plugin's `start` yielded and, if it is sharded, the `Shards` that are this process's."""
    scope: Scope = Scope.SINGLETON
    slots: int = 64
    """How many shares a sharded task can be split into. Processes of two releases need the same number."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Background work that is done for every row of a stream, in order: in one live process at a time, or later.

    `run` is awaited with some rows after the other, from the stream's beginning. How far it has come is kept in the
    database. Rows whose run raises are tried again, after longer and longer pauses, before any that follow.
    """

    name: str
    """For logs; one that no other feed or task of the plugin has."""
    stream: str
    """Whose rows; not of a stream that lives in memory."""
    run: Callable[[Any, Portion], Awaitable[None]]
    """Given what the plugin's `start` yielded, and the rows.

    If it writes to the database, it calls `portion.done(tx)` in the transaction, and each row is worked on just once;
    otherwise some may come again after a crash.
    """
    most: int = 100
    """Rows at once."""
    rest: timedelta = timedelta(0)
    """How long rows gather, after a portion that left none behind, before the next: a busy stream has a row for each
    transaction, and the feed need not have as many.
    """


class Service(Generic[T]):
    """A typed key: `core.services[RECEIPTS]` is a `Receipts`, wherever the process that answers may be.

    `RECEIPTS = Service[Receipts]("receipts", owner=RECEIPT_CHANGES)`: what is in the brackets is a protocol of async
    methods. The first argument of each is the key that decides where it runs. Arguments and results are values that
    msgspec can carry: strings, numbers, bytes, structs, and lists or mappings of them. A call that another process did
    not answer, because it died, is made again, of the next owner: calls can be repeated without harm.
    """

    __orig_class__: Any
    """`Service[Receipts]`: typing sets it."""

    def __init__(self, name: str, owner: Stream[Any] | None = None) -> None:
        self.name = name
        """One that no other service has."""
        self.owner = owner
        """Calls run where this stream's slot for the key is owned; without one, wherever the plugin is active."""

    @property
    def promise(self) -> type:
        """The protocol."""
        protocol: type = get_args(self.__orig_class__)[0]
        return protocol


@dataclass(frozen=True)
class ReadSide(Generic[T]):
    """A typed key for what an installed plugin offers in every process: `core.read_sides[ROOMS_READ]` is a `T`."""

    name: str
    """One that no other read side has."""


@dataclass(frozen=True)
class Offer(Generic[T]):
    """How an installed plugin makes its read side in a process."""

    key: ReadSide[T]
    """What others ask for it by."""
    open: Callable[[Core], AbstractAsyncContextManager[T]]
    """Opens it when a process starts, and closes it when that ends."""
    reads: Sequence[str] = ()
    """Names of the streams that it follows, in every process."""
    when_used: bool = False
    """Whether it follows them only from `await core.follower(STREAM).awake()` on, which it calls when it first keeps
    something that they change: a process that never does is told of nothing.
    """


class NoConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The config section of a plugin that has nothing to configure."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One role plugin. The entry point of group `hs.plugins` names this object."""

    name: str
    """That of its entry point, of its section of the configuration, and in logs."""
    requires: Sequence[str] = ()
    """The plugins whose services or read sides it uses; they may be active in other processes."""
    config: type[msgspec.Struct] = NoConfig
    """The model of its section of the configuration; each key needs a default."""
    routes: Sequence[Route] = ()
    """The URLs that it answers while active."""
    writes: Sequence[Stream[Any]] = ()
    """The streams that it alone writes."""
    reads: Sequence[str] = ()
    """Names of the streams that it follows while active."""
    serves: Sequence[Service[Any]] = ()
    """Services that what `start` yields implements."""
    offers: Sequence[Offer[Any]] = ()
    """What of its data every process may read."""
    hooks: Callable[[Core], object] | None = None
    """Makes the object whose `@hookimpl` methods take part in hooks, in every process."""
    start: Callable[[Core], AbstractAsyncContextManager[Any]] | None = None
    """Runs while the plugin is active in a process; yields the role that handlers, services and tasks are given."""
    tasks: Sequence[Task] = ()
    """Its background work while active."""
    feeds: Sequence[Feed] = ()
    """Its background work for every row of a stream."""
    migrations: Migrations | None = None
    """Where its tables are made."""
    outbound: bool = False
    """Whether it opens connections to the internet."""
    capabilities: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What it adds to `/capabilities` where it is installed ("Capabilities negotiation")."""
    unstable_features: Mapping[str, bool] = field(default_factory=dict)
    """What it adds to the `unstable_features` of `/versions`."""
    sections: Sequence[Section[Any]] = ()
    """What it adds to the responses of `/sync`: their streams' positions are part of the tokens."""
    shows_sections: bool = False
    """Whether it assembles responses out of the sections of all plugins, so that it follows their streams."""
