"""The settings: what is set, what each means, a sample file, and the reference page."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from merpati.app import config
from merpati.app.commands import session
from merpati.app.commands.session import say
from merpati.app.installation import LISTENER, Config
from merpati.app.listeners import Listener
from merpati.base import settings, values
from merpati.base.secrets import Secret


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


def run(args: argparse.Namespace) -> None:
    """Do it."""
    match args.action:
        case "show":
            _show(session.load_config(args), args)
        case "explain":
            groups = {**config.GROUPS, LISTENER: Listener}
            sys.stdout.write(settings.explain(groups, args.name))
        case "sample":
            sys.stdout.write(config.render_config(args.hostname, args.ports))
        case _:
            sys.stdout.write(config.reference())


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
