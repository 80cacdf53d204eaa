"""The options of the shared file, by name: what is done with each. Options of processes are in `workers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from hs_core.importing import sections
from hs_core.importing.report import Imported

Rule = Callable[[Imported, str, Any], None]
"""Does with an option's value what is to be done. Raises LookupError, TypeError or ValueError if it cannot read it."""


def to(setting: str, note: str = "") -> Rule:
    """The value as it is, under this name."""

    def rule(imported: Imported, option: str, value: Any) -> None:
        imported.keep(option, setting, value, note)

    return rule


def dropped(reason: str) -> Rule:
    def rule(imported: Imported, option: str, value: Any) -> None:
        imported.drop(option, reason)

    return rule


def limit(setting: str, part: str | None = None) -> Rule:
    """A rate limit; of one with parts, the part that means the same."""

    def rule(imported: Imported, option: str, value: Any) -> None:
        for other in value if part is not None else ():
            if other != part:
                imported.drop(
                    f"{option}.{other}", f"there is one budget, rate_limits.{setting}, made of {option}.{part}"
                )
        chosen, name = (value, option) if part is None else (value.get(part), f"{option}.{part}")
        if chosen is not None:
            sections.rate_limit(imported, name, f"rate_limits.{setting}", chosen)

    return rule


_TUNING = "caches and pools size themselves"
_ITSELF = "the server does this by itself"
_ABSENT = "there is no such setting"
_NO_LIMIT = "there is no budget for these requests alone"
_NO_LIMITS = (
    "rc_registration_token_validity",
    "rc_admin_redaction",
    "rc_3pid_validation",
    "rc_joins_per_room",
    "rc_third_party_invite",
    "rc_key_requests",
    "rc_presence",
    "rc_reports",
    "rc_profile",
    "rc_delayed_event_mgmt",
)
_TOKENS = "tokens are random and stored hashed; users log in again"
_LISTENED = "a listener says this: resources, proxied, tls"
_DATA = "data are not taken over, only configuration"

