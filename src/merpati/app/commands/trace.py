"""What happened to a message: by its Message-ID, an address, its subject, or a trace id."""

from __future__ import annotations

import argparse
from typing import Any

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import spoken
from merpati.model.event import Event
from merpati.services.administration import trace_words, tracing


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati trace WHAT`."""
    parser.add_argument("what", metavar="MESSAGE-ID|ADDRESS|SUBJECT|TRACE")
    parser.add_argument("--last", type=int, default=20, help="at most so many messages")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: _trace(one, args))


async def _trace(one: Session, args: argparse.Namespace) -> None:
    histories = await tracing.find(one.store, args.what, args.last, one.now)
    histories.reverse()  # the newest is read last, at the end of a terminal
    if args.json:
        session.print_json([[_plain(event) for event in history] for history in histories])
        return
    for number, history in enumerate(histories):
        if number:
            say("")
        say(f"trace {history[0].trace}")
        for event in history:
            for line in tell(event):
                say(line)


def tell(event: Event) -> list[str]:
    """One step in words, with what is known of it below."""
    lines = [f"  {session.show_time(event.at)}  {trace_words.sentence(event, spoken())}"]
    more = [f"{name} {value}" for name, value in trace_words.facts(event).items()]
    if more:
        lines.append(f"{'':23}{'; '.join(more)}")
    return lines


def _plain(event: Event) -> dict[str, Any]:
    return {
        "trace": event.trace,
        "at": event.at,
        "kind": event.kind.value,
        "about": event.about,
        "detail": event.detail,
    }
