"""How many windows to make, and what they cost: documents, questions, prices and limits in; a number with its reason, dollars, minutes out.

The fewest tokens come first, since every window pays for its instruction and its question again. But the reply is the slow side: with 15
calls in flight at 40 tokens a second, one window of 100 documents takes 15 times as long as 15 windows of 7. So, among the numbers of
windows whose prompts have at most `ASIDE` of their documents beside them, the fewest that take at most `SLOWER` longer than the fastest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from heapq import heapreplace
from typing import NamedTuple

ASIDE = 0.05  # of what the documents alone cost to read: most that their marks, instructions and questions may cost for shorter waiting ...
SPARE_TOKENS, LONG_S = (
    10_000,
    60.0,
)  # ... or, where one would wait for over a minute, so many tokens: a cent with kimi-k2.6
SLOWER = 0.05  # share of the time below which more windows are not worth their tokens
FIRST_TOKEN_S = 0.5  # from sending to the first token of the reply; nobody documents it, assumed 2026-11
PREFILL_TOKENS_PER_S = 8_000.0  # how fast a prompt is read; assumed as well
CANDIDATES = 200  # numbers of windows that are looked at
MINUTE_S, DAY_S = 60.0, 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an account pays and gets."""

    prices_usd: tuple[float, float, float]  # per million tokens: fresh, cached, out; all 0 when none is known
    tokens_per_second: float  # of one reply
    limits: tuple[
        int, int, int, int
    ]  # calls in flight, requests and tokens a minute, tokens a day; 0 for none
    live: bool = True  # False in batches, which answer when they like

    def usd(self, prompt: float, cached: float, reply: float) -> float:
        """What so many tokens cost."""
        fresh_usd, cached_usd, out_usd = self.prices_usd
        return ((prompt - cached) * fresh_usd + cached * cached_usd + reply * out_usd) / 1e6

    def weight(self, prompt: float, cached: float, reply: float) -> float:
        """What is kept low: dollars, or tokens where no price is known."""
        return self.usd(prompt, cached, reply) or prompt - cached + reply


ASKED_AGAIN = 2  # times: in a smaller question, and alone
AGAIN_LIMIT = 3  # times as long a reply may be then, as `ask.replies` has it
COMPLAINT_TOKENS = 700  # at the most told of what was wrong, in 2,000 characters (`check.reask`)


MOST_STEPS = 4  # in which a reply that is cut short is carried on, as `ask.continuation` has it


class Call(NamedTuple):
    """One request, in tokens. `cached` is a part of the prompt; `limit` is the most that the reply may have."""

    prompt: int
    cached: int
    reply: int
    limit: int


@dataclass(frozen=True, slots=True)
class Cost:
    """The price of asking. `prompt_tokens` and `reply_tokens` are expected ones.

    `worst_usd` is the most that first answers can cost; `most_usd` what the run may cost with asking again and carrying on, and no more.
    """

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    usd: float = 0.0
    worst_usd: float = 0.0
    minutes: float = 0.0
    most_usd: float = 0.0


