"""HTTP/1.1 over asyncio: bytes of one connection come in, an Exchange for each request goes to the handler, its reply goes out.

Written by hand because faults need the socket itself: resets, half bodies, silences. Keep-alive is the rule; requests on a connection
are served one after the other; a task is cancelled when its client hangs up.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from http import HTTPStatus

Handler = Callable[["Exchange"], Awaitable[None]]
HEAD_BYTES_MAX = 65_536
_FLUSH_S = 0.02
_REASONS = {status.value: status.phrase for status in HTTPStatus} | {
    499: "Client Closed Request",
    529: "Site is Overloaded",
}


class Exchange:
    """One request and the way to answer it. `delivered` tells whether the whole reply was written to a living connection.

    `on_last` is called just before the last bytes leave, so that books are closed when the client can know of it.
    """

    __slots__ = ("_wire", "body", "delivered", "headers", "method", "on_last", "path", "started", "too_large")

    def __init__(self, wire: Wire, method: str, path: str, headers: dict[str, str]) -> None:
        self._wire = wire
        self.on_last: Callable[[], None] = lambda: None
        self.method = method
        self.path = path
        self.headers = headers
        self.body = b""
        self.too_large = False
        self.started = False
        self.delivered = False

    def reply(self, status: int, headers: dict[str, str], body: bytes) -> None:
        """A whole reply at once."""
        self.delivered = not self._wire.closing
        self.on_last()
        self._head(status, {**headers, "Content-Length": str(len(body))}, body)

    def reply_part(self, status: int, headers: dict[str, str], body: bytes, part: float) -> None:
        """The head of a whole reply, and only a part of its body."""
        self._head(status, {**headers, "Content-Length": str(len(body))}, body[: int(len(body) * part)])

    def stream(self, headers: dict[str, str]) -> None:
        """Begins a chunked reply with status 200."""
        self._head(200, {**headers, "Transfer-Encoding": "chunked"})

    async def write(self, data: bytes) -> None:
        """One chunk; waits while the client reads slowly."""
        await self._wire.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self, data: bytes = b"") -> None:
        """Ends a chunked reply as it should. Without last data it was cut short, and does not count as delivered."""
        self.delivered = bool(data) and not self._wire.closing
        self.on_last()
        self._wire.send((b"%x\r\n%b\r\n" % (len(data), data) if data else b"") + b"0\r\n\r\n")

    async def pause(self) -> None:
        """A moment of real time in which what was written leaves this machine's buffers."""
        await asyncio.sleep(_FLUSH_S)

    def hang_up(self) -> None:
        """Closes the connection in an orderly way, whatever was promised."""
        self.on_last()
        self._wire.close()

    def reset(self) -> None:
        """Ends the connection with RST."""
        self.on_last()
        self._wire.reset()

    def _head(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.started = True
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._wire.send(
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n{lines}\r\n".encode("latin-1") + body
        )


class Wire(asyncio.Protocol):
    """One connection. `body_bytes_max` is asked for at each request, so it may change at run time."""

    def __init__(self, handler: Handler, body_bytes_max: Callable[[], int], wires: set[Wire]) -> None:
        self._handler = handler
        self._body_bytes_max = body_bytes_max
        self._wires = wires
        self._buffer = bytearray()
        self._exchange: Exchange | None = None
        self._missing = 0  # bytes of the body still to come
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport

    @property
    def closing(self) -> bool:
        """True when nothing more reaches the client."""
        return self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._wires.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is the protocol's
        """Stops the work for a client that has left."""
        self._wires.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Collects bytes; serves a request as soon as it is whole."""
        self._buffer += data
        if self._task is not None:
            return
        try:
            self._advance()
        except ValueError:  # a head or a chunk that is no HTTP: say so and end this connection
            self.send(
                b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
            self.close()

    def send(self, data: bytes) -> None:
        """Writes without waiting."""
        if not self.closing:
            self._transport.write(data)

    async def write(self, data: bytes) -> None:
        """Writes, and waits until the buffer has room."""
        self.send(data)
        await self._writable.wait()

    def close(self) -> None:
        """FIN after what was written."""
        self._transport.close()

    def reset(self) -> None:
        """RST at once."""
        sock: socket.socket | None = self._transport.get_extra_info("socket")
        if sock is not None:
            with contextlib.suppress(OSError):  # the client was faster
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _advance(self) -> None:
        if self._exchange is None and not self._read_head():
            return
        exchange = self._exchange
        assert exchange is not None
        if exchange.headers.get("transfer-encoding", "").lower() == "chunked":
            body = _unchunk(self._buffer)
            if body is None:
                return
            exchange.body = body
        elif len(self._buffer) < self._missing:
            return
        else:
            exchange.body = bytes(self._buffer[: self._missing])
            del self._buffer[: self._missing]
        self._exchange = None
        self._task = asyncio.get_running_loop().create_task(self._serve(exchange))

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_BYTES_MAX:
                self.close()
            return False
        first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        del self._buffer[: end + 4]
        method, path, _ = first.split(" ", 2)
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        self._exchange = Exchange(self, method, path, headers)
        self._missing = int(headers.get("content-length", 0))
        if self._missing > self._body_bytes_max():
            self._exchange.too_large, self._missing = True, 0
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return True

    async def _serve(self, exchange: Exchange) -> None:
        await self._handler(exchange)
        self._task = None
        if self.closing:
            return
        if exchange.too_large or exchange.headers.get("connection", "").lower() == "close":
            self.close()
        elif self._buffer:
            self._advance()


def _unchunk(buffer: bytearray) -> bytes | None:
    """The body of a chunked request, taken off the buffer; None while it is not whole."""
    body, at = bytearray(), 0
    while True:
        end = buffer.find(b"\r\n", at)
        if end < 0:
            return None
        size = int(buffer[at:end].split(b";")[0], 16)
        if len(buffer) < end + 4 + size:
            return None
        if size == 0:
            del buffer[: end + 4]
            return bytes(body)
        body += buffer[end + 2 : end + 2 + size]
        at = end + 4 + size
