"""Commands run in this process, on an installation for each module."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from merpati.app import cli
from tests.support.instance import Installation


class Done(NamedTuple):
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Merpati = Callable[..., Done]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation for a.id on mail.a.id with admin@a.id; no server runs."""
    return Installation.make(tmp_path_factory.mktemp("installation") / "a", "a.id").folder


@pytest.fixture
def merpati(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Merpati:
    """`merpati("account", "list")`, with what stands on its standard input as `text`."""
    monkeypatch.setenv("MERPATI_CONFIG", str(folder / "merpati.toml"))
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: str, text: str = "") -> Done:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        capsys.readouterr()
        try:
            status = cli.main(list(words))
        except SystemExit as end:  # argparse: wrong usage, or --help
            status = int(end.code or 0)
        return Done(status, *capsys.readouterr())

    return run