def carried_on(call: Call) -> list[Call]:
    """A call as those that its reply takes when it is longer than its limit: each step reads again what was said, the rest from the cache.

    >>> carried_on(Call(1_000, 0, 250, 100))
    [Call(prompt=1000, cached=0, reply=100, limit=100), Call(prompt=1100, cached=1000, reply=100, limit=100), \
Call(prompt=1200, cached=1000, reply=50, limit=100)]
    """
    steps = min(MOST_STEPS, max(0, -(-call.reply // max(1, call.limit)) - 1))
    made = [call._replace(reply=min(call.reply, call.limit) if steps else call.reply)]
    for step in range(1, steps + 1):
        said = step * call.limit
        made.append(Call(call.prompt + said, call.prompt, min(call.limit, call.reply - said), call.limit))
    return made


def cost(
    windows: Sequence[Sequence[Call]], terms: Terms, scale: float = 1.0, *, answered: Sequence[Call] = ()
) -> Cost:
    """The cost of windows, each with its calls, which follow one another. `answered` are those whose replies are stored and not judged yet.

    `scale` is what is expected of tokens that were counted on the safe side; the worst case and the pace take them as they are.
    """
    calls = [call for window in windows for call in window]
    safe, cached, reply, limit = (
        (sum(column) for column in zip(*calls, strict=True)) if calls else (0, 0, 0, 0)
    )
    prompt, cached = round(scale * safe), round(scale * cached)
    work = [sum(_seconds(call, terms) for call in window) for window in windows]
    ended_s = max(
        _makespan_s(work, terms.limits[0]),
        _last_leaves_s(len(calls), safe + limit, terms, evenly=True) + min(work, default=0.0),
    )
    usd = terms.usd(prompt, cached, reply)
    worst = terms.usd(safe, 0, limit)
    most = worst + sum(_more_usd(call, terms) for call in (*calls, *answered))
    return Cost(len(calls), prompt, cached, reply, usd, worst, ended_s / MINUTE_S, most)


def _more_usd(call: Call, terms: Terms) -> float:
    """What may be paid after a first answer: it is carried on once, and all of it is asked again twice, with room for a longer reply."""
    carried_on = terms.usd(call.prompt + call.limit, 0, call.limit)
    again = terms.usd(call.prompt + COMPLAINT_TOKENS, 0, AGAIN_LIMIT * call.limit)
    return carried_on + ASKED_AGAIN * again


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be asked about documents that share windows: how many, their tokens, those of their marks, those of the longest."""

    documents: int
    tokens: int  # marks included
    marks: int
    longest: int
    questions: tuple[
        tuple[int, int, int], ...
    ]  # tokens beside the documents in a window; of the reply about a document; its limit


@dataclass(frozen=True, slots=True)
class Choice:
    """How many windows to make, and why, as a person should read it."""

    windows: int
    reason: str


def choose(work: Work, fewest: int, terms: Terms) -> Choice:
    """The number of windows for documents that fit into `fewest`."""
    if not fewest:
        return Choice(0, "nothing to ask")
    if not terms.live:
        return Choice(fewest, "the fewest, since a batch has no hurry")
    most = _most(work, fewest, terms)
    times = {
        windows: _time_s(work, windows, terms)
        for windows in _candidates(fewest, most, terms.limits[0] or work.documents)
    }
    windows = min(number for number, time_s in times.items() if time_s <= (1 + SLOWER) * min(times.values()))
    if windows > fewest:
        dearer = _weight(work, windows, terms) / _weight(work, fewest, terms) - 1
        saved = f"{_said(times[windows])} instead of {_said(times[fewest])} for {dearer:.1%} more"
        return Choice(windows, f"{fewest} would do, but leave calls idle: {saved}")
    if most == fewest < work.documents:
        return Choice(fewest, f"the fewest; with more, over {ASIDE:.0%} of the prompts would be no documents")
    return Choice(fewest, "the fewest; more would hardly be faster")


def _most(work: Work, fewest: int, terms: Terms) -> int:
    """The largest number of windows that is not too dear. Each further one costs the same."""
    overhead = sum(tokens for tokens, _, _ in work.questions)
    further = terms.weight(overhead, 0, 0)
    aside = ASIDE * _reading(work, work.tokens - work.marks, terms) - _reading(work, work.marks, terms)
    affordable = int(aside / further) if further else work.documents
    spare = SPARE_TOKENS // max(1, overhead) if _time_s(work, fewest, terms) > LONG_S else 0
    return max(fewest, min(work.documents, max(affordable, fewest + spare)))


def _reading(work: Work, tokens: int, terms: Terms) -> float:
    """What it costs to read so many tokens of documents for every question; they are cached after the first."""
    times = len(work.questions)
    return terms.weight(times * tokens, (times - 1) * tokens, 0)


def _candidates(fewest: int, most: int, in_flight: int) -> list[int]:
    """Numbers of windows that are worth a look: the ends, and those that fill every round of calls."""
    first = -(-fewest // in_flight) * in_flight
    return sorted({fewest, most, *list(range(first, most + 1, in_flight))[:CANDIDATES]})


def _weight(work: Work, windows: int, terms: Terms) -> float:
    prompt = sum(windows * overhead + work.tokens for overhead, _, _ in work.questions)
    cached = (len(work.questions) - 1) * work.tokens
    return terms.weight(prompt, cached, work.documents * sum(reply for _, reply, _ in work.questions))


def _time_s(work: Work, windows: int, terms: Terms) -> float:
    """Seconds that so many windows take when documents are spread evenly, and one of them holds the longest document."""
    most_documents = -(-work.documents // windows)
    even = Call(max(work.tokens // windows, work.longest), 0, 0, 0)
    each_s = _seconds(even, terms) + sum(
        _seconds(Call(overhead, 0, reply * most_documents, 0), terms) for overhead, reply, _ in work.questions
    )
    charged = sum(
        windows * overhead + work.tokens + work.documents * limit for overhead, _, limit in work.questions
    )
    rounds = -(-windows // min(terms.limits[0] or windows, windows))
    return max(rounds * each_s, _last_leaves_s(windows * len(work.questions), charged, terms) + each_s)


def _seconds(call: Call, terms: Terms) -> float:
    """How long a call takes. What is cached is read at once."""
    return (
        FIRST_TOKEN_S
        + (call.prompt - call.cached) / PREFILL_TOKENS_PER_S
        + call.reply / terms.tokens_per_second
    )


def _last_leaves_s(calls: int, charged_tokens: int, terms: Terms, *, evenly: bool = False) -> float:
    """When the last call may leave, as far as requests and tokens a minute and tokens a day go.

    Calls leave `evenly`. Where windows are only compared a minute's worth is taken to leave at once: else more and smaller ones would look
    faster for being smaller, and each has to be paid for.
    """
    _, rpm, tpm, tpd = terms.limits
    minutes = [amount / most for amount, most in ((calls, rpm), (charged_tokens, tpm)) if most and amount]
    days = max(0, charged_tokens - 1) // tpd if tpd else 0
    worth = max(minutes, default=0.0)
    last = worth * (1 - 1 / calls) if evenly and calls else max(0, math.ceil(worth) - 1)
    return max(MINUTE_S * last, DAY_S * days)


def _makespan_s(work_s: Iterable[float], in_flight: int) -> float:
    """When the last of some pieces of work is done that are taken in order by whoever is free; 0 in flight for no limit."""
    pieces = list(work_s)
    ends = [0.0] * min(in_flight or len(pieces), len(pieces))
    for piece_s in pieces:
        heapreplace(ends, ends[0] + piece_s)
    return max(ends, default=0.0)


def _said(seconds: float) -> str:
    return f"{seconds / MINUTE_S:.0f} min" if seconds >= 2 * MINUTE_S else f"{seconds:.0f} s"
