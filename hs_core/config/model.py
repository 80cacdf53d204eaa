"""The configuration file as types, section by section. A field's docstring is its entry in the reference.

Every part of the deployment reads these values and none changes them. Paths are absolute once loaded.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from hs_core.config.network import SPECIAL_RANGES
from hs_core.config.values import Secret, Size
from hs_core.plugin.declaration import Resource

Network: TypeAlias = IPv4Network | IPv6Network
Port: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=65535)]
ANY_ADDRESS = frozenset({"0.0.0.0", "::", ""})
"""What a listener is bound to that listens on all addresses."""
PUBLIC_RESOURCES = (Resource.CLIENT, Resource.FEDERATION, Resource.MEDIA, Resource.KEYS)


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every section of the file is; plugins use it for theirs, too."""


class Database(Section, frozen=True, kw_only=True):
    """Where everything durable is kept."""

    url: Secret = Secret("")
    """`sqlite:///FILE` or `postgresql://USER:PASSWORD@HOST/NAME`. Default: `hs.db` in `data_dir`."""
    max_connections: Annotated[int, msgspec.Meta(ge=4)] = 60
    """To PostgreSQL, of all processes together, however many there are; it allows 100 itself, usually."""


class Memory(Section, frozen=True, kw_only=True):
    """How much the processes may take."""

    limit: Size | None = None
    """All processes together: each has an equal share, of which it needs about 80M for itself. One that takes more than
    its share makes its caches smaller; one that takes much less, larger. Default: caches of fixed sizes.
    """


class Redis(Section, frozen=True, kw_only=True):
    """The bus between several processes; one process needs none."""

    url: Secret | None = None
    """`redis://HOST:PORT/NUMBER`."""


class Cluster(Section, frozen=True, kw_only=True):
    """How the processes of a deployment know each other."""

    secret: Secret | None = None
    """By it they know each other: as soon as there is Redis, there can be several."""
    previous_secret: Secret | None = None
    """Accepted as well, while `secret` is replaced: give the old one here, restart all, take it away, restart all."""
    bind: str = "127.0.0.1"
    """The address of this host at which the other processes reach this one; with several hosts, each sets its own
    (`HS__CLUSTER__BIND`). The system chooses the port.
    """


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a certificate (with its chain) and its key, both PEM."""

    cert: Path
    key: Path


class Listener(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of `listeners`: a TCP address, or with `socket` a Unix socket."""

    bind: str = "127.0.0.1"
    """The address; `0.0.0.0` or `::` for all."""
    port: Port = 8008
    """0 lets the system choose."""
    socket: Path | None = None
    tls: Tls | None = None
    proxied: bool = False
    """Behind a reverse proxy that sets `X-Forwarded-For`."""
    resources: tuple[Resource, ...] = PUBLIC_RESOURCES
    """Which kinds of URL it answers; others do not exist on it."""
    max_connections: Annotated[int, msgspec.Meta(ge=1)] = 20_000
    """More are closed as they come."""

    def of_replica(self, index: int) -> "Listener":
        """Where replica `index` of a process listens, counting from 0: a port per replica, or a socket `FILE.INDEX`."""
        if index == 0:
            return self
        if self.socket is not None:
            return msgspec.structs.replace(self, socket=self.socket.with_name(f"{self.socket.name}.{index}"))
        return msgspec.structs.replace(self, port=self.port + index if self.port else 0)


class Process(Section, frozen=True, kw_only=True):
    """An entry of `processes`: the plugins that are active there, and its listeners."""

    plugins: tuple[str, ...]
    """`"*"` stands for all that are installed."""
    except_: tuple[str, ...] = msgspec.field(name="except", default=())
    """Those of `plugins` that are not active there after all."""
    replicas: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    """Replica k listens on each listener's port + k."""
    listeners: tuple[Listener, ...] = ()
    tags: tuple[str, ...] = ()
    """Requests that routes tag so, such as `initial_sync`, come here, and no others of those routes.

    It is the reverse proxy that sends them so: `hs proxy-config`.
    """

    def name_of_replica(self, process: str, index: int) -> str:
        """What replica `index` of this entry, which is called `process`, is called itself."""
        return process if self.replicas == 1 else f"{process}-{index}"


