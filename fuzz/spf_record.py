"""SPF records: a value that writes back the same or a `SyntaxFault`, and macros that expand."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Answer
from merpati.wire.spf import check, record

SEEDS: list[bytes] = [
    b"v=spf1 mx a:host.example.org/24//64 ip4:192.0.2.0/24 ip6:2001:db8::/32 -all",
    b"v=spf1 include:_spf.example.com ?ptr:example.net exists:%{i}.%{l1r+-}.x.%{d2} ~all",
    b"v=spf1 redirect=_spf.%{o} exp=why.%{H}.example.org moo.cow=%%%_%-man:dog",
    b"V=SPF1   a//0  MX/0  -ALL  ",
    b"v=spf1 a:%{S}.%{p}.%{v}.example.org. ip6:::ffff:192.0.2.1/96",
]
DICTIONARY: list[bytes] = [b"%{", b"exp=", b"redirect=", b"//128", b"/32", b"include:", b"%%"]


def target(data: bytes) -> None:
    try:
        found = record.parse(data)
    except SyntaxFault:
        return
    if record.parse(str(found).encode()) != found:
        raise AssertionError(found)
    asking = check.check_sender("2001:db8::1", "a.b@c.example.org", "mail.example.net")
    question = next(asking)
    try:
        for _ in range(300):  # every question gets an answer that leads on
            records = {"TXT": (data,), "MX": ((1, "a.b"), (2, "c.d")), "PTR": ("e.example.org",)}
            question = asking.send(Answer(records.get(question.type, ("192.0.2.1", "2001:db8::2"))))
            if question.name != question.name.lower() or not 0 < len(question.name) < 254:
                raise AssertionError(question)
    except StopIteration:
        return
    raise AssertionError("it asks without end")
