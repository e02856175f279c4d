"""Ingest: rows for what lies inside files come and go with them, passwords are stored nowhere, and a folder is streamed."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pyarrow.dataset
import pytest

from octavo.flows import order, reading, settings
from octavo.flows.cli import parser
from octavo.flows.commands import jobs
from octavo.flows.outcome.outcome import Outcome
from octavo.flows.process_folder import process_folder
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests.documents import hostile, make

PASSWORD = "canary-sesame"


async def ingest(folder: Path, **more: Any) -> tuple[Outcome, dict[str, dict[str, Any]]]:
    """Read `in` into `out`; gives how it ended and the rows of `documents` by path."""
    job = Job.model_validate(
        {"inbox": str(folder / "in"), "out": str(folder / "out"), "offline": True, "workers": 1, **more}
    )
    ended = await order.run(job, settings.account(job, {}), steps=[order.ingest])
    return ended, {row["path"]: row for row in Warehouse(folder / "out").rows("documents")}


def put(folder: Path, **files: bytes) -> Path:
    """Files in the inbox; a `_` in a name stands for its point."""
    (folder / "in").mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / "in" / name.replace("_", ".")).write_bytes(data)
    return folder


async def test_inner_rows_stay_change_and_go_with_their_container(tmp_path: Path) -> None:
    """Unchanged: nothing changes. Changed: the rows of the old content go. Vanished: all go, with their pages."""
    put(tmp_path, a_zip=make.zipped({"one.txt": b"1", "b.zip": make.zipped({"two.txt": b"2"})}), c_txt=b"3")
    first, rows = await ingest(tmp_path)
    assert set(rows) == {"a.zip", "a.zip/one.txt", "a.zip/b.zip", "a.zip/b.zip/two.txt", "c.txt"}
    assert first.statuses == {"ok": 5}
    again, same = await ingest(tmp_path)
    assert (again.changed, same) == (False, rows)
    put(tmp_path, a_zip=make.zipped({"one.txt": b"1", "new.txt": b"4"}))
    _, rows = await ingest(tmp_path)
    assert set(rows) == {"a.zip", "a.zip/one.txt", "a.zip/new.txt", "c.txt"}
    (tmp_path / "in/a.zip").unlink()
    _, rows = await ingest(tmp_path, accept_vanished=True)
    assert set(rows) == {"c.txt"}
    assert [page["text"] for page in Warehouse(tmp_path / "out").rows("pages")] == ["3"]


async def test_duplicates_have_a_row_each_and_pages_once(tmp_path: Path) -> None:
    """The same bytes beside and inside an archive are one document under several paths."""
    put(tmp_path, a_txt=b"same", b_zip=make.zipped({"c.txt": b"same", "d.txt": b"same"}))
    _, rows = await ingest(tmp_path)
    assert len({rows[path]["document"] for path in ("a.txt", "b.zip/c.txt", "b.zip/d.txt")}) == 1
    assert len(Warehouse(tmp_path / "out").rows("pages")) == 1


async def test_a_folder_of_hazards_has_a_row_for_each(tmp_path: Path) -> None:
    """Whatever lies in a folder has one row with a sentence unless it is well, in the warehouse and in Parquet; what is good is read."""
    put(
        tmp_path,
        bomb_docx=hostile.media_bomb(),
        odd_txt=hostile.odd_characters(),
        kills_pdf=hostile.self_drawing_form(),
        good_txt=b"good",
    )
    put(
        tmp_path,
        picture_png=hostile.large_png(),
        none_txt=b"",
        locked_pdf=hostile.locked_pdf("x"),
        deep_zip=hostile.deep_paths(entries=1),
    )
    names = [
        b"caf\xe9.txt",
        "caf\u00e9.txt".encode(),
        "cafe\u0301.txt".encode(),
        "\u202etxt.exe".encode(),
        b"a\nb.txt",
        b"=1+1.txt",
    ]
    for name in names:
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(name)
    os.mkfifo(tmp_path / "in/pipe")
    (tmp_path / "in/zero").symlink_to("/dev/zero")
    with (tmp_path / "in/giant").open("wb") as file:
        file.truncate(64 << 30)
    ended, rows = await ingest(tmp_path, memory_bytes=600 << 20)
    assert (ended.exit_code, ended.statuses) == (2, {"ok": 10, "empty": 1, "skipped": 2, "error": 5})
    assert all(row["status"] == "ok" or row["detail"].endswith(".") for row in rows.values())
    assert {row["path_bytes"] for row in rows.values()} >= set(names)
    written = pyarrow.dataset.dataset(tmp_path / "out/tables/documents").to_table().column("path").to_pylist()
    assert sorted(written) == sorted(rows)
    texts = [page["text"] for page in Warehouse(tmp_path / "out").rows("pages")]
    assert not [text for text in texts if re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", text)]
    assert {"good", "words"} <= set(texts)


async def test_a_twin_without_pages_is_trouble_and_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the pages of a document never arrive, for its worker died, its twins do not say ok; the next run reads them."""
    put(tmp_path, a_txt=b"same", b_txt=b"same", c_txt=b"other")
    put_down = reading._StagedPages.put
    lost = lambda shelf, one: None if one.document.path == "a.txt" else put_down(shelf, one)  # noqa: E731
    monkeypatch.setattr(reading._StagedPages, "put", lost)
    _, rows = await ingest(tmp_path)
    assert (rows["b.txt"]["status"], rows["b.txt"]["reason"], rows["c.txt"]["status"]) == (
        "error",
        "crashed",
        "ok",
    )
    monkeypatch.setattr(reading._StagedPages, "put", put_down)
    _, rows = await ingest(tmp_path)
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert len(Warehouse(tmp_path / "out").rows("pages")) == 2


