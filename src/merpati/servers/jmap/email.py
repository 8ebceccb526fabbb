"""Emails as objects (RFC 8621 4): what their rows, their stored structure and their bytes say.

What a list of mail shows comes from rows and stored structure alone; the bytes are read
when a header field or a body is asked for, and then once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.object_ids import BlobName
from merpati.servers.jmap import (
    email_create,
    email_making,
    email_query,
    reminders,
    smime,
    states,
)
from merpati.servers.jmap.call import MAIL, Access, Call
from merpati.servers.jmap.email_making import Ready, checked_keywords, target_mailboxes
from merpati.servers.jmap.email_query import EmailQuery
from merpati.servers.jmap.email_told import Told
from merpati.servers.jmap.kind import (
    CANNOT,
    Changes,
    Displaced,
    Found,
    Got,
    Kind,
    Property,
    Update,
    server_set,
)
from merpati.servers.jmap.states import Changed
from merpati.store import (
    changes,
    email_changes,
    email_edit,
    email_places,
    rights,
    thread_members,
)
from merpati.store.blobs import BlobStore, Stored
from merpati.store.email_places import Held
from merpati.wire.jmap import email_body, email_headers
from merpati.wire.jmap.email_body import Numbered, Shown
from merpati.wire.jmap.email_headers import CONVENIENT, Wanted
from merpati.wire.jmap.faults import MethodFault, SetFault, invalid
from merpati.wire.jmap.values import (
    Argument,
    Check,
    are_keywords,
    is_bool,
    is_id_set,
    is_text,
    is_unsigned,
    list_of,
    nullable,
    utc_date,
)
from merpati.wire.mime import headers, tree

if TYPE_CHECKING:
    import mmap

    from merpati.store.engine import Row, Transaction

METADATA: Final = ("id", "blobId", "threadId", "mailboxIds", "keywords", "size", "receivedAt")
BODY: Final = ("bodyStructure", "bodyValues", "textBody", "htmlBody", "attachments")
DEFAULTS: Final = frozenset({
    *METADATA, *CONVENIENT, "hasAttachment", "preview", "bodyValues", "textBody", "htmlBody",
    "attachments",
})  # fmt: skip
FROM_BYTES: Final = frozenset({*CONVENIENT, *BODY, "headers", *smime.PROPERTIES})
LARGE: Final = 256 * 1024  # bytes; what is larger is decoded off the event loop
TURN: Final = 16  # emails, before other sessions have their turn
_ROW: Final = ("blob_id", "thread_id", "keywords", "received_at", "size", "structure", "preview")
_BYTES: Final = ("location", "encoding", "data")

BODY_ARGUMENTS: Final = {
    "bodyProperties": Argument(nullable(list_of(is_text))),
    "fetchTextBodyValues": Argument(is_bool, default=False),
    "fetchHTMLBodyValues": Argument(is_bool, default=False),
    "fetchAllBodyValues": Argument(is_bool, default=False),
    "maxBodyValueBytes": Argument(is_unsigned, 0),
}


class Plan(NamedTuple):
    """What of emails is asked for.

    Attributes:
        properties: their names.
        fields: what those mean that are about header fields.
        body_names: properties of body parts.
        body_fields: what those of them mean that are about header fields.
        values: which body values are wanted: "text", "html", "all".
        most: octets of a body value, 0 for all.
    """

    properties: frozenset[str]
    fields: Mapping[str, Wanted]
    body_names: tuple[str, ...]
    body_fields: Mapping[str, Wanted]
    values: frozenset[str]
    most: int

    @property
    def reads_bytes(self) -> bool:
        """Whether rows and structure are not enough."""
        return bool(self.fields) or not self.properties.isdisjoint(FROM_BYTES)


def plan(properties: frozenset[str], arguments: Mapping[str, Any]) -> Plan:
    """What a /get or /parse asks for. Raises MethodFault invalidArguments."""
    fields = {name: what for name in properties if (what := email_headers.wanted(name))}
    given = arguments["bodyProperties"]
    names = tuple(email_body.DEFAULTS if given is None else dict.fromkeys(given))
    body_fields = {}
    for name in names:
        if name.startswith("header:") and (what := email_headers.wanted(name)) is not None:
            body_fields[name] = what
        elif name not in email_body.PROPERTIES:
            raise invalid(f"a body part has no property {name[:100]!r}", "bodyProperties")
    asked = {
        "text": arguments["fetchTextBodyValues"],
        "html": arguments["fetchHTMLBodyValues"],
        "all": arguments["fetchAllBodyValues"],
    }
    values = frozenset(name for name, is_asked in asked.items() if is_asked)
    return Plan(properties, fields, names, body_fields, values, arguments["maxBodyValueBytes"])


def of_bytes(
    content: bytes | mmap.mmap,
    root: tree.Part,
    what: Plan,
    blob_id: email_body.BlobId,
) -> dict[str, Any]:
    """The properties of an email that its bytes and structure tell."""
    told: dict[str, Any] = {}
    if what.fields or "headers" in what.properties:
        fields = headers.split(content, root.header_start, root.body_start).fields
        for name, wanted in what.fields.items():
            told[name] = email_headers.value(fields, wanted)
        if "headers" in what.properties:
            told["headers"] = email_body.all_headers(one for one in fields if one.name)
    if what.properties.isdisjoint((*BODY, "hasAttachment")):
        return told
    whole = email_body.numbered(root)
    shown = email_body.shown(whole)
    if "hasAttachment" in what.properties:
        told["hasAttachment"] = email_body.has_attachment(shown)

    def part(one: Numbered, names: Sequence[str]) -> dict[str, Any]:
        return email_body.body_part(content, one, names, what.body_fields, blob_id)

    if "bodyStructure" in what.properties:
        told["bodyStructure"] = part(whole, (*what.body_names, "subParts"))
    lists = {"textBody": shown.text, "htmlBody": shown.html, "attachments": shown.attachments}
    for name, parts in lists.items():
        if name in what.properties:
            told[name] = [part(one, what.body_names) for one in parts]
    if "bodyValues" in what.properties:
        told["bodyValues"] = {
            str(one.n): email_body.body_value(content, one.part, what.most)
            for one in _valued(whole, shown, what.values)
        }
    return told


def _valued(whole: Numbered, shown: Shown, wanted: frozenset[str]) -> list[Numbered]:
    """The text parts whose values are wanted, each once."""
    parts: list[Numbered] = []
    if "all" in wanted:
        waiting = [whole]
        while waiting:
            one = waiting.pop()
            parts.append(one)
            if one.is_multipart:
                waiting += one.children
    if "text" in wanted:
        parts += shown.text
    if "html" in wanted:
        parts += shown.html
    return list({one.n: one for one in parts if one.part.type == "text"}.values())


class Email(Kind):
    """The data type. What changes emails is `email_set`, what finds them `email_query`."""

    name: ClassVar[str] = "Email"
    capability: ClassVar[str] = MAIL
    properties: ClassVar[Mapping[str, Property]] = {
        **dict.fromkeys(
            (
                *METADATA,
                *CONVENIENT,
                "headers",
                *BODY,
                "hasAttachment",
                "preview",
            ),
            server_set(),
        ),
        **dict.fromkeys(smime.PROPERTIES, server_set(capability=smime.CAPABILITY)),
        "mailboxIds": Property(is_id_set),
        "keywords": Property(are_keywords, {}),
        **reminders.PROPERTIES,
    }
    tells_defaults: ClassVar[bool] = False
    get_defaults: ClassVar[frozenset[str] | None] = DEFAULTS
    get_arguments: ClassVar[Mapping[str, Argument]] = BODY_ARGUMENTS
    query_arguments: ClassVar[Mapping[str, Argument]] = {
        "collapseThreads": Argument(is_bool, default=False)
    }
    conditions: ClassVar[Mapping[str, Check]] = email_query.CONDITIONS
    conditions_with: ClassVar[Mapping[str, Mapping[str, Check]]] = smime.CONDITIONS
    sorts: ClassVar[frozenset[str]] = frozenset({
        *email_query.SORTS, *email_query.THREAD_SORTS,
    })  # fmt: skip

    lasting: ClassVar[frozenset[str]] = email_query.LASTING

    def __init__(self, queries: EmailQuery) -> None:
        self._queries = queries
        self._told = Told()

    def is_only_got(self, name: str) -> bool:
        """What the bytes of an email tell; it never changes."""
        return name not in METADATA and name not in reminders.PROPERTIES

    def patch(self, call: Call, given: dict[str, Any]) -> dict[str, Any]:
        """With keywords as they are stored (RFC 8621 4.1.1), and the ids of new mailboxes."""
        patch = {}
        for name, value in given.items():
            first, slash, rest = name.partition("/")
            if slash and first == "keywords":
                rest = rest.lower()
            elif slash and first == "mailboxIds":
                rest = call.real(rest) or rest
            patch[first + slash + rest] = value
        return patch

    def check_properties(self, names: Iterable[str], using: frozenset[str]) -> None:
        """Header fields by their own names are properties, too (RFC 8621 4.1.3)."""
        own = [name for name in names if email_headers.wanted(name) is None]
        super().check_properties(own, using)

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8621 4.2."""
        what = plan(properties, arguments)
        wanted = None
        if ids is not None:
            wanted = [id_ for one in ids if (id_ := object_ids.read_email(one)) is not None]
        state, found = await call.services.store.read(
            _rows, access, call.user.id, wanted, what, call.settings.objects_in_get
        )  # fmt: skip
        objects = []
        remembered = None
        if not what.values:  # those may be large
            number = self._told.plan((properties, what.body_names))
            remembered = partial(self._told.of, access.account_id, plan=number)
        for n, (email_id, places) in enumerate(found.items(), 1):
            size = places[0].row[6]
            blob_store = call.services.blob_store
            make = partial(_object, blob_store, email_id, places, what, remembered)
            if what.reads_bytes and size > LARGE:
                make = partial(_object, blob_store, email_id, places, what, None)
                objects.append(await asyncio.to_thread(make))
            else:
                objects.append(make())
            if n % TURN == 0:
                await asyncio.sleep(0)
        if not properties.isdisjoint(smime.PROPERTIES):
            for one, places in zip(objects, found.values(), strict=True):
                verdict = await asyncio.to_thread(_judged, call, places[0].row)
                one.update({name: verdict[name] for name in verdict if name in properties})
        wanted_reminders = properties & reminders.PROPERTIES.keys()
        if wanted_reminders:
            boxes = {id_: [one.mailbox_id for one in places] for id_, places in found.items()}
            known = await call.services.store.read(reminders.told, access.account_id, boxes)
            for one, id_ in zip(objects, found, strict=True):
                one.update({name: known.get(id_, {}).get(name) for name in wanted_reminders})
        return Got(state, objects)

    async def state(self, tx: Transaction, access: Access) -> str:
        """The account's modseq."""
        return str(await changes.current(tx, access.account_id))

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 8621 4.3."""
        state = states.parse(since)
        found, current = await call.services.store.read(
            email_changes.since, access.account_id, state.modseq
        )
        changed = [
            Changed(one.modseq, one.email_id, one.created or 0, one.created is None)
            for one in found
        ]
        return states.page(changed, state, current, limit, object_ids.email)

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Ready:
        """RFC 8621 4.6: the message that an object describes, its bytes ready."""
        return await email_create.prepare(call, access, given)

    async def settle(self, call: Call, prepared: Iterable[Any], *, undone: bool) -> None:
        """Files that no row names are removed."""
        email_making.settle(call.services, prepared, undone=undone)

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: Ready
    ) -> dict[str, Any]:
        """RFC 8621 4.6."""
        return await email_making.store(tx, call, access, new)

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """What of an email can change, and what of it a row knows."""
        places = await _places(tx, call, access, id_)
        if not places:
            return None
        _, email_id, thread_id, _, received_at, size, stored, *_ = places[0].row
        keywords = stored.split()
        boxes = {email_id: [one.mailbox_id for one in places]}
        known = await reminders.told(tx, access.account_id, boxes)
        return {
            **dict.fromkeys(reminders.PROPERTIES),
            **known.get(email_id, {}),
            "id": id_,
            "blobId": object_ids.blob(BlobName(upload=False, id=email_id)),
            "threadId": object_ids.thread(thread_id),
            "size": size,
            "receivedAt": utc_date(received_at),
            "mailboxIds": {object_ids.mailbox(one.mailbox_id): True for one in places},
            "keywords": dict.fromkeys(keywords, True),
        }

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8621 4.6."""
        old, new = update.old, update.new
        places = await _places(tx, call, access, update.id)
        keywords = set(checked_keywords(new["keywords"]))
        mailboxes = await target_mailboxes(tx, call, access, new["mailboxIds"])
        await _check_rights(tx, call, access, places, keywords ^ set(old["keywords"]), mailboxes)
        reminders.check(access, old, new)
        if keywords != set(old["keywords"]):
            await email_edit.set_keywords(tx, access.account_id, places, keywords)
        number = object_ids.read_email(update.id) or 0
        if await reminders.update(tx, call, access, number, old, new):
            return None
        if mailboxes != {one.mailbox_id for one in places}:
            places = await _places(tx, call, access, update.id)
            await email_edit.set_mailboxes(tx, access.account_id, places, mailboxes, call.now())
        return None

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8621 4.6."""
        places = await _places(tx, call, access, id_)
        if not places:
            raise SetFault("notFound")
        await _check_rights(tx, call, access, places, set(), set())
        number = object_ids.read_email(id_) or 0
        await email_edit.destroy(tx, access.account_id, number, call.now())

    async def displaced(
        self,
        call: Call,
        access: Access,
        since: str,
        happened: Changes,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Displaced:
        """Of results by thread, all of a thread in which something changed."""
        if not (arguments["collapseThreads"] or email_query.is_by_thread(filter_, sort)):
            return await super().displaced(call, access, since, happened, filter_, sort, arguments)
        state, ids = await call.services.store.scan(
            _of_changed_threads, access.account_id, states.parse(since)
        )
        if state != happened.new_state:  # something more has happened meanwhile
            raise MethodFault(CANNOT)
        new = set(happened.created)
        old = [one for one in ids if one not in new]
        return Displaced([*old, *happened.destroyed], set(ids))

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """RFC 8621 4.4."""
        collapse = arguments["collapseThreads"]
        return await self._queries.query(call, access, filter_, sort, collapse=collapse)


async def _of_changed_threads(
    tx: Transaction, account_id: int, since: states.State
) -> tuple[str, list[str]]:
    """The state, and the emails of threads of which an email came, changed or went since."""
    found, current = await email_changes.since(tx, account_id, since.modseq)
    threads = {one.thread_id for one in found if one.created is not None}
    threads |= (await email_changes.threads_left(tx, account_id, since.modseq, found)).keys()
    members = await thread_members.members(tx, account_id, threads)
    ids = dict.fromkeys(one[0] for those in members.values() for one in those)
    return str(current), list(map(object_ids.email, ids))


def _judged(call: Call, row: Row) -> dict[str, Any]:
    """The S/MIME properties of an email; rows as `_rows` with bytes."""
    _, _, blob_id, _, _, received_at, size, structure, _, *rest = row
    if call.services.smime is None:
        return dict(smime.NONE)
    content = call.services.blob_store.read(Stored(blob_id, size, *rest))
    root = tree.decode(structure)
    return smime.told(call.services.smime, content, root, received_at, call.now())


def _object(
    blob_store: BlobStore,
    email_id: int,
    places: Sequence[Held],
    what: Plan,
    remembered: Callable[..., dict[str, Any]] | None,
) -> dict[str, Any]:
    """An Email with the properties asked for; `remembered` as `Told.of`."""
    _, _, blob_id, thread_id, keywords, received_at, size, structure, preview, *rest = places[0].row
    told: dict[str, Any] = {"id": object_ids.email(email_id)}
    wanted = what.properties
    if "blobId" in wanted:
        told["blobId"] = object_ids.blob(BlobName(upload=False, id=email_id))
    if "threadId" in wanted:
        told["threadId"] = object_ids.thread(thread_id)
    if "mailboxIds" in wanted:
        told["mailboxIds"] = {object_ids.mailbox(one.mailbox_id): True for one in places}
    if "keywords" in wanted:
        told["keywords"] = dict.fromkeys(keywords.split(), True)
    if "size" in wanted:
        told["size"] = size
    if "receivedAt" in wanted:
        told["receivedAt"] = utc_date(received_at)
    if "preview" in wanted:
        told["preview"] = preview
    if what.reads_bytes or "hasAttachment" in wanted:

        def read() -> dict[str, Any]:
            content: bytes | mmap.mmap = b""
            if what.reads_bytes:
                content = blob_store.read(Stored(blob_id, size, *rest))
            return of_bytes(content, tree.decode(structure), what, part_id)

        def part_id(n: int) -> str:
            return object_ids.blob(BlobName(upload=False, id=email_id, part=n))

        told.update(read() if remembered is None else remembered(email_id, make=read))
    return told


async def _places(tx: Transaction, call: Call, access: Access, id_: str) -> list[Held]:
    """Where an email is that the user may read."""
    number = object_ids.read_email(id_)
    if number is None:
        return []
    columns = email_edit.COLUMNS
    found = (await email_places.find(tx, access.account_id, [number], columns)).get(number, [])
    if access.is_own:
        return found
    held = (await rights.all_held(tx, call.user.id)).get(access.account_id, {})
    return [one for one in found if letters.READ in held.get(one.mailbox_id, "")]


async def _check_rights(
    tx: Transaction,
    call: Call,
    access: Access,
    places: Sequence[Held],
    keywords: set[str],
    mailboxes: set[int],
) -> None:
    """Raise SetFault when the user may not do that in the mailboxes of another."""
    if access.is_own:
        return
    held = (await rights.all_held(tx, call.user.id)).get(access.account_id, {})
    there = {one.mailbox_id for one in places}
    needed = dict.fromkeys(mailboxes - there, letters.INSERT)
    needed |= dict.fromkeys(there - mailboxes, letters.DELETE_MESSAGES + letters.EXPUNGE)
    for one in there & mailboxes:
        needed[one] = "".join({letters.for_keyword(keyword) for keyword in keywords})
    if any(letters.without(wanted, held.get(one, "")) for one, wanted in needed.items()):
        raise SetFault("forbidden", "that is not allowed in one of these mailboxes")


async def _rows(
    tx: Transaction,
    access: Access,
    user_id: int,
    ids: Sequence[int] | None,
    what: Plan,
    limit: int,
) -> tuple[str, dict[int, list[Held]]]:
    state = str(await changes.current(tx, access.account_id))
    if ids is None:
        ids = await email_places.every(tx, access.account_id, limit + 1)
        if len(ids) > limit:
            raise MethodFault("requestTooLarge")
    columns = _ROW + (_BYTES if what.reads_bytes else ())
    found = await email_places.find(tx, access.account_id, ids, columns)
    if not access.is_own:
        held = (await rights.all_held(tx, user_id)).get(access.account_id, {})
        found = {
            email_id: seen
            for email_id, places in found.items()
            if (seen := [one for one in places if letters.READ in held.get(one.mailbox_id, "")])
        }
    return state, found