OPTIONS: Final[Mapping[str, Rule]] = {
    # The server
    "server_name": to("server_name"),
    "public_baseurl": to("public_baseurl"),
    "signing_key_path": to("signing_key_path", "the format is the same"),
    "signing_key": dropped("only a file is read; write it there and set signing_key_path"),
    "old_signing_keys": dropped(_ABSENT),
    "key_refresh_interval": dropped(_ITSELF),
    "trusted_key_servers": dropped("each server is asked for its own keys, nobody is trusted to know them"),
    "suppress_key_server_warning": dropped("there is no such warning"),
    "perspectives": dropped("each server is asked for its own keys, nobody is trusted to know them"),
    "pid_file": dropped("processes stay in the foreground; `hs systemd` writes units"),
    "daemonize": dropped("processes stay in the foreground; `hs systemd` writes units"),
    "log_config": dropped("write `logging: {level: ..., format: console or json, file: ...}`"),
    "report_stats": dropped("nothing is reported to anybody"),
    "report_stats_endpoint": dropped("nothing is reported to anybody"),
    "serve_server_wellknown": dropped("`hs proxy-config` says what to serve, and where"),
    "web_client_location": dropped(_ABSENT),
    "soft_file_limit": dropped("`hs systemd` sets LimitNOFILE"),
    "default_room_version": to("default_room_version"),
    # Database and caches
    "database": sections.database,
    "databases": dropped("there is one database; set database.url"),
    "redis": sections.redis,
    "caches": dropped(_TUNING),
    "event_cache_size": dropped(_TUNING),
    "gc_thresholds": dropped(_TUNING),
    "gc_min_interval": dropped(_TUNING),
    # Listeners
    "tls_certificate_path": dropped(_LISTENED),
    "tls_private_key_path": dropped(_LISTENED),
    "enable_metrics": dropped("the resource `metrics` of a listener says this"),
    "metrics_flags": dropped(_ABSENT),
    "bind_host": dropped(_LISTENED),
    "bind_port": dropped(_LISTENED),
    # Registration and login
    "enable_registration": to("registration.enabled"),
    "enable_registration_without_verification": dropped("registration.enabled alone decides"),
    "registration_requires_token": to("registration.require_token"),
    "registration_shared_secret": to("registration.shared_secret"),
    "registration_shared_secret_path": to("registration.shared_secret_file"),
    "allow_guest_access": to("registration.guests"),
    "enable_registration_captcha": sections.captcha_switch,
    "recaptcha_public_key": to("recaptcha.public_key"),
    "recaptcha_private_key": to("recaptcha.private_key"),
    "recaptcha_siteverify_api": to("recaptcha.verify_url"),
    "registrations_require_3pid": dropped(_ABSENT),
    "bcrypt_rounds": dropped("passwords are hashed with Argon2id"),
    "password_config": dropped("passwords are hashed with Argon2id, without a pepper; policies are not known"),
    "macaroon_secret_key": dropped(_TOKENS),
    "macaroon_secret_key_path": dropped(_TOKENS),
    "form_secret": dropped(_TOKENS),
    "session_lifetime": dropped(_TOKENS),
    "cas_config": sections.cas,
    "oidc_providers": sections.oidc,
    "oidc_config": dropped("the old form of oidc_providers; write it as an entry of `oidc`"),
    "saml2_config": sections.saml,
    "sso": dropped(_ABSENT),
    "jwt_config": dropped("there is no login by JWT"),
    "modules": dropped("modules are of Synapse; what they do, a plugin of hs can (docs/writing-plugins.md)"),
    "password_providers": dropped("modules are of Synapse; what they do, a plugin of hs can (docs/writing-plugins.md)"),
    # Rate limits
    "rc_message": limit("message"),
    "rc_registration": limit("registration"),
    "rc_login": limit("login", "address"),
    "rc_joins": limit("join", "local"),
    "rc_invites": limit("invite", "per_issuer"),
    "rc_room_creation": limit("room_creation"),
    "rc_media_create": limit("upload"),
    "rc_federation": dropped("rate_limits.federation counts requests per second and server"),
    **{option: dropped(_NO_LIMIT) for option in _NO_LIMITS},
    "federation_rr_transactions_per_room_per_second": dropped(_ITSELF),
    # Search
    "enable_search": dropped("the plugin `search` does it, unless `except` leaves it out of all processes"),
    "user_directory": sections.user_directory,
    # Federation and outbound requests
    "federation_domain_whitelist": to("federation.allow_domains"),
    "federation_verify_certificates": to("federation.verify_tls"),
    "federation_certificate_verification_whitelist": dropped("all servers must have a good certificate, or none"),
    "federation_custom_ca_list": sections.authorities,
    "federation_client_minimum_tls_version": dropped("TLS 1.2 is the least"),
    "ip_range_blacklist": to("federation.ip_blocklist"),
    "ip_range_whitelist": to("federation.ip_allowlist"),
    "federation_ip_range_blacklist": to("federation.ip_blocklist"),
    "allow_public_rooms_without_auth": to("directory.public_without_auth"),
    "allow_public_rooms_over_federation": to("directory.public_over_federation"),
    "allow_profile_lookup_over_federation": dropped(_ABSENT),
    # Media
    "max_upload_size": to("media.max_upload_size"),
    "media_store_path": dropped(f"{_DATA}; media are kept in data_dir"),
    "media_storage_providers": dropped(f"{_DATA}; media.storage says where they are kept"),
    "url_preview_enabled": to("url_previews.enabled"),
    "url_preview_ip_range_blacklist": dropped("private and special addresses are refused"),
    "url_preview_ip_range_whitelist": dropped("outbound.allow_private_addresses allows them all"),
    # Bridges, mail, identity
    "app_service_config_files": to("appservices"),
    "email": sections.email,
    "trusted_third_party_id_servers": to("identity.trusted_servers"),
    "account_threepid_delegates": dropped("the server validates addresses itself"),
}