async def test_an_archive_with_trouble_inside_is_read_again(tmp_path: Path) -> None:
    """A file inside an archive that lacked its password is read when a later run has it, although the archive is the same."""
    put(tmp_path, a_zip=make.zipped({"x.pdf": hostile.locked_pdf(PASSWORD), "y.txt": b"y"}))
    _, rows = await ingest(tmp_path)
    assert rows["a.zip/x.pdf"]["reason"] == "encrypted"
    _, rows = await ingest(tmp_path, password=[PASSWORD])
    assert {row["status"] for row in rows.values()} == {"ok"}


async def test_passwords_are_stored_nowhere(tmp_path: Path) -> None:
    """A password on the command line or in a file opens a PDF; its words are in no row, file, form or printed job."""
    put(tmp_path, x_pdf=hostile.locked_pdf(PASSWORD))
    (tmp_path / "words").write_text(f"other\n{PASSWORD}\n")
    for more in ({"password": ["other", PASSWORD]}, {"password_file": str(tmp_path / "words")}):
        _, rows = await ingest(tmp_path, **more)
        assert rows["x.pdf"]["status"] == "ok"
        (tmp_path / "in/x.pdf").write_bytes(hostile.locked_pdf(PASSWORD))
    for path in (tmp_path / "out").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    job = Job.model_validate({"inbox": "in", "password": [PASSWORD]})
    assert PASSWORD not in f"{job!r} {job} {job.model_dump()} {job.model_dump_json()}"
    assert '"password"' not in json.dumps(Job.model_json_schema())
    assert '"password_file"' in json.dumps(Job.model_json_schema())


def test_password_is_a_flag_that_repeats() -> None:
    """`--password` may be given several times; all are tried, in that order."""
    job = jobs.from_flags(parser().parse_args(["run", "in", "--password", "a", "--password", "b"]))
    assert settings.passwords(job) == ("a", "b")


def test_prefect_is_given_no_password() -> None:
    """What Prefect stores of a flow run has no password; the flow itself gets the job with it."""
    job = Job.model_validate({"inbox": "in", "password": [PASSWORD]})
    assert PASSWORD not in str(process_folder.serialize_parameters({"job": job}))
    assert process_folder.validate_parameters({"job": job})["job"].password[0].get_secret_value() == PASSWORD


