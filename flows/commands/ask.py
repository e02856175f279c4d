"""`octavo ask` and `octavo chat`: questions in words, their answers shown on a terminal or as JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich.live import Live
from rich.text import Text

from octavo.flows import settings
from octavo.flows.agent import answering_loop
from octavo.flows.agent.checked_answer import AgentAnswer, remarks
from octavo.flows.agent.conversation import Conversation, last_conversation
from octavo.flows.agent.plain_words import visible
from octavo.flows.commands import show
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job

SHOWN_CHARACTERS = 2_000  # of an answer that is still coming
Say = Callable[[str], None]
_STEERING = re.compile(
    "[\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)  # what JSON leaves as it is, and a terminal does not


async def answer(
    job: Job, question: str, conversation: Conversation, *, web: bool, streams: bool
) -> AgentAnswer:
    """The answer to one question, with the budget of one; the conversation is kept. Raises SettingsError and what asking raises.

    With `streams` a terminal on standard output shows the words as they come.
    """
    job = job if job.budget_usd else job.model_copy(update={"budget_usd": answering_loop.QUESTION_USD})
    try:
        account = settings.account(job)
    except SettingsError as error:
        if error.about != "key":
            raise
        step = 'A question in words needs one; `octavo sql "SELECT ..."` does not.'
        raise SettingsError(error.message.rstrip(",") + ".", about="key", next_step=step) from None
    answering_loop.usable(account, web=web)
    if web:
        show.note(f"A search of the web costs ${answering_loop.WEB_USD:.3f} beside its tokens.")
    async with answering_loop.opened(job, account, settings.vocabulary(), hear=show.note) as agent:
        agent.conversation, agent.web = conversation, web
        with _coming(streams=streams) as agent.say:
            found = await agent.ask(question)
    conversation.save(settings.out_folder(job.out))
    return found


def begun(out: Path, *, go_on: bool) -> Conversation:
    """The conversation to go on with, or a new one."""
    return last_conversation(out) if go_on else Conversation()


def write(found: AgentAnswer, out: Path, *, as_json: bool) -> None:
    """The answer on standard output, what to know about it on standard error; or all of it as one JSON object."""
    if as_json:
        line = {
            "question": found.question,
            "answer": found.text,
            "sql": found.statements,
            "rows": [dict(zip(found.columns, row, strict=True)) for row in found.rows],
            "citations": [{**asdict(one), "holds": not one.trouble} for one in found.citations],
            "charts": [str((out / path).resolve()) for path in found.charts],
            "notices": found.notices,
            "cost_usd": found.cost_usd,
            "from_ledger": found.from_ledger,
        }
        written = json.dumps(line, ensure_ascii=False, indent=1, default=str)
        sys.stdout.write(_STEERING.sub(lambda sign: f"\\u{ord(sign.group()):04x}", written) + "\n")
        return
    show.out.print(Text(found.text), soft_wrap=True)
    for path in found.charts:
        address = (out / path).resolve()
        show.out.print(Text(f"Chart: {address}", style=f"link {address.as_uri()}"), soft_wrap=True)
    for sentence in remarks(found):
        show.note(sentence)


@contextmanager
def _coming(*, streams: bool) -> Iterator[Say]:
    """Shows words as they come where standard output is a terminal; the answer, which is checked first, takes their place."""
    if not (streams and show.out.is_terminal):
        yield lambda _: None
        return
    said: list[str] = []
    with Live(console=show.out, transient=True, refresh_per_second=8) as live:

        def say(words: str) -> None:
            said.append(words)
            live.update(Text(visible("".join(said))[-SHOWN_CHARACTERS:].lstrip(), style="dim"))

        yield say


def questions() -> Iterator[str]:
    """The questions that a person types, until the end of input or /quit."""
    while True:
        try:
            line = show.err.input("[bold]?[/] ") if show.err.is_terminal else input()
        except EOFError:
            return
        if line.strip() in {"/quit", "/exit"}:
            return
        if line.strip():
            yield line.strip()
