"""Runs a compiled script on a message (RFC 5228 2.10).

`run` is a generator: it yields questions (`questions.py`), is sent answers, and returns an
`Outcome`. It is a loop over steps and never recurses, all work is counted, and no message can
make it raise: what fails is the script, and then the message is kept as it came.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, Literal

from merpati.wire.sieve import explain, questions
from merpati.wire.sieve.act import ACTIONS, notify
from merpati.wire.sieve.actions import Discard, Keep, Note, Outcome
from merpati.wire.sieve.budget import DEFAULT, Limits, Stopped
from merpati.wire.sieve.examine import FACTS, TESTS
from merpati.wire.sieve.parts import walk
from merpati.wire.sieve.program import END, Program, Step
from merpati.wire.sieve.questions import Question
from merpati.wire.sieve.running import Frame, Loop, Run

if TYPE_CHECKING:
    from merpati.wire.sieve.message import Envelope, Message

Running = Generator[Question, Any, Outcome]
"""A script under way: it asks, and comes to an `Outcome`."""

STEP: Final = 5  # units of work that each step costs


def run(
    program: Program,
    message: Message,
    envelope: Envelope,
    limits: Limits = DEFAULT,
    *,
    explained: bool = False,
    name: str = "",
) -> Running:
    """Run a script to its end.

    Args:
        program: from `compiler.compile_script`.
        message: as it came; read only as far as the script looks into it.
        envelope: what came with it, and the moment.
        limits: what the script may use up.
        explained: also tell what each line did.
        name: what others include the script by, if it is among the user's own.
    """
    state = Run(program, message, envelope, limits, explained=explained, name=name)
    at = program.first
    line = 0
    try:
        while True:
            if at == END:
                if len(state.frames) == 1:
                    break
                at = _return(state)
                continue
            step = state.frame.program.steps[at]
            line = step.line
            state.budget.spend(STEP)
            if step.name == "stop":
                state.note(line, "stop")
                break
            at = yield from _step(state, step, at)
        return _outcome(state)
    except Stopped as stop:
        fault = explain.note(line, stop.kind, dict(stop.values), state.frame.name)
        return Outcome(
            (Keep(implicit=True),), fault=fault, notes=tuple(_with(state.notes, fault, state))
        )


def _with(notes: list[Note], fault: Note, state: Run) -> list[Note]:
    return [*notes, fault] if state.explained else []


def _step(state: Run, step: Step, at: int) -> Generator[Question, Any, int]:
    """Do one step; the one that follows."""
    test = TESTS.get(step.name)
    if test is not None:
        return step.yes if (yield from test(state, step)) else step.no
    fact = FACTS.get(step.name)
    if fact is not None:
        return step.yes if fact(state, step) else step.no
    action = ACTIONS.get(step.name)
    if action is not None:
        action(state, step)
        return step.yes
    if step.name == "foreverypart":
        return _next_part(state, step, at)
    if step.name == "break":
        levels = step.arguments[0]
        assert isinstance(levels, int)
        del state.frame.loops[-levels:]
        state.note(step.line, "break")
    elif step.name == "include":
        return (yield from _include(state, step))
    elif step.name == "notify":
        yield from notify(state, step)
    elif step.name == "error":
        raise Stopped("error", text=state.string(step.arguments[0])[:500])
    return step.yes


def _next_part(state: Run, step: Step, at: int) -> int:
    """Begin a loop, or go on to its next part; behind the last one the loop ends."""
    loops = state.frame.loops
    if not loops or loops[-1].step != at:
        state.look_again()
        around = state.part()
        start = around or state.view.root
        # A loop within a loop goes through what is within its part (RFC 5703 3).
        loops.append(Loop(at, walk(start, inner=bool(loops))))
    loop = loops[-1]
    loop.part = next((part for part in loop.parts if not state.view.is_gone(part)), None)
    if loop.part is None:
        loops.pop()
        return step.no
    loop.number += 1
    state.budget.spend(STEP)
    kind = f"{loop.part.type}/{loop.part.subtype}"
    state.note(step.line, "loop", number=loop.number, type=kind)
    return step.yes


# -- include (RFC 6609) -----------------------------------------------------------------------


def _include(state: Run, step: Step) -> Generator[Question, Any, int]:
    """Begin an included script; the step to go on with."""
    name = state.string(step.arguments[0])
    location: Literal["personal", "global"]
    location = "global" if "global" in step.tags else "personal"
    key = (location, name)
    limits = state.budget.limits
    if "once" in step.tags and (key in state.included or key == state.main):
        state.note(step.line, "not-included", name=name, reason="it was included before")
        return step.yes
    if key == state.main or any((one.location, one.name) == key for one in state.frames):
        raise Stopped("recursion", name=name)
    if len(state.frames) > limits.includes:
        raise Stopped("too-deep", limit=limits.includes)
    state.inclusions += 1
    if state.inclusions > limits.included:
        raise Stopped("too-many-includes", limit=limits.included)
    program = yield questions.Script(name, location)
    if program is None:
        if "optional" not in step.tags:
            raise Stopped("no-script", name=name)
        state.note(step.line, "not-included", name=name, reason="there is none")
        return step.yes
    state.included.add(key)
    state.note(step.line, "include", name=name)
    part = state.part()
    state.frame.resume = step.yes
    base = part if part is not state.view.root else None
    state.frames.append(Frame(program, name, location, base))
    return int(program.first)


def _return(state: Run) -> int:
    """Leave an included script; the step of the one that included it to go on with."""
    state.note(0, "return")
    state.frames.pop()
    return state.frame.resume


# -- the end ----------------------------------------------------------------------------------


def _outcome(state: Run) -> Outcome:
    """What the script comes to, the implicit keep resolved."""
    if state.implicit_keep:
        flags = None if state.flags is None else tuple(state.flags)
        kept = Keep(flags, implicit=True, edition=state.edition(state.view))
        # `fileinto :copy "INBOX"` has filed it there already.
        if not any(_is_inbox(action) for action in state.actions):
            state.actions.append(kept)
        state.note(0, "implicit-keep")
    actions = state.actions
    if len(actions) > 1:  # what is also filed or sent on was not thrown away
        actions = [one for one in actions if not isinstance(one, Discard)] or actions[:1]
    return Outcome(
        tuple(actions),
        tuple(state.editions),
        tuple(state.remembered.values()),
        notes=tuple(state.notes),
    )


def _is_inbox(action: object) -> bool:
    if isinstance(action, Keep):
        return True
    name = getattr(action, "mailbox", "")
    plain = not getattr(action, "special_use", "") and not getattr(action, "mailbox_id", "")
    return isinstance(name, str) and name.upper() == "INBOX" and plain
