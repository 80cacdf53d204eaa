"""What clients send, and what they are answered, where several endpoints share it."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from hs_core.http.responses import JsonResponse, json_response
from hs_core.matrix.identifiers import UserId, parse_device_id
from hs_plugins.login.role import LoginRole
from hs_plugins.login.values import Login, Session


class DeviceWish(msgspec.Struct, kw_only=True):
    """The device that wants to be logged in."""

    device_id: str | None = None
    initial_device_display_name: str | None = None
    refresh_token: bool | None = None

    def login(self, login_token: str | None = None) -> Login:
        """Raises ProtocolError for a device ID that cannot be one."""
        return Login(
            device_id=None if self.device_id is None else parse_device_id(self.device_id),
            display_name=device_name(self.initial_device_display_name),
            refreshable=bool(self.refresh_token),
            login_token=login_token,
        )


MAX_DEVICE_NAME = 100


def device_name(name: str | None) -> str | None:
    """A device's name as it can be stored, shortened if need be."""
    return None if name is None else name.replace("\0", "")[:MAX_DEVICE_NAME]


async def log_in(role: LoginRole, user: UserId, login: Login) -> JsonResponse:
    """The answer to a login or a registration.

    The device has its name before the call, which then makes no other if it has to be made again.
    """
    named = replace(login, device_id=login.device_id or role.issuer.new_device_id())
    session = await role.accounts.log_in(user, named)
    return json_response(session_body(session) | {"home_server": role.server_name})


def session_body(session: Session) -> dict[str, Any]:
    fields = msgspec.structs.asdict(session)
    return {name: value for name, value in fields.items() if value is not None}
