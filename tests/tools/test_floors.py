from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import floors

MakeTree = Callable[[Mapping[str, str]], Path]

GOOD = {
    "src/merpati/__init__.py": "",
    "src/merpati/base/__init__.py": "",
    "src/merpati/base/faults.py": "from enum import Enum\n",
    "src/merpati/base/clock.py": "import time\n",
    "src/merpati/wire/__init__.py": "",
    "src/merpati/wire/line.py": "import re\nfrom merpati.base.faults import Enum\n",
    "src/merpati/wire/imap/__init__.py": "",
    "src/merpati/wire/imap/search.py": "from merpati.wire import line\nimport msgspec\n",
    "src/merpati/servers/imap/__init__.py": "",
    "src/merpati/servers/imap/session.py": "from merpati.wire.imap import search\n",
    "src/merpati/servers/smtp/session.py": "from merpati.base import clock\n",
    "src/merpati/app/cli.py": "from merpati.servers.imap import session\n",
}


def errors_of(root: Path) -> list[str]:
    return floors.check(root)[0]


def test_a_tree_with_imports_downwards_passes(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(GOOD)
    assert errors_of(root) == []
    assert floors.main(["--root", str(root)]) == 0
    assert "0 violations" in capsys.readouterr().out


def test_an_import_upwards_is_named_with_its_line(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(GOOD | {"src/merpati/store/queue.py": "import re\nimport merpati.app.cli\n"})
    assert floors.main(["--root", str(root)]) == 1
    assert (
        "src/merpati/store/queue.py:2: imports merpati.app.cli: store stands below app"
        in capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    from merpati.app import cli\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from merpati.app import cli\n",
        "import importlib\nx = importlib.import_module('merpati.app.cli')\n",
        "x = __import__('merpati.app.cli')\n",
        "from ..app import cli\n",
        "from ..app.cli import main\n",
        "class A:\n    with x:\n        import merpati.app.cli as c\n",
    ],
)
def test_an_import_counts_wherever_it_hides(make_tree: MakeTree, text: str) -> None:
    errors = errors_of(make_tree(GOOD | {"src/merpati/net/hidden.py": text}))
    assert len(errors) == 1
    assert "net stands below app" in errors[0]


@pytest.mark.parametrize("module", ["asyncio", "socket", "os", "time", "random", "pathlib", "apsw"])
def test_wire_may_not_reach_the_world(make_tree: MakeTree, module: str) -> None:
    errors = errors_of(make_tree(GOOD | {"src/merpati/wire/bad.py": f"import {module}\n"}))
    assert len(errors) == 1
    assert errors[0].startswith(f"src/merpati/wire/bad.py:1: imports {module}: wire is pure; ")


def test_wire_may_use_only_faults_of_base(make_tree: MakeTree) -> None:
    text = "from merpati.base import clock\nfrom merpati.base.faults import Fault\n"
    errors = errors_of(make_tree(GOOD | {"src/merpati/wire/bad.py": text}))
    assert len(errors) == 1
    assert "wire may use only base.faults" in errors[0]


def test_servers_never_import_each_other(make_tree: MakeTree) -> None:
    text = "from merpati.servers.smtp import session\n"
    errors = errors_of(make_tree(GOOD | {"src/merpati/servers/imap/bad.py": text}))
    assert len(errors) == 1
    assert "servers never import each other" in errors[0]


def test_a_ring_of_modules_is_found_though_it_stays_on_its_floor(make_tree: MakeTree) -> None:
    errors = errors_of(
        make_tree(
            GOOD
            | {
                "src/merpati/net/one.py": "from merpati.net.two import b\n",
                "src/merpati/net/two.py": "def f():\n    from merpati.net import three\n",
                "src/merpati/net/three.py": "import merpati.net.one\n",
            }
        )
    )
    ring = "merpati.net.one <-> merpati.net.three <-> merpati.net.two"
    assert errors == [f"src/merpati: a ring of imports: {ring}"]


def test_a_module_without_a_floor_is_refused(make_tree: MakeTree) -> None:
    errors = errors_of(make_tree(GOOD | {"src/merpati/extra/thing.py": ""}))
    assert errors == ["src/merpati/extra/thing.py:1: merpati.extra.thing stands on no floor"]


def test_a_file_that_is_no_python_is_a_line_and_no_traceback(make_tree: MakeTree) -> None:
    errors = errors_of(make_tree(GOOD | {"src/merpati/net/broken.py": "def\n"}))
    assert errors == ["src/merpati/net/broken.py:1: invalid syntax"]


def test_a_module_that_everybody_imports_is_warned_of_but_passes(make_tree: MakeTree) -> None:
    users = {
        f"src/merpati/services/user{n}.py": "import merpati.model.drawer\nimport merpati.base.ids\n"
        for n in range(floors.FAN_IN + 1)
    }
    root = make_tree(
        GOOD | users | {"src/merpati/model/drawer.py": "", "src/merpati/base/ids.py": ""}
    )
    errors, warnings = floors.check(root)
    assert errors == []
    assert warnings == ["merpati.model.drawer is imported by 31 modules (more than 30)"]


def test_an_empty_tree_is_a_failure_and_not_a_pass(tmp_path: Path) -> None:
    assert floors.main(["--root", str(tmp_path)]) == 1
