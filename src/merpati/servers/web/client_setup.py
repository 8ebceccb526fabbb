"""Where mail programs find how they are set up; see `wire/client_setup.py`.

Answers depend on nothing but the domain asked about, so they tell nobody which addresses there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import Response
from starlette.routing import Route

from merpati.base.faults import Fault, Kind
from merpati.servers.web import json_api
from merpati.services.setup_profiles import SetupProfiles
from merpati.store import directory
from merpati.store.engine import Store
from merpati.wire import client_setup

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

HEADERS: Final = {"cache-control": "max-age=3600", "x-content-type-options": "nosniff"}
PROFILE: Final = "application/x-apple-aspen-config"
AUTODISCOVER: Final = ("/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml")
AUTODISCOVER_JSON: Final = (
    "/autodiscover/autodiscover.json",
    "/autodiscover/autodiscover.json/v1.0/{address}",
)


class ClientSetup:
    """The endpoints."""

    def __init__(self, store: Store, profiles: SetupProfiles) -> None:
        self._store = store
        self._profiles = profiles
        self._setup = profiles.setup

    def routes(self) -> list[BaseRoute]:
        """What is answered here."""
        told = _told
        return [
            Route("/.well-known/autoconfig/mail/config-v1.1.xml", told(self._autoconfig)),
            Route("/mail/config-v1.1.xml", told(self._autoconfig)),
            *(Route(path, told(self._outlook), methods=["POST"]) for path in AUTODISCOVER),
            *(Route(path, told(self._outlook_json)) for path in AUTODISCOVER_JSON),
            Route("/auth/profile.mobileconfig", told(self._profile)),
            Route("/auth/profile/{ticket}", told(self._kept_profile)),
        ]

    async def _autoconfig(self, request: Request) -> Response:
        address = request.query_params.get("emailaddress", "")
        host = (request.url.hostname or "").lower().removesuffix(".")
        domain = await self._domain(
            address.rpartition("@")[2].lower(), host.removeprefix("autoconfig."), host
        )
        text = client_setup.autoconfig(self._setup, domain)
        return Response(text, headers=HEADERS, media_type="text/xml")

    async def _outlook(self, request: Request) -> Response:
        address = client_setup.autodiscover_address(await json_api.raw_body(request))
        await self._domain(address.rpartition("@")[2].lower())
        text = client_setup.autodiscover(self._setup, address)
        return Response(text, headers=json_api.HEADERS, media_type="text/xml")

    async def _outlook_json(self, request: Request) -> Response:
        """Version 2 names an address for the protocol that is asked for; ours has version 1."""
        wanted = request.query_params.get("Protocol", "")[:40]
        if wanted.lower() != "autodiscoverv1":
            told = {
                "ErrorCode": "InvalidProtocol",
                "ErrorMessage": "Only AutodiscoverV1 is served.",
            }
            return json_api.reply(told, 400)
        url = f"https://{request.headers.get('host', '')}/autodiscover/autodiscover.xml"
        return json_api.reply({"Protocol": "AutodiscoverV1", "Url": url})

    async def _profile(self, request: Request) -> Response:
        address = client_setup.check_address(request.query_params.get("address", ""))
        await self._domain(address.rpartition("@")[2].lower())
        return _profile(await self._profiles.make(address))

    async def _kept_profile(self, request: Request) -> Response:
        return _profile(await self._profiles.kept(request.path_params["ticket"][:64]))

    async def _domain(self, *names: str) -> str:
        """The first of these that mail is taken for here. Raises Fault NOT_FOUND."""
        for name in names:
            if name and await self._store.read(directory.home, name) is not None:
                return name
        raise Fault(Kind.NOT_FOUND, "mail for this domain is not taken here")


def _told(handler: json_api.Handler) -> json_api.Handler:
    """Anybody may ask, from any page; faults become answers."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Fault as fault:
            return json_api.problem(fault)

    return answer


def _profile(data: bytes) -> Response:
    headers = {
        **json_api.HEADERS,
        "content-disposition": 'attachment; filename="mail.mobileconfig"',
    }
    return Response(data, headers=headers, media_type=PROFILE)
