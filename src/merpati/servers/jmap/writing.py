"""Foo/set (RFC 8620 5.3) of any data type: creation ids, patches, and one transaction for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from merpati.base.faults import Fault
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.kind import REQUIRED, Answer, Kind, Property
from merpati.store.engine import Transaction
from merpati.wire.jmap import patches
from merpati.wire.jmap.faults import MethodFault, SetFault, set_fault, wrong
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_object,
    is_reference,
    is_text,
    list_of,
    map_of,
    needed,
    nullable,
)


class _Outcome:
    """What one /set has done so far."""

    def __init__(self) -> None:
        self.created: dict[str, dict[str, Any]] = {}
        self.updated: dict[str, dict[str, Any] | None] = {}
        self.destroyed: list[str] = []
        self.refused: dict[str, dict[str, dict[str, Any]]] = {
            "notCreated": {}, "notUpdated": {}, "notDestroyed": {},
        }  # fmt: skip
        self.old_state = ""
        self.new_state = ""

    def refuse(self, which: str, id_: str, fault: Fault) -> None:
        """Note why an object was left alone; a fault that concerns all is raised again."""
        known = set_fault(fault)
        if known is None:
            raise fault
        self.refused[which][id_] = known.error()

    def answer(self, account: str) -> dict[str, Any]:
        """The arguments of the response."""
        return {
            "accountId": account,
            "oldState": self.old_state,
            "newState": self.new_state,
            "created": self.created or None,
            "updated": self.updated or None,
            "destroyed": self.destroyed or None,
            **{name: refused or None for name, refused in self.refused.items()},
        }


SET_ARGUMENTS: Final = {
    "accountId": needed(is_id),
    "ifInState": Argument(nullable(is_text)),
    "create": Argument(nullable(map_of(is_id, is_object))),
    "update": Argument(nullable(map_of(is_reference, is_object))),
    "destroy": Argument(nullable(list_of(is_reference))),
}


def check_set(
    call: Call, given: dict[str, Any], more: Mapping[str, Argument]
) -> tuple[dict[str, Any], Access]:
    """The arguments of a /set, within the limits, and the account it changes."""
    arguments = check_arguments(given, {**SET_ARGUMENTS, **more})
    access = call.access(arguments["accountId"], write=True)
    for name in ("create", "update"):
        arguments[name] = arguments[name] or {}
    arguments["destroy"] = list(dict.fromkeys(arguments["destroy"] or ()))
    acts = len(arguments["create"]) + len(arguments["update"]) + len(arguments["destroy"])
    if acts > call.settings.objects_in_set:
        raise MethodFault("requestTooLarge")
    return arguments, access


def set_(kind: Kind) -> Method:
    """Foo/set (RFC 8620 5.3): all in one transaction, so that `ifInState` holds throughout."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments, access = check_set(call, given, kind.set_arguments)
        before = dict(call.created)

        async def unit(tx: Transaction) -> _Outcome:
            call.created = dict(before)  # it may run again
            return await _set(tx, kind, call, access, arguments)

        try:
            outcome = await call.services.store.write(unit)
        except BaseException:
            call.created = before
            raise
        return [(f"{kind.name}/set", outcome.answer(arguments["accountId"]))]

    return Method(kind.capability, run)


async def _set(
    tx: Transaction, kind: Kind, call: Call, access: Access, arguments: Mapping[str, Any]
) -> _Outcome:
    outcome = _Outcome()
    outcome.old_state = await kind.state(tx, access)
    check_state(arguments["ifInState"], outcome.old_state)
    for creation_id, given in in_order(arguments["create"]):
        try:
            made = await kind.create(tx, call, access, new_object(kind.properties, given))
            outcome.created[creation_id] = made
            call.created[creation_id] = made["id"]
        except Fault as fault:
            outcome.refuse("notCreated", creation_id, fault)
    going = {call.real(id_) for id_ in arguments["destroy"]}
    for reference, patch in arguments["update"].items():
        try:
            id_ = existing(call, reference)
            if id_ in going:
                raise SetFault("willDestroy")
            outcome.updated[id_] = await _update(tx, kind, call, access, id_, patch)
        except Fault as fault:
            outcome.refuse("notUpdated", reference, fault)
    for reference in kind.destroy_order(arguments["destroy"]):
        try:
            id_ = existing(call, reference)
            await kind.destroy(tx, call, access, id_, arguments)
            outcome.destroyed.append(id_)
        except Fault as fault:
            outcome.refuse("notDestroyed", reference, fault)
    outcome.new_state = await kind.state(tx, access)
    return outcome


async def _update(
    tx: Transaction, kind: Kind, call: Call, access: Access, id_: str, patch: dict[str, Any]
) -> dict[str, Any] | None:
    old = await kind.current(tx, call, access, id_)
    if old is None:
        raise SetFault("notFound")
    new, touched = patched_object(kind.properties, old, patch)
    return await kind.update(tx, call, access, id_, old, new, touched)


def check_state(wanted: str | None, state: str) -> None:
    """Raise MethodFault when a client would change what it has not seen."""
    if wanted is not None and wanted != state:
        raise MethodFault("stateMismatch")


def existing(call: Call, reference: str) -> str:
    """The id of an object to be changed. Raises SetFault notFound."""
    id_ = call.real(reference)
    if id_ is None:
        raise SetFault("notFound", f"nothing was created as {reference[1:][:100]!r}")
    return id_


def in_order(create: Mapping[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """New objects, each after those of the same call that it refers to."""
    waiting = dict(create)
    ordered: list[tuple[str, dict[str, Any]]] = []
    while waiting:
        ready = [
            key
            for key, one in waiting.items()
            if not any(
                isinstance(value, str) and value[:1] == "#" and value[1:] in waiting
                for value in one.values()
            )
        ]
        ordered += [(key, waiting.pop(key)) for key in ready or list(waiting)]
    return ordered


def new_object(properties: Mapping[str, Property], given: dict[str, Any]) -> dict[str, Any]:
    """A new object with its defaults.

    Raises:
        SetFault: invalidProperties, naming all that are unknown, missing or wrong.
    """
    bad = [name for name in given if name not in properties or properties[name].server_set]
    new = {}
    for name, property_ in properties.items():
        if property_.server_set:
            continue
        if name not in given:
            if property_.default is REQUIRED:
                bad.append(name)
            new[name] = property_.default
        elif not property_.check(given[name]):
            bad.append(name)
        else:
            new[name] = given[name]
    if bad:
        raise wrong("these properties are unknown, missing or have a wrong value", *bad)
    return new


def patched_object(
    properties: Mapping[str, Property], old: dict[str, Any], patch: dict[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """An object after its patch, and the properties that the patch named.

    Raises:
        SetFault: invalidPatch, invalidProperties.
    """
    touched = patches.touched(patch)
    if unknown := [name for name in touched if name not in properties]:
        raise wrong(f"there is no property {unknown[0][:100]!r}", *unknown)
    defaults = {
        name: one.default for name, one in properties.items() if one.default is not REQUIRED
    }
    new = patches.apply(old, patch, defaults)
    bad = []
    for name in touched:
        one = properties[name]
        if one.server_set or one.immutable:
            if new[name] != old.get(name):  # RFC 8620 5.3: the same value again is no change
                bad.append(name)
        elif not one.check(new[name]):
            bad.append(name)
    if bad:
        raise wrong("these properties cannot have that value", *bad)
    return new, touched
