"""Tells people in time that their mailbox fills up: at 90 %, once until it is below 85 %."""

from __future__ import annotations

from typing import Final

from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.base.values import size_text
from merpati.services.letters import Letters
from merpati.store import directory, quota
from merpati.store.engine import Store, Transaction
from merpati.wire import quota_letters
from merpati.wire.mime.addresses import Mailbox

LOOK_EVERY: Final = 900.0  # seconds


class QuotaWarnings:
    """Looks now and then at all accounts; every worker may, for each letter is sent once."""

    def __init__(self, store: Store, letters: Letters, log: Log) -> None:
        self._store = store
        self._letters = letters
        self._log = log

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(LOOK_EVERY, self.turn, "quota warnings")

    async def turn(self) -> int:
        """Write to all whose mailbox has become nearly full; how many letters that were."""
        told = 0
        for account_id in await self._store.scan(quota.crossed):
            told += await self._store.write(self._tell, account_id)
        if told:
            self._log.info("quota.warned", accounts=told)
        return told

    async def _tell(self, tx: Transaction, account_id: int) -> bool:
        """The letter, and that it was written, in one transaction."""
        nearly = await quota.warn(tx, account_id)
        account = await directory.account_by_id(tx, account_id) if nearly else None
        if account is None:
            return False
        domain = account.address.rpartition("@")[2]
        administrators = await directory.administrators(tx, (await directory.domain(tx, domain)).id)
        storage = messages = None
        if quota.is_nearly_full(account.used, account.quota):
            storage = size_text(account.used), size_text(account.quota)
        if quota.is_nearly_full(account.emails, account.quota_emails):
            messages = account.emails, account.quota_emails
        subject, text = quota_letters.write(
            account.language, account.address, next(iter(administrators), f"postmaster@{domain}"),
            storage=storage, messages=messages,
        )  # fmt: skip
        author = Mailbox("", "postmaster", domain)
        await self._letters.send(tx, author, [account.address], subject, text)
        return True
