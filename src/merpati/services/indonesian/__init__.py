"""What services say, in Indonesian: a dictionary for each topic, see `base/phrases.py`.

A new sentence for people gets its entry here in the same change; the tests of each topic name
those that are missing.
"""

from __future__ import annotations

from typing import Final

from merpati.base.phrases import Phrases
from merpati.services.indonesian import (
    administration,
    authenticity,
    judging,
    machine,
    network,
    reachability,
    records,
    script,
    transport,
)

SERVICES: Final = (
    administration.PHRASES,
    authenticity.PHRASES,
    judging.PHRASES,
    machine.PHRASES,
    network.PHRASES,
    reachability.PHRASES,
    records.PHRASES,
    script.PHRASES,
    transport.PHRASES,
)
PHRASES: Final = Phrases(*SERVICES)


def say(text: str, language: str) -> str:
    """A sentence of a service in a language; as it is where nobody has translated it."""
    return PHRASES.say(text, language)
