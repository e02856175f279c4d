"""What was asked and what came back, in one store of an output folder: the reason why nothing is paid twice.

The order is: `sent` committed, call, raw reply committed, and only then does anything look at the reply. After a crash, an attempt
that was sent and has no reply is "maybe paid": it is counted and asked again. Writes go through one thread that commits all that is
queued at once (measured: 0.7-0.9 ms a reply, against 3-12 with a commit each). The store is a SQLite file, or in the PostgreSQL database
that hosts share (`state/database`). A reply that arrives while that is away for longer than anybody waits is put beside it (`rescue`).

Attempts, replies and ends are only ever added to, which the store itself holds by triggers. An attempt (`sent`) has a reply, or an end
without one; its end says what was billed: 0 when surely nothing, NULL when nobody knows. No end and no reply: never heard of again,
or in flight now. What is counted as spent is the bill, else the reservation, in whole nano-dollars (`nano_usd`); an
end with a bill says which tokens it is for, where the provider told them (`usage`).
"""

from __future__ import annotations

import asyncio
import json
import queue
import secrets
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from octavo.processors.ask.api.usage import NOT_TOLD
from octavo.processors.ask.nano_usd import nano, usd
from octavo.processors.ask.rescue import Rescue
from octavo.processors.state import database
from octavo.processors.state.database import DatabaseRow, Schema, Statements, Step
from octavo.schemas.pipeline import Part, Role, Usage

FIRST = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS requests (
    request TEXT PRIMARY KEY, question TEXT NOT NULL, question_fingerprint TEXT NOT NULL, engine TEXT NOT NULL, provider TEXT NOT NULL,
    model TEXT NOT NULL, round INTEGER NOT NULL, window TEXT NOT NULL, ids TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,
    reply_limit INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS attempts (
    attempt INTEGER PRIMARY KEY, request TEXT NOT NULL, run TEXT NOT NULL, sent_at TEXT NOT NULL, reserved_usd REAL NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('sent', 'arrived', 'failed')), billed_usd REAL, error TEXT);
