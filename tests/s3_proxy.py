"""A way to an S3 server on which things go wrong: what a rule says of a request is refused, cut off, or done without a reply.

    with proxy(address) as between:
        between.rule = lambda method, path, headers: "lose" if method == "PUT" else None

A rule gives None to let a request through, "cut" to drop it before it arrives, "lose" to drop the reply, "bare" to take its conditions
off, or an S3 error code such as "AccessDenied".
"""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

Rule = Callable[[str, str, Mapping[str, str]], str | None]


class Between:
    """The proxy while it runs. `rule` may be changed at any time."""

    def __init__(self, address: str) -> None:
        self.address = ""
        self.target = urlsplit(address).netloc
        self.rule: Rule = lambda *_: None


class _Handler(BaseHTTPRequestHandler):
    """One connection to it."""

    between: Between
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = dict(self.headers.items())
        what = self.between.rule(self.command, self.path, headers)
        if what == "bare":
            headers = {name: value for name, value in headers.items() if not name.lower().startswith("if-")}
        if what not in (None, "bare", "lose", "cut"):
            said = f"<Error><Code>{what}</Code><Message>no</Message></Error>".encode()
            self._send(403, {"Content-Type": "application/xml"}, said)
            return
        if what == "cut":
            self.close_connection = True
            return
        link = http.client.HTTPConnection(self.between.target, timeout=30)
        link.request(self.command, self.path, body, headers)
        reply = link.getresponse()
        data = reply.read()
        link.close()
        if what == "lose":
            self.close_connection = True
            return
        self._send(reply.status, dict(reply.getheaders()), data)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any  # noqa: N815 - names of the standard library

    def _send(self, status: int, headers: Mapping[str, str], data: bytes) -> None:
        self.send_response_only(status)
        length = headers.get("content-length", str(len(data))) if self.command == "HEAD" else str(len(data))
        for name, value in headers.items():
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxy(address: str) -> Iterator[Between]:
    """A proxy to the server at `address`, on a port of its own."""
    between = Between(address)
    handler = type("Handler", (_Handler,), {"between": between})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        between.address = f"http://127.0.0.1:{server.server_port}"
        yield between
        server.shutdown()
