"""The account statement of one output folder: its ledger in, rows of what was spent on what out.

Each attempt is counted once under each heading, with the tokens that its bill is for, where the provider said them. `cached` and
`cache_write` tokens are parts of the prompt, `reasoning` tokens of the reply. Its outcome is one of

    answered     it has a reply: spent is the bill
    free         it ended without a reply and was surely not billed, such as a 429
    in_vain      it ended without a reply and was billed
    maybe_paid   it ended, and nobody knows whether it was billed: its worst case is `maybe_usd`
    unheard      it was sent and never heard of again, as at kill -9, or it is in flight or in a batch now: the same

The file is only read: a run may write it, of an older version too, whose bills say nothing of tokens. Imports the `ledger`'s names.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from octavo.processors.ask.ledger import TOKENS
from octavo.schemas.errors import SettingsError, StorageError

HEADINGS = {
    "total": "'all'",
    "day": "substr(sent_at, 1, 10)",
    "model": "model",
    "run": "run",
    "question": "question",
}

ATTEMPTS = """
CREATE TEMP VIEW lines AS SELECT a.sent_at, a.run, q.model, q.question, a.reserved_nano, e.billed_nano, {tokens}, CASE
    WHEN r.attempt IS NOT NULL THEN 'answered'
    WHEN e.attempt IS NULL THEN 'unheard'
    WHEN e.billed_nano IS NULL THEN 'maybe_paid'
    WHEN e.billed_nano = 0 THEN 'free'
    ELSE 'in_vain' END AS outcome, coalesce(e.error, '') AS error
FROM attempts a JOIN requests q USING (request) LEFT JOIN replies r USING (attempt) LEFT JOIN ends e USING (attempt)
"""
SUMS = """
SELECT '{heading}' AS heading, {column} AS name,
    sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END) / 1e9 AS spent_usd,
    sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN reserved_nano ELSE 0 END) / 1e9 AS maybe_usd,
    count(*) AS attempts, sum(outcome = 'answered') AS answered, sum(outcome = 'free') AS free,
    sum(outcome = 'in_vain') AS in_vain, sum(outcome = 'maybe_paid') AS maybe_paid, sum(outcome = 'unheard') AS unheard,
    sum(prompt_tokens) AS prompt_tokens, sum(cached_tokens) AS cached_tokens, sum(cache_write_tokens) AS cache_write_tokens,
    sum(reply_tokens) AS reply_tokens, sum(reasoning_tokens) AS reasoning_tokens
FROM lines GROUP BY 2 ORDER BY 2
"""

COUNTS = """
SELECT model, outcome, CASE WHEN error GLOB '[45][0-9][0-9][: ]*' THEN substr(error, 1, 3)
        WHEN error GLOB '*([45][0-9][0-9][: ]*' THEN substr(error, instr(error, '(') + 1, 3) ELSE '' END AS status, count(*) AS attempts,
    sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END) / 1e9 AS spent_usd,
    sum(CASE WHEN outcome IN ('maybe_paid', 'unheard') THEN reserved_nano ELSE 0 END) / 1e9 AS maybe_usd,
    sum(CASE WHEN sent_at < ? OR outcome IN ('maybe_paid', 'unheard') THEN 0 ELSE coalesce(billed_nano, reserved_nano) END) / 1e9
        AS today_usd,
    total(prompt_tokens) AS prompt_tokens, total(cached_tokens) AS cached_tokens, total(reply_tokens) AS reply_tokens
FROM lines GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # total() of SQLite is 0 where nothing was told


def statement(path: Path) -> list[dict[str, Any]]:
    """Sums by day, model, run and question, and over all. Reads beside a running job. Raises SettingsError and StorageError."""
    if not path.exists():
        raise SettingsError(
            f"There is no ledger {path}.", about="out", next_step="`octavo run INBOX --out DIR` makes one."
        )
    with _lines(path) as connection:
        return [
            dict(row)
            for heading, column in HEADINGS.items()
            for row in connection.execute(SUMS.format(heading=heading, column=column))
        ]


def call_counts(path: Path, today: str) -> list[dict[str, Any]]:
    """Attempts, dollars and tokens by model, outcome and status of a refusal; `today` is the UTC day as 2026-11-23. Raises StorageError."""
    with _lines(path) as connection:
        return [dict(row) for row in connection.execute(COUNTS, (today,))]


def notes(path: Path, beginning: str) -> dict[str, str]:
    """The notes of a ledger whose names begin so, by name. Raises StorageError."""
    query = "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key"
    with _lines(path) as connection:
        rows = connection.execute(query, (len(beginning), beginning))
        return {row["key"]: bytes(row["value"]).decode() for row in rows}


@contextmanager
def _lines(path: Path) -> Iterator[sqlite3.Connection]:
    """The file for reading, with its attempts as `lines`."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            there = {row["name"] for row in connection.execute("PRAGMA table_info(ends)")}
            tokens = ", ".join(f"e.{name}" if name in there else f"NULL AS {name}" for name in TOKENS)
            connection.execute(ATTEMPTS.format(tokens=tokens))
            yield connection
    except sqlite3.Error as error:
        raise StorageError(
            f"The ledger {path} cannot be read: {error}.", next_step="Run `octavo run` on its folder once."
        ) from error
