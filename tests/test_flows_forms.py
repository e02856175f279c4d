"""What a user sees of the forms of replies: `octavo prompt` shows a request, `octavo eval --forms` compares the forms on labels."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from tests import command
from tests.emulator.config import Config
from tests.emulator.fixture import running
from tests.emulator.oracle import labelled_lines

ROOT = Path(__file__).resolve().parents[1]
NOTE = "Sender: Anna Berg\nRecipient: Tom Hale\nLetter date: 2026-03-14\nSubject: Keys\n"


octavo = functools.partial(command.octavo, MOONSHOT_API_KEY="sk-none")


def notes(folder: Path) -> Path:
    """An inbox with two letters."""
    folder.mkdir()
    (folder / "a.txt").write_text(NOTE, encoding="utf-8")
    (folder / "b.txt").write_text(NOTE.replace("Anna Berg", "Ute Falk"), encoding="utf-8")
    return folder


def test_a_prompt_is_shown_as_it_is_sent(tmp_path: Path) -> None:
    """`octavo prompt` prints the very call that a run makes about the file, but for the id of the document; nothing is sent."""
    inbox = notes(tmp_path / "inbox")
    (inbox / "b.txt").unlink()
    with running(Config(timing=False, keep_bodies=True, oracle=labelled_lines)) as kimi:
        where = ("--extract", "letter", "--base-url", kimi.base_url)
        shown = octavo("prompt", str(inbox / "a.txt"), *where, "--format", "json")
        assert shown.returncode == 0, shown.stderr
        assert not kimi.paid()
        run = ("run", str(inbox), *where, "--out", str(tmp_path / "out"), "--yes")
        done = octavo(*run, MOONSHOT_API_KEY=kimi.key)
        assert done.returncode == 0, done.stdout + done.stderr
        (sent,) = kimi.paid()

    def known(body: Any) -> str:
        return json.dumps({**body, "messages": [body["messages"][0], body["messages"][2]]}, sort_keys=True)

    assert known(json.loads(shown.stdout)) == known(sent.body)
    told = octavo("prompt", str(inbox / "a.txt"), *where)
    assert NOTE.strip() in told.stdout
    assert all(
        part in told.stdout for part in ("instruction", "document", "question", "format", "as it is reckoned")
    )


def test_a_file_that_cannot_be_read_has_no_prompt(tmp_path: Path) -> None:
    """`octavo prompt` of a broken, missing or empty file, or without a question, is one sentence and an exit code, never silence."""
    (tmp_path / "lost.docx").write_bytes(b"PK\x03\x04 no document")
    broken = octavo("prompt", str(tmp_path / "lost.docx"), "--extract", "letter")
    missing = octavo("prompt", str(tmp_path / "none.txt"), "--extract", "letter")
    assert (broken.returncode, missing.returncode) == (2, 1)
    assert "Traceback" not in broken.stderr + missing.stderr
    (tmp_path / "empty.txt").write_text("\n")
    empty = octavo("prompt", str(tmp_path / "empty.txt"), "--extract", "letter")
    assert (empty.returncode, empty.stdout) == (2, "")
    assert "Nothing would be asked" in empty.stderr
    unasked = octavo("prompt", str(notes(tmp_path / "inbox") / "a.txt"))
    assert (unasked.returncode, "No question is asked" in unasked.stderr) == (1, True)
    assert "is no file" in missing.stderr


def test_labels_reach_no_file_outside_the_inbox(tmp_path: Path) -> None:
    """A label whose path leads out of the inbox is refused, and nothing is written there."""
    inbox = notes(tmp_path / "inbox")
    (tmp_path / "aside.txt").write_text(NOTE, encoding="utf-8")
    labels = {"../aside.txt": {"schema": "letter", "values": {"sender": "Anna Berg"}}}
    (tmp_path / "gold.json").write_text(json.dumps(labels), encoding="utf-8")
    done = octavo(
        "eval", str(tmp_path / "gold.json"), str(inbox), "--forms", "--out", str(tmp_path / "out"), "--yes"
    )
    assert (done.returncode, "outside of the folder" in done.stderr) == (1, True)
    assert not (tmp_path / "out" / "aside.txt").exists()


def test_forms_are_compared_on_labels(tmp_path: Path) -> None:
    """`octavo eval --forms` asks about labelled files only, once in each form, and says values, calls and dollars of each."""
    inbox = notes(tmp_path / "inbox")
    labels = {"a.txt": {"schema": "letter", "values": {"sender": "Anna Berg", "subject": "Keys"}}}
    (tmp_path / "gold.json").write_text(json.dumps(labels), encoding="utf-8")

    def exchanging(body: Any) -> Any:
        """A model that reads rightly, and exchanges two values where it writes no names."""
        said = labelled_lines(body)
        for _, row in said.get("documents", ()):
            if isinstance(row, list):
                row[0], row[1] = row[1], row[0]
        return said

    with running(Config(timing=False, keep_bodies=True, oracle=exchanging)) as kimi:
        words = (str(tmp_path / "gold.json"), str(inbox), "--forms", "--out", str(tmp_path / "out"))
        flags = ("--base-url", kimi.base_url, "--budget-usd", "1", "--format", "json")
        done = octavo("eval", *words, *flags, MOONSHOT_API_KEY=kimi.key)
        assert done.returncode == 0, done.stdout + done.stderr
        assert all("Ute Falk" not in json.dumps(entry.body) for entry in kimi.paid())
    rows = {row["form"]: row for row in json.loads(done.stdout)}
    assert set(rows) == {"keyed", "entries", "rows"}
    assert {form: (row["right"], row["wrong"]) for form, row in rows.items()} == {
        "keyed": (2, 0),
        "entries": (2, 0),
        "rows": (1, 1),
    }
    assert all(row["cost_usd"] > 0 for row in rows.values())
