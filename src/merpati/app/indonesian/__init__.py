"""What the commands say, in Indonesian: a dictionary for each command, see `app/language.py`.

Beside those of commands: `faults` and `damage` for what the floors below say, `settings` for the
configuration file, `overview` for `merpati --help`, and `usage` for what all commands share.
"""

from __future__ import annotations

from typing import Final

from merpati.app.indonesian import (
    account,
    alert,
    alias,
    audit,
    backup,
    check,
    collector,
    config,
    damage,
    demo,
    dkim,
    dns,
    doctor,
    domain,
    exporting,
    faults,
    guard,
    importing,
    index,
    init,
    lists,
    overview,
    pop3,
    queue,
    report,
    restore,
    sendmail,
    serve,
    settings,
    settings_transport,
    settings_wrong,
    sharing,
    sieve,
    sign_in,
    tls,
    trace,
    usage,
    webhook,
)
from merpati.base.phrases import Phrases
from merpati.services.indonesian import SERVICES

COMMANDS: Final = (
    account.PHRASES,
    alert.PHRASES,
    alias.PHRASES,
    audit.PHRASES,
    backup.PHRASES,
    check.PHRASES,
    collector.PHRASES,
    config.PHRASES,
    damage.PHRASES,
    demo.PHRASES,
    dkim.PHRASES,
    dns.PHRASES,
    doctor.PHRASES,
    domain.PHRASES,
    exporting.PHRASES,
    faults.PHRASES,
    guard.PHRASES,
    importing.PHRASES,
    index.PHRASES,
    init.PHRASES,
    lists.PHRASES,
    overview.PHRASES,
    pop3.PHRASES,
    queue.PHRASES,
    report.PHRASES,
    restore.PHRASES,
    sendmail.PHRASES,
    serve.PHRASES,
    settings.PHRASES,
    settings_transport.PHRASES,
    settings_wrong.PHRASES,
    sharing.PHRASES,
    sieve.PHRASES,
    sign_in.PHRASES,
    tls.PHRASES,
    trace.PHRASES,
    usage.PHRASES,
    webhook.PHRASES,
)
PHRASES: Final = Phrases(*COMMANDS, *SERVICES)
