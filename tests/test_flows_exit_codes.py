"""Exit codes: each cause has one, it is the one that the documentation tells, and the real command ends with it."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from octavo.processors.store.warehouse import Warehouse
from octavo.schemas import errors
from octavo.schemas.errors import Interrupted, OctavoError
from tests import command
from tests.emulator.config import Config, Fault
from tests.emulator.fixture import Running, running
from tests.emulator.oracle import labelled_lines
from tests.prefect_server import wait_for
from tests.proofs import slow
from tests.signalled import AT_ONCE, SLIPS, slips

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "terminal.md").read_text(encoding="utf-8")
WELL, DEFECT = 0, 70  # codes that no class of ours has


def told() -> set[int]:
    """The codes in the table of the documentation."""
    return {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", PAGE, re.MULTILINE) for code in row.split(",")
    }


def test_the_documentation_tells_every_code() -> None:
    """The table of exit codes has those of all errors, and no others."""
    classes = [
        item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, OctavoError)
    ]
    ours = {item.exit_code for item in classes if item is not Interrupted}
    assert told() == ours | {WELL, DEFECT, 130, 143}


def octavo(*words: str, key: str = "") -> tuple[int, str]:
    """The real command, which gives up a provider that is away for a second; gives its exit code and all that it said."""
    done = command.octavo("1", *words, module="tests.impatient", MOONSHOT_API_KEY=key)
    return done.returncode, done.stdout + done.stderr


def asking(folder: Path, base_url: str, *more: str) -> list[str]:
    """`octavo run` over some slips, each of which is a call of its own, and a yes to its price."""
    inbox = folder / "inbox" if (folder / "inbox").exists() else slips(folder)
    where = [
        "--out",
        str(folder / "out"),
        "--base-url",
        base_url,
        "--concurrency",
        str(AT_ONCE),
        "--max-documents-per-window",
        "1",
    ]
    return ["run", str(inbox), "--extract", str(folder / "parcel.json"), *where, "--yes", *more]


def left(out: Path) -> tuple[int, Counter[str]]:
    """The rows that a run left, and its rejects by reason."""
    return len(Warehouse(out).rows("parcel")), Counter(
        row["reason"] for row in Warehouse(out).rows("rejects")
    )


def meanwhile(do: Callable[[], None]) -> None:
    """Do something while a command runs."""
    threading.Thread(target=do, daemon=True).start()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["models"], 0, "kimi-k2.6"),
        (["run", ".", "--extract", "letter"], 1, "MOONSHOT_API_KEY"),
        (["run", "nowhere", "--offline"], 1, "There is no folder nowhere"),
        (["run", ".", "--budget", "1"], 64, "--budget-usd"),
        (["run", ".", "--offline", "--out", "README.md/out"], 74, "README.md/out"),
    ],
)
def test_what_is_wrong_with_a_command_is_told_by_its_code(
    words: list[str], code: int, said: str, tmp_path: Path
) -> None:
    """A missing key or folder is a setting, a wrong flag is usage, an output folder that cannot be is storage; a sentence says which."""
    out = [] if "--out" in words or words[0] == "models" else ["--out", str(tmp_path / "out")]
    ended, shown = octavo(*words, *out)
    assert (ended, said in shown, "Traceback" in shown) == (code, True, False), shown


def test_a_file_that_failed_is_told_by_the_code(tmp_path: Path) -> None:
    """A run in which a file could not be read ends with 2."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "broken.pdf").write_bytes(b"%PDF-1.4 and nothing more")
    assert octavo("run", str(tmp_path / "in"), "--offline", "--out", str(tmp_path / "out"))[0] == 2


def test_an_address_that_nobody_answers_is_told_by_the_code(tmp_path: Path) -> None:
    """Nobody listens: 69, the address is named, no document is said to have failed, and each waits for the next run."""
    code, said = octavo(*asking(tmp_path, "http://127.0.0.1:9/v1"), key="sk-x")
    assert code == 69, said
    assert "http://127.0.0.1:9/v1/ cannot be reached" in said
    assert "Check --base-url and the network, then run again" in said
    assert "Failed in this run" not in said
    assert left(tmp_path / "out") == (0, {"not_asked": SLIPS})


