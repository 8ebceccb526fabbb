"""The commands of the language: what each adds to the actions, the message or the variables."""

from __future__ import annotations

from collections.abc import Callable, Generator
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import addresses, headers
from merpati.wire.sieve import checks, dates, edits, matching
from merpati.wire.sieve.actions import (
    Discard,
    Fcc,
    FileInto,
    Keep,
    Notify,
    Redirect,
    Reject,
    Vacation,
)
from merpati.wire.sieve.budget import Stopped
from merpati.wire.sieve.edits import PROTECTED
from merpati.wire.sieve.examine import how, methods_valid
from merpati.wire.sieve.parts import is_readable
from merpati.wire.sieve.questions import Question
from merpati.wire.sieve.running import flag_list

if TYPE_CHECKING:
    from merpati.wire.sieve.edits import Entry
    from merpati.wire.sieve.program import Step
    from merpati.wire.sieve.running import Run

Acting = Generator[Question, Any, None]
"""A command under way that asks."""

DAY: Final = 86_400  # seconds
MAX_DAYS: Final = 3_650
MAX_REASON: Final = 64_000  # characters that a script may say to a sender

_MODIFIERS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (  # RFC 5229 4.1, in order
    ("lower", lambda text: text.encode().lower().decode()),
    ("upper", lambda text: text.encode().upper().decode()),
    ("lowerfirst", lambda text: text[:1].encode().lower().decode() + text[1:]),
    ("upperfirst", lambda text: text[:1].encode().upper().decode() + text[1:]),
    ("quotewildcard", matching.quote_wildcards),
    ("quoteregex", matching.quote_regex),
    ("encodeurl", lambda text: quote(text, safe="-._~")),
    ("length", lambda text: str(len(text))),
)
_DELIVERING: Final = {FileInto: "filed", Redirect: "redirected", Vacation: "answered"}


# -- where the message goes ------------------------------------------------------------------


def keep(run: Run, step: Step) -> None:
    """RFC 5228 4.3."""
    _refuse_beside_reject(run, "kept")
    run.implicit_keep = False
    _file(run, Keep(run.own_flags(step), edition=run.edition(run.view), line=step.line))
    run.note(step.line, "action", command="keep", what="the message is kept")


def discard(run: Run, step: Step) -> None:
    """RFC 5228 4.4."""
    run.implicit_keep = False
    run.act(Discard(step.line))
    run.note(step.line, "action", command="discard", what="no copy is kept because of this rule")


def fileinto(run: Run, step: Step) -> None:
    """RFC 5228 4.1."""
    mailbox = run.string(step.arguments[0])
    if checks.CHECKS["mailbox"](mailbox):
        raise Stopped("bad-mailbox", name=repr(mailbox[:80]))
    _refuse_beside_reject(run, "filed")
    copy = "copy" in step.tags
    if not copy:
        run.implicit_keep = False
    _file(
        run,
        FileInto(
            mailbox,
            run.own_flags(step),
            "create" in step.tags,
            run.tag(step, "specialuse"),
            run.tag(step, "mailboxid"),
            copy,
            run.edition(run.view),
            step.line,
        ),
    )
    run.note(step.line, "action", command="fileinto", what=f'filed into "{mailbox}"')


def _file(run: Run, action: Keep | FileInto) -> None:
    """A message is filed once into each mailbox, with the flags of the last (RFC 5232 3)."""
    place = _destination(action)
    for at, other in enumerate(run.actions):
        if isinstance(other, Keep | FileInto) and _destination(other) == place:
            run.actions[at] = action
            return
    run.act(action)


def _destination(action: Keep | FileInto) -> tuple[str, str, str]:
    if isinstance(action, Keep):
        return ("INBOX", "", "")
    name = "INBOX" if action.mailbox.upper() == "INBOX" else action.mailbox
    return (name, action.special_use, action.mailbox_id)


