"""What a job would cost: the windows it would send, priced, before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace

from octavo.flows import settings
from octavo.flows.answering import backlog, packing, stated
from octavo.flows.consent import Estimate
from octavo.flows.context import RunContext
from octavo.flows.stored_replies import WindowTask
from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import SUMMARY, Part, Window
from octavo.schemas.text.printed_lists import PrintedList

Lists = Sequence[PrintedList]  # what the documents of a window print, in their order
TASKS_AT_ONCE = 500  # windows of which the sizes are looked up together
LIMITS = {
    "concurrency": "calls in flight",
    "rpm": "requests a minute",
    "tpm": "tokens a minute",
    "tpd": "tokens a day",
}


def estimate(run: RunContext) -> Estimate:
    """Plan what is not answered yet, and price the requests. Nothing is sent, and no text is looked at but that of tables."""
    pending = backlog.pending(run)
    stated.taken(run, pending)
    changed = sum(len(documents & _answered_otherwise(run, name)) for name, documents in pending.items())
    stored = list(backlog.stored(run, pending))
    whole = _Planned()
    for plan in packing.planned(run, [] if run.job.replay else sorted(set[str]().union(*pending.values()))):
        whole.reason = whole.reason or plan.reason
        for window, lists in _windows(run, plan):
            whole.add(window, list(_calls(run, window, pending, lists)))
        summed = [size for size in plan.long if size.document in pending.get(SUMMARY, ())]
        whole.calls += [[call] for size in summed for call in _reducing(run, size)]
    if not run.job.replay:
        for task in stored:
            if not task.stored:
                whole.add(task.window, list(_calls(run, task.window, task.wanted, ())))
        for window, call in _second_passes(run, stored):
            whole.add(window, [call])
    scale = run.count.mean / run.count.factor
    return Estimate(
        files=sum(run.warehouse.statuses(run.inbox).values()),
        pages=run.warehouse.page_count(run.inbox),
        tokens=round(scale * whole.tokens),
        windows=whole.windows,
        stored=sum(task.stored is not None for task in stored),
        reason=whole.reason or packing.arranged(run, ()).reason,
        exact=run.count.exact,
        learned=all(map(run.asker.expected.knows, run.questions)),
        cost=pack.cost(whole.calls, packing.terms(run), scale, answered=list(_answered(run, stored))),
        changed=changed,
        assumed=_assumed(run),
        unpriced=run.asker.account.provider.key_needed and not run.asker.account.model.priced,
    )


@dataclass(slots=True)
class _Planned:
    """All windows that were planned: how many, their tokens, the calls about each, and why there are so many."""

    windows: int = 0
    tokens: int = 0
    reason: str = ""
    calls: list[list[pack.Call]] = field(default_factory=list)

    def add(self, window: Window, calls: list[pack.Call]) -> None:
        """Count a window."""
        self.windows += 1
        self.tokens += window.tokens
        self.calls.append(calls)


def _answered_otherwise(run: RunContext, name: str) -> set[str]:
    """The documents that have an answer to a question of that name, whatever it was and whoever gave it."""
    return {row["document"] for row in run.warehouse.each(name, ["document"])}


def _assumed(run: RunContext) -> str:
    """Which limits the minutes are reckoned with that nobody told."""
    told, assumed = run.asker.account.limits, settings.assumed(run.job)
    assumed_names = [field.name for field in fields(assumed) if getattr(assumed, field.name)]
    missing = [name for name in assumed_names if not getattr(told, name)]
    if not missing:
        return ""
    whose, flag = (
        ("the catalogue's", "")
        if run.asker.account.provider.assumed
        else (f"tier {settings.ASSUMED_TIER}'s", "--tier, or ")
    )
    what = "limits" if missing == assumed_names else " and ".join(LIMITS[name] for name in missing)
    return f"{whose} {what}, since yours are not told ({flag}{', '.join(f'--{name}' for name in missing)})"


def _windows(run: RunContext, plan: packing.Plan) -> Iterator[tuple[Window, Lists]]:
    """The windows of a plan, without text, and the lists in each: a part for each document, several windows for a long one."""
    for group in plan.groups:
        yield _window(group.sizes), [size.printed for size in group.sizes]
    space = packing.alone(run).alone
    for size in plan.long:
        number, tokens = pack.pieces(size.tokens, space, size.rows)
        piece = pack.Size(size.document, tokens, chars=size.chars // number)
        yield from ((_window([piece]), [size.printed.part(number)]) for _ in range(number))


def _second_passes(run: RunContext, stored: Sequence[WindowTask]) -> Iterator[tuple[Window, pack.Call]]:
    """The windows whose first pass is in the ledger and whose second is not, without text, and the call for each."""
    for task, sizes in _sized(run, [task for task in stored if task.stored]):
        for question in run.questions:
            for reading in run.readings(question)[1:]:
                left = backlog.second_pass_missing(run, task, question)
                shown = [_seen(sizes[document], task.window) for document in sorted(left)]
                if shown:
                    window = _window(shown)
                    prompt = window.tokens + run.asker.overhead_tokens(reading, len(shown))
                    reply = run.asker.expected.likely(question, len(shown), sum(size.chars for size in shown))
                    yield window, pack.Call(prompt, 0, reply, run.asker.reply_tokens(window, reading))


def _answered(run: RunContext, stored: Sequence[WindowTask]) -> Iterator[pack.Call]:
    """The calls whose replies are in the ledger and not yet in the tables: what fails in them is asked again by this run."""
    tasks = [] if run.job.replay else [task for task in stored if task.stored]
    for task, sizes in _sized(run, tasks):
        shown = [_seen(sizes[one], task.window) for one in task.window.documents if one in sizes]
        window = _window(shown)
        for question in run.questions:
            if shown and question.name in task.wanted:
                prompt = window.tokens + run.asker.overhead_tokens(question, len(shown))
                yield pack.Call(prompt, 0, 0, run.asker.reply_tokens(window, question))


def _sized(
    run: RunContext, tasks: Sequence[WindowTask]
) -> Iterator[tuple[WindowTask, Mapping[str, pack.Size]]]:
    """Tasks with the sizes of the documents of their windows, those of some hundred windows in memory at once."""
    for start in range(0, len(tasks), TASKS_AT_ONCE):
        some = tasks[start : start + TASKS_AT_ONCE]
        documents = sorted({one for task in some for one in task.window.documents})
        sizes = {size.document: size for size in packing.sizes_of(run, documents)}
        yield from ((task, sizes) for task in some)


def _seen(size: pack.Size, window: Window) -> pack.Size:
    """The size of what a window shows of a document."""
    characters = sum(part.end - part.start for part in window.parts if part.document == size.document)
    return (
        replace(size, tokens=size.tokens * characters // size.chars, chars=characters) if size.chars else size
    )


def _reducing(run: RunContext, size: pack.Size) -> Iterator[pack.Call]:
    """The calls that make one summary of those of the pieces of a document, level by level, as `octavo.flows.answering.summaries` does."""
    question = next(question for question in run.questions if question.name == SUMMARY)
    bounds, overhead = packing.alone(run), run.asker.overhead_tokens(question, 1)
    number, _ = pack.pieces(size.tokens, bounds.alone, size.rows)
    reply = run.asker.expected.likely(question, 1, size.chars // number)
    part = Part(
        size.document, 1, number, 0, 0, "", pack.PAGE_MARK_TOKENS + pack.ROLE_TOKENS + reply, role="summary"
    )
    parts = [part] * number
    while len(parts) > 1:
        windows = [pack.window_of(group) for group in pack.groups(parts, bounds)]
        yield from (
            pack.Call(window.tokens + overhead, 0, reply, run.asker.reply_tokens(window, question))
            for window in windows
        )
        parts = parts[: len(windows)]


def _window(sizes: Sequence[pack.Size]) -> Window:
    parts = tuple(Part(size.document, 1, 1, 0, size.chars, "", size.tokens) for size in sizes)
    return Window(parts, sum(part.tokens for part in parts))


def _calls(
    run: RunContext, window: Window, wanted: Mapping[str, Collection[str]], lists: Lists
) -> Iterator[pack.Call]:
    """The calls for each question about a window. Later questions about the same documents find their prefix cached."""
    cached = 0
    printed = dict(zip(window.documents, lists, strict=False))
    for question in run.questions:
        if parts := tuple(part for part in window.parts if part.document in wanted.get(question.name, ())):
            shown = Window(parts, sum(part.tokens for part in parts))
            own = [printed.get(document, PrintedList()) for document in shown.documents]
            characters = sum(part.end - part.start for part in parts)
            for reading in run.readings(question):
                prompt = shown.tokens + run.asker.overhead_tokens(reading, len(own))
                reply = run.asker.expected.likely(question, len(own), characters, own)
                limit = run.asker.reply_tokens(shown, reading, own)
                first = pack.Call(prompt, cached, reply + run.asker.expected.thoughts(question), limit)
                yield from pack.carried_on(first) if run.asker.account.model.partial else [first]
                cached = shown.tokens
            cached = shown.tokens if shown == window else 0
