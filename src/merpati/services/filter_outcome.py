"""From what a Sieve script wants to what will be stored and sent.

All that takes time happens here, before any transaction: edited messages are written, mail
that goes on is sealed, answers and notifications are composed.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, SyntaxFault
from merpati.base.ids import Ids
from merpati.model.account import Account
from merpati.model.arrival import NO_OPTIONS, NO_RECIPIENT_OPTIONS, Options, RecipientOptions
from merpati.model.message import KEYWORDS_MAX, Digest
from merpati.services import vacation
from merpati.services.digest import Digester, outline
from merpati.services.filing import Decision, Filing, Onward, Seen, Sending, Version
from merpati.services.forward import keep
from merpati.services.scripts import SieveSettings
from merpati.store.blobs import BlobStore
from merpati.store.sieve import Memory
from merpati.wire import letter, list_headers, sieve_letters, trace
from merpati.wire.imap import flags as imap_flags
from merpati.wire.letter import Letter
from merpati.wire.mime import headers
from merpati.wire.mime.addresses import Mailbox, parse_list
from merpati.wire.mime.tree import Part
from merpati.wire.sieve import actions, edits, mailto
from merpati.wire.sieve.actions import Outcome
from merpati.wire.smtp.paths import NULL, parse_address

DAY: Final = 86_400_000  # ms
REASON_MAX: Final = 400  # characters of a refusal that a server is told


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and for whom scripts ran on it.

    Attributes:
        addresses: All that lead to the account.
        sender: Of the envelope; empty: the null path.
        recipient: The address that it came for.
        wishes: What its sender wants to hear of it.
        script: The name of the account's script.
        role: Of the mailbox where it goes without a script: "junk", or empty for INBOX.
        now: Unix milliseconds.
    """

    trace: str
    account: Account
    addresses: frozenset[str]
    sender: str
    recipient: str
    content: bytes | mmap.mmap
    facts: list_headers.Facts
    root: Part
    wishes: RecipientOptions = NO_RECIPIENT_OPTIONS
    script: str
    role: str
    now: int


