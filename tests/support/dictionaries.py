"""What tests ask of a dictionary of sentences (`base/phrases.py`) and of the code it is for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

# Words that no Indonesian sentence has, and that English ones can hardly do without.
_ENGLISH: Final = frozenset(
    ["the", "is", "are", "and", "of", "not", "that", "which", "with", "from", "was", "has", "have",
     "it", "its", "this", "to", "for"]
)  # fmt: skip
_COMMAND: Final = re.compile(r"\"[^\"]*\"|System clock synchronized: yes")
# The words of a sentence, not those of an identifier, a path or a protocol.
_TWO_WORDS: Final = re.compile(r"(?<![\w/.<\[])[A-Za-z]{2,}[,:;]?\s+[a-z(]{2,}(?![\w/.=])")
_FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_ENDS: Final = " .,:;?!()'\""
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
    """The texts that calls of `name` in a source file have in that place; -1 is the last of many.

    Values in an f-string stand as "x1", "x2", and so on, for whatever they are at run time.
    """
    found = []
    for body, names in _scopes(file):
        for node in _inside(body):
            if isinstance(node, ast.Call) and _called(node.func) == name:
                enough = len(node.args) > (at if at >= 0 else 1)
                found += texts(node.args[at], names) if enough else []
    return [text for text in found if text != "x9"]


def _called(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def texts(node: ast.expr, names: Mapping[str, list[str]] = MappingProxyType({})) -> list[str]:
    """What a string expression can be; nothing for one that is made elsewhere.

    Args:
        node: The expression.
        names: Names that stand for texts, where it is.
    """
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return texts(node.body, names) + texts(node.orelse, names)
    if isinstance(node, ast.Name):
        return names.get(node.id, [])
    if not isinstance(node, ast.JoinedStr):
        return []
    found = [""]
    for n, part in enumerate(node.values):
        if isinstance(part, ast.FormattedValue):
            known = isinstance(part.value, ast.IfExp | ast.Name)
            pieces = (texts(part.value, names) if known else []) or [f"x{n}"]
        else:
            pieces = texts(part, names)
        found = [head + piece for head in found for piece in pieces]
    return found


def is_sentence(text: str) -> bool:
    """Whether a text says something, besides the values put into it."""
    return re.search(r"[A-Za-z]{2,}", re.sub(r"x\d+", "", text)) is not None


def sentences(file: Path) -> list[str]:
    """Every text in a source file that looks like a sentence, as a reader could see it.

    Names that stand for texts of their own are put into the f-strings that use them, and are no
    sentences alone. Docstrings are none.
    """
    found = [text for body, names in _scopes(file) for text in _spoken(body, names)]
    return [text for text in dict.fromkeys(found) if reads_like_one(text)]


def reads_like_one(text: str) -> bool:
    """Whether two words stand side by side, the values put into it aside."""
    return _TWO_WORDS.search(re.sub(r"x\d+", "", text)) is not None


def _scopes(file: Path) -> Iterator[tuple[list[ast.stmt], dict[str, list[str]]]]:
    """Each body of a source file, the module's and those of functions, with its names for texts."""
    tree = ast.parse(file.read_text())
    everywhere = _named(tree.body, {})
    yield tree.body, everywhere
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.body, everywhere | _named(node.body, everywhere)


def _inside(body: Iterable[ast.stmt]) -> Iterator[ast.AST]:
    """The nodes of a body, without its docstring and the functions in it."""
    for n, statement in enumerate(body):
        is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not (is_text and n == 0) and not isinstance(statement, _FUNCTIONS):
            yield from _below(statement)


def _below(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, ast.ClassDef):
        yield from _inside(node.body)
        return
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, _FUNCTIONS):
            yield from _below(child)


def _named(body: Iterable[ast.stmt], outer: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The names that stand for texts, with "x9" beside those that may be something else."""
    found: dict[str, list[str]] = {}
    for node in _inside(body):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign) and node.value is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name):
                known = texts(node.value, {**outer, **found}) or ["x9"]
                found[target.id] = found.get(target.id, []) + known
    return {
        name: [one for one in values if one or "x9" not in values]
        for name, values in found.items()
        if set(values) - {"", "x9"}
    }


def _spoken(body: list[ast.stmt], names: Mapping[str, list[str]]) -> Iterator[str]:
    pieces: set[str] = set()
    whole: list[str] = []
    inner: set[int] = set()
    for node in _inside(body):
        if id(node) in inner or not isinstance(node, ast.JoinedStr | ast.Constant):
            continue
        whole += texts(node, names)
        if isinstance(node, ast.JoinedStr):
            for part in node.values:
                value = getattr(part, "value", None)
                inner |= {id(part)} | {id(one) for one in _choices(value)}
                if isinstance(value, ast.Name):
                    pieces |= set(names.get(value.id, ()))
    yield from (text for text in whole if text not in pieces)


def _choices(node: ast.AST | None) -> list[ast.AST]:
    """The texts that a value in an f-string is one of: they are pieces of it."""
    if isinstance(node, ast.IfExp):
        return [*_choices(node.body), *_choices(node.orelse)]
    return [node, *getattr(node, "values", [])] if node is not None else []


def own_words(english: str) -> list[str]:
    """The runs of words of an entry between its fields, without what stands at their ends."""
    runs = [re.sub(r"\s+", " ", run).strip(_ENDS) for run in re.split(r"\{\w*\}", english)]
    return [run for run in runs if re.search(r"[A-Za-z]{3}", run)]


def literals(files: Iterable[Path]) -> str:
    """Every text in source files, one a line; the parts of an f-string each for itself."""
    found: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(re.sub(r"\s+", " ", node.value))
    return "\n".join(sorted(found))
