"""Outside programs that tests drive, and what to say when one is missing."""

from __future__ import annotations

import os
import shutil
from typing import Final, NoReturn

import pytest

# The Debian package, where it is not called like the program.
PACKAGES: Final = {
    "dovecot": "dovecot-imapd dovecot-pop3d dovecot-lmtpd",
    "doveadm": "dovecot-core",
    "faketime": "faketime",
    "fusermount3": "fuse3",
    "losetup": "mount",
    "mbsync": "isync",
    "mkfs.ext4": "e2fsprogs",
    "mount": "mount",
    "node": "nodejs",
    "npm": "npm",
    "php": "php-cli",
    "postmap": "postfix",
    "sieve-test": "dovecot-sieve",
    "unshare": "util-linux",
    "xmllint": "libxml2-utils",
}
_SYSTEM: Final = os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))


def need(program: str) -> str:
    """The path of `program`; where it is missing the test is skipped, saying how to get it.

    With `CI=true` in the environment a missing program fails the test instead:
    there, everything that can be tested is.
    """
    path = os.environ.get("PATH", os.defpath)
    found = shutil.which(program, path=f"{path}{os.pathsep}{_SYSTEM}")
    if found is None:
        missing(f"{program} is missing; apt-get install {PACKAGES.get(program, program)}")
    return found


def missing(text: str) -> NoReturn:
    """Skips the running test for a reason of this machine; fails it with `CI=true`."""
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)
