"""The client's side of SCRAM: no server can make it crash, work for long, or believe it."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import scram_client
from merpati.wire.scram_client import ScramClient

SEEDS: list[bytes] = [
    b"r=nonceserver,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    b"e=other-error",
    b"r=nonceserver,s=YQ==,i=5000,x=y",
]
DICTIONARY: list[bytes] = [b"r=nonce", b",s=", b",i=", b"v=", b"e=", b"=="]


def target(data: bytes) -> None:
    client = ScramClient("user", "pencil", "nonce")
    try:
        answer = client.final(data)
    except SyntaxFault:
        pass
    else:
        assert answer.startswith(b"c=biws,r=nonce")
        assert len(answer) < scram_client.MESSAGE_MAX
    try:
        client.check(data)
    except SyntaxFault:
        return
    raise AssertionError("it believed a server that proved nothing")
