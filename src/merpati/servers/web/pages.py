"""The pages of the web front end: files made once by `web/`, given out as they are.

Each file lies there beside its compressed forms, so that nothing is compressed for a request.
Names of assets hold a hash of what is in them, so browsers may keep those for ever; the pages
that name them are asked for each time, and cost an empty answer when they did not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

FOLDER: Final = Path(str(resources.files("merpati.servers.web"))) / "static"
PAGES: Final = {"/": "index.html", "/admin": "admin.html"}
# No script but our own files, nothing loaded from elsewhere, no page of others around ours.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' blob:"
    " data:; font-src 'self'; connect-src 'self'; frame-src 'self' blob:; worker-src 'self';"
    " manifest-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types merpati dompurify"
    " svelte-trusted-html default"
)
HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-frame-options": "DENY",
}
FOR_EVER: Final = "public, max-age=31536000, immutable"
TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
}
ENCODINGS: Final = (("br", ".br"), ("gzip", ".gz"))
MISSING: Final = (
    "The web front end has not been built. Run `make setup` with Node.js 20 or later.\n"
)


class File(NamedTuple):
    """A file in each of its forms, by content encoding; "" is as it is."""

    type: str
    etag: str
    forms: dict[str, bytes]


def load(folder: Path = FOLDER) -> dict[str, File]:
    """Every file of the front end by its path below `/`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix not in TYPES or not path.is_file():
            continue
        forms = {"": path.read_bytes()}
        for encoding, ending in ENCODINGS:
            packed = path.with_name(path.name + ending)
            if packed.is_file():
                forms[encoding] = packed.read_bytes()
        etag = f'"{blake2b(forms[""], digest_size=9).hexdigest()}"'
        found[path.relative_to(folder).as_posix()] = File(TYPES[path.suffix], etag, forms)
    return found


def routes(files: dict[str, File]) -> list[BaseRoute]:
    """The routes of the pages and of what they load; they come after all others."""

    async def page(request: Request) -> Response:
        path = request.url.path
        # Every address below a page is the page: it shows what the address names.
        name = "admin.html" if path == "/admin" or path.startswith("/admin/") else "index.html"
        return _answer(request, files.get(name))

    async def asset(request: Request) -> Response:
        return _answer(request, files.get(request.url.path.lstrip("/")))

    top = [f"/{name}" for name in files if "/" not in name and not name.endswith(".html")]
    return [
        *(Route(path, page) for path in ("/", "/mail/{rest:path}", "/admin", "/admin/{rest:path}")),
        *(Route(path, asset) for path in ("/assets/{name}", *top)),
    ]


def _answer(request: Request, file: File | None) -> Response:
    if file is None:
        missing = request.url.path in PAGES
        return PlainTextResponse(
            MISSING if missing else "Nothing is here.\n", status_code=503 if missing else 404
        )
    is_asset = request.url.path.startswith("/assets/")
    headers = {
        **HEADERS,
        "content-type": file.type,
        "etag": file.etag,
        "vary": "accept-encoding",
        "cache-control": FOR_EVER if is_asset else "no-cache",
    }
    if request.headers.get("if-none-match") == file.etag:
        return Response(status_code=304, headers=headers)
    encoding = _encoding(request.headers.get("accept-encoding", ""), list(file.forms))
    if encoding:
        headers["content-encoding"] = encoding
    return Response(file.forms[encoding], headers=headers)


def _encoding(accepted: str, there: Sequence[str]) -> str:
    """The best of the forms there are that a client takes."""
    taken = {
        name.strip()
        for one in accepted.lower().split(",")
        for name, _, weight in [one.partition(";")]
        if weight.replace(" ", "") not in ("q=0", "q=0.0")
    }
    for encoding, _ in ENCODINGS:
        if encoding in taken and encoding in there:
            return encoding
    return ""
