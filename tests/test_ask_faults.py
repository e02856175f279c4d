"""Every fault that the emulator knows, struck into a run: the tables end as if nothing had happened, and no call is paid in vain."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.faults import KEYED, Said, make, measure
from tests.emulator.faults import KINDS, SENDING, STREAM_ONLY
from tests.proofs import slow, slow_but

DOCUMENTS, MIXED = 30, 200
CASES = [(kind, False) for kind in sorted(KINDS - STREAM_ONLY)] + [(kind, True) for kind in sorted(SENDING)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the slips are."""
    return tmp_path_factory.mktemp("faults")


@pytest.fixture(scope="module")
def said(folder: Path) -> Said:
    """What the slips say, which are read once for all tests."""
    return make(folder, DOCUMENTS)


@pytest.mark.parametrize(("kind", "streamed"), slow_but(range(0, len(CASES), 8), CASES))
def test_a_fault_costs_no_row_and_no_call_in_vain(
    folder: Path, said: Said, kind: str, *, streamed: bool
) -> None:
    """Two requests of six that go wrong: all rows are right, what the filter refuses is told, and no more is paid than has to be."""
    result = measure(
        folder,
        said,
        [kind],
        streamed=streamed,
        plain=kind in KEYED,
        share=0.1 if kind == "refused" else 1.0,
        times=2,
    )
    assert result.struck or kind == "refused"
    assert (result.lost, result.twice) == (0, 0)
    assert result.paid <= result.least


@pytest.mark.parametrize(("streamed", "plain"), [slow(False, True), (True, False)])
@pytest.mark.prove
def test_a_tenth_of_all_requests_goes_wrong(tmp_path: Path, *, streamed: bool, plain: bool) -> None:
    """With all kinds at once, all rows are right and no more is paid than has to be; a run that was ended fills its windows anew."""
    said = make(tmp_path, MIXED)
    kinds = KINDS - (set() if streamed else STREAM_ONLY) - (set() if plain else KEYED)
    result = measure(tmp_path, said, kinds, streamed=streamed, plain=plain)
    assert result.struck > 5
    assert (result.lost, result.twice) == (0, 0)
    assert result.paid <= result.least