CREATE TABLE IF NOT EXISTS replies (
    request TEXT PRIMARY KEY, raw TEXT NOT NULL, seconds REAL NOT NULL, arrived_at TEXT NOT NULL, cost_usd REAL NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_of_request ON attempts (request);
"""  # folders from before the steps were numbered have these tables already
ADDED_TO_ONLY = """
DROP INDEX attempts_of_request;
ALTER TABLE attempts RENAME TO attempts_1;
ALTER TABLE replies RENAME TO replies_1;
CREATE TABLE attempts (
    attempt INTEGER PRIMARY KEY, request TEXT NOT NULL, run TEXT NOT NULL, sent_at TEXT NOT NULL, reserved_nano INTEGER NOT NULL);
CREATE TABLE replies (
    attempt INTEGER PRIMARY KEY, request TEXT NOT NULL, raw TEXT NOT NULL, seconds REAL NOT NULL, arrived_at TEXT NOT NULL);
CREATE TABLE ends (attempt INTEGER PRIMARY KEY, billed_nano INTEGER, error TEXT);
INSERT INTO attempts SELECT attempt, request, run, sent_at, CAST(round(reserved_usd * 1e9) AS INTEGER) FROM attempts_1;
INSERT INTO replies
    SELECT (SELECT max(attempt) FROM attempts_1 a WHERE a.request = r.request AND state <> 'failed'), request, raw, seconds, arrived_at
    FROM replies_1 r;
INSERT INTO ends SELECT attempt, CAST(round(billed_usd * 1e9) AS INTEGER), error FROM attempts_1 WHERE state <> 'sent';
DROP TABLE attempts_1;
DROP TABLE replies_1;
CREATE INDEX attempts_of_request ON attempts (request);
CREATE INDEX replies_of_request ON replies (request);
CREATE TRIGGER attempts_stay BEFORE UPDATE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are only added to'); END;
CREATE TRIGGER replies_stay BEFORE UPDATE ON replies BEGIN SELECT RAISE(ABORT, 'replies are only added to'); END;
CREATE TRIGGER ends_stay BEFORE UPDATE ON ends BEGIN SELECT RAISE(ABORT, 'ends are only added to'); END;
CREATE TRIGGER attempts_last BEFORE DELETE ON attempts BEGIN SELECT RAISE(ABORT, 'attempts are only added to'); END;
CREATE TRIGGER replies_last BEFORE DELETE ON replies BEGIN SELECT RAISE(ABORT, 'replies are only added to'); END;
CREATE TRIGGER ends_last BEFORE DELETE ON ends BEGIN SELECT RAISE(ABORT, 'ends are only added to'); END;
"""  # how an attempt ended is a row of its own, and money is whole nano-dollars
IN_POSTGRES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value BYTEA NOT NULL);
CREATE TABLE requests (
    request TEXT PRIMARY KEY, question TEXT NOT NULL, question_fingerprint TEXT NOT NULL, engine TEXT NOT NULL, provider TEXT NOT NULL,
    model TEXT NOT NULL, round BIGINT NOT NULL, "window" TEXT NOT NULL, ids TEXT NOT NULL, prompt_tokens BIGINT NOT NULL,
    reply_limit BIGINT NOT NULL);
CREATE TABLE attempts (
    attempt BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, request TEXT NOT NULL, run TEXT NOT NULL, sent_at TEXT NOT NULL,
    reserved_nano BIGINT NOT NULL);
CREATE TABLE replies (
    attempt BIGINT PRIMARY KEY, request TEXT NOT NULL, raw TEXT NOT NULL, seconds DOUBLE PRECISION NOT NULL, arrived_at TEXT NOT NULL);
CREATE TABLE ends (attempt BIGINT PRIMARY KEY, billed_nano BIGINT, error TEXT);
CREATE INDEX attempts_of_request ON attempts (request);
CREATE INDEX replies_of_request ON replies (request);
CREATE FUNCTION stays() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION '% are only added to', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation'; END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON attempts EXECUTE FUNCTION stays();
CREATE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON replies EXECUTE FUNCTION stays();
CREATE TRIGGER stays BEFORE UPDATE OR DELETE OR TRUNCATE ON ends EXECUTE FUNCTION stays();
"""  # both steps at once, since no database is older
BATCHES = """
CREATE TABLE IF NOT EXISTS batches (
    intent TEXT PRIMARY KEY, provider TEXT NOT NULL, model TEXT NOT NULL, base_url TEXT NOT NULL, run TEXT NOT NULL, made_at TEXT NOT NULL,
    sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, requests INTEGER NOT NULL, reserved_usd REAL NOT NULL, file TEXT NOT NULL,
    batch TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN ('intended', 'uploaded', 'ordered', 'done', 'dropped')), said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS batch_lines (
    intent TEXT NOT NULL, request TEXT NOT NULL, attempt INTEGER NOT NULL, PRIMARY KEY (intent, request)) WITHOUT ROWID;
"""  # folders from before the steps were numbered may have these too
LEGENDS = "ALTER TABLE requests ADD COLUMN legend TEXT NOT NULL DEFAULT '{}';"  # replies from before are in the plain form
EFFORTS = (
    "ALTER TABLE requests ADD COLUMN effort TEXT NOT NULL DEFAULT '';"  # how hard a model was asked to think
)
USAGES = """
ALTER TABLE ends ADD COLUMN prompt_tokens INTEGER;
ALTER TABLE ends ADD COLUMN cached_tokens INTEGER;
ALTER TABLE ends ADD COLUMN cache_write_tokens INTEGER;
ALTER TABLE ends ADD COLUMN reply_tokens INTEGER;
ALTER TABLE ends ADD COLUMN reasoning_tokens INTEGER;
"""  # what a bill is for; NULL where the provider did not say, and in ends from before
ORDERED = """
ALTER TABLE requests ADD COLUMN rowid BIGINT GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE batches ADD COLUMN rowid BIGINT GENERATED BY DEFAULT AS IDENTITY;
CREATE UNIQUE INDEX requests_in_order ON requests (rowid);
"""  # the order in which rows were written, which SQLite keeps by itself under that name
SCHEMA = Schema(  # a new step goes at the end, and none is ever changed
    (
        Step(FIRST, ""),
        Step(ADDED_TO_ONLY, IN_POSTGRES),
        BATCHES,
        LEGENDS,
        EFFORTS,
        Step(USAGES, f"{USAGES.replace('INTEGER', 'BIGINT')}{ORDERED}"),
    )
)
QUEUE_COMMIT = 256  # writes that share one commit at the most

INSERT_REQUEST = (
    "INSERT INTO requests VALUES (:request, :question, :question_fingerprint, :engine, :provider, :model, :round,"
    " :window, :ids, :prompt_tokens, :reply_limit, :legend, :effort) ON CONFLICT DO NOTHING"
)
TOKENS = ("prompt_tokens", "cached_tokens", "cache_write_tokens", "reply_tokens", "reasoning_tokens")
INSERT_ATTEMPT = (
    "INSERT INTO attempts (request, run, sent_at, reserved_nano) VALUES (?, ?, ?, ?) RETURNING attempt"
)
INSERT_REPLY = "INSERT INTO replies VALUES (?, ?, ?, ?, ?)"
INSERT_END = (  # columns are named, so that a run goes on when a newer Octavo adds some meanwhile
    "INSERT INTO ends (attempt, billed_nano, error, prompt_tokens, cached_tokens, cache_write_tokens, reply_tokens, reasoning_tokens)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_NOTE = "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"

_Values = tuple[Any, ...] | dict[str, Any]
_Write = tuple[str, _Values, "Future[int]"]


def ending(
    attempt: int, billed_usd: float | None, error: str | None, usage: Usage = NOT_TOLD
) -> tuple[Any, ...]:
    """How an attempt ended, as a row of `ends`; the bill is None when nobody knows."""
    parts = (None if usage == NOT_TOLD else getattr(usage, name) for name in TOKENS)
    return attempt, None if billed_usd is None else nano(billed_usd), error, *parts


def stored(parts: Iterable[Part]) -> str:
    """Parts as `requests.window` has them: where each stands, and its role where its document was cut; their text is in `pages`."""
    rows = [(part.document, part.page, part.pages, part.start, part.end, part.role) for part in parts]
    return json.dumps([row[:-1] if row[-1] == "whole" else row for row in rows])


def parts_of(window: str) -> list[Part]:
    """The parts that a row has stored, without text and tokens."""
    return [_part(*row) for row in json.loads(window)]


def _part(document: str, page: int, pages: int, start: int, end: int, role: Role = "whole") -> Part:
    return Part(document, page, pages, start, end, "", 0, role=role)


class Ledger:
    """The open ledger of one output folder. Reads come from any thread; writes return once they are on disk."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises StorageError."""
        self.path = path
        try:
            self._reader = database.opened(path, SCHEMA)
            self._store = database.opened(path, SCHEMA)
            self._rescue = Rescue(path, self._store, {"reply": INSERT_REPLY, "end": INSERT_END})
            self.secret = self._store.write(_secret)
        except (OSError, *database.TROUBLE) as error:
            raise database.refused("The ledger", path, error, "Check that the folder is writable.") from None
        self._writes: queue.Queue[_Write | None] = queue.Queue()
        self._writer = threading.Thread(target=self._write_all, name="ledger", daemon=True)
        self._writer.start()

    def close(self) -> None:
        """Commit what is queued and close."""
        self._writes.put(None)
        self._writer.join()
        self._reader.close()

    async def sent(self, request: dict[str, Any], *, run: str, sent_at: str, reserved_usd: float) -> int:
        """Put down that a call is about to leave; gives the number of the attempt. `request` has the columns of `requests`."""
        first = self._queue(INSERT_REQUEST, request)
        attempt = self._queue(INSERT_ATTEMPT, (request["request"], run, sent_at, nano(reserved_usd)))
        await asyncio.wrap_future(first)
        return await asyncio.wrap_future(attempt)

    async def arrived(self, attempt: int, request: str, raw: str, *, seconds: float, arrived_at: str) -> None:
        """Put the raw reply on disk. Its bill follows with `billed`; until then the reservation stands for it."""
        values = (attempt, request, raw, seconds, arrived_at)
        await asyncio.wrap_future(self._queue(INSERT_REPLY, values))

    async def billed(self, attempt: int, cost_usd: float, usage: Usage = NOT_TOLD) -> None:
        """Put down what an arrived reply cost, and for which tokens."""
        await asyncio.wrap_future(self._queue(INSERT_END, ending(attempt, cost_usd, None, usage)))

    async def failed(self, attempt: int, error: str, *, billed_usd: float | None) -> None:
        """Put down that a call got no reply; `billed_usd` is 0 when it was surely free, None when it is "maybe paid"."""
        await asyncio.wrap_future(self._queue(INSERT_END, ending(attempt, billed_usd, error)))

    def keep(self, name: str, value: str) -> None:
        """Put a note down for later runs, soon; a later one of the same name replaces it."""
        self._queue(INSERT_NOTE, (name, value.encode()))

    async def keep_now(self, name: str, value: str) -> None:
        """Put a note down that is there for all when this returns."""
        await asyncio.wrap_future(self._queue(INSERT_NOTE, (name, value.encode())))

    def note(self, name: str) -> str:
        """The note of that name; "" when there is none."""
        rows = self._read("SELECT value FROM meta WHERE key = ?", (name,))
        return bytes(rows[0][0]).decode() if rows else ""

    def forget(self, name: str) -> None:
        """Take a note away, soon."""
        self._queue("DELETE FROM meta WHERE key = ?", (name,))

    def notes(self, beginning: str) -> dict[str, str]:
        """All notes whose name begins so, by name."""
        rows = self._read(
            "SELECT key, value FROM meta WHERE substr(key, 1, ?) = ? ORDER BY key",
            (len(beginning), beginning),
        )
        return {row["key"]: bytes(row["value"]).decode() for row in rows}

    def reply(self, request: str) -> DatabaseRow | None:
        """The stored reply of a request: raw, seconds, cost_usd, attempts."""
        return self.bill(request)

    def bill(self, request: str) -> DatabaseRow | None:
        """A request that has a reply (the last one), with raw reply, cost_usd, seconds, number of attempts and time of the last one."""
        rows = self._read(
            "SELECT q.*, r.raw, r.seconds,"
            " CAST(coalesce(e.billed_nano, a.reserved_nano) AS DOUBLE PRECISION) / 1e9 AS cost_usd,"
            " (SELECT count(*) FROM attempts WHERE request = q.request) AS attempts,"
            " (SELECT max(sent_at) FROM attempts WHERE request = q.request) AS sent_at"
            " FROM requests q JOIN replies r USING (request) JOIN attempts a USING (attempt) LEFT JOIN ends e USING (attempt)"
            " WHERE q.request = ? ORDER BY r.attempt DESC LIMIT 1",
            (request,),
        )
        return rows[0] if rows else None

    def answered(self, question_fingerprint: str, engine: str, model: str) -> Iterator[DatabaseRow]:
        """First-round requests of a question that have a reply, in the order in which they were sent."""
        yield from self._reader.each(
            "SELECT * FROM requests q WHERE EXISTS (SELECT 1 FROM replies r WHERE r.request = q.request)"
            " AND question_fingerprint = ? AND engine = ? AND model = ? AND round = 0 ORDER BY q.rowid",
            (question_fingerprint, engine, model),
        )

    def latest(
        self, question_fingerprint: str, engine: str, model: str, effort: str, most: int
    ) -> list[DatabaseRow]:
        """The last first-round requests of a question that have a reply, the latest first: request, window, legend."""
        return self._read(
            'SELECT q.request, q."window", q.legend FROM requests q WHERE EXISTS (SELECT 1 FROM replies r WHERE r.request = q.request)'
            " AND question_fingerprint = ? AND engine = ? AND model = ? AND effort = ? AND round = 0 ORDER BY q.rowid DESC LIMIT ?",
            (question_fingerprint, engine, model, effort, most),
        )

    def answered_ever(
        self, question: str, question_fingerprint: str, engine: str, model: str
    ) -> Iterator[DatabaseRow]:
        """Requests of any round with a reply to a question of that name, whatever its fingerprint was: its own first, then the newest."""
        yield from self._reader.each(
            "SELECT q.*, max(r.attempt) AS newest FROM requests q JOIN replies r USING (request)"
            " WHERE question = ? AND engine = ? AND model = ? GROUP BY q.request"
            " ORDER BY question_fingerprint = ? DESC, newest DESC",
            (question, engine, model, question_fingerprint),
        )

    def maybe_paid(self) -> tuple[int, float]:
        """Attempts that were sent and never heard of again: how many, and what they may have cost in USD.

        What waits in a batch that is not over was heard of: it is there to be fetched.
        """
        ((count, nanos),) = self._read(
            "SELECT count(*), coalesce(sum(reserved_nano), 0) FROM attempts a LEFT JOIN ends e USING (attempt)"
            " WHERE e.billed_nano IS NULL AND NOT EXISTS (SELECT 1 FROM replies r WHERE r.attempt = a.attempt)"
            " AND attempt NOT IN (SELECT attempt FROM batch_lines JOIN batches USING (intent) WHERE batches.state = 'ordered')"
        )
        return int(count), usd(nanos)

    def spent_by(self, run: str) -> tuple[int, float]:
        """Replies that the calls of a run got, and USD that these calls cost, at worst where no bill is known; without those of batches."""
        sql = (
            "SELECT count(r.attempt), coalesce(sum(coalesce(e.billed_nano, a.reserved_nano)), 0)"
            " FROM attempts a LEFT JOIN ends e USING (attempt) LEFT JOIN replies r USING (attempt)"
            " WHERE a.run = ? AND attempt NOT IN (SELECT attempt FROM batch_lines)"
        )
        ((replies, nanos),) = self._read(sql, (run,))
        return int(replies), usd(nanos)

    def tokens_since(self, provider: str, sent_at: str) -> int:
        """Tokens (prompt and reply limit) of the calls that left at that time or later, without those that were surely refused.

        What went in batches is not among them: no source says that it counts for the day (documentation of 2026-08-13).
        """
        ((tokens,),) = self._read(
            "SELECT coalesce(sum(q.prompt_tokens + q.reply_limit), 0)"
            " FROM attempts a JOIN requests q USING (request) LEFT JOIN ends e USING (attempt)"
            " WHERE q.provider = ? AND a.sent_at >= ? AND attempt NOT IN (SELECT attempt FROM batch_lines)"
            " AND (e.billed_nano IS NULL OR e.billed_nano <> 0 OR EXISTS (SELECT 1 FROM replies r WHERE r.attempt = a.attempt))",
            (provider, sent_at),
        )
        return int(tokens)

    def _read(self, sql: str, values: _Values = ()) -> list[Any]:
        """The rows of a query. Raises StorageError."""
        try:
            return self._reader.read(sql, values)
        except database.TROUBLE as error:
            raise database.refused(
                "The ledger", self.path, error, "Check the disk, then run again."
            ) from None

    def _queue(self, sql: str, values: _Values) -> Future[int]:
        landed: Future[int] = Future()
        self._writes.put((sql, values, landed))
        return landed

    def _write_all(self) -> None:
        """The writer thread: take what is queued, write it, commit once, then tell those who wait."""
        while (first := self._writes.get()) is not None:
            batch = [first, *self._more()]
            try:
                keys = self._store.write(partial(_put, batch), alone=False)
            except Exception as error:  # noqa: BLE001 - each who waits is told, also of a mistake of ours
                trouble = database.refused("The ledger", self.path, error, "Free space, then run again.")
                trouble.next_step += self._rescue.keep((sql, values) for sql, values, _ in batch)
                for _, _, landed in batch:
                    landed.set_exception(trouble)
            else:
                for (_, _, landed), key in zip(batch, keys, strict=True):
                    landed.set_result(key)
        self._store.close()

    def _more(self) -> list[_Write]:
        """What else is queued, without waiting. subtle: a closing mark goes back, so that the loop sees it next."""
        more: list[_Write] = []
        while len(more) < QUEUE_COMMIT:
            try:
                write = self._writes.get_nowait()
            except queue.Empty:
                break
            if write is None:
                self._writes.put(None)
                break
            more.append(write)
        return more


def has_ledger(path: Path) -> bool:
    """Whether there is a ledger of that path. Raises StorageError."""
    try:
        return database.exists(path, SCHEMA)
    except database.TROUBLE as error:
        raise database.refused("The ledger", path, error, "Run again.") from None


def _put(batch: Sequence[_Write], store: Statements) -> list[int]:
    """Do what is queued; gives the number of each attempt, and 0 for what is none. First all, then their rows: they travel together."""
    given = [store.execute(sql, values) for sql, values, _ in batch]
    return [int(row[0]) if (row := rows.fetchone()) else 0 for rows in given]


def _secret(store: Statements) -> bytes:
    """The secret of the folder, made the first time."""
    store.execute("INSERT INTO meta VALUES ('secret', ?) ON CONFLICT DO NOTHING", (secrets.token_bytes(32),))
    return bytes(store.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()[0])
