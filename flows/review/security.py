"""Who gets in: a request comes in; it goes on to the app, or is refused with a sentence, and each answer says what a browser may do.

The server listens on 127.0.0.1 only. The link holds a token, which is changed for a cookie of the same site. A page of somebody else that
the same browser has open gets nowhere: `Host` has to be this machine's name for itself, or a foreign name could be pointed here, and what
changes something needs the right `Origin`, JSON, and a secret that only our own pages know.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octavo.flows.review.sentence_html import with_code
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
PUBLIC = frozenset({"/static/app.css", "/static/icon.svg"})  # what a refusal is drawn with, and tells nothing
ASSETS_S = 86_400  # that a browser keeps script and style, whose addresses change with them
_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{sentence} · Octavo</title><link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/app.css"></head><body><header class="top"><span class="brand"><img src="/static/icon.svg" alt=""
width="22" height="22"> Octavo</span></header><main class="wide"><h1>{sentence}</h1>
<p class="empty" id="sentence">{step}</p></main></body></html>"""
# subtle: a page of ours sends the browser on, since a strict cookie is not sent along when the link was opened from elsewhere
_WELCOME = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=/"><title>Octavo</title><a href="/">Go on</a>'


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why a request goes no further, as its sender is told: a sentence and what to do, with nothing of what lies behind."""

    status: int
    sentence: str
    step: str

    def response(self, method: str) -> Response:
        """A page for who looks, JSON for what was posted."""
        headers = {"Allow": "GET, HEAD, POST"} if self.status == NO_METHOD else {}
        if method == "POST":
            return JSONResponse({"error": f"{self.sentence} {self.step}"}, self.status, headers)
        page = _PAGE.format(sentence=escape(self.sentence), step=with_code(self.step))
        return HTMLResponse(page, self.status, headers)


NO_METHOD = 405
_LINK = "Open the link that `octavo review` printed in its terminal. Where that is gone, end it and type `octavo review --out DIR` again."
_RELOAD = "Load the page again, from the link that `octavo review` printed."
NO_COOKIE = TurnedAway(401, "This needs the link with its token.", _LINK)
OLD_TOKEN = TurnedAway(403, "This link is of another time.", _LINK)
FOREIGN_HOST = TurnedAway(
    421,
    "This server answers to 127.0.0.1 and localhost only.",
    "Open the printed link as it is. From another machine, type `ssh -L 8700:127.0.0.1:8700 HOST` there first.",
)
FOREIGN_PAGE = TurnedAway(403, "This did not come from a page of the app.", _RELOAD)
OTHER_METHOD = TurnedAway(
    NO_METHOD, "There is no such method here.", "Pages are got, and words are posted by them."
)
NO_JSON = TurnedAway(415, "What is posted is JSON.", _RELOAD)
TOO_MUCH = TurnedAway(
    413, "This is too much at once.", "Say it in parts: a value has up to 100,000 characters."
)


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
                headers.setdefault("Cache-Control", _caching(scope, int(message["status"])))
            await send(message)

        headers = Headers(scope=scope)
        answer = self._passed(scope, headers)
        await (answer or self._app)(scope, receive, guarded)

    def _passed(self, scope: Scope, headers: Headers) -> Response | None:
        """None for who may go on; else the answer."""
        method, is_read = scope["method"], scope["method"] in ("GET", "HEAD")
        if refusal := _refusal(scope, headers):
            return refusal.response(method)
        if is_read and scope["path"] in PUBLIC:
            return None
        token = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        if is_read and scope["path"] == "/" and token:
            return self._welcome(token[0], _cookie(headers))
        visitor = self._workspace.visitor(_cookie(headers))
        if visitor is None:
            return NO_COOKIE.response(method)
        if method == "POST" and not _knows(visitor, headers):
            return FOREIGN_PAGE.response(method)
        scope["visitor"] = visitor
        return None

    def _welcome(self, token: str, cookie: str) -> Response:
        cookie = self._workspace.admit(token, cookie)
        if not cookie:
            return OLD_TOKEN.response("GET")
        response = HTMLResponse(_WELCOME)
        response.set_cookie(COOKIE, cookie, httponly=True, samesite="strict", path="/")
        return response


def _caching(scope: Scope, status: int) -> str:
    """Values are kept nowhere; our own script and style are, under an address that changes with them."""
    is_asset = status == 200 and scope["path"].startswith("/static/")
    return f"private, max-age={ASSETS_S}" if is_asset else "no-store"


def _refusal(scope: Scope, headers: Headers) -> TurnedAway | None:
    """Why a request is refused whoever sends it; None when it is not."""
    host = headers.get("host", "")
    if _name(host) not in HOSTS or len(headers.getlist("host")) != 1:
        return FOREIGN_HOST
    if scope["method"] not in ("GET", "HEAD", "POST"):
        return OTHER_METHOD
    if scope["method"] != "POST":
        return None
    if (
        headers.get("origin", "") != f"http://{host}"
        or headers.get("sec-fetch-site", "same-origin") != "same-origin"
    ):
        return FOREIGN_PAGE
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        return NO_JSON
    length = headers.get("content-length", "")
    return None if length.isdigit() and int(length) <= MOST_BYTES else TOO_MUCH


def _name(host: str) -> str | None:
    """The name in a `Host`; None for what is none, such as `[`."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _knows(visitor: Visitor, headers: Headers) -> bool:
    return secrets.compare_digest(headers.get("x-octavo", "").encode(), visitor.csrf.encode())


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
