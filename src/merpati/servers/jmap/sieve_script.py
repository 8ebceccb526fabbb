"""SieveScript (RFC 9661): scripts that sort mail as it comes, as ManageSieve has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

from merpati.model import object_ids
from merpati.servers.jmap import writing
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.files import Files, script_blob
from merpati.servers.jmap.kind import Answer, Outcome, Property, Update, new_object, server_set
from merpati.servers.jmap.rows import Rows
from merpati.services import scripts
from merpati.services.scripts import EXTENSIONS, NOTIFY_METHODS, SieveSettings
from merpati.store import object_changes, sieve
from merpati.wire.jmap.faults import SetFault
from merpati.wire.jmap.values import (
    Argument,
    Check,
    check_arguments,
    is_bool,
    is_id,
    is_reference,
    is_text,
    needed,
    nullable,
)
from merpati.wire.sieve import program
from merpati.wire.sieve.program import SieveFault

if TYPE_CHECKING:
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds

SIEVE: Final = "urn:ietf:params:jmap:sieve"
NAME_MAX: Final = 512  # octets, as RFC 9661 1.3.1 wants


def capability(settings: SieveSettings) -> dict[str, Any]:
    """What an account can do with scripts (RFC 9661 1.3.1)."""
    return {
        "maxSizeScriptName": NAME_MAX,
        "maxSizeScript": sieve.SIZE_MAX,
        "maxNumberScripts": sieve.SCRIPTS_MAX,
        "maxNumberRedirects": settings.redirects,
        "sieveExtensions": EXTENSIONS,
        "notificationMethods": NOTIFY_METHODS,
        "externalLists": None,
    }


class Compiled(NamedTuple):
    """A script's text, and its program."""

    source: bytes
    program: bytes


class _New(NamedTuple):
    name: str | None
    compiled: Compiled


def _is_name(value: Any) -> bool:
    if not is_text(value) or not value.isprintable():
        return False
    return 0 < len(value.encode("utf-8", "replace")) <= NAME_MAX


