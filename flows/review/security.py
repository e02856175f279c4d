"""Who gets in: a request comes in; it goes on to the app, or is refused with a sentence, and each answer says what a browser may do.

The server listens on 127.0.0.1 only. The link holds a token, which is changed for a cookie of the same site. A page of somebody else that
the same browser has open gets nowhere: `Host` has to be this machine's name for itself, or a foreign name could be pointed here, and what
changes something needs the right `Origin`, JSON, and a secret that only our own pages know.
"""

from __future__ import annotations

import secrets
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octavo.flows.review.workspace import Visitor, Workspace

COOKIE = "octavo_review"
HOSTS = frozenset({"127.0.0.1", "localhost"})
MOST_BYTES = 1 << 20  # of what is posted
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# subtle: a page of ours sends the browser on, since a strict cookie is not sent along when the link was opened from elsewhere
_WELCOME = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Octavo</title><a href="/">Go on</a>'


class Gate:
    """Around the app: nobody gets past it who should not."""

    def __init__(self, app: ASGIApp, workspace: Workspace) -> None:
        self._app, self._workspace = app, workspace

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        refusal = _refusal(scope, headers)
        visitor = self._workspace.visitor(_cookie(headers))
        if refusal:
            await PlainTextResponse(refusal, 403)(scope, receive, guarded)
        elif scope["path"] == "/" and (
            token := parse_qs(scope["query_string"].decode("latin-1")).get("token")
        ):
            await self._welcome(token[0])(scope, receive, guarded)
        elif visitor is None:
            await PlainTextResponse("Open the link that `octavo review` printed.", 401)(
                scope, receive, guarded
            )
        elif scope["method"] == "POST" and not _knows(visitor, headers):
            await PlainTextResponse("This did not come from a page of the app.", 403)(scope, receive, guarded)
        else:
            scope["visitor"] = visitor
            await self._app(scope, receive, guarded)

    def _welcome(self, token: str) -> PlainTextResponse | HTMLResponse:
        cookie = self._workspace.admit(token)
        if not cookie:
            return PlainTextResponse(
                "This link is of another time. Open the one that `octavo review` printed last.", 403
            )
        response = HTMLResponse(_WELCOME)
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
        return response


def _refusal(scope: Scope, headers: Headers) -> str:
    """Why a request is refused whoever sends it; "" when it is not."""
    host = headers.get("host", "")
    if urlsplit(f"//{host}").hostname not in HOSTS or len(headers.getlist("host")) != 1:
        return "This server answers to 127.0.0.1 and localhost only."
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return "There is no such method here."
    if scope["method"] != "POST":
        return ""
    if (
        headers.get("origin", "") != f"http://{host}"
        or headers.get("sec-fetch-site", "same-origin") != "same-origin"
    ):
        return "This did not come from a page of the app."
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        return "What is posted is JSON."
    length = headers.get("content-length", "")
    return "" if length.isdigit() and int(length) <= MOST_BYTES else "This is too much at once."


def _knows(visitor: Visitor, headers: Headers) -> bool:
    return secrets.compare_digest(headers.get("x-octavo", "").encode(), visitor.csrf.encode())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
