"""Registration files of application services (application service API, "Registration"), read and checked as a whole."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec
import yaml

from hs_core.config.model import Config
from hs_core.config.problems import ConfigError, Problem
from hs_core.config.reader import Reader
from hs_core.config.source import Source, is_null, place
from hs_core.config.values import Secret
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import ServerName, UserId, parse_user_id

MAX_REGEX: Final = 1000
"""Characters of one regular expression."""

_CLASSES: Final = {
    "[:alnum:]": "a-zA-Z0-9",
    "[:alpha:]": "a-zA-Z",
    "[:blank:]": " \\t",
    "[:digit:]": "0-9",
    "[:lower:]": "a-z",
    "[:space:]": "\\s",
    "[:upper:]": "A-Z",
    "[:xdigit:]": "0-9A-Fa-f",
}
_SECRETS: Final = frozenset({"as_token_file", "hs_token_file"})


class Namespace(msgspec.Struct, frozen=True):
    """A part of the users, aliases or rooms that there can be."""

    regex: str
    exclusive: bool

    def pattern(self) -> re.Pattern[str]:
        """Matches an identifier from its beginning: "A POSIX regular expression defining which values this namespace
        includes". Raises ValueError, with what is wrong with it.
        """
        if len(self.regex) > MAX_REGEX:
            raise ValueError(f"longer than {MAX_REGEX} characters")
        text = self.regex
        for name, characters in _CLASSES.items():
            text = text.replace(name, characters)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return re.compile(text)
        except (re.error, RecursionError, OverflowError, FutureWarning) as error:
            raise ValueError(str(error)) from None


class Namespaces(msgspec.Struct, frozen=True):
    """What an application service is interested in."""

    users: tuple[Namespace, ...] = ()
    aliases: tuple[Namespace, ...] = ()
    rooms: tuple[Namespace, ...] = ()


class AppService(msgspec.Struct, frozen=True, kw_only=True):
    """A registration file."""

    id: str
    url: str | None
    """May include a path. `None`: it wants no requests."""
    as_token: Secret
    hs_token: Secret
    sender_localpart: str
    namespaces: Namespaces
    rate_limited: bool = True
    """Whether requests as other users than its sender are."""
    protocols: tuple[str, ...] = ()
    receive_ephemeral: bool = False

    def sender(self, server_name: ServerName) -> UserId:
        """The user that it is itself. Raises ProtocolError."""
        return parse_user_id(f"@{self.sender_localpart}:{server_name}")


def read_appservices(config: Config) -> tuple[AppService, ...]:
    """What the files of `appservices` say. Raises ConfigError with everything that is wrong with them."""
    files = [_File(path) for path in config.appservices]
    problems = [problem for file in files for problem in file.problems]
    whole = [file for file in files if file.service is not None]
    for index, file in enumerate(whole):
        problems += file.check(ServerName(config.server_name))
        for other in whole[:index]:
            problems += file.clashes(other, ServerName(config.server_name))
    if problems:
        raise ConfigError(sorted(set(problems), key=lambda each: (each.source, each.line)))
    return tuple(file.service for file in whole if file.service is not None)


class _File:
    """One registration file, and what is wrong with it by itself."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._source = Source({})
        self._reader = Reader(self._source, path.absolute().parent)
        self.service: AppService | None = None
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            self._report(f"cannot read it: {error.strerror}", "write it, or take it out of the setting `appservices`")
            return
        except UnicodeDecodeError:
            self._report("it is not UTF-8 text", "write it as UTF-8")
            return
        root = self._source.compose(text, str(path))
        if not self._source.problems:
            _keep_known(root)
            self._reader.places[()] = place(root)
            service = self._reader.section(root, AppService, ())
            self.service = service if isinstance(service, AppService) else None

    @property
    def problems(self) -> Sequence[Problem]:
        return self._source.problems

    def check(self, server_name: ServerName) -> Iterator[Problem]:
        """What types cannot say."""
        service = self._known
        if not service.id or not service.id.isprintable():
            yield self._problem(("id",), "the id is empty, or not one line", "write a short name, such as irc")
        if service.url is not None:
            yield from self._check_url(service.url)
        for key in ("as_token", "hs_token"):
            token = getattr(service, key)
            if not (token.isascii() and token.isprintable() and token and " " not in token):
                remedy = "write a new one, such as `openssl rand -hex 32` prints"
                yield self._problem((key,), f"{key} is not one word of plain characters", remedy)
        try:
            service.sender(server_name)
        except ProtocolError as error:
            yield self._problem(
                ("sender_localpart",), str(error), "write the part of a user ID between @ and the colon"
            )
        yield from self._check_namespaces()

    def _check_url(self, url: str) -> Iterator[Problem]:
        remedy = "write http://HOST:PORT, or null if it wants no requests"
        try:
            parts = urlsplit(url)
            sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
            sound = sound and not parts.query and not parts.fragment and url.isprintable() and " " not in url
        except ValueError:
            sound = False
        if not sound:
            yield self._problem(("url",), f"{url!r} is not the address of a service", remedy)

    def _check_namespaces(self) -> Iterator[Problem]:
        for where, namespace in self._namespaces():
            try:
                namespace.pattern()
            except ValueError as error:
                message = f"{namespace.regex!r} is not a regular expression: {error}"
                yield self._problem((*where, "regex"), message, "write one such as @_irc_.*")

    def clashes(self, other: _File, server_name: ServerName) -> Iterator[Problem]:
        """What both cannot have: "each `as_token` and `id` MUST be unique per application service", and more."""
        one, two = self._known, other._known
        if one.id == two.id:
            message = f"the id {one.id!r} is also that of {other.path.name}"
            yield self._problem(("id",), message, "give each service an id of its own")
        taken = {two.as_token, two.hs_token}
        for key in ("as_token", "hs_token"):
            if getattr(one, key) in taken:
                message = f"{key} is also a token of {other.path.name}"
                yield self._problem((key,), message, "give each service tokens of its own")
        if one.sender_localpart == two.sender_localpart:
            message = f"the sender {one.sender_localpart!r} is also that of {other.path.name}"
            yield self._problem(("sender_localpart",), message, "give each service a sender of its own")
        yield from self._shared_namespaces(other)
        yield from _foreign_senders(self, other, server_name)
        yield from _foreign_senders(other, self, server_name)

    def _shared_namespaces(self, other: _File) -> Iterator[Problem]:
        """Those that are written alike. Whether any two expressions have a match in common, nobody can tell quickly."""
        theirs = {(where[1], each.regex) for where, each in other._namespaces() if each.exclusive}
        for where, namespace in self._namespaces():
            if namespace.exclusive and (where[1], namespace.regex) in theirs:
                message = f"the {where[1]} {namespace.regex!r} are exclusive to {other.path.name} already"
                yield self._problem(where, message, "make them different, or neither of them exclusive")

    def exclusive_users(self) -> Iterator[tuple[tuple[str | int, ...], re.Pattern[str]]]:
        """Where each is written, and what matches it. Broken ones, which are reported elsewhere, are left out."""
        for where, namespace in self._namespaces():
            if where[1] == "users" and namespace.exclusive:
                try:
                    yield where, namespace.pattern()
                except ValueError:
                    continue

    def _namespaces(self) -> Iterator[tuple[tuple[str | int, ...], Namespace]]:
        for kind in Namespaces.__struct_fields__:
            for index, namespace in enumerate(getattr(self._known.namespaces, kind)):
                yield ("namespaces", kind, index), namespace

    @property
    def _known(self) -> AppService:
        assert self.service is not None
        return self.service

    def _report(self, message: str, remedy: str) -> None:
        self._source.problems.append(Problem(str(self.path), 0, message, remedy))

    def _problem(self, where: tuple[str | int, ...], message: str, remedy: str) -> Problem:
        """At `where` or, if that was not written, at what is around it."""
        for end in range(len(where), -1, -1):
            if where[:end] in self._reader.places:
                return Problem(*self._reader.places[where[:end]], message, remedy)
        return Problem(str(self.path), 0, message, remedy)


