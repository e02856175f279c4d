"""What was asked, spent and used so far, from files into the state that hosts share: the ledger of a folder, and what all runs share.

Several machines may each have put down what they spent, and each moves its own: calls and sums are added to those that are there. It knows
the tables of `ledger`, `spending` and `shared`.
"""

from __future__ import annotations

from pathlib import Path

from octavo.processors.ask.ledger import SCHEMA as LEDGER
from octavo.processors.ask.money.spending import SCHEMA as SPENDING
from octavo.processors.ask.money.spending import add_up
from octavo.processors.ask.pace.shared import SCHEMA as PACE
from octavo.processors.state.database import Database, Statements
from octavo.processors.state.moving import copy_table, move
from octavo.schemas.errors import Locked, SettingsError


def move_ledger(path: Path) -> int | None:
    """Move the ledger of an output folder, which nobody may use meanwhile; gives how many rows, None where there is no file.

    Raises SettingsError when the state has a ledger of that folder already, and StorageError.
    """

    def copied(source: Database, store: Statements) -> int:
        if store.execute("SELECT attempt FROM attempts LIMIT 1").fetchone():
            message = f"The state has a ledger of {path.parent} already, and {path} is another one."
            raise SettingsError(
                message, about="out", next_step="Nothing was changed. Use another folder with --out."
            )
        store.execute("DELETE FROM meta")
        rows = copy_table(source, store, "attempts", number="attempt")
        others = ("meta", "requests", "replies", "ends", "batches", "batch_lines")
        return rows + sum(copy_table(source, store, table) for table in others)

    return move("The ledger", path, LEDGER, copied)


def move_spending(path: Path) -> int | None:
    """Move what all runs of this machine spent. Raises Locked while one of them has calls in flight, SettingsError and StorageError."""

    def copied(source: Database, store: Statements) -> int:
        rows = 0
        for row in source.each("SELECT * FROM calls ORDER BY call"):
            is_open = row["billed_nano"] is None and not row["batch"]
            if is_open and source.is_here(store, row["holder"]):
                message = f"A run of this machine has calls in flight (process {row['holder'].split()[1]}), which {path} counts."
                raise Locked(
                    message, about=str(path), next_step="Wait for it, then move again: nothing was changed."
                )
            store.execute(
                "INSERT INTO calls (project, run, day, holder, reserved_nano, billed_nano, lost, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                tuple(row)[1:],
            )
            rows += 1
        for row in source.read("SELECT scope, billed_nano, open_nano FROM totals"):
            add_up(store, [row["scope"]], billed=row["billed_nano"], held=row["open_nano"])
        return rows

    return move("The file of what is spent,", path, SPENDING, copied)


def move_pace(path: Path) -> int | None:
    """Move the limits of accounts that were found, and the tokens of the day. Raises SettingsError and StorageError."""

    def copied(source: Database, store: Statements) -> int:
        limits, days = source.read("SELECT * FROM limits"), source.read("SELECT * FROM days")
        for row in limits:
            store.execute(
                "INSERT INTO limits VALUES (?, ?, ?, ?) ON CONFLICT (account, name) DO UPDATE SET allowed = excluded.allowed,"
                " found_at = excluded.found_at WHERE limits.found_at < excluded.found_at",
                tuple(row),
            )
        for row in days:
            store.execute(
                "INSERT INTO days VALUES (?, ?, ?) ON CONFLICT (account) DO UPDATE SET tokens = excluded.tokens + CASE WHEN"
                " days.day = excluded.day THEN days.tokens ELSE 0 END, day = excluded.day WHERE days.day <= excluded.day",
                tuple(row),
            )
        return len(limits) + len(days)

    return move("What is used of the account,", path, PACE, copied)
