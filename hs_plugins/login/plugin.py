"""The login role: who has an account, who may use it, from where."""

from __future__ import annotations

from datetime import timedelta

from hs_core.http.authenticate import TOKEN_CHECKER
from hs_core.plugin import Auth, By, Migrations, Offer, Plugin, RateClass, Resource, Route, Task
from hs_core.plugin.paths import CLIENT, CLIENT_R0
from hs_plugins.login import housekeeping
from hs_plugins.login.api import ACCOUNT_CHANGES, ACCOUNTS, INTERACTIVE, USERS
from hs_plugins.login.config import LoginConfig
from hs_plugins.login.handlers import account, administer, devices, fallback, login, register, shared_secret
from hs_plugins.login.reading import open_token_checker, open_users
from hs_plugins.login.role import start

LOGIN = CLIENT + "/login"
REGISTER = CLIENT_R0 + "/register"
TOKEN_VALIDITY = r"/_matrix/client/v1/register/m\.login\.registration_token/validity"
DEVICE = f"{CLIENT_R0}/devices/(?P<device_id>[^/]+)"
FALLBACK = f"{CLIENT_R0}/auth/(?P<stage>[^/]+)/fallback/web"
ADMINISTER = "/_hs/administer"
SHARED_SECRET = "/_synapse/admin/v1/register"

_register = [
    Route("POST", REGISTER, register.post_register, Auth.OPTIONAL_APPSERVICE, rate=RateClass.REGISTRATION),
    Route("GET", f"{REGISTER}/available", register.get_available, Auth.NONE, rate=RateClass.REGISTRATION),
    Route("GET", TOKEN_VALIDITY, register.get_token_validity, Auth.NONE, rate=RateClass.REGISTRATION),
    Route("GET", SHARED_SECRET, shared_secret.get_nonce, Auth.NONE, rate=RateClass.NONE),
    Route("POST", SHARED_SECRET, shared_secret.post_register, Auth.NONE, rate=RateClass.NONE),
]
_administration = [
    Route("GET", ADMINISTER, administer.get_nonce, Auth.NONE, rate=RateClass.LOGIN, resource=Resource.ADMIN),
    Route("POST", ADMINISTER, administer.post_action, Auth.NONE, rate=RateClass.NONE, resource=Resource.ADMIN),
]
_login = [
    Route("GET", LOGIN, login.get_login, Auth.NONE),
    Route("POST", LOGIN, login.post_login, Auth.OPTIONAL_APPSERVICE, rate=RateClass.LOGIN),
    Route("POST", f"{CLIENT_R0}/refresh", login.post_refresh, Auth.NONE, rate=RateClass.LOGIN),
    Route("POST", "/_matrix/client/v1/login/get_token", login.post_get_token, rate=RateClass.LOGIN),
    Route("POST", f"{CLIENT_R0}/logout", login.post_logout, guests=True, locked_users=True),
    Route("POST", f"{CLIENT_R0}/logout/all", login.post_logout_all, guests=True, locked_users=True),
    Route("GET", f"{CLIENT_R0}/account/whoami", login.get_whoami, guests=True),
]
_devices = [
    Route("GET", f"{CLIENT_R0}/devices", devices.get_devices, affinity=By.USER, guests=True),
    Route("GET", DEVICE, devices.get_device, affinity=By.USER, guests=True),
    Route("PUT", DEVICE, devices.put_device, affinity=By.USER, guests=True),
    Route("DELETE", DEVICE, devices.delete_device, affinity=By.USER, rate=RateClass.LOGIN),
    Route("POST", f"{CLIENT_R0}/delete_devices", devices.post_delete_devices, affinity=By.USER, rate=RateClass.LOGIN),
]
_account = [
    Route("POST", f"{CLIENT_R0}/account/password", account.post_password, affinity=By.USER, rate=RateClass.LOGIN),
    Route("POST", f"{CLIENT_R0}/account/deactivate", account.post_deactivate, affinity=By.USER, rate=RateClass.LOGIN),
    Route("GET", FALLBACK, fallback.get_page, Auth.NONE, rate=RateClass.REGISTRATION),
    Route("POST", FALLBACK, fallback.post_page, Auth.NONE, rate=RateClass.REGISTRATION),
]

plugin = Plugin(
    name="login",
    requires=["rooms"],
    config=LoginConfig,
    routes=[*_register, *_login, *_devices, *_account, *_administration],
    writes=[ACCOUNT_CHANGES],
    serves=[ACCOUNTS, INTERACTIVE],
    offers=[
        Offer(USERS, open_users),
        Offer(TOKEN_CHECKER, open_token_checker, reads=[ACCOUNT_CHANGES.name]),
    ],
    start=start,
    capabilities={
        "m.change_password": {"enabled": True},
        "m.get_login_token": {"enabled": True},
    },
    tasks=[
        Task("forget what has expired", timedelta(minutes=10), housekeeping.forget_expired),
        Task("leave rooms of deactivated users", timedelta(minutes=1), housekeeping.leave_rooms),
    ],
    migrations=Migrations("hs_plugins.login"),
)
