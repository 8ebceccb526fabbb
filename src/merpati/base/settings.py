"""Settings: declared once, beside the code they steer; loaded, explained and listed from there.

A group of settings is a frozen dataclass whose fields are made by `setting`::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class QueueSettings:
        \"\"\"How long, and how often, mail that cannot be delivered is tried again.\"\"\"

        first_retry: int = setting(900, "Wait this long before the second try.", unit="s")

The annotation is the type: bool, int, float, str, Path, Secret, a tuple of
one of them (`tuple[str, ...]`), or one of them `| None`, as it stands in the
source. Values come from TOML already typed, and are never guessed: only a
whole number is an int. Two units may also be written as text: seconds ("s")
as "15m" or "1h30m", bytes as "50MB" (KB, MB and GB count by 1024, as mail
programs do). A relative Path is relative to the file's folder.

What a value may be beyond its own type, a group says in `__post_init__`, by a
ValueError whose text begins with the setting's name.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import textwrap
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from merpati.base import values
from merpati.base.faults import Fault, Kind
from merpati.base.secrets import HIDDEN, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Tell = Callable[[str], str]

G = TypeVar("G")

REQUIRED: Final = MISSING  # the default of a setting that has none

MAX_SHOWN: Final = 60  # characters of a wrong value

_KEY: Final = "setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One declared setting."""

    name: str = ""
    type: str = ""  # the annotation's text, without `| None`
    default: Any
    text: str
    unit: str  # "s", "bytes", or a word for people
    reload: bool  # whether SIGHUP applies a change; else a restart does
    choices: tuple[str, ...]
    minimum: float
    maximum: float
    example: Any


def setting(
    default: Any,
    text: str,
    unit: str = "",
    reload: bool = True,
    choices: Iterable[str] = (),
    minimum: float = -math.inf,
    maximum: float = math.inf,
    example: Any = None,
) -> Any:
    """A dataclass field that is a setting.

    Args:
        default: Its value when the file says nothing; `REQUIRED` for none.
        text: One sentence for whoever runs the server.
        unit: "s" and "bytes" may be written as text; any other is only shown.
        reload: Whether SIGHUP applies a change.
        choices: The words allowed, if only some are.
        minimum: The least number allowed, in `unit`.
        maximum: The greatest.
        example: What to show where there is no default worth showing.
    """
    declared = Setting(
        default=default,
        text=text,
        unit=unit,
        reload=reload,
        choices=tuple(choices),
        minimum=minimum,
        maximum=maximum,
        example=example,
    )
    if default is REQUIRED:
        return dataclasses.field(metadata={_KEY: declared})
    return dataclasses.field(default=default, metadata={_KEY: declared})


def declared(group: type) -> dict[str, Setting]:
    """A group's settings by name, in the order of the source.

    Raises:
        TypeError: A field's annotation is of no type that a setting can have.
    """
    found = {}
    for field in dataclasses.fields(group):
        kind = str(field.type).removesuffix(" | None")
        if kind not in values.TYPES:
            raise TypeError(f"{group.__name__}.{field.name} cannot be a setting of type {kind}")
        known = field.metadata[_KEY]
        found[field.name] = dataclasses.replace(known, name=field.name, type=kind)
    return found


def load(
    group: type[G],
    mapping: Mapping[str, object],
    *,
    source: str = "settings",
    table: str = "",
    folder: Path = Path(),
) -> G:
    """A group's instance from what was written for it.

    Args:
        group: The dataclass.
        mapping: Names and values, as TOML gives them.
        source: The file, for error messages.
        table: The heading in it, such as "[queue]", for error messages.
        folder: What relative paths are relative to.

    Raises:
        Fault: CONFIG, whose text names file, key, reason and next step.
    """
    known = declared(group)
    where = " ".join(filter(None, (f"{source}:", table)))
    for key in mapping:
        if key not in known:
            raise Fault(Kind.CONFIG, f'{where} has no setting "{key}": {_instead(key, known)}')
    taken: dict[str, Any] = {}
    for name, one in known.items():
        if name not in mapping:
            if one.default is REQUIRED:
                line = f"{name} = {_example(one)}"
                raise Fault(Kind.CONFIG, f"{where} {name} is missing: add a line such as {line}")
            taken[name] = _rooted(one.default, folder)
            continue
        try:
            taken[name] = _rooted(_convert(one, mapping[name]), folder)
        except ValueError as problem:
            raise Fault(
                Kind.CONFIG, f"{where} {name} = {_shown(one, mapping[name])} {problem}"
            ) from None
    try:
        return group(**taken)
    except ValueError as problem:
        raise Fault(Kind.CONFIG, f"{where} {problem}") from None


