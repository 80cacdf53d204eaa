"""Is this what the specification says the server answers?

`check` fits the `check` of `hs_core.testing.client.Client`: every response of a test is held against the schema of its
operation, at the price of a fraction of a millisecond.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from hs_core.testing.http import Answer
from tests.spec.documents import DATA, document, example, schema

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_SHOWN_FAULTS = 5
# "errcode" and "error" of the section "Standard error response"; a 401 may be the stages of authentication instead.
_STANDARD_ERROR = {
    "type": "object",
    "properties": {
        "errcode": {"type": "string", "pattern": "^[A-Za-z]+[_.][A-Za-z0-9_.]+$"},
        "error": {"type": "string"},
    },
    "required": ["errcode", "error"],
}


@dataclass(frozen=True)
class Operation:
    """One method on one path. `template` includes the base path; what is asked and answered is as written."""

    method: str
    template: str
    file: Path
    responses: dict[str, Any] = field(repr=False)
    """By status."""
    parameters: list[Any] = field(repr=False)
    request_body: dict[str, Any] = field(repr=False)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What paths of this operation look like."""
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(self.template))
        # "If the state_key is an empty string, the trailing slash on this endpoint is optional."
        return re.compile(pattern.removesuffix("/[^/]+") + "(/[^/]*)?" if self._ends_in_state_key else pattern)

    @property
    def _ends_in_state_key(self) -> bool:
        return self.template.endswith("/{stateKey}")

    @property
    def query(self) -> list[str]:
        """The names of the query parameters."""
        return [each["name"] for each in self.parameters if each.get("in") == "query"]

    @cached_property
    def asked(self) -> dict[str, Any]:
        """The schema of the JSON body of a request, and the specification's `example` of one; empty if it has none."""
        media: dict[str, Any] = schema(self.request_body, self.file).get("content", {}).get("application/json", {})
        return media

    def examples(self) -> Iterator[tuple[int, Any]]:
        """The specification's own examples of JSON responses, with their statuses."""
        for status in self.responses:
            for written in self._json(status).get("examples", {}).values():
                yield int(status), example(written, self.file)["value"]

    def validator(self, status: int) -> Draft202012Validator | None:
        """What the body must be; None if nothing is said about it. Raises KeyError for a status not provided for."""
        if status not in self._validators:
            self._validators[status] = self._compile(status)
        return self._validators[status]

    @cached_property
    def _validators(self) -> dict[int, Draft202012Validator | None]:
        return {}

    def _compile(self, status: int) -> Draft202012Validator | None:
        if status < 400 and str(status) not in self.responses:
            raise KeyError(status)
        written = self._json(str(status)).get("schema")
        said = None if written is None else _overlapping(schema(written, self.file))
        if status >= 400:
            said = {"anyOf": [_STANDARD_ERROR, said]} if status == 401 and said else _STANDARD_ERROR
        return None if said is None else Draft202012Validator(said)

    def _json(self, status: str) -> dict[str, Any]:
        media: dict[str, Any] = self.responses.get(status, {}).get("content", {}).get("application/json", {})
        return media


def _overlapping(written: Any) -> Any:
    """The specification says `oneOf` where an answer may be both: any content is an object, and so is any event."""
    if isinstance(written, list):
        return [_overlapping(item) for item in written]
    if not isinstance(written, dict):
        return written
    return {"anyOf" if key == "oneOf" else key: _overlapping(value) for key, value in written.items()}


@cache
def operations() -> tuple[Operation, ...]:
    """Every operation of the client-server API, the more literal paths first."""
    found = [found for file in sorted((DATA / "api" / "client-server").glob("*.yaml")) for found in _of(file)]
    return tuple(sorted(found, key=lambda operation: (operation.template.count("{"), operation.template)))


def _of(file: Path) -> Iterator[Operation]:
    parsed = document(file)
    base = parsed["servers"][0]["variables"]["basePath"]["default"]
    for path, item in parsed["paths"].items():
        for method in _METHODS:
            if method in item:
                said = item[method]
                asked = said.get("parameters", []), said.get("requestBody", {})
                yield Operation(method.upper(), base + path, file, said["responses"], *asked)


def operation(method: str, path: str) -> Operation | None:
    """The operation that a request is for (`path` without its query), if the specification has it."""
    return next((found for found in operations() if found.method == method and found.pattern.fullmatch(path)), None)


def faults(method: str, path: str, status: int, body: Any) -> list[str]:
    """Where a response differs from what the specification says, one line each; a path that it has not is fine."""
    found = operation(method, path)
    if found is None:
        return []
    try:
        validator = found.validator(status)
    except KeyError:
        return [f"{status} is not among the answers to {method} {found.template}"]
    if validator is None or validator.is_valid(body):
        return []
    return [_say(error) for error in sorted(validator.iter_errors(body), key=lambda error: error.json_path)]


def _say(error: ValidationError) -> str:
    because = "".join(f"; {each.json_path}: {each.message}" for each in error.context or ())
    return f"{error.json_path}: {error.message[:300]}{because[:600]}"


def check(answer: Answer) -> None:
    """Fail the test if a response is not what the specification says."""
    found = faults(answer.method, answer.path, answer.status, answer.body)
    if found:
        listed = "\n  ".join(found[:_SHOWN_FAULTS])
        raise AssertionError(f"not as specified:\n  {listed}\nin: {answer}")
