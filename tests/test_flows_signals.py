"""SIGTERM and Ctrl-C while calls are in flight. With a Prefect server: test_flows_prefect.py."""

from __future__ import annotations

import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from octavo.processors.store.warehouse import Warehouse
from tests import proofs
from tests.emulator.fixture import running
from tests.prefect_server import wait_for
from tests.signalled import AT_ONCE, SLIPS, assert_drained, ended_by, slips, slow, start


@pytest.mark.parametrize(("number", "code"), [proofs.slow(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_drains(tmp_path: Path, number: int, code: int) -> None:
    """What is in flight is awaited, paid and committed; what waits is not sent; a later run asks for the rest only."""
    inbox = slips(tmp_path)
    with running(slow()) as kimi:
        started = start(kimi, inbox)
        said, left = ended_by(kimi, started, number)
        assert (started.returncode, "Traceback" in said) == (code, False), said
        assert "what is in flight is awaited and kept" in said
        assert_drained(kimi, tmp_path / "out", left)
        kimi.config.timing = False
        assert start(kimi, inbox).wait(120) == 0
        assert len(kimi.paid()) == SLIPS


@pytest.mark.prove
def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    """Ctrl-C twice: each document has its row or waits, also when its call was in flight, and the summary and `runs` say so."""
    inbox = slips(tmp_path)
    with running(slow()) as kimi:
        kimi.config.ttft_s = 6.0
        started = start(kimi, inbox)
        wait_for(
            lambda: len(kimi.paid()) >= AT_ONCE and len(kimi.log.chats()) > len(kimi.paid()),
            "some replies",
            120,
        )
        wait_for(lambda: len(kimi.log.chats()) >= 2 * AT_ONCE, "more calls in flight", 30)
        for _ in range(2):
            started.send_signal(signal.SIGINT)
            time.sleep(0.5)
        _, said = started.communicate(timeout=60)
    assert (started.returncode, "Traceback" in said) == (130, False), said
    warehouse = Warehouse(tmp_path / "out")
    rows = len(warehouse.rows("parcel"))
    assert rows <= AT_ONCE  # a reply that had just come waits in the ledger for the next run
    assert f"Not asked yet: {SLIPS - rows}; the next run goes on with them." in said
    assert f"so that they may have been paid: {AT_ONCE}." in said
    assert Counter(row["reason"] for row in warehouse.rows("rejects")) == {"not_asked": SLIPS - rows}
    (row,) = warehouse.rows("runs")
    assert (row["exit_code"], row["asked"], row["not_asked"]) == (130, AT_ONCE, SLIPS - rows)
