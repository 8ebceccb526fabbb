"""Backups and the configuration as one text, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.test_admin import BOSS, Admin
from tests.support.browser import Browser
from tests.support.instance import Installation
from tests.support.programs import need


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    made = Installation.make(tmp_path / "one", "a.id", "ani@a.id")
    made.add_account(BOSS, "--admin", "--name", "Boss")
    made.configure("backup", target=f'"{tmp_path / "backup"}"')
    with made.serving(workers=1):
        yield made


@pytest.fixture
def admin(installation: Installation, tmp_path: Path) -> Iterator[Admin]:
    with Browser(need("chromium")) as browser:
        yield Admin(installation, browser.page("about:blank", (1400, 1000)), tmp_path)


def test_a_backup_is_taken_and_an_erased_account_brought_back(
    installation: Installation, admin: Admin
) -> None:
    admin.sign_in(BOSS)
    admin.go("backup")
    admin.shows("There is none yet.")
    admin.press("Back up now")
    admin.shows("The last good one began")
    installation.run("account", "remove", "ani@a.id", "--yes")
    admin.fill("Address", "ani@a.id")
    admin.press("Look into the backup")
    admin.page.wait("document.querySelectorAll('main select').length == 2")
    admin.press("Bring back")
    admin.shows("The account was made anew.")
    assert "ani@a.id" in {one["address"] for one in installation.json("account", "list")}


def test_a_configuration_is_compared_applied_and_taken_back(
    installation: Installation, admin: Admin
) -> None:
    admin.sign_in(BOSS)
    admin.go("configuration")
    admin.press("As it is now")
    admin.page.wait("document.querySelector('main textarea').value.includes('ani@a.id')")
    admin.page.run(
        "(() => { const area = document.querySelector('main textarea');"
        ' area.value += \'\\n[alias]\\n"info@a.id" = ["ani@a.id"]\\n\';'
        " area.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    admin.press("Compare")
    admin.shows("add the alias info@a.id: targets ani@a.id")
    assert installation.json("alias", "list") == []
    admin.press("Apply")
    admin.shows("This was changed:")
    assert [one["address"] for one in installation.json("alias", "list")] == ["info@a.id"]
