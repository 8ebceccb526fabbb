"""The settings of the file; and what administrators arrange, as one text.

merpati config show|explain|sample|reference     the settings of merpati.toml
merpati config export                            domains, accounts, lists, rules ...
merpati config diff FILE                         what applying it would change, in words
merpati config apply FILE [--dry-run]            all or nothing, each step in the audit
merpati config history, merpati config rollback NUMBER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from merpati.app import config
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import LISTENER, Config, ServerSettings
from merpati.app.language import spoken, tell
from merpati.app.listeners import Listener
from merpati.base import settings, values
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.services.configuration import apply, document
from merpati.store import configurations


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati config show|explain|sample|reference`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", help="every setting as it is now")
    show.add_argument(
        "--changed", action="store_true", help="only those that differ from the default"
    )
    session.add_config_option(show)
    session.add_json_option(show)
    explain = actions.add_parser("explain", help="what one setting means")
    explain.add_argument("name", help="such as queue.retry")
    sample = actions.add_parser("sample", help="a configuration file with every setting")
    sample.add_argument("--hostname", default="mail.example.org")
    sample.add_argument("--ports", default="standard", help="standard, high or high+N")
    actions.add_parser("reference", help="every setting, as Markdown")
    _configure_text(actions)


def _configure_text(actions: Any) -> None:
    export = actions.add_parser("export", help="what administrators arrange, as one text")
    export.add_argument("--passwords", action="store_true", help="with the hashes of passwords")
    export.add_argument("--language", choices=("en", "id"), help="of the comments")
    session.add_config_option(export)
    diff = actions.add_parser("diff", help="what applying a text would change")
    apply_ = actions.add_parser("apply", help="change what a text says, all or nothing")
    rollback = actions.add_parser("rollback", help="return to an earlier version")
    for action in (diff, apply_):
        action.add_argument("text", metavar="FILE", help="- for standard input")
    rollback.add_argument("number", type=int, help="of config history")
    for action in (diff, apply_, rollback):
        if action is not rollback:
            action.add_argument(
                "--remove", action="store_true", help="also remove what it leaves out, but no mail"
            )
        action.add_argument(
            "--remove-accounts", action="store_true",
            help="erase accounts and shared mailboxes that it leaves out, WITH ALL THEIR MAIL",
        )  # fmt: skip
        session.add_config_option(action)
        session.add_json_option(action)
    for action in (apply_, rollback):
        action.add_argument("--dry-run", action="store_true", help="say what would change")
    history = actions.add_parser("history", help="versions, the latest first")
    session.add_config_option(history)
    session.add_json_option(history)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    match args.action:
        case "show":
            _show(session.load_config(args), args)
        case "explain":
            groups = {**config.GROUPS, LISTENER: Listener}
            sys.stdout.write(settings.explain(groups, args.name, tell))
        case "sample":
            sys.stdout.write(config.render_config(args.hostname, args.ports))
        case "reference":
            sys.stdout.write(config.reference())
        case _:
            session.with_session(args, lambda one: _text(one, args))


async def _text(one: Session, args: argparse.Namespace) -> None:
    match args.action:
        case "export":
            found = await one.store.scan(apply.gather, passwords=args.passwords)
            language = args.language or one.config[ServerSettings].language
            sys.stdout.write(document.render(found, language))
        case "history":
            versions = await one.store.read(configurations.listing)
            if args.json:
                session.print_json(versions)
                return
            rows = [(each.id, session.show_time(each.at), each.who) for each in versions]
            session.print_table(("number", "at", "applied by"), rows, "There is no version yet.")
        case "rollback":
            text = await one.store.read(configurations.text, args.number)
            args.remove = True
            await _change(one, args, document.read(text))
        case _:
            await _change(one, args, document.read(_read(args.text)))


async def _change(one: Session, args: argparse.Namespace, wanted: document.Document) -> None:
    flags: dict[str, Any] = {
        "remove": args.remove, "remove_accounts": args.remove_accounts, "language": spoken(),
    }  # fmt: skip
    trial = args.action == "diff" or args.dry_run
    if trial:
        found = await one.store.scan(apply.difference, wanted, **flags)
    else:
        found = await apply.apply(one.store, one.actor, one.now, wanted, one.ids.token, **flags)
    if args.json:
        session.print_json(found)
        return
    for step in found.steps:
        say(step.words)
    if not found.steps:
        say("Nothing changes." if trial else "Nothing has changed.")
    if found.stays:
        say(f"Not in the text, and stays: {', '.join(found.stays)}.")


def _read(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Fault(Kind.CONFIG, f"{name} cannot be read: {error}") from error


def _show(found: Config, args: argparse.Namespace) -> None:
    if args.json:
        session.print_json(_plain(found))
        return
    say(f"# {found.file}")
    for heading, group in config.GROUPS.items():
        lines = _lines(group, found[group], found.file.absolute().parent, changed=args.changed)
        if lines or not args.changed:
            say(f"\n[{heading}]")
            for line in lines:
                say(line)
    for listener in found.listeners:
        say(f"\n[[{LISTENER}]]")
        for line in _lines(Listener, listener, found.file.absolute().parent, changed=True):
            say(line)


def _lines(group: type, holder: object, folder: Path, *, changed: bool) -> list[str]:
    lines = []
    for name, one in settings.declared(group).items():
        value = getattr(holder, name)
        if changed and value == settings._rooted(one.default, folder):
            continue
        unset = value is None
        lines.append(f"# {name} is not set" if unset else f"{name} = {_toml(value, one.unit)}")
    return lines


def _toml(value: Any, unit: str) -> str:
    return values.to_toml(_value(value), unit)


def _plain(found: Config) -> dict[str, Any]:
    plain: dict[str, Any] = {
        heading: {name: _value(getattr(found[group], name)) for name in settings.declared(group)}
        for heading, group in config.GROUPS.items()
    }
    plain[LISTENER] = [
        {name: _value(getattr(one, name)) for name in settings.declared(Listener)}
        for one in found.listeners
    ]
    return plain


def _value(value: Any) -> Any:
    if isinstance(value, Path | Secret):
        return str(value)
    if isinstance(value, tuple):
        return [_value(item) for item in value]
    return value
