"""The media role: files that users upload, and their thumbnails."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Final

from hs_core.plugin import Auth, Migrations, Plugin, RateClass, Resource, Route, Task
from hs_plugins.media.config import MediaConfig
from hs_plugins.media.handlers import administer, repository
from hs_plugins.media.role import MediaRole, start

MEDIA: Final = "/_matrix/client/v1/media"
LEGACY: Final = "/_matrix/media/(?:r0|v1|v3)"
"""Uploads are still here; what is read, only for those who do not know better."""
URI: Final = "/(?P<server_name>[^/]+)/(?P<media_id>[^/]+)"
NAMED: Final = URI + "/(?P<file_name>[^/]*)"
"""Some clients have a slash at the end although they want no name."""

ADMIN: Final = "/_synapse/admin/v1"
OF_USER: Final = "/(?P<user_id>[^/]+)/media"

_route = partial(Route, resource=Resource.MEDIA)
_admin = partial(Route, auth=Auth.ADMIN, resource=Resource.ADMIN)

plugin = Plugin(
    name="media",
    requires=["login"],
    config=MediaConfig,
    routes=[
        _route("POST", LEGACY + "/upload", repository.post_upload, rate=RateClass.UPLOAD, upload=True),
        _route("POST", "/_matrix/media/v1/create", repository.post_create, rate=RateClass.UPLOAD),
        _route("PUT", "/_matrix/media/v3/upload" + URI, repository.put_upload, rate=RateClass.UPLOAD, upload=True),
        _route("GET", MEDIA + "/config", repository.get_config),
        _route("GET", MEDIA + "/preview_url", repository.get_preview),
        _route("GET", LEGACY + "/preview_url", repository.get_preview),
        _route("GET", MEDIA + "/download" + URI, repository.get_download, guests=True),
        _route("GET", MEDIA + "/download" + NAMED, repository.get_download, guests=True),
        _route("GET", MEDIA + "/thumbnail" + URI, repository.get_thumbnail, guests=True),
        _route("GET", LEGACY + "/config", repository.get_config),
        _route("GET", LEGACY + "/download" + URI, repository.get_frozen_download, Auth.NONE),
        _route("GET", LEGACY + "/download" + NAMED, repository.get_frozen_download, Auth.NONE),
        _route("GET", LEGACY + "/thumbnail" + URI, repository.get_frozen_thumbnail, Auth.NONE),
        _admin("GET", ADMIN + "/users" + OF_USER, administer.get_of_user),
        _admin("DELETE", ADMIN + "/users" + OF_USER, administer.delete_of_user),
        _admin("POST", ADMIN + "/user" + OF_USER + "/quarantine", administer.post_quarantine_of_user),
        _admin("DELETE", ADMIN + "/media" + URI, administer.delete_one),
        _admin("POST", ADMIN + "/media/quarantine" + URI, administer.post_quarantine),
        _admin("POST", ADMIN + "/media/unquarantine" + URI, administer.post_release),
    ],
    start=start,
    tasks=[Task("remove what nobody names", timedelta(minutes=10), MediaRole.tidy)],
    outbound=True,
    migrations=Migrations("hs_plugins.media"),
    unstable_features={"org.matrix.msc3916.stable": True},
)
