"""Pages and questions in, tables out: packs what is not answered yet, asks, checks, and commits the records or the reasons.

Nothing is asked twice, for three reasons: what stands in the tables is left alone; what stands in the ledger is taken from there,
in the windows in which it was asked; and a request is named by its content, so that the same one finds its reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.batches import Each, Halt, Tell, bounded
from flows.counting import Tokens
from flows.packing import packed
from flows.replaying import stored, unfit
from flows.shelf import Shelf
from processors.ask.replies import Asker
from processors.check import records as check
from processors.pack import windows as pack
from processors.read import pages as read
from processors.store.warehouse import Warehouse
from schemas.errors import AccessRefused, BudgetReached, DocumentError, Interrupted, RequestError
from schemas.job import Job
from schemas.pipeline import Part, Question, Record, Reject, Reply, Request, Window

WINDOWS_PER_BATCH = 100  # a batch is a task in Prefect: minutes of calls, not one call ...
TOKENS_PER_BATCH = 4_000_000  # ... and not more text in memory than this
ASKS = 3  # most times that a document is asked about, since an answer may fail its check
READY = 2  # windows in work for each call in flight: while one is asked, the next is made ready to leave


@dataclass(frozen=True, slots=True)
class Task:
    """A window, and which of its documents each question wants. `recalled` is set when the reply is in the ledger already."""

    window: Window
    wanted: Mapping[str, frozenset[str]]  # name of the question -> documents
    recalled: Mapping[str, Any] | None = None  # of the request: fingerprint, ids and legend, as they were


@dataclass(slots=True)
class Answers:
    """What came of a batch of tasks."""

    records: list[tuple[int, Record]] = field(default_factory=list)  # first page that the answer rests on, and the answer
    rejects: list[Reject] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)  # fingerprints of the replies that were used
    strays: list[str] = field(default_factory=list)  # answers about documents that nobody asked about, which are dropped
    asked: int = 0


@dataclass(slots=True)
class Desk:
    """What one run asks with."""

    job: Job
    questions: Sequence[Question]
    limits: read.Limits
    warehouse: Warehouse
    asker: Asker
    reader: read.Reader
    count: Tokens
    exact: bool  # whether `count` counts with the model's vocabulary
    halt: Halt
    asked: int = 0
    recalled: int = 0
    strays: int = 0
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    bought: set[str] = field(default_factory=set)  # requests whose reply came by batch in this run

    async def answer(self, *, each: Each, tell: Tell) -> bool:
        """Answer every question about every document that is readable and not answered yet; gives whether that changed the tables."""
        pending = self.pending()
        total = sum(map(len, pending.values()))
        tell("ask", 0, total)
        shelf = Shelf(self.warehouse, self.asker, {question.name: question for question in self.questions})
        for tasks in (self.remembered(pending), self.fresh(pending)):
            async for answers in each("ask", self.answer_batch, _batches(tasks)):
                shelf.put(answers.records, answers.rejects, answers.requests)
                asked = answers.asked + len(self.bought.intersection(answers.requests))
                self.asked += asked
                self.strays += len(answers.strays)
                self.recalled += len(answers.requests) - asked
                tell("ask", shelf.settled, total)
                await shelf.commit_when_due()
        await shelf.commit()
        return shelf.changed

    def pending(self) -> dict[str, set[str]]:
        """For each question the documents that have pages and no answer yet."""
        readable = self.warehouse.readable()
        account = self.asker.account
        return {
            question.name: readable - self.warehouse.answered(question.name, question.fingerprint, account.model.id, account.engine)
            for question in self.questions
        }

    def remembered(self, pending: dict[str, set[str]]) -> Iterator[Task]:
        """Tasks whose reply is in the ledger, in the windows of then, without text. Takes their documents out of `pending`."""
        for question in self.questions:
            for fingerprint, ids, parts, legend in self.asker.remembered(question, replay=self.job.replay):
                wanted = frozenset(ids.values()) & pending[question.name]
                if wanted and _whole(parts):
                    pending[question.name] -= wanted
                    recalled = {"fingerprint": fingerprint, "ids": ids, "legend": legend}
                    yield Task(Window(tuple(parts), 0), {question.name: wanted}, recalled)

    def fresh(self, pending: Mapping[str, set[str]]) -> Iterator[Task]:
        """Tasks to ask the provider: windows over all documents that some question still wants."""
        for window in packed(self, sorted(set[str]().union(*pending.values()))):
            wanted = {name: frozenset(window.documents) & still for name, still in pending.items()}
            yield Task(window, {name: documents for name, documents in wanted.items() if documents})

    async def answer_batch(self, tasks: Sequence[Task]) -> Answers:
        """Work on the windows of a batch at once, as far as the pace allows; the questions of one window follow one another."""
        batch = Answers()
        async for answers in bounded(self._answer_task, tasks, READY * self.asker.account.limits.concurrency or len(tasks)):
            batch.records += answers.records
            batch.rejects += answers.rejects
            batch.requests += answers.requests
            batch.strays += answers.strays
            batch.asked += answers.asked
        return batch

    async def _answer_task(self, task: Task) -> Answers:
        answers = Answers()
        if task.recalled is None:
            task = await self.seen(task, answers)
        for question in self.questions:
            if wanted := task.wanted.get(question.name):
                await self._answer_question(task, question, wanted, answers)
        return answers

    async def _answer_question(self, task: Task, question: Question, wanted: frozenset[str], answers: Answers) -> None:
        if task.recalled:
            window = pack.window_of(self._with_text(task.window.documents))
            request = replace(self.asker.request(window, question), **task.recalled)
            await self._check(request, self.asker.recall(request.fingerprint), wanted, answers)
            return
        window = pack.window_of([part for part in task.window.parts if part.document in wanted])
        await self._ask(self.asker.request(window, question), wanted, answers)

    async def _ask(self, request: Request, wanted: frozenset[str], answers: Answers) -> None:
        """Ask and check; what cannot be asked becomes a reject with its reason."""
        if why_not := str(self.halt.error or "") or self._not_live(request):
            answers.rejects += _rejected(request, wanted, "not_asked", why_not)
            return
        try:
            reply = await (stored(self.asker, request) if self.job.replay else self.asker.ask(request))
        except (BudgetReached, AccessRefused, Interrupted) as error:
            self.halt.error = error
            answers.rejects += _rejected(request, wanted, "not_asked", str(error))
        except RequestError as error:
            await self._refused(request, wanted, error, answers)
        else:
            answers.asked += not reply.from_ledger
            await self._check(request, reply, wanted, answers)

    async def _refused(self, request: Request, wanted: frozenset[str], error: RequestError, answers: Answers) -> None:
        """What the provider will not take is asked in halves, so that only the document that is to blame fails: in 2 log2 n + 1 calls."""
        halves = pack.halves(request.window) if error.reason in IN_HALVES else []
        if not halves:
            answers.rejects += _rejected(request, wanted, error.reason, str(error))
        for window in halves:
            half = self.asker.request(window, request.question, round_=request.round)
            await self._ask(half, wanted & frozenset(window.documents), answers)

    def _not_live(self, request: Request) -> str:
        """Why a request must not be sent now, if the job says so."""
        live = self.job.mode != "batch-only" or self.job.replay
        return "" if live or self.asker.known(request.fingerprint) else NOT_LIVE

    async def _check(self, request: Request, reply: Reply, wanted: frozenset[str], answers: Answers) -> None:
        """Check a reply; what fails is asked again, and rejected when it was asked often enough."""
        answers.requests.append(request.fingerprint)
        async with self.checking:  # on a thread, so that the next calls leave meanwhile; one at a time, since it is all computing
            records, rejects = await asyncio.to_thread(check.check, request, reply, earlier=self.job.replay)
        first_pages = {part.document: part.page for part in reversed(request.window.parts)}
        answers.records += [(first_pages[record.document], record) for record in records if record.document in wanted]
        failed = [reject for reject in rejects if reject.document in wanted]
        answers.strays += [reject.detail for reject in rejects if not reject.document]
        if self.job.replay:
            failed = [unfit(reject) for reject in failed]
        if request.round + 1 >= ASKS or self.job.replay:
            answers.rejects += failed
            return
        answers.rejects += [reject for reject in failed if check.is_final(request, reject)]
        for window, complaint in check.ask_again(request, failed):
            again = self.asker.request(window, request.question, round_=request.round + 1, complaint=complaint)
            await self._ask(again, frozenset(window.documents), answers)

    async def seen(self, task: Task, answers: Answers) -> Task:
        """The task with the pictures of its image pages; documents that only show pictures to a model that cannot see are rejected."""
        window, blind = task.window, frozenset[str]()
        if self.asker.account.model.vision:
            window, blind = await self._with_images(window, answers)
        else:
            blind = frozenset(window.documents) - {part.document for part in window.parts if part.text.strip()}
            for name, wanted in task.wanted.items():
                answers.rejects += [Reject(document, name, "", "needs_ocr", BLIND) for document in sorted(blind & wanted)]
        return Task(window, {name: wanted - blind for name, wanted in task.wanted.items()})

    async def _with_images(self, window: Window, answers: Answers) -> tuple[Window, frozenset[str]]:
        """The window with its pictures, and the documents whose pictures could not be made, which are rejected."""
        images: dict[tuple[str, int], bytes] = {}
        lost: set[str] = set()
        numbers: dict[str, list[int]] = {}
        for part in window.parts:
            if part.image_px and part.image is None:
                numbers.setdefault(part.document, []).append(part.page)
        for sha256, pages in numbers.items():
            try:
                pictures = await self.reader.images(self.job.inbox, self.warehouse.document(sha256), pages)
            except DocumentError as error:
                lost.add(sha256)
                answers.rejects += [Reject(sha256, question.name, "", error.reason, str(error)) for question in self.questions]
            else:
                images |= {(sha256, page): picture for page, picture in pictures.items()}
        parts = (replace(part, image=images.get((part.document, part.page))) for part in window.parts)
        return replace(window, parts=tuple(parts)), frozenset(lost)

    def _with_text(self, documents: Iterable[str]) -> list[Part]:
        return [part for document in documents for part in pack.whole(list(self.warehouse.pages_of([document])), self.count)]


IN_HALVES = frozenset({"content_filter", "too_long"})  # refusals that concern what stands in a window, and not all of it
NOT_LIVE = "No batch answered it, and --mode batch-only asks nothing else. Run again with --mode batch to ask it live."
BLIND = "Its pages are pictures and this engine reads text only. Install octavo[ocr], or ask a model with vision."


def _whole(parts: Sequence[Part]) -> bool:
    """Whether every document of a window is in it from its first page to its last."""
    pages: dict[str, set[int]] = {}
    for part in parts:
        pages.setdefault(part.document, set()).add(part.page if part.start == 0 else 0)
    return all(seen == set(range(1, part.pages + 1)) for part in parts if (seen := pages[part.document]))


def _rejected(request: Request, wanted: Iterable[str], reason: str, detail: str) -> list[Reject]:
    return [Reject(document, request.question.name, request.fingerprint, reason, detail) for document in sorted(wanted)]


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Tasks in batches that are neither too many windows nor too much text, and never part the windows of one document."""
    batch: list[Task] = []
    held = 0
    for task in tasks:
        full = len(batch) >= WINDOWS_PER_BATCH or held + task.window.tokens > TOKENS_PER_BATCH
        if batch and full and batch[-1].window.documents[-1:] != task.window.documents[:1]:
            yield batch
            batch, held = [], 0
        batch.append(task)
        held += task.window.tokens
    if batch:
        yield batch
