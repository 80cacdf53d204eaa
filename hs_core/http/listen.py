"""Listeners: addresses on which a process answers HTTP, all on one event loop, and how they come to an end."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
import ssl
from pathlib import Path
from typing import Final

import structlog
from starlette.types import ASGIApp
from uvicorn.config import Config

from hs_core.config.model import Listener, Tls
from hs_core.http.protocol import KEEP_ALIVE_SECONDS, BoundedProtocol, Connections

__all__ = ["Listener", "Server", "Tls"]

log = structlog.get_logger(__name__)

BACKLOG: Final = 2048
TLS_SECONDS: Final = 15.0
"""For the handshake."""


class Server:
    """Answers on any number of listeners. Signals are the business of the process, not of this.

    `draining` is what the applications wait on; see `Site.draining`.
    """

    def __init__(self, draining: asyncio.Event) -> None:
        self._draining = draining
        self._servers: list[asyncio.Server] = []
        self._connections: list[Connections] = []
        self._sockets: list[Path] = []

    async def listen(self, listener: Listener, app: ASGIApp) -> str:
        """Begin to answer; returns the address as a URL (of a Unix socket `unix:PATH`).

        Raises OSError: the address is taken or not ours, the certificate cannot be read.
        """
        config = _uvicorn_config(app)
        # A process with no descriptor left could not open its own files: some are kept for them.
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        connections = Connections(min(listener.max_connections, descriptors * 3 // 4))
        loop = asyncio.get_running_loop()
        tls = None if listener.tls is None else _tls_context(listener.tls)
        handshake = None if tls is None else TLS_SECONDS

        def protocol() -> BoundedProtocol:
            return BoundedProtocol(config, connections)

        try:
            if listener.socket is not None:
                server = await loop.create_unix_server(
                    protocol, str(listener.socket), ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake
                )
                os.chmod(listener.socket, 0o660)
                self._sockets.append(listener.socket)
            else:
                server = await loop.create_server(
                    protocol, listener.bind, listener.port, ssl=tls, backlog=BACKLOG, ssl_handshake_timeout=handshake
                )
        except OSError as error:
            raise _cannot_listen(listener, error) from error
        self._servers.append(server)
        self._connections.append(connections)
        return _address(listener, server)

    async def drain(self, patience: float) -> None:
        """Stop: accept nobody, let requests finish for at most `patience` seconds, then break off what is left."""
        self._draining.set()
        for server in self._servers:
            server.close()
        for path in self._sockets:
            path.unlink(missing_ok=True)
        for connection in self._open():
            connection.shutdown()
        try:
            async with asyncio.timeout(patience):
                for connections in self._connections:
                    await connections.all_closed.wait()
        except TimeoutError:
            await self._break_off()
        self._servers.clear()
        self._connections.clear()

    async def _break_off(self) -> None:
        tasks = [task for connections in self._connections for task in connections.tasks]
        log.warning("requests broken off", requests=len(tasks))
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=1)
        for connection in self._open():
            connection.transport.abort()
        for connections in self._connections:
            await connections.all_closed.wait()

    def _open(self) -> list[BoundedProtocol]:
        return [
            connection
            for connections in self._connections
            for connection in connections.connections
            if isinstance(connection, BoundedProtocol)
        ]


def _uvicorn_config(app: ASGIApp) -> Config:
    """Of uvicorn only the protocol is used: sockets, signals and log lines are ours."""
    config = Config(
        app,
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    config.load()
    return config


def _cannot_listen(listener: Listener, error: OSError) -> OSError:
    """The same for whoever chose the address."""
    where = f"unix:{listener.socket}" if listener.socket is not None else f"{listener.bind or '*'}:{listener.port}"
    if isinstance(error, socket.gaierror) or error.errno is None:
        return OSError(f"cannot listen at {where}: {error.strerror or error}; write an address of this host")
    remedies = {
        errno.EADDRINUSE: "end what listens there, or choose another port",
        errno.EADDRNOTAVAIL: "write an address of this host",
        errno.EACCES: "choose a port from 1024 on, or allow it to this user",
        errno.ENOENT: "make the folder",
    }
    remedy = f"; {remedies[error.errno]}" if error.errno in remedies else ""
    return OSError(error.errno, f"cannot listen at {where}: {os.strerror(error.errno).lower()}{remedy}")


def _tls_context(files: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.cert, files.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _address(listener: Listener, server: asyncio.Server) -> str:
    if listener.socket is not None:
        return f"unix:{listener.socket}"
    host, port = server.sockets[0].getsockname()[:2]
    scheme = "http" if listener.tls is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
