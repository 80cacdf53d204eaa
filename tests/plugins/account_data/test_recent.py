"""What is told from memory, and what from the database."""

from pathlib import Path

from hs_core.matrix.identifiers import UserId
from hs_core.streams.batch import Batch
from hs_core.testing.client import Client, User
from hs_core.testing.homeserver import homeserver
from hs_plugins.account_data.recent import OVERHEAD, RecentData
from hs_plugins.account_data.rows import AccountDataRow

ALICE, BOB = UserId("@alice:hs.test"), UserId("@bob:hs.test")


def row(user: UserId, type_: str) -> AccountDataRow:
    return AccountDataRow(user, None, type_, b"{}")


def batch(after: int, *rows: AccountDataRow) -> Batch[AccountDataRow]:
    return Batch("account_data", after, after + len(rows), list(enumerate(rows, after + 1)))


def test_rows_of_a_user_between_two_positions_in_their_order() -> None:
    recent = RecentData(10)
    recent.receive(batch(10, row(ALICE, "a"), row(BOB, "b"), row(ALICE, "c"), row(ALICE, "d")))
    assert [each.type for each in recent.after(ALICE, 10, 13)] == ["a", "c"]
    assert [each.type for each in recent.after(ALICE, 11, 14)] == ["c", "d"]
    assert recent.after(BOB, 12, 14) == []


def test_when_memory_is_full_the_oldest_is_forgotten_and_the_horizon_says_so() -> None:
    recent = RecentData(0, max_bytes=3 * (OVERHEAD + 2))
    recent.receive(batch(0, row(BOB, "b"), row(ALICE, "a"), row(ALICE, "c")))
    assert recent.horizon == 0
    recent.receive(batch(3, row(ALICE, "d")))
    assert recent.horizon == 1
    assert [each.type for each in recent.after(ALICE, 1, 4)] == ["a", "c", "d"]
    assert recent.after(BOB, 1, 4) == []


async def test_what_was_set_before_a_restart_is_told_after_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/hs.db"
    async with (
        homeserver(tmp_path, url) as server,
        Client(server.url, shared_secret=server.shared_secret) as client,
    ):
        alice = await client.register()
        room = await alice.create_room()
        since = (await alice.sync()).next_batch
        await alice.request("PUT", alice.path("account_data", "org.example.a"), json={"value": 1})
        await alice.request("PUT", alice.path("rooms", room, "tags", "u.a"), json={})
    async with homeserver(tmp_path, url) as server, Client(server.url) as client:
        again = User(client, alice.login, alice.password)
        sync = await again.sync(since)
        assert sync["account_data"]["events"] == [{"type": "org.example.a", "content": {"value": 1}}]
        assert sync.events(room, "account_data") == [{"type": "m.tag", "content": {"tags": {"u.a": {}}}}]