class Registration(Section, frozen=True, kw_only=True):
    """Who may make an account."""

    enabled: bool = False
    """Whether strangers can make accounts."""
    guests: bool = False
    """Whether guests can."""
    shared_secret: Secret | None = None
    """Whoever knows it can register users, administrators too."""
    require_token: bool = False
    """Whether that takes a token of `hs token registration create`."""


class PasswordHash(Section, frozen=True, kw_only=True):
    """How costly a guess is."""

    cost: Literal["default", "minimum"] = "default"
    """`minimum` is for tests that register thousands of users."""


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One budget: so many requests per second in the long run, so many at once."""

    per_second: Annotated[float, msgspec.Meta(gt=0)]
    """Requests per second in the long run."""
    burst: Annotated[int, msgspec.Meta(ge=1)]
    """Requests at once."""


class RateLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A budget for each class of requests but `none`."""

    enabled: bool = True
    """`false` switches all of them off."""
    read: RateLimit = RateLimit(50, 500)
    sync: RateLimit = RateLimit(5, 50)
    message: RateLimit = RateLimit(10, 100)
    room_creation: RateLimit = RateLimit(0.2, 10)
    join: RateLimit = RateLimit(0.5, 20)
    invite: RateLimit = RateLimit(0.5, 20)
    profile: RateLimit = RateLimit(0.5, 20)
    upload: RateLimit = RateLimit(2, 100)
    login: RateLimit = RateLimit(0.2, 10)
    registration: RateLimit = RateLimit(0.2, 5)
    federation: RateLimit = RateLimit(100, 1000)


class Directory(Section, frozen=True, kw_only=True):
    """Who may read the list of public rooms."""

    public_without_auth: bool = False
    """Whether strangers may, who are not logged in."""
    public_over_federation: bool = False
    """Whether other servers may."""


class Outbound(Section, frozen=True, kw_only=True):
    """Requests that are not federation: push gateways, application services, identity servers, previews, sign-on."""

    verify_tls: bool = True
    """`false` believes any certificate: for tests."""
    allow_private_addresses: bool = False
    """Whether they may go to addresses of private networks. Application services may be there anyway: the
    administrator has written down where they are.
    """


class Federation(Section, frozen=True, kw_only=True):
    """Dealings with other servers."""

    enabled: bool = True
    """`false` keeps this server to itself."""
    verify_tls: bool = True
    """`false` believes any certificate: for tests."""
    ca_file: Path | None = None
    """An authority to trust besides the system's: for private federations and tests."""
    allow_private_addresses: bool = False
    """Whether other servers may be in private networks."""
    ip_blocklist: tuple[Network, ...] = SPECIAL_RANGES
    """Addresses that are never connected to; by default the private and special ranges."""
    ip_allowlist: tuple[Network, ...] = ()
    """Allowed although in the blocklist."""
    allow_domains: tuple[str, ...] | None = None
    """Federate with these servers only."""


class Email(Section, frozen=True, kw_only=True):
    """How mail is sent."""

    smtp_host: str
    """The server that takes mail."""
    from_: str = msgspec.field(name="from")
    """The sender."""
    smtp_port: Port = 25
    """The port of that server."""
    smtp_tls: Literal["none", "starttls", "implicit"] = "starttls"
    """`implicit` speaks TLS from the beginning, `starttls` after asking."""
    smtp_user: str | None = None
    """With `smtp_password`: how to log in there."""
    smtp_password: Secret | None = None


class Identity(Section, frozen=True, kw_only=True):
    """Identity servers that users may reach through us."""

    trusted_servers: tuple[str, ...] = ()
    """Host names; `"*"` trusts any."""


class UrlPreviews(Section, frozen=True, kw_only=True):
    """Looking at a page for a user."""

    enabled: bool = False
    """Whether the server fetches pages that users name."""


