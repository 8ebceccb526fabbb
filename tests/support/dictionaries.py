"""What tests ask of a dictionary of sentences (`base/phrases.py`) and of the code it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

# Words that no Indonesian sentence has, and that English ones can hardly do without.
_ENGLISH: Final = frozenset(
    ["the", "is", "are", "and", "of", "not", "that", "which", "with", "from", "was", "has", "have",
     "it", "its", "this", "to", "for"]
)  # fmt: skip
_COMMAND: Final = re.compile(r"\"[^\"]*\"|System clock synchronized: yes")
_SLOT: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


def english_in(text: str) -> list[str]:
    """English words in what should be Indonesian; what stands in quotes is quoted."""
    words = re.findall(r"[A-Za-z']+", _COMMAND.sub("", text))
    return [word for word in words if word in _ENGLISH]


def unknown_fields(book: Mapping[str, str]) -> list[str]:
    """Entries of which a sentence has fields that its English one has not."""
    return [
        english
        for english, other in book.items()
        if not set(_SLOT.findall(other)) <= set(_SLOT.findall(english))
    ]


def arguments(file: Path, name: str, at: int = -1) -> list[str]:
    """The texts that calls of `name` in a source file have in that place.

    Values in an f-string stand as "x1", "x2", and so on, for whatever they are at run time.
    """
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if (
            isinstance(node, ast.Call)
            and _called(node.func) == name
            and len(node.args) > max(at, 1)
        ):
            found += texts(node.args[at])
    return found


def _called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def texts(node: ast.expr) -> list[str]:
    """What a string expression can be; nothing for one that is made elsewhere."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if not isinstance(node, ast.JoinedStr):
        return []
    found = [""]
    for n, part in enumerate(node.values):
        if isinstance(part, ast.FormattedValue):
            pieces = (texts(part.value) if isinstance(part.value, ast.IfExp) else []) or [f"x{n}"]
        else:
            pieces = texts(part)
        found = [head + piece for head in found for piece in pieces]
    return found


def is_sentence(text: str) -> bool:
    """Whether a text says something, besides the values put into it."""
    return re.search(r"[A-Za-z]{2,}", re.sub(r"x\d+", "", text)) is not None
