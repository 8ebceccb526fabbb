"""The page where a member leaves a mailing list, with one click (RFC 8058).

Mail programs send a POST to the link by themselves; a person who opens it is asked first,
for programs that look at links before people do must not unsubscribe anybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html import escape
from typing import TYPE_CHECKING, Final

from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from merpati.base.faults import Fault
from merpati.model.mailing_list import MailingList

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

PATH: Final = "/lists/leave/{token}"
MAX_TOKEN: Final = 128  # characters; ours have 16

Leave = Callable[[str], Awaitable[MailingList | None]]

# Of each text: English, Indonesian.
_TEXTS: Final = {
    "ask": ("Leave this mailing list?", "Keluar dari milis ini?"),
    "why": (
        "You will get no more mail from it. You can join again at any time.",
        "Anda tidak akan menerima surat darinya lagi. Anda dapat bergabung kembali kapan saja.",
    ),
    "button": ("Leave the list", "Keluar dari milis"),
    "done": ("You have left {name}.", "Anda telah keluar dari {name}."),
    "gone": ("This link is not valid any more.", "Tautan ini tidak berlaku lagi."),
    "hint": (
        "You may have left already, or the list is gone.",
        "Mungkin Anda sudah keluar, atau milisnya sudah tidak ada.",
    ),
    "later": ("Not possible right now.", "Sedang tidak dapat dilakukan."),
    "again": ("Please try again in a few minutes.", "Silakan coba lagi beberapa menit lagi."),
}
_PAGE: Final = """<!doctype html>
<html lang="{language}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; font: 1.1rem/1.5 system-ui, sans-serif }}
main {{ max-width: 30rem; margin: 15vh auto; padding: 0 1.5rem }}
h1 {{ font-size: 1.5rem }}
button {{ font: inherit; padding: .6rem 1.4rem; border: 0; border-radius: .5rem;
  background: #0b63ce; color: #fff; cursor: pointer }}
button:focus-visible {{ outline: 3px solid currentColor; outline-offset: 2px }}
</style>
<main><h1>{title}</h1><p>{text}</p>{more}</main>
</html>
"""


def routes(leave: Leave) -> list[BaseRoute]:
    """The page; `leave` takes a member's token, and gives the list that was left."""

    async def ask(request: Request) -> Response:
        say = _language(request)
        button = f'<form method="post"><button>{say("button")}</button></form>'
        return _page(request, say("ask"), say("why"), more=button)

    async def click(request: Request) -> Response:
        say = _language(request)
        try:
            left = await leave(request.path_params["token"][:MAX_TOKEN])
        except Fault:
            return _page(request, say("later"), say("again"), status=503)
        if left is None:
            return _page(request, say("gone"), say("hint"), status=404)
        title = say("done").format(name=left.name or f"{left.local}@{left.domain}")
        return _page(request, title, "")

    return [Route(PATH, ask, methods=["GET"]), Route(PATH, click, methods=["POST"])]


def _is_indonesian(request: Request) -> bool:
    """Whether the browser asks for Indonesian before English."""
    wanted = request.headers.get("accept-language", "")[:200].lower()
    places = {name: wanted.find(name) for name in ("id", "en")}
    return places["id"] >= 0 and (places["en"] < 0 or places["id"] < places["en"])


def _language(request: Request) -> Callable[[str], str]:
    index = int(_is_indonesian(request))
    return lambda key: _TEXTS[key][index]


def _page(
    request: Request, title: str, text: str, *, more: str = "", status: int = 200
) -> Response:
    page = _PAGE.format(
        language="id" if _is_indonesian(request) else "en",
        title=escape(title),
        text=escape(text),
        more=more,
    )
    headers = {
        "cache-control": "no-store",
        "content-security-policy": "default-src 'none'; style-src 'unsafe-inline';"
        " form-action 'self'; frame-ancestors 'none'",
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    return HTMLResponse(page, status_code=status, headers=headers)
