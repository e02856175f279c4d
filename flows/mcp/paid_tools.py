"""The tools that ask a model about files below an inbox, at a price: `extract` and `summarize`.

A price is said first. The person is asked where the client can ask (elicitation); where it cannot, what may cost more than the budget
leaves is refused. Progress is told, and a call that is cancelled sends nothing more, while what is in flight is awaited and kept. Each
file or folder has tables of its own in `DIR/mcp`, with its ledger: the same file is never paid twice.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastmcp import Context, FastMCP
from mcp_types import ToolAnnotations
from pydantic import Field

from octavo.flows import consent, order, settings
from octavo.flows.hooks import Hooks, StopSignal
from octavo.flows.lookups import FieldProof, Lookups
from octavo.flows.mcp.price_question import Question, agreed, can_ask
from octavo.flows.outcome.outcome import Outcome
from octavo.processors.ask.replies import Account
from octavo.schemas.compile.compiler import shipped
from octavo.schemas.errors import Interrupted, NotApproved, SettingsError
from octavo.schemas.job import Job
from octavo.schemas.sql_names import quoted

PAYS = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True
)
SchemaName = Annotated[str, Field(description="What to read out: a schema that the tool names.")]
FilePath = Annotated[str, Field(description="File or folder below the inbox, such as may/invoice.pdf.")]


@dataclass(frozen=True, slots=True)
class AskedRows:
    """What was read out of the files: rows, the proof of each value, what it cost, and how it ended."""

    columns: list[str]
    rows: list[list[Any]]
    evidence: list[FieldProof]
    cost_usd: float
    outcome: list[str]
    tables: str  # the output folder with these rows, for `octavo sql --out`
    note: str = ""


@dataclass(slots=True)
class PaidDesk:
    """Asks about files below an inbox, as `job` says; `left_usd` is what may still be spent, 0 when no budget was named."""

    job: Job
    out: Path
    left_usd: float
    turn: asyncio.Lock = field(
        default_factory=asyncio.Lock
    )  # one call at a time, so that none spends what another was promised

    async def answer(self, context: Context, path: str, **asks: Any) -> AskedRows | Question:
        """Rows and proof about a file or folder, or the question that comes first. Raises what a run raises, and NotApproved."""
        async with self.turn:
            return await self._answer(context, path, asks)

    async def _answer(self, context: Context, path: str, asks: dict[str, Any]) -> AskedRows | Question:
        name = asks["extract"][0] if "extract" in asks else "summary"
        job = self._job(path, name, asks)
        account, vocabulary = settings.account(job), settings.vocabulary()
        price = await order.plan(job, account, vocabulary)
        if not price.free:
            if question := await self._agreed(context, price, job.out):
                return question
            if not self.job.budget_usd:  # the price that the person saw is what may be spent
                job = job.model_copy(update={"budget_usd": price.most_usd})
        stop = StopSignal()
        try:
            ended = await _drained(context, job, account, vocabulary, stop)
        finally:  # also of a call that was cancelled, or failed half way
            self.left_usd -= stop.traffic().spent_usd if self.job.budget_usd else 0.0
        return await _rows(settings.out_folder(job.out), name, ended)

    def _job(self, path: str, name: str, asks: dict[str, Any]) -> Job:
        """The job about one file or folder. A file is copied into an inbox of its own, since a job reads folders."""
        chosen = below(Path(self.job.inbox), path)
        mark = hashlib.sha256(str(chosen).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        place = self.out / "mcp" / f"{re.sub(r'[^A-Za-z0-9_]', '_', name)}-{mark}"
        inbox = chosen
        if chosen.is_file():
            inbox = place / "inbox"
            inbox.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(chosen, inbox / chosen.name)
        if self.job.budget_usd and self.left_usd <= 0:
            raise NotApproved(f"The budget of ${self.job.budget_usd:.2f} is spent. Nothing was asked.")
        given = {**asks, "inbox": str(inbox), "out": str(place), "budget_usd": max(self.left_usd, 0.0)}
        return Job(**{**self.job.model_dump(), **given})

    async def _agreed(self, context: Context, price: consent.Estimate, mark: str) -> Question | None:
        """Ask the person, or look at the budget where nobody can be asked. Gives the question where it is to be returned."""
        if can_ask(context):
            return await agreed(context, f"{consent.price(price)} Spend it?", mark, price.most_usd)
        if not self.job.budget_usd or price.most_usd > self.left_usd:
            left = (
                f"above the ${self.left_usd:.2f} that the budget leaves"
                if self.job.budget_usd
                else "and no budget is named"
            )
            message = f"The price is {consent.dollars(price)}, {left}, and this client cannot ask the person. Nothing was asked."
            raise NotApproved(message, next_step="Start octavo mcp with a higher --budget-usd.")
        return None


def below(inbox: Path, path: str) -> Path:
    """A file or folder below an inbox. Raises SettingsError for what is not there or leads out of it, also by a link."""
    root = inbox.resolve()
    chosen = (root / path).resolve()
    if not chosen.is_relative_to(root) or not (chosen.is_file() or chosen.is_dir()):
        raise SettingsError(
            f"There is no file {path!r} below the inbox.",
            about=path,
            next_step="Name it as octavo://inbox does.",
        )
    return chosen


async def _drained(
    context: Context, job: Job, account: Account, vocabulary: bytes | None, stop: StopSignal
) -> Outcome:
    """The run. When its call is cancelled nothing more is sent, and what is in flight is awaited and kept."""
    telling = set[asyncio.Task[None]]()

    def told(task: asyncio.Task[None]) -> None:
        telling.discard(task)
        if not task.cancelled():
            task.exception()  # a client that has left hears of no progress, which is no trouble of the run

    def tell(stage: str, done: int, total: int | None) -> None:
        task = asyncio.ensure_future(context.report_progress(done, total, stage))
        telling.add(task)
        task.add_done_callback(told)

    work = asyncio.ensure_future(
        order.run(job, account, vocabulary, hooks=Hooks(on_progress=tell, stop=stop))
    )
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        stop.end(Interrupted(signal.SIGTERM))
        with anyio.CancelScope(shield=True):
            await asyncio.wait({work})
        raise


async def _rows(out: Path, name: str, ended: Outcome) -> AskedRows:
    lookups = Lookups(out)
    table = name.rpartition(":")[2].rpartition("/")[2].removesuffix(".json").lower()
    found = await lookups.rows(f"FROM {quoted(table)}")
    proofs = await lookups.evidence(table=table)
    note = " ".join([*found.notes, proofs.note]).strip()
    return AskedRows(
        found.columns, found.rows, proofs.evidence, ended.cost_usd, ended.sentences, str(out), note
    )


def add_paid_tools(server: FastMCP, job: Job) -> None:
    """Give a server the tools that ask about files below the inbox of a job, with its schemas beside those that ship."""
    desk = PaidDesk(job.model_copy(update={"extract": []}), settings.out_folder(job.out), job.budget_usd)
    known = [*shipped(), *job.extract]

    about = f"Read a schema's fields out of a file, with pages. Costs money. Schemas: {', '.join(known)}."

    @server.tool(title="Extract", annotations=PAYS, description=about)
    async def extract(
        path: FilePath,
        schema: SchemaName,
        context: Context,
    ) -> AskedRows | Question:
        """Read a schema's fields out of a file, with the page behind each value. Costs money; the price is said first."""
        if schema not in known:
            raise SettingsError(
                f"There is no schema {schema!r}.", about=schema, next_step=f"Schemas: {', '.join(known)}."
            )
        return await desk.answer(context, path, extract=[schema])

    @server.tool(title="Summarize", annotations=PAYS)
    async def summarize(path: FilePath, context: Context) -> AskedRows | Question:
        """Summarize a file with the page behind each statement. Costs money; the price is said first."""
        return await desk.answer(context, path, summarize="one-paragraph")
