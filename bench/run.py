"""Benchmarks beside Postfix -> Dovecot, in one run, as a table of ratios: `make bench`.

    make bench                        everything
    make bench ARGS="intake reading"  some of it: intake, proof, reading, finding, footprint,
                                      queue, growth, idle, search
    make bench ARGS="--quick"         a few minutes: fewer messages, one run of each

How to read it: bench/README.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import (
    cyrus,
    finding,
    footprint,
    growth,
    idle,
    intake,
    meter,
    peers,
    proof,
    queue,
    reading,
    report,
    search,
)
from bench.cyrus import Cyrus
from bench.load import Generator
from bench.ours import Ours
from bench.peers import Peers

SUITES: Final = (
    "intake",
    "proof",
    "reading",
    "finding",
    "idle",
    "footprint",
    "queue",
    "growth",
    "search",
)
ALONE: Final = {
    "queue",
    "growth",
    "search",
    "proof",
}  # they start what they need, or need no server
HERE: Final = Path(__file__).parent
RESULTS: Final = HERE / "results"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    is_quick: bool
    runs: int  # of everything, whose median counts
    seconds: float  # about how long one run lasts
    messages: int  # in a mailbox that is read
    connections: int  # idle ones

    def say(self, text: str) -> None:
        """What happens now."""
        print(f"  {text}", file=sys.stderr, flush=True)


FULL: Final = Plan(is_quick=False, runs=3, seconds=2.5, messages=10_000, connections=1000)
QUICK: Final = Plan(is_quick=True, runs=1, seconds=1.0, messages=2_000, connections=200)


def main() -> int:
    """Measures what is asked for; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.partition("\n")[0])
    parser.add_argument("suites", nargs="*", metavar="|".join(SUITES), help="all when not given")
    parser.add_argument("--quick", action="store_true", help="fewer messages, one run of each")
    parser.add_argument("--no-peers", action="store_true", help="us alone")
    parser.add_argument("--messages", type=int, help="in a mailbox that is read")
    parser.add_argument("--connections", type=int, help="idle ones, of which the memory is told")
    parser.add_argument("--folder", type=Path, default=Path("/var/tmp"), help="on a real disk")
    args = parser.parse_args()
    wanted = args.suites or list(SUITES)
    for name in wanted:
        if name not in SUITES:
            parser.error(f"there is no {name}; choose from {', '.join(SUITES)}")
    why = "not wanted" if args.no_peers else peers.missing()
    if why:
        print(f"without peers ({why}): there will be no ratios", file=sys.stderr)
    # Measured is what is installed, and that is compiled.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left behind
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir=args.folder))
    folder.chmod(0o711)  # the peers' processes pass through as other users
    try:
        plan = QUICK if args.quick else FULL
        plan = replace(
            plan,
            messages=args.messages or plan.messages,
            connections=args.connections or plan.connections,
        )
        idle.raise_limit()
        rows, titles = _measure(plan, wanted, folder, beside=not why)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    facts = _facts(beside=not why)
    print("\n".join(f"{name}: {value}" for name, value in facts.items()))
    print(f"\n{report.table(rows, titles)}")
    _keep(rows, facts)
    return int(any(row.verdict == "**no**" for row in rows))


def _measure(
    plan: Plan, wanted: list[str], folder: Path, *, beside: bool
) -> tuple[list[report.Row], dict[str, str]]:
    generator = Generator.build(folder)
    ours = Ours(folder)
    others: Peers | None = None
    reader: Cyrus | None = None
    rows: list[report.Row] = []
    if "queue" in wanted:
        rows += queue.measure(plan, generator, folder, beside=beside)
    if "proof" in wanted:
        rows += proof.measure(plan, generator, folder, beside=beside)
    if "growth" in wanted:
        rows += growth.measure(plan, folder)
    if "search" in wanted:
        rows += search.measure(plan, generator, folder)
    if set(wanted) <= ALONE:
        return rows, {report.OURS: "Merpati", report.PEER: "Postfix"}
    try:
        ours.index(on="intake" not in wanted)  # no peer indexes what it takes in
        ours.start()
        targets = [ours.target()]
        if beside:
            others = Peers(folder, ours.certificate, ours.key)
            others.start()
            targets += others.targets()
        if "intake" in wanted:
            rows += intake.measure(plan, generator, targets)
            ours.stop()
            ours.index(on=True)
            ours.start()
        if (
            others is not None
            and not cyrus.missing()
            and {"reading", "finding", "idle"} & set(wanted)
        ):
            reader = Cyrus(folder, ours.certificate, ours.key)
            reader.start()
            targets = [targets[0], others.targets()[0], reader.target()]
        if "reading" in wanted:
            rows += reading.measure(plan, generator, targets)
        if "finding" in wanted:
            rows += finding.measure(plan, generator, targets)
        if "idle" in wanted:
            rows += idle.measure(plan, generator, targets)
        if "footprint" in wanted:
            rows += footprint.measure(plan, generator, ours, others)
    finally:
        ours.close()
        for peer in (others, reader):
            if peer is not None:
                peer.close()
    return rows, {target.name: target.title for target in targets}


def _facts(*, beside: bool) -> dict[str, Any]:
    asked = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=HERE, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {
        "at": time.strftime("%Y-%m-%d %H:%M:%S"),
        "tree": asked.stdout.strip(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.release()}",
        "python": platform.python_version(),
        "peers": _versions() if beside else "none",
        "cpu counted by": meter.counts_by(),
        "load average now": " ".join(f"{load:.2f}" for load in os.getloadavg()),
    }


def _versions() -> str:
    """Which peers."""
    return peers.versions() if cyrus.missing() else f"{peers.versions()}, {cyrus.version()}"


def _keep(rows: list[report.Row], facts: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / time.strftime("%Y%m%d-%H%M%S.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode({"facts": facts, "rows": rows})))
    print(f"\nkept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


if __name__ == "__main__":
    sys.exit(main())
