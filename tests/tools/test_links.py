from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import links

MakeTree = Callable[[Mapping[str, str]], Path]

GOOD = {
    "README.md": (
        "# Merpati\n"
        "[guide](docs/guide.md), [part](docs/guide.md#the-queue-and-its-table), [here](#merpati)\n"
        "[out](https://example.test/none), [mail](mailto:a@example.test), [folder](docs)\n"
        "[root](/docs/guide.md) ![picture](<docs/a.png>) [second](docs/guide.md#setup-1)\n"
        "`[code](none.md)`\n"
        "```\n[code](none.md)\n```\n"
        "[by name]: docs/guide.md#mark\n"
    ),
    "docs/guide.md": (
        "## The `queue`, and *its* [table](../README.md)\n## Setup\n### Setup\n<a id='mark'></a>\n"
    ),
    "docs/a.png": "",
    ".venv/x.md": "[dead](none.md)\n",
    "web/node_modules/x.md": "[dead](none.md)\n",
}


def test_live_links_and_anchors_pass(make_tree: MakeTree) -> None:
    root = make_tree(GOOD)
    assert links.check(root) == []
    assert links.main(["--root", str(root)]) == 0


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("see [x](none.md)", "README.md:1: dead link: none.md"),
        ("see [x](docs/guide.md#none)", "README.md:1: dead anchor: docs/guide.md#none"),
        ("see [x](#none)", "README.md:1: dead anchor: #none"),
        ("[x]: none.md", "README.md:1: dead link: none.md"),
        ('<img src="none.png">', "README.md:1: dead link: none.png"),
        ("[a](docs) and [x](none.md 'title')", "README.md:1: dead link: none.md"),
        ("see [x](../../../../../../etc)", "README.md:1: link out of the tree: "),
    ],
)
def test_a_dead_link_is_named_with_its_line(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str], line: str, wanted: str
) -> None:
    root = make_tree(GOOD | {"README.md": line + "\n"})
    assert links.main(["--root", str(root)]) == 1
    assert wanted in capsys.readouterr().out


def test_a_heading_inside_a_code_block_makes_no_anchor(make_tree: MakeTree) -> None:
    root = make_tree({"a.md": "~~~sh\n# not a heading\n~~~\n[x](#not-a-heading)\n"})
    assert links.check(root) == ["a.md:4: dead anchor: #not-a-heading"]
