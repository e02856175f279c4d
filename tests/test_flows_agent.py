"""Rules of `octavo ask`: tools only look, answers are checked, nothing is paid twice, and what a page orders is not done."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from octavo.flows import settings
from octavo.flows.agent import answering_loop
from octavo.flows.agent.conversation import Conversation, last_conversation
from octavo.flows.commands import ask as asking
from octavo.processors.ask.ledger import Ledger
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job
from tests import command, told_folder
from tests.agent_questions import RISE, SAID, ask, bodies, plays
from tests.emulator.config import Fault
from tests.emulator.fixture import Running
from tests.emulator.generation import Scripted
from tests.emulator.tool_player import played, results
from tests.proofs import slow

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def out(tmp_path: Path, scripted_kimi: Running) -> Path:
    """Tables of one's own, since conversations and ledgers are kept beside them."""
    scripted_kimi.reset()
    return told_folder.write(tmp_path)


async def test_an_answer_rests_on_sql_and_pages(scripted_kimi: Running, out: Path) -> None:
    """The answer comes with its statement, its rows, and citations that hold."""
    plays(scripted_kimi, ("run_sql", {"sql": RISE}), ("find_evidence", {"field": "total"}), SAID)
    found = await ask(scripted_kimi, out)
    assert found.text == SAID
    assert found.statements == [RISE]
    assert [row[0] for row in found.rows] == ["may/brandt.txt", "june/brandt.txt", "june/acme.txt"]
    assert [(one.path, one.page, one.trouble) for one in found.citations] == [
        ("may/brandt.txt", 1, ""),
        ("june/brandt.txt", 1, ""),
    ]
    assert found.notices == []
    assert found.cost_usd > 0


@pytest.mark.parametrize(
    ("claim", "mark"),
    [
        slow("It is signed", "[contract.txt p. 9]"),
        slow("It is signed", "[unicorn.pdf p. 1]"),
        ("Acme asked for 9999.00", "[june/acme.txt p. 1]"),
        slow("Brandt asked for 1000", "[may/brandt.txt p. 1]"),
        slow("Horses gallop through forests", "[june/acme.txt p. 1]"),
    ],
)
async def test_a_citation_that_does_not_hold_is_struck_out(
    scripted_kimi: Running, out: Path, claim: str, mark: str
) -> None:
    """A page that there is not, or on which neither figure nor words stand, is struck out and told."""
    plays(scripted_kimi, f"{claim} {mark}. {SAID}")
    found = await ask(scripted_kimi, out)
    assert f"~~{mark}~~" in found.text
    assert SAID in found.text
    assert any(mark[1:-1] in sentence for sentence in found.notices)


async def test_the_same_question_costs_nothing_again(scripted_kimi: Running, out: Path) -> None:
    """Over unchanged tables the same question is in the ledger to its last turn; after a commit it is asked anew."""
    plays(scripted_kimi, ("run_sql", {"sql": RISE}), SAID)
    first = await ask(scripted_kimi, out)
    Conversation().save(out)
    sent = len(scripted_kimi.paid())
    again = await ask(scripted_kimi, out)
    assert (again.text, again.from_ledger, again.cost_usd) == (first.text, True, 0.0)
    assert len(scripted_kimi.paid()) == sent
    assert not scripted_kimi.asked_twice()


@pytest.mark.prove
async def test_parallel_calls_and_broken_arguments(scripted_kimi: Running, out: Path) -> None:
    """Several calls of one turn are answered in order by their ids; arguments that are no JSON are told to the model, which goes on."""
    plays(
        scripted_kimi,
        [("run_sql", {"sql": RISE}), ("search_pages", {"words": "prices"}), ("run_sql", '{"sql": "SELECT')],
        ("no_such_tool", {}),
        SAID,
    )
    found = await ask(scripted_kimi, out)
    last = bodies(scripted_kimi)[-1]["messages"]
    tools = [message for message in last if message["role"] == "tool"]
    calls = [call for message in last for call in message.get("tool_calls") or ()]
    assert [one["tool_call_id"] for one in tools] == [call["id"] for call in calls]
    assert "no JSON object" in tools[2]["content"]
    assert "no tool" in tools[3]["content"]
    assert len(found.notices) == 2
    assert found.text == SAID


