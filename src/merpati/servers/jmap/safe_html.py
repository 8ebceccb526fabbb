"""Messages as safe HTML (SafeHtml/get), and their images from elsewhere, fetched by us.

Our own extension, for every client that shows messages in a browser. What is asked for by
`/jmap/image/{account}/{blob}/{n}` is the n-th image of a message, never an address: nobody
can use us to fetch something else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from starlette.responses import Response
from starlette.routing import Route

from merpati.base.faults import Fault, Kind
from merpati.model import object_ids
from merpati.servers.jmap import email_parse
from merpati.servers.jmap.call import Access, Call, Method
from merpati.servers.jmap.email_parse import Message
from merpati.servers.jmap.kind import Answer
from merpati.services import safe_html
from merpati.services.safe_html import Image, Safe
from merpati.wire.jmap import email_body
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import Argument, check_arguments, is_id, is_reference, list_of, needed

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from merpati.model.account import Account
    from merpati.net.https import Https
    from merpati.net.https import Response as Answered
    from merpati.servers.jmap.http import Jmap

SAFE_HTML: Final = "urn:merpati:jmap:safe-html"
MESSAGES: Final = 50  # in one call
IMAGE_SIZE: Final = 10_000_000  # octets of an image from elsewhere
IMAGE_SECONDS: Final = 10.0
REDIRECTS: Final = 3
# By what they begin with: what a server says they are is not believed.
IMAGES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
_ARGUMENTS: Final[Mapping[str, Argument]] = {
    "accountId": needed(is_id),
    "blobIds": needed(list_of(is_reference)),
}


class _Shown(NamedTuple):
    """What a message shows: safe HTML, and its images with their parts."""

    safe: Safe
    images: list[tuple[Image, str | None, str]]  # blob id and type of those that are parts


def get() -> Method:
    """SafeHtml/get: messages by blob id, as Email/parse takes them."""

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, _ARGUMENTS)
        access = call.access(arguments["accountId"])
        ids = list(dict.fromkeys(arguments["blobIds"]))
        if len(ids) > MESSAGES:
            raise MethodFault("requestTooLarge")
        objects, not_found = [], []
        for id_ in ids:
            shown = await _shown(call, access, call.real(id_) or "")
            if shown is None:
                not_found.append(id_)
            else:
                objects.append(_object(id_, shown))
        told = {"accountId": arguments["accountId"], "list": objects, "notFound": not_found}
        return [("SafeHtml/get", told)]

    return Method(SAFE_HTML, run)


async def _shown(call: Call, access: Access, id_: str) -> _Shown | None:
    name = object_ids.read_blob(id_)
    found = None if name is None else await email_parse.message(call, access, name)
    return None if found is None else await asyncio.to_thread(_make, found)


def _make(found: Message) -> _Shown:
    """The HTML parts of the body, one below the other."""
    whole = email_body.numbered(found.root)
    markup = [
        email_body.body_value(found.buffer, one.part, safe_html.MAX_HTML)["value"]
        for one in email_body.shown(whole).html
        if (one.part.type, one.part.subtype) == ("text", "html")
    ]
    safe = safe_html.clean("\n".join(markup))
    parts: dict[str, tuple[str | None, str]] = {}
    waiting = [whole]
    while waiting:
        one = waiting.pop()
        waiting += one.children
        cid = one.part.id.strip().removeprefix("<").removesuffix(">")
        if cid and one.part.type == "image":
            kind = f"{one.part.type}/{one.part.subtype}"
            parts.setdefault(cid, (found.part_id(one.n), kind))
    return _Shown(safe, [(one, *parts.get(one.cid, (None, ""))) for one in safe.images])


def _object(id_: str, shown: _Shown) -> dict[str, Any]:
    return {
        "blobId": id_,
        "html": shown.safe.html,
        "css": shown.safe.css,
        "isTruncated": shown.safe.is_cut,
        "images": [
            {
                "blobId": blob_id,
                "type": kind,
                "url": image.url or None,
                "tracker": image.tracker or None,
            }
            for image, blob_id, kind in shown.images
        ],
    }


class Images:
    """Fetches images for those who read, so that a sender learns nothing about them."""

    def __init__(self, jmap: Jmap, https: Https) -> None:
        """`https` goes to public addresses alone (`web_push.is_public`)."""
        self._jmap = jmap
        self._https = https

    def routes(self) -> list[BaseRoute]:
        """The one address."""
        path = "/jmap/image/{account}/{blob}/{n:int}"
        return [Route(path, self._jmap.told(self._image))]

    async def _image(self, request: Request, user: Account) -> Response:
        named = await self._jmap.accounts.named(user)
        account = request.path_params["account"]
        if account not in named:
            raise Fault(Kind.NOT_FOUND, "there is no such account")
        accounts = {id_: access for id_, (access, _) in named.items()}
        call = Call(self._jmap.services, user, accounts, frozenset())
        shown = await _shown(call, accounts[account], request.path_params["blob"])
        n = request.path_params["n"]
        if shown is None or n >= len(shown.images) or not shown.images[n][0].url:
            raise Fault(Kind.NOT_FOUND, "there is no such image")
        content, kind = await self._fetch(shown.images[n][0].url)
        headers = {
            "cache-control": "private, max-age=86400",
            "content-security-policy": "sandbox; default-src 'none'",
            "content-disposition": "attachment",
            "x-content-type-options": "nosniff",
        }
        return Response(content, media_type=kind, headers=headers)

    async def _fetch(self, url: str) -> tuple[bytes, str]:
        """An image and its type. Raises Fault UNAVAILABLE, NOT_FOUND."""
        for _ in range(REDIRECTS + 1):
            answer, url = await self._step(url)
            if answer is not None:
                break
        else:
            raise Fault(Kind.UNAVAILABLE, "the image leads on and on")
        kind = image_type(answer.body)
        if answer.status != 200 or kind is None:
            raise Fault(Kind.NOT_FOUND, "there is no image")
        return answer.body, kind

    async def _step(self, url: str) -> tuple[Answered | None, str]:
        """The answer, or None and where it leads on."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").encode("idna").decode()
            port = parts.port or 443
        except (ValueError, UnicodeError):
            raise Fault(Kind.NOT_FOUND, "that is no address") from None
        if parts.scheme != "https" or not host or port != 443:
            raise Fault(Kind.NOT_FOUND, "images are fetched by https alone")
        path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
        if parts.query:
            path += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?")
        answer = await self._https.request(
            "GET", host, path, fields={"Accept": "image/*"}, limit=IMAGE_SIZE, within=IMAGE_SECONDS
        )
        onward = answer.fields.get("location", "")
        if answer.status in (301, 302, 303, 307, 308) and onward:
            return None, onward if "://" in onward else f"https://{host}{onward}"
        return answer, url


def image_type(content: bytes) -> str | None:
    """The media type of an image that a browser draws without running anything."""
    for start, kind in IMAGES:
        if content.startswith(start):
            return kind
    return "image/webp" if content[:4] == b"RIFF" and content[8:12] == b"WEBP" else None
