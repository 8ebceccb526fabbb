"""Proving a repository: every file is read and hashed, and every snapshot has all it needs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from merpati.base.faults import Fault
from merpati.services.backup import keep
from merpati.services.backup.snapshot import Manifest
from merpati.store.backup.repository import Pack, Repository, digest_of, is_damage

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
    """Look at everything; without `read` only whether all files and objects are there.

    Raises:
        Fault: Whatever keeps from reading, and is no damage.
    """
    shown = repository.place.shown
    proof = Proof(problems=[f"{shown(name)} is no whole pack" for name in repository.damaged])
    packs = repository.packs()
    for number, pack in enumerate(packs):
        progress("files", number, len(packs))
        proof.packs += 1
        proof.octets += pack.size
        problem = _problem(repository, pack) if read else ""
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
            if not is_damage(fault):
                raise
            proof.problems.append(f"the snapshot {name}: {fault.text}")
    return proof


def _problem(repository: Repository, pack: Pack) -> str:
    path = repository.place.shown(pack.name)
    try:
        if digest_of(repository.place, pack.name) != pack.name.rpartition("/")[2]:
            return f"{path} is damaged: its hash is another"
    except Fault as fault:
        if not is_damage(fault):
            raise
        return fault.text
    return ""
