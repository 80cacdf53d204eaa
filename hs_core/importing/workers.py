"""Synapse's main process and workers as processes: each becomes a list of plugins and listeners."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final

from hs_core.config.model import Database
from hs_core.importing.listeners import listeners
from hs_core.importing.report import Imported

MAIN: Final = "main"
_CONNECTIONS: Final = 4
"""To PostgreSQL, of each process."""

_CLIENT: Final = (
    "sync",
    "client",
    "login",
    "sso",
    "directory",
    "profile",
    "search",
    "user_directory",
    "keys",
    "key_backup",
    "push_rules",
    "account_data",
    "receipts",
    "presence",
)

_APPS: Final[Mapping[str, Sequence[str]]] = {
    "generic_worker": (),
    "synchrotron": ("sync",),
    "client_reader": ("client", "login", "directory", "profile", "search", "keys", "key_backup", "push_rules"),
    "event_creator": ("client", "profile"),
    "frontend_proxy": ("keys", "presence"),
    "federation_reader": ("federation",),
    "federation_sender": ("federation_sender",),
    "pusher": ("pusher",),
    "appservice": ("appservice",),
    "media_repository": ("media",),
    "user_dir": ("user_directory",),
}
"""By the last word of `worker_app`. What a generic worker does is seen from its listeners and the shared file."""

_BY_RESOURCE: Final[Mapping[str, Sequence[str]]] = {
    "client": _CLIENT,
    "federation": ("federation",),
    "media": ("media",),
}

_STREAMS: Final[Mapping[str, Sequence[str]]] = {
    "events": ("rooms",),
    "typing": ("typing",),
    "to_device": ("to_device",),
    "account_data": ("account_data",),
    "receipts": ("receipts",),
    "presence": ("presence",),
    "push_rules": ("push_rules",),
    "device_lists": ("keys",),
}
"""The plugins that write what Synapse's streams of these names carry."""

_PLACED: Final[Mapping[str, str]] = {
    "federation_sender_instances": "federation_sender",
    "pusher_instances": "pusher",
    "notify_appservices_from_worker": "appservice",
    "update_user_directory_from_worker": "user_directory",
}

_SWITCHES: Final[Mapping[str, str]] = {
    "send_federation": "federation_sender",
    "start_pushers": "pusher",
    "notify_appservices": "appservice",
    "update_user_directory": "user_directory",
    "enable_media_repo": "media",
}
"""What the main process leaves to others if it is false."""

_TASKS_REASON: Final = "tasks run once in the deployment, in a process where their plugin is active"
_WORKER_DROPPED: Final[Mapping[str, str]] = {
    "worker_replication_host": "processes find each other by themselves",
    "worker_replication_http_port": "processes find each other by themselves",
    "worker_replication_http_tls": "processes find each other by themselves",
    "worker_main_http_uri": "any process passes requests on to those that answer them",
    "worker_log_config": "logging is the same in all processes; each line names its process",
    "worker_pid_file": "processes stay in the foreground; `hs systemd` writes units",
    "worker_daemonize": "processes stay in the foreground; `hs systemd` writes units",
}
SHARED: Final = frozenset(
    {"worker_replication_secret", "worker_replication_secret_path", "instance_map", "stream_writers", "listeners"}
    | {
        "run_background_tasks_on",
        "media_instance_running_background_jobs",
        *_PLACED,
        *_SWITCHES,
        "outbound_redis_locks",
    }
)
"""The options of the shared file that are read here."""


