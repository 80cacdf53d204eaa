"""The section `client` of the configuration."""

from typing import Annotated

import msgspec


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A way to reach those who run the server."""

    role: str
    """`m.role.admin`, `m.role.security`, or a namespaced one."""
    matrix_id: Annotated[str, msgspec.Meta(pattern="^@")] | None = None
    email_address: str | None = None


class Support(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What `/.well-known/matrix/support` says; nothing by default."""

    contacts: tuple[Contact, ...] = ()
    support_page: str | None = None


class ClientConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole section."""

    support: Support = Support()
