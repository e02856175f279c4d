"""Rules of `store/disk`: one run a folder, and a sentence for every disk that refuses."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from octavo.processors.store import disk
from octavo.processors.store.warehouse import Change, Warehouse, hold
from octavo.schemas import tables
from octavo.schemas.errors import Locked, OctavoError, StorageError
from octavo.schemas.pipeline import Document
from tests import committer

ROOT = Path(__file__).resolve().parents[1]
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Syncs:
    """What happens to files, in order: `sync NAME` at an fsync, `rename NAME` at a rename."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        real_sync, real_replace = os.fsync, Path.replace

        def fsync(descriptor: int) -> None:
            self.seen.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
            real_sync(descriptor)

        def replace(path: Path, target: Path) -> Path:
            self.seen.append(f"rename {path.name}")
            return real_replace(path, target)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", replace)


def test_a_file_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a power cut leaves the old file or the new one, whole: the bytes are synced, then the name is changed and synced."""
    syncs = Syncs(monkeypatch)
    (tmp_path / "new").write_text("x")
    disk.replace(tmp_path / "new", tmp_path / "old")
    assert syncs.seen == ["sync new", "rename new", f"sync {tmp_path.name}"]


def test_a_commit_outlives_a_power_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file of a commit, the warehouse first, is renamed only when its bytes are on the disk, and its folder is synced behind."""
    with hold(tmp_path) as warehouse:
        syncs = Syncs(monkeypatch)
        warehouse.commit(committer.changes(1))
    renames = [place for place, event in enumerate(syncs.seen) if event.startswith("rename ")]
    assert "warehouse" in syncs.seen[renames[0]]
    assert len(renames) > 2
    for place in renames:
        assert syncs.seen[place - 1] == f"sync {syncs.seen[place].removeprefix('rename ')}"
        assert syncs.seen[place + 1].startswith("sync ")


def test_a_second_run_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    """Exit code 75, with process, host and start; afterwards the folder is free again."""
    folder = tmp_path / "new" / "out"
    with hold(folder, clock=lambda: START):
        with (
            pytest.raises(Locked, match=rf"process {os.getpid()} on .+, since 2026-01-02T03:04:05") as caught,
            hold(folder),
        ):
            pass
        assert caught.value.exit_code == 75
    with hold(folder):
        pass


def test_the_lock_of_a_killed_run_is_free_at_once(tmp_path: Path) -> None:
    """The kernel gives the lock back at kill -9; no stale file has to be removed by hand."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.committer", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(Locked, match=f"process {child.pid} on"), hold(tmp_path):
            pass
        child.send_signal(signal.SIGKILL)
        child.communicate()
        with hold(tmp_path):
            pass


def test_a_holder_that_has_not_signed_yet_is_no_crash(tmp_path: Path) -> None:
    """Between taking the lock and signing it the file is empty or old; the sentence then names nobody."""
    with hold(tmp_path):
        (tmp_path / "lock").write_bytes(b"")
        with pytest.raises(Locked, match="only just started"), hold(tmp_path):
            pass


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_path_that_cannot_be_a_folder_is_named(tmp_path: Path, place: str) -> None:
    """Exit code 74, why, and which flag gives another folder."""
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(StorageError, match=r"cannot be written: .*is a file.* --out") as caught,
        hold(tmp_path / place),
    ):
        pass
    assert caught.value.exit_code == 74


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let us mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def noise(rows: int) -> list[Change]:
    """Rows of 100 KB that compress badly."""
    dice = random.Random(1)
    made = [
        Document(f"n{number}", b"", "", "", 1, status="error", detail=dice.randbytes(50_000).hex())
        for number in range(rows)
    ]
    return [Change(tables.DOCUMENTS, [tables.document_row(document, "1") for document in made])]


def fill(folder: Path, left_bytes: int) -> Path:
    """Fill the disk but for so many bytes."""
    stats = os.statvfs(folder)
    filler = folder / "filler"
    filler.write_bytes(bytes(max(0, stats.f_bavail * stats.f_frsize - left_bytes)))
    return filler


@pytest.mark.parametrize("left_bytes", [70_000, 300_000, 1_000_000, 3_000_000, 4_500_000])
def test_a_full_disk_ends_a_commit_and_loses_nothing(small_disk: Path, left_bytes: int) -> None:
    """Wherever the disk gets full, what was committed stays and can be read, and with space all goes on."""
    with hold(small_disk) as warehouse:
        warehouse.commit(committer.changes(1))
        filler = fill(small_disk, left_bytes)
        with pytest.raises(StorageError) as caught:
            warehouse.commit([*committer.changes(2), *noise(100)])
        assert "space" in caught.value.next_step
        assert committer.generation_of(warehouse) == 1
        filler.unlink()
        assert warehouse.commit(committer.changes(2))
        assert committer.generation_of(warehouse) == 2


def test_rows_are_committed_also_when_parquet_cannot_be_written(tmp_path: Path) -> None:
    """The warehouse comes first; the Parquet files follow at the next open that can write them. Letting go tells the trouble again."""
    with ExitStack() as held:
        warehouse = held.enter_context(hold(tmp_path))
        warehouse.commit(committer.changes(1))
        (tmp_path / "tables" / "rejects").write_text("in the way")
        with pytest.raises(StorageError, match="file"):
            warehouse.commit([*committer.changes(2), Change(tables.REJECTS)])
        with pytest.raises(StorageError, match="file"):
            held.close()
    assert committer.generation_of(Warehouse(tmp_path)) == 2
    (tmp_path / "tables" / "rejects").unlink()
    with hold(tmp_path):
        assert list((tmp_path / "tables" / "rejects").iterdir())


@pytest.mark.parametrize("left_bytes", [0, 2 * 4096])
def test_a_full_disk_is_seen_at_the_start(small_disk: Path, left_bytes: int) -> None:
    """A run on a full disk ends before it asks anything that costs money, also where the lock can still be signed."""
    fill(small_disk, left_bytes)
    with pytest.raises(StorageError, match="disk is full"), hold(small_disk):
        pass


def test_a_read_only_folder_is_seen_at_the_start(small_disk: Path) -> None:
    """The same for a file system that is mounted read-only, while reading it goes on."""
    with hold(small_disk) as warehouse:
        warehouse.commit(committer.changes(1))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OctavoError, match="read-only"), hold(small_disk):
        pass
    assert committer.generation_of(Warehouse(small_disk)) == 1