@pytest.mark.parametrize("model", ["kimi-k3", slow("kimi-k2.7-code"), slow("kimi-k2.6")])
async def test_thinking_is_given_back(scripted_kimi: Running, out: Path, model: str) -> None:
    """What a model thought before its calls goes back with them, without which it refuses; and no tool is forced on it."""
    plays(scripted_kimi, ("list_tables", {}), ("run_sql", {"sql": RISE}), SAID)
    found = await ask(scripted_kimi, out, model=model)
    assert found.text == SAID
    turns = [message for message in bodies(scripted_kimi)[-1]["messages"] if message.get("tool_calls")]
    assert len(turns) == 2
    assert all(("reasoning_content" in turn) == (model != "kimi-k2.6") for turn in turns)
    assert all("tool_choice" not in body for body in bodies(scripted_kimi))


@pytest.mark.prove
async def test_a_loop_ends_with_what_is_known(scripted_kimi: Running, out: Path) -> None:
    """A model that calls tools for ever is told to answer after so many turns, and that is said."""

    def forever(body: dict[str, Any]) -> Any:
        if body.get("tool_choice") == "none":
            return "I know that 100.00 was asked [may/brandt.txt p. 1]."
        number = len(results(body))
        return played(("run_sql", {"sql": f"SELECT {number}"}))(body)

    plays(scripted_kimi, forever)
    found = await ask(scripted_kimi, out)
    assert len(scripted_kimi.paid()) == answering_loop.MOST_TURNS
    assert "what is known" in found.notices[0]
    assert "100.00" in found.text


async def test_the_budget_of_a_question_holds(scripted_kimi: Running, out: Path) -> None:
    """A question whose next turn could pass its budget ends, says so, and has what the tools gave."""
    plays(
        scripted_kimi,
        ("run_sql", {"sql": RISE}),
        ("run_sql", {"sql": "SELECT 1"}),
        ("run_sql", {"sql": "SELECT 2"}),
        SAID,
    )
    found = await ask(scripted_kimi, out, budget_usd=0.02)
    assert found.cost_usd <= 0.02
    assert any("budget" in sentence for sentence in found.notices)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Scripted("Brandt asked 100.00 [may/brandt.txt p. 1] and", finish_reason="length"), "cut off"),
        (Scripted("", finish_reason="stop"), "no answer"),
        (Scripted("Brandt", finish_reason="sensitive"), "filter"),
        (Scripted("Brandt", finish_reason="stop_sequence_x"), "stop_sequence_x"),
    ],
)
async def test_how_an_answer_ended_is_told(
    scripted_kimi: Running, out: Path, reply: Scripted, told: str
) -> None:
    """An answer that is cut, empty, filtered or ended in a way that nobody knows is told as such."""
    plays(scripted_kimi, reply)
    found = await ask(scripted_kimi, out)
    assert any(told in sentence for sentence in found.notices), found.notices


async def test_a_stream_that_breaks_is_told(scripted_kimi: Running, out: Path) -> None:
    """Words that came before a connection broke are an answer that may not be whole."""
    plays(scripted_kimi, SAID)
    scripted_kimi.config.faults = [Fault("truncated", 1.0)]
    try:
        found = await ask(scripted_kimi, out)
    finally:
        scripted_kimi.config.faults = []
    assert any("may not be whole" in sentence for sentence in found.notices)


@pytest.mark.prove
async def test_a_chart_is_drawn_and_no_code_run(scripted_kimi: Running, out: Path) -> None:
    """A chart is an SVG in the folder; a column that is none, and code in a name, are refused."""
    good = {"sql": RISE, "kind": "bar", "x": "path", "y": "total", "title": "Totals"}
    bad = {**good, "y": "datum.total; fetch('http://evil')"}
    plays(scripted_kimi, ("chart", good), ("chart", bad), SAID)
    found = await ask(scripted_kimi, out)
    (path,) = found.charts
    drawn = (out / path).read_text(encoding="utf-8")
    assert drawn.startswith("<svg")
    assert "Totals" in drawn
    assert any("no column" in sentence for sentence in found.notices)


