from __future__ import annotations

from pathlib import Path

from tools import web_sieve


def test_what_the_filter_editor_knows_is_what_the_server_does() -> None:
    for path, text in web_sieve.files().items():
        assert Path(path).read_text() == text, f"{path} is stale: run python -m tools.web_sieve"


def test_a_script_that_does_not_follow_the_grammar_has_no_form() -> None:
    assert web_sieve.example(b"keep }")["written"] is None
    assert web_sieve.example(b"# rule: A\nif true { keep; }")["blocks"] == [
        {"name": "A", "enabled": True, "keys": {}}
    ]
