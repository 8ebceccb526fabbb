"""Lists, forwards, responders and domain aliases on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.conftest import Merpati

LIST = "sales@a.id"


@pytest.fixture
def sales(merpati: Merpati) -> Merpati:
    """An installation where the list is new."""
    merpati("list", "remove", LIST, "--yes")
    done = merpati("list", "create", LIST, "--name", "Sales", "--owner", "admin@a.id")
    assert (done.status, done.err) == (0, "")
    return merpati


def test_a_list_is_made_and_shown(sales: Merpati) -> None:
    done = sales("list", "add-member", LIST, "ani@b.test", "-", text="budi@b.test\n\ncici@b.test\n")
    assert done.out == "3 of 3 added to sales@a.id.\n"
    again = sales("list", "add-member", LIST, "ANI@b.test")
    assert again.out == "0 of 1 added to sales@a.id.\n"
    shown = sales("list", "show", LIST, "--json").json
    assert shown["posting"] == "members"
    assert {one["address"]: (one["member"], one["owner"]) for one in shown["people"]} == {
        "admin@a.id": (False, True), "ani@b.test": (True, False),
        "budi@b.test": (True, False), "cici@b.test": (True, False),
    }  # fmt: skip
    [listed] = sales("list", "list", "--json").json
    assert (listed["address"], listed["members"], listed["held"]) == (LIST, 3, 0)
    assert "admin@a.id   owner   " in sales("list", "show", LIST).out
    removed = sales("list", "remove-member", LIST, "ani@b.test")
    assert removed.out == "1 of 1 removed from sales@a.id.\n"


def test_rules_are_changed_by_name(sales: Merpati) -> None:
    done = sales(
        "list", "set", LIST, "--posting", "named", "--moderated", "yes", "--joining", "open",
        "--archive", "admin@a.id",
    )  # fmt: skip
    assert done.out == "The list sales@a.id is changed.\n"
    shown = sales("list", "show", LIST, "--json").json
    assert (shown["posting"], shown["moderated"], shown["archive"]) == ("named", True, "admin@a.id")
    assert sales("list", "set", LIST, "--archive", "none").status == 0
    assert sales("list", "show", LIST, "--json").json["archive"] == ""
    assert sales("list", "set", LIST).status == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("show none@a.id", "there is no list none@a.id; see: merpati list list"),
        ("create admin@a.id", "admin@a.id is the address of an account"),
        ("create x@b.test",
         "domain b.test is not served here; add it with: merpati domain add b.test"),
        ("approve 99", "no post 99 waits; see: merpati list held ADDRESS"),
        ("add-member sales@a.id ani", "'ani' is not an address; write name@domain"),
        ("remove-member sales@a.id x@y.test",
         "none of them is a member of sales@a.id; see: merpati list show sales@a.id"),
        ("set sales@a.id --archive x@a.id",
         "there is no account x@a.id; see: merpati account list"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_says_why_and_what_to_type(
    sales: Merpati, words: str, sentence: str
) -> None:
    done = sales("list", *words.split())
    assert (done.status, done.err) == (1, f"merpati list: {sentence}\n")


def test_addresses_of_lists_are_kept_from_others(sales: Merpati) -> None:
    done = sales("alias", "add", LIST, "x@b.test")
    assert done.err == f"merpati alias: {LIST} is the address of a mailing list\n"
    done = sales("account", "add", LIST)
    assert "is a mailing list; remove it first with: merpati list remove sales@a.id" in done.err
    assert "still has" in sales("domain", "remove", "a.id").err


def test_an_account_forwards_and_stops(merpati: Merpati) -> None:
    done = merpati("account", "forward", "admin@a.id", "x@b.test", "--keep")
    assert done.out == "Mail for admin@a.id goes on to x@b.test, and a copy stays.\n"
    assert "forwards   to x@b.test; a copy stays" in merpati("account", "show", "admin@a.id").out
    assert merpati("account", "forward", "admin@a.id", "--json").json == {
        "address": "admin@a.id", "targets": ["x@b.test"], "keep": True,
    }  # fmt: skip
    wrong = merpati("account", "forward", "admin@a.id", "x")
    assert wrong.err == "merpati account: an address must have a domain: name@domain\n"
    itself = merpati("account", "forward", "admin@a.id", "admin@a.id")
    assert "a target is another address" in itself.err
    assert merpati("account", "forward", "admin@a.id", "--off").out.endswith("stays here.\n")


def test_an_account_hands_out_files(merpati: Merpati, tmp_path: Path) -> None:
    (tmp_path / "prices.txt").write_text("5\n")
    done = merpati("account", "info", "admin@a.id", "--folder", str(tmp_path))
    assert done.out.startswith(f"admin@a.id hands out 1 files of {tmp_path}.\n")
    gone = merpati("account", "info", "admin@a.id", "--folder", str(tmp_path / "no"))
    assert "make it with: mkdir -p" in gone.err
    assert merpati("account", "info", "admin@a.id", "--off").out.endswith("answers no requests.\n")


def test_a_domain_gets_a_second_name(merpati: Merpati) -> None:
    done = merpati("domain", "alias", "A2.id", "a.id")
    assert done.out.startswith("Mail for A2.id goes to the same addresses of a.id now.\n")
    assert merpati("domain", "show", "a.id", "--json").json["aliases"] == ["a2.id"]
    assert "  a2.id, an alias" in merpati("domain", "list").out
    assert "is a domain alias" in merpati("domain", "add", "a2.id").err
    assert "is an alias already" in merpati("domain", "alias", "a2.id", "a.id").err
    found = merpati("account", "show", "admin@a2.id", "--json").json
    assert "admin@a2.id" in found["addresses"]
    assert "a2.id." in merpati("dns", "A2.id").out
    assert merpati("domain", "unalias", "a2.id").status == 0
    assert "there is no domain alias" in merpati("domain", "unalias", "a2.id").err
