"""From documents that are to be asked about to windows: how many, which documents share one, and then their text.

What is planned needs sizes only, which stand in the table `pages`; text is fetched when a window is about to be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from octavo.flows import settings
from octavo.flows.context import RunContext
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Question, Window
from octavo.schemas.text.printed_lists import PrintedList, printed
from octavo.schemas.text.printed_rows import item_tokens

SHORT_ROW = 20  # characters of a row of a table, at the least; how many rows a longer document has is counted
LOOKED_AT = 1_000  # shorter documents whose rows are counted as well, in 0.2 s; which ones is chance, since they come by their hashes
PLANNED_AT_ONCE = 10_000  # documents, at the most: their sizes are in memory together; another plan is a window more that is not full
MOVED = (
    0.05  # share by which the factor of the estimate must have changed before what is left is planned anew
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Documents that share a window, documents that are too long for one, what binds a window, and why there are so many."""

    groups: Sequence[pack.Group]
    long: Sequence[pack.Size]
    frame: pack.Frame
    reason: str


def arranged(run: RunContext, documents: Sequence[str]) -> Plan:
    """Which documents share a window."""
    frame, sizes = _frame(run), _with_rows(run, sizes_of(run, documents))
    most_rows = alone(run).alone.rows
    short = [size for size in sizes if frame.holds(size) and (not most_rows or size.rows <= most_rows)]
    groups = pack.fewest(short, frame)
    choice = pack.choose(_work(run, short), len(groups), terms(run))
    if choice.windows > len(groups):
        groups = pack.even(short, frame, choice.windows)
    shared = {size.document for size in short}
    long = [size for size in sizes if size.document not in shared]
    return Plan(
        groups,
        long,
        frame,
        choice.reason if short or not long else "pieces of documents that are too long for one",
    )


def planned(run: RunContext, documents: Sequence[str]) -> Iterator[Plan]:
    """Plans for all documents, so many of them at once that memory does not grow with the folder."""
    return (arranged(run, some) for some in _slices(documents))


def packed(run: RunContext, documents: Sequence[str]) -> Iterator[Window]:
    """The windows over all documents, with their text. What is left is planned anew when bills have changed what an estimate is worth."""
    for some in _slices(documents):
        yield from _packed(run, some)


