"""EmailSubmission (RFC 8621 7): emails that are sent, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from merpati.base.faults import Fault
from merpati.model import object_ids
from merpati.servers.jmap import email_import, reports, sending, writing
from merpati.servers.jmap.call import SUBMISSION, Access, Call, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.identity import Identities
from merpati.servers.jmap.kind import Answer, Got, Property, Update, new_object, server_set
from merpati.servers.jmap.reports import Reports
from merpati.servers.jmap.rows import Rows
from merpati.servers.jmap.sending import Outgoing
from merpati.store import object_changes, submissions
from merpati.store.submissions import Delivery, Submission, Undo
from merpati.wire.jmap.faults import MethodFault, SetFault, wrong
from merpati.wire.jmap.values import (
    Argument,
    Check,
    is_id,
    is_object,
    is_reference,
    is_text,
    is_utc_date,
    list_of,
    map_of,
    milliseconds,
    nullable,
    one_of,
    utc_date,
)

if TYPE_CHECKING:
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds

REPORTS: Final = {"dsnBlobIds": "dsn", "mdnBlobIds": "mdn"}
QUEUED: Final = Delivery("250 2.1.5 queued", "queued")


def _is_address(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() <= {"email", "parameters"}
        and is_text(value.get("email"))
        and nullable(map_of(is_text, nullable(is_text)))(value.get("parameters"))
    )


def _is_envelope(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"mailFrom", "rcptTo"}
        and _is_address(value["mailFrom"])
        and list_of(_is_address)(value["rcptTo"])
    )


def capability(hold: int, message_size: int) -> dict[str, Any]:
    """What an account can do about sending (RFC 8621 1.3.2)."""
    return {
        "maxDelayedSend": hold,
        "submissionExtensions": {
            "FUTURERELEASE": [],
            "SIZE": [str(message_size)],
            "DSN": [],
            "DELIVERBY": [],
            "MT-PRIORITY": [],
            "REQUIRETLS": [],
            "SMTPUTF8": [],
            "8BITMIME": [],
        },
    }


class Submissions(Rows):
    """The data type."""

    name: ClassVar[str] = "EmailSubmission"
    capability: ClassVar[str] = SUBMISSION
    kinds: ClassVar[Kinds | None] = object_changes.SUBMISSIONS
    letter: ClassVar[str] = "S"
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "identityId": Property(is_reference, immutable=True),
        "emailId": Property(is_reference, immutable=True),
        "threadId": server_set(),
        "envelope": Property(nullable(_is_envelope), None, immutable=True),
        "sendAt": server_set(),
        "undoStatus": Property(one_of(*(one.value for one in Undo)), None),
        "deliveryStatus": server_set(),
        "dsnBlobIds": server_set(),
        "mdnBlobIds": server_set(),
    }
    set_arguments: ClassVar[Mapping[str, Argument]] = {
        "onSuccessUpdateEmail": Argument(nullable(map_of(is_reference, is_object))),
        "onSuccessDestroyEmail": Argument(nullable(list_of(is_reference))),
    }
    conditions: ClassVar[Mapping[str, Check]] = {
        "identityIds": list_of(is_id),
        "emailIds": list_of(is_id),
        "threadIds": list_of(is_id),
        "undoStatus": is_text,
        "before": is_utc_date,
        "after": is_utc_date,
    }
    # RFC 8621 7.3 says sentAt, where the property is sendAt.
    sorts: ClassVar[frozenset[str]] = frozenset({"emailId", "threadId", "sentAt", "sendAt"})

    def is_only_got(self, name: str) -> bool:
        """Reports are looked for when somebody wants to know."""
        return name in REPORTS

    async def refresh(self, call: Call, access: Access) -> None:
        """What has become of what is on its way."""
        store = call.services.store
        if await store.read(submissions.are_open, access.account_id):
            await store.write(submissions.refresh, access.account_id, call.now())

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8621 7.1, with the reports that came."""
        got = await super().get(call, access, ids, properties | {"emailId"}, arguments)
        wanted = properties & REPORTS.keys()
        found: dict[int, Reports] = {}
        if wanted:
            numbers = {object_ids.read_email(one["emailId"]) or 0 for one in got.objects}
            found = await reports.of(call, access, list(numbers))
        for one in got.objects:
            its = found.get(object_ids.read_email(one["emailId"]) or 0)
            for name in wanted:
                one[name] = getattr(its, REPORTS[name], [])
            if "emailId" not in properties:
                del one["emailId"]
        return got

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 8621 7.1."""
        wanted = None if ids is None else [Submissions.number_of(one) for one in ids]
        found = await submissions.listing(tx, access.account_id, wanted)
        return [_object(one) for one in found]

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """RFC 8621 7.3."""
        if name.endswith("Ids"):
            return one[name.removesuffix("s")] in value
        if name == "before":
            return milliseconds(one["sendAt"]) < milliseconds(value)
        if name == "after":
            return milliseconds(one["sendAt"]) >= milliseconds(value)
        return bool(one[name] == value)

    def sorted_by(self, one: Mapping[str, Any], name: str) -> Any:
        """RFC 8621 7.3."""
        return one["sendAt" if name == "sentAt" else name]

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Outgoing:
        """RFC 8621 7.5."""
        if "undoStatus" in given:
            raise wrong("the server says whether a message can be stopped", "undoStatus")
        new = new_object(self.properties, given)
        if call.services.sending is None:
            raise SetFault("forbiddenToSend", "this server does not send mail")
        return await sending.prepare(call, access, call.services.sending, new)

    async def settle(self, call: Call, prepared: Iterable[Any], *, undone: bool) -> None:
        """Files that no row names are removed."""
        for one in prepared:
            if isinstance(one, Outgoing) and call.services.sending is not None:
                sending.settle(call, call.services.sending, one, undone=undone)

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: Outgoing
    ) -> dict[str, Any]:
        """RFC 8621 7.5."""
        assert call.services.sending is not None
        try:
            await sending.take_in(tx, call.services.sending, new)
        except Fault as fault:
            # Something of it may be written, so nothing of this transaction may stay.
            raise MethodFault("serverUnavailable", fault.text) from None
        recipients = [one["email"] for one in new.envelope["rcptTo"]]
        undo = Undo.PENDING if new.send_at > call.now() else Undo.FINAL
        number = await submissions.add(
            tx, access.account_id,
            Submission(
                identity_id=new.identity_id, email_id=new.email_id, thread_id=new.thread_id,
                trace=new.trace, envelope=new.envelope, send_at=new.send_at, undo=undo,
                delivery=dict.fromkeys(recipients, QUEUED),
            ),
        )  # fmt: skip
        await submissions.refresh(tx, access.account_id, call.now(), number)
        [made] = await submissions.listing(tx, access.account_id, [number])
        told = _object(made)
        return {name: told[name] for name in told if name not in ("identityId", "emailId")}

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8621 7.5: only taking it back."""
        if update.new["undoStatus"] == update.old["undoStatus"]:
            return None
        if update.new["undoStatus"] != Undo.CANCELED:
            raise wrong("a message can only be canceled", "undoStatus")
        [found] = await submissions.listing(tx, access.account_id, [self.number_of(update.id)])
        if not await submissions.cancel(tx, access.account_id, found, call.now()):
            raise SetFault("cannotUnsend", "it has left already")
        [found] = await submissions.listing(tx, access.account_id, [self.number_of(update.id)])
        return {"deliveryStatus": _object(found)["deliveryStatus"]}

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8621 7.5: what is on its way stays so."""
        if not await submissions.remove(tx, access.account_id, self.number_of(id_)):
            raise SetFault("notFound")


def _object(one: Submission) -> dict[str, Any]:
    return {
        "id": Submissions.id_of(one.id),
        "identityId": Identities.id_of(one.identity_id),
        "emailId": object_ids.email(one.email_id),
        "threadId": object_ids.thread(one.thread_id),
        "envelope": one.envelope,
        "sendAt": utc_date(one.send_at),
        "undoStatus": one.undo.value,
        "deliveryStatus": msgspec.to_builtins(one.delivery),
        "dsnBlobIds": [],
        "mdnBlobIds": [],
    }


def set_(kind: Submissions, emails: Email) -> Method:
    """EmailSubmission/set (RFC 8621 7.5), and the Email/set that its success leads to."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments, access = writing.check_set(call, given, kind)
        known = await _emails(call, access, [*arguments["update"], *arguments["destroy"]])
        responses = await writing.carry_out(kind, call, access, arguments)
        told = responses[0][1]
        done = {call.real(one) or "" for one in told["updated"] or ()}
        done |= set(told["destroyed"] or ())
        sent = {submission: email for submission, email in known.items() if submission in done}
        for creation_id, made in (told["created"] or {}).items():
            email_id = call.real(arguments["create"][creation_id]["emailId"]) or ""
            sent[made["id"]] = sent[f"#{creation_id}"] = email_id
        update: dict[str, dict[str, Any]] = {}
        for reference, patch in (arguments["onSuccessUpdateEmail"] or {}).items():
            if reference in sent:
                update.setdefault(sent[reference], {}).update(patch)
        wanted = arguments["onSuccessDestroyEmail"] or ()
        destroy = list(dict.fromkeys(sent[one] for one in wanted if one in sent))
        if update or destroy:
            implicit = {"accountId": arguments["accountId"], "update": update, "destroy": destroy}
            responses += await email_import.implicit_set(emails, call, implicit)
        return responses

    return Method(kind.capability, run)


async def _emails(call: Call, access: Access, references: list[str]) -> dict[str, str]:
    """The emails of submissions, by the ids of these."""
    ids = {Submissions.number_of(call.real(one) or "") for one in references}
    found = await call.services.store.read(submissions.listing, access.account_id, list(ids))
    return {Submissions.id_of(one.id): object_ids.email(one.email_id) for one in found}
