"""DNS records in a dictionary, for rules that ask (`wire/asking.py`); no network, no loop.

    zone = Zone({"example.org": {"TXT": "v=spf1 mx -all", "MX": ["10 mx.example.org"]},
                 "mx.example.org": {"A": "192.0.2.1"}})
    result = zone.answer(check_host(...))

The form is that of `DnsServer`'s dictionary (tests/support/dns.py), but a TXT value is the
text itself, without quotes, and names need no dot at the end. A TXT value may be bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from merpati.wire.asking import Answer, Asking, Question, T

Value = str | bytes
MAX_QUESTIONS: Final = 500  # a rule that asks more goes round in a ring


class Zone:
    """The whole DNS of a test.

    `failing` names what nobody can tell at the moment: "example.org", or "example.org TXT" for
    one type. `secure` names are answered as DNSSEC would vouch for them. `questions` records
    what was asked.
    """

    def __init__(
        self,
        records: Mapping[str, Mapping[str, Value | Sequence[Value]]],
        *,
        failing: Collection[str] = (),
        secure: Collection[str] = (),
    ) -> None:
        self.questions: list[Question] = []
        self.failing = {one.rstrip(".") for one in failing}
        self.secure = {one.rstrip(".") for one in secure}
        self._records: dict[tuple[str, str], tuple[Any, ...]] = {}
        self._names: set[str] = set()
        for name, types in records.items():
            for rdtype, values in types.items():
                self.set(name, rdtype, *([values] if isinstance(values, str | bytes) else values))

    def set(self, name: str, rdtype: str, *values: Value) -> None:
        """Replaces the records of one name and type; without values, takes them away."""
        owner = name.rstrip(".").lower()
        if not values:
            self._records.pop((owner, rdtype), None)
            return
        self._records[owner, rdtype] = tuple(map(_READERS[rdtype], values))
        labels = owner.split(".")  # a name above a name that exists, exists (RFC 8020)
        self._names.update(".".join(labels[n:]) for n in range(len(labels)))

    def look_up(self, question: Question) -> Answer:
        """What the DNS says; aliases are followed."""
        self.questions.append(question)
        assert question.name == question.name.lower().rstrip("."), question
        assert question.name.isascii(), question
        name = question.name
        for _ in range(10):
            for one in (name, f"{name} {question.type}"):
                if one in self.failing:
                    return Answer(failure=f"the name servers of {name} do not answer")
            secure = name in self.secure
            if (found := self._records.get((name, question.type))) is not None:
                return Answer(found, secure=secure)
            if (alias := self._records.get((name, "CNAME"))) is None:
                return Answer(exists=name in self._names, secure=secure)
            name = alias[0]
        return Answer(failure="too many aliases")

    def answer(self, asking: Asking[T]) -> T:
        """What the rule comes to."""
        try:
            question = next(asking)
            for _ in range(MAX_QUESTIONS):
                question = asking.send(self.look_up(question))
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError(f"more than {MAX_QUESTIONS} questions")


def _text(value: Value) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _name(value: Value) -> str:
    return _text(value).rstrip(".").lower()


def _mx(value: Value) -> tuple[int, str]:
    preference, host = _text(value).split()
    return int(preference), _name(host)


def _tlsa(value: Value) -> tuple[int, int, int, bytes]:
    usage, selector, matching, data = _text(value).split(maxsplit=3)
    return int(usage), int(selector), int(matching), bytes.fromhex(data)


def _srv(value: Value) -> tuple[int, int, int, str]:
    priority, weight, port, host = _text(value).split()
    return int(priority), int(weight), int(port), _name(host)


def _caa(value: Value) -> tuple[int, str, str]:
    flags, tag, text = _text(value).split(maxsplit=2)
    return int(flags), tag.lower(), text.strip('"')


_READERS: Final[dict[str, Callable[[Value], Any]]] = {
    "A": _text,
    "AAAA": _text,
    "MX": _mx,
    "TXT": lambda value: value if isinstance(value, bytes) else value.encode(),
    "PTR": _name,
    "CNAME": _name,
    "TLSA": _tlsa,
    "SRV": _srv,
    "CAA": _caa,
}