def test_a_password_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A wrong path is an error in the settings before anything is read."""
    with pytest.raises(SettingsError, match="nowhere"):
        settings.passwords(Job(inbox="in", password_file=str(tmp_path / "nowhere")))


def test_every_limit_of_reading_is_a_field_of_the_job() -> None:
    """What a file may cost can be set, and 0 workers means what the machine has."""
    job = Job(inbox="in", workers=3, max_nesting=0, ocr_memory_bytes=1 << 30)
    limits = settings.read_limits(job)
    assert (limits.workers, limits.max_nesting, limits.ocr_memory_bytes) == (3, 0, 1 << 30)
    assert settings.read_limits(Job(inbox="in")) == type(limits)()


def test_batches_grow_and_are_listed_as_they_are_wanted() -> None:
    """The first batch is made from a hundred paths and no more; 100,000 files are fewer than 250 batches."""
    listed = 0

    def names() -> Any:
        nonlocal listed
        while listed < 100_000:
            listed += 1
            yield listed

    batches = reading._batches(names(), most=10**9)
    assert len(next(batches)) == listed == 100
    assert sum(1 for _ in batches) < 250


@pytest.mark.prove
async def test_an_inbox_beside_this_one_is_not_replaced_by_a_flag_that_stayed(tmp_path: Path) -> None:
    """Two inboxes kept side by side stay so, also when a job still says that its inbox has taken the place of another."""
    put(tmp_path, a_txt=b"a")
    await ingest(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/b.txt").write_bytes(b"b")
    await ingest(tmp_path, inbox=str(tmp_path / "other"), add_inbox=True)
    _, rows = await ingest(tmp_path, replace_inbox=True)
    assert set(rows) == {"a.txt", "b.txt"}


@pytest.mark.prove
async def test_a_folder_that_moved_brings_its_files_along(tmp_path: Path) -> None:
    """With --replace-inbox a file that lies at the same path is unchanged or changed, and its known trouble is no new one; no row stays."""
    put(
        tmp_path,
        a_zip=make.zipped({"one.txt": b"1"}),
        b_txt=b"b",
        c_txt=b"c",
        d_txt=b"d",
        bad_pdf=b"%PDF-1.4 and nothing more",
    )
    for number in range(20):
        put(tmp_path, **{f"more{number}_txt": b"%d" % number})
    await ingest(tmp_path)
    (tmp_path / "in").rename(tmp_path / "moved")
    (tmp_path / "moved/b.txt").write_bytes(b"another")
    (tmp_path / "moved/c.txt").rename(tmp_path / "moved/e.txt")
    (tmp_path / "moved/d.txt").unlink()
    ended, rows = await ingest(tmp_path, inbox=str(tmp_path / "moved"), replace_inbox=True)
    assert (ended.unchanged, ended.added, ended.changed_documents, ended.removed) == (23, 1, 1, 2)
    assert (ended.unread, ended.exit_code, ended.vanished) == (0, 0, 0)
    assert {row["inbox"] for row in rows.values()} == {str(tmp_path / "moved")}


@pytest.mark.prove
async def test_a_moved_folder_that_was_planned_first_is_counted_alike(tmp_path: Path) -> None:
    """What a plan has read aside of the folder at its new place is unchanged in the run that follows."""
    put(tmp_path, a_zip=make.zipped({"one.txt": b"1"}), b_txt=b"b")
    await ingest(tmp_path)
    (tmp_path / "in").rename(tmp_path / "moved")
    job = Job(
        inbox=str(tmp_path / "moved"), out=str(tmp_path / "out"), offline=True, workers=1, replace_inbox=True
    )
    await order.plan(job, settings.account(job, {}))
    ended, _ = await ingest(tmp_path, inbox=job.inbox, replace_inbox=True)
    assert (ended.unchanged, ended.added, ended.changed_documents, ended.removed) == (3, 0, 0, 0)


async def test_of_a_share_that_is_away_no_row_goes(tmp_path: Path) -> None:
    """Rows of files that are passed over stay with the others while the inbox is empty, and all go when that is accepted."""
    put(tmp_path, a_txt=b"a", b_bin=bytes(range(256)))
    _, before = await ingest(tmp_path)
    assert {row["status"] for row in before.values()} == {"ok", "skipped"}
    (tmp_path / "in").rename(tmp_path / "away")
    (tmp_path / "in").mkdir()
    ended, rows = await ingest(tmp_path)
    assert (ended.vanished, ended.removed, rows) == (1, 0, before)
    ended, rows = await ingest(tmp_path, accept_vanished=True)
    assert (ended.removed, rows) == (2, {})


@pytest.mark.parametrize("moves", [False, True])
async def test_what_could_not_be_looked_at_is_not_gone(
    moves: bool,  # noqa: FBT001
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A folder that cannot be listed is trouble: what is known below it keeps its rows and is told, also when the inbox has moved."""
    put(tmp_path, **{f"more{number}_txt": b"%d" % number for number in range(20)})
    (tmp_path / "in/sub").mkdir()
    (tmp_path / "in/sub/a.txt").write_bytes(b"below")
    await ingest(tmp_path)
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if not isinstance(path, int) and os.fsencode(path).endswith(b"/sub"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    place = tmp_path / ("moved" if moves else "in")
    (tmp_path / "in").rename(place)
    ended, _ = await ingest(tmp_path, inbox=str(place), replace_inbox=moves, accept_vanished=True)
    assert (ended.unchanged, ended.removed, ended.unseen, ended.exit_code) == (20, 0, 1, 2)
    assert "Known files below what could not be looked at: 1; their rows stay." in ended.sentences
    warehouse = Warehouse(tmp_path / "out")
    assert {row["path"]: row["status"] for row in warehouse.rows("documents")}["sub/a.txt"] == "ok"
    assert "below" in {page["text"] for page in warehouse.rows("pages")}
