"""The auto-reply of an account as a Sieve script: RFC 8621 8 in terms of RFC 5230.

What a person sets (dates, subject, text) becomes a script like any other, so that one
interpreter knows who is never answered, how often, and how an answer looks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from merpati.store.sieve import AutoReply
from merpati.wire import sieve_letters

HANDLE: Final = "auto-reply"  # so that a changed text does not answer everybody again
DAYS: Final = 7  # RFC 5230 4.1


def script_of(reply: AutoReply) -> bytes:
    """The script of an auto-reply that is enabled."""
    tests = []
    for word, moment in (("ge", reply.from_date), ("lt", reply.to_date)):
        if moment:
            when = datetime.fromtimestamp(moment / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
            tests.append(
                f'currentdate :zone "+0000" :value "{word}" :comparator "i;ascii-casemap"'
                f' "iso8601" "{when}"'
            )
    requires = ["vacation", *(["date", "relational"] if tests else [])]
    words = ", ".join(f'"{word}"' for word in requires)
    lines = [f"require [{words}];"]
    if tests:
        lines.append(f"if not allof({', '.join(tests)}) {{ stop; }}")
    subject = f" :subject {quoted(reply.subject)}" if reply.subject else ""
    if reply.html:
        body = sieve_letters.alternative(reply.text, reply.html)
        lines.append(f'vacation :days {DAYS} :handle "{HANDLE}"{subject} :mime {quoted(body)};')
    else:
        text = quoted(reply.text)
        lines.append(f'vacation :days {DAYS} :handle "{HANDLE}"{subject} {text};')
    return "\r\n".join([*lines, ""]).encode()


def quoted(text: str) -> str:
    """Text as a string of Sieve."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "")
    return f'"{escaped}"'
