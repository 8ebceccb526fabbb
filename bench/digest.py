"""What the digest of a message costs at delivery, now and before: `python -m bench.digest [REV]`.

The version of `src` in the commit (HEAD by default) and the one in the work tree take turns,
each in a process of its own. Every figure is the least of all rounds, in microseconds of CPU
time for one message, so a busy machine does little to it. The stages are calls of their own;
what `digest` hands from one stage to the next makes the whole cheaper than their sum.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

from bench import corpus, mime
from merpati.services.digest import digest
from merpati.wire.imap import structure
from merpati.wire.mime import dates, headers, text, tree

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = Path(__file__).parents[1]
ROUNDS = 5  # of each version
BATCHES = 25  # in a round
SECONDS = 0.008  # that a batch takes, about


def letters() -> dict[str, bytes]:
    """Plain and multipart mail, made up and real."""
    with tempfile.TemporaryDirectory() as place:
        plain = corpus.submission(Path(place, "letter"), 4096).read_bytes()
    made = {
        "plain 4 KB": plain,
        "reply 3 KB": corpus.message(22, 3_000),
        "attachment": corpus.message(13, 3_000),
        "signed": mime.SIMPLE,
        "alternative": mime.ORDINARY,
    }
    real = sorted(mime.CORPORA.glob("mail-parser/legacy/0[01]5.eml"))
    return made | {f"real {path.stem}": path.read_bytes() for path in real}


def stages(message: bytes) -> dict[str, Callable[[], object]]:
    """The stages of the digest, each with what it needs at hand."""
    root = tree.parse(message)
    found = headers.split(message, 0, root.body_start)
    date = found.get(b"date") or b""
    return {
        "tree": lambda: tree.parse(message),
        "encode": lambda: tree.encode(root),
        "split": lambda: headers.split(message, 0, root.body_start),
        "envelope": lambda: structure.envelope(found),
        "structure": lambda: structure.bodystructure(root, message),
        "date": lambda: dates.parse(date),
        "preview": lambda: text.preview(message, root),
        "digest": lambda: digest(message, 0),
    }


def cost(run: Callable[[], object]) -> float:
    """The least CPU time of one call, in microseconds."""
    started = process_time()
    for _ in range(10):
        run()
    number = max(1, int(SECONDS / max(1e-7, (process_time() - started) / 10)))
    least = float("inf")
    for _ in range(BATCHES):
        started = process_time()
        for _ in range(number):
            run()
        least = min(least, process_time() - started)
    return least / number * 1e6


def measured(source: Path) -> dict[str, dict[str, float]]:
    """One round over a version of the sources, in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-m", "bench.digest", "--measure"],
        cwd=HOME,
        env=os.environ | {"PYTHONPATH": str(source)},
        stdout=subprocess.PIPE,
        check=True,
    )
    costs: dict[str, dict[str, float]] = json.loads(run.stdout)
    return costs


def main(revision: str) -> None:
    archive = subprocess.run(
        ["git", "-C", HOME, "archive", revision, "src"], stdout=subprocess.PIPE, check=True
    )
    with tempfile.TemporaryDirectory() as place:
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
            files.extractall(place, filter="data")
        before: dict[str, dict[str, float]] = {}
        now: dict[str, dict[str, float]] = {}
        for _ in range(ROUNDS):
            for source, least in ((Path(place, "src"), before), (HOME / "src", now)):
                for letter, costs in measured(source).items():
                    known = least.setdefault(letter, costs)
                    least[letter] = {stage: min(known[stage], costs[stage]) for stage in costs}
    print(f"{'message':14}" + "".join(f"{stage:>16}" for stage in before["signed"]))
    for letter, costs in before.items():
        row = "".join(f"{was:9.1f} {now[letter][stage]:6.1f}" for stage, was in costs.items())
        print(f"{letter:14}{row}")


if __name__ == "__main__":
    if sys.argv[1:] == ["--measure"]:
        print(json.dumps({
            letter: {stage: cost(run) for stage, run in stages(message).items()}
            for letter, message in letters().items()
        }))  # fmt: skip
    else:
        main(*sys.argv[1:] or ["HEAD"])