class Outcomes:
    """Makes decisions of what scripts want."""

    def __init__(
        self, blob_store: BlobStore, onward: Onward, digester: Digester,
        clock: Clock, ids: Ids, hostname: str, settings: SieveSettings,
    ) -> None:  # fmt: skip
        self._blobs = blob_store
        self._onward = onward
        self._digester = digester
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._settings = settings

    async def decision(
        self, subject: Subject, outcome: Outcome | None, reply: Outcome | None, *, broken: str = ""
    ) -> Decision:
        """What an account's scripts came to.

        Args:
            subject: The message and for whom.
            outcome: Of the account's own script; None: it has none, or a broken one.
            reply: Of its auto-reply; None: it is off.
            broken: Why its script could not run; empty: it could.
        """
        wanted: list[actions.Action] = [actions.Keep(implicit=True)]
        if outcome is not None:
            wanted = list(outcome.actions)
        refused = [one for one in wanted if isinstance(one, actions.Reject)]
        if refused:  # what is refused is nowhere, and nothing else is done with it
            wanted = [*refused]
        if reply is not None and not refused and not _answers(wanted) and _keeps(wanted):
            wanted += [one for one in reply.actions if isinstance(one, actions.Vacation)]
        fault = broken
        if outcome is not None and outcome.fault is not None:
            fault = f"line {outcome.fault.line}: {outcome.fault.text}"
        for action in wanted:
            if isinstance(action, actions.Redirect) and action.to_list:  # RFC 6134 2.3
                fault = f"line {action.line}: mail cannot be sent on to the list {action.address}"
                wanted = [actions.Keep(implicit=True)]
                break
        making = _Making(self, subject, outcome)
        for action in wanted:
            await making.take(action)
        if fault:
            making.sendings.append(await self._trouble(subject, outcome, fault))
        return Decision(
            account_id=subject.account.id,
            address=subject.account.address,
            recipient=subject.recipient,
            script=subject.script,
            role=subject.role,
            reject=_reason(refused[0].reason) if refused else "",
            by_letter=bool(refused) and not (refused[0].extended or refused[0].reason.isascii()),
            filings=tuple(making.filings),
            versions=tuple(making.versions.values()),
            sendings=tuple(making.sendings),
            seen=tuple(self._seen(subject, outcome)),
            did=tuple(making.did),
            fault=fault,
        )

    def _seen(self, subject: Subject, outcome: Outcome | None) -> list[Seen]:
        if outcome is None:
            return []
        longest = self._settings.remember
        return [
            Seen(
                (one.handle, one.unique_id),
                subject.now + min(one.seconds if one.seconds is not None else longest, longest)
                * 1000,
            )
            for one in outcome.remembered
        ]  # fmt: skip

    async def version(self, subject: Subject, outcome: Outcome, edition: int) -> Version:
        """An edited message, ready for its row."""
        data = edits.render(subject.content, outcome.editions[edition - 1])
        return await self.written(data, subject.now)

    async def written(self, data: bytes, now: int, *, filed: bool = True) -> Version:
        """Bytes ready for their row; what is not `filed` needs no parsing."""
        body = await keep(self._blobs, data)
        found: Digest
        if filed:
            found = await self._digester.digest(data, now)
        else:
            found = outline(data, now)
        return Version(body, found)

    # Redirect

    async def redirected(
        self, subject: Subject, action: actions.Redirect, content: bytes | mmap.mmap
    ) -> Sending:
        """A message that goes on, as a forwarded one does: services/forward.py.

        Where the script does not say who is told what, the sender is, as it was asked for: one
        who wants to hear of nothing (NOTIFY=NEVER) shall not hear of an address that it never
        wrote to (RFC 3461 5.2.7), and a message that says nothing goes on saying nothing.
        """
        home = subject.account.address
        body = await self._onward.sealed(home, content)
        domain = home.rpartition("@")[2]
        options: Options = NO_OPTIONS
        if action.ret or action.by_seconds is not None:
            deadline = action.by_seconds
            options = Options(
                ret=action.ret,
                deliver_by=subject.now + deadline * 1000 if deadline is not None else 0,
                by_mode=action.by_mode if deadline is not None else "",
                by_trace=action.by_trace,
            )
        wishes = RecipientOptions(",".join(action.notify)) if action.notify else None
        found = outline(content, subject.now)
        sender = subject.sender
        if sender and (wishes is not None or options is not NO_OPTIONS):
            sender, domain = home, ""  # who asked for reports gets them (RFC 6009 6.1 and 7.1)
        elif wishes is None:
            wishes = subject.wishes.onward
        return Sending(
            what="redirect", version=Version(body, found), recipients=(action.address,),
            sender=sender, domain=domain, options=options, wishes=wishes,
            smtputf8=not action.address.isascii(),
        )  # fmt: skip

    # Letters

    async def answer(self, subject: Subject, action: actions.Vacation) -> Sending | str:
        """An answer to the sender (RFC 5230), or why there is none."""
        fields = headers.split(subject.content, subject.root.header_start, subject.root.body_start)
        reason = vacation.why_not(
            action, subject.sender, subject.addresses, fields, suspect=bool(subject.role)
        )
        if reason:
            return reason
        account, facts = subject.account, subject.facts
        author = vacation.author(
            action, subject.addresses, account.address, account.name, subject.recipient
        )
        content = sieve_letters.answer(
            sieve_letters.Answer(
                author=author,
                recipient=subject.sender,
                text=action.reason,
                date=self._clock.now(),
                message_id=self._message_id(),
                subject=action.subject,
                answered=facts.subject,
                mime=action.mime,
                answers=facts.message_id,
                references=_thread(fields),
            )
        )
        seconds = max(action.seconds, self._settings.answer_again)
        return Sending(
            what="vacation", version=await self._own(content, subject.now),
            recipients=(subject.sender,), account_id=account.id,
            once=vacation.once(action, subject.sender) if seconds else (),
            until=subject.now + seconds * 1000,
            smtputf8=not subject.sender.isascii(),
            fcc=_filing_of(action.fcc) if action.fcc is not None else None,
        )  # fmt: skip

    async def notification(self, subject: Subject, action: actions.Notify) -> Sending | str:
        """A notification by mail (RFC 5436), or why there is none."""
        asked = mailto.parse(action.method)
        if asked is None:
            return f"{action.method[:80]} is no address to write to"
        if subject.facts.replied:  # RFC 5436 2.7.1: no loops
            return "a machine wrote the message"
        account, facts = subject.account, subject.facts
        language = account.language if account.language in sieve_letters.NOTIFICATION else "en"
        from_whom = str(facts.author.address) if facts.author is not None else subject.sender
        words = {"subject": facts.subject, "author": from_whom}
        title = action.message or asked.subject  # in this order: RFC 5436 2.7
        title = title or sieve_letters.NOTIFICATION[language].format(**words)
        body = asked.body or action.message
        content = sieve_letters.notification(
            sieve_letters.Notification(
                author=self._notifier(subject, action.sender),
                owner=account.address,
                to=asked.to,
                cc=asked.cc,
                subject=title,
                text=body or sieve_letters.NOTIFICATION_TEXT[language].format(**words),
                date=self._clock.now(),
                message_id=self._message_id(),
                importance=action.importance,
                fields=asked.fields,
            )
        )
        return Sending(
            what="notify", version=await self._own(content, subject.now),
            recipients=(*asked.to, *asked.cc, *asked.bcc), account_id=account.id,
            fcc=_filing_of(action.fcc) if action.fcc is not None else None,
        )  # fmt: skip

    async def _trouble(self, subject: Subject, outcome: Outcome | None, fault: str) -> Sending:
        """A letter to the owner of a script that failed, once a day."""
        account, facts = subject.account, subject.facts
        note = outcome.fault if outcome is not None else None
        words = sieve_letters.trouble(
            account.language, script=subject.script, address=account.address,
            subject=facts.subject, author=facts.address or subject.sender,
            line=note.line if note is not None else 1,
            problem=note.text if note is not None else fault,
        )  # fmt: skip
        content = letter.compose(
            Letter(
                author=Mailbox("Merpati", "postmaster", self._hostname),
                recipient=account.address,
                subject=words.subject,
                text=words.text,
                date=self._clock.now(),
                message_id=self._message_id(),
            )
        )
        return Sending(
            what="trouble", version=await self._own(content, subject.now),
            recipients=(account.address,), once=(subject.script,), memory=Memory.TOLD,
            until=subject.now + DAY,
        )  # fmt: skip

    async def _own(self, content: bytes, now: int) -> Version:
        """A letter of our own as it is queued: below our Return-Path line."""
        hop = trace.Hop(host=self._hostname, protocol="ESMTP")
        received = trace.received(hop, self._ids.trace(), now / 1000)
        return await self.written(trace.return_path(NULL) + received + content, now)

    def _notifier(self, subject: Subject, wanted: str) -> Mailbox:
        """RFC 5436 2.3: the `:from` of a script, if it is the user's own address."""
        for one in parse_list(wanted.encode("utf-8", "replace")) if wanted else ():
            if isinstance(one, Mailbox) and one.address.lower() in subject.addresses:
                return one
        local, _, domain = subject.account.address.rpartition("@")
        return Mailbox(subject.account.name, local, domain)

    def _message_id(self) -> str:
        return f"{self._ids.trace()}@{self._hostname}"


