from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.app.conftest import Merpati

ANI = "ani@a.id"


@pytest.fixture
def config(folder: Path, merpati: Merpati) -> tuple[str, str]:
    where = ("-c", str(folder / "merpati.toml"))
    merpati("account", "add", ANI, *where)  # the installation may have it from the test before
    return where


def test_an_app_password_is_made_listed_and_revoked(
    config: tuple[str, str], merpati: Merpati
) -> None:
    base = ("account", "app-password", ANI)
    done = merpati(*base, "add", "--name", "Phone", "--for", "smtp,imap", *config)
    assert done.status == 0, done.err
    assert re.search(r"for imap, smtp, shown only now:\n(\w{4}-){7}\w{4}\n", done.out)
    [shown] = json.loads(merpati(*base, "list", "--json", *config).out)
    assert (shown["name"], shown["protocols"]) == ("Phone", ["imap", "smtp"])
    assert "Phone" in merpati(*base, "list", *config).out
    assert merpati(*base, "revoke", shown["id"], *config).status == 0
    assert "No app password yet." in merpati(*base, "list", *config).out
    again = merpati(*base, "revoke", shown["id"], *config)
    assert (again.status, again.err) == (1, "merpati account: there is no such app password\n")


def test_app_passwords_outlive_a_new_password_unless_all_is_revoked(
    config: tuple[str, str], merpati: Merpati
) -> None:
    base = ("account", "app-password", ANI)
    merpati(*base, "add", "--name", "Phone", *config)
    change = ("account", "set", ANI, *config)
    assert "1 app passwords go on working" in merpati(*change, "--password").out
    assert "Phone" in merpati(*base, "list", *config).out
    assert merpati(*change, "--revoke-all").status == 1
    done = merpati(*change, "--password", "--revoke-all")
    assert done.status == 0
    assert "go on working" not in done.out
    assert "No app password yet." in merpati(*base, "list", *config).out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--for", "telnet"), "protocols are some of imap"),
        (("--from", "everywhere"), "which is no network"),
        (("--days", "-1"), "--days is 0 or more"),
    ],
)
def test_a_wrong_app_password_is_told_so(
    config: tuple[str, str], merpati: Merpati, more: tuple[str, ...], said: str
) -> None:
    done = merpati("account", "app-password", ANI, "add", *more, *config)
    assert done.status == 1
    assert said in done.err


def test_sign_in_shows_and_changes_how_somebody_signs_in(
    config: tuple[str, str], merpati: Merpati
) -> None:
    base = ("account", "sign-in", ANI)
    shown = merpati(*base, *config)
    assert "no authenticator app, 0 passkeys, 0 recovery codes" in shown.out
    assert "Nobody has signed in yet." in shown.out
    assert merpati(*base, "--browser-only", "yes", *config).status == 0
    assert json.loads(merpati(*base, "--json", *config).out)["browser_only"] is True
    assert "ended" in merpati(*base, "--end", "--password-only", *config).out
    assert json.loads(merpati(*base, "--json", *config).out)["browser_only"] is False