def needs_restart(old: object, new: object) -> list[str]:
    """Names of the settings that differ between two instances and that SIGHUP does not apply."""
    return [
        name
        for name, one in declared(type(new)).items()
        if not one.reload and getattr(old, name) != getattr(new, name)
    ]


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that was probably meant, else an empty text."""
    return next(iter(difflib.get_close_matches(word.lower(), list(known), 1)), "")


def sample(
    groups: Mapping[str, type],
    filled: Mapping[str, Mapping[str, object]] | None = None,
    tell: Tell = str,
) -> str:
    """A TOML file with every setting: those `filled` set, the others as comments.

    Args:
        groups: The groups by heading.
        filled: Values to set, by heading and name.
        tell: Puts a sentence into the reader's language.
    """
    parts = []
    for heading, group in groups.items():
        given = (filled or {}).get(heading, {})
        lines = [comment(tell(summary(group))), f"[{heading}]"]
        for one in declared(group).values():
            lines += ["", comment(describe(one, tell))]
            if one.name in given:
                lines.append(f"{one.name} = {values.to_toml(given[one.name], one.unit)}")
            else:
                mark = "" if one.default is REQUIRED else "#"
                lines.append(f"{mark}{one.name} = {_example(one)}")
        parts.append("\n".join(lines) + "\n")
    return "\n\n".join(parts)


def reference(groups: Mapping[str, type]) -> str:
    """A Markdown section for every group."""
    parts = []
    for heading, group in groups.items():
        lines = [
            f"## `[{heading}]`",
            "",
            summary(group),
            "",
            "| setting | default | meaning |",
            "| --- | --- | --- |",
        ]
        for one in declared(group).values():
            default = "required" if one.default is REQUIRED else f"`{_default(one)}`"
            text = describe(one) + ("" if one.reload else " Takes a restart.")
            cells = (f"`{one.name}`", default if one.default is not None else "", text)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def explain(groups: Mapping[str, type], name: str, tell: Tell = str) -> str:
    """What `heading.setting` means, as a few lines for a terminal.

    Raises:
        Fault: NOT_FOUND, with the name that was probably meant.
    """
    known = {
        f"{heading}.{one.name}": one
        for heading, group in groups.items()
        for one in declared(group).values()
    }
    if name not in known:
        raise Fault(Kind.NOT_FOUND, f'There is no setting "{name}": {_instead(name, known)}')
    one = known[name]
    if one.default is REQUIRED:
        default = "must be set"
    else:
        default = "not set" if one.default is None else _default(one)
    change = "SIGHUP applies a change" if one.reload else "a change takes a restart"
    last = tell(f"Default: {default}; {change}.")
    return f"{name}: {describe(one, tell)}\n{last}\n"


def describe(one: Setting, tell: Tell = str) -> str:
    """A setting's sentence, and what may be written."""
    notes = []
    if one.choices:
        notes.append("One of " + ", ".join(values.to_toml(word) for word in one.choices) + ".")
    low, high = one.minimum, one.maximum
    if math.isfinite(low) and math.isfinite(high):
        notes.append(f"From {_bare(low, one)} to {_bare(high, one)}.")
    elif math.isfinite(low):
        notes.append(f"At least {_bare(low, one)}.")
    elif math.isfinite(high):
        notes.append(f"At most {_bare(high, one)}.")
    if one.unit not in {"", values.SECONDS, values.BYTES}:
        notes.append(f"In {one.unit}.")
    return " ".join(map(tell, [one.text, *notes]))


def summary(group: type) -> str:
    """What a group is about: the first paragraph of its docstring."""
    return " ".join((group.__doc__ or "").partition("\n\n")[0].split())


def comment(text: str) -> str:
    """`text` as TOML comment lines."""
    return textwrap.fill(text, 90, initial_indent="# ", subsequent_indent="# ")


def _convert(one: Setting, raw: object) -> Any:
    value = values.convert(one.type, one.unit, raw)
    for item in value if isinstance(value, tuple) else (value,):
        if one.choices and item not in one.choices:
            meant = closest(str(item), one.choices)
            words = ", ".join(values.to_toml(word) for word in one.choices)
            hint = f'did you mean "{meant}"?' if meant else f"write one of {words}."
            raise ValueError(f"is not known: {hint}")
        if isinstance(item, (int, float)):
            if item < one.minimum:
                raise ValueError(f"is too small: write {_bare(one.minimum, one)} or more.")
            if item > one.maximum:
                raise ValueError(f"is too large: write {_bare(one.maximum, one)} or less.")
    return value


def _instead(word: str, known: Iterable[str]) -> str:
    names = list(known)
    meant = closest(word, names)
    return f'did you mean "{meant}"?' if meant else f"there are {', '.join(names)}."


def _rooted(value: Any, folder: Path) -> Any:
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, tuple):
        return tuple(_rooted(item, folder) for item in value)
    return value


def _bare(number: float, one: Setting) -> str:
    whole = int(number) if number == int(number) else number
    return values.to_toml(whole, one.unit).strip('"')


def _default(one: Setting) -> str:
    return values.to_toml("" if isinstance(one.default, Secret) else one.default, one.unit)


def _example(one: Setting) -> str:
    """TOML to show: the example where there is one, else the default."""
    if one.example is not None:
        return values.to_toml(one.example, one.unit)
    return _default(one) if one.default is not REQUIRED and one.default is not None else '"..."'


def _shown(one: Setting, raw: object) -> str:
    """What was written, for an error message: never a secret, never long."""
    if "Secret" in one.type:
        return HIDDEN
    if isinstance(raw, dict):
        return "{...}"
    text = values.to_toml(raw)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}..."
