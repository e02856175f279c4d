"""A real run that is asked to end by a signal while calls are in flight: a signal goes in, how the process ended comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from octavo.processors.ask.ledger import Ledger
from octavo.processors.store.warehouse import Warehouse
from tests.emulator.config import Config
from tests.emulator.fixture import Running
from tests.emulator.oracle import labelled_lines
from tests.prefect_server import ROOT, wait_for

SLIPS, AT_ONCE = 40, 4


def slow() -> Config:
    """A Kimi whose replies take some seconds."""
    return Config(tier=5, oracle=labelled_lines, ttft_s=1.5, tokens_per_s=400, jitter=0.0)


def slips(folder: Path) -> Path:
    """An inbox with slips, each of which is a window of its own, and the schema beside it."""
    inbox = folder / "inbox"
    inbox.mkdir()
    schema = {"type": "object", "description": "A parcel.", "properties": {"sender": {"type": "string"}}}
    (folder / "parcel.json").write_text(json.dumps(schema), encoding="utf-8")
    for number in range(SLIPS):
        (inbox / f"slip{number:03}.txt").write_text(
            f"Parcel slip {number}\nsender: Sender Number {number} Ltd\n", encoding="utf-8"
        )
    return inbox


def start(kimi: Running, inbox: Path, environ: Mapping[str, str] = os.environ) -> subprocess.Popen[str]:
    """`octavo run` over the slips."""
    flags = [
        "--out",
        str(inbox.parent / "out"),
        "--extract",
        str(inbox.parent / "parcel.json"),
        "--base-url",
        kimi.base_url,
        "--yes",
    ]
    flags += ["--tier", "5", "--concurrency", str(AT_ONCE), "--max-documents-per-window", "1"]
    command = [sys.executable, "-m", "octavo.flows.cli", "run", str(inbox), *flags]
    return subprocess.Popen(
        command, cwd=ROOT, env={**environ, "MOONSHOT_API_KEY": kimi.key}, stderr=subprocess.PIPE, text=True
    )


def assert_drained(kimi: Running, out: Path, left: int) -> None:
    """What had left when the signal came was awaited, paid and committed, and nothing left after."""
    # Between the look and the signal each slot may turn once on a busy machine; a run that goes on asks about all.
    assert len(kimi.log.chats()) <= left + AT_ONCE < SLIPS
    assert len(kimi.paid()) == len(kimi.log.chats()) == len(Warehouse(out).rows("parcel"))
    assert Ledger(out / "ledger.sqlite").maybe_paid() == (0, 0.0)


def ended_by(kimi: Running, started: subprocess.Popen[str], number: int) -> tuple[str, int]:
    """Send the signal once some calls are answered and others in flight; gives what was said and how many calls left by then."""
    wait_for(
        lambda: len(kimi.paid()) >= AT_ONCE and len(kimi.log.chats()) > len(kimi.paid()), "some replies", 120
    )
    left = len(kimi.log.chats())
    started.send_signal(number)
    _, said = started.communicate(timeout=60)
    return said, left
