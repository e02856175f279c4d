"""What people say about values, on disk at once: a store beside the ledger, also written while a run holds the folder.

In: corrections, undoings, claims of documents. Out: what is in force, and what the tables do not have yet.

The answer of the model is kept beside them (`answers`), as it was before anybody corrected it; a later answer takes its place. So the
row in the tables is always made of the two: an answer, and the corrections in force laid over it. `unsettled` has the answers whose row
is not made yet; it is written in the transaction of the correction and cleared behind the commit of the tables, so that a kill between
the two costs nothing. A correction is never deleted: who takes one back stamps it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from octavo.processors.state import database
from octavo.processors.state.database import Database, DatabaseRow, Schema, Statements
from octavo.processors.state.moving import copy_table, move
from octavo.schemas.corrections import PERSON, Correction, ValuePlace
from octavo.schemas.errors import SettingsError, StorageError

FILE = "corrections.sqlite"
FIRST = """
CREATE TABLE IF NOT EXISTS corrections (
    number INTEGER PRIMARY KEY AUTOINCREMENT, document TEXT NOT NULL, question TEXT NOT NULL,
    field TEXT NOT NULL, verdict TEXT NOT NULL, said TEXT NOT NULL, who TEXT NOT NULL, at TEXT NOT NULL, undone_at TEXT,
    batch TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS by_answer ON corrections (document, question);
CREATE INDEX IF NOT EXISTS by_person ON corrections (who, number);
CREATE TABLE IF NOT EXISTS answers (
    document TEXT NOT NULL, question TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (document, question));
CREATE TABLE IF NOT EXISTS unsettled (
    document TEXT NOT NULL, question TEXT NOT NULL, stamp INTEGER NOT NULL, PRIMARY KEY (document, question));
CREATE TABLE IF NOT EXISTS stamps (last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS claims (document TEXT PRIMARY KEY, holder TEXT NOT NULL, who TEXT NOT NULL, until TEXT NOT NULL);
"""
SCHEMA = Schema((FIRST,))  # a new step goes at the end, and none is ever changed
_COLUMNS = "number, document, question, said, who, at"

Key = tuple[str, str]  # document and question
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who looks at a document, and until when (UTC) nobody else is given it."""

    document: str
    holder: str
    who: str
    until: datetime


class CorrectionStore:
    """The open store of one output folder. Any thread may use it; each write is on the disk when its call returns."""

    def __init__(self, folder: Path | None) -> None:
        """Open or make the store; without a folder it is in memory, for who only looks. Raises StorageError."""
        self.path = folder / FILE if folder else database.MEMORY
        try:
            self._store = database.opened(self.path, SCHEMA)
        except database.TROUBLE as error:
            raise _refused(self.path, error) from None

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def put(self, corrections: Sequence[Correction], answer: Mapping[str, Any], batch: str) -> list[int]:
        """Put down corrections of one answer at once; gives their numbers.

        `answer` is the answer as it stands in the tables, kept if none is kept yet; `batch` names what is taken back together.
        """

        def put(store: Statements) -> list[int]:
            numbers = [_insert(store, one, batch) for one in corrections]
            for key in dict.fromkeys((one.document, one.question) for one in corrections):
                store.execute(
                    "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT DO NOTHING", (*key, json.dumps(answer))
                )
                _unsettle(store, key)
            return numbers

        return self._written(put)

    def undo(
        self, who: str, at: datetime, own: Collection[str] = (), others: Collection[str] = ()
    ) -> list[Correction]:
        """Take back the last thing that a person said, and give it; nothing when there is nothing left.

        `own` names what was said by one hand, which is taken back first; `others` what was said by other hands under the same name.
        """

        def undone(store: Statements) -> list[DatabaseRow]:
            query = """SELECT batch FROM corrections WHERE who = ? AND undone_at IS NULL
                       GROUP BY batch ORDER BY max(number) DESC"""
            said = [str(row["batch"]) for row in store.execute(query, (who,)).fetchall()]
            mine = [batch for batch in said if batch in own] or [
                batch for batch in said if batch not in others
            ]
            if not mine:
                return []
            rows = store.execute(
                f"SELECT {_COLUMNS} FROM corrections WHERE batch = ? AND undone_at IS NULL ORDER BY number",  # noqa: S608 - our own words
                (mine[0],),
            ).fetchall()
            store.execute(
                "UPDATE corrections SET undone_at = ? WHERE batch = ? AND undone_at IS NULL",
                (at.isoformat(), mine[0]),
            )
            for key in {(row["document"], row["question"]): None for row in rows}:
                _unsettle(store, key)
            return rows

        return [_correction(row) for row in self._written(undone)]

    def in_force(self, document: str, question: str) -> list[Correction]:
        """What holds for one answer, in the order in which it was said."""
        return [
            _correction(row)
            for row in self._rows("document = ? AND question = ? AND undone_at IS NULL", (document, question))
        ]

    def each(self) -> Iterator[Correction]:
        """All that is in force, by number."""
        return (_correction(row) for row in self._rows("undone_at IS NULL", ()))

    def since(self, number: int) -> list[Correction]:
        """What was said after that number and is in force."""
        return [_correction(row) for row in self._rows("number > ? AND undone_at IS NULL", (number,))]

    def last_settled(self) -> int:
        """The number up to which the tables have all that is in force."""
        query = """SELECT coalesce(
                       (SELECT min(number) - 1 FROM corrections c JOIN unsettled u USING (document, question) WHERE undone_at IS NULL),
                       (SELECT max(number) FROM corrections), 0)"""
        return int(self._read(query)[0][0])

    def corrected(self) -> set[Key]:
        """The answers about which something is in force."""
        found = self._read("SELECT DISTINCT document, question FROM corrections WHERE undone_at IS NULL")
        return {(row["document"], row["question"]) for row in found}

    def count(self) -> int:
        """How many are in force."""
        return int(self._read("SELECT count(*) FROM corrections WHERE undone_at IS NULL")[0][0])

    def answer(self, document: str, question: str) -> dict[str, Any] | None:
        """The answer below the corrections, as it was put; None when none is kept."""
        rows = self._read(
            "SELECT answer FROM answers WHERE document = ? AND question = ?", (document, question)
        )
        return dict(json.loads(rows[0]["answer"])) if rows else None

    def put_answers(self, answers: Mapping[Key, Mapping[str, Any]]) -> None:
        """Later answers take the place of those that are kept."""
        sql = "INSERT INTO answers VALUES (?, ?, ?) ON CONFLICT (document, question) DO UPDATE SET answer = excluded.answer"

        def put(store: Statements) -> None:
            for key, answer in answers.items():
                store.execute(sql, (*key, json.dumps(answer)))

        self._written(put)

    def filled(self) -> dict[Key, dict[str, Any]]:
        """The answers that people filled in where the latest model gave none, as they are kept, of which something is in force."""
        query = (
            "SELECT document, question, answer FROM answers a WHERE EXISTS (SELECT 1 FROM corrections c"
            " WHERE c.document = a.document AND c.question = a.question AND undone_at IS NULL)"
        )
        kept = {
            (row["document"], row["question"]): dict(json.loads(row["answer"])) for row in self._read(query)
        }
        return {
            key: answer
            for key, answer in kept.items()
            if answer["engine"] == PERSON or answer.get("rejected")
        }

    def unsettle(self, keys: Iterable[Key]) -> None:
        """Say that the tables have to be looked at for these answers."""
        listed = list(keys)

        def unsettled(store: Statements) -> None:
            for key in listed:
                _unsettle(store, key)

        self._written(unsettled)

    def unsettled(self) -> dict[Key, int]:
        """The answers whose row is still to be made, each with a stamp for `settled`."""
        rows = self._read("SELECT document, question, stamp FROM unsettled")
        return {(row["document"], row["question"]): int(row["stamp"]) for row in rows}

    def settled(self, stamps: Mapping[Key, int]) -> None:
        """The tables have what was in force when these stamps were read. What was said since stays unsettled."""
        sql = "DELETE FROM unsettled WHERE document = ? AND question = ? AND stamp = ?"

        def settled(store: Statements) -> None:
            for (document, question), stamp in stamps.items():
                store.execute(sql, (document, question, stamp))

        self._written(settled)

    def claim(self, documents: Sequence[str], claim: Claim, now: datetime) -> str:
        """Claim the first of these documents that nobody else holds, and let go of others of this holder; "" when all are held."""

        def claimed(store: Statements) -> str:
            values = (now.isoformat(), claim.holder)
            store.execute("DELETE FROM claims WHERE until <= ? OR holder = ?", values)
            held = {row["document"] for row in store.execute("SELECT document FROM claims").fetchall()}
            chosen = next((one for one in documents if one not in held), "")
            if chosen:
                taken = (chosen, claim.holder, claim.who, claim.until.isoformat())
                store.execute("INSERT INTO claims VALUES (?, ?, ?, ?)", taken)
            return chosen

        return self._written(claimed)

    def claims(self, now: datetime) -> list[Claim]:
        """The claims that have not lapsed."""
        rows = self._read(
            "SELECT document, holder, who, until FROM claims WHERE until > ?", (now.isoformat(),)
        )
        return [
            Claim(row["document"], row["holder"], row["who"], datetime.fromisoformat(row["until"]))
            for row in rows
        ]

    def _rows(self, condition: str, values: Sequence[Any]) -> list[DatabaseRow]:
        return self._read(f"SELECT {_COLUMNS} FROM corrections WHERE {condition} ORDER BY number", values)  # noqa: S608 - our own words

    def _read(self, sql: str, values: Sequence[Any] = ()) -> list[DatabaseRow]:
        try:
            return self._store.read(sql, values)
        except database.TROUBLE as error:
            raise _refused(self.path, error) from None

    def _written(self, work: Callable[[Statements], Result]) -> Result:
        """Do some work in one transaction, on the disk when it is left."""
        try:
            return self._store.write(work)
        except database.TROUBLE as error:
            raise _refused(self.path, error) from None


def corrections_of(folder: Path, *, often: bool = False) -> CorrectionStore | None:
    """The corrections of an output folder; None where nobody has corrected anything, so that no store is made for looking.

    Who looks `often` gets one all the same where hosts share it: to look whether it is there costs a connection each time.
    """
    is_there = (often and database.is_shared()) or has_corrections(folder)
    return CorrectionStore(folder) if is_there else None


def move_corrections(folder: Path) -> int | None:
    """Move the file of an output folder into the state that hosts share; gives how many rows, None where there is no file.

    Raises SettingsError when the state has corrections of that folder already, and StorageError.
    """

    def copied(source: Database, store: Statements) -> int:
        if store.execute("SELECT number FROM corrections LIMIT 1").fetchone():
            message = f"The state has corrections of {folder} already, and {folder / FILE} has others."
            raise SettingsError(
                message, about="out", next_step="Nothing was changed. Use another folder with --out."
            )
        rows = copy_table(source, store, "corrections", number="number")
        return rows + sum(
            copy_table(source, store, table) for table in ("answers", "unsettled", "stamps", "claims")
        )

    return move("The corrections in", folder / FILE, SCHEMA, copied)


def has_corrections(folder: Path) -> bool:
    """Whether anybody has corrected anything in an output folder. Raises StorageError."""
    try:
        return database.exists(folder / FILE, SCHEMA)
    except database.TROUBLE as error:
        raise _refused(folder / FILE, error) from None


def _insert(store: Statements, one: Correction, batch: str) -> int:
    told = asdict(one)
    said = {
        name: told[name]
        for name in (
            "before",
            "after",
            "note",
            "question_fingerprint",
            "confidence",
            "place",
            "anchors",
            "field",
            "verdict",
        )
    }
    row = store.execute(
        "INSERT INTO corrections (document, question, field, verdict, said, who, at, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " RETURNING number",
        (
            one.document,
            one.question,
            one.field,
            one.verdict,
            json.dumps(said),
            one.who,
            one.at.isoformat(),
            batch,
        ),
    ).fetchone()
    return int(row["number"])


def _unsettle(store: Statements, key: Key) -> None:
    """Mark an answer, with a stamp that no mark had before."""
    last = store.execute("UPDATE stamps SET last = last + 1 RETURNING last").fetchone()
    if last is None:
        store.execute("INSERT INTO stamps VALUES (1)")
    store.execute(
        "INSERT INTO unsettled VALUES (?, ?, ?) ON CONFLICT (document, question) DO UPDATE SET stamp = excluded.stamp",
        (*key, last["last"] if last else 1),
    )


def _correction(row: DatabaseRow) -> Correction:
    said = json.loads(row["said"])
    place, anchors = ValuePlace(**said.pop("place")), tuple(said.pop("anchors"))
    return Correction(
        document=row["document"],
        question=row["question"],
        who=row["who"],
        at=datetime.fromisoformat(row["at"]),
        place=place,
        anchors=anchors,
        number=row["number"],
        **said,
    )


def _refused(path: Path, error: Exception) -> StorageError:
    step = "Check the disk and the rights of the folder; what was said before is kept."
    return database.refused("The corrections in", path, error, step)


def lapse(now: datetime, minutes: float) -> datetime:
    """When a claim that is made now lapses."""
    return now.astimezone(UTC) + timedelta(minutes=minutes)
