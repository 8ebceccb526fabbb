"""What can be wrong with a store, and the query that finds it.

Every query takes a range: accounts or blobs from `$1` up to, not including, `$2`; those of
the queue take none. Its rows fill `where`, and are what its mending works on.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Final, NamedTuple

from merpati.store import marked, mend
from merpati.store.engine import Row, Transaction
from merpati.store.mend import Mend


class Damage(Enum):
    """What can be wrong, as a sentence about what was found."""

    MAILBOX_WITHOUT_ACCOUNT = "a mailbox belongs to no account"
    MAILBOX_WITHOUT_PARENT = "a mailbox lies below one that does not exist, or below itself"
    EMAIL_WITHOUT_MAILBOX = "emails lie in a mailbox that does not exist"
    EMAIL_WITHOUT_BLOB = "an email has lost its message"
    EMAIL_WITHOUT_DIGEST = "what parsing found in a message is missing"
    WRONG_COUNTERS = "a mailbox does not hold as much as it says"
    WRONG_UIDNEXT = "a mailbox would give a UID a second time"
    STRAY_MARK = "a mailbox does not know where what is marked for removal lies"
    WRONG_USAGE = "an account does not use as much as it says"
    WRONG_DOMAIN_USAGE = "a domain's accounts do not hold as much as its quota says"
    EXPUNGED_WITHOUT_BLOB = "an email that could be restored has lost its message"
    RIGHT_WITHOUT_MAILBOX = "rights or annotations belong to no mailbox"
    WRONG_NEXT = "an account would give an id a second time"
    WRONG_MODSEQ = "an account has changes later than its last"
    BLOB_WITHOUT_BYTES = "the bytes of a message are gone"
    BLOB_DAMAGED = "the bytes of a message are not what was stored"
    WRONG_REFS = "a message does not have as many holders as it says"
    BODY_WITHOUT_BLOB = "bytes belong to no message"
    DIGEST_WITHOUT_BLOB = "what parsing found belongs to no message"
    QUEUED_WITHOUT_BLOB = "a queued message has lost its bytes"
    QUEUED_WITHOUT_RECIPIENTS = "a queued message has no recipients left"
    RECIPIENT_WITHOUT_MESSAGE = "a recipient waits for no queued message"
    FILE_WITHOUT_BLOB = "a file belongs to no message"


Holds = Callable[[Transaction, Row], Awaitable[bool]]


class Question(NamedTuple):
    """One damage: how to find it, how to say where it is, and how to mend it if that can be."""

    damage: Damage
    sql: str
    where: str
    mend: Mend | None = None
    holds: Holds | None = None  # whether a row is this damage, where SQL cannot tell


# Order matters: what a mending needs is mended before.

_SEEN: Final = "(' ' || keywords || ' ') LIKE '% $seen %'"

OF_ACCOUNTS: Final = (
    Question(
        Damage.MAILBOX_WITHOUT_ACCOUNT,
        "SELECT m.account_id, m.id, m.name FROM mailbox m"
        " WHERE m.account_id >= $1 AND m.account_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = m.account_id)",
        "account {0}, mailbox {1} ({2})",
        mend.by(
            "DELETE FROM mailbox WHERE account_id = $1 AND id = $2 AND NOT EXISTS"
            " (SELECT 1 FROM mailbox_email e WHERE e.account_id = $1 AND e.mailbox_id = $2)",
            0, 1,
        ),
    ),
    Question(
        Damage.EMAIL_WITHOUT_MAILBOX,
        "SELECT e.account_id, e.mailbox_id, count(*) FROM mailbox_email e"
        " WHERE e.account_id >= $1 AND e.account_id < $2 AND NOT EXISTS (SELECT 1 FROM mailbox m"
        " WHERE m.account_id = e.account_id AND m.id = e.mailbox_id)"
        " GROUP BY e.account_id, e.mailbox_id",
        "account {0}, mailbox {1}: {2} emails",
        mend.give_mailbox,
    ),
    Question(
        Damage.MAILBOX_WITHOUT_PARENT,
        "WITH RECURSIVE reached (account_id, id) AS ("
        "SELECT account_id, id FROM mailbox"
        " WHERE parent_id = 0 AND account_id >= $1 AND account_id < $2"
        " UNION SELECT m.account_id, m.id FROM reached r"
        " JOIN mailbox m ON m.account_id = r.account_id AND m.parent_id = r.id)"
        " SELECT account_id, id, name FROM mailbox WHERE account_id >= $1 AND account_id < $2"
        " AND (account_id, id) NOT IN (SELECT account_id, id FROM reached)",
        "account {0}, mailbox {1} ({2})",
        mend.lift_mailbox,
    ),
    Question(
        Damage.EMAIL_WITHOUT_BLOB,
        "SELECT e.account_id, e.mailbox_id, e.uid, e.blob_id, e.size FROM mailbox_email e"
        " WHERE e.account_id >= $1 AND e.account_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = e.blob_id)",
        "account {0}, mailbox {1}, UID {2}: message {3}",
        mend.give_blob,
    ),
    Question(
        Damage.EMAIL_WITHOUT_DIGEST,
        "SELECT DISTINCT e.blob_id FROM mailbox_email e"
        " WHERE e.account_id >= $1 AND e.account_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM message m WHERE m.blob_id = e.blob_id)"
        " AND EXISTS (SELECT 1 FROM blob b WHERE b.id = e.blob_id)",
        "message {0}",
        mend.give_digest,
    ),
    Question(
        Damage.WRONG_COUNTERS,
        "SELECT m.account_id, m.id, m.name, m.total, m.unseen, m.size,"
        " coalesce(e.total, 0), coalesce(e.unseen, 0), coalesce(e.size, 0)"
        " FROM mailbox m LEFT JOIN (SELECT account_id, mailbox_id, count(*) AS total,"
        f" sum(CASE WHEN {_SEEN} THEN 0 ELSE 1 END) AS unseen, CAST(sum(size) AS BIGINT) AS size"
        " FROM mailbox_email WHERE account_id >= $1 AND account_id < $2"
        " GROUP BY account_id, mailbox_id) e ON e.account_id = m.account_id AND e.mailbox_id = m.id"
        " WHERE m.account_id >= $1 AND m.account_id < $2 AND (m.total <> coalesce(e.total, 0)"
        " OR m.unseen <> coalesce(e.unseen, 0) OR m.size <> coalesce(e.size, 0))",
        "account {0}, mailbox {1} ({2}): says {3} emails, {4} unseen, {5} bytes;"
        " holds {6}, {7}, {8}",
        mend.by(
            "UPDATE mailbox SET total = $6, unseen = $7, size = $8"
            " WHERE account_id = $1 AND id = $2 AND total = $3 AND unseen = $4 AND size = $5",
            0, 1, 3, 4, 5, 6, 7, 8,
        ),
    ),
    Question(
        Damage.STRAY_MARK,
        "SELECT m.account_id, m.id, m.name, m.marked FROM mailbox m"
        " WHERE m.account_id >= $1 AND m.account_id < $2 AND EXISTS (SELECT 1 FROM mailbox_email e"
        f" WHERE e.account_id = m.account_id AND e.mailbox_id = m.id AND e.{marked.HAS_SIGN})",
        "account {0}, mailbox {1} ({2}): only among UIDs {3}",
        mend.by(
            f"UPDATE mailbox SET marked = '{marked.EVERYWHERE}'"
            " WHERE account_id = $1 AND id = $2 AND marked = $3",
            0, 1, 3,
        ),
        marked.is_outside,
    ),
    Question(
        Damage.WRONG_UIDNEXT,
        "SELECT m.account_id, m.id, m.name, m.uidnext, max(e.uid) FROM mailbox m"
        " JOIN mailbox_email e ON e.account_id = m.account_id AND e.mailbox_id = m.id"
        " WHERE m.account_id >= $1 AND m.account_id < $2"
        " GROUP BY m.account_id, m.id, m.name, m.uidnext HAVING max(e.uid) >= m.uidnext",
        "account {0}, mailbox {1} ({2}): the next is {3}, and {4} is taken",
        mend.by(
            "UPDATE mailbox SET uidnext = $3 + 1 WHERE account_id = $1 AND id = $2"
            " AND uidnext <= $3",
            0, 1, 4,
        ),
    ),
    Question(
        Damage.WRONG_USAGE,
        "SELECT a.id, a.used, a.emails, coalesce(e.used, 0), coalesce(e.emails, 0) FROM account a"
        " LEFT JOIN (SELECT account_id, count(*) AS emails, CAST(sum(size) AS BIGINT) AS used"
        " FROM mailbox_email WHERE account_id >= $1 AND account_id < $2 GROUP BY account_id) e"
        " ON e.account_id = a.id WHERE a.id >= $1 AND a.id < $2"
        " AND (a.used <> coalesce(e.used, 0) OR a.emails <> coalesce(e.emails, 0))",
        "account {0}: says {1} bytes in {2} emails; uses {3} in {4}",
        mend.by(
            "UPDATE account SET used = $4, emails = $5 WHERE id = $1 AND used = $2 AND emails = $3",
            0, 1, 2, 3, 4,
        ),
    ),
    Question(
        Damage.WRONG_DOMAIN_USAGE,
        "SELECT q.domain_id, q.used, q.emails, coalesce(a.used, 0), coalesce(a.emails, 0)"
        " FROM domain_quota q LEFT JOIN (SELECT domain_id, CAST(sum(used) AS BIGINT) AS used,"
        " CAST(sum(emails) AS BIGINT) AS emails FROM account GROUP BY domain_id) a"
        " ON a.domain_id = q.domain_id WHERE q.domain_id >= $1 AND q.domain_id < $2"
        " AND (q.used <> coalesce(a.used, 0) OR q.emails <> coalesce(a.emails, 0))",
        "domain {0}: says {1} bytes in {2} emails; holds {3} in {4}",
        mend.by(
            "UPDATE domain_quota SET used = $4, emails = $5"
            " WHERE domain_id = $1 AND used = $2 AND emails = $3",
            0, 1, 2, 3, 4,
        ),
    ),
    Question(
        Damage.EXPUNGED_WITHOUT_BLOB,
        "SELECT x.account_id, x.mailbox_id, x.uid FROM expunged x"
        " WHERE x.account_id >= $1 AND x.account_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = x.blob_id)",
        "account {0}, mailbox {1}, UID {2}",
        mend.by(
            "DELETE FROM expunged WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
            0, 1, 2,
        ),
    ),
    Question(
        Damage.RIGHT_WITHOUT_MAILBOX,
        "SELECT DISTINCT r.account_id, r.mailbox_id FROM (SELECT account_id, mailbox_id"
        " FROM mailbox_right UNION ALL SELECT account_id, mailbox_id FROM annotation"
        " WHERE account_id > 0) r WHERE r.account_id >= $1 AND r.account_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM mailbox m"
        " WHERE m.account_id = r.account_id AND m.id = r.mailbox_id)",
        "account {0}, mailbox {1}",
        mend.forget_mailbox,
    ),
    Question(
        Damage.WRONG_NEXT,
        "SELECT a.id, coalesce(m.mailbox, 0), coalesce(m.uidvalidity, 0)"
        " FROM account a LEFT JOIN (SELECT account_id, max(id) AS mailbox,"
        " max(uidvalidity) AS uidvalidity FROM mailbox"
        " WHERE account_id >= $1 AND account_id < $2 GROUP BY account_id) m"
        " ON m.account_id = a.id WHERE a.id >= $1 AND a.id < $2 AND ("
        "a.next_mailbox <= m.mailbox OR a.uidvalidity < m.uidvalidity)",
        "account {0}: mailbox {1} and UIDVALIDITY {2} are taken",
        mend.by(
            "UPDATE account SET"
            " next_mailbox = CASE WHEN next_mailbox <= $2 THEN $2 + 1 ELSE next_mailbox END,"
            " uidvalidity = CASE WHEN uidvalidity < $3 THEN $3 ELSE uidvalidity END WHERE id = $1",
            0, 1, 2,
        ),
    ),
    Question(
        Damage.WRONG_MODSEQ,
        "SELECT a.id, a.modseq, max(s.modseq) FROM account a JOIN ("
        "SELECT account_id, max(modseq) AS modseq FROM mailbox_email"
        " WHERE account_id >= $1 AND account_id < $2 GROUP BY account_id"
        " UNION ALL SELECT account_id, max(modseq) FROM mailbox"
        " WHERE account_id >= $1 AND account_id < $2 GROUP BY account_id"
        " UNION ALL SELECT account_id, max(modseq) FROM change"
        " WHERE account_id >= $1 AND account_id < $2 GROUP BY account_id"
        ") s ON s.account_id = a.id GROUP BY a.id, a.modseq HAVING max(s.modseq) > a.modseq",
        "account {0}: its last is {1}, and {2} is there",
        mend.by("UPDATE account SET modseq = $2 WHERE id = $1 AND modseq < $2", 0, 2),
    ),
)  # fmt: skip

OF_QUEUE: Final = (
    Question(
        Damage.QUEUED_WITHOUT_BLOB,
        "SELECT q.id, q.sender, q.blob_id FROM queue_message q"
        " WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = q.blob_id)",
        "queue id {0} of <{1}>: message {2}",
    ),
    Question(
        Damage.QUEUED_WITHOUT_RECIPIENTS,
        "SELECT q.id, q.sender FROM queue_message q"
        " WHERE NOT EXISTS (SELECT 1 FROM queue_recipient r WHERE r.message_id = q.id)",
        "queue id {0} of <{1}>",
        mend.forget_queued,
    ),
    Question(
        Damage.RECIPIENT_WITHOUT_MESSAGE,
        "SELECT r.message_id, r.n, r.address FROM queue_recipient r"
        " WHERE NOT EXISTS (SELECT 1 FROM queue_message q WHERE q.id = r.message_id)",
        "queue id {0}, recipient {1} <{2}>",
        mend.by("DELETE FROM queue_recipient WHERE message_id = $1 AND n = $2", 0, 1),
    ),
)

_ORPHAN: Final = (
    " WHERE blob_id = $1 AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM mailbox_email e WHERE e.blob_id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM queue_message q WHERE q.blob_id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM held_post h WHERE h.blob_id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM expunged x WHERE x.blob_id = $1)"
    " AND NOT EXISTS (SELECT 1 FROM upload u WHERE u.blob_id = $1)"
)
OF_BLOBS: Final = (
    Question(
        Damage.BODY_WITHOUT_BLOB,
        "SELECT c.blob_id FROM body c WHERE c.blob_id >= $1 AND c.blob_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = c.blob_id)",
        "message {0}",
        mend.by(f"DELETE FROM body{_ORPHAN}", 0),
    ),
    Question(
        Damage.DIGEST_WITHOUT_BLOB,
        "SELECT m.blob_id FROM message m WHERE m.blob_id >= $1 AND m.blob_id < $2"
        " AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = m.blob_id)",
        "message {0}",
        mend.by(f"DELETE FROM message{_ORPHAN}", 0),
    ),
    Question(
        Damage.WRONG_REFS,
        "SELECT b.id, b.refs, coalesce(h.refs, 0) FROM blob b LEFT JOIN ("
        "SELECT blob_id, count(*) AS refs FROM ("
        "SELECT blob_id FROM mailbox_email WHERE blob_id >= $1 AND blob_id < $2"
        " UNION ALL SELECT blob_id FROM queue_message WHERE blob_id >= $1 AND blob_id < $2"
        " UNION ALL SELECT blob_id FROM held_post WHERE blob_id >= $1 AND blob_id < $2"
        " UNION ALL SELECT blob_id FROM expunged WHERE blob_id >= $1 AND blob_id < $2"
        " UNION ALL SELECT blob_id FROM upload WHERE blob_id >= $1 AND blob_id < $2) AS held"
        " GROUP BY blob_id) h ON h.blob_id = b.id"
        " WHERE b.id >= $1 AND b.id < $2 AND b.refs <> coalesce(h.refs, 0)",
        "message {0}: says {1}, has {2}",
        mend.by("UPDATE blob SET refs = $3 WHERE id = $1 AND refs = $2", 0, 1, 2),
    ),
    Question(
        Damage.BLOB_WITHOUT_BYTES,
        "SELECT b.id, b.size FROM blob b WHERE b.id >= $1 AND b.id < $2 AND b.location = ''"
        " AND NOT EXISTS (SELECT 1 FROM body c WHERE c.blob_id = b.id)",
        "message {0}, {1} bytes",
    ),
)  # fmt: skip
