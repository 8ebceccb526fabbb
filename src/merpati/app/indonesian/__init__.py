"""What the commands say, in Indonesian: a dictionary for each command, see `app/language.py`.

Commands that have none yet speak English; docs/design/languages.md says which.
"""

from __future__ import annotations

from typing import Final

from merpati.app.indonesian import (
    account,
    audit,
    backup,
    check,
    dns,
    doctor,
    domain,
    init,
    overview,
    queue,
    serve,
    sign_in,
    trace,
    usage,
)
from merpati.base.phrases import Phrases
from merpati.services.indonesian import SERVICES

COMMANDS: Final = (
    account.PHRASES,
    audit.PHRASES,
    backup.PHRASES,
    check.PHRASES,
    dns.PHRASES,
    doctor.PHRASES,
    domain.PHRASES,
    init.PHRASES,
    overview.PHRASES,
    queue.PHRASES,
    serve.PHRASES,
    sign_in.PHRASES,
    trace.PHRASES,
    usage.PHRASES,
)
PHRASES: Final = Phrases(*COMMANDS, *SERVICES)
