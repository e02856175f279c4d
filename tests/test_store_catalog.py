"""What a warehouse file holds is looked up once for each file, and never told of a file that was replaced."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.processors.store import catalog
from octavo.processors.store.warehouse import Warehouse, hold
from tests import rows


def test_a_replaced_file_is_looked_at_anew(tmp_path: Path) -> None:
    """Who has asked for a table before there was one, finds it after somebody else's commit, and not when the file is gone."""
    reader = Warehouse(tmp_path)
    assert reader.size("invoice") == 0
    with hold(tmp_path) as writer:
        writer.commit(rows.read("a.txt", "b.txt"))
        assert (reader.size("documents"), reader.size("invoice")) == (2, 0)
        writer.commit(rows.answers("a.txt"))
    assert reader.size("invoice") == 1
    reader.path.unlink()
    assert reader.size("invoice") == 0


def test_columns_are_looked_up_once_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nothing is committed, questions about tables do not open the file again to see which there are."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(rows.read("a.txt"))
        assert warehouse.size("documents") == 1
        opened: list[Path] = []
        attached = catalog.attached

        def noted(path: Path, **how: Any) -> Any:
            opened.append(path)
            return attached(path, **how)

        monkeypatch.setattr(catalog, "attached", noted)
        assert [warehouse.size(name) for name in ("invoice", "receipt", "letter")] == [0, 0, 0]
        assert opened == []


def refuse(*_: int) -> int:
    """A file system whose kernel cannot copy for us."""
    raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))


def stop_early(*_: int) -> int:
    """One that says it is done when it is not."""
    return 0


@pytest.mark.parametrize("way", [refuse, stop_early])
def test_a_file_system_that_cannot_share_blocks_gets_a_plain_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    """Wherever the kernel does not copy the file, or not all of it, the commit is whole all the same."""
    with hold(tmp_path) as warehouse:
        warehouse.commit(rows.read("a.txt"))
        monkeypatch.setattr(os, "copy_file_range", way)
        warehouse.commit(rows.answers("a.txt"))
        assert (warehouse.size("documents"), warehouse.size("invoice")) == (1, 1)


@pytest.fixture
def shared_blocks(tmp_path: Path) -> Iterator[Path]:
    """A Btrfs of 150 MB."""
    maker = shutil.which("mkfs.btrfs")
    image, folder = tmp_path / "image", tmp_path / "disk"
    folder.mkdir()
    with image.open("wb") as file:
        file.truncate(150_000_000)
    made = maker and not subprocess.run([maker, "-q", image], capture_output=True, check=False).returncode
    mount = ["mount", "-o", "loop", str(image), str(folder)]
    if not made or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let us make a Btrfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_copy_shares_its_blocks_where_the_file_system_can(shared_blocks: Path) -> None:
    """Then a copy of a large warehouse writes next to nothing."""
    (shared_blocks / "one").write_bytes(os.urandom(20_000_000))
    os.sync()
    before = shutil.disk_usage(shared_blocks).used
    catalog._copy_bytes(shared_blocks / "one", shared_blocks / "other")
    os.sync()
    assert (shared_blocks / "other").read_bytes() == (shared_blocks / "one").read_bytes()
    assert shutil.disk_usage(shared_blocks).used - before < 5_000_000
