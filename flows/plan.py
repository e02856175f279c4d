"""What a job would cost: the windows it would send, priced, before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from flows import packing, settings
from flows.answers import Task
from flows.asking import Desk
from processors.pack import windows as pack
from schemas.pipeline import SUMMARY, Part, Window
from schemas.printed_rows import likely_items

LIMITS = {"concurrency": "calls in flight", "rpm": "requests a minute", "tpm": "tokens a minute", "tpd": "tokens a day"}


@dataclass(frozen=True, slots=True)
class Estimate:
    """Files and pages that were read, tokens of the documents that are still to be asked about, and what asking costs."""

    files: int
    pages: int
    tokens: int
    windows: int
    remembered: int  # answers that the ledger holds already, free
    reason: str  # why so many windows
    exact: bool  # whether tokens were counted with the model's vocabulary
    learned: bool  # whether the tokens of replies are those that earlier ones had, or what the schemas let expect
    cost: pack.Cost
    assumed: str = ""  # which limits are assumed for the minutes, whose they are, and how to tell the account's, when they are not told
    unpriced: bool = False  # whether nobody knows what the provider charges for the model

    @property
    def free(self) -> bool:
        """Whether asking costs nothing, as by rules on this machine or on a machine of one's own."""
        return not self.windows or not (self.cost.worst_usd or self.unpriced)


@dataclass(frozen=True, slots=True)
class Agreed:
    """That somebody agrees to a price. A `budget_usd` that is not 0 holds for the run beside the job's; the lower one counts."""

    budget_usd: float = 0.0


Approve = Callable[[Estimate], bool | Awaitable[bool | Agreed]]  # may raise NotApproved, which says why not


def always(_: Estimate) -> bool:
    """Approve whatever it costs: who calls this from Python has decided; the budget still holds."""
    return True


def estimate(desk: Desk) -> Estimate:
    """Plan what is not answered yet, and price the requests. Nothing is sent, and no text is looked at but that of tables."""
    pending = desk.pending()
    begun = list(desk.remembered(pending))
    documents = [] if desk.job.replay else sorted(set[str]().union(*pending.values()))
    plan = packing.arranged(desk, documents)
    work: list[tuple[Window, Mapping[str, Collection[str]], int]] = [(window, pending, items) for window, items in _windows(desk, plan)]
    work += [(task.window, task.wanted, 0) for task in begun if not (task.recalled or desk.job.replay)]
    second = [] if desk.job.replay else list(_second_passes(desk, begun))
    scale = desk.count.mean / desk.count.factor
    calls = [list(_calls(desk, window, wanted, items)) for window, wanted, items in work]
    calls += [[call] for _, call in second]
    windows = [window for window, *_ in work] + [window for window, _ in second]
    calls += [[call] for size in plan.long if size.document in pending.get(SUMMARY, ()) for call in _reducing(desk, size)]
    return Estimate(
        files=sum(desk.warehouse.statuses(desk.inbox).values()),
        pages=sum(size["pages"] for size in desk.warehouse.extents(sorted(desk.warehouse.readable(desk.inbox)))),
        tokens=round(scale * sum(window.tokens for window in windows)),
        windows=len(windows),
        remembered=sum(task.recalled is not None for task in begun),
        reason=plan.reason,
        exact=desk.exact,
        learned=all(map(desk.asker.expected.knows, desk.questions)),
        cost=pack.cost(calls, packing.terms(desk), scale),
        assumed=_assumed(desk),
        unpriced=desk.asker.account.provider.key_needed and not desk.asker.account.model.priced,
    )


def _assumed(desk: Desk) -> str:
    """Which limits the minutes are reckoned with that nobody told."""
    told, assumed = desk.asker.account.limits, settings.assumed(desk.job)
    assumed_names = [field.name for field in fields(assumed) if getattr(assumed, field.name)]
    missing = [name for name in assumed_names if not getattr(told, name)]
    if not missing:
        return ""
    whose, flag = ("the catalogue's", "") if desk.asker.account.provider.assumed else (f"tier {settings.ASSUMED_TIER}'s", "--tier, or ")
    what = "limits" if missing == assumed_names else " and ".join(LIMITS[name] for name in missing)
    return f"{whose} {what}, since yours are not told ({flag}{', '.join(f'--{name}' for name in missing)})"


