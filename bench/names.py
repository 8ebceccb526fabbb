"""A name server for measurements: an answer costs it little, whoever asks how often.

It knows a fixed zone and says of everything else that it does not exist. An answer is
worked out once; then the question's bytes lead to it. Programs that only read
/etc/resolv.conf are started where that file is ours (`under`).
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

TTL: Final = 3600
MOST: Final = 65_535
HOST: Final = "127.0.0.99"  # on port 53, as resolv.conf(5) cannot say another


class Names:
    """Answers over UDP, in a thread of its own."""

    def __init__(self, folder: Path, zone: Mapping[tuple[str, str], str], port: int = 53) -> None:
        """`zone` leads from name and type to the data, as a zone file has it."""
        self._records = {}
        for (name, kind), data in zone.items():
            owner = dns.name.from_text(name)
            rrset = dns.rrset.from_text(owner, TTL, "IN", kind, data)
            self._records[owner, rrset.rdtype] = rrset
        self._known: dict[bytes, bytes] = {}
        self._resolv = folder / "resolv.conf"
        self._resolv.write_text(f"nameserver {HOST}\n")
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, port))
        self.address = "{}:{}".format(*self._socket.getsockname())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def under(self, command: list[str]) -> list[str]:
        """The command in a mount namespace where /etc/resolv.conf names this server."""
        mount = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
        return ["unshare", "--mount", "/bin/sh", "-c", mount, str(self._resolv), *command]

    def close(self) -> None:
        """Answer no longer."""
        self._socket.sendto(b"", self._socket.getsockname())  # wakes it
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            question, peer = self._socket.recvfrom(MOST)
            if not question:
                return
            key = question[2:]
            answer = self._known.get(key)
            if answer is None:
                answer = self._known[key] = self._answer(question)[2:]
            self._socket.sendto(question[:2] + answer, peer)

    def _answer(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query, recursion_available=True)
        asked = query.question[0]
        found = self._records.get((asked.name, asked.rdtype))
        if found is not None:
            reply.answer.append(found)
            return reply.to_wire()
        if not any(name.is_subdomain(asked.name) for name, _ in self._records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        zone = dns.name.Name(asked.name.labels[-3:])
        soa = f"ns.example.net. host.example.net. 1 3600 600 86400 {TTL}"
        reply.authority.append(dns.rrset.from_text(zone, TTL, "IN", "SOA", soa))
        return reply.to_wire()
