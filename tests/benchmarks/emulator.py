"""Requests a second that the Kimi emulator answers: whether it could be what holds a run back.

    python -m tests.benchmarks.emulator

In: nothing. Out: a line a kind of request: requests a second of wall time, and milliseconds of the emulator's CPU for each. The emulator
answers at once and runs in a process of its own; the client beside it is no SDK, but bytes that are made once, on connections that stay
open, so that it takes little of the other core.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from urllib.parse import urlsplit

from tests.benchmarks.kimi import emulator
from tests.benchmarks.usage import cpu_s

CONNECTIONS = 32
SMALL_TOKENS, LARGE_TOKENS = 300, 30_000
CHARACTERS_A_TOKEN = 4.6  # as the emulator has it
HEAD = "POST {path}/chat/completions HTTP/1.1\r\nHost: emulator\r\nAuthorization: Bearer sk-emulator\r\nContent-Length: {length}\r\n\r\n"


def request(path: str, tokens: int, *, stream: bool) -> bytes:
    """The bytes of one request, with a document of so many tokens."""
    message = {"role": "user", "content": "word " * round(tokens * CHARACTERS_A_TOKEN / 5)}
    body = {
        "model": "kimi-k2.6",
        "messages": [message],
        "thinking": {"type": "disabled"},
        "max_completion_tokens": 500,
        "stream": stream,
    }
    said = json.dumps(body).encode()
    return HEAD.format(path=path, length=len(said)).encode() + said


async def ask(host: str, port: int, words: bytes, times: int) -> None:
    """Ask the same on one connection, one after the other."""
    reader, writer = await asyncio.open_connection(host, port)
    for _ in range(times):
        writer.write(words)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        if b"chunked" in head.lower():
            await reader.readuntil(b"0\r\n\r\n")
        else:
            length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
            await reader.readexactly(int(length.split(b":")[1]))
    writer.close()


async def ask_all(address: str, tokens: int, requests: int, *, stream: bool) -> float:
    """Ask on all connections at once; gives the seconds that it took."""
    where = urlsplit(address)
    assert where.hostname
    assert where.port
    words = request(where.path, tokens, stream=stream)
    began = time.perf_counter()
    await asyncio.gather(
        *(ask(where.hostname, where.port, words, requests // CONNECTIONS) for _ in range(CONNECTIONS))
    )
    return time.perf_counter() - began


def measure(tokens: int, requests: int, *, stream: bool) -> tuple[float, float]:
    """Requests a second, and milliseconds of the emulator's CPU a request, from one run with few and one with many."""
    few, taken_s = CONNECTIONS, 0.0

    def run(number: int) -> None:
        nonlocal taken_s
        with emulator(
            "--no-timing",
            "--tier",
            "5",
            "--concurrency",
            "1000",
            "--rpm",
            "100000000",
            "--tpm",
            "1000000000000",
        ) as address:
            taken_s = asyncio.run(ask_all(address, tokens, number, stream=stream))

    before_s = cpu_s(lambda: run(few))
    after_s = cpu_s(lambda: run(few + requests))
    return (few + requests) / taken_s, 1_000 * (after_s - before_s) / requests


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.emulator", description="Requests a second that the emulator answers."
    )
    parser.add_argument("--requests", type=int, default=3_200)
    requests = parser.parse_args().requests
    print("request                          | a second | ms CPU each")
    for name, tokens, stream in (
        (f"{SMALL_TOKENS} tokens, in one piece", SMALL_TOKENS, False),
        (f"{SMALL_TOKENS} tokens, as a stream", SMALL_TOKENS, True),
        (f"{LARGE_TOKENS:,} tokens, in one piece", LARGE_TOKENS, False),
    ):
        a_second, each_ms = measure(
            tokens, requests if tokens == SMALL_TOKENS else requests // 10, stream=stream
        )
        print(f"{name:32} | {a_second:8.0f} | {each_ms:.2f}", flush=True)


if __name__ == "__main__":
    main()
