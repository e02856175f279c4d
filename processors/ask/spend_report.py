"""The account statement of one output folder: its ledger in, rows of what was spent on what out.

Each attempt is counted once under each heading, with the tokens that its bill is for, where the provider said them. `cached` and
`cache_write` tokens are parts of the prompt, `reasoning` tokens of the reply. Its outcome is one of

    answered     it has a reply: spent is the bill
    free         it ended without a reply and was surely not billed, such as a 429
    in_vain      it ended without a reply and was billed
    maybe_paid   it ended, and nobody knows whether it was billed: its worst case is `maybe_usd`
    unheard      it was sent and never heard of again, as at kill -9, or it is in flight or in a batch now: the same

The store is only read: a run may write it, of an older version too, whose bills say nothing of tokens. Imports the `ledger`'s names.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from octavo.processors.ask.ledger import SCHEMA, TOKENS, has_ledger
from octavo.processors.state import database
from octavo.processors.state.database import Database
from octavo.schemas.errors import SettingsError

OUTCOMES = ("answered", "free", "in_vain", "maybe_paid", "unheard")
HEADINGS = {
    "total": "'all'",
    "day": "substr(sent_at, 1, 10)",
    "model": "model",
    "run": "run",
    "question": "question",
}

ATTEMPTS = """
WITH lines AS (SELECT a.sent_at, a.run, q.model, q.question, a.reserved_nano, e.billed_nano, {tokens}, CASE
    WHEN r.attempt IS NOT NULL THEN 'answered'
    WHEN e.attempt IS NULL THEN 'unheard'
    WHEN e.billed_nano IS NULL THEN 'maybe_paid'
    WHEN e.billed_nano = 0 THEN 'free'
    ELSE 'in_vain' END AS outcome, coalesce(e.error, '') AS error
FROM attempts a JOIN requests q USING (request) LEFT JOIN replies r USING (attempt) LEFT JOIN ends e USING (attempt))
"""
SUMS = """
SELECT '{heading}' AS heading, {column} AS name,
    CAST(sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END)
        AS DOUBLE PRECISION) / 1e9 AS spent_usd,
    CAST(sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN reserved_nano ELSE 0 END)
        AS DOUBLE PRECISION) / 1e9 AS maybe_usd,
    count(*) AS attempts, {counts},
    sum(prompt_tokens) AS prompt_tokens, sum(cached_tokens) AS cached_tokens, sum(cache_write_tokens) AS cache_write_tokens,
    sum(reply_tokens) AS reply_tokens, sum(reasoning_tokens) AS reasoning_tokens
FROM lines GROUP BY 2 ORDER BY 2
"""

COUNTS = """
SELECT model, outcome, error, count(*) AS attempts,
    CAST(sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END)
        AS DOUBLE PRECISION) / 1e9 AS spent_usd,
    CAST(sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN reserved_nano ELSE 0 END)
        AS DOUBLE PRECISION) / 1e9 AS maybe_usd,
    CAST(sum(CASE WHEN sent_at < ? OR outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END)
        AS DOUBLE PRECISION) / 1e9 AS today_usd,
    sum(prompt_tokens) AS prompt_tokens, sum(cached_tokens) AS cached_tokens, sum(reply_tokens) AS reply_tokens
FROM lines GROUP BY 1, 2, 3
"""
STATUS = re.compile(r"(?:^|\()([45]\d\d)[: ]")


def statement(path: Path) -> list[dict[str, Any]]:
    """Sums by day, model, run and question, and over all. Reads beside a running job. Raises SettingsError and StorageError."""
    if not has_ledger(path):
        raise SettingsError(
            f"There is no ledger {path}.", about="out", next_step="`octavo run INBOX --out DIR` makes one."
        )
    counts = ", ".join(f"count(CASE WHEN outcome = '{name}' THEN 1 END) AS {name}" for name in OUTCOMES)
    with _read_only(path) as store:
        lines = _lines(store)
        return [
            _as_dict(row)
            for heading, column in HEADINGS.items()
            for row in store.read(lines + SUMS.format(heading=heading, column=column, counts=counts))
        ]


def call_counts(path: Path, today: str) -> list[dict[str, Any]]:
    """Attempts, dollars and tokens by model, outcome and status of a refusal; `today` is the UTC day as 2026-11-23. Raises StorageError."""
    found: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    with _read_only(path) as store:
        for row in store.read(_lines(store) + COUNTS, (today,)):
            own = _as_dict(row)
            key = (own.pop("model"), own.pop("outcome"), _status(own.pop("error")))
            found[key].update({name: value or 0 for name, value in own.items()})
    return [
        {"model": model, "outcome": outcome, "status": status, **found[model, outcome, status]}
        for model, outcome, status in sorted(found)
    ]


def notes(path: Path, beginning: str) -> dict[str, str]:
    """The notes of a ledger whose names begin so, by name. Raises StorageError."""
    query = "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key"
    with _read_only(path) as store:
        rows = store.read(query, (len(beginning), beginning))
        return {row["key"]: bytes(row["value"]).decode() for row in rows}


def _status(error: str) -> str:
    """The HTTP status that a refusal begins with, or that stands behind a bracket; "" where there is none."""
    found = STATUS.search(error)
    return found[1] if found else ""


def _lines(store: Database) -> str:
    """The attempts as `lines`, also in a ledger from before ends told tokens."""
    there = store.columns("ends")
    return ATTEMPTS.format(
        tokens=", ".join(f"e.{name}" if name in there else f"NULL AS {name}" for name in TOKENS)
    )


def _as_dict(row: Any) -> dict[str, Any]:
    return {name: row[name] for name in row.keys()}  # noqa: SIM118 - a row of SQLite is no mapping


@contextmanager
def _read_only(path: Path) -> Iterator[Database]:
    try:
        with closing(database.opened(path, SCHEMA, read_only=True)) as store:
            yield store
    except database.TROUBLE as error:
        raise database.refused("The ledger", path, error, "Run `octavo run` on its folder once.") from None
