from __future__ import annotations

from pathlib import Path

import pytest

from merpati.app import cli
from tools import reference

SOURCE = """
def make(metrics):
    metrics.counter("merpati_letters_total", "Letters.", ("from",))
    metrics.gauge("merpati_birds", "Birds.")
    return [Family("merpati_nests", "gauge", "Nests.", ("tree",), (), {}), counter("other", "x")]
"""


def test_metrics_are_found_where_they_are_made(tmp_path: Path) -> None:
    (tmp_path / reference.SOURCES).mkdir(parents=True)
    (tmp_path / reference.SOURCES / "a.py").write_text(SOURCE)
    assert sorted(reference.metrics(tmp_path)) == [
        ("merpati_birds", "gauge", (), "Birds."),
        ("merpati_letters_total", "counter", ("from",), "Letters."),
        ("merpati_nests", "gauge", ("tree",), "Nests."),
    ]


def test_every_command_with_its_arguments_is_on_the_page() -> None:
    page = reference.commands_page()
    for name in cli.COMMANDS:
        assert f"\n## merpati {name}\n" in page
    assert "\n- `merpati queue retry [ID ...] [--json]" in page
    assert "- `merpati dns DOMAIN [--zone] [--push] [--json]`" in page
    assert "\n  - `--zone`: " in page


def test_a_stale_page_is_refused_until_it_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert reference.main(root) == 0
    assert reference.main([*root, "--check"]) == 0
    (tmp_path / reference.FOLDER / "commands.md").write_text("old")
    assert reference.main([*root, "--check"]) == 1
    assert "commands.md: stale; run `make reference`" in capsys.readouterr().out