class SieveScripts(Rows):
    """The data type; `compiled`: the new texts that a /set names, by their blob ids."""

    name: ClassVar[str] = "SieveScript"
    capability: ClassVar[str] = SIEVE
    kinds: ClassVar[Kinds | None] = object_changes.SCRIPTS
    letter: ClassVar[str] = "Z"
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "name": Property(nullable(_is_name), None),
        "blobId": Property(is_reference),
        "isActive": server_set(),
    }
    set_arguments: ClassVar[Mapping[str, Argument]] = {
        "onSuccessActivateScript": Argument(nullable(is_reference)),
        "onSuccessDeactivateScript": Argument(nullable(is_bool)),
    }
    conditions: ClassVar[Mapping[str, Check]] = {"name": is_text, "isActive": is_bool}
    sorts: ClassVar[frozenset[str]] = frozenset({"name", "isActive"})

    def __init__(self, compiled: Mapping[str, Compiled | SetFault] | None = None) -> None:
        self._compiled = compiled or {}

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 9661 2.1."""
        return await _every(tx, access)

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """RFC 9661 2.3."""
        if name == "name":
            return value.casefold() in one["name"].casefold()
        return bool(one[name] == value)

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> _New:
        """RFC 9661 2.2."""
        new = new_object(self.properties, given)
        return _New(new["name"], await compiled(call, access, new["blobId"]))

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: _New
    ) -> dict[str, Any]:
        """RFC 9661 2.2."""
        known = {one.name: one for one in await sieve.scripts(tx, access.account_id)}
        name = new.name
        if name is None:
            name = next(f"script {n}" for n in range(1, 10_000) if f"script {n}" not in known)
        if name in known:
            existing = self.id_of(known[name].id)
            raise SetFault("alreadyExists", "a script has that name", existingId=existing)
        made = await sieve.put(
            tx, access.account_id, name, new.compiled.source, new.compiled.program, call.now()
        )
        blob_id = script_blob(made.id, new.compiled.source)
        return {"id": self.id_of(made.id), "name": name, "blobId": blob_id, "isActive": False}

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 9661 2.2."""
        old, new = update.old, update.new
        name = new["name"] or old["name"]
        text: Compiled | None = None
        if new["blobId"] != old["blobId"]:
            known = self._compiled.get(new["blobId"])
            if not isinstance(known, Compiled):
                raise known or SetFault("blobNotFound", notFound=[new["blobId"]])
            text = known
        if name != old["name"]:
            other = await sieve.find(tx, access.account_id, name)
            if other is not None:
                existing = self.id_of(other.id)
                raise SetFault("alreadyExists", "a script has that name", existingId=existing)
        if text is not None:
            await sieve.put(
                tx, access.account_id, old["name"], text.source, text.program, call.now()
            )
        if name != old["name"]:
            await sieve.rename(tx, access.account_id, old["name"], name)
        if text is None:
            return None
        return {"blobId": script_blob(self.number_of(update.id), text.source)}

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 9661 2.2."""
        found = await self.current(tx, call, access, id_)
        if found is None:
            raise SetFault("notFound")
        if found["isActive"]:
            raise SetFault("sieveIsActive", "activate another script first, or none")
        await sieve.remove(tx, access.account_id, found["name"])

    async def last(
        self,
        tx: Transaction,
        call: Call,
        access: Access,
        arguments: Mapping[str, Any],
        outcome: Outcome,
    ) -> None:
        """RFC 9661 2.2: one is activated, or none is active, once all else has succeeded."""
        wanted = arguments["onSuccessActivateScript"]
        if any(outcome.refused.values()) or not (wanted or arguments["onSuccessDeactivateScript"]):
            return
        every = {one["id"]: one for one in await _every(tx, access)}
        chosen = every.get(call.real(wanted) or "") if wanted else None
        if wanted and chosen is None:
            return
        await sieve.activate(tx, access.account_id, chosen["name"] if chosen else "")
        made = {one["id"]: one for one in outcome.created.values()}
        for id_, one in every.items():
            is_active = one is chosen
            if is_active != one["isActive"]:
                told = made.get(id_)
                if told is None:
                    told = outcome.updated[id_] = outcome.updated.get(id_) or {}
                told["isActive"] = is_active


async def _every(tx: Transaction, access: Access) -> list[dict[str, Any]]:
    found = []
    for one in await sieve.scripts(tx, access.account_id):
        source = await sieve.source(tx, access.account_id, one.name)
        found.append({
            "id": SieveScripts.id_of(one.id), "name": one.name,
            "blobId": script_blob(one.id, source), "isActive": one.is_active,
        })  # fmt: skip
    return found


async def compiled(call: Call, access: Access, blob_id: str) -> Compiled:
    """The script that a blob holds. Raises SetFault blobNotFound, tooLarge, invalidSieve."""
    name = object_ids.read_blob(call.real(blob_id) or "")
    file = None if name is None else await Files(call.services).find(access, name)
    if file is None:
        raise SetFault("blobNotFound", "there is no such file", notFound=[blob_id])
    if file.size > sieve.SIZE_MAX:
        text = f"a script has at most {sieve.SIZE_MAX} bytes"
        raise SetFault("tooLarge", text, maxSize=sieve.SIZE_MAX)
    source = bytes(file.whole())
    try:
        return Compiled(source, program.encode(await scripts.compiled_from(source)))
    except SieveFault as fault:
        raise SetFault("invalidSieve", fault.text) from None


def set_(kind: SieveScripts) -> Method:
    """SieveScript/set (RFC 9661 2.2): what is new is compiled before the transaction."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments, access = writing.check_set(call, given, kind)
        found: dict[str, Compiled | SetFault] = {}
        for patch in arguments["update"].values():
            blob_id = patch.get("blobId")
            if is_reference(blob_id) and blob_id not in found:
                try:
                    found[blob_id] = await compiled(call, access, blob_id)
                except SetFault as fault:
                    found[blob_id] = fault
        return await writing.carry_out(SieveScripts(found), call, access, arguments)

    return Method(kind.capability, run)


def validate() -> Method:
    """SieveScript/validate (RFC 9661 2.5)."""
    table = {"accountId": needed(is_id), "blobId": needed(is_reference)}

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"], SIEVE)
        error = None
        try:
            await compiled(call, access, arguments["blobId"])
        except SetFault as fault:
            error = fault.error()
        answer = {"accountId": arguments["accountId"], "error": error}
        return [("SieveScript/validate", answer)]

    return Method(SIEVE, run)
