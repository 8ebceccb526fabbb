"""Passwords that are set for somebody: made up here, or prepared as sign-ins prepare them."""

from __future__ import annotations

import secrets

from merpati.base.faults import Fault, Kind
from merpati.wire import sasl

# Without letters and digits that look alike.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
LENGTH_MIN = 8  # characters of one that a person chose: NIST SP 800-63B 3.1.1.2


def make_up() -> str:
    """A password that nobody can guess and anybody can type: four groups of five."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))


def prepare(password: str) -> str:
    """A chosen password in the form that is compared. Raises Fault SYNTAX."""
    prepared = sasl.prepare_password(password)
    if len(prepared) < LENGTH_MIN:
        raise Fault(Kind.SYNTAX, f"the password is too short: take {LENGTH_MIN} characters or more")
    return prepared
