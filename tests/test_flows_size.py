"""A large folder end to end: memory stays, the tables are whole, and what is known is not asked again. `docs/size.md` has the curves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from octavo.processors.store.warehouse import Warehouse
from tests.benchmarks.documents import KIMI
from tests.benchmarks.kimi import emulator
from tests.benchmarks.size import measured

SLIPS = int(os.environ.get("OCTAVO_SLIPS", "10000"))  # 100000 is the proof at the size of a small machine
MOST_MB = 400.0


@pytest.mark.prove
def test_a_large_folder_is_answered_in_little_memory(tmp_path: Path) -> None:
    """Of slips and long documents each has its row after asking, and again after recalling; the parent stays below 400 MB in every run."""
    with emulator(*KIMI) as base_url:
        *_, runs = measured(tmp_path, SLIPS, 50, base_url)
    assert [one.run for one in runs] == ["read", "ask", "nothing", "recall"]
    assert {one.run: round(one.peak_mb) for one in runs if one.peak_mb > MOST_MB} == {}
    warehouse = Warehouse(tmp_path / "out")
    documents = SLIPS + SLIPS // 50
    assert (warehouse.size("documents"), warehouse.size("parcel")) == (documents, documents)
    assert warehouse.query("SELECT count(DISTINCT reference) AS n FROM parcel")["n"][0].as_py() == documents
