from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import names

MakeTree = Callable[[Mapping[str, str]], Path]


def test_nouns_pass(make_tree: MakeTree) -> None:
    root = make_tree({"src/merpati/store/__init__.py": "", "src/merpati/store/mailboxes.py": ""})
    assert names.main(["--root", str(root)]) == 0


@pytest.mark.parametrize(
    "path",
    [
        "src/merpati/base/utils.py",
        "src/merpati/common/clock.py",
        "src/merpati/net/queue_manager.py",
        "tests/base/test_helpers.py",
    ],
)
def test_a_drawer_is_refused(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    assert names.main(["--root", str(make_tree({path: ""}))]) == 1
    assert f"{path}: " in capsys.readouterr().out


def test_a_module_beside_a_folder_of_its_name_is_refused(make_tree: MakeTree) -> None:
    root = make_tree({"src/merpati/net/dns.py": "", "src/merpati/net/dns/__init__.py": ""})
    assert names.check(root) == [
        "src/merpati/net/dns.py: a module and a folder of one name; Python picks one"
    ]


def test_capitals_are_refused(make_tree: MakeTree) -> None:
    assert len(names.check(make_tree({"src/merpati/net/TlsStream.py": ""}))) == 1