class _Making:
    """A decision that is being made."""

    def __init__(self, outcomes: Outcomes, subject: Subject, outcome: Outcome | None) -> None:
        self._outcomes = outcomes
        self._subject = subject
        self._outcome = outcome
        self._order: dict[int, int] = {}  # edition: place among the versions
        self.versions: dict[int, Version] = {}
        self.filings: list[Filing] = []
        self.sendings: list[Sending] = []
        self.did: list[str] = []

    async def take(self, action: actions.Action) -> None:
        """One action more."""
        match action:
            case actions.Keep():
                version = await self._version(action.edition)
                # What a script keeps by a word of its own does not go to Junk.
                path = "" if action.implicit else "INBOX"
                flags = keywords(action.flags)
                self.filings.append(Filing(path, keywords=flags, version=version))
                self.did.append("keep")
            case actions.FileInto():
                version = await self._version(action.edition)
                self.filings.append(_filing_of(action, version))
                self.did.append(f"fileinto {action.mailbox}")
            case actions.Redirect():
                await self._redirect(action)
            case actions.Vacation():
                self._sent("vacation", await self._outcomes.answer(self._subject, action))
            case actions.Notify():
                self._sent("notify", await self._outcomes.notification(self._subject, action))
            case actions.Reject():
                self.did.append("reject")
            case actions.Discard():
                self.did.append("discard")

    def _sent(self, what: str, found: Sending | str) -> None:
        if isinstance(found, str):
            self.did.append(f"no {what}: {found}")
        else:
            self.sendings.append(found)
            self.did.append(f"{what} {', '.join(found.recipients)}")

    async def _redirect(self, action: actions.Redirect) -> None:
        """Send on, unless it has come through here before: then a copy stays instead."""
        subject = self._subject
        problem = ""
        if subject.account.address in subject.facts.delivered_to:
            problem = "it has been here before: a mail loop"
        else:
            try:
                parse_address(action.address)
            except SyntaxFault as fault:
                problem = fault.text
        if problem:
            self.did.append(f"no redirect to {action.address}: {problem}")
            if not action.copy:
                self.filings.append(Filing())
            return
        content = subject.content
        if action.edition and self._outcome is not None:
            content = edits.render(content, self._outcome.editions[action.edition - 1])
        self.sendings.append(await self._outcomes.redirected(subject, action, content))
        self.did.append(f"redirect {action.address}")

    async def _version(self, edition: int) -> int:
        """The place of an edition among the versions; -1 for the message as it came."""
        if not edition or self._outcome is None:
            return -1
        if edition not in self.versions:
            self._order[edition] = len(self.versions)
            self.versions[edition] = await self._outcomes.version(
                self._subject, self._outcome, edition
            )
        return self._order[edition]


