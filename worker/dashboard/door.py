"""Who may see the page, and who may say something on it?

On loopback whoever is on this machine, and only by a name of this machine: a page of somebody else's that has its own
name point here is turned away. Elsewhere whoever shows the token, once, for a cookie that is worth nothing without it.
Nothing is said to others, not even whether a path exists. What is written comes from the page itself or not at all."""

from __future__ import annotations

import asyncio
import hmac
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from worker.dashboard.connections import REQUEST_WITHIN_S

log = structlog.get_logger()

COOKIE = "restock-page"
PATH_CHARS_LOGGED = 100
ENTRANCE = "/enter"
OPEN_PATHS = (ENTRANCE, "/page/enter.css")
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # With no-referrer a browser would name no origin of the form at the entrance either.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


class Door:
    """token: what is to be shown; empty on loopback, where none is needed."""

    def __init__(self, token: str) -> None:
        self._token = token
        self._cookie = hmac.new(token.encode(), b"restock page", sha256).hexdigest() if token else ""

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answers instead of the handler whoever may not go on."""
        try:
            refused = self._refusal(request)
            return refused if refused is not None else await handler(request)
        except web.HTTPException as exc:
            return web.Response(status=exc.status, text=HTTPStatus(exc.status).phrase)
        except Exception as exc:  # noqa: BLE001 - whoever asks is told nothing of what went wrong inside
            log.error("dashboard.failed", path=request.path[:PATH_CHARS_LOGGED], reason=repr(exc))
            return web.Response(status=500, text="Something went wrong here.")

    async def dress(self, _: web.Request, response: web.StreamResponse) -> None:
        """Says with every answer what a browser may do with it, just before it is sent."""
        response.headers.update(HEADERS)
        response.headers.popall("Server", None)
        response.headers.setdefault("Cache-Control", "no-store")

    def _refusal(self, request: web.Request) -> web.Response | None:
        if not self._token and _host_of(request.headers.get("Host", "")) not in THIS_MACHINE:
            return web.Response(status=421, text="This page is for this machine, by its own name.")
        if request.method not in ("GET", "HEAD") and not from_itself(request):
            return web.Response(status=403, text="Not from this page.")
        if self._token and request.path not in OPEN_PATHS and not self.knows(request):
            if request.path == "/":
                return web.Response(status=401, text=entrance(), content_type="text/html")
            return web.Response(status=401, text="Show the token.")
        return None

    def knows(self, request: web.Request) -> bool:
        """Whether the request shows the token or its cookie, found out in a time that tells nothing of them."""
        shown = _bytes(request.headers.get("Authorization", "").removeprefix("Bearer "))
        by_token = hmac.compare_digest(shown, self._token.encode())
        cookie = _bytes(request.cookies.get(COOKIE, ""))
        return by_token | hmac.compare_digest(cookie, self._cookie.encode())

    async def enter(self, request: web.Request) -> web.Response:
        """Takes the token from the entrance's form, and gives the cookie for it."""
        try:
            async with asyncio.timeout(REQUEST_WITHIN_S):
                said = (await request.post()).get("token", "")
        except TimeoutError:
            raise web.HTTPRequestTimeout from None
        except (ValueError, LookupError):
            raise web.HTTPBadRequest from None  # No form, or in no writing that there is.
        shown = _bytes(said) if isinstance(said, str) else b""
        if not self._token or not hmac.compare_digest(shown, self._token.encode()):
            return web.Response(status=401, text=entrance("That is not the token."), content_type="text/html")
        response = web.Response(status=303, headers={"Location": "/"})
        secure = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        response.set_cookie(COOKIE, self._cookie, httponly=True, samesite="Strict", secure=secure, path="/")
        return response


def from_itself(request: web.Request) -> bool:
    """Whether the page itself sent this, as a browser tells it; a program shows neither header and has no cookie."""
    origin, host = request.headers.get("Origin"), request.headers.get("Host", "")
    if origin is None:
        return "Authorization" in request.headers
    return _address_of(origin) == host and request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin"


def _address_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _bytes(said: str) -> bytes:
    """As it came: a header may hold bytes that are no text."""
    return said.encode("utf-8", "surrogateescape")


def _host_of(header: str) -> str:
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:
        return ""


def entrance(said: str = "") -> str:
    """The page of whoever has not shown the token: a field for it, and nothing of what is inside."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Restock</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/page/enter.css"></head>
<body><main><h1>Restock</h1><form method="post" action="{ENTRANCE}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Enter</button><p role="alert">{said}</p></form></main></body></html>
"""
