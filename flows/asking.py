"""Pages and questions in, tables out: packs what is not answered yet, asks, checks, and commits the records or the reasons.

Nothing is asked twice, for three reasons: what stands in the tables is left alone; what stands in the ledger is taken from there,
in the windows in which it was asked; and a request is named by its content, so that the same one finds its reply.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from itertools import chain, groupby
from pathlib import Path

from flows.answers import Answers, Task, batches, by_turns, is_whole
from flows.batches import Each, Halt, Tell, bounded
from flows.completing import complete
from flows.counting import Tokens
from flows.packing import alone, packed
from flows.passes import ask_twice
from flows.repairing import ask, judge
from flows.shelf import Shelf
from flows.summaries import summed_up
from flows.tally import Tally
from processors.ask.replies import Asker
from processors.check import records as check
from processors.pack import windows as pack
from processors.read import pages as read
from processors.store.warehouse import Warehouse
from schemas.errors import DocumentError
from schemas.job import Job
from schemas.pipeline import SUMMARY, Page, Part, Question, Reject, Request, Window

PARTS_AT_ONCE = 1_000  # parts of stored windows whose text is looked up together: a look-up takes 5 ms, however little it brings
READY = 2  # windows in work for each call in flight: while one is asked, the next is made ready to leave


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
    run: str
    inbox: str  # the one of the job, as the tables name it
    out: Path
    tally: Tally = field(default_factory=Tally)
    quoted_usd: tuple[float, float] | None = None  # what was expected to be paid, and the most for first answers
    absent: frozenset[str] = frozenset()  # documents whose file was not found, which are not asked about
    asked: int = 0
    recalled: int = 0
    once: int = 0  # answers that were not asked a second time, where the job wants that
    strays: int = 0
    repaired: dict[tuple[str, str], str] = field(default_factory=dict)  # question, document -> how it came to its record when not at once
    stored_replies: dict[tuple[str, bool], dict[pack.Extent, Task]] = field(default_factory=dict)  # see `stored`
    checking: asyncio.Lock = field(default_factory=asyncio.Lock)
    bought: set[str] = field(default_factory=set)  # requests whose reply came by batch in this run

    async def answer(self, *, each: Each, tell: Tell) -> bool:
        """Answer every question about every document that is readable and not answered yet; gives whether that changed the tables."""
        answered = self.answered()
        pending = self.pending(answered)
        total = sum(map(len, pending.values()))
        tell("ask", 0, total)
        readings = {question.name: self.passes(question) for question in self.questions}
        shelf = Shelf(self.warehouse, self.asker, readings, answered)
        self.tally = shelf.tally

        async def answer_batch(tasks: Sequence[Task]) -> None:
            async with aclosing(self.answers_of(tasks)) as found:
                async for answers in found:
                    self._take_note(answers)
                    shelf.put(answers.records, answers.rejects, answers.requests, answers.once)
                    tell("ask", shelf.settled, total)
                    await shelf.commit_when_due()

        try:
            stored = self.remembered(pending)
            tasks = by_turns(batches(self.fresh(pending)), batches(stored))
            async with aclosing(each("ask", answer_batch, tasks)) as done:
                async for _ in done:
                    pass
        except asyncio.CancelledError:
            shelf.commit_now()  # there may be no time for more, and what is not on the shelf yet is in the ledger
            raise
        await shelf.commit()
        return shelf.changed

    def _take_note(self, answers: Answers) -> None:
        """Count what came of some tasks."""
        asked = answers.asked + len(self.bought.intersection(answers.requests))
        self.asked += asked
        self.strays += len(answers.strays)
        self.once += len(answers.once)
        self.repaired |= answers.repaired
        self.recalled += len(answers.requests) - asked

    def passes(self, question: Question) -> list[Question]:
        """A question in the words of every pass: one, or two, but for summaries, which are never alike.

        An answer is stored under the fingerprint of the last words, so that one pass is never taken for two.
        """
        return [question, check.second(question)] if self.job.passes > 1 and question.name != SUMMARY else [question]

    def readings(self, question: Question) -> list[Question]:
        """A question in the words in which it is asked about every window. A replay compares nothing."""
        return self.passes(question)[: 1 if self.job.replay else None]

    def stored(self, question: Question, *, replay: bool = False) -> Mapping[pack.Extent, Task]:
        """By document, or piece of one, the stored reply to a question in these words; for a replay the newest to one of its name."""
        key = (question.fingerprint, replay)
        if key not in self.stored_replies:
            found = self.stored_replies.setdefault(key, {})
            for task in self.in_ledger(question, replay=replay):
                for document in task.wanted[question.name]:
                    found.setdefault(pack.extent(task.window.parts, document), task)
        return self.stored_replies[key]

    def second_wanted(self, task: Task, question: Question) -> frozenset[str]:
        """Of a task whose reply is in the ledger, the documents of which a second pass is wanted and is not there."""
        wanted = task.wanted.get(question.name, frozenset())
        known = [self.stored(reading) for reading in self.readings(question)[1:]]
        return frozenset(one for one in wanted for stored in known if pack.extent(task.window.parts, one) not in stored)

    def pending(self, answered: Mapping[str, set[str]] | None = None) -> dict[str, set[str]]:
        """For each question the documents that have pages and no answer yet."""
        readable = self.warehouse.readable(self.inbox) - self.absent
        return {name: readable - documents for name, documents in (answered or self.answered()).items()}

    def answered(self) -> dict[str, set[str]]:
        """For each question the documents that it need not be asked about. An answer of two passes is enough where one is wanted."""
        account = self.asker.account
        enough = {
            question.name: [reading.fingerprint for reading in (question, check.second(question))[len(self.passes(question)) - 1 :]]
            for question in self.questions
        }
        return {name: self.warehouse.answered(name, known, account.model.id, account.engine) for name, known in enough.items()}

    def remembered(self, pending: dict[str, set[str]]) -> Iterator[Task]:
        """Tasks whose reply is in the ledger, in the windows of then, without text. Takes their documents out of `pending` at once.

        When only some windows of a document that was cut have a reply, tasks about its rest follow them, made when they are taken.
        """
        whole: list[Task] = []
        begun: list[Iterator[Task]] = []
        for question in self.questions:
            left, pieces = pending[question.name], defaultdict[str, list[Task]](list)
            for task in self.in_ledger(question, replay=self.job.replay, among=left):
                parts = task.window.parts
                if any(part.role == "piece" for part in parts):
                    pieces[parts[0].document].append(task)
                elif is_whole(parts) and (wanted := task.wanted[question.name] & left):
                    left -= wanted
                    whole.append(replace(task, wanted={question.name: wanted}))
            for document in sorted(pieces.keys() & left):
                left.remove(document)
                begun.append(self.begun(document, question, pieces[document]))
        return chain(whole, *begun)

    def in_ledger(self, question: Question, *, replay: bool, among: Collection[str] | None = None) -> Iterator[Task]:
        """A task for each stored reply, without text, whatever it is about or `among` which documents one must be that it is about."""
        for fingerprint, ids, parts, legend in self.asker.remembered(question, replay=replay, among=among):
            recalled = {"fingerprint": fingerprint, "ids": ids, "legend": legend}
            yield Task(Window(tuple(parts), 0), {question.name: frozenset(ids.values())}, recalled)

    def begun(self, document: str, question: Question, pieces: Sequence[Task]) -> Iterator[Task]:
        """Tasks about a document that was cut: those whose reply is in the ledger, then those about what they leave."""
        pages = list(self.warehouse.pages_of([document]))
        chosen, windows = pack.rest(pages, [task.window.parts for task in pieces], self.count, alone(self))
        yield from (pieces[number] for number in chosen)
        yield from (Task(window, {question.name: frozenset([document])}) for window in windows)

    def tasks(self, pending: dict[str, set[str]]) -> Iterator[Task]:
        """All that is to be done about the pending documents; first what is in the ledger."""
        return chain(self.remembered(pending), self.fresh(pending))

    def fresh(self, pending: Mapping[str, set[str]]) -> Iterator[Task]:
        """Tasks to ask the provider: windows over all documents that some question still wants."""
        for window in packed(self, sorted(set[str]().union(*pending.values()))):
            wanted = {name: frozenset(window.documents) & still for name, still in pending.items()}
            yield Task(window, {name: documents for name, documents in wanted.items() if documents})

    async def answers_of(self, tasks: Sequence[Task]) -> AsyncGenerator[Answers]:
        """Work on the windows of a batch at once, as far as the pace allows, and give what came of each; pieces of a document together.

        The questions of one window follow one another.
        """
        parted = Counter(map(_cut, tasks))
        pieces: dict[str, list[Answers]] = {}
        at_once = READY * self.asker.account.limits.concurrency or len(tasks)
        async with aclosing(bounded(self._answer_task, self.with_texts(tasks), at_once)) as answered:
            async for task, answers in answered:
                document, whole = _cut(task), Answers()
                pieces.setdefault(document, []).append(answers)
                if not document or len(pieces[document]) == parted[document]:
                    for piece in pieces.pop(document):
                        whole.add(piece)
                    await summed_up(self, whole)
                    yield whole

    async def _answer_task(self, task: Task) -> tuple[Task, Answers]:
        answers = Answers()
        seen = await self.seen(task, answers) if task.recalled is None else task
        for question in self.questions:
            if wanted := seen.wanted.get(question.name):
                await self._answer_question(seen, question, wanted, answers)
        return task, answers

    async def _answer_question(self, task: Task, question: Question, wanted: frozenset[str], answers: Answers) -> None:
        """One question about a window, asked once or, in two passes, twice."""
        said = Answers()
        if task.recalled:
            request = await self.recall(task, question, wanted, said)
        else:
            window = pack.window_of([part for part in task.window.parts if part.document in wanted])
            request = self.asker.request(window, question)
            await ask(self, request, wanted, said)
        await complete(self, request, said)
        if len(self.readings(question)) > 1 and said.records:
            await ask_twice(self, request.window, question, wanted, said, before=task.recalled is not None)
        answers.add(said)

    async def recall(self, task: Task, question: Question, wanted: frozenset[str], answers: Answers) -> Request:
        """Check the stored reply of a task; gives the request that it answered."""
        request = self.asker.recalled(task.window, question, **task.recalled or {})
        await judge(self, request, self.asker.recall(request.fingerprint), wanted, answers)
        return request

    async def seen(self, task: Task, answers: Answers) -> Task:
        """The task with the pictures of its image pages; documents that only show pictures to a model that cannot see are rejected."""
        window, blind = task.window, frozenset[str]()
        if self.asker.account.model.vision:
            window, blind = await self.with_images(window, answers)
        else:
            blind = frozenset(window.documents) - {part.document for part in window.parts if part.text.strip()}
            for name, wanted in task.wanted.items():
                answers.rejects += [Reject(document, name, "", "needs_ocr", BLIND) for document in sorted(blind & wanted)]
        return Task(window, {name: wanted - blind for name, wanted in task.wanted.items()})

    async def with_images(self, window: Window, answers: Answers) -> tuple[Window, frozenset[str]]:
        """The window with its pictures, and the documents whose pictures could not be made, which are rejected."""
        images: dict[tuple[str, int], bytes] = {}
        lost: set[str] = set()
        numbers: dict[str, list[int]] = {}
        for part in window.parts:
            if part.image_px and part.image is None:
                numbers.setdefault(part.document, []).append(part.page)
        for sha256, pages in numbers.items():
            try:
                pictures = await self.reader.images(self.job.inbox, self.warehouse.document(sha256, self.inbox), pages)
            except DocumentError as error:
                lost.add(sha256)
                answers.rejects += [Reject(sha256, question.name, "", error.reason, str(error)) for question in self.questions]
            else:
                images |= {(sha256, page): picture for page, picture in pictures.items()}
        parts = (replace(part, image=images.get((part.document, part.page), part.image)) for part in window.parts)
        return replace(window, parts=tuple(parts)), frozenset(lost)

    def with_texts(self, tasks: Iterable[Task]) -> Iterator[Task]:
        """The tasks in their order; those whose reply is in the ledger get the text of their windows, a thousand pages in one look-up."""
        for group in _in_groups(tasks):
            wanted = dict.fromkeys(document for task in group if task.recalled for document in task.window.documents)
            own = {
                document: list(pages) for document, pages in groupby(self.warehouse.pages_of(list(wanted)), key=lambda page: page.document)
            }
            yield from (replace(task, window=self._shown(task.window, own)) if task.recalled else task for task in group)

    def _shown(self, window: Window, pages: Mapping[str, Sequence[Page]]) -> Window:
        """A window that was stored without its text, with it."""
        own = groupby(window.parts, key=lambda part: part.document)
        return pack.window_of([part for document, parts in own for part in pack.shown(list(parts), pages.get(document, ()), self.count)])

    def pages(self, documents: Iterable[str]) -> list[Part]:
        """The whole pages of documents."""
        return [part for document in documents for part in pack.whole(list(self.warehouse.pages_of([document])), self.count)]


def _cut(task: Task) -> str:
    """The document of which a task shows a piece, and nothing else; "" for a task about whole documents.

    Not by all that its window shows: a window of earlier days, once it has its text, shows less when one of its files has gone since.
    """
    return next((part.document for part in task.window.parts if part.role == "piece"), "")


def _in_groups(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    """Consecutive tasks whose windows have so many parts together, or one task."""
    group: list[Task] = []
    held = 0
    for task in tasks:
        held += len(task.window.parts)
        if group and held > PARTS_AT_ONCE:
            yield group
            group, held = [], len(task.window.parts)
        group.append(task)
    yield group


BLIND = "Its pages are pictures and this engine reads text only. Install octavo[ocr], or ask a model with vision."
