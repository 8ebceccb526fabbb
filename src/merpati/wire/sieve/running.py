"""The state of a script that runs: variables, flags, loops, actions, and what is left to use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.mime import headers, words
from merpati.wire.mime.addresses import Mailbox, judge
from merpati.wire.sieve import checks, explain
from merpati.wire.sieve.budget import Budget, Limits, Stopped
from merpati.wire.sieve.edits import View, render
from merpati.wire.sieve.message import read
from merpati.wire.sieve.parts import Bodies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from merpati.wire.mime.tree import Part
    from merpati.wire.sieve.actions import Action, Edition, Note, Remembered
    from merpati.wire.sieve.message import Envelope, Message
    from merpati.wire.sieve.program import Program, Step, Text, Value

MAX_FLAGS: Final = 100  # of one set of flags


class Loop:
    """A `foreverypart` that is under way."""

    __slots__ = ("number", "part", "parts", "step")

    def __init__(self, step: int, parts: Iterator[Part]) -> None:
        self.step = step
        self.parts = parts
        self.part: Part | None = None
        self.number = 0


class Frame:
    """A script that is under way: the main one, or one that is included."""

    __slots__ = (
        "base",
        "globals",
        "location",
        "loops",
        "matched",
        "name",
        "program",
        "resume",
        "variables",
    )

    def __init__(self, program: Program, name: str, location: str, base: Part | None) -> None:
        self.program = program
        self.name = name  # empty: the main script
        self.location = location
        self.base = base  # the part that is the whole message to this script (RFC 6609 3.5)
        self.variables: dict[str, str] = {}
        self.globals: set[str] = set()
        self.matched: tuple[str, ...] = ()  # ${0}, ${1} ...
        self.loops: list[Loop] = []
        self.resume = 0  # the step of this script that follows its include


class Run:
    """One run of a script on a message."""

    def __init__(
        self,
        program: Program,
        message: Message,
        envelope: Envelope,
        limits: Limits,
        *,
        explained: bool,
        name: str = "",
    ) -> None:
        self.main = ("personal", name) if name else None  # as `include` would name it
        self.message = message
        self.envelope = envelope
        self.budget = Budget(limits)
        self.explained = explained
        self.view = View(message)
        self.sent_on: View | None = None  # what redirect sends, once enclose was used
        self.frames = [Frame(program, "", "", None)]
        self.globals: dict[str, str] = {}
        # The internal variable of RFC 5232; None: never touched.
        self.flags = None if envelope.flags is None else list(envelope.flags)
        self.included: set[tuple[str, str]] = set()
        self.inclusions = 0
        self.implicit_keep = True
        self.actions: list[Action] = []
        self.editions: list[Edition] = []
        self.remembered: dict[tuple[str, str], Remembered] = {}
        self.seen: dict[tuple[str, str], bool] = {}  # what `duplicate` was told
        self.notes: list[Note] = []
        self._decoded: dict[bytes, str] = {}  # values of fields that were looked at before
        self._addresses: dict[bytes, list[tuple[Mailbox, str]]] = {}
        self.bodies = Bodies(self.view.content, self.budget)

    @property
    def frame(self) -> Frame:
        """The script that is under way."""
        return self.frames[-1]

    # -- arguments -----------------------------------------------------------------------

    def text(self, value: Text) -> str:
        """A string with its variables filled in."""
        if isinstance(value, str):
            return value
        said = "".join(
            [piece if isinstance(piece, str) else self.get(piece.name) for piece in value]
        )
        self.budget.write(len(said))
        return said

    def texts(self, value: Value) -> list[str]:
        """The strings of an argument."""
        assert isinstance(value, list)
        return [self.text(text) for text in value]

    def string(self, value: Value) -> str:
        """The string of an argument that is one."""
        assert isinstance(value, list)
        return self.text(value[0])

    def tag(self, step: Step, name: str) -> str:
        """The string of a tag; empty when the tag was not given."""
        value = step.tags.get(name)
        return self.text(value[0]) if isinstance(value, list) else ""

    def number(self, step: Step, name: str) -> int | None:
        """The number of a tag; None when the tag was not given."""
        value = step.tags.get(name)
        return value if isinstance(value, int) else None

    # -- variables (RFC 5229) ------------------------------------------------------------

    def get(self, name: str | int) -> str:
        """The value of a variable or of a match; empty if there is none."""
        frame = self.frame
        if isinstance(name, int):
            return frame.matched[name] if name < len(frame.matched) else ""
        variables, key = self._place(name)
        return variables.get(key, "")

    def set(self, name: str, value: str) -> None:
        """Give a variable a value, cut to what a variable can hold."""
        variables, key = self._place(name)
        if key in variables or len(variables) < self.budget.limits.variables:
            value = value[: self.budget.limits.variable]
            self.budget.write(len(value))
            variables[key] = value

    def _place(self, name: str) -> tuple[dict[str, str], str]:
        key = name.lower()
        if key.startswith("global."):
            return self.globals, key.removeprefix("global.")
        if key in self.frame.globals:
            return self.globals, key
        return self.frame.variables, key

    # -- fields --------------------------------------------------------------------------

    def decoded(self, raw_values: list[bytes]) -> list[str]:
        """Values of fields as the tests see them: decoded, without white space around them."""
        found = []
        for raw in raw_values:
            text = self._decoded.get(raw)
            if text is None:
                self.budget.spend(len(raw) // 50)
                text = self._decoded[raw] = words.decode(raw).strip()
            found.append(text)
        return found

    def addresses(self, raw: bytes) -> list[tuple[Mailbox, str]]:
        """The mailboxes in the value of a field, with the text of those that are no addresses."""
        found = self._addresses.get(raw)
        if found is None:
            self.budget.spend(len(raw) // 3)
            found = self._addresses[raw] = judge(headers.unfold(raw))
        return found

    # -- parts ---------------------------------------------------------------------------

    def part(self) -> Part | None:
        """The part a loop looks at, or that is the message to this script; None: neither."""
        frame = self.frame
        return frame.loops[-1].part if frame.loops else frame.base

    def look_again(self) -> None:
        """See parts that were replaced as they are now, once no loop is under way (RFC 5703 5)."""
        if self.view.restructured and not any(frame.loops for frame in self.frames):
            self.show(self.view.edition())

    def show(self, made: Edition) -> None:
        """Go on with a message that the script has made."""
        content = render(self.message.content, made)
        self.budget.spend(len(content) // 50 + 1_000)
        self.view = View(read(content), made)
        self.bodies = Bodies(content, self.budget)

    # -- actions -------------------------------------------------------------------------

    def act(self, action: Action) -> None:
        """Add an action."""
        if len(self.actions) >= self.budget.limits.actions:
            raise Stopped("too-many-actions", limit=self.budget.limits.actions)
        self.actions.append(action)

    def edition(self, view: View) -> int:
        """The number of the message as it is now: 0 as it came."""
        if not view.changed:
            return 0
        made = view.edition()
        if made in self.editions:
            return self.editions.index(made) + 1
        self.budget.spend(100)
        self.editions.append(made)
        return len(self.editions)

    def own_flags(self, step: Step) -> tuple[str, ...] | None:
        """The flags of an action: its own, or those of the internal variable (RFC 5232 5)."""
        value = step.tags.get("flags")
        if value is not None:
            return tuple(flag_list(self.texts(value)))
        return None if self.flags is None else tuple(self.flags)

    # -- explanation ---------------------------------------------------------------------

    def note(self, line: int, kind: str, **values: explain.Value) -> None:
        """Tell of something, if an explanation is wanted."""
        if self.explained and len(self.notes) < self.budget.limits.notes:
            self.notes.append(explain.note(line, kind, values, self.frame.name))


def flag_list(texts: list[str]) -> list[str]:
    """The valid flags of some strings, each once; system flags as RFC 9051 writes them."""
    found: dict[str, str] = {}
    for text in texts:
        for flag in checks.flags(text):
            shown = "\\" + flag[1:].capitalize() if flag.startswith("\\") else flag
            found.setdefault(flag.lower(), shown)
            if len(found) >= MAX_FLAGS:
                break
    return list(found.values())
