"""Every fuzz target, briefly, with all that once crashed it; and the fuzzer itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fuzz import run

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 300


@pytest.mark.parametrize("name", run.names())
def test_target_survives_its_seeds_old_crashers_and_some_mutations(name: str) -> None:
    _tried, crash = run.drive(run.load(name), runs=RUNS)
    assert crash is None, f"{crash.data!r}\n{crash.report}"


def test_every_folder_of_crashers_belongs_to_a_target() -> None:
    folders = {path.name for path in run.CRASHERS.glob("*/")}
    assert folders <= set(run.names())


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of targets beside the real one."""
    monkeypatch.setattr(run, "HERE", tmp_path)
    monkeypatch.setattr(run, "CRASHERS", tmp_path / "crashers")
    return tmp_path


def write(folder: Path, name: str, body: str, seeds: str = "[b'GET 12']") -> None:
    text = f"SEEDS = {seeds}\n\n\ndef target(data):\n    {body}\n"
    (folder / f"{name}.py").write_text(text, "utf-8")


def test_a_planted_bug_is_found_saved_and_then_found_again_at_once(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(own_folder, "planted", "assert not (data.startswith(b'GET') and b'\\r.\\r' in data)")
    tried, crash = run.drive(run.load("planted"), runs=20_000)
    assert crash is not None
    assert b"\r.\r" in crash.data
    assert "AssertionError" in crash.report
    saved = crash.save("planted")
    assert saved.read_bytes() == crash.data
    again, crash = run.drive(run.load("planted"), runs=1)
    assert crash is not None
    assert again == 2 < tried
    assert run.main(["planted", "--runs", "1", "--memory", "-1"]) == 1
    assert "planted: 2 inputs" in capsys.readouterr().out


def test_the_same_seed_makes_the_same_inputs(own_folder: Path) -> None:
    write(own_folder, "collect", "seen.append(data)")
    with (own_folder / "collect.py").open("a") as file:
        file.write("\n\nseen = []\n")
    made = []
    for seed in (1, 1, 2):
        target = run.load("collect")
        run.drive(target, runs=200, seed=seed)
        made.append(target.function.__globals__["seen"])
    assert len(made[0]) == 200
    assert made[0] == made[1] != made[2]
    assert len(set(made[0])) > 150


@pytest.mark.parametrize(
    "body",
    ["while True: pass", "import re; re.match(b'(a|a)*c', b'a' * 64)"],
)
def test_an_input_that_takes_too_long_is_a_crash(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(run, "INPUT_SECONDS", 0.05)
    write(own_folder, "slow", body)
    _tried, crash = run.drive(run.load("slow"), runs=1)
    assert crash is not None
    assert "TookTooLong" in crash.report


def test_an_unknown_target_is_wrong_usage(own_folder: Path) -> None:
    write(own_folder, "one", "pass")
    with pytest.raises(SystemExit) as caught:
        run.main(["none"])
    assert caught.value.code == 2
    assert run.main(["--list"]) == 0
