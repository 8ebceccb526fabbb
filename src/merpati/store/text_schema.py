"""The tables of the text index, which are no part of the migrations.

An index of an older form is thrown away and built anew from the mail.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Dialect, Transaction
from merpati.store.schema import statements

VERSION: Final = 2  # of the form of the index and of how texts are folded
COLUMNS: Final = ("subject", "sender", "recipients", "header", "body")

_VERSION: Final = "CREATE TABLE IF NOT EXISTS text_version (version BIGINT PRIMARY KEY);"
_FTS: Final = "content='', contentless_delete=1, tokenize='ascii'"
# A batch becomes one segment rather than several, and 16 segments rather than 4 one of the next
# level, little by little (the crisis would be to merge them within one commit): entering costs
# half, and finding the same.
_TUNING: Final = {"hashsize": 8 << 20, "automerge": 16, "crisismerge": 64}
_SQLITE: Final = f"""
CREATE VIRTUAL TABLE text_entry USING fts5({", ".join(COLUMNS)}, {_FTS});
CREATE VIRTUAL TABLE text_attached USING fts5(words, {_FTS});
"""
_POSTGRESQL: Final = """
CREATE TABLE text_entry (
  account_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  part BIGINT NOT NULL,                   -- 0: the first of the message, 1: of its documents
  words TSVECTOR NOT NULL,                -- each behind its account and a letter for the field
  PRIMARY KEY (account_id, blob_id, part)
);
CREATE INDEX text_entry_words ON text_entry USING gin (words);
"""
_BOTH: Final = """
-- Of each mailbox the UID up to which its emails are in the index.
CREATE TABLE text_progress (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  PRIMARY KEY (account_id, mailbox_id)
) {clustered};

-- Where emails of these messages came to lie; what has gone since goes when the index is tidied.
CREATE TABLE text_place (
  account_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  PRIMARY KEY (account_id, blob_id, mailbox_id, uid)
) {clustered};

-- Messages whose attached documents are still to be read.
CREATE TABLE text_waiting (
  account_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, blob_id)
) {clustered};

-- Messages that are too long: only a part of their text is in the index.
CREATE TABLE text_partial (
  account_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, blob_id)
) {clustered};

-- The words of an account, in blocks that never change; no id is used twice.
CREATE TABLE IF NOT EXISTS text_vocabulary (
  id {id},
  account_id BIGINT NOT NULL,
  level BIGINT NOT NULL,                  -- how often it was merged
  words TEXT NOT NULL                     -- each between two line ends
);
CREATE INDEX IF NOT EXISTS text_vocabulary_account ON text_vocabulary (account_id, level);
"""


async def prepare(tx: Transaction) -> bool:
    """Make the tables, unless they are there; True when the index starts from nothing.

    Raises:
        Fault: CONFIG when a newer release wrote the index.
    """
    await tx.run(_VERSION)
    found = await tx.value("SELECT max(version) FROM text_version")
    if found == VERSION:
        await _tune(tx)
        return False
    if found is not None and found > VERSION:
        text = f"the text index has version {found}, this release knows {VERSION}; upgrade it"
        raise Fault(Kind.CONFIG, text)
    await clear(tx)
    return True


async def clear(tx: Transaction) -> None:
    """Throw everything away and begin anew."""
    await tx.run(_VERSION)
    for table in ("entry", "attached", "progress", "place", "waiting", "partial"):
        await tx.run(f"DROP TABLE IF EXISTS text_{table}")
    own = _SQLITE if tx.dialect is Dialect.SQLITE else _POSTGRESQL
    for statement in statements(own + _BOTH, tx.dialect):
        await tx.run(statement)
    await _tune(tx)
    await tx.run("DELETE FROM text_vocabulary")  # kept, so that it goes on counting
    await tx.run("DELETE FROM text_version")
    await tx.run("INSERT INTO text_version (version) VALUES ($1)", VERSION)


async def _tune(tx: Transaction) -> None:
    """Set how FTS5 merges, where an older release did otherwise or nothing was set."""
    if tx.dialect is not Dialect.SQLITE:
        return
    have: dict[str, int] = dict(await tx.rows("SELECT k, v FROM text_entry_config"))
    for name, value in _TUNING.items():
        if have.get(name) != value:
            await tx.run("INSERT INTO text_entry (text_entry, rank) VALUES ($1, $2)", name, value)
