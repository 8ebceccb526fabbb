"""The tests of the language: what each finds in the message or asks of the world.

A test that compares may have to look into a list of the server's (`:list`), so it is a
generator. What it saw is noted for the explanation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, Final

from merpati.wire.mime import comments, headers, words
from merpati.wire.mime import dates as mime_dates
from merpati.wire.mime.addresses import mailbox
from merpati.wire.sieve import checks, dates, mailto, matching, questions
from merpati.wire.sieve.actions import Remembered
from merpati.wire.sieve.arguments import MATCH_TYPES
from merpati.wire.sieve.budget import Stopped
from merpati.wire.sieve.matching import How
from merpati.wire.sieve.parts import element, part_fields, walk
from merpati.wire.sieve.questions import Question
from merpati.wire.sieve.running import flag_list
from merpati.wire.smtp.paths import Path

if TYPE_CHECKING:
    from datetime import datetime

    from merpati.wire.mime.tree import Part
    from merpati.wire.sieve.program import Step
    from merpati.wire.sieve.running import Run

Examined = Generator[Question, Any, bool]
"""A test under way."""

MAX_VALUES: Final = 2_000  # values of one test that are looked at

_SPECIAL: Final = re.compile(r'[\s"(),:;<>@\[\\\]]')  # wants quotes (RFC 5322 3.2.3)
_ADDRESS_PARTS: Final = ("all", "localpart", "domain", "user", "detail")
_MAILTO_CAN: Final = {"online": "maybe", "fcc": "yes"}  # RFC 5436 3, RFC 8580 6.1
_MIME_PARTS: Final = ("type", "subtype", "contenttype", "param")


# -- matching ----------------------------------------------------------------------------


def how(run: Run, step: Step) -> How:
    """The match type and comparator of a test."""
    comparator = run.tag(step, "comparator").lower() or How().comparator
    for kind in MATCH_TYPES:
        if kind in step.tags:
            relation = run.tag(step, kind).lower() if kind in {"count", "value"} else ""
            return How(kind, comparator, relation)
    return How(comparator=comparator)


def compare(
    run: Run, step: Step, values: list[str], keys: list[str], counted: int | None = None
) -> Examined:
    """Does any of the values match any of the keys? `counted` is what `:count` counts."""
    del values[MAX_VALUES:]
    way = how(run, step)
    if way.kind == "count":
        number = len(values) if counted is None else counted
        key = matching.count(number, keys, way)
        return _told(run, step, key is not None, [str(number)], keys)
    if way.kind == "list":
        if not (yield questions.ListsExist(tuple(keys))):  # RFC 6134 2.2
            raise Stopped("no-list", name=keys[0][:80])
        if not values:
            return _told(run, step, False, values, keys)
        found = yield questions.InLists(tuple(keys), tuple(values))
        if found is not None:
            run.frame.matched = (found,)
        return _told(run, step, found is not None, values, keys)
    match = matching.find(values, keys, way, run.budget) if values else None
    if match is not None and match.groups:
        run.frame.matched = match.groups
        run.budget.write(sum(map(len, match.groups)))
    return _told(run, step, match is not None, values, keys)


def _compare_known(run: Run, step: Step, value: str | None, keys: list[str]) -> Examined:
    """The same for what may be unknown: then the test fails, even one that counts nothing.

    RFC 5183 4, RFC 5435 5, RFC 5490 3.3 and 4.1.
    """
    if value is None:
        return _told(run, step, False, [], keys)
    return (yield from compare(run, step, [value], keys))


def _told(run: Run, step: Step, holds: bool, values: list[str], keys: list[str]) -> bool:
    """The result of a comparison, noted."""
    if run.explained:
        way = how(run, step)
        found = f"found {_listed(values)}, wanted {way.kind} {way.relation}".rstrip()
        _note(run, step, holds, f"{found} {_listed(keys)}", values, keys)
    return holds


def _plain(run: Run, step: Step, holds: bool, found: str) -> bool:
    """The result of another test, noted."""
    if run.explained:
        _note(run, step, holds, found, [], [])
    return holds


def _note(
    run: Run, step: Step, holds: bool, found: str, values: list[str], keys: list[str]
) -> None:
    result = "true" if holds else "false"
    run.note(
        step.line,
        "test",
        test=step.name,
        result=result,
        found=found,
        values=list(values),
        keys=list(keys),
    )


def _listed(texts: list[str]) -> str:
    shown = ", ".join(f'"{text[:60]}"' for text in texts[:5])
    if len(texts) > 5:
        shown += f" and {len(texts) - 5} more"
    return shown or "nothing"


# -- header fields -----------------------------------------------------------------------


def _fields(run: Run, step: Step, names: list[str]) -> list[tuple[str, bytes]]:
    """The fields that a test looks at, in order: lower-case names and raw values."""
    found: list[tuple[str, bytes]] = []
    keys = [name.lower() for name in names if checks.is_field_name(name)]  # RFC 5228 2.4.2.2
    for part in _parts(run, step):
        for key in keys:
            raw_values = (
                run.view.field(key) if part is None else part_fields(run.view.content, part, key)
            )
            found += [(key, raw) for raw in raw_values]
    run.budget.spend(len(names) * 5 + len(found) + sum(len(raw) for _, raw in found) // 1_000)
    index = run.number(step, "index")
    if index is None:
        return found
    if index > len(found):
        return []
    at = len(found) - index if "last" in step.tags else index - 1
    return [found[at]]


def _parts(run: Run, step: Step) -> list[Part | None]:
    """The parts whose headers a test looks at; None is the header of the message."""
    base = run.frame.base
    if "mime" not in step.tags:
        return [base]
    run.look_again()
    part = run.part()
    if "anychild" not in step.tags:
        return [part if part is not run.view.root else None]
    start = part or run.view.root
    run.budget.spend(50)
    parts = list(walk(start))
    run.budget.spend(len(parts) * 20)
    return [one if one is not run.view.root else None for one in parts]


def _header(run: Run, step: Step) -> Examined:
    names, keys = run.texts(step.arguments[0]), run.texts(step.arguments[1])
    fields = _fields(run, step, names)
    what = next((one for one in _MIME_PARTS if one in step.tags), "")
    if not what:
        values = run.decoded([raw for _, raw in fields])
    else:
        wanted = run.texts(step.tags["param"]) if what == "param" else []
        values = [text for key, raw in fields for text in element(key, raw, what, wanted)]
    return (yield from compare(run, step, values, keys))


def _exists(run: Run, step: Step) -> bool:
    names = run.texts(step.arguments[0])
    missing = [name for name in names if not _fields(run, step, [name])]
    found = f"missing: {_listed(missing)}" if missing else f"there: {_listed(names)}"
    return _plain(run, step, not missing, found)


def _address(run: Run, step: Step) -> Examined:
    names, keys = run.texts(step.arguments[0]), run.texts(step.arguments[1])
    if "mime" not in step.tags:
        names = [name for name in names if checks.holds_addresses(name)]
    part = _address_part(step)
    values: list[str] = []
    for _, raw in _fields(run, step, names):
        for entry, written in run.addresses(raw):
            shown: str | None
            if written:  # it is no address, so it has no parts (RFC 5228 2.7.4)
                shown = written if part == "all" else None
            else:
                shown = _of_address(entry.local, entry.domain, part, run.envelope.separators)
            if shown is not None:
                values.append(shown)
        if len(values) > MAX_VALUES:
            break
    return (yield from compare(run, step, values, keys))


def _address_part(step: Step) -> str:
    return next((one for one in _ADDRESS_PARTS if one in step.tags), "all")


def _of_address(local: str, domain: str, part: str, separators: str) -> str | None:
    """One part of an address; None when it has none (RFC 5228 2.7.4, RFC 5233 4)."""
    if not domain:  # the postmaster needs none
        return local if part in {"all", "localpart", "user"} else None
    if part == "all":
        return str(Path(local, domain)) if _SPECIAL.search(local) else f"{local}@{domain}"
    if part == "localpart":
        return local
    if part == "domain":
        return domain
    places = [at for at in map(local.find, separators) if at > 0]
    if part == "user":
        return local[: min(places)] if places else local
    return local[min(places) + 1 :] if places else None


def _envelope(run: Run, step: Step) -> Examined:
    parts = run.texts(step.arguments[0])
    keys = run.texts(step.arguments[1])
    values: list[str] = []
    for name in parts:
        values += _envelope_values(run, step, name.lower())
    return (yield from compare(run, step, values, keys))


def _envelope_values(run: Run, step: Step, name: str) -> list[str]:
    envelope = run.envelope
    if name in {"from", "to"}:
        address = envelope.sender if name == "from" else envelope.recipient
        if address is None:
            return []
        if not address:
            return [""]  # the null path matches "" in all its parts (RFC 5228 5.4)
        local, at, domain = address.rpartition("@")
        if not at:
            local, domain = address, ""
        elif local.startswith('"'):
            local = mailbox("", address).local
        shown = _of_address(local, domain, _address_part(step), envelope.separators)
        return [] if shown is None else [shown]
    if name == "notify":
        return [value.upper() for value in envelope.notify]
    if name in {"orcpt", "ret", "envid"}:
        value = {"orcpt": envelope.orcpt, "ret": envelope.ret, "envid": envelope.envid}[name]
        return [value] if value else []
    if envelope.by_absolute is None:
        return []
    if name == "bymode":
        return ["return" if envelope.by_mode == "R" else "notify"]
    if name == "bytrace":
        return ["trace" if envelope.by_trace else ""]
    if name == "bytimerelative":
        return [str(round((envelope.by_absolute - envelope.now).total_seconds()))]
    return [dates.part(_in_zone(run, step, envelope.by_absolute), "iso8601")]


def _size(run: Run, step: Step) -> bool:
    limit = step.arguments[0]
    assert isinstance(limit, int)
    base = run.frame.base
    size = base.body_end - base.header_start if base else len(run.view.content)
    holds = size > limit if "over" in step.tags else size < limit
    return _plain(run, step, holds, f"the message has {size} bytes")


# -- body, date ----------------------------------------------------------------------------


def _body(run: Run, step: Step) -> Examined:
    keys = run.texts(step.arguments[0])
    run.look_again()
    root = run.frame.base or run.view.root
    if "raw" in step.tags:
        values = run.bodies.raw(root)
    elif "content" in step.tags:
        values = run.bodies.of_types(root, run.texts(step.tags["content"]))
    else:
        values = run.bodies.text(root)
    matched = run.frame.matched
    holds = yield from compare(run, step, values, keys)
    run.frame.matched = matched  # a body never sets match variables (RFC 5173 6)
    return holds


def _date(run: Run, step: Step) -> Examined:
    name = run.string(step.arguments[0])
    part = run.string(step.arguments[1]).lower()
    keys = run.texts(step.arguments[2])
    values: list[str] = []
    for _, raw in _fields(run, step, [name]):
        text = comments.mask(headers.unfold(raw))
        # The date of a trace field stands behind its last semicolon (RFC 5321 4.4).
        moment = mime_dates.parse(text.rpartition(b";")[2])
        if moment is not None and part in dates.PARTS:
            values.append(dates.part(_in_zone(run, step, moment), part))
    return (yield from compare(run, step, values, keys))


def _current_date(run: Run, step: Step) -> Examined:
    part = run.string(step.arguments[0]).lower()
    keys = run.texts(step.arguments[1])
    moment = _in_zone(run, step, run.envelope.now)
    values = [dates.part(moment, part)] if part in dates.PARTS else []
    return (yield from compare(run, step, values, keys))


def _in_zone(run: Run, step: Step, moment: datetime) -> datetime:
    if "originalzone" in step.tags:
        return moment
    zone = dates.zone(run.tag(step, "zone")) if "zone" in step.tags else None
    try:
        return moment.astimezone(zone or run.envelope.now.tzinfo)
    except OverflowError:  # in the first or the last year of the calendar
        return moment


# -- variables, flags ------------------------------------------------------------------------


def _string(run: Run, step: Step) -> Examined:
    values, keys = run.texts(step.arguments[0]), run.texts(step.arguments[1])
    counted = sum(map(bool, values))
    return (yield from compare(run, step, values, keys, counted))


def _hasflag(run: Run, step: Step) -> Examined:
    keys = run.texts(step.arguments[-1])
    if len(step.arguments) == 2:
        sets = [flag_list([run.get(name)]) for name in run.texts(step.arguments[0])]
    else:
        sets = [run.flags or []]
    values = [flag for flags in sets for flag in flags]
    kind = how(run, step).kind
    if kind not in {"count", "value", "regex"}:
        keys = [word for key in keys for word in key.split()]
    return (yield from compare(run, step, values, keys))


# -- what only the server knows --------------------------------------------------------------


def _mailbox_exists(run: Run, step: Step) -> Examined:
    names = tuple(run.texts(step.arguments[0]))
    holds = bool((yield questions.MailboxExists(names)))
    return _plain(run, step, holds, f"asked for {_listed(list(names))}")


def _mailbox_id_exists(run: Run, step: Step) -> Examined:
    ids = tuple(run.texts(step.arguments[0]))
    holds = bool((yield questions.MailboxIdExists(ids)))
    return _plain(run, step, holds, f"asked for {_listed(list(ids))}")


def _special_use_exists(run: Run, step: Step) -> Examined:
    uses = tuple(run.texts(step.arguments[-1]))
    mailbox = run.string(step.arguments[0]) if len(step.arguments) == 2 else None
    holds = bool((yield questions.SpecialUseExists(uses, mailbox)))
    return _plain(run, step, holds, f"asked for {_listed(list(uses))}")


def _metadata(run: Run, step: Step) -> Examined:
    server = step.name == "servermetadata"
    mailbox = None if server else run.string(step.arguments[0])
    name, keys = run.string(step.arguments[-2]), run.texts(step.arguments[-1])
    value = yield questions.Metadata(mailbox, name)
    return (yield from _compare_known(run, step, value, keys))


def _metadata_exists(run: Run, step: Step) -> Examined:
    server = step.name == "servermetadataexists"
    mailbox = None if server else run.string(step.arguments[0])
    names = run.texts(step.arguments[-1])
    for name in names:
        if (yield questions.Metadata(mailbox, name)) is None:
            return _plain(run, step, False, f'there is no "{name[:60]}"')
    return _plain(run, step, True, f"there: {_listed(names)}")


def _duplicate(run: Run, step: Step) -> Examined:
    handle = run.tag(step, "handle")
    if "uniqueid" in step.tags:
        unique_id = run.tag(step, "uniqueid")
    else:
        name = run.tag(step, "header").lower() or "message-id"
        values = run.view.field(name) if checks.is_field_name(name) else []
        if not values:
            return _plain(run, step, False, f"the message has no {name}")
        unique_id = words.decode(values[0]).strip()
    seconds = run.number(step, "seconds")
    last = "last" in step.tags
    key = (handle, unique_id)
    if key not in run.seen:
        # Of no use is an answer from earlier in this run: RFC 7352 3 wants the same again.
        run.seen[key] = bool((yield questions.Duplicate(handle, unique_id, seconds, last)))
    seen = run.seen[key] and seconds != 0
    if seconds != 0 and (last or not seen):
        run.remembered[key] = Remembered(handle, unique_id, seconds, last)
    return _plain(run, step, seen, f'looked for "{unique_id[:80]}"')


def _environment(run: Run, step: Step) -> Examined:
    name, keys = run.string(step.arguments[0]), run.texts(step.arguments[1])
    value = yield questions.EnvironmentItem(name.lower())
    return (yield from _compare_known(run, step, value, keys))


def _spamtest(run: Run, step: Step) -> Examined:
    score = yield questions.SpamScore()
    percent = None if score is None else min(max(float(score), 0.0), 100.0)
    if "percent" in step.tags:
        value = round(percent or 0)
    else:  # 1 is clean, 10 is spam without a doubt (RFC 5235 3.2.1)
        value = 0 if percent is None else 1 + int(percent * 9 / 100)
    counted = int(percent is not None)
    return (yield from compare(run, step, [str(value)], run.texts(step.arguments[0]), counted))


def _virustest(run: Run, step: Step) -> Examined:
    value = int((yield questions.VirusScore()) or 0)
    keys = run.texts(step.arguments[0])
    return (yield from compare(run, step, [str(value)], keys, int(value > 0)))


def _valid_notify_method(run: Run, step: Step) -> Examined:
    holds = yield from methods_valid(run.texts(step.arguments[0]))
    return _plain(run, step, holds, f"asked for {_listed(run.texts(step.arguments[0]))}")


def methods_valid(methods: list[str]) -> Examined:
    """Can notifications be sent to all these URIs? (RFC 5435 4)."""
    others = []
    for method in methods:
        scheme = checks.uri_scheme(method)
        if scheme == "mailto":
            if mailto.parse(method) is None:
                return False
        elif scheme:
            others.append(method)
        else:
            return False
    return not others or bool((yield questions.MethodsValid(tuple(others))))


def _method_capability(run: Run, step: Step) -> Examined:
    method, capability = run.string(step.arguments[0]), run.string(step.arguments[1]).lower()
    keys = run.texts(step.arguments[2])
    value: str | None = None
    if (yield from methods_valid([method])):
        if checks.uri_scheme(method) != "mailto":
            value = yield questions.MethodCapability(method, capability)
        else:
            value = _MAILTO_CAN.get(capability)
    return (yield from _compare_known(run, step, value, keys))


def _valid_ext_list(run: Run, step: Step) -> Examined:
    names = tuple(run.texts(step.arguments[0]))
    holds = bool((yield questions.ListsExist(names)))
    return _plain(run, step, holds, f"asked for {_listed(list(names))}")


def _ihave(run: Run, step: Step) -> bool:
    holds = bool(step.tags.get("known"))
    return _plain(run, step, holds, f"asked for {_listed(run.texts(step.arguments[0]))}")


FACTS: Final[dict[str, Callable[[Run, Step], bool]]] = {
    "exists": _exists,
    "ihave": _ihave,
    "size": _size,
}
"""Tests that compare nothing and ask nobody, by name."""

TESTS: Final[dict[str, Callable[[Run, Step], Examined]]] = {
    "address": _address,
    "body": _body,
    "currentdate": _current_date,
    "date": _date,
    "duplicate": _duplicate,
    "envelope": _envelope,
    "environment": _environment,
    "hasflag": _hasflag,
    "header": _header,
    "mailboxexists": _mailbox_exists,
    "mailboxidexists": _mailbox_id_exists,
    "metadata": _metadata,
    "metadataexists": _metadata_exists,
    "notify_method_capability": _method_capability,
    "servermetadata": _metadata,
    "servermetadataexists": _metadata_exists,
    "spamtest": _spamtest,
    "specialuse_exists": _special_use_exists,
    "string": _string,
    "valid_ext_list": _valid_ext_list,
    "valid_notify_method": _valid_notify_method,
    "virustest": _virustest,
}
"""All other tests, by name."""
