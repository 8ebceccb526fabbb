"""Sieve scripts: what happens to mail as it comes in, and automatic replies."""

from __future__ import annotations

import argparse
import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from merpati import __version__
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.app.language import tell as _told
from merpati.base.clock import SystemClock
from merpati.base.faults import Fault, Kind
from merpati.services.filter_answers import (
    ADDRESS_BOOK,
    COLLEAGUES,
    Answers,
    Surroundings,
    list_name,
)
from merpati.services.scripts import Scripts, compiled_from, loaded
from merpati.store import directory, sieve
from merpati.store.engine import Store
from merpati.store.sieve import AutoReply
from merpati.wire.sieve import actions, edits, interpreter, questions
from merpati.wire.sieve.actions import Outcome
from merpati.wire.sieve.message import Envelope, Message, read
from merpati.wire.sieve.program import Program

GLOBAL = "everybody"  # in the place of an address: the scripts that everybody may include
SENDER = "sender@example.com"
RECIPIENT = "recipient@example.org"


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati sieve list|show|put|activate|deactivate|remove|auto-reply|test`."""
    actions_ = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    session.add_json_option(_action(actions_, "list", "the scripts of an account"))
    show = _action(actions_, "show", "the text of a script")
    show.add_argument("name")
    put = _action(actions_, "put", "store a script, in the place of one with its name")
    put.add_argument("name")
    put.add_argument("file", help="the script; -: standard input")
    put.add_argument("--activate", action="store_true", help="let it run from now on")
    activate = _action(actions_, "activate", "let a script run for the mail of an account")
    activate.add_argument("name")
    _action(actions_, "deactivate", "let no script run")
    remove = _action(actions_, "remove", "remove a script that does not run")
    remove.add_argument("name")
    reply = _action(actions_, "auto-reply", "answer everybody who writes")
    reply.add_argument("--text", help="what to say; -: standard input")
    reply.add_argument("--html", help="the same in HTML; -: standard input")
    reply.add_argument("--subject", help="else made from the subject of what is answered")
    reply.add_argument("--from", dest="since", type=_moment, help="such as 2026-12-24")
    reply.add_argument("--to", dest="until", type=_moment, help="up to this day, not included")
    reply.add_argument("--off", action="store_true", help="answer no longer")
    session.add_json_option(reply)
    test = actions_.add_parser(
        "test",
        help="explain what a script would do with a message",
        description="Explain line by line what a script would do with a message. Nothing is done.",
    )
    test.add_argument("script", help="a file; with --account the name of a stored script, too")
    test.add_argument("message", help="a file; -: standard input")
    test.add_argument("--envelope-from", metavar="ADDRESS", help='"" for the null path')
    test.add_argument("--to", metavar="ADDRESS", help="the recipient, with its detail")
    test.add_argument("--account", metavar="ADDRESS", help="whose mailboxes and scripts to look at")
    session.add_config_option(test)
    session.add_json_option(test)


def _action(actions_: Any, name: str, text: str) -> argparse.ArgumentParser:
    action: argparse.ArgumentParser = actions_.add_parser(name, help=text, description=text)
    action.add_argument("address", help=f'of the account; "{GLOBAL}": scripts for all to include')
    session.add_config_option(action)
    return action


def run(args: argparse.Namespace) -> int | None:
    """Do it."""
    if args.action == "test" and not args.account:
        return asyncio.run(_test(args))
    return session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _owner(one: Session, address: str) -> int:
    if address == GLOBAL:
        return sieve.GLOBAL
    return (await one.store.read(directory.account, address)).id


async def _list(one: Session, args: argparse.Namespace) -> None:
    owner = await _owner(one, args.address)
    found = await one.store.read(sieve.scripts, owner)
    if args.json:
        session.print_json([
            {"name": each.name, "active": each.is_active, "size": each.size,
             "modified_at": each.modified_at}
            for each in found
        ])  # fmt: skip
        return
    rows = [
        (each.name, _told("active") if each.is_active else "", each.size,
         session.show_time(each.modified_at))
        for each in found
    ]  # fmt: skip
    session.print_table(
        ("script", "", "bytes", "changed"), rows,
        f"No script yet: merpati sieve put {args.address} NAME FILE",
    )  # fmt: skip


async def _show(one: Session, args: argparse.Namespace) -> None:
    source = await one.store.read(sieve.source, await _owner(one, args.address), args.name)
    sys.stdout.write(source.decode("utf-8", "replace"))


async def _put(one: Session, args: argparse.Namespace) -> None:
    owner = await _owner(one, args.address)
    warnings = await Scripts(one.store, one.clock).put(owner, args.name, _source(args.file))
    if warnings:
        say(warnings.replace("\r\n", "\n"))
    if args.activate:
        await _set_active(one, args.address, owner, args.name)
    else:
        say(f"{args.name} is stored.")


async def _activate(one: Session, args: argparse.Namespace) -> None:
    await _set_active(one, args.address, await _owner(one, args.address), args.name)


async def _deactivate(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(sieve.activate, await _owner(one, args.address), "")
    say(f"No script runs for {args.address}.")


async def _set_active(one: Session, address: str, owner: int, name: str) -> None:
    if owner == sieve.GLOBAL:
        raise Fault(Kind.DENIED, "scripts for everybody run where they are included")
    await one.store.write(sieve.activate, owner, name)
    say(f"{name} runs for {address} from now on.")


async def _remove(one: Session, args: argparse.Namespace) -> None:
    await one.store.write(sieve.remove, await _owner(one, args.address), args.name)
    say(f"{args.name} is removed.")


async def _auto_reply(one: Session, args: argparse.Namespace) -> None:
    account = await one.store.read(directory.account, args.address)
    old = await one.store.read(sieve.auto_reply, account.id)
    wanted = (args.text, args.html, args.subject, args.since, args.until)
    if args.off or any(each is not None for each in wanted):
        new = AutoReply(
            is_enabled=not args.off,
            from_date=old.from_date if args.since is None else args.since,
            to_date=old.to_date if args.until is None else args.until,
            subject=old.subject if args.subject is None else args.subject,
            text=old.text if args.text is None else _text(args.text),
            html=old.html if args.html is None else _text(args.html),
        )
        if new.is_enabled and not (new.text or new.html):
            raise Fault(Kind.SYNTAX, "an auto-reply needs words: add --text TEXT")
        await one.store.write(sieve.set_auto_reply, account.id, new)
        old = new
    if args.json:
        session.print_json({name: getattr(old, name) for name in old.__struct_fields__})
        return
    if not old.is_enabled:
        say(f"{account.address} answers nobody automatically.")
        return
    when = ""
    if old.from_date:
        when += f" from {session.show_time(old.from_date)}"
    if old.to_date:
        when += f" up to {session.show_time(old.to_date)}"
    say(f"{account.address} answers everybody once in seven days{when}.")


# Testing


async def _test(args: argparse.Namespace) -> int:
    """Without an installation: no mailboxes, no other scripts."""
    return await _explain(args, _read(args.script), None, 0, "localhost")


async def _test_for(one: Session, args: argparse.Namespace) -> int:
    account = await one.store.read(directory.account, args.account)
    try:
        source = await one.store.read(sieve.source, account.id, args.script)
    except Fault:  # no script of theirs, so a file
        source = _read(args.script)
    args.to = args.to or account.address
    host = one.config[ServerSettings].hostname
    return await _explain(args, source, one.store, account.id, host)


async def _explain(
    args: argparse.Namespace, source: bytes, store: Store | None, account_id: int, host: str
) -> int:
    clock = SystemClock()
    now = clock.now()
    program = await compiled_from(source)
    message = read(_read(args.message))
    recipient = args.to or RECIPIENT
    envelope = Envelope(
        sender=SENDER if args.envelope_from is None else args.envelope_from,
        recipient=recipient, now=datetime.fromtimestamp(now, UTC).astimezone(), owner=recipient,
    )  # fmt: skip
    items = {
        "name": "Merpati", "version": __version__, "host": host, "location": "MTA",
        "domain": host.partition(".")[2] or host, "phase": "during",
    }  # fmt: skip
    around = Surroundings(account_id, int(now * 1000), items)
    outcome = await _run(program, message, envelope, around, store)
    if args.json:
        session.print_json({
            "notes": [{"line": note.line, "script": note.script, "text": note.text}
                      for note in outcome.notes],
            "actions": [tell(action) for action in outcome.actions],
            "fault": outcome.fault.text if outcome.fault is not None else "",
        })  # fmt: skip
        return 0
    for note in outcome.notes:
        where = _told(f"{note.script} line {note.line}".strip())
        say(f"  {where + ':' if note.line else '':12}{_told(note.text)}")
    say("What would happen:")
    for action in outcome.actions:
        say(f"  {tell(action)}")
    for number, edition in enumerate(outcome.editions, 1):
        head = edits.render(message.content, edition).partition(b"\r\n\r\n")[0]
        say(f"Header of edition {number}:")
        sys.stdout.write(head.decode("utf-8", "replace").replace("\r", "") + "\n")
    return 0


async def _run(
    program: Program, message: Message, envelope: Envelope, around: Surroundings,
    store: Store | None,
) -> Outcome:  # fmt: skip
    answers = Answers(store, loaded) if store is not None else None
    steps = interpreter.run(program, message, envelope, explained=True)
    answer: object = None
    while True:
        try:
            question = steps.send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        if answers is not None:
            answer = await answers.answer(question, around)
        else:
            answer = alone(question, around)


def alone(question: questions.Question, around: Surroundings) -> object:
    """What is true where there is no account: nothing is there, and nothing was seen before."""
    match question:
        case questions.EnvironmentItem(name):
            return around.items.get(name)
        case questions.VirusScore():
            return 0
        case (
            questions.MailboxExists() | questions.MailboxIdExists() | questions.SpecialUseExists()
            | questions.Duplicate() | questions.MethodsValid()
        ):  # fmt: skip
            return False
        case questions.ListsExist(names):
            return all(list_name(name) in {ADDRESS_BOOK, COLLEAGUES} for name in names)
    return None


def tell(action: actions.Action) -> str:
    """An action in words."""
    match action:
        case actions.Keep(flags, implicit):
            kept = "the message is kept in INBOX"
            why = ", since nothing else was decided" if implicit else ""
            return f"{kept}{why}" + _flags(flags) + _edition(action.edition)
        case actions.FileInto(mailbox, flags, create):
            made = ", which is made if it is missing" if create else ""
            filed = f"the message is filed into {mailbox}{made}"
            return filed + _flags(flags) + _edition(action.edition)
        case actions.Redirect(address):
            return f"the message is sent on to {address}" + _edition(action.edition)
        case actions.Reject(reason):
            return f"the message is refused: {' '.join(reason.split())}"
        case actions.Discard():
            return "the message is thrown away"
        case actions.Vacation(reason):
            return f"the sender is answered, if that is due: {' '.join(reason.split())[:60]}"
        case actions.Notify(method):
            return f"{method} is told of it"


def _flags(flags: tuple[str, ...] | None) -> str:
    return f" with the flags {' '.join(flags)}" if flags else ""


def _edition(number: int) -> str:
    return f", as edition {number}" if number else ""


def _read(file: str) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise Fault(Kind.NOT_FOUND, f"{file}: {(error.strerror or str(error)).lower()}") from error


def _source(file: str) -> bytes:
    """A script, which is text."""
    return sys.stdin.read().encode() if file == "-" else _read(file)


def _text(given: str) -> str:
    return sys.stdin.read() if given == "-" else given


def _moment(text: str) -> int:
    """A day or a moment, in this machine's zone, as Unix milliseconds."""
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1000)
    except ValueError:
        message = f'"{text}" is no date: write one such as 2026-12-24 or 2026-12-24T17:00'
        raise argparse.ArgumentTypeError(message) from None


ACTIONS = {
    "list": _list,
    "show": _show,
    "put": _put,
    "activate": _activate,
    "deactivate": _deactivate,
    "remove": _remove,
    "auto-reply": _auto_reply,
    "test": _test_for,
}
