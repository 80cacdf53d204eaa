"""The prefixes of public paths, so that every plugin spells them the same way (client-server API, "Versions").

The endpoints that are as old as the API answer under all its former names, beside `v3`: clients, and the rules that
people have in their reverse proxies, still use them.
"""

from typing import Final

CLIENT: Final = "/_matrix/client/(?:api/v1|r0|v3|unstable)"
"""What was there before `r0`: rooms, events, presence, profiles, push rules, login."""

CLIENT_R0: Final = "/_matrix/client/(?:r0|v3|unstable)"
"""What came with `r0`: accounts, devices, keys, capabilities."""

CLIENT_V1: Final = "/_matrix/client/(?:v1|unstable)"
"""What the specification has under `v1`, because it came after the prefix counted endpoints one by one."""

ROOM: Final = CLIENT + "/rooms/(?P<room_id>[^/]+)"
ROOM_V1: Final = CLIENT_V1 + "/rooms/(?P<room_id>[^/]+)"
USER: Final = CLIENT_R0 + "/user/(?P<user_id>[^/]+)"
