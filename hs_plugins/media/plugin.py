"""The media role: files that users upload, and their thumbnails."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from hs_core.plugin import Auth, Migrations, Plugin, RateClass, Resource, Route, Task
from hs_plugins.media import handlers
from hs_plugins.media.config import MediaConfig
from hs_plugins.media.role import MediaRole, start

MEDIA: Final = "/_matrix/client/v1/media"
LEGACY: Final = "/_matrix/media/(?:r0|v1|v3)"
"""Uploads are still here; what is read, only for those who do not know better."""
URI: Final = "/(?P<server_name>[^/]+)/(?P<media_id>[^/]+)"
NAMED: Final = URI + "/(?P<file_name>[^/]*)"
"""Some clients have a slash at the end although they want no name."""

_route = partial(Route, resource=Resource.MEDIA)

plugin = Plugin(
    name="media",
    requires=["login"],
    config=MediaConfig,
    routes=[
        _route("POST", LEGACY + "/upload", handlers.post_upload, rate=RateClass.UPLOAD, upload=True),
        _route("POST", "/_matrix/media/v1/create", handlers.post_create, rate=RateClass.UPLOAD),
        _route("PUT", "/_matrix/media/v3/upload" + URI, handlers.put_upload, rate=RateClass.UPLOAD, upload=True),
        _route("GET", MEDIA + "/config", handlers.get_config),
        _route("GET", MEDIA + "/download" + URI, handlers.get_download, guests=True),
        _route("GET", MEDIA + "/download" + NAMED, handlers.get_download, guests=True),
        _route("GET", MEDIA + "/thumbnail" + URI, handlers.get_thumbnail, guests=True),
        _route("GET", LEGACY + "/config", handlers.get_config),
        _route("GET", LEGACY + "/download" + URI, handlers.get_frozen_download, Auth.NONE),
        _route("GET", LEGACY + "/download" + NAMED, handlers.get_frozen_download, Auth.NONE),
        _route("GET", LEGACY + "/thumbnail" + URI, handlers.get_frozen_thumbnail, Auth.NONE),
    ],
    start=start,
    tasks=[Task("remove what nobody names", timedelta(minutes=10), MediaRole.tidy)],
    migrations=Migrations("hs_plugins.media"),
    unstable_features={"org.matrix.msc3916.stable": True},
)
