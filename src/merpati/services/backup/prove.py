"""Proving a repository: every file is read and hashed, and every snapshot has all it needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from merpati.base.faults import Fault
from merpati.services.backup import keep
from merpati.services.backup.snapshot import Manifest
from merpati.store.backup.repository import Repository, read_entries

Progress = Callable[[str, int, int], None]


class Proof(msgspec.Struct):
    """What was looked at, and every problem as a sentence that names a file."""

    snapshots: int = 0
    packs: int = 0
    octets: int = 0
    problems: list[str] = []


def prove(
    repository: Repository,
    progress: Progress = lambda _what, _done, _total: None,
    *,
    read: bool = True,
) -> Proof:
    """Look at everything; without `read` only whether all files and objects are there."""
    proof = Proof(problems=[f"{path} is no whole pack" for path in repository.damaged])
    packs = repository.packs()
    for number, path in enumerate(packs):
        progress("files", number, len(packs))
        proof.packs += 1
        problem = _problem(path, proof, read=read)
        if problem:
            proof.problems.append(problem)
    names = repository.snapshots()
    for number, name in enumerate(names):
        progress("snapshots", number, len(names))
        proof.snapshots += 1
        try:
            # Messages that were lost before the backup cannot be in it.
            manifest: Manifest = repository.read_snapshot(name, Manifest)
            missing = sum(not repository.has(one) for one in keep.needed(repository, [name]))
            if missing > len(manifest.lost):
                lacks = missing - len(manifest.lost)
                proof.problems.append(f"the snapshot {name} lacks {lacks} of its objects")
        except Fault as fault:
            proof.problems.append(f"the snapshot {name}: {fault.text}")
    return proof


def _problem(path: Path, proof: Proof, *, read: bool) -> str:
    try:
        proof.octets += path.stat().st_size
        if read and read_entries(path)[0] != path.name:
            return f"{path} is damaged: its hash is another"
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {error}"
    return ""
