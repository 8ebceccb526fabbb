"""DMARC records: any TXT record is one or is not, and what one asks for can be written again."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.dmarc import destinations, record

SEEDS: list[bytes] = [
    b"v=DMARC1; p=reject; sp=none; np=quarantine; adkim=s; aspf=r; t=y; psd=n; fo=1:d:s",
    b"v=DMARC1; rua=mailto:a@b.example!10m,mailto:c%21d@e.example; ruf=mailto:f@g.example",
    b"v = DMARC1 ; p = none ; pct=20",
    b"v=DMARC1;;;p=;=;rua=,",
]
DICTIONARY: list[bytes] = [b"v=DMARC1;", b"mailto:", b"%00", b"!10k", b";", b",", b"="]


def target(data: bytes) -> None:
    try:
        found = record.parse(data)
    except SyntaxFault:
        return
    assert record.is_record(data)
    again = record.parse(record.encode(found).encode())
    for name in ("p", "sp", "np", "strict_dkim", "strict_spf", "testing", "psd", "fo", "rua"):
        assert getattr(again, name) == getattr(found, name), name
    for uri in (*found.rua, *found.ruf):
        try:
            assert destinations.mailbox(uri).domain
        except SyntaxFault:
            continue