def redirect(run: Run, step: Step) -> None:
    """RFC 5228 4.2, with the arguments of RFC 6009 and RFC 6134."""
    to_list = "list" in step.tags
    address = run.string(step.arguments[0])
    if not to_list:
        found = checks.address(address)
        if found is None:
            raise Stopped("bad-address", name=repr(address[:80]))
        address = checks.plain(found)
    _refuse_beside_reject(run, "redirected")
    copy = "copy" in step.tags
    if not copy:
        run.implicit_keep = False
    sent = [action for action in run.actions if isinstance(action, Redirect)]
    run.note(step.line, "action", command="redirect", what=f"sent on to {address}")
    if any(_alike(one, address, to_list=to_list) for one in sent):
        return
    if len(sent) >= run.budget.limits.redirects:
        raise Stopped("too-many-redirects", limit=run.budget.limits.redirects)
    notify = run.tag(step, "notify").upper()
    run.act(
        Redirect(
            address,
            copy,
            to_list,
            tuple(notify.split(",")) if notify else (),
            run.tag(step, "ret").upper(),
            _by_seconds(run, step),
            "N" if run.tag(step, "bymode").lower() == "notify" else "R",
            "bytrace" in step.tags,
            run.edition(run.sent_on or run.view),
            step.line,
        )
    )


def _alike(sent: Redirect, address: str, *, to_list: bool) -> bool:
    """Whether a message goes there already; the case of a domain means nothing (RFC 5321 2.4)."""
    if to_list or sent.to_list:
        return sent.to_list and to_list and sent.address == address
    ours, theirs = sent.address.rpartition("@"), address.rpartition("@")
    return ours[0] == theirs[0] and ours[2].lower() == theirs[2].lower()


def _by_seconds(run: Run, step: Step) -> int | None:
    """Until when, from now on (RFC 6009 7)."""
    if "bytimerelative" in step.tags:
        return run.number(step, "bytimerelative")
    if "bytimeabsolute" not in step.tags:
        return None
    text = run.tag(step, "bytimeabsolute")
    moment = dates.iso(text)
    if moment is None:
        raise Stopped("bad-value", name=repr(text[:40]), tag=":bytimeabsolute")
    return round((moment - run.envelope.now).total_seconds())


def reject(run: Run, step: Step) -> None:
    """RFC 5429 2."""
    for action in run.actions:
        if isinstance(action, Reject):
            raise Stopped("two-rejects")
        if isinstance(action, Keep | FileInto | Redirect | Vacation):
            raise Stopped("reject-conflict", other=_DELIVERING.get(type(action), "kept"))
    run.implicit_keep = False
    reason = run.string(step.arguments[0])[:MAX_REASON]
    run.act(Reject(reason, step.name == "ereject", step.line))
    run.note(step.line, "action", command=step.name, what=f'refused with "{reason[:80]}"')


def _refuse_beside_reject(run: Run, other: str) -> None:
    if any(isinstance(action, Reject) for action in run.actions):
        raise Stopped("reject-conflict", other=other)


# -- letters -----------------------------------------------------------------------------------


def vacation(run: Run, step: Step) -> None:
    """RFC 5230 4."""
    if any(isinstance(action, Vacation) for action in run.actions):
        raise Stopped("two-vacations")
    _refuse_beside_reject(run, "answered")
    reason = run.string(step.arguments[0])[:MAX_REASON]
    mime = "mime" in step.tags
    subject, sender = run.tag(step, "subject"), run.tag(step, "from")
    handle = run.tag(step, "handle")
    if not handle:  # RFC 5230 4.2: the same answer counts as the same
        seed = "\0".join([reason, subject, sender, str(mime)])
        handle = ":" + sha256(seed.encode("utf-8", "replace")).hexdigest()[:32]
    seconds = run.number(step, "seconds")
    if seconds is None:
        days = run.number(step, "days")
        seconds = DAY * (7 if days is None else max(days, 1))
    run.act(
        Vacation(
            reason,
            mime,
            subject,
            sender,
            tuple(run.texts(step.tags["addresses"])) if "addresses" in step.tags else (),
            handle,
            min(seconds, MAX_DAYS * DAY),
            _fcc(run, step),
            step.line,
        )
    )
    run.note(step.line, "action", command="vacation", what="the sender is answered, if due")


