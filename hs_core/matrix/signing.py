"""Ed25519 keys and signed JSON (specification, appendices, "Signing JSON"; the key file form `ed25519 a_1 <base64>`).

Signatures of events are in `event_signing`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from nacl import bindings
from nacl.exceptions import BadSignatureError

from hs_core.matrix.canonical_json import encode_canonical
from hs_core.matrix.errors import ProtocolError
from hs_core.matrix.identifiers import KeyId, ServerName
from hs_core.matrix.unpadded_base64 import decode_base64, encode_base64

ALGORITHM: Final = "ed25519"
KEY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64

# "The version must have characters matching the regular expression `[a-zA-Z0-9_]`."
_VERSION = re.compile(r"[a-zA-Z0-9_]+")


class BadSignature(ProtocolError):
    """A signature is missing, from an unknown key, or wrong."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "M_FORBIDDEN")


@dataclass(frozen=True, slots=True)
class VerifyKey:
    """The public half of a signing key: 32 bytes."""

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != KEY_LENGTH:
            raise ProtocolError(f"an Ed25519 key has {KEY_LENGTH} bytes", "M_INVALID_PARAM")

    @classmethod
    def from_base64(cls, text: str) -> Self:
        """Raises `ProtocolError` if the text is not the base64 of a key."""
        return cls(decode_base64(text))

    def to_base64(self) -> str:
        return encode_base64(self.data)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether `signature` was made for `message` by the other half of this key."""
        if len(signature) != SIGNATURE_LENGTH:
            return False
        try:
            bindings.crypto_sign_open(signature + message, self.data)
        except BadSignatureError:
            return False
        return True


class SigningKey:
    """A server's secret key under the version that its ID names: `ed25519:<version>`. Never shown by `repr`."""

    __slots__ = ("_secret", "_seed", "key_id", "verify_key", "version")

    key_id: KeyId
    verify_key: VerifyKey
    version: str

    def __init__(self, version: str, seed: bytes) -> None:
        """`seed` is 32 random bytes from the caller.

        Raises:
            ProtocolError: `M_INVALID_PARAM`, if the version has other characters than letters, digits and `_`, or the
                seed another length.
        """
        if not _VERSION.fullmatch(version):
            raise ProtocolError(f"not a valid key version: {version!r}", "M_INVALID_PARAM")
        if len(seed) != KEY_LENGTH:
            raise ProtocolError(f"an Ed25519 seed has {KEY_LENGTH} bytes", "M_INVALID_PARAM")
        public, self._secret = bindings.crypto_sign_seed_keypair(seed)
        self._seed = seed
        self.version = version
        self.key_id = KeyId(f"{ALGORITHM}:{version}")
        self.verify_key = VerifyKey(public)

    @classmethod
    def from_text(cls, line: str) -> Self:
        """Read a line of a key file, `ed25519 a_1 <base64 of the seed>`. Raises `ProtocolError` if it is not one."""
        words = line.split()
        if len(words) != 3 or words[0] != ALGORITHM:
            raise ProtocolError("not a signing key of the form `ed25519 <version> <base64>`", "M_INVALID_PARAM")
        return cls(words[1], decode_base64(words[2]))

    def to_text(self) -> str:
        """The line of a key file that `from_text` reads."""
        return f"{ALGORITHM} {self.version} {encode_base64(self._seed)}"

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the signature."""
        signed: bytes = bindings.crypto_sign(message, self._secret)
        return signed[:SIGNATURE_LENGTH]

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


def sign_json(value: Mapping[str, Any], server_name: ServerName, key: SigningKey) -> dict[str, Any]:
    """A copy of the object with a signature by `server_name` beside those it has ("Signing Details").

    Raises:
        ProtocolError: `M_BAD_JSON` if it has no canonical form, or `signatures` is not of the right shape.
    """
    return add_signature(value, server_name, key, key.sign(_signed_bytes(value)))


def verify_json(value: Mapping[str, Any], server_name: ServerName, keys: Mapping[KeyId, VerifyKey]) -> None:
    """Check that `server_name` signed the object ("Checking for a Signature"). `keys` are those that it published.

    Signatures by other keys than these are skipped; one of these must be there, and all of these must be right.

    Raises:
        BadSignature: if that is not so.
        ProtocolError: `M_BAD_JSON`, if the object has no canonical form.
    """
    check_signatures(_signed_bytes(value), signatures_of(value, server_name), server_name, keys)


def check_signatures(
    message: bytes, signatures: Mapping[KeyId, str], server_name: ServerName, keys: Mapping[KeyId, VerifyKey]
) -> None:
    """Check the signatures that one server is said to have made for `message`; as `verify_json`."""
    known = [(key_id, text) for key_id, text in signatures.items() if key_id in keys]
    if not known:
        raise BadSignature(f"no signature by a known key of {server_name}")
    for key_id, text in known:
        try:
            signature = decode_base64(text)
        except ProtocolError:
            raise BadSignature(f"the signature by {server_name} with {key_id} is not base64") from None
        if not keys[key_id].verifies(signature, message):
            raise BadSignature(f"the signature by {server_name} with {key_id} is wrong")


def signatures_of(value: Mapping[str, Any], server_name: ServerName) -> dict[KeyId, str]:
    """The Ed25519 signatures that an object has of one server, by key ID; empty if it has none. Unchecked.

    "Removes any *signing key identifiers* from the entry with algorithms it doesn't understand."
    """
    signatures = value.get("signatures")
    of_server = signatures.get(server_name) if isinstance(signatures, dict) else None
    if not isinstance(of_server, dict):
        return {}
    return {
        KeyId(key_id): text
        for key_id, text in of_server.items()
        if key_id.startswith(f"{ALGORITHM}:") and isinstance(text, str)
    }


def add_signature(
    value: Mapping[str, Any], server_name: ServerName, key: SigningKey, signature: bytes
) -> dict[str, Any]:
    """A copy of the object with one more signature in it. Raises `ProtocolError` if `signatures` has a wrong shape."""
    signatures = value.get("signatures", {})
    if not isinstance(signatures, dict) or not isinstance(signatures.get(server_name, {}), dict):
        raise ProtocolError("`signatures` is not an object of objects")
    of_server = {**signatures.get(server_name, {}), key.key_id: encode_base64(signature)}
    return {**value, "signatures": {**signatures, server_name: of_server}}


def _signed_bytes(value: Mapping[str, Any]) -> bytes:
    return encode_canonical({key: item for key, item in value.items() if key not in {"signatures", "unsigned"}})
