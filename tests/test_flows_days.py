"""Days of a folder: whatever happens to files, questions, model, key and money, no row goes before its successor, none is paid twice.

A day is some changes and one thing that somebody does then. A plain model of the folder says what must hold after it, and after each
commit on the way. At the end a clean run has to give what a new output folder gets.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given
from hypothesis import settings as how
from hypothesis import strategies as some

from octavo.flows import order, settings
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.emulator.fixture import Running
from tests.emulator.journal import Entry
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]
MODELS = ("kimi-k2.6", "kimi-k3")
WORDINGS = ("Reading one.", "Reading two.", "Reading three.")
CHANGES = (
    *(
        "edit",
        "edit",
        "edit_many",
        "add",
        "add_many",
        "move",
        "move_many",
        "swap",
        "twin",
        "delete",
        "delete_many",
    ),
    *("blank", "spoil", "back", "unmount", "model", "wording", "wording"),
)
ENDS = ("run", "run", "accept", "wrong_key", "budget", "budget", "plan", "kill", "other_inbox", "replay")
DAY = some.tuples(some.lists(some.sampled_from(CHANGES), min_size=1, max_size=3), some.sampled_from(ENDS))
AT_ONCE, A_WINDOW = 2, 2
Key = tuple[int, str, str]  # number of a content, wording, model


class Folder:
    """An inbox, its output folder, and what is known of both without looking into the latter."""

    def __init__(self, kimi: Running, root: Path, dice: random.Random) -> None:
        self.kimi, self.root, self.dice = kimi, root, dice
        self.inbox, self.out = root / "inbox", root / "out"
        self.inbox.mkdir()
        self.files: dict[str, int] = {}  # what lies there now: numbers of contents by path
        self.past: dict[str, set[int]] = {}  # by path, all that ever lay there
        self.known: dict[str, int] = {}  # what the last run that read the inbox saw, and did not let go
        self.held: dict[
            str, int
        ] = {}  # by path, the content of the answer that stood there after the last run
        self.texts: dict[int, bytes] = {}
        self.lost: Counter[Key] = Counter()  # calls in flight at a kill
        self.wording, self.model = WORDINGS[0], MODELS[0]
        self.kept_away: Path | None = None  # where the files are while the inbox is not mounted
        self.broken: list[str] = []  # what was wrong after a commit in the middle of a run
        for _ in range(7):
            self.add()

    # --- changes ---

    def put(self, path: str, text: bytes | None = None) -> None:
        """Another content at a path."""
        number = len(self.texts)
        slip = f"Parcel slip {number}\nsender: Sender Number {number} Ltd\nweight: {number}.25\n"
        self.texts[number] = slip.encode() if text is None else text + b" " * number
        self.lay(path, number)

    def lay(self, path: str, number: int) -> None:
        """A content at a path."""
        self.files[path] = number
        self.past.setdefault(path, set()).add(number)
        (self.inbox / path).write_bytes(self.texts[number])

    def some(self, at_most: int = 1) -> list[str]:
        """Some paths."""
        return self.dice.sample(sorted(self.files), min(at_most, len(self.files)))

    def change(self, name: str) -> None:
        """Do what a word of CHANGES says, where it can be done."""
        times = 4 if name.endswith("_many") else 1
        name = name.removesuffix("_many")
        if name == "unmount":
            self.mount(away=self.kept_away is None)
        elif name in ("model", "wording"):
            setattr(self, name, self.dice.choice(MODELS if name == "model" else WORDINGS))
        elif self.kept_away is None:
            for _ in range(times):
                getattr(self, name)()

    def add(self) -> None:
        """A new file."""
        self.put(f"slip{len(self.texts):03}.txt")

    def edit(self) -> None:
        """A file has other content."""
        for path in self.some():
            self.put(path)

    def blank(self) -> None:
        """A file holds nothing any more."""
        for path in self.some():
            self.put(path, b"\n")

    def spoil(self) -> None:
        """A file cannot be read any more."""
        for path in self.some():
            self.put(path, b"%PDF-1.7\nno more than this")

    def back(self) -> None:
        """A file has a content that it had."""
        for path in self.some():
            self.lay(path, self.dice.choice(sorted(self.past[path])))

    def twin(self) -> None:
        """A file lies under a second path too."""
        for path in self.some():
            self.lay(f"copy of {path}"[-40:], self.files[path])

    def move(self) -> None:
        """A file lies under another path."""
        for path in self.some():
            number = self.files[path]
            self.delete(path)
            self.lay(f"moved {self.dice.randrange(1000)} {path}"[-40:], number)

    def swap(self) -> None:
        """Two files change places."""
        for one, other in [pair] if len(pair := self.some(2)) == 2 else []:
            first, second = self.files[one], self.files[other]
            self.lay(one, second)
            self.lay(other, first)

    def delete(self, path: str = "") -> None:
        """A file is gone."""
        for gone in [path] if path else self.some():
            (self.inbox / gone).unlink()
            del self.files[gone]

    def mount(self, *, away: bool) -> None:
        """Take the share away, which leaves an empty folder, or bring it back."""
        if away:
            self.kept_away = self.inbox.rename(self.root / "share")
            self.inbox.mkdir()
        elif self.kept_away:
            self.inbox.rmdir()
            self.kept_away = self.kept_away.rename(self.inbox) and None

    # --- what somebody does ---

    def job(self, **changes: Any) -> Job:
        """The job of now, with its schema in a file."""
        fields: dict[str, Any] = {
            "sender": {"type": "string"},
            "weight": {"type": "string" if self.wording == WORDINGS[2] else "number"},
        }
        if self.wording == WORDINGS[1]:
            fields["note"] = {"type": ["string", "null"]}
        schema = {"type": "object", "description": f"A parcel. {self.wording}", "properties": fields}
        (self.root / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
        plain: dict[str, Any] = {"inbox": str(self.inbox), "out": str(self.out), "model": self.model}
        plain |= {"extract": [str(self.root / "parcel.json")]}
        plain |= {
            "base_url": self.kimi.base_url,
            "tier": 5,
            "rpm": 10**6,
            "concurrency": AT_ONCE,
            "max_documents_per_window": A_WINDOW,
        }
        return Job.model_validate(plain | changes)

    def end(self, name: str) -> None:
        """Do what a word of ENDS says, and hold everything against the model."""
        seen = {} if self.kept_away else dict(self.files)
        doing = {
            "plan": self.plan,
            "kill": self.kill,
            "other_inbox": self.other_inbox,
            "replay": self.replay,
        }.get(name)
        may_go, known = self.after(seen, accepted=name == "accept")
        if doing:
            with self.watched(may_go):
                doing()
        else:
            job = self.job(accept_vanished=name == "accept", budget_usd=0.01 if name == "budget" else 0)
            with self.watched(may_go):
                ended = self.run(job, "sk-wrong" if name == "wrong_key" else self.kimi.key)
            assert ended.exit_code in {"wrong_key": {0, 2, 77}, "budget": {0, 2, 3}}.get(name, {0, 2}), (
                ended.sentences
            )
        if name == "kill":
            known = {path: self.number(document) for path, document in self.documents().items()}
        self.known = self.known if name in ("plan", "other_inbox") else known
        self.judge(may_go, seen if name not in ("plan", "kill", "other_inbox", "replay") else {})

    def after(self, seen: dict[str, int], *, accepted: bool) -> tuple[set[str], dict[str, int]]:
        """Paths that the next run may let go, and what is known after it."""
        absent = {path for path in self.known if path not in seen}
        gone = {path for path in absent if self.known[path] not in seen.values()}
        if not accepted and gone and (len(gone) == len(self.known) or len(gone) > 0.1 * len(self.known)):
            return absent - gone, {path: self.known[path] for path in gone} | seen
        return absent, seen

    def run(self, job: Job, key: str) -> Outcome:
        """As `octavo run` does."""
        return asyncio.run(order.run(job, settings.account(job, {}, key=key)))

    def plan(self) -> None:
        """`octavo plan` leaves the tables as they are, byte for byte."""
        before = self.bytes()
        job = self.job()
        asyncio.run(order.plan(job, settings.account(job, {}, key=self.kimi.key)))
        assert self.bytes() == before, "a plan changed the tables"

    def replay(self) -> None:
        """`octavo ledger replay` asks nothing."""
        asked = len(self.kimi.log.chats())
        self.run(self.job(replay=True), self.kimi.key)
        assert len(self.kimi.log.chats()) == asked

    def other_inbox(self) -> None:
        """A run of another folder into the same tables is refused, and changes none."""
        if not self.known:  # then the output folder knows no inbox any more
            return
        (self.root / "other").mkdir(exist_ok=True)
        (self.root / "other" / "slip.txt").write_bytes(b"Parcel slip 9999\nsender: Nobody\n")
        warehouse = self.out / "warehouse.duckdb"
        before = warehouse.read_bytes()  # tables/ may be brought up to it first, after a kill
        with pytest.raises(SettingsError, match="--add-inbox"):
            self.run(self.job(inbox=str(self.root / "other")), self.kimi.key)
        assert warehouse.read_bytes() == before, "a refused run changed the tables"

    def kill(self) -> None:
        """`octavo run` as a process, killed in the middle."""
        job, before, replies = self.job(), len(self.kimi.log.chats()), self.replies()
        command = [
            sys.executable,
            "-m",
            "octavo.flows.cli",
            "run",
            job.inbox,
            "--out",
            job.out,
            "--extract",
            *job.extract,
            "--model",
            job.model,
        ]
        command += ["--base-url", job.base_url, "--tier", "5", "--concurrency", str(AT_ONCE), "--yes"]
        command += ["--max-documents-per-window", str(A_WINDOW)]
        self.kimi.config.timing, self.kimi.config.ttft_s, self.kimi.config.tokens_per_s = True, 0.1, 300.0
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "MOONSHOT_API_KEY": self.kimi.key},
            process_group=0,
            stderr=subprocess.DEVNULL,
        )
        wanted = self.dice.randrange(4)
        while process.poll() is None and len(self.kimi.log.chats()) - before <= wanted:
            time.sleep(0.02)
        time.sleep(self.dice.uniform(0, 0.4))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(0.5)  # what it had sent is still answered and billed
        self.kimi.config.timing = False
        arrived = " ".join(self.replies()[len(replies) :])
        lost = [
            entry
            for entry in self.kimi.log.chats()[before:]
            if not all(f"Number {n} Ltd" in arrived for n, _, _ in keys(entry))
        ]
        assert len(lost) <= AT_ONCE
        self.lost.update(key for entry in lost for key in keys(entry))

    # --- looking ---

    def bytes(self) -> dict[str, str]:
        """Every file of the tables by what it holds."""
        files = [self.out / "warehouse.duckdb", *(self.out / "tables").rglob("*")]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files if path.is_file()}

    def replies(self) -> list[str]:
        """All replies that are in the ledger, in the order in which they came."""
        connection = sqlite3.connect(self.out / "ledger.sqlite")
        try:
            return [raw for (raw,) in connection.execute("SELECT raw FROM replies ORDER BY attempt")]
        finally:
            connection.close()

    def number(self, document: str) -> int:
        """The content that has this SHA-256."""
        return next(
            number for number, text in self.texts.items() if hashlib.sha256(text).hexdigest() == document
        )

    def documents(self) -> dict[str, str]:
        """What the tables say lies where."""
        return {document.path: document.sha256 for document in Warehouse(self.out).documents()}

    def rows(self) -> list[dict[str, Any]]:
        """The answers, each with the number of the content that it is about."""
        return [{**row, "number": self.number(row["document"])} for row in Warehouse(self.out).rows("parcel")]

    def lacking(self, may_go: set[str]) -> list[str]:
        """Paths that had an answer and have none. An answer is of one path: that which a twin has now is none that went."""
        rows, lie = self.rows(), self.documents()
        twins = {self.known[path] for path in may_go if path in self.known}
        paths, documents, numbers = ({row[name] for row in rows} for name in ("path", "document", "number"))
        return [
            path
            for path, number in self.held.items()
            if path not in may_go
            and path not in paths
            and lie.get(path) not in documents
            and number not in numbers | twins
        ]

    @contextmanager
    def watched(self, may_go: set[str]) -> Iterator[None]:
        """Look into the tables after each commit."""
        commit = Warehouse.commit

        def watched_commit(warehouse: Warehouse, *batch: Any) -> bool:
            changed = commit(warehouse, *batch)
            if (
                warehouse.path == self.out / "warehouse.duckdb"
                and self.held
                and (missing := self.lacking(may_go))
            ):
                self.broken.append(f"no answer after a commit in the middle of a run: {missing}")
            return changed

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Warehouse, "commit", watched_commit)
            yield
        assert not self.broken, self.broken

    def judge(self, may_go: set[str], read: dict[str, int]) -> None:
        """Hold the tables against the model; `read` is what the last run that was left alone saw in the inbox."""
        assert not (missing := self.lacking(may_go)), f"no answer any more: {missing}"
        documents, rows = self.documents(), {row["number"]: row for row in self.rows()}
        assert {path: self.number(document) for path, document in documents.items()} == self.known
        paid = Counter(key for entry in self.kimi.paid() for key in keys(entry))
        assert not {key: times for key, times in paid.items() if times > 1 + self.lost[key]}, "paid again"
        answered = {number for number, *asked in paid - self.lost if asked == [self.wording, self.model]}
        assert {
            path
            for path, number in read.items()
            if number in answered and not self.is_current(rows.get(number))
        } == set()
        for number, row in rows.items():
            assert number in self.past[row["path"]]
            assert row["sender"] == f"Sender Number {number} Ltd"
            assert row["former"] or row["document"] in documents.values(), (
                "an answer to what is no more is not said to be former"
            )
        self.held = {path: number for path, number in self.known.items() if number in rows} | {
            row["path"]: n for n, row in rows.items()
        }

    def is_current(self, row: dict[str, Any] | None) -> bool:
        """Whether a row answers the question and the model of now, and says so."""
        return row is not None and (row["former"], row["model"], "note" in row) == (
            False,
            self.model,
            self.wording == WORDINGS[1],
        )

    def compare(self) -> None:
        """A clean run has the values of a new output folder over the same files."""
        self.mount(away=False)
        assert self.run(self.job(accept_vanished=True), self.kimi.key).exit_code in (0, 2)
        fresh = self.job(out=str(self.root / "fresh"))
        assert self.run(fresh, self.kimi.key).exit_code in (0, 2)
        unread = {path for path, number in self.files.items() if not self.texts[number].startswith(b"Parcel")}
        old, new = values(self.out, unread), values(self.root / "fresh", unread)
        assert old == new, {name: [row for row in rows if row not in new[name]] for name, rows in old.items()}


def keys(entry: Entry) -> list[Key]:
    """What a call asks: which contents, in which words, of which model."""
    said = json.dumps(entry.body)
    (wording,) = (wording for wording in WORDINGS if wording in said)
    return [
        (int(number), wording, entry.model) for number in sorted(set(re.findall(r"Parcel slip (\d+)", said)))
    ]


def values(out: Path, unread: set[str]) -> dict[str, list[dict[str, Any]]]:
    """All that is to be the same, however it came about; former answers of files that cannot be read are left out.

    Why a field is null is left out too: a replay under a new wording has no answer where the model would have said that there is none.
    """
    apart = {"run", "request", "state"}
    found = {
        name: Warehouse(out).rows(name) for name in ("documents", "pages", "parcel", "evidence", "rejects")
    }
    left = {row["document"] for row in found["parcel"] if row["former"] and row["path"] in unread}
    return {
        name: [
            {key: value for key, value in row.items() if key not in apart}
            for row in rows
            if row["document"] not in left
        ]
        for name, rows in found.items()
    }


def live(kimi: Running, days: Sequence[tuple[list[str], str]], seed: int) -> None:
    """Let days go by over a new folder."""
    kimi.reset()
    root = Path(tempfile.mkdtemp(prefix="days-"))
    try:
        folder = Folder(kimi, root, random.Random(seed))
        folder.end("run")
        for changes, end in days:
            for change in changes:
                folder.change(change)
            folder.end(end)
        folder.compare()
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize("examples", [1, slow(100)])
def test_no_day_costs_a_row_or_a_second_payment(kimi: Running, examples: int) -> None:
    """A right row whose file, question and model are still wanted never goes, a plan changes nothing, and what was paid is never asked."""

    @how(max_examples=examples, deadline=None, phases=[Phase.generate])
    @given(days=some.lists(DAY, min_size=3, max_size=4), seed=some.integers(0, 2**20))
    def days_go_by(days: list[tuple[list[str], str]], seed: int) -> None:
        live(kimi, days, seed)

    days_go_by()
