"""What the protocol library raises about somebody's input.

Client-server API, "Standard error response"; the codes are those a homeserver would answer with, but this module knows
no HTTP: one place in the core turns a code into a response.
"""


class ProtocolError(ValueError):
    """Input that the specification does not allow. `errcode` is the Matrix error code that describes it best."""

    def __init__(self, message: str, errcode: str = "M_BAD_JSON") -> None:
        super().__init__(message)
        self.errcode = errcode


class Rejected(ProtocolError):
    """An event that the authorisation rules refuse; the message is the failed rule in the words of the spec."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "M_FORBIDDEN")
