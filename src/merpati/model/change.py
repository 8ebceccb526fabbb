"""The account's change log: one ordered record that every protocol's sync is a view of."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class ChangeKind(IntEnum):
    """What a row of the change log says."""

    EMAILS_ADDED = 1
    KEYWORDS_CHANGED = 2
    EMAILS_REMOVED = 3
    MAILBOX_CREATED = 4
    MAILBOX_CHANGED = 5  # its name, parent, role or subscription
    MAILBOX_DESTROYED = 6
    METADATA_CHANGED = 7  # an annotation of a mailbox (RFC 5464)
    NAME_SUBSCRIBED = 8  # or unsubscribed, a name that no mailbox has
    DELETED_CHANGED = 9  # IMAP has marked `uids` \Deleted, and those in `emails` no longer
    # Of scripts `uids` holds the id, and there is no mailbox.
    SCRIPT_CREATED = 16
    SCRIPT_CHANGED = 17  # its text or name, or whether it is active
    SCRIPT_DESTROYED = 18
    AUTO_REPLY_CHANGED = 19
    # Of identities, submissions and labels, too.
    IDENTITY_CREATED = 24
    IDENTITY_CHANGED = 25
    IDENTITY_DESTROYED = 26
    SUBMISSION_CREATED = 27
    SUBMISSION_CHANGED = 28  # it was cancelled, or what is known of its delivery
    SUBMISSION_DESTROYED = 29
    LABEL_CREATED = 32
    LABEL_CHANGED = 33
    LABEL_DESTROYED = 34
    SHARING_NOTED = 36  # somebody else lets the account do more, or less (RFC 9670 3)
    SHARING_CHANGED = 37
    SHARING_FORGOTTEN = 38
    # Of the whole account: what lies between the modseq in `emails` and this one is lost.
    RESTORED = 48


class Change(msgspec.Struct, frozen=True):
    """One row: everything that one act did to one mailbox.

    `uids` is a set in the form "1:3,7", empty for changes of the mailbox itself.
    """

    modseq: int
    kind: int
    mailbox_id: int
    uids: str
