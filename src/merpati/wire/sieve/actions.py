"""What a script wants done with a message.

The interpreter has already resolved what RFC 5228 2.10 leaves to the end: the implicit
keep is a `Keep` of its own or is cancelled, nothing is filed twice into one mailbox, and
combinations that are forbidden are faults. Whoever carries these out goes through them in
order. `edition` of an action is the message as it was then: 0 is the message as it came,
n is `outcome.editions[n - 1]`, and `edits.render` makes its bytes.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Fcc(msgspec.Struct, frozen=True):
    """Where a copy of what a script sends is filed (RFC 8580); fields as in `FileInto`."""

    mailbox: str
    flags: tuple[str, ...] | None = None
    create: bool = False
    special_use: str = ""
    mailbox_id: str = ""


class Keep(msgspec.Struct, frozen=True, tag=True):
    """File the message where mail goes without a script.

    Attributes:
        flags: IMAP flags and keywords to set; None: none were spoken of (RFC 5232 5).
        implicit: no command asked for it (RFC 5228 2.10.2).
        line: of the command; 0 for the implicit keep.
    """

    flags: tuple[str, ...] | None = None
    implicit: bool = False
    edition: int = 0
    line: int = 0


class FileInto(msgspec.Struct, frozen=True, tag=True):
    r"""File the message into a mailbox (RFC 5228 4.1).

    Attributes:
        mailbox: its name in UTF-8, as written; used when neither `mailbox_id` nor
            `special_use` finds one.
        flags: as in `Keep`.
        create: make the mailbox if it does not exist (RFC 5490 3.2). Without it, what
            happens is up to the service, but mail is never lost.
        special_use: prefer the mailbox with this use, such as "\\Junk" (RFC 8579 4).
        mailbox_id: prefer the mailbox with this id (RFC 9042 3).
        copy: `:copy` was given; of interest to those who tell what happened.
    """

    mailbox: str
    flags: tuple[str, ...] | None = None
    create: bool = False
    special_use: str = ""
    mailbox_id: str = ""
    copy: bool = False
    edition: int = 0
    line: int = 0


class Redirect(msgspec.Struct, frozen=True, tag=True):
    """Send the message on (RFC 5228 4.2).

    Attributes:
        address: an addr-spec; the name of a list when `to_list` (RFC 6134 2.5).
        copy: `:copy` was given (RFC 3894).
        notify: NOTIFY of the recipient: NEVER, or SUCCESS, FAILURE, DELAY (RFC 6009 4).
        ret: FULL or HDRS; empty: not spoken of.
        by_seconds: DELIVERBY from now on; None: not asked for (RFC 6009 5).
        by_mode: N (notify) or R (return).
        by_trace: also tell when it goes on to a host that does not know DELIVERBY.
    """

    address: str
    copy: bool = False
    to_list: bool = False
    notify: tuple[str, ...] = ()
    ret: str = ""
    by_seconds: int | None = None
    by_mode: Literal["N", "R"] = "N"
    by_trace: bool = False
    edition: int = 0
    line: int = 0


class Reject(msgspec.Struct, frozen=True, tag=True):
    """Refuse the message, with this reason in UTF-8 (RFC 5429).

    `extended` (ereject): in the SMTP dialogue if at all possible; reject prefers a
    message to the sender when the reason cannot be said there.
    """

    reason: str
    extended: bool
    line: int = 0


class Discard(msgspec.Struct, frozen=True, tag=True):
    """The script threw the message away: there is nothing to do, and something to tell."""

    line: int = 0


class Vacation(msgspec.Struct, frozen=True, tag=True):
    """Answer the sender, unless RFC 5230 4.6 or 4.5 speaks against it.

    Attributes:
        reason: the text, or with `mime` a whole MIME entity, header first.
        subject, sender: as given, or empty: see RFC 5230 4.3 and 5.
        addresses: more addresses that are the user's own.
        handle: what counts as the same answer; made from the other arguments
            if not given, and then begins with a colon.
        seconds: how long a sender is not answered again; 0: each time (RFC 6131 2).
    """

    reason: str
    mime: bool = False
    subject: str = ""
    sender: str = ""
    addresses: tuple[str, ...] = ()
    handle: str = ""
    seconds: int = 7 * 86_400
    fcc: Fcc | None = None
    line: int = 0


class Notify(msgspec.Struct, frozen=True, tag=True):
    """Tell somebody of the message (RFC 5435).

    Attributes:
        method: a URI, such as "mailto:ani@example.org?subject=New%20mail".
        sender: who it is from; empty: up to the method.
        importance: 1 high, 2 normal, 3 low.
        options: (name, value) pairs in order.
        message: what to say; empty: up to the method.
    """

    method: str
    sender: str = ""
    importance: int = 2
    options: tuple[tuple[str, str], ...] = ()
    message: str = ""
    fcc: Fcc | None = None
    line: int = 0


Action = Keep | FileInto | Redirect | Reject | Discard | Vacation | Notify


class Slice(msgspec.Struct, frozen=True, array_like=True):
    """The bytes from `start` to `end` of the message as it came."""

    start: int
    end: int


Edition = tuple[bytes | Slice, ...]
"""An edited message, as pieces new and old that lie end to end."""


class Remembered(msgspec.Struct, frozen=True):
    """What to remember for `duplicate`, once the actions are done; `seconds` as asked."""

    handle: str
    unique_id: str
    seconds: int | None
    last: bool


class Note(msgspec.Struct, frozen=True):
    """One line of the explanation of what a script did.

    Attributes:
        line: of the script; 0 for what no command asked for.
        script: name of the included script; empty for the main one.
        kind: what is told, for programs and translators, such as "test" or "action".
        values: what the sentence names.
        text: the sentence in English.
    """

    line: int
    kind: str
    values: dict[str, str | int | bool | list[str]]
    text: str
    script: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """How a script ended.

    Attributes:
        actions: what to do, in order. Never empty: a message that goes nowhere has a
            `Discard`, `Reject`, or its like.
        editions: see the module's docstring.
        remembered: what `duplicate` is to know from now on.
        fault: why the script stopped, if it failed; then the only action is the implicit
            keep of the message as it came, and the user should be told.
        notes: the explanation, when one was asked for.
    """

    actions: tuple[Action, ...]
    editions: tuple[Edition, ...] = ()
    remembered: tuple[Remembered, ...] = ()
    fault: Note | None = None
    notes: tuple[Note, ...] = ()
