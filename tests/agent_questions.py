"""Questions to the agent in the process of a test: what the model is to do comes in, the answer and what was sent go out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from octavo.flows import settings
from octavo.flows.agent import answering_loop
from octavo.flows.agent.checked_answer import AgentAnswer
from octavo.flows.agent.conversation import last_conversation
from octavo.schemas.job import Job
from tests.emulator.fixture import Running
from tests.emulator.tool_player import Step, played, takes_tools

RISE = "SELECT path, issued, total FROM invoice ORDER BY issued"
SAID = "Brandt rose from 100.00 [may/brandt.txt p. 1] to 130.00 [june/brandt.txt p. 1]."


def plays(kimi: Running, *steps: Step) -> None:
    """Let the model take these steps."""
    kimi.emulator.state.scripts.clear()
    kimi.script(takes_tools, played(*steps))


async def ask(kimi: Running, out: Path, question: str = "Who raised prices?", **more: Any) -> AgentAnswer:
    """An answer, without a terminal."""
    job = Job(inbox=".", out=str(out), base_url=kimi.base_url, **{"tier": 5, **more})
    job = job if job.budget_usd else job.model_copy(update={"budget_usd": answering_loop.QUESTION_USD})
    account = settings.account(job, key=kimi.key)
    async with answering_loop.opened(job, account) as agent:
        agent.conversation = last_conversation(out)
        found = await agent.ask(question)
        agent.conversation.save(out)
        return found


def bodies(kimi: Running) -> list[dict[str, Any]]:
    """What was sent."""
    return [dict(entry.body) for entry in kimi.journal if entry.body]
