"""What a request can be refused with (client-server API, "Standard error response").

Services raise these; `hs_core.http.app` alone turns them into responses. Each kind has the status that the
specification most often gives its code; an endpoint that says otherwise passes another `status`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import structlog

from hs_core.db import DatabaseUnavailable
from hs_core.db.values import BadParameter
from hs_core.matrix.errors import ProtocolError

log = structlog.get_logger(__name__)


class MatrixError(Exception):
    """A refusal: HTTP status, Matrix error code, a sentence for people, further keys of the JSON object, headers."""

    def __init__(
        self,
        status: int,
        errcode: str,
        message: str,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.errcode = errcode
        self.message = message
        self.extra = extra
        self.headers = headers

    def body(self) -> dict[str, Any]:
        """The standard error response. "The keys `error` and `errcode` MUST always be present." """
        return {**(self.extra or {}), "errcode": self.errcode, "error": self.message}


class _Kind(MatrixError):
    """A kind has a usual status, code and message; each can be replaced where it is raised."""

    usual_status: int
    usual_errcode: str
    usual_message: str

    def __init__(
        self,
        message: str | None = None,
        *,
        errcode: str | None = None,
        status: int | None = None,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(
            status or self.usual_status,
            errcode or self.usual_errcode,
            message or self.usual_message,
            extra,
            headers,
        )


class BadJson(_Kind):
    """Valid JSON that is malformed in some way, such as a value of the wrong type."""

    usual_status, usual_errcode, usual_message = 400, "M_BAD_JSON", "The JSON is malformed"


class NotJson(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_NOT_JSON", "The body is not JSON"


class MissingParam(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_MISSING_PARAM", "A required parameter is missing"


class InvalidParam(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_INVALID_PARAM", "A parameter has the wrong value"


class UserInUse(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_USER_IN_USE", "The user ID is taken"


class RoomInUse(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_ROOM_IN_USE", "The room ID or alias is taken"


class InvalidRoomState(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_INVALID_ROOM_STATE", "The room cannot begin like that"


class Unknown(_Kind):
    """A request that cannot be met, for a reason that has no code of its own."""

    usual_status, usual_errcode, usual_message = 400, "M_UNKNOWN", "That cannot be done"


class InvalidUsername(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_INVALID_USERNAME", "The user ID is not valid"


class Exclusive(_Kind):
    usual_status, usual_errcode, usual_message = 400, "M_EXCLUSIVE", "Reserved by an application service"


class MissingToken(_Kind):
    usual_status, usual_errcode, usual_message = 401, "M_MISSING_TOKEN", "An access token is required"


class UnknownToken(_Kind):
    """The token is not, or no longer, good. `soft_logout`: the client may log in again and keep its data."""

    usual_status, usual_errcode, usual_message = 401, "M_UNKNOWN_TOKEN", "The access token is not recognised"

    def __init__(self, message: str | None = None, *, soft_logout: bool = False) -> None:
        super().__init__(message, extra={"soft_logout": soft_logout})

    @property
    def soft_logout(self) -> bool:
        """What the client is told of it."""
        return bool((self.extra or {}).get("soft_logout"))


class UserLocked(_Kind):
    """ "a `401 Unauthorized` error response with an `M_USER_LOCKED` error code and `soft_logout` set to `true`" """

    usual_status, usual_errcode, usual_message = 401, "M_USER_LOCKED", "This account has been locked"

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message, extra={"soft_logout": True})


class Unauthorized(_Kind):
    """A request between servers that does not prove who sent it."""

    usual_status, usual_errcode, usual_message = 401, "M_UNAUTHORIZED", "The request is not correctly authorised"


class Forbidden(_Kind):
    usual_status, usual_errcode, usual_message = 403, "M_FORBIDDEN", "Not allowed"


class UserSuspended(_Kind):
    usual_status, usual_errcode, usual_message = 403, "M_USER_SUSPENDED", "Your account is suspended"


class GuestForbidden(_Kind):
    usual_status, usual_errcode, usual_message = 403, "M_GUEST_ACCESS_FORBIDDEN", "Guests may not do this"


class NotFound(_Kind):
    usual_status, usual_errcode, usual_message = 404, "M_NOT_FOUND", "Not found"


class Unrecognized(_Kind):
    """ "Expected to be returned with a 404 [...] if the endpoint is not implemented or a 405 [...] if the endpoint is
    implemented, but the incorrect HTTP method is used."
    """

    usual_status, usual_errcode, usual_message = 404, "M_UNRECOGNIZED", "Unrecognized request"


class TooLarge(_Kind):
    usual_status, usual_errcode, usual_message = 413, "M_TOO_LARGE", "The request is too large"


class LimitExceeded(_Kind):
    """Too many requests; `retry_after` is in seconds."""

    usual_status, usual_errcode, usual_message = 429, "M_LIMIT_EXCEEDED", "Too many requests"

    def __init__(self, retry_after: float, message: str | None = None) -> None:
        super().__init__(
            message,
            extra={"retry_after_ms": math.ceil(retry_after * 1000)},
            headers={"Retry-After": str(max(1, math.ceil(retry_after)))},
        )

    @property
    def retry_after(self) -> float:
        """Seconds."""
        return float((self.extra or {})["retry_after_ms"]) / 1000


class Unavailable(_Kind):
    """It cannot be done now, but a later try may succeed; `retry_after` is in seconds."""

    usual_status, usual_errcode, usual_message = 503, "M_UNKNOWN", "Temporarily unavailable"

    def __init__(self, message: str | None = None, *, retry_after: float = 2) -> None:
        super().__init__(message, headers={"Retry-After": str(max(1, math.ceil(retry_after)))})


STATUS_OF_PROTOCOL_ERROR: Final = {"M_FORBIDDEN": 403, "M_NOT_FOUND": 404, "M_TOO_LARGE": 413}
"""The statuses of what the protocol library raises; whatever is not listed is 400, for the input was wrong."""


def as_matrix_error(error: Exception) -> MatrixError:
    """What the one who asked is told of an error.

    Whatever nobody foresaw is logged with its traceback, and nothing of it is told: 500 `M_UNKNOWN`.
    """
    if isinstance(error, MatrixError):
        return error
    if isinstance(error, ProtocolError):
        return MatrixError(STATUS_OF_PROTOCOL_ERROR.get(error.errcode, 400), error.errcode, str(error))
    if isinstance(error, DatabaseUnavailable):
        log.warning("database unavailable", error=str(error))
        return Unavailable("The database is not available")
    if isinstance(error, BadParameter):  # nothing was written; it is worth a look, for nobody checked it before
        log.warning("a value that cannot be stored", exc_info=error)
        return InvalidParam("A value cannot be stored")
    log.error("request failed", exc_info=error)
    return MatrixError(500, "M_UNKNOWN", "Internal server error")
