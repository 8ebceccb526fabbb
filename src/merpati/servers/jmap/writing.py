"""Foo/set (RFC 8620 5.3) of any data type: creation ids, patches, and one transaction for all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from merpati.base import faults
from merpati.base.faults import Fault
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.kind import REQUIRED, Answer, Kind, Outcome, Property, Update
from merpati.store.engine import UNDONE, Transaction
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


def refuse(outcome: Outcome, which: str, id_: str, fault: Fault) -> None:
    """Note why an object was left alone; a fault that concerns all is raised again."""
    known = set_fault(fault)
    if known is None:
        raise fault
    outcome.refused[which][id_] = known.error()


def answer(outcome: Outcome, account: str) -> dict[str, Any]:
    """The arguments of the response."""
    return {
        "accountId": account,
        "oldState": outcome.old_state,
        "newState": outcome.new_state,
        "created": outcome.created or None,
        "updated": outcome.updated or None,
        "destroyed": outcome.destroyed or None,
        **{name: refused or None for name, refused in outcome.refused.items()},
    }


# Faults after which nothing of a transaction has happened.
FAILED: Final = UNDONE | {faults.Kind.SYNTAX}

PASSES_MAX: Final = 24  # more than mailboxes can lie in each other

SET_ARGUMENTS: Final = {
    "accountId": needed(is_id),
    "ifInState": Argument(nullable(is_text)),
    "create": Argument(nullable(map_of(is_id, is_object))),
    "update": Argument(nullable(map_of(is_reference, is_object))),
    "destroy": Argument(nullable(list_of(is_reference))),
}


def check_set(call: Call, given: dict[str, Any], kind: Kind) -> tuple[dict[str, Any], Access]:
    """The arguments of a /set, within the limits, and the account it changes."""
    arguments = check_arguments(given, {**SET_ARGUMENTS, **kind.set_arguments})
    access = call.access(arguments["accountId"], kind.capability, write=True)
    for name in ("create", "update"):
        arguments[name] = arguments[name] or {}
    arguments["destroy"] = arguments["destroy"] or []
    acts = len(arguments["create"]) + len(arguments["update"]) + len(arguments["destroy"])
    if acts > call.settings.objects_in_set:
        raise MethodFault("requestTooLarge")
    arguments["destroy"] = list(dict.fromkeys(arguments["destroy"]))
    return arguments, access


def set_(kind: Kind) -> Method:
    """Foo/set (RFC 8620 5.3): all in one transaction, so that `ifInState` holds throughout."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments, access = check_set(call, given, kind)
        return await carry_out(kind, call, access, arguments)

    return Method(kind.capability, run)


async def carry_out(kind: Kind, call: Call, access: Access, arguments: Mapping[str, Any]) -> Answer:
    """A /set whose arguments have been checked."""
    await kind.refresh(call, access)
    arguments = {**arguments, "update": await _changed(kind, call, access, arguments["update"])}
    before = dict(call.created)
    prepared: dict[str, Any] = {}

    async def unit(tx: Transaction) -> Outcome:
        call.created = dict(before)  # it may run again
        return await _set(tx, kind, call, access, arguments, prepared)

    undone = True
    try:
        for creation_id, new in arguments["create"].items():
            prepared[creation_id] = await prepare(kind, call, access, new, arguments)
        undone = False
        outcome = await call.services.store.write(unit)
    except BaseException as problem:
        call.created = before
        # Nobody knows whether a transaction has happened whose end was not seen.
        undone = undone or (isinstance(problem, Fault) and problem.kind in FAILED)
        await kind.settle(call, prepared.values(), undone=undone)
        raise
    await kind.settle(call, prepared.values(), undone=False)
    return [(f"{kind.name}/set", answer(outcome, arguments["accountId"]))]


async def prepare(
    kind: Kind, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
) -> Any:
    """What `kind.create` makes an object of, or the SetFault that says why it cannot be made."""
    try:
        return await kind.prepare(call, access, given, arguments)
    except Fault as fault:
        known = set_fault(fault)
        if known is None:
            raise
        return known


async def _set(
    tx: Transaction, kind: Kind, call: Call, access: Access, arguments: Mapping[str, Any],
    prepared: Mapping[str, Any],
) -> Outcome:  # fmt: skip
    outcome = Outcome()
    outcome.old_state = await kind.state(tx, access)
    check_state(arguments["ifInState"], outcome.old_state)
    acts = _acts(tx, kind, call, access, arguments, prepared, outcome)
    await _all(acts, outcome, partial(kind.untangle, tx, call, access))
    await kind.last(tx, call, access, arguments, outcome)
    outcome.new_state = await kind.state(tx, access)
    return outcome


class _Act(NamedTuple):
    """One object to be created, updated (by a patch) or destroyed."""

    refusals: str  # where it is told that it could not be done
    id: str
    patch: dict[str, Any] | None
    do: Callable[[], Awaitable[None]]


