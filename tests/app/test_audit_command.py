"""`merpati audit` on an installation without a server."""

from __future__ import annotations

from tests.app.conftest import Merpati


def test_a_change_is_listed_shown_and_taken_back(merpati: Merpati) -> None:
    merpati("account", "add", "ani@a.id", "--name", "Ani")
    merpati("account", "set", "ani@a.id", "--name", "Anita", "--quota", "1GB")
    [changed] = merpati("audit", "list", "account.change", "--json").json
    number = str(changed["id"])
    assert number in merpati("audit", "list").out
    shown = merpati("audit", "show", number).out
    assert ["name", "Ani", "Anita"] in [line.split() for line in shown.splitlines()]
    assert f"merpati audit undo {number}" in shown
    assert merpati("audit", "undo", number).status == 0
    found = merpati("account", "show", "ani@a.id", "--json").json
    assert (found["name"], found["quota"]) == ("Ani", 0)
    after = merpati("audit", "show", number, "--json").json
    assert after["undone_by"] == int(number) + 1
    refused = merpati("audit", "undo", number)
    assert refused.status == 1
    assert "ani@a.id has changed since: name is Ani now" in refused.err
    assert "merpati audit list" in merpati("audit", "show", "999").err


def test_what_the_commands_change_is_there(merpati: Merpati) -> None:
    merpati("account", "add", "budi@a.id")
    merpati("shared", "add", "desk@a.id")
    merpati("shared", "member", "add", "desk@a.id", "budi@a.id")
    merpati("shared", "set", "desk@a.id", "--messages", "9")
    merpati("list", "create", "team@a.id", "--owner", "budi@a.id", "--posting", "anyone")
    merpati("list", "set", "team@a.id", "--moderated", "yes")
    merpati("list", "add-member", "team@a.id", "budi@a.id")
    merpati("list", "remove", "team@a.id", "--yes")
    merpati("shared", "remove", "desk@a.id", "--yes")
    done = {one["action"] for one in merpati("audit", "list", "--json").json}
    assert done >= {
        "shared.add", "shared.member", "shared.change", "shared.remove", "list.add",
        "list.change", "list.add-member", "list.remove",
    }  # fmt: skip


def test_a_forward_is_taken_back(merpati: Merpati) -> None:
    merpati("account", "add", "citra@a.id")
    merpati("account", "forward", "citra@a.id", "far@b.id")
    merpati("account", "forward", "citra@a.id", "near@b.id", "--keep")
    [second, first] = merpati("audit", "list", "account.forward", "--json").json
    assert merpati("audit", "undo", str(first["id"])).status == 1
    assert merpati("audit", "undo", str(second["id"])).status == 0
    found = merpati("account", "forward", "citra@a.id", "--json").json
    assert (found["targets"], found["keep"]) == (["far@b.id"], False)
    assert merpati("audit", "undo", str(first["id"])).status == 0
    assert merpati("account", "forward", "citra@a.id", "--json").json["targets"] == []
