"""What people say about values, on disk at once: one SQLite file beside the ledger, also written while a run holds the folder.

In: corrections, undoings, claims of documents. Out: what is in force, and what the tables do not have yet.

The answer of the model is kept beside them (`answers`), as it was before anybody corrected it; a later answer takes its place. So the
row in the tables is always made of the two: an answer, and the corrections in force laid over it. `unsettled` has the answers whose row
is not made yet; it is written in the transaction of the correction and cleared behind the commit of the tables, so that a kill between
the two costs nothing. A correction is never deleted: who takes one back stamps it.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from octavo.schemas.corrections import PERSON, Correction, ValuePlace
from octavo.schemas.errors import StorageError

FILE = "corrections.sqlite"
BUSY_S = 60.0  # how long a writer waits for another one
_SCHEMA = """
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
_VERSION = 1
_COLUMNS = "number, document, question, said, who, at"

Key = tuple[str, str]  # document and question


@dataclass(frozen=True, slots=True)
class Claim:
    """Who looks at a document, and until when (UTC) nobody else is given it."""

    document: str
    holder: str
    who: str
    until: datetime


class CorrectionStore:
    """The open file of one output folder. Any thread may use it; each write is on the disk when its call returns."""

    def __init__(self, folder: Path | None) -> None:
        """Open or make the file; without a folder it is in memory, for who only looks. Raises StorageError."""
        self.path = folder / FILE if folder else Path(":memory:")
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(
                self.path, timeout=BUSY_S, check_same_thread=False, isolation_level=None
            )
            self._db.row_factory = sqlite3.Row
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            if self._db.execute("PRAGMA user_version").fetchone()[0] > _VERSION:
                raise StorageError(
                    f"{self.path} was written by a newer Octavo.",
                    about=str(self.path),
                    next_step="Update Octavo.",
                )
            self._db.executescript(_SCHEMA)
            self._db.execute(f"PRAGMA user_version = {_VERSION}")
        except sqlite3.Error as error:
            raise _refused(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def put(self, corrections: Sequence[Correction], answer: Mapping[str, Any], batch: str) -> list[int]:
        """Put down corrections of one answer at once; gives their numbers.

        `answer` is the answer as it stands in the tables, kept if none is kept yet; `batch` names what is taken back together.
        """
        with self._writing() as db:
            numbers = [_insert(db, one, batch) for one in corrections]
            for key in dict.fromkeys((one.document, one.question) for one in corrections):
                db.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", (*key, json.dumps(answer)))
                _unsettle(db, key)
        return numbers

    def undo(self, who: str, at: datetime) -> list[Correction]:
        """Take back the last thing that a person said, and give it; nothing when there is nothing left."""
        with self._writing() as db:
            last = db.execute(
                "SELECT batch FROM corrections WHERE who = ? AND undone_at IS NULL ORDER BY number DESC LIMIT 1",
                (who,),
            ).fetchone()
            if last is None:
                return []
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM corrections WHERE batch = ? AND undone_at IS NULL ORDER BY number",  # noqa: S608 - our own words
                (last["batch"],),
            ).fetchall()
            db.execute(
                "UPDATE corrections SET undone_at = ? WHERE batch = ? AND undone_at IS NULL",
                (at.isoformat(), last["batch"]),
            )
            for key in {(row["document"], row["question"]) for row in rows}:
                _unsettle(db, key)
        return [_correction(row) for row in rows]

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
        with self._reading() as db:
            return int(db.execute(query).fetchone()[0])

    def corrected(self) -> set[Key]:
        """The answers about which something is in force."""
        with self._reading() as db:
            found = db.execute("SELECT DISTINCT document, question FROM corrections WHERE undone_at IS NULL")
            return {(row["document"], row["question"]) for row in found}

    def count(self) -> int:
        """How many are in force."""
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM corrections WHERE undone_at IS NULL").fetchone()[0])

    def answer(self, document: str, question: str) -> dict[str, Any] | None:
        """The answer below the corrections, as it was put; None when none is kept."""
        with self._reading() as db:
            row = db.execute(
                "SELECT answer FROM answers WHERE document = ? AND question = ?", (document, question)
            ).fetchone()
        return None if row is None else dict(json.loads(row["answer"]))

    def put_answers(self, answers: Mapping[Key, Mapping[str, Any]]) -> None:
        """Later answers take the place of those that are kept."""
        with self._writing() as db:
            for key, answer in answers.items():
                db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (*key, json.dumps(answer)))

    def filled(self) -> dict[Key, dict[str, Any]]:
        """The answers that people filled in where no model gave one, as they are kept, of which something is in force."""
        query = """SELECT document, question, answer FROM answers a WHERE json_extract(answer, '$.engine') = ? AND EXISTS
                   (SELECT 1 FROM corrections c WHERE c.document = a.document AND c.question = a.question AND undone_at IS NULL)"""
        with self._reading() as db:
            rows = db.execute(query, (PERSON,)).fetchall()
        return {(row["document"], row["question"]): dict(json.loads(row["answer"])) for row in rows}

    def unsettle(self, keys: Iterable[Key]) -> None:
        """Say that the tables have to be looked at for these answers."""
        with self._writing() as db:
            for key in keys:
                _unsettle(db, key)

    def unsettled(self) -> dict[Key, int]:
        """The answers whose row is still to be made, each with a stamp for `settled`."""
        with self._reading() as db:
            return {
                (row["document"], row["question"]): int(row["stamp"])
                for row in db.execute("SELECT document, question, stamp FROM unsettled")
            }

    def settled(self, stamps: Mapping[Key, int]) -> None:
        """The tables have what was in force when these stamps were read. What was said since stays unsettled."""
        with self._writing() as db:
            for (document, question), stamp in stamps.items():
                db.execute(
                    "DELETE FROM unsettled WHERE document = ? AND question = ? AND stamp = ?",
                    (document, question, stamp),
                )

    def claim(self, documents: Sequence[str], claim: Claim, now: datetime) -> str:
        """Claim the first of these documents that nobody else holds, and let go of others of this holder; "" when all are held."""
        with self._writing() as db:
            db.execute("DELETE FROM claims WHERE until <= ? OR holder = ?", (now.isoformat(), claim.holder))
            held = {row["document"] for row in db.execute("SELECT document FROM claims")}
            chosen = next((one for one in documents if one not in held), "")
            if chosen:
                db.execute(
                    "INSERT INTO claims VALUES (?, ?, ?, ?)",
                    (chosen, claim.holder, claim.who, claim.until.isoformat()),
                )
        return chosen

    def claims(self, now: datetime) -> list[Claim]:
        """The claims that have not lapsed."""
        with self._reading() as db:
            rows = db.execute(
                "SELECT document, holder, who, until FROM claims WHERE until > ?", (now.isoformat(),)
            )
            return [
                Claim(row["document"], row["holder"], row["who"], datetime.fromisoformat(row["until"]))
                for row in rows
            ]

    def _rows(self, condition: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        query = f"SELECT {_COLUMNS} FROM corrections WHERE {condition} ORDER BY number"  # noqa: S608 - our own words
        with self._reading() as db:
            return db.execute(query, values).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock:
                yield self._db
        except sqlite3.Error as error:
            raise _refused(self.path, error) from error

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction, on the disk when it is left."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")


def corrections_of(folder: Path) -> CorrectionStore | None:
    """The corrections of an output folder; None where nobody has corrected anything, so that no file is made for looking."""
    return CorrectionStore(folder) if (folder / FILE).exists() else None


def _insert(db: sqlite3.Connection, one: Correction, batch: str) -> int:
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
    row = db.execute(
        "INSERT INTO corrections (document, question, field, verdict, said, who, at, batch) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
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
    )
    return int(row.lastrowid or 0)


def _unsettle(db: sqlite3.Connection, key: Key) -> None:
    """Mark an answer, with a stamp that no mark had before."""
    if not db.execute("UPDATE stamps SET last = last + 1").rowcount:
        db.execute("INSERT INTO stamps VALUES (1)")
    db.execute("INSERT OR REPLACE INTO unsettled SELECT ?, ?, last FROM stamps", key)


def _correction(row: sqlite3.Row) -> Correction:
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
    return StorageError(
        f"The corrections in {path} cannot be read or written: {error}.",
        about=str(path),
        next_step="Check the disk and the rights of the folder; what was said before is kept.",
    )


def lapse(now: datetime, minutes: float) -> datetime:
    """When a claim that is made now lapses."""
    return now.astimezone(UTC) + timedelta(minutes=minutes)
