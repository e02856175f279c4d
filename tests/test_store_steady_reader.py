"""A reader that keeps the file open: it sees each commit at once, and lets go of the file that was replaced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from octavo.processors.store.warehouse import SteadyReader, hold
from octavo.schemas.errors import SettingsError
from tests.rows import read

COUNT = "SELECT count(*) AS n FROM documents"


@pytest.fixture
def steady(tmp_path: Path) -> Iterator[SteadyReader]:
    """A reader of two documents."""
    commit(tmp_path, "one", "two")
    with closing(SteadyReader(tmp_path)) as reader:
        yield reader


def commit(folder: Path, *names: str) -> None:
    """Put documents into the tables."""
    with hold(folder) as warehouse:
        warehouse.commit(read(*names))


def test_it_sees_each_commit(tmp_path: Path, steady: SteadyReader) -> None:
    """What it gives is of the latest commit, also of a statement that was asked before, and while rows of the one before are read."""
    assert steady.query(COUNT).to_pylist() == [{"n": 2}]
    rows = steady.each("documents")
    next(rows)
    commit(tmp_path, "three")
    assert steady.query(COUNT).to_pylist() == [{"n": 3}]
    assert len(steady.rows("documents")) == 3


def test_the_same_is_asked_once(tmp_path: Path, steady: SteadyReader) -> None:
    """While the file is the same, the result of a statement is the one that was given; other parameters are another statement."""
    query = "SELECT path FROM documents WHERE path IN (SELECT unnest(?::TEXT[]))"
    first = steady.query(query, [["one"]])
    assert steady.query(query, [["one"]]) is first
    assert steady.query(query, [["two"]]).to_pylist() == [{"path": "two"}]


def test_a_file_that_was_replaced_is_let_go(tmp_path: Path, steady: SteadyReader) -> None:
    """After a commit nobody holds the file of before, so that the disk has its room back."""
    steady.query(COUNT)
    before = steady.version()[0]
    commit(tmp_path, "three")
    steady.refresh()
    descriptors = Path("/proc/self/fd")
    held = {one.stat().st_ino for one in descriptors.iterdir() if one.exists()}
    assert before not in held


def test_tables_that_are_gone_are_said(tmp_path: Path, steady: SteadyReader) -> None:
    """Who asks when the file was taken away hears it in a sentence."""
    steady.query(COUNT)
    steady.path.unlink()
    with pytest.raises(SettingsError, match="are gone"):
        steady.query(COUNT)
