"""A message that arrives: who sends it, where it leads here and elsewhere, and how it came."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.model.senders import Senders


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the client asked for with the parameters of MAIL, for the whole message.

    Attributes:
        ret: "FULL" or "HDRS" (RFC 3461 4.3); empty: not said.
        envid: ENVID, decoded from xtext (RFC 3461 4.4); empty: not said.
        deliver_by: the deadline of RFC 2852, Unix milliseconds; 0: none.
        by_mode: what happens then: "R" return it, "N" tell the sender and go on.
        by_trace: whether every relay is to be reported ("T", RFC 2852 4).
        hold_until: when it may leave (RFC 4865), Unix milliseconds; 0: at once.
        priority: -9 to 9 (RFC 6710); more is sooner.
        require_tls: REQUIRETLS (RFC 8689 4.2).
        tls_optional: the message says "TLS-Required: No" (RFC 8689 4.1).
    """

    ret: str = ""
    envid: str = ""
    deliver_by: int = 0
    by_mode: str = ""
    by_trace: bool = False
    hold_until: int = 0
    priority: int = 0
    require_tls: bool = False
    tls_optional: bool = False


class RecipientOptions(msgspec.Struct, frozen=True):
    """What the client asked for with the parameters of RCPT (RFC 3461 4.1 and 4.2).

    Attributes:
        notify: "NEVER", or words of SUCCESS, FAILURE, DELAY with commas; empty: not said.
        orcpt: "rfc822;address", decoded from xtext; empty: not said.
    """

    notify: str = ""
    orcpt: str = ""

    @property
    def onward(self) -> RecipientOptions:
        """What is asked for those whom a recipient stands for (RFC 3461 5.2.7).

        Not to hear of success again; who asked for nothing else hears nothing.
        """
        others = ",".join(word for word in self.notify.split(",") if word != "SUCCESS")
        return RecipientOptions(others or ("NEVER" if self.notify else ""), self.orcpt)


NO_OPTIONS: Final = Options()
NO_RECIPIENT_OPTIONS: Final = RecipientOptions()


class Route(msgspec.Struct, frozen=True):
    """Where one recipient of a message leads once aliases are followed."""

    address: str  # as the client named it
    accounts: tuple[int, ...]  # accounts here
    remote: tuple[tuple[str, str], ...]  # address and destination domain elsewhere
    options: RecipientOptions = NO_RECIPIENT_OPTIONS
    detail: str = ""  # of a subaddress, for Sieve (RFC 5233)
    folder: str = ""  # of its one account, that the detail asks for; empty: none
    list_id: int = 0  # the mailing list that it is a post to; 0: none
    stamps: tuple[tuple[int, int], ...] = ()  # accounts whose Sieve scripts run, each with a stamp


class Origin(msgspec.Struct, frozen=True):
    """How a message came in, for its Received field and its trace."""

    peer: str  # address text
    helo: str
    protocol: str  # RFC 3848: ESMTP, ESMTPS, ESMTPSA ...
    tls_version: str = ""
    cipher: str = ""
    account_id: int = 0  # who submitted it; 0: from outside
    account: str = ""  # the address signed in with
    trusted: bool = False  # a program beside us, by LMTP: its mail has been judged before


class Arrival(msgspec.Struct, frozen=True):
    """A whole transaction, ready to be taken over."""

    sender: str  # empty: the null path
    routes: tuple[Route, ...]
    origin: Origin
    smtputf8: bool = False
    options: Options = NO_OPTIONS
    binary: bool = False  # with parts of any bytes (RFC 3030 3)
    senders: Senders | None = None  # of the account, which From and Sender have to keep to
    apart: bool = False  # each recipient is answered by itself (RFC 2033 4.2)