def _windows(desk: Desk, plan: packing.Plan) -> Iterator[tuple[Window, int]]:
    """The windows of a plan, without text, and the items of lists in each: a part for each document, several windows for a long one."""
    for group in plan.groups:
        yield _window(group.sizes), sum(likely_items(size.rows) for size in group.sizes)
    space = packing.alone(desk).alone
    for size in plan.long:
        number, tokens = pack.pieces(size.tokens, space, size.rows)
        piece = pack.Size(size.document, tokens, chars=size.chars // number)
        yield from ((_window([piece]), likely_items(size.rows) // number) for _ in range(number))


def _second_passes(desk: Desk, begun: Sequence[Task]) -> Iterator[tuple[Window, pack.Call]]:
    """The windows whose first pass is in the ledger and whose second is not, without text, and the call for each."""
    recalled = [task for task in begun if task.recalled]
    sizes = {size.document: size for size in packing.sizes_of(desk, sorted({one for task in recalled for one in task.window.documents}))}
    for question in desk.questions:
        for reading in desk.readings(question)[1:]:
            for task in recalled:
                left = desk.second_wanted(task, question)
                shown = [_seen(sizes[document], task.window) for document in sorted(left)]
                if shown:
                    window = _window(shown)
                    prompt = window.tokens + desk.asker.overhead_tokens(reading, len(shown))
                    reply = desk.asker.expected.likely(question, len(shown), sum(size.chars for size in shown))
                    yield window, pack.Call(prompt, 0, reply, desk.asker.reply_tokens(window, reading))


def _seen(size: pack.Size, window: Window) -> pack.Size:
    """The size of what a window shows of a document."""
    characters = sum(part.end - part.start for part in window.parts if part.document == size.document)
    return replace(size, tokens=size.tokens * characters // size.chars, chars=characters) if size.chars else size


def _reducing(desk: Desk, size: pack.Size) -> Iterator[pack.Call]:
    """The calls that make one summary of those of the pieces of a document, level by level, as `flows.summaries` does."""
    question = next(question for question in desk.questions if question.name == SUMMARY)
    bounds, overhead = packing.alone(desk), desk.asker.overhead_tokens(question, 1)
    number, _ = pack.pieces(size.tokens, bounds.alone, size.rows)
    reply = desk.asker.expected.likely(question, 1, size.chars // number)
    part = Part(size.document, 1, number, 0, 0, "", pack.PAGE_MARK_TOKENS + pack.ROLE_TOKENS + reply, role="summary")
    parts = [part] * number
    while len(parts) > 1:
        windows = [pack.window_of(group) for group in pack.groups(parts, bounds)]
        yield from (pack.Call(window.tokens + overhead, 0, reply, desk.asker.reply_tokens(window, question)) for window in windows)
        parts = parts[: len(windows)]


def _window(sizes: Sequence[pack.Size]) -> Window:
    parts = tuple(Part(size.document, 1, 1, 0, size.chars, "", size.tokens) for size in sizes)
    return Window(parts, sum(part.tokens for part in parts))


def _calls(desk: Desk, window: Window, wanted: Mapping[str, Collection[str]], items: int) -> Iterator[pack.Call]:
    """The call for each question about a window. Later questions about the same documents find their prefix cached."""
    cached = 0
    for question in desk.questions:
        if parts := tuple(part for part in window.parts if part.document in wanted.get(question.name, ())):
            shown = Window(parts, sum(part.tokens for part in parts))
            for reading in desk.readings(question):
                prompt = shown.tokens + desk.asker.overhead_tokens(reading, len(shown.documents))
                characters = sum(part.end - part.start for part in parts)
                reply = desk.asker.expected.likely(question, len(shown.documents), characters, items)
                thoughts = desk.asker.expected.thoughts(question)
                yield pack.Call(prompt, cached, reply + thoughts, desk.asker.reply_tokens(shown, reading, items))
                cached = shown.tokens
            cached = shown.tokens if shown == window else 0
