"""All that a plugin author imports from the core's declaration language."""

from hs_core.db.migrate import Migrations
from hs_core.plugin.declaration import (
    Auth,
    By,
    Feed,
    Handler,
    Kept,
    NoConfig,
    Offer,
    Plugin,
    RateClass,
    ReadSide,
    Resource,
    Route,
    Scope,
    Service,
    Stream,
    Task,
    nothing_stored,
)
from hs_core.plugin.hookspecs import Refusal, hookimpl
from hs_core.plugin.sections import Parts, RoomParts, Section, SectionEvent, SectionReader, Window

__all__ = [
    "Auth",
    "By",
    "Feed",
    "Handler",
    "Kept",
    "Migrations",
    "NoConfig",
    "Offer",
    "Parts",
    "Plugin",
    "RateClass",
    "ReadSide",
    "Refusal",
    "Resource",
    "RoomParts",
    "Route",
    "Scope",
    "Section",
    "SectionEvent",
    "SectionReader",
    "Service",
    "Stream",
    "Task",
    "Window",
    "hookimpl",
    "nothing_stored",
]