@pytest.mark.parametrize("kind", [slow("server_unavailable"), "server_error"])
def test_a_provider_that_answers_nothing_else_is_away(kind: str, tmp_path: Path) -> None:
    """Every call is told to come later for as long as one is tried: the provider is away (69), which is no failure of a document."""
    with running(Config(tier=5, timing=False, faults=[Fault(kind)])) as kimi:
        code, said = octavo(*asking(tmp_path, kimi.base_url), key=kimi.key)
    assert code == 69, said
    assert "No other call got a reply meanwhile, so nothing more is sent. Run again later" in said
    assert "of 40 (100 %)" not in said.partition("Asking questions")[2]
    assert left(tmp_path / "out") == (0, {"not_asked": SLIPS})


@pytest.mark.prove
def test_one_call_in_vain_is_not_a_provider_that_is_away(tmp_path: Path) -> None:
    """A call that is refused as long as it is tried, while others are answered, fails alone: 2, and all others have their rows."""
    slow = Config(tier=5, oracle=labelled_lines, ttft_s=1.0, tokens_per_s=400, jitter=0.0)
    with running(slow) as kimi:
        kimi.config.faults.append(Fault("server_error", match="Sender Number 7 Ltd"))
        code, said = octavo(*asking(tmp_path, kimi.base_url), key=kimi.key)
    assert code == 2, said
    assert left(tmp_path / "out") == (SLIPS - 1, {"unavailable": 1})


def begun(fault: Fault, folder: Path) -> tuple[Running, int, str]:
    """A run whose provider has a fault from its sixth reply on; gives the provider, the exit code and what was said."""
    with running(Config(tier=5, oracle=labelled_lines, ttft_s=0.2, tokens_per_s=400, jitter=0.0)) as kimi:

        def strike() -> None:
            wait_for(lambda: len(kimi.paid()) >= 6, "some replies", 120)
            kimi.config.faults.append(fault)

        meanwhile(strike)
        code, said = octavo(*asking(folder, kimi.base_url), key=kimi.key)
        return kimi, code, said


@pytest.mark.parametrize(
    ("kind", "code", "word"),
    [("refused", 69, "cannot be reached"), slow("unauthorized", 77, "refused the key")],
)
def test_a_provider_that_goes_away_or_locks_us_out_midway(
    kind: str, code: int, word: str, tmp_path: Path
) -> None:
    """Gone for good after some replies is 69, a key that expires is 77: what is paid is in the tables, and the rest was not asked."""
    kimi, ended, said = begun(Fault(kind), tmp_path)
    assert (ended, word in said) == (code, True), said
    rows, rejects = left(tmp_path / "out")
    assert 6 <= rows <= len(kimi.paid()) < SLIPS
    assert rejects == {"not_asked": SLIPS - rows}
    assert f"Not asked yet: {SLIPS - rows}; the next run goes on with them." in said


def test_a_key_that_is_refused_is_told_by_the_code(tmp_path: Path) -> None:
    """A wrong key is 77, and nothing was paid."""
    with running(Config(timing=False)) as kimi:
        code, said = octavo(*asking(tmp_path, kimi.base_url), key="sk-wrong")
        assert (code, kimi.paid()) == (77, []), said
    assert "Check the key" in said


def test_a_budget_that_ends_is_told_by_the_code(tmp_path: Path) -> None:
    """A budget that has room for two calls ends the run with 3 at the third, and is said as it was given."""
    with running(Config(tier=5, timing=False, oracle=labelled_lines)) as kimi:
        code, said = octavo(
            *asking(tmp_path, kimi.base_url, "--budget-usd", "0.0017", "--concurrency", "1"), key=kimi.key
        )
        assert (code, len(kimi.paid())) == (3, 2), said
    assert left(tmp_path / "out") == (2, {"not_asked": SLIPS - 2})
    assert "of $0.0017 spent" in said
    assert "$0.00 " not in said


def test_a_price_that_nobody_agreed_to_is_told_by_the_code(tmp_path: Path) -> None:
    """Without a budget, a yes or a person it is 4, and nothing was asked."""
    with running(Config(timing=False)) as kimi:
        code, said = octavo(
            *[word for word in asking(tmp_path, kimi.base_url) if word != "--yes"], key=kimi.key
        )
        assert (code, kimi.log.chats()) == (4, []), said
    assert "--budget-usd X or --yes" in said
