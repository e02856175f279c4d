"""Batch files as the ledger knows them: what was meant to be ordered, how far each order came, and what became of each request.

The order of writing is the order of a call, once more: the intent is committed before the upload, the file's id before the batch is
made, the batch's id before anything waits for it, and replies before anything looks at them. A request in a batch is an attempt that was
`sent`. The tables stand in the store of the `ledger`, whose words for a request are used here; each step is one
transaction. Orders change their state; attempts, replies and ends are only added to. Sums are whole nano-dollars (`nano_usd`), and
`usage` has a word for tokens that nobody told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

from octavo.processors.ask.api.usage import NOT_TOLD
from octavo.processors.ask.ledger import (
    INSERT_ATTEMPT,
    INSERT_END,
    INSERT_REPLY,
    INSERT_REQUEST,
    SCHEMA,
    ending,
)
from octavo.processors.ask.nano_usd import nano, usd
from octavo.processors.state import database
from octavo.processors.state.database import Statements
from octavo.schemas.pipeline import Usage

Result = TypeVar("Result")

INSERT_BATCH = "INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Order:
    """One batch file. `intent` is our name for it; `file` and `batch` are the provider's, "" until they are known."""

    intent: str
    provider: str
    model: str
    base_url: str
    run: str
    made_at: str  # ISO 8601, UTC
    sha256: str  # of the file's content
    bytes: int
    requests: int
    reserved_usd: float  # the worst case at the batch price
    file: str
    batch: str
    state: str
    said: str  # how it ended

    @property
    def file_name(self) -> str:
        """The name under which the file is uploaded, by which it is found again."""
        return f"octavo-{self.intent}.jsonl"


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of one request: the raw reply, or why there is none. `billed_usd` is None when nobody knows."""

    raw: str | None
    billed_usd: float | None
    reason: str = ""
    usage: Usage = NOT_TOLD


class Orders:
    """The orders of one account in one ledger. Every method is a transaction of its own, and may raise StorageError."""

    def __init__(self, ledger: Path, *, provider: str, model: str, base_url: str, run: str) -> None:
        """`ledger` is the file of an open ledger."""
        self._path = ledger
        self._account = (provider, model, base_url)
        self._run = run

    def intend(
        self, rows: Sequence[Mapping[str, Any]], worst_usd: Sequence[float], *, sha256: str, size_bytes: int
    ) -> Order:
        """Put down that a file of these requests is about to be uploaded. `rows` have the columns of `requests`."""
        made_at = _now()
        head = (
            uuid4().hex,
            *self._account,
            self._run,
            made_at,
            sha256,
            size_bytes,
            len(rows),
            sum(worst_usd),
        )
        order = Order(*head, file="", batch="", state="intended", said="")

        def intended(ledger: Statements) -> None:
            for row in rows:
                ledger.execute(INSERT_REQUEST, row)
            ledger.execute(INSERT_BATCH, astuple(order))
            for row, worst in zip(rows, worst_usd, strict=True):
                values = (row["request"], self._run, made_at, nano(worst))
                (attempt,) = ledger.execute(INSERT_ATTEMPT, values).fetchone()
                ledger.execute(
                    "INSERT INTO batch_lines VALUES (?, ?, ?)", (order.intent, row["request"], attempt)
                )

        _written(self._path, intended)
        return order

    def uploaded(self, order: Order, file: str) -> Order:
        """Put down the id of the uploaded file."""
        sql = "UPDATE batches SET file = ?, state = 'uploaded' WHERE intent = ?"
        _written(self._path, lambda ledger: ledger.execute(sql, (file, order.intent)))
        return replace(order, file=file, state="uploaded")

    def ordered(self, order: Order, batch: str) -> Order:
        """Put down the id of the batch."""
        sql = "UPDATE batches SET batch = ?, state = 'ordered' WHERE intent = ?"
        _written(self._path, lambda ledger: ledger.execute(sql, (batch, order.intent)))
        return replace(order, batch=batch, state="ordered")

    def dropped(self, order: Order, said: str) -> None:
        """Put down that nothing came of an order before there was a batch, so that nothing of it was paid."""

        def drop(ledger: Statements) -> None:
            for attempt, _ in _lines(ledger, order).values():
                ledger.execute(INSERT_END, ending(attempt, 0.0, said))
            ledger.execute(
                "UPDATE batches SET state = 'dropped', said = ? WHERE intent = ?", (said, order.intent)
            )

        _written(self._path, drop)

    def done(self, order: Order, ended: Mapping[str, Ended], *, seconds: float, said: str) -> None:
        """Put down what became of every request of an order, and that it is over."""

        def end(ledger: Statements) -> None:
            for request, (attempt, _) in _lines(ledger, order).items():
                one = ended[request]
                if one.raw is not None:
                    ledger.execute(INSERT_REPLY, (attempt, request, one.raw, seconds, _now()))
                ledger.execute(INSERT_END, ending(attempt, one.billed_usd, one.reason or None, one.usage))
            ledger.execute(
                "UPDATE batches SET state = 'done', said = ? WHERE intent = ?", (said, order.intent)
            )

        _written(self._path, end)

    def open(self) -> list[Order]:
        """Orders of this account that are not over, in the order in which they were made."""
        return [
            order
            for order in pending(self._path)
            if (order.provider, order.model, order.base_url) == self._account
        ]

    def worst_usd(self, order: Order) -> dict[str, float]:
        """The requests of an order, and what each may cost at the most."""
        lines = _written(self._path, lambda ledger: _lines(ledger, order))
        return {request: worst_usd for request, (_, worst_usd) in lines.items()}


def pending(ledger: Path) -> list[Order]:
    """Orders that are not over, of any account, in the order in which they were made. Raises StorageError."""
    names = ", ".join(field.name for field in fields(Order))
    sql = f"SELECT {names} FROM batches WHERE state NOT IN ('done', 'dropped') ORDER BY rowid"  # noqa: S608 - our own words
    return _written(ledger, lambda store: [Order(*row) for row in store.execute(sql).fetchall()])


def _lines(ledger: Statements, order: Order) -> dict[str, tuple[int, float]]:
    """The requests of an order, with the number of the attempt and the worst case in USD."""
    sql = "SELECT request, attempt, reserved_nano FROM batch_lines JOIN attempts USING (attempt, request) WHERE intent = ?"
    rows = ledger.execute(sql, (order.intent,)).fetchall()
    return {request: (attempt, usd(nanos)) for request, attempt, nanos in rows}


def _written(path: Path, work: Callable[[Statements], Result]) -> Result:
    """Do some work in one transaction. The store is opened each time, since steps are rare and come from any thread."""
    try:
        with closing(database.opened(path, SCHEMA)) as store:
            return store.write(work)
    except (OSError, *database.TROUBLE) as error:
        raise database.refused("The ledger", path, error, "Free space, then run again.") from None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
