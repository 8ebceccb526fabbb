"""The three levels at which JMAP says no (RFC 8620 3.6, 5.3), as exceptions.

A request that is none is answered by HTTP with a problem document; a method call that
fails, by an "error" response in its place; one object of a /set, by its own SetError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from merpati.base.faults import Fault, Kind, SyntaxFault

PROBLEM: Final = "urn:ietf:params:jmap:error:"


class RequestFault(SyntaxFault):
    """The whole request is refused (RFC 8620 3.6.1).

    Attributes:
        type: "notJSON", "notRequest", "unknownCapability" or "limit".
        limit: for "limit": the name of the one that was passed.
        http: the status of the answer.
    """

    def __init__(self, type_: str, text: str, limit: str = "", http: int = 400) -> None:
        super().__init__(text)
        self.type: Final = type_
        self.limit: Final = limit
        self.http: Final = http

    def problem(self) -> dict[str, Any]:
        """The problem document (RFC 7807)."""
        document = {"type": PROBLEM + self.type, "status": self.http, "detail": self.text}
        if self.limit:
            document["limit"] = self.limit
        return document


class MethodFault(Fault):
    """A method call is refused as a whole (RFC 8620 3.6.2).

    `more` are further members that the type defines.
    """

    def __init__(self, type_: str, text: str = "", **more: Any) -> None:
        super().__init__(Kind.SYNTAX, text or type_)
        self.type: Final = type_
        self._text = text
        self._more = more

    def arguments(self) -> dict[str, Any]:
        """The arguments of the "error" response."""
        told = {"description": self._text} if self._text else {}
        return {"type": self.type, **told, **self._more}


def invalid(text: str, *names: str) -> MethodFault:
    """The fault of wrong arguments, and which they are."""
    return MethodFault("invalidArguments", text, **({"arguments": list(names)} if names else {}))


class SetFault(Fault):
    """One object cannot be created, updated or destroyed (RFC 8620 5.3)."""

    def __init__(
        self, type_: str, text: str = "", properties: Sequence[str] = (), **more: Any
    ) -> None:
        super().__init__(Kind.DENIED, text or type_)
        self.type: Final = type_
        self._text = text
        self.properties: Final = list(properties)
        self._more = more

    def error(self) -> dict[str, Any]:
        """The SetError."""
        error: dict[str, Any] = {"type": self.type}
        if self._text:
            error["description"] = self._text
        if self.properties:
            error["properties"] = self.properties
        return {**error, **self._more}


def wrong(text: str, *properties: str) -> SetFault:
    """The fault of properties that cannot have such values."""
    return SetFault("invalidProperties", text, properties)


# What a fault of the product means for one object, and for a whole method.
SET_TYPES: Final[Mapping[Kind, str]] = {
    Kind.OVER_QUOTA: "overQuota",
    Kind.TOO_LARGE: "tooLarge",
    Kind.TOO_MANY: "rateLimit",
    Kind.NOT_FOUND: "notFound",
    Kind.EXISTS: "alreadyExists",
    Kind.DENIED: "forbidden",
    Kind.SYNTAX: "invalidProperties",
    Kind.UNSUPPORTED: "invalidProperties",
}
METHOD_TYPES: Final[Mapping[Kind, str]] = {
    Kind.UNAVAILABLE: "serverUnavailable",
    Kind.NO_SPACE: "serverUnavailable",
    Kind.DENIED: "forbidden",
    Kind.TOO_MANY: "requestTooLarge",
    Kind.TOO_LARGE: "requestTooLarge",
    Kind.SYNTAX: "invalidArguments",
    Kind.UNSUPPORTED: "invalidArguments",
}


def set_fault(fault: Fault) -> SetFault | None:
    """The SetError of a fault of the product, or None when it concerns more than one object."""
    if isinstance(fault, SetFault):
        return fault
    if isinstance(fault, MethodFault):
        return None
    type_ = SET_TYPES.get(fault.kind)
    return None if type_ is None else SetFault(type_, fault.text)


def method_fault(fault: Fault) -> MethodFault:
    """The method-level error of a fault."""
    if isinstance(fault, MethodFault):
        return fault
    type_ = METHOD_TYPES.get(fault.kind, "serverFail")
    return MethodFault(type_, "" if fault.kind is Kind.CORRUPT else fault.text)
