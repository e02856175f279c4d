"""The files of a batch: requests to lines that are uploaded, lines that come back to raw replies or reasons.

A line that goes out is {"custom_id", "method", "url", "body"}, where custom_id is the request's fingerprint; one that comes back is
{"custom_id", "response": {"status_code", "body"}, "error"} in any order (documentation of 2026-08-13; lines of error files are inferred).
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from octavo.schemas.pipeline import Request

SAMPLING = frozenset(
    {"temperature", "top_p", "n", "presence_penalty", "frequency_penalty"}
)  # not allowed in a batch
LIVE_ONLY = frozenset({"stream", "stream_options"})  # how a live reply comes, which has no meaning in a batch
LINE_ENDS = {
    ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"
}  # some readers of lines end one here


class Spool:
    """Lines that wait for their upload, on disk without a name, so that nothing is left behind."""

    def __init__(self) -> None:
        """Start empty."""
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`, later than any block here could
        self.rows: list[Mapping[str, Any]] = []  # the requests as rows of the ledger
        self.worst: list[float] = []  # what each may cost at the most, in USD
        self.size_bytes = 0
        self._sizes: list[int] = []  # of each line, in bytes
        self._hash = hashlib.sha256()

    @property
    def worst_usd(self) -> float:
        """What all requests may cost at the most."""
        return sum(self.worst)

    @property
    def sha256(self) -> str:
        """Name of the content."""
        return self._hash.hexdigest()

    def add(self, line: bytes, row: Mapping[str, Any], worst_usd: float) -> None:
        """Take one more line."""
        self.file.write(line)
        self.rows.append(row)
        self.worst.append(worst_usd)
        self._sizes.append(len(line))
        self.size_bytes += len(line)
        self._hash.update(line)

    def halves(self) -> Iterator[Spool]:
        """The same lines in two, each closed by who takes it."""
        self.file.seek(0)
        middle = len(self.rows) // 2
        for part in (slice(None, middle), slice(middle, None)):
            half = Spool()
            for size, row, worst_usd in zip(
                self._sizes[part], self.rows[part], self.worst[part], strict=True
            ):
                half.add(self.file.read(size), row, worst_usd)
            yield half

    def close(self) -> None:
        """Forget the lines."""
        self.file.close()


def line_of(request: Request, url: str) -> bytes:
    """The line that orders a request; empty when its body has what no batch may have."""
    if SAMPLING & set(request.body):
        return b""
    line = {
        "custom_id": request.fingerprint,
        "method": "POST",
        "url": url,
        "body": {name: value for name, value in request.body.items() if name not in LIVE_ONLY},
    }
    return json.dumps(line, ensure_ascii=False, separators=(",", ":")).translate(LINE_ENDS).encode() + b"\n"


def results(content: bytes) -> Iterator[tuple[str, str | None, str]]:
    """From a file that came back: fingerprint, raw reply or None, and the reason when there is no reply.

    A line that names no request is passed over: its request then has no line, which is a reason too.
    """
    for text in content.splitlines():
        try:
            line = json.loads(text)
            response = line.get("response") or {}
            request, body = str(line["custom_id"]), response.get("body")
        except (ValueError, LookupError, TypeError, AttributeError):
            continue
        if not line.get("error") and body and response.get("status_code") == 200:
            yield request, json.dumps(body, ensure_ascii=False), ""
        else:
            yield request, None, _reason(line.get("error"), body)


def _reason(error: Any, body: Any) -> str:
    """What a line without a reply says about it."""
    said = error or (body.get("error") if isinstance(body, dict) else body) or "no reply and no reason"
    return str(said.get("message") or said) if isinstance(said, dict) else str(said)
