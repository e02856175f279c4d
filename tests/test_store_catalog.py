"""What a warehouse file holds is looked up once for each file, and never told of a file that was replaced."""

from __future__ import annotations

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
