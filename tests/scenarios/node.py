"""Client libraries of Node.js, installed as their lock files say, outside of the tree."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from tests.support.programs import missing, need

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "merpati-tests"


def installed(source: Path) -> Path:
    """The folder where what a package.json names lies; skips when it cannot be had."""
    lock = (source / "package-lock.json").read_bytes()
    folder = CACHE / f"{source.name}-{hashlib.sha256(lock).hexdigest()[:16]}"
    if (folder / "node_modules" / ".package-lock.json").exists():
        return folder
    need("node")
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(source / name, folder)
    done = subprocess.run(
        [need("npm"), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=50,
    )  # fmt: skip
    if done.returncode:
        missing(f"npm cannot install {source.name}: {done.stderr[-300:]}")
    return folder
