"""Pages that other machines look for: MTA-STS policies (RFC 8461 3.3), proofs, OpenPGP keys.

Anybody may ask for them; they are read from the store, so every node answers alike. Keys are
those that accounts publish (WKD, draft-koch-openpgp-webkey-service).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from merpati.base.faults import Fault
from merpati.services.mta_sts import own_policy
from merpati.store import certificates, published_keys, transport
from merpati.store.engine import Store
from merpati.wire import mta_sts

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

CHALLENGES: Final = "/.well-known/acme-challenge/{token}"  # RFC 8555 8.3
KEYS: Final = "/.well-known/openpgpkey"
_ANYWHERE: Final = {"access-control-allow-origin": "*", "cache-control": "max-age=300"}
MAX_TOKEN: Final = 256  # characters; real ones have 43


def routes(store: Store, hostname: str) -> list[BaseRoute]:
    """The routes of these pages."""

    async def policy(request: Request) -> Response:
        host = (request.url.hostname or "").lower().removesuffix(".")
        prefix, _, domain = host.partition(".")
        if prefix != mta_sts.POLICY_HOST:
            return _nothing()
        try:
            hosted = await store.read(transport.hosted_policy, domain)
        except Fault as fault:
            return PlainTextResponse(f"{fault.text}\n", status_code=503)
        if hosted is None:
            return _nothing()
        text = mta_sts.encode_policy(own_policy(hosted, hostname))
        return PlainTextResponse(text, headers={"cache-control": "max-age=60"})

    async def challenge(request: Request) -> Response:
        token = request.path_params["token"][:MAX_TOKEN]
        try:
            answer = await store.read(certificates.answer, "http-01", token)
        except Fault as fault:
            return PlainTextResponse(f"{fault.text}\n", status_code=503)
        if not answer:
            return _nothing()
        return Response(answer, media_type="application/octet-stream")

    async def key(request: Request) -> Response:
        # The advanced method names the domain in the path, the direct one is at the domain itself.
        host = (request.url.hostname or "").removesuffix(".")
        domain = request.path_params.get("domain") or host
        try:
            found = await store.read(published_keys.find, domain, request.path_params["hash"])
        except Fault as fault:
            return PlainTextResponse(f"{fault.text}\n", status_code=503)
        if not found:
            return _nothing()
        return Response(found, media_type="application/octet-stream", headers=_ANYWHERE)

    async def rules(_request: Request) -> Response:
        return Response(b"", media_type="text/plain", headers=_ANYWHERE)

    return [
        Route(mta_sts.POLICY_PATH, policy),
        Route(CHALLENGES, challenge),
        *(
            route
            for base in (KEYS, f"{KEYS}/{{domain}}")
            for route in (Route(f"{base}/hu/{{hash}}", key), Route(f"{base}/policy", rules))
        ),
    ]


def _nothing() -> Response:
    return PlainTextResponse("Nothing is here.\n", status_code=404)