def _slices(documents: Sequence[str]) -> Iterator[Sequence[str]]:
    """Documents in parts of about the same size."""
    number = -(-len(documents) // PLANNED_AT_ONCE)
    size = -(-len(documents) // number) if number else 1
    return (documents[start : start + size] for start in range(0, len(documents), size))


def _packed(run: RunContext, documents: Sequence[str]) -> Iterator[Window]:
    left = dict.fromkeys(documents)
    while left:
        factor = run.count.factor
        for group, windows in _filled(run, arranged(run, list(left))):
            yield from windows
            for document in group:
                del left[document]
            if abs(run.count.factor / factor - 1) > MOVED:
                break
        else:
            return


def terms(run: RunContext) -> pack.Terms:
    """What the job pays and gets."""
    model, limits = run.asker.account.model, settings.assumed(run.job)
    factor = 1.0 if run.job.mode == "live" else model.batch_factor
    return pack.Terms(
        prices_usd=(factor * model.price_in, factor * model.price_cached, factor * model.price_out),
        tokens_per_second=model.tokens_per_second,
        limits=(limits.concurrency, limits.rpm, limits.tpm, limits.tpd),
        live=run.job.mode == "live",
    )


def alone(run: RunContext) -> pack.Bounds:
    """What binds a window of a document that is too long for one."""
    frame = _frame(run)
    _, reply_tokens = run.asker.room(_readings(run), 1)
    return pack.Bounds(
        min(frame.max_tokens, frame.max_documents_tokens + reply_tokens), 1, reply_tokens, _row_tokens(run)
    )


def _filled(run: RunContext, plan: Plan) -> Iterator[tuple[Sequence[str], Iterator[Window]]]:
    """The documents of each group, and its windows: one, unless the text is longer than it was, or has many rows."""
    row_tokens, long = _row_tokens(run), alone(run)
    groups = [(group.documents, _bounds(plan.frame, group, row_tokens)) for group in plan.groups]
    groups += [([size.document], long) for size in plan.long]
    home = {document: number for number, (documents, _) in enumerate(groups) for document in documents}
    for number, pages in groupby(run.warehouse.pages_of(list(home)), key=lambda page: home[page.document]):
        documents, bounds = groups[number]
        yield documents, pack.windows(pages, run.count, bounds)


def _bounds(frame: pack.Frame, group: pack.Group, row_tokens: int) -> pack.Bounds:
    most = min(frame.max_tokens - group.reply_tokens, frame.max_documents_tokens)
    return pack.Bounds(most, len(group.sizes), row_tokens=row_tokens)


def _row_tokens(run: RunContext) -> int:
    return max(
        (item_tokens(question.fields, plain=run.asker.account.is_plain) for question in run.questions),
        default=0,
    )


def _frame(run: RunContext) -> pack.Frame:
    job = run.job
    most = 1 if job.isolation == "document" else job.max_documents_per_window or pack.PLACES
    max_tokens, _ = run.asker.room(_readings(run), most)
    return pack.Frame(max_tokens, min(job.max_window_tokens or max_tokens, max_tokens), most)


def _readings(run: RunContext) -> list[Question]:
    """Every question in all the words in which it is asked about a window."""
    return [reading for question in run.questions for reading in run.readings(question)]


def sizes_of(run: RunContext, documents: Sequence[str]) -> list[pack.Size]:
    """Sizes on the safe side: a token more for each page, since each is rounded up when its text is counted."""
    sizes = []
    by_size = run.job.isolation == "window" and not run.job.max_documents_per_window
    longest = max((question.reply_tokens for question in run.questions), default=0)
    for row in run.warehouse.extents(documents):
        text_tokens = run.count.safe(row["tokens"]) + (0 if run.count.exact else row["pages"])
        tokens = pack.tokens_of(text_tokens, row["pages"], row["images_px"] or ())
        reserve = run.asker.expected.reserve(run.questions, tokens)
        sizes.append(
            pack.Size(
                row["document"], tokens, reserve, row["chars"], pack.places(tokens, longest) if by_size else 1
            )
        )
    return sizes


def _with_rows(run: RunContext, sizes: Sequence[pack.Size]) -> list[pack.Size]:
    """The sizes with the rows of their tables, where lists are asked for.

    They are counted in all that may have more than one reply has room for, and in some others; the rest has as many by its characters.
    """
    most = alone(run).alone.rows
    if not most:
        return list(sizes)
    short = [size for size in sizes if size.chars <= most * SHORT_ROW]
    chars, guessed = (
        sum(size.chars for size in short[:LOOKED_AT]),
        {size.document for size in short[LOOKED_AT:]},
    )
    looked_at = [size.document for size in sizes if size.document not in guessed]
    lists = {
        document: printed(page.text for page in pages)
        for document, pages in groupby(run.warehouse.pages_of(looked_at), key=lambda page: page.document)
    }
    known = [lists[size.document] for size in short if size.document in lists]
    rows, entries = (
        sum(one.rows for one in known) / max(1, chars),
        sum(one.likely for one in known) / max(1, chars),
    )
    return [
        replace(size, rows=shown.rows, printed=shown)
        for size in sizes
        for shown in [
            lists.get(size.document)
            or PrintedList(min(most, round(rows * size.chars)), round(entries * size.chars))
        ]
    ]


def _work(run: RunContext, sizes: Sequence[pack.Size]) -> pack.Work:
    """What the planner has to know of documents and questions."""
    asker, tokens = run.asker, [size.tokens for size in sizes]
    characters, lists = sum(size.chars for size in sizes), [size.printed for size in sizes]
    questions = tuple(
        (
            asker.overhead_tokens(question, 1),
            asker.expected.likely(question, len(sizes), characters, lists) // max(len(sizes), 1),
            asker.expected.reserve([question], sum(tokens) // max(len(sizes), 1)),
        )
        for question in _readings(run)
    )
    return pack.Work(
        len(sizes), sum(tokens), len(sizes) * pack.DOCUMENT_MARK_TOKENS, max(tokens, default=0), questions
    )
