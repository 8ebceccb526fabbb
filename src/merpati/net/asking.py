"""Drives a rule that asks the DNS (`wire/asking.py`) against a resolver.

The rule decides what a failure means; so what is too late or too much here reaches it as an
answer that failed, and it comes to its end by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic

from merpati.base.faults import Fault
from merpati.wire.asking import Answer, Asking, Question, T

if TYPE_CHECKING:
    import dns.name

    from merpati.net.dns import Answer as Found
    from merpati.net.dns import Resolver

MAX_QUESTIONS: Final = 200
"""Questions of one rule; the rules' own limits are lower (SPF's allow 10 times 10 and some)."""
MAX_SECONDS: Final = 20.0
"""Seconds for a whole rule (RFC 7208 4.6.4: at least 20)."""
TOO_MANY: Final = f"more than {MAX_QUESTIONS} questions were asked of the DNS"


async def answer(
    asking: Asking[T],
    resolver: Resolver,
    *,
    questions: int = MAX_QUESTIONS,
    seconds: float = MAX_SECONDS,
) -> T:
    """What the rule comes to when the DNS answers it.

    From the question numbered `questions` + 1 on, and after `seconds`, every answer is a
    failure. A question under way then goes on for the resolver's memory.
    """
    run = _Run(asking, resolver, questions)
    try:
        if not run.advance():
            await run.finish(seconds)
        return run.result
    finally:
        asking.close()


async def answer_all(resolver: Resolver, *rules: tuple[Asking[Any], float]) -> list[Any]:
    """What several rules come to, each within its own seconds; they wait side by side.

    A rule that the resolver's memory can answer takes no task, which is most of the cost.
    """
    runs = [_Run(asking, resolver, MAX_QUESTIONS) for asking, _ in rules]
    try:
        waiting = [
            run.finish(seconds)
            for run, (_, seconds) in zip(runs, rules, strict=True)
            if not run.advance()
        ]
        if waiting:
            await asyncio.gather(*waiting)
        return [run.result for run in runs]
    finally:
        for asking, _ in rules:
            asking.close()


class _Run(Generic[T]):
    """A rule on its way: its question that is open, then its result."""

    __slots__ = ("_asking", "_left", "_question", "_resolver", "result")

    def __init__(self, asking: Asking[T], resolver: Resolver, questions: int) -> None:
        self._asking = asking
        self._resolver = resolver
        self._left = questions
        self._question: Question | None = None
        self.result: T

    def advance(self, reply: Answer | None = None) -> bool:
        """Goes on for as long as nobody has to be asked; whether the rule is done."""
        try:
            question = next(self._asking) if reply is None else self._asking.send(reply)
            while True:
                self._left -= 1
                if self._left < 0:
                    known: Answer | None = Answer(failure=TOO_MANY)
                else:
                    known = _remembered(question, self._resolver)
                if known is None:
                    self._question = question
                    return False
                question = self._asking.send(known)
        except StopIteration as end:
            self.result = end.value
            return True

    async def finish(self, seconds: float) -> None:
        """Asks what is open, and goes on until the rule is done."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            assert self._question is not None  # advance() left it
            if self.advance(await _ask(self._question, self._resolver, deadline)):
                return


def _remembered(question: Question, resolver: Resolver) -> Answer | None:
    try:
        found = resolver.remembered(question.name, question.type)
    except Fault as fault:
        return Answer(failure=fault.text)
    return None if found is None else _read(found, question)


async def _ask(question: Question, resolver: Resolver, deadline: float) -> Answer:
    try:
        async with asyncio.timeout_at(deadline):
            found = await resolver.query(question.name, question.type)
    except TimeoutError:
        return Answer(failure="the DNS took too long to answer all questions")
    except Fault as fault:
        return Answer(failure=fault.text)
    return _read(found, question)


def _read(found: Found, question: Question) -> Answer:
    read = _READERS[question.type]
    return Answer(tuple(map(read, found.records)), found.exists, found.secure)


def _name(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower() if len(name.labels) > 1 else ""


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "A": lambda record: record.address,
    "AAAA": lambda record: record.address,
    "MX": lambda record: (record.preference, _name(record.exchange)),
    "TXT": lambda record: b"".join(record.strings),
    "PTR": lambda record: _name(record.target),
    "CNAME": lambda record: _name(record.target),
    "TLSA": lambda record: (record.usage, record.selector, record.mtype, record.cert),
    "SRV": lambda record: (record.priority, record.weight, record.port, _name(record.target)),
    "CAA": lambda record: (
        record.flags,
        record.tag.decode("latin-1").lower(),
        record.value.decode("latin-1"),
    ),
}
"""By type: dnspython's record to the value that `wire.asking.Answer` promises."""
