"""SCRAM's server: a client's two messages, parted by the first LF, come to an end or a fault."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import scram

KEYS = scram.derive("pencil", b"0123456789abcdef", 1)
SEEDS: list[bytes] = [
    b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO\nc=biws,r=rOprNGfwEbeRWgbNEkqOours,p=AAAA",
    b"n,a=b=3Dc,n=a=2Cb,r=x\nc=bixhPWI9M0RjLA==,r=xours,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
    b"p=tls-server-end-point,,n=user,r=x\nc=,r=x,p=A",
    b"y,,n=user,r=x,ext=1\nc=eSws,r=xours,x=y,p=AAAA",
]
DICTIONARY: list[bytes] = [b"p=tls-server-end-point", b"=2C", b"=3D", b",a=", b",m="]


def target(data: bytes) -> None:
    first, _, final = data.partition(b"\n")
    for plus in (False, True):
        bindings = {scram.TLS_SERVER_END_POINT: b"bound"} if plus else {}
        steps = scram.server("ours", bindings, plus=plus)
        next(steps)
        try:
            steps.send(first)
            steps.send(KEYS)
            steps.send(final)
        except SyntaxFault:
            continue
        except StopIteration as end:
            if end.value.right:
                raise AssertionError(data) from None
            continue
        raise AssertionError(data)  # nobody can guess a proof
