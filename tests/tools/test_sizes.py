from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import sizes

MakeTree = Callable[[Mapping[str, str]], Path]


def function(lines: int, *, doc: int = 0) -> str:
    text = "def f() -> None:\n"
    if doc:
        text += '    """Doc.' + "\n" * doc + '    """\n'
    return text + "    x = 1\n" * (lines - 1)


def test_a_module_and_a_function_at_the_limit_pass(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree({"src/a.py": function(60) + "x = 1\n" * 540})
    assert sizes.main(["--root", str(root)]) == 0
    out = capsys.readouterr().out
    assert "   600  src/a.py" in out
    assert "    60  src/a.py:f" in out


def test_a_module_over_the_limit_is_refused(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree({"src/a.py": "x = 1\n" * 601})
    assert sizes.main(["--root", str(root), "--quiet"]) == 1
    assert "src/a.py: 601 lines (limit 600)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (function(61), "f"),
        ("async " + function(61), "f"),
        ("class A:\n" + "".join(f"    {line}\n" for line in function(61).splitlines()), "A.f"),
    ],
)
def test_a_function_over_the_limit_is_refused(make_tree: MakeTree, text: str, name: str) -> None:
    root = make_tree({"tests/a.py": text})
    assert sizes.check(sizes.measure(root), {}) == [f"tests/a.py:{name}: 61 lines (limit 60)"]


def test_a_docstring_does_not_count_against_its_function(make_tree: MakeTree) -> None:
    root = make_tree({"src/a.py": function(60, doc=40)})
    assert sizes.check(sizes.measure(root), {}) == []


def test_a_reasoned_exception_is_honoured_up_to_its_own_limit(make_tree: MakeTree) -> None:
    files = {"src/a.py": function(70), sizes.ALLOW: "src/a.py:f  70  one flat table\n"}
    root = make_tree(files)
    assert sizes.main(["--root", str(root), "--quiet"]) == 0
    make_tree({"src/a.py": function(71)})
    assert sizes.main(["--root", str(root), "--quiet"]) == 1


def test_an_exception_without_a_reason_or_a_use_is_refused(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    allow = "# heading\nsrc/a.py:f  70\nsrc/a.py  700  no longer long\n"
    root = make_tree({"src/a.py": function(10), sizes.ALLOW: allow})
    assert sizes.main(["--root", str(root), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert "sizes.allow:2: wants `place  LIMIT  reason`" in out
    assert "src/a.py needs no exception any more" in out
