"""Local users: their profiles, and who has an account at all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

from hs_core.cluster.feeds import Portion
from hs_core.db import Database, Transaction
from hs_core.matrix.identifiers import UserId
from hs_plugins.login.api import Account, Users
from hs_plugins.user_directory import store
from hs_plugins.user_directory.rooms import text_of
from hs_plugins.user_directory.store import Person

ACCOUNTS_AT_ONCE: Final = 200


@dataclass(frozen=True)
class PeopleFollower:
    """Works on the rows of `PROFILE_CHANGES` and `ACCOUNT_CHANGES`, and on the accounts from before."""

    db: Database
    users: Users

    async def take_in_profiles(self, portion: Portion) -> None:
        """The feed: names and avatars."""
        rows = {row.user_id: row for _, row in portion.rows}
        people = [Person(user, text_of(row.displayname), text_of(row.avatar_url)) for user, row in rows.items()]

        def work(tx: Transaction) -> None:
            store.put(tx, people, local=True)
            portion.done(tx)

        await self.db.write(work)

    async def take_in_accounts(self, portion: Portion) -> None:
        """The feed: who is there, and who is gone."""
        concerned = {row.user_id for _, row in portion.rows if row.change in {"registered", "deactivated"}}
        accounts = [account for user in concerned if (account := await self.users.account(user)) is not None]

        def work(tx: Transaction) -> None:
            _take_in(tx, accounts)
            portion.done(tx)

        await self.db.write(work)

    async def take_in_old_accounts(self) -> None:
        """The task: those that were there before the plugin was. Changes are kept for a day only."""
        while (after := await self.db.read(store.accounts_after)) is not None:
            accounts = await self.users.page(after or None, ACCOUNTS_AT_ONCE)
            await self.db.write(partial(_take_in_page, after=after, accounts=accounts))


def _take_in_page(tx: Transaction, after: UserId, accounts: list[Account]) -> None:
    _take_in(tx, accounts)
    last = accounts[-1].user_id if accounts else after
    store.accounts_done(tx, last, all_of_them=len(accounts) < ACCOUNTS_AT_ONCE)


def _take_in(tx: Transaction, accounts: list[Account]) -> None:
    """Guests are known when they are in a room, as everybody is; by themselves they are nobody whom one looks for."""
    store.meet(tx, [each.user_id for each in accounts if not each.deactivated and not each.is_guest])
    store.deactivate(tx, [each.user_id for each in accounts if each.deactivated])
