from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tools import rfcs

MakeTree = Callable[[Mapping[str, str]], Path]

HEADER = "\t".join(rfcs.HEADER) + "\n"
GOOD = {
    rfcs.INDEX: HEADER
    + "1939\tPOP3\tall\tdone\twire/pop3.py\n"
    + "9051\tIMAP4rev2\tsearch | fetch\tpartial\twire/imap, servers/imap.py\n"
    + "9999\tLater\tnothing yet\tplanned\t\n",
    "src/merpati/wire/pop3.py": '"""POP3 (RFC 1939)."""\n',
    "src/merpati/wire/imap/fetch.py": "# RFC 9051 6.4.7\n",
    "src/merpati/servers/imap.py": "# RFC 9051 7\n",
}


def run(root: Path, *options: str) -> int:
    return rfcs.main(["--root", str(root), *options])


def test_the_page_is_made_and_then_fresh(make_tree: MakeTree) -> None:
    root = make_tree(GOOD)
    assert run(root) == 0
    page = (root / rfcs.PAGE).read_text("utf-8")
    assert "3 RFCs: 1 done, 1 partial, 1 planned." in page
    assert "search \\| fetch" in page
    assert "[wire/pop3.py](../../src/merpati/wire/pop3.py)" in page
    assert run(root, "--check") == 0


def test_a_stale_page_fails_the_check_and_is_left_alone(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str]
) -> None:
    root = make_tree(GOOD | {rfcs.PAGE: "old\n"})
    assert run(root, "--check") == 1
    assert "stale" in capsys.readouterr().out
    assert (root / rfcs.PAGE).read_text("utf-8") == "old\n"


@pytest.mark.parametrize("name", ["wire/a.py", "store/migrations/1.sql"])
def test_a_citation_without_a_row_is_found(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    root = make_tree(GOOD | {f"src/merpati/{name}": "-- RFC 3501 5\n"})
    assert run(root) == 1
    assert f"src/merpati/{name}: cites RFC 3501" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("9999\tX\tall\tdone\twire/none.py\n", "there is no src/merpati/wire/none.py"),
        ("9999\tX\tall\tdone\twire/pop3.py\n", "wire/pop3.py never cites RFC 9999"),
        ("9999\tX\tall\tdone\t\n", "done without a module"),
        ("9999\tX\tall\tfinished\t\n", "'finished' is none of"),
        ("9999\tX\t\tplanned\t\n", "title and coverage must be filled"),
        ("1939\tX\tall\tplanned\t\n", "sorted and only once"),
        ("9999 X all done\n", "wants 5 tab-separated fields"),
    ],
)
def test_a_wrong_row_is_named(
    make_tree: MakeTree, capsys: pytest.CaptureFixture[str], row: str, wanted: str
) -> None:
    index = GOOD[rfcs.INDEX].replace("9999\tLater\tnothing yet\tplanned\t\n", row)
    assert run(make_tree(GOOD | {rfcs.INDEX: index})) == 1
    assert wanted in capsys.readouterr().out


def test_a_missing_index_is_a_failure(make_tree: MakeTree) -> None:
    root = make_tree({"src/merpati/a.py": "", "docs/rfc/keep": ""})
    assert run(root) == 1
