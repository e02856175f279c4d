"""A wire to a server that a test can cut, and make slow."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """Takes connections on `port` and hands them on; used from the test's thread, while the wire has its own."""

    def __init__(self, target: int) -> None:
        """A wire to a port of this machine."""
        self.port, self.delay_s, self.is_cut = 0, 0.0, False
        self._target, self._loop = target, asyncio.new_event_loop()
        self._open: set[asyncio.StreamWriter] = set()
        ready = threading.Event()
        threading.Thread(target=self._run, args=(ready,), daemon=True).start()
        ready.wait(10)

    def drop(self) -> None:
        """Break all connections that there are, in the middle of whatever they do."""
        self._loop.call_soon_threadsafe(self._drop)

    def close(self) -> None:
        """End it."""
        self.drop()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _drop(self) -> None:
        for writer in list(self._open):
            writer.transport.abort()

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._connected, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        self._loop.run_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_cut:
            writer.transport.abort()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._target)
            self._open |= {writer, back}
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))
            self._open -= {writer, back}

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    """A wire until the block ends."""
    one = Wire(target)
    try:
        yield one
    finally:
        one.close()
