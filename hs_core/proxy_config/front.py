"""Where the public finds the proxy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hs_core.config import Config

FEDERATION_PORT = 8448
"""Where servers look that are not told otherwise ("Resolving server names")."""

_CERTBOT = Path("/etc/letsencrypt/live")


@dataclass(frozen=True, slots=True)
class Front:
    """The host name of `public_baseurl`, and the ports on which clients and servers come."""

    host: str
    ports: tuple[int, ...]
    tls: bool = True
    """Whether it ends here; if not, something else stands in front."""
    certificate: Path | None = None
    """PEM, with its chain, if it is not where certbot keeps it."""
    key: Path | None = None

    @property
    def bind(self) -> str | None:
        """The one address to listen on, or `None` for all: a loopback address is only for what is on this machine."""
        return self.host if self.host in {"127.0.0.1", "localhost"} else None

    @property
    def certificate_or_certbots(self) -> Path:
        return self.certificate or _CERTBOT / self.host / "fullchain.pem"

    @property
    def key_or_certbots(self) -> Path:
        return self.key or _CERTBOT / self.host / "privkey.pem"

    @classmethod
    def of(cls, config: Config, certificate: Path | None = None, key: Path | None = None) -> Front:
        """As the configuration implies."""
        base = urlsplit(config.public_baseurl)
        host = base.hostname or config.server_name
        if base.scheme == "http":
            return cls(host, (base.port or 80,), tls=False)
        ports = [base.port or 443]
        if config.federation.enabled:
            ports += [_federation_port(config)]
        free = dict.fromkeys(port for port in ports if port not in _taken(config))
        return cls(host, tuple(free), certificate=certificate, key=key)

    def notes(self, config: Config) -> Iterator[str]:
        """What has to be arranged outside the proxy."""
        if not self.tls:
            yield "public_baseurl is http://: something in front of this must speak TLS, or nobody else should reach it"
        name = config.server_name
        if config.federation.enabled and urlsplit(f"//{name}").port is None and name != self.host:
            yield (
                f"other servers look for {name}: answer https://{name}/.well-known/matrix/server there "
                f'with {{"m.server": "{self.host}:{self.ports[0] if self.ports else 443}"}}'
            )


def _federation_port(config: Config) -> int:
    return urlsplit(f"//{config.server_name}").port or FEDERATION_PORT


def _taken(config: Config) -> set[int]:
    """Ports on which the server itself speaks TLS to the public."""
    listeners = [each for process in config.processes.values() for each in process.listeners] or [*config.listeners]
    return {listener.port for listener in listeners if listener.tls is not None}
