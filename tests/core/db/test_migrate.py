"""Schema changes: each applied once, in order, whole or not at all."""

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from hs_core.db import Database, open_database
from hs_core.db.migrate import MigrationError, Migrations, migrate, status

FIRST = {"001_begin.sql": "CREATE TABLE pets (id BIGINT PRIMARY KEY, photo BYTEA);\n-- done;\n"}
SECOND = {"002_names.sql": "ALTER TABLE pets ADD COLUMN name TEXT NOT NULL DEFAULT 'a;b';"}
MakePlugin = Callable[[Mapping[str, str]], Migrations]


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePlugin]:
    """A plugin's package with these files in its schema folder; again with more files: a newer release of it."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(files: Mapping[str, str]) -> Migrations:
        folder = tmp_path / "pets_plugin" / "schema"
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parent / "__init__.py").touch()
        for old in folder.iterdir():
            old.unlink()
        for name, text in files.items():
            (folder / name).write_text(text)
        return Migrations("pets_plugin")

    yield write
    sys.modules.pop("pets_plugin", None)


async def test_migrations_are_applied_once_and_in_order(db: Database, plugin: MakePlugin) -> None:
    applied = await migrate(db, [plugin({**SECOND, **FIRST})])
    assert [(m.version, m.name) for m in applied] == [(1, "begin"), (2, "names")]
    assert await migrate(db, [plugin({**SECOND, **FIRST})]) == []
    await db.write(lambda tx: tx.run("INSERT INTO pets (id, photo) VALUES (?, ?)", (1, b"\0")))
    assert await db.read(lambda tx: tx.one("SELECT id, photo, name FROM pets")) == (1, b"\0", "a;b")


async def test_a_migration_that_fails_leaves_nothing_behind(db: Database, plugin: MakePlugin) -> None:
    broken = {"002_broken.sql": "ALTER TABLE pets ADD COLUMN age BIGINT; INSERT INTO nowhere VALUES (1)"}
    with pytest.raises(Exception, match="nowhere"):
        await migrate(db, [plugin({**FIRST, **broken})])
    assert len(await migrate(db, [plugin({**FIRST, "002_age.sql": "ALTER TABLE pets ADD COLUMN age BIGINT"})])) == 1


async def test_each_engine_gets_its_own_file_of_a_pair(db: Database, plugin: MakePlugin) -> None:
    pair = {f"001_x.{e}.sql": f"CREATE TABLE only_{e} (id BIGINT)" for e in ("sqlite", "postgresql")}
    await migrate(db, [plugin(pair)])
    assert await db.read(lambda tx: tx.value(f"SELECT COUNT(*) FROM only_{db.engine}")) == 0


async def test_status_tells_what_is_applied_pending_and_unknown(db: Database, plugin: MakePlugin) -> None:
    lines = await status(db, [plugin(FIRST)])
    assert [(line.version, line.applied_at) for line in lines] == [(1, None)]
    await migrate(db, [plugin({**FIRST, **SECOND})])
    lines = await status(db, [plugin(FIRST)])
    assert [(line.version, line.name, line.known, line.applied_at is not None) for line in lines] == [
        (1, "begin", True, True),
        (2, "names", False, True),
    ]


async def test_older_code_runs_on_a_newer_schema(db: Database, plugin: MakePlugin) -> None:
    await migrate(db, [plugin({**FIRST, **SECOND})])
    assert await migrate(db, [plugin(FIRST)]) == []


async def test_older_code_refuses_a_schema_that_breaks_it(db: Database, plugin: MakePlugin) -> None:
    await migrate(db, [plugin({**FIRST, "002_drop.sql": "-- breaks older code\nALTER TABLE pets DROP COLUMN photo"})])
    with pytest.raises(MigrationError, match=r"pets_plugin: the database has migration 2 .drop., .* too old"):
        await migrate(db, [plugin(FIRST)])


async def test_a_migration_may_not_change_its_name(db: Database, plugin: MakePlugin) -> None:
    await migrate(db, [plugin(FIRST)])
    with pytest.raises(MigrationError, match="migration 1 is 'begin', not 'start'"):
        await migrate(db, [plugin({"001_start.sql": "SELECT 1"})])


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["1_begin.sql"], "1_begin.sql is not named like"),
        (["001_a.sql", "003_c.sql"], "no migration 002"),
        (["001_a.sql", "001_b.sql"], "the same version"),
        (["001_a.mysql.sql"], "is not named like"),
    ],
)
async def test_misnamed_files_are_refused(db: Database, plugin: MakePlugin, names: list[str], complaint: str) -> None:
    with pytest.raises(MigrationError, match=complaint):
        await migrate(db, [plugin(dict.fromkeys(names, "SELECT 1"))])


async def test_two_processes_may_migrate_at_once(db: Database, plugin: MakePlugin, database_url: str) -> None:
    history = plugin({**FIRST, **SECOND})
    if db.engine == "sqlite":
        applied = await asyncio.gather(migrate(db, [history]), migrate(db, [history]))
    else:
        other = await open_database(database_url)
        applied = await asyncio.gather(migrate(db, [history]), migrate(other, [history]))
        await other.close()
    assert sorted(m.version for part in applied for m in part) == [1, 2]
