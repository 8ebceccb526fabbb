from __future__ import annotations

import pytest

from tests.support.programs import PACKAGES, need


def test_a_program_that_is_there_is_found_by_its_path() -> None:
    assert need("sh").endswith("/sh")


def test_a_missing_program_skips_with_its_name_and_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(PACKAGES, "no-such-program", "no-such-package")
    with pytest.raises(pytest.skip.Exception) as caught:
        need("no-such-program")
    assert caught.value.msg == "no-such-program is missing; apt-get install no-such-package"


def test_a_missing_program_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no-such-program is missing"):
        need("no-such-program")