def notify(run: Run, step: Step) -> Acting:
    """RFC 5435 3."""
    method = run.string(step.arguments[0])
    if not (yield from methods_valid([method])):
        raise Stopped("bad-method", name=repr(method[:80]))
    sender = run.tag(step, "from")
    if sender and checks.uri_scheme(method) == "mailto" and checks.address(sender) is None:
        raise Stopped("bad-address", name=repr(sender[:80]))  # RFC 5435 3.3
    sent = sum(isinstance(action, Notify) for action in run.actions)
    if sent >= run.budget.limits.notifications:
        raise Stopped("too-many-notifications", limit=run.budget.limits.notifications)
    importance = run.tag(step, "importance") or "2"
    options = run.texts(step.tags["options"]) if "options" in step.tags else []
    pairs = [option.partition("=") for option in options]
    run.act(
        Notify(
            method,
            sender,
            int(importance) if importance in {"1", "2", "3"} else 2,
            tuple((name, value) for name, equals, value in pairs if equals),
            run.tag(step, "message")[:MAX_REASON],
            _fcc(run, step),
            step.line,
        )
    )
    run.note(step.line, "action", command="notify", what=f"told {method}")


def _fcc(run: Run, step: Step) -> Fcc | None:
    """Where a copy of the letter goes (RFC 8580 3)."""
    if "fcc" not in step.tags:
        return None
    mailbox = run.tag(step, "fcc")
    if checks.CHECKS["mailbox"](mailbox):
        raise Stopped("bad-mailbox", name=repr(mailbox[:80]))
    flags = step.tags.get("flags")
    return Fcc(
        mailbox,
        tuple(flag_list(run.texts(flags))) if flags is not None else None,
        "create" in step.tags,
        run.tag(step, "specialuse"),
        run.tag(step, "mailboxid"),
    )


# -- flags and variables -------------------------------------------------------------------------


def change_flags(run: Run, step: Step) -> None:
    """setflag, addflag and removeflag (RFC 5232 3)."""
    given = flag_list(run.texts(step.arguments[-1]))
    variable = run.string(step.arguments[0]) if len(step.arguments) == 2 else ""
    old = flag_list([run.get(variable)]) if variable else run.flags or []
    if step.name == "setflag":
        new = given
    elif step.name == "addflag":
        new = flag_list([*old, *given])
    else:
        doomed = {flag.lower() for flag in given}
        new = [flag for flag in old if flag.lower() not in doomed]
    if variable:
        run.set(variable, " ".join(new))
    else:
        run.flags = new
    run.note(step.line, "flags", flags=list(new))


def set_variable(run: Run, step: Step) -> None:
    """RFC 5229 4."""
    name, value = run.string(step.arguments[0]), run.string(step.arguments[1])
    value = _modified(value, step)
    run.set(name, value)
    run.note(step.line, "set", name=name, value=f'"{value[:100]}"')


def _modified(value: str, step: Step) -> str:
    for name, change in _MODIFIERS:
        if name in step.tags:
            value = change(value)
    return value


def make_global(run: Run, step: Step) -> None:
    """RFC 6609 3.4.1."""
    frame = run.frame
    for name in run.texts(step.arguments[0]):
        key = name.lower()
        if key in frame.variables:
            raise Stopped("global-exists", name=name)
        frame.globals.add(key)


def extract_text(run: Run, step: Step) -> None:
    """RFC 5703 7."""
    name = run.string(step.arguments[0])
    part = run.part()
    said = ""
    if part is not None and part.type != "multipart" and is_readable(part):
        said = run.bodies.words(part)
    first = run.number(step, "first")
    if first is not None:
        said = said[:first]
    value = _modified(said[: run.budget.limits.variable], step)
    run.set(name, value)
    run.note(step.line, "set", name=name, value=f'"{value[:100]}"')


# -- changes to the message ----------------------------------------------------------------------


def add_header(run: Run, step: Step) -> None:
    """RFC 5293 4."""
    name, value = run.string(step.arguments[0]), run.string(step.arguments[1])
    if checks.CHECKS["header"](name):
        raise Stopped("bad-header", name=repr(name[:80]))
    if name.lower() in PROTECTED:
        run.note(step.line, "edit", command="addheader", what=f"{name} cannot be added")
        return
    run.view.add(name, edits.field_value(value), last="last" in step.tags)
    run.note(step.line, "edit", command="addheader", what=f"{name}: {value[:80]}")