def _acts(
    tx: Transaction, kind: Kind, call: Call, access: Access, arguments: Mapping[str, Any],
    prepared: Mapping[str, Any], outcome: Outcome,
) -> list[_Act]:  # fmt: skip
    """All that a /set asks for, in order."""
    going = arguments["destroy"]

    async def create(creation_id: str, given: dict[str, Any]) -> None:
        made = await kind.create(tx, call, access, prepared[creation_id])
        call.created[creation_id] = made["id"]
        if kind.tells_defaults:
            defaults = _defaults(kind.properties, given)
            offered = kind.offered(call.using)
            made = {name: one for name, one in defaults.items() if name in offered} | made
        outcome.created[creation_id] = made

    async def update(reference: str, patch: dict[str, Any]) -> None:
        id_ = existing(call, reference)
        if going and id_ in map(call.real, going):
            raise SetFault("willDestroy")
        outcome.updated[id_] = await _update(tx, kind, call, access, id_, patch)

    async def destroy(reference: str) -> None:
        id_ = existing(call, reference)
        await kind.destroy(tx, call, access, id_, arguments)
        outcome.destroyed.append(id_)

    acts = []
    for creation_id, given in in_order(arguments["create"]):
        new = prepared[creation_id]
        if isinstance(new, SetFault):
            refuse(outcome, "notCreated", creation_id, new)
        else:
            acts.append(_Act("notCreated", creation_id, None, partial(create, creation_id, given)))
    for reference, patch in arguments["update"].items():
        acts.append(_Act("notUpdated", reference, patch, partial(update, reference, patch)))
    return acts + [
        _Act("notDestroyed", reference, None, partial(destroy, reference))
        for reference in kind.destroy_order(going)
    ]


async def _all(
    acts: list[_Act],
    outcome: Outcome,
    untangle: Callable[[dict[str, Any]], Awaitable[Collection[str]]],
) -> None:
    """Do them; what could not be done is tried again after the others.

    For only the end of a /set has to be valid (RFC 8620 5.3): a mailbox may get the name of
    one that is destroyed by the same call, or be destroyed with its children. When none of
    what is left can be first, the type may find a way.
    """
    freed: Collection[str] = ()
    for _ in range(PASSES_MAX):
        refused: list[tuple[_Act, Fault]] = []
        for act in acts:
            try:
                await act.do()
            except Fault as fault:
                if set_fault(fault) is None:
                    raise
                refused.append((act, fault))
        if not refused:
            break
        if any(act.id in freed for act, _ in refused):  # nothing may stay half-way
            raise MethodFault("serverFail", "these objects could not change places")
        if len(refused) == len(acts):
            freed = await untangle({
                act.id: act.patch for act, _ in refused if act.patch is not None
            })  # fmt: skip
            if not freed:
                break
        acts = [act for act, _ in refused]
    for act, why in refused:
        refuse(outcome, act.refusals, act.id, why)


def _defaults(properties: Mapping[str, Property], given: Mapping[str, Any]) -> dict[str, Any]:
    """What a client left out, and so has its default (RFC 8620 5.3)."""
    return {
        name: one.default
        for name, one in properties.items()
        if not one.server_set and name not in given and one.default is not REQUIRED
    }


async def _changed(
    kind: Kind, call: Call, access: Access, update: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """The patches without what is sent back as it is (RFC 8620 5.3: that is no change).

    Only of those properties that are not looked at in the transaction, because it takes long and
    few clients send them.
    """
    found = dict(update)
    for reference, patch in update.items():
        names = [name for name in patch if kind.is_only_got(name.partition("/")[0])]
        if names:
            same = await _as_it_is(kind, call, access, reference, patch, names)
            found[reference] = {name: one for name, one in patch.items() if name not in same}
    return found


async def _as_it_is(
    kind: Kind, call: Call, access: Access, reference: str, patch: dict[str, Any], names: list[str]
) -> frozenset[str]:
    """Those of some properties that have the values of a patch."""
    try:
        kind.check_properties(names, call.using)
    except MethodFault:
        return frozenset()
    arguments = check_arguments({}, kind.get_arguments)
    wanted = frozenset({*names, "id"})
    got = await kind.get(call, access, [call.real(reference) or ""], wanted, arguments)
    if not got.objects:
        return frozenset()
    [one] = got.objects
    return frozenset(name for name in names if one.get(name) == patch[name])


async def _update(
    tx: Transaction, kind: Kind, call: Call, access: Access, id_: str, patch: dict[str, Any]
) -> dict[str, Any] | None:
    old = await kind.current(tx, call, access, id_)
    if old is None:
        raise SetFault("notFound")
    new, touched = patched_object(kind.properties, old, kind.patch(call, patch))
    kind.check_offered(touched, call.using)
    return await kind.update(tx, call, access, Update(id_, old, new))


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


def patched_object(
    properties: Mapping[str, Property], old: dict[str, Any], patch: dict[str, Any]
) -> tuple[dict[str, Any], frozenset[str]]:
    """An object after its patch, and the properties that the patch named.

    Raises:
        SetFault: invalidPatch, invalidProperties.
    """
    touched = patches.touched(patch)
    defaults = {
        name: one.default for name, one in properties.items() if one.default is not REQUIRED
    }
    new = patches.apply(old, patch, defaults)
    if unknown := [name for name in touched if name not in properties]:
        raise wrong(f"there is no property {unknown[0][:100]!r}", *unknown)
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
