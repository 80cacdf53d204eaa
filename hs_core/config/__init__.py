"""The typed configuration: `load` reads the file and the environment, `Config` is what everybody else sees."""

from hs_core.config.load import Places, defaults, load, load_with_places
from hs_core.config.model import (
    ANY_ADDRESS,
    PUBLIC_RESOURCES,
    Config,
    Listener,
    Process,
    RateLimit,
    RateLimits,
    Section,
    Tls,
)
from hs_core.config.problems import ConfigError, Problem, nearest
from hs_core.config.values import Secret, Size

__all__ = [
    "ANY_ADDRESS",
    "PUBLIC_RESOURCES",
    "Config",
    "ConfigError",
    "Listener",
    "Places",
    "Problem",
    "Process",
    "RateLimit",
    "RateLimits",
    "Secret",
    "Section",
    "Size",
    "Tls",
    "defaults",
    "load",
    "load_with_places",
    "nearest",
]
