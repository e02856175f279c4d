"""SIGTERM and Ctrl-C while calls are in flight. With a Prefect server: test_flows_prefect.py."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.emulator.fixture import running
from tests.signalled import SLIPS, assert_drained, ended_by, slips, slow, start


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
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
