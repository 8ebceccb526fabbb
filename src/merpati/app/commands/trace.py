"""What happened to a message: by its Message-ID, an address, or a trace id."""

from __future__ import annotations

import argparse
from typing import Any

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.base.faults import Fault, Kind
from merpati.model.event import Event, EventKind
from merpati.store import events

SENTENCES = {
    EventKind.RECEIVED: "taken over from {peer}, who said to be {helo}; its sender is {about}",
    EventKind.SUBMITTED: "submitted by {account}",
    EventKind.NAMED: "its Message-ID is {about}",
    EventKind.JUDGED: "judged: SPF {spf}, DKIM {dkim}, DMARC {dmarc}; {why}",
    EventKind.HELD: "held until an owner of {about} decides",
    EventKind.FILTERED: "filtered for {about} by the script {script}: {what}",
    EventKind.DELIVERED: "delivered to {about}, into {mailbox}",
    EventKind.QUEUED: "queued for {about}",
    EventKind.SENT: "taken by {host} for {about}",
    EventKind.DEFERRED: "not delivered to {about} yet, will be tried again",
    EventKind.FAILED: "given up for {about}",
    EventKind.RETURNED: "{about} was told that it failed",
    EventKind.WARNED: "{about} was told that it is late",
    EventKind.CONFIRMED: "{about} was told that it went well, as it had asked",
    EventKind.DROPPED: "a notice for {about} could not be delivered and was dropped",
    EventKind.OBEYED: "obeyed by {about}",
    EventKind.ENDED: "ended at {about}, and nobody was told",
    EventKind.REFUSED: "refused for {about}",
}
MADE_HERE = "made here, to tell of another message"
HANDED_IN = "handed in on this machine by {account}; its sender is {about}"
SHOWN = (
    "said", "fault", "tls", "security", "protocol", "address", "size", "status", "try", "notice",
)  # fmt: skip


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati trace WHAT`."""
    parser.add_argument("what", metavar="MESSAGE-ID|ADDRESS|TRACE")
    parser.add_argument("--last", type=int, default=20, help="at most so many messages")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: _trace(one, args))


async def _trace(one: Session, args: argparse.Namespace) -> None:
    histories = await find(one, args.what, args.last)
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


async def find(one: Session, what: str, last: int) -> list[list[Event]]:
    """The histories of the messages that `what` names, oldest first.

    Raises:
        Fault: NOT_FOUND when nothing is known.
    """
    traces: list[str] = []
    for about in (what, f"<{what.strip('<>')}>", what.lower()):
        traces = await one.store.read(events.traces, about, last)
        if traces:
            break
    histories = [await one.store.read(events.of_trace, found) for found in traces or [what]]
    if not histories[0]:
        text = f"nothing is known of {what}; histories are kept for 90 days"
        raise Fault(Kind.NOT_FOUND, text)
    return histories[::-1]


def tell(event: Event) -> list[str]:
    """One step in words, with what is known of it below."""
    detail = _Known(event.detail, about=event.about or "<>")
    detail["what"] = "; ".join([*detail.get("did", []), *detail.get("problems", [])])
    sentence = SENTENCES[event.kind]
    if event.kind is EventKind.RECEIVED and "peer" not in detail:
        sentence = HANDED_IN if "account" in detail else MADE_HERE
    sentence = sentence.format_map(detail)
    lines = [f"  {session.show_time(event.at)}  {sentence}"]
    more = [f"{name} {event.detail[name]}" for name in SHOWN if event.detail.get(name)]
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