def keywords(flags: Sequence[str] | None) -> str:
    """IMAP flags of a script as keywords are stored; those that cannot be set are left out."""
    found = set()
    for flag in flags or ():
        try:
            found.add(imap_flags.keyword(flag.encode()))
        except Fault:
            continue
        if len(found) == KEYWORDS_MAX:
            break
    return " ".join(sorted(found))


def _filing_of(wanted: actions.FileInto | actions.Fcc, version: int = -1) -> Filing:
    return Filing(
        path=wanted.mailbox,
        keywords=keywords(wanted.flags),
        create=wanted.create,
        role=wanted.special_use.removeprefix("\\").lower(),
        mailbox_id=wanted.mailbox_id,
        version=version,
    )


def _thread(fields: headers.Headers) -> bytes:
    """What a message refers to: its References, or the one message it replies to."""
    references = b" ".join(fields.get_all(b"references"))
    replied = fields.get(b"in-reply-to") or b""  # RFC 5322 3.6.4
    return references or (replied if replied.count(b"<") == 1 else b"")


def _answers(wanted: Sequence[actions.Action]) -> bool:
    return any(isinstance(one, actions.Vacation) for one in wanted)


def _keeps(wanted: Sequence[actions.Action]) -> bool:
    """Whether somebody will read it: what is thrown away is not answered either."""
    kept = (actions.Keep, actions.FileInto, actions.Redirect)
    return any(isinstance(one, kept) for one in wanted)


def _reason(text: str) -> str:
    """A refusal in as many lines as its script gives it (RFC 5429 2.1.1)."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return "\n".join(lines).strip("\n")[:REASON_MAX] or "the recipient refuses this message"