def delete_header(run: Run, step: Step) -> None:
    """RFC 5293 5."""
    name = run.string(step.arguments[0])
    if checks.CHECKS["header"](name):
        raise Stopped("bad-header", name=repr(name[:80]))
    key = name.lower()
    found = [entry for entry in run.view.entries if entry.key == key]
    index = run.number(step, "index")
    if index is not None:
        at = len(found) - index if "last" in step.tags else index - 1
        found = found[at : at + 1] if 0 <= at < len(found) else []
    if len(step.arguments) == 2:
        found = _matching(run, step, found, run.texts(step.arguments[1]))
    if key in PROTECTED:
        found = []
    run.view.delete(found)
    run.note(step.line, "edit", command="deleteheader", what=f"{len(found)} of {name}")


def _matching(run: Run, step: Step, found: list[Entry], keys: list[str]) -> list[Entry]:
    way = how(run, step)
    if way.kind == "count":
        return found if matching.count(len(found), keys, way) is not None else []
    return [
        entry
        for entry in found
        if matching.find(run.decoded([entry.raw]), keys, way, run.budget) is not None
    ]


def replace(run: Run, step: Step) -> None:
    """RFC 5703 5."""
    text = run.string(step.arguments[0])
    data = edits.entity(text, mime="mime" in step.tags)
    part = run.part()
    if part is not None and part is not run.view.root:
        run.view.replace_part(part, data.removesuffix(b"\r\n"))
        run.note(step.line, "edit", command="replace", what=f"a part of {part.type}/{part.subtype}")
        return
    for name in ("subject", "from"):
        if name in step.tags:
            _set_aside(run, name, _replacement(run, step, name))
    run.view.replace_body(data)
    run.note(step.line, "edit", command="replace", what="the whole message")


def _replacement(run: Run, step: Step, name: str) -> bytes:
    value = run.tag(step, name)
    if name == "subject":
        return edits.field_value(value)
    found = checks.mailbox_list(value)
    if found is None:
        raise Stopped("bad-address", name=repr(value[:80]))
    try:
        return addresses.format(found)
    except SyntaxFault:
        raise Stopped("bad-address", name=repr(value[:80])) from None


def _set_aside(run: Run, name: str, value: bytes) -> None:
    """Give a field a new value and keep the old one as Original-... (RFC 5703 5)."""
    old = [entry for entry in run.view.entries if entry.key == name]
    run.view.delete(old)
    for entry in old[:1]:
        run.view.add(f"Original-{name.title()}", headers.unfold(entry.raw), last=True)
    run.view.add(name.title(), value, last=True)


def enclose(run: Run, step: Step) -> None:
    """RFC 5703 6: what redirect sends stays as it was."""
    run.sent_on = run.sent_on or run.view
    copied = run.texts(step.tags["headers"]) if "headers" in step.tags else []
    made = edits.enclose(
        run.view,
        run.envelope,
        subject=run.tag(step, "subject"),
        copied=[name.lower() for name in copied if not checks.CHECKS["header"](name)],
        text=run.string(step.arguments[0]),
    )
    run.show(made)
    for frame in run.frames:  # the parts that loops went through are no more
        frame.base = None
        for loop in frame.loops:
            loop.parts, loop.part = iter(()), run.view.root
    run.note(step.line, "edit", command="enclose", what="the message is now within a new one")


ACTIONS: Final[dict[str, Callable[[Run, Step], None]]] = {
    "addflag": change_flags,
    "addheader": add_header,
    "deleteheader": delete_header,
    "discard": discard,
    "enclose": enclose,
    "ereject": reject,
    "extracttext": extract_text,
    "fileinto": fileinto,
    "global": make_global,
    "keep": keep,
    "redirect": redirect,
    "reject": reject,
    "removeflag": change_flags,
    "replace": replace,
    "set": set_variable,
    "setflag": change_flags,
    "vacation": vacation,
}
"""What commands do, by name."""