@dataclass
class _Process:
    plugins: list[str]
    listeners: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Deployment:
    """The processes in the making. `installed`: the plugins that can be named."""

    imported: Imported
    shared: Mapping[str, Any]
    installed: Collection[str]
    tls: Mapping[str, str] | None
    processes: dict[str, _Process] = field(default_factory=dict)
    placed: dict[str, list[str]] = field(default_factory=dict)
    """The processes to which the shared file gives a plugin, which is then active in these only."""
    writers: set[str] = field(default_factory=set)
    """Those that write a stream. What clients ask of them is only what belongs to it."""

    def build(self, workers: Sequence[Mapping[str, Any]], new_secret: Callable[[], str]) -> None:
        """Set `processes` and `cluster`."""
        for worker in workers:
            self._worker(worker)
        self._stream_writers()
        self._instances()
        self._switches()
        self._single_machine_options()
        main = self._listeners("listeners", self.shared.get("listeners") or [])
        made = {MAIN: self._main(main)} | {name: self._entry(name, process) for name, process in self.processes.items()}
        entries = {name: entry for name, entry in made.items() if entry is not None}
        _separate_ports(self.imported, entries)
        self.imported.set("processes", entries)
        self._connections(len(entries))
        self._secret(new_secret)

    def _worker(self, worker: Mapping[str, Any]) -> None:
        app = str(worker["worker_app"]).rpartition(".")[2]
        name = self._name(str(worker.get("worker_name") or app))
        known = {"worker_app", "worker_name", "worker_listeners", *_WORKER_DROPPED}
        plugins = list(_APPS.get(app, ()))
        for resource in _resources(worker):
            plugins += [] if plugins and app != "generic_worker" else _BY_RESOURCE.get(resource, ())
        self.processes[name] = _Process(plugins)
        if app in _APPS:
            self.imported.map(f"{name}: worker_app", f"processes.{name}")
        else:
            self.imported.drop(f"{name}: worker_app", f"there was no worker {worker['worker_app']!r} that is known")
        self.processes[name].listeners = self._listeners(
            f"{name}: worker_listeners", worker.get("worker_listeners") or []
        )
        for option in worker:
            if option not in known:
                self.imported.drop(f"{name}: {option}", "all processes share one file")
            elif option in _WORKER_DROPPED:
                self.imported.drop(f"{name}: {option}", _WORKER_DROPPED[option])

    def _name(self, wanted: str) -> str:
        """Of a worker's process: every file is one, whatever names they share."""
        taken = {MAIN, *self.processes}
        if wanted not in taken:
            return wanted
        name = next(free for number in count(2) if (free := f"{wanted}_{number}") not in taken)
        self.imported.map(f"{wanted}: worker_name", f"processes.{name}; there is another {wanted}")
        return name

    def _connections(self, processes: int) -> None:
        """A few for each process, and for one that starts, if the setting's default is not enough for that."""
        wanted = _CONNECTIONS * (processes + 1)
        if wanted > Database().max_connections:
            text = f"database.max_connections: {wanted}; PostgreSQL must allow as many, of all {processes} processes"
            self.imported.set("database.max_connections", wanted)
            self.imported.map("database.args.cp_max", text)

    def _listeners(self, option: str, value: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
        return listeners(self.imported, option, value, self.tls)

    def _stream_writers(self) -> None:
        for stream, value in (self.shared.get("stream_writers") or {}).items():
            option = f"stream_writers.{stream}"
            if stream not in _STREAMS:
                self.imported.drop(option, "there is no such stream")
                continue
            self.writers.update(_names(value))
            for plugin in _STREAMS[stream]:
                self._place(option, plugin, _names(value))

    def _instances(self) -> None:
        for option, plugin in _PLACED.items():
            if self.shared.get(option) is not None:
                self._place(option, plugin, _names(self.shared[option]))

    def _place(self, option: str, plugin: str, names: Sequence[str]) -> None:
        """Make a plugin active in these processes, and in no others."""
        known = [name for name in names if name in self.processes or name == MAIN]
        for name in names:
            if name not in known:
                self.imported.drop(f"{option}: {name}", "no file of a worker with that name was given")
        if known:
            self.placed[plugin] = known
            where = ", ".join(f"processes.{name}" for name in known)
            self.imported.map(option, f"the plugin {plugin} in {where}; it can be in any number of processes")

    def _switches(self) -> None:
        for option, plugin in _SWITCHES.items():
            if option in self.shared:
                self.imported.map(option, f"the plugin {plugin} {'in' if self.shared[option] else 'not in'} main")

    def _single_machine_options(self) -> None:
        for option in ("run_background_tasks_on", "media_instance_running_background_jobs"):
            if option in self.shared:
                self.imported.drop(option, _TASKS_REASON)
        for option in ("instance_map", "outbound_redis_locks"):
            if option in self.shared:
                self.imported.drop(option, "processes find each other by themselves")

    def _main(self, main: list[dict[str, Any]]) -> dict[str, Any]:
        """Everything but what has been given to others."""
        elsewhere = {plugin for plugin, names in self.placed.items() if MAIN not in names}
        others = {plugin for process in self.processes.values() for plugin in process.plugins} | set(self.placed)
        switched = {
            plugin
            for option, plugin in _SWITCHES.items()
            if self.shared.get(option, True) is False and plugin in others and MAIN not in self.placed.get(plugin, ())
        }
        entry: dict[str, Any] = {"plugins": ["*"]}
        if excepted := sorted((elsewhere | switched) & set(self.installed)):
            entry["except"] = excepted
        return entry | {"listeners": main}

    def _entry(self, name: str, process: _Process) -> dict[str, Any] | None:
        usual = [each for each in process.plugins if name not in self.writers or each not in _CLIENT]
        wanted = [plugin for plugin in usual if name in self.placed.get(plugin, [name])]
        wanted += [plugin for plugin, names in self.placed.items() if name in names]
        wanted = list(dict.fromkeys(wanted))
        plugins = [plugin for plugin in wanted if plugin in self.installed]
        if missing := sorted(set(wanted) - set(plugins)):
            then = "" if plugins or not process.listeners else "; what it is asked it passes on to the others"
            self.imported.drop(f"{name}: {', '.join(missing)}", f"these plugins are not installed{then}")
        if not plugins and not process.listeners:
            self.imported.drop(name, "nothing is left for this process to do")
            return None
        return {"plugins": plugins, "listeners": process.listeners}

    def _secret(self, new_secret: Callable[[], str]) -> None:
        if path := self.shared.get("worker_replication_secret_path"):
            self.imported.keep("worker_replication_secret_path", "cluster.secret_file", path)
        elif secret := self.shared.get("worker_replication_secret"):
            self.imported.keep("worker_replication_secret", "cluster.secret", secret)
        else:
            self.imported.keep("worker_replication_secret", "cluster.secret", new_secret(), "a new one: it was not set")


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value]


def _resources(worker: Mapping[str, Any]) -> list[str]:
    written = (resource for each in worker.get("worker_listeners") or [] for resource in each.get("resources") or [])
    return list(dict.fromkeys(name for resource in written for name in resource.get("names") or []))


def _separate_ports(imported: Imported, entries: Mapping[str, dict[str, Any]]) -> None:
    """One file describes one network: what had the same port on several machines gets the next that is free."""
    owners: dict[int, str] = {}
    written = {each["port"] for entry in entries.values() for each in entry["listeners"] if "port" in each}
    for name, entry in entries.items():
        for listener in entry["listeners"]:
            port = listener.get("port")
            if port is None:
                continue
            if owners.setdefault(port, name) != name:
                listener["port"] = next(free for free in range(port + 1, 65536) if free not in {*owners, *written})
                owners[listener["port"]] = name
                imported.map(f"{name}: port {port}", f"port {listener['port']}; {owners[port]} has {port}")