class Recaptcha(Section, frozen=True, kw_only=True):
    """A stage of registration; on once both keys are given."""

    public_key: str | None = None
    """What clients are told."""
    private_key: Secret | None = None
    """What only the server knows."""
    verify_url: str = "https://www.recaptcha.net/recaptcha/api/siteverify"
    """Where answers are checked."""


class Cas(Section, frozen=True, kw_only=True):
    """Single sign-on with a CAS server; on once it is named."""

    server_url: str | None = None
    """The address of the CAS server."""


class OidcProvider(Section, frozen=True, kw_only=True):
    """An OpenID Connect provider whose users may log in."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_.-]{1,64}$")]
    """Stands for the provider in addresses; never changed once users have logged in with it."""
    name: str
    """What users read."""
    issuer: str
    """Where its `.well-known/openid-configuration` is found."""
    client_id: str
    """What the provider knows this server by."""
    client_secret: Secret | None = None
    """What proves that; not needed by public clients."""
    scopes: tuple[str, ...] = ("openid", "profile")
    """What is asked for."""


class Saml(Section, frozen=True, kw_only=True):
    """Single sign-on with a SAML identity provider; on once its metadata are given."""

    metadata: Path | None = None
    """The identity provider's, as XML."""


class Media(Section, frozen=True, kw_only=True):
    """Uploads."""

    storage: Literal["local"] = "local"
    """Where uploads are: `local` is below `data_dir`."""
    max_upload_size: Size = Size(50 << 20)
    """Of one file."""


class Logging(Section, frozen=True, kw_only=True):
    """What is written about the server's work."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    """Less important lines are left out; `DEBUG` logs each request."""
    format: Literal["console", "json"] = "console"
    """`console` for people, `json` for machines."""
    file: Path | None = None
    """Default: standard error."""


class Config(Section, frozen=True, kw_only=True):
    """The whole file."""

    server_name: str
    """Part of every user's and room's ID: it can never be changed."""
    public_baseurl: str = ""
    """Where clients reach the server; always ends with a slash. Default: `https://SERVER_NAME/`."""
    data_dir: Path = Path("data")
    """The embedded database and local media live here."""
    signing_key_path: Path = Path()
    """Made at the first start if it is not there. Default: `signing.key` in `data_dir`."""
    database: Database = Database()
    memory: Memory = Memory()
    redis: Redis = Redis()
    cluster: Cluster = Cluster()
    listeners: tuple[Listener, ...] = (Listener(port=8008, resources=tuple(Resource)),)
    """Of `hs run` without `--process`."""
    processes: dict[str, Process] = {}
    streams: dict[str, tuple[str, ...]] = {}
    """Stream name to the processes that may write it, where that should not be left to the cluster."""
    registration: Registration = Registration()
    default_room_version: str = "12"
    """Of rooms whose makers do not choose one."""
    password_hash: PasswordHash = PasswordHash()
    rate_limits: RateLimits = RateLimits()
    directory: Directory = Directory()
    outbound: Outbound = Outbound()
    federation: Federation = Federation()
    appservices: tuple[Path, ...] = ()
    """Registration files of bridges and bots: plugins/appservice.md."""
    email: Email | None = None
    identity: Identity = Identity()
    url_previews: UrlPreviews = UrlPreviews()
    recaptcha: Recaptcha = Recaptcha()
    cas: Cas = Cas()
    oidc: tuple[OidcProvider, ...] = ()
    saml: Saml = Saml()
    media: Media = Media()
    logging: Logging = Logging()
    plugins: dict[str, Any] = {}
    """Each installed plugin's own section, typed by its declaration; there is one for every installed plugin."""

    @property
    def replicas(self) -> int:
        """How many processes the file describes; 1, if it leaves that open."""
        return sum(process.replicas for process in self.processes.values()) or 1

    def writers(self, stream: str) -> frozenset[str] | None:
        """What the processes are called, replicas and all, to which `streams` pins this one; `None` if to none."""
        pinned = self.streams.get(stream)
        if pinned is None:
            return None
        return frozenset(
            self.processes[name].name_of_replica(name, index)
            for name in pinned
            if name in self.processes
            for index in range(self.processes[name].replicas)
        )