@pytest.mark.prove
async def test_a_conversation_goes_on_and_fits(scripted_kimi: Running, out: Path) -> None:
    """The next question sees the last answer; what does not fit the window is cut from the old end, and that is told."""
    plays(scripted_kimi, ("read_page", {"document": told_folder.CONTRACT}), SAID)
    await ask(scripted_kimi, out, "First?")
    await ask(scripted_kimi, out, "Second?")
    assert [turn.question for turn in last_conversation(out).turns] == ["First?", "Second?"]
    assert SAID in json.dumps(bodies(scripted_kimi)[-1]["messages"])
    conversation = last_conversation(out)
    for turn in conversation.turns:
        for message in turn.messages:
            if message["role"] == "tool":
                message["content"] = "x " * 400_000
    conversation.save(out)
    found = await ask(scripted_kimi, out, "Third?")
    assert any("were cut" in sentence for sentence in found.notices)
    sent = bodies(scripted_kimi)[-1]["messages"]
    assert sent[0]["role"] == "system"
    assert [message["content"] for message in sent if message["role"] == "user"][-1] == "Third?"
    assert len(json.dumps(sent)) < 400_000


async def test_who_cannot_use_tools_is_told(scripted_kimi: Running, out: Path) -> None:
    """Rules on this machine, a missing web search and an empty folder are said in one sentence, before anything is paid."""
    offline = Job(inbox=".", out=str(out), offline=True)
    with pytest.raises(SettingsError, match="octavo sql"):
        answering_loop.usable(settings.account(offline), web=False)
    with pytest.raises(SettingsError, match="withdrawn"):
        answering_loop.usable(settings.account(Job(inbox="."), key="k"), web=True)
    with pytest.raises(SettingsError, match="no warehouse"):
        await ask(scripted_kimi, out / "nowhere")
    assert not scripted_kimi.paid()


def octavo(scripted_kimi: Running | None, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """A command as a person types it."""
    key: dict[str, Any] = (
        {"MOONSHOT_API_KEY": scripted_kimi.key, "MOONSHOT_BASE_URL": scripted_kimi.base_url}
        if scripted_kimi
        else {}
    )
    return command.octavo(*words, said=said, **key)


def test_the_command_answers_as_json_and_continues(scripted_kimi: Running, out: Path) -> None:
    """`octavo ask --format json` gives answer, SQL, rows and citations; the ledger counts it; `octavo chat` goes on."""
    plays(scripted_kimi, ("run_sql", {"sql": RISE}), SAID)
    done = octavo(
        scripted_kimi, "ask", "Who raised prices?", "--out", str(out), "--format", "json", "--tier", "5"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["answer"] == SAID
    assert found["sql"] == [RISE]
    assert found["rows"][0]["path"] == "may/brandt.txt"
    assert all(one["holds"] for one in found["citations"])
    ledger = Ledger(out / "ledger.sqlite")
    assert len(ledger.latest("ask", "moonshot", "kimi-k2.6", "", 9)) == 2
    ledger.close()
    talk = octavo(
        scripted_kimi, "chat", "--out", str(out), "--continue", "--tier", "5", said="And in June?\n/quit\n"
    )
    assert talk.returncode == 0, talk.stderr
    assert SAID in talk.stdout
    assert "SQL: " in talk.stderr
    assert [turn.question for turn in last_conversation(out).turns] == ["Who raised prices?", "And in June?"]


def test_without_a_key_there_is_one_sentence(out: Path) -> None:
    """Without a key nothing is asked, and it is said that SQL needs none."""
    done = octavo(None, "ask", "Who?", "--out", str(out))
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert "octavo sql" in done.stderr


def test_questions_end_with_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chat ends where its input does."""
    lines = iter(["one", "", "/quit", "two"])
    monkeypatch.setattr("builtins.input", lambda: next(lines))
    assert list(asking.questions()) == ["one"]