def _foreign_senders(file: _File, other: _File, server_name: ServerName) -> Iterator[Problem]:
    """A service's own user cannot be one that only another may be."""
    assert other.service is not None
    sender = f"@{other.service.sender_localpart}:{server_name}"
    for where, pattern in file.exclusive_users():
        if pattern.match(sender):
            message = f"{sender}, the sender of {other.path.name}, is among these exclusive users"
            yield file._problem(where, message, "make them fewer, or choose another sender there")


def _keep_known(root: yaml.MappingNode) -> None:
    """Leave out what only others understand: files are written by the services, for any server.

    What stands for a variable elsewhere, `${`, is text here.
    """
    fields = {*AppService.__struct_fields__, *_SECRETS}
    root.value[:] = [(key, value) for key, value in root.value if key.value in fields]
    for key, value in list(root.value):
        if key.value == "namespaces" and isinstance(value, yaml.MappingNode):
            value.value[:] = [
                (kind, listed)
                for kind, listed in value.value
                if kind.value in Namespaces.__struct_fields__ and not is_null(listed)
            ]
            for _, listed in value.value:
                for entry in listed.value if isinstance(listed, yaml.SequenceNode) else ():
                    if isinstance(entry, yaml.MappingNode):
                        entry.value[:] = [pair for pair in entry.value if pair[0].value in Namespace.__struct_fields__]
        if key.value == "protocols" and is_null(value):
            root.value.remove((key, value))
    _escape(root, set())


def _escape(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:  # by an alias
        return
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        node.value = node.value.replace("${", "$${")
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _escape(item, seen)
    elif isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            _escape(value, seen)
