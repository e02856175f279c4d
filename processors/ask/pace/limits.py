"""What an account allows and what is used of it: departures, replies and refusals come in, numbers go out. Nothing waits here.

A limit is told (by hand, by tier) or found: in a refusal, which names it, or in a header. The shape of the provider's minute is not
documented. So no sliding minute is passed, which keeps fixed ones too, and what leaves leaves evenly, which keeps a bucket however small.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

MINUTE_S = 60.0
SLACK_S = 1.0  # a minute is taken this much longer, since a request counts when it is there, not when it leaves (ours, 2026-11-23)
DAY_S = 86_400.0
DAY_SHIFT_S = 8 * 3_600.0  # the provider's day begins at 00:00 UTC+8 (inferred, 2026-11-23)
MOST_IN_FLIGHT = 256  # where no limit is known; more than any tier has (100, 2026-09-12)
TRY_MORE_S = 900.0  # a limit that was found is tried again, a little above, after so long: it may have been lowered for a while only
GROW_SHARE = 0.1  # while slots are sought, this share of those that are open is added a second, one by one (ours, 2026-11-23) ...
GROW_LEAST, GROW_MOST = (
    1.0,
    5.0,
)  # ... but so many at least and at most: those on their way when a refusal comes meet it too
GROW_SLOWLY = 10  # times as long it takes near the number at which refusals began
BUNCHED_S = 0.005  # more between requests after a refusal though the limit was kept, since they bunch on their way; twice as much each time
BUNCHED_LEAST, BUNCHED_MOST = (
    0.03,
    0.2,
)  # but so much of a request's part at least at first, and at most (all ours, 2026-11-30)
FORGOTTEN = 0.9998  # what is left of it after each request
LEAST_S = 0.001  # shorter differences between moments are rounding
MISCOUNT = 2.0  # our counts of tokens are corrected by at most this factor
_TIME = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s)?)?")


def minute_in(headers: Mapping[str, str], what: str) -> tuple[int, float]:
    """How many `requests` or `tokens` a minute headers allow, and for how many seconds none are left; 0 for what they do not tell.

    What is whole again later than in a minute is no limit of a minute. OpenAI and LiteLLM name both (developers.openai.com, rate limits,
    and docs.litellm.ai, 2026-11). Moonshot's help centre names `X-RateLimit-Limit` (2026-07-28), which no captured reply shows: what is
    left by it is not believed.
    """
    if limit := headers.get(f"x-ratelimit-limit-{what}", ""):
        left, reset = (headers.get(f"x-ratelimit-{name}-{what}", "") for name in ("remaining", "reset"))
    else:
        limit, left, reset = (
            headers.get("x-ratelimit-limit", "") if what == "requests" else "",
            "",
            headers.get("x-ratelimit-reset", ""),
        )
    reset_s = _seconds(reset)
    if not re.fullmatch(r"[0-9]{1,12}", limit) or reset_s > MINUTE_S:
        return 0, 0.0
    return int(limit), reset_s if left == "0" else 0.0


def _seconds(text: str) -> float:
    """A time such as 6m0s, 1.5s, 20ms or 7 in seconds; 0 for none, infinite for what is no time."""
    if not (found := _TIME.fullmatch(text)):
        return math.inf
    hours, minutes, seconds, unit = found.groups(default="")
    return (
        3_600 * int(hours or 0)
        + MINUTE_S * int(minutes or 0)
        + float(seconds or 0) / (1_000 if unit == "ms" else 1)
    )


def fitting(context_tokens: int, minute_tokens: int) -> int:
    """The largest window of which a whole number makes up a minute's tokens; the whole context when those are 0, which is any."""
    return minute_tokens // -(-minute_tokens // context_tokens) if minute_tokens else context_tokens


def day_began(now: datetime | None = None) -> str:
    """When the provider's day began, in UTC as the ledger writes times; `now` is this moment unless given."""
    there = (now or datetime.now(UTC)).astimezone(timezone(timedelta(seconds=DAY_SHIFT_S)))
    return (
        there.replace(hour=0, minute=0, second=0, microsecond=0)
        .astimezone(UTC)
        .isoformat(timespec="milliseconds")
    )


@dataclass(slots=True)
class Limit:
    """One number that the account allows. `told` is what the user says, never passed; `now` is what is kept; 0 is "not known"."""

    told: int
    now: int = 0
    found_at: float = math.inf
    step: int = 0

    def __post_init__(self) -> None:
        self.now = self.told

    def find(self, allowed: int, at: float) -> bool:
        """Take the number that the provider names; gives whether that is news."""
        before, self.step = self.now, 0
        if allowed:
            self.now = min(allowed, self.told or allowed)
        self.found_at = at if self.now != self.told else math.inf
        return self.now != before

    def more_at(self) -> float:
        """When a little more than what was found may be tried; never when it is what was told."""
        return self.found_at + (MINUTE_S if self.step else TRY_MORE_S)

    def try_more(self, at: float) -> None:
        """After a long time without refusal allow a hundredth more, then more and more each minute, up to what was told."""
        if at < self.more_at():
            return
        self.step = self.step * 2 or max(1, self.now // 100)
        self.now = min(self.now + self.step, self.told or self.now + self.step)
        self.found_at = at if self.now != self.told else math.inf


@dataclass(slots=True, eq=False)
class Permit:
    """One attempt's place in the books."""

    tokens: int
    day: int
    asked_tokens: int  # before the correction of our counts
    entered_at: float = 0.0  # when it was let go, and with how many tokens
    entered_tokens: int = 0
    at: float = math.inf  # when it left
    number: int = 0  # of those that left, in their order
    wave: int = 0  # of refusals that was the last one then
    counted: bool = True  # in the minute still
    free_at: float = -math.inf  # since when it might have left
    rest_s: float = 0.0  # how long its call waits before it goes on, when the others do not


class Minute:
    """The attempts of the last minute and those about to leave, with the tokens they reserve; and when the next may leave.

    Each attempt takes its part of the minute, by requests or by tokens, whichever is more, and the next leaves when that has passed. A
    bucket that the provider refills by the second is then never emptier than it was before, and a minute of any kind is never over.
    """

    def __init__(self, rpm: Limit, tpm: Limit) -> None:
        """Nothing left yet. The limits are those of the account, as they change."""
        self.requests = self.tokens = 0
        self._rpm, self._tpm = rpm, tpm
        self._left: deque[Permit] = deque()
        self._free_at = -math.inf  # when the part of who left last has passed
        self._bunched_s = 0.0

    def part_s(self, tokens: int) -> float:
        """Seconds of the minute that a request of so many tokens takes; the whole minute when it is larger than that."""
        shares = [used / limit.now for used, limit in ((1, self._rpm), (tokens, self._tpm)) if limit.now]
        return min(1.0, max(shares)) * (MINUTE_S + SLACK_S) + self._bunched_s if shares else 0.0

    def enter(self, permit: Permit, now: float) -> None:
        """Count an attempt that is about to leave; it counts until a minute after it did."""
        self.requests += 1
        self.tokens += permit.tokens
        permit.free_at = self._free_at
        self._space(permit, now)

    def leave(self, permit: Permit, now: float) -> None:
        """Start the minute of an attempt."""
        permit.at = now
        self._left.append(permit)
        self._bunched_s *= FORGOTTEN
        self._space(permit, now)

    def refused(self, permit: Permit, now: float, *, news: bool) -> None:
        """Let the next leave later: after who was let in last when the limit is news, else as if this one had left now, and more apart."""
        if news:
            now = max((one.at for one in self._left if one is not permit and one.tokens), default=-math.inf)
        else:
            part_s = self.part_s(permit.tokens)
            more_s = max(BUNCHED_S, BUNCHED_LEAST * min(part_s, 1.0), 2 * self._bunched_s)
            self._bunched_s = max(self._bunched_s, min(more_s, BUNCHED_MOST * part_s))
        self._space(permit, now)

    def _space(self, permit: Permit, now: float) -> None:
        """Let the next leave no earlier than when the part of this one has passed."""
        self._free_at = max(self._free_at, now + self.part_s(permit.tokens))

    def take_back(self, permit: Permit) -> None:
        """Forget an attempt that was about to leave and never did."""
        self.requests -= 1
        self.tokens -= permit.tokens
        permit.counted = False
        self._free_at = permit.free_at

    def recount(self, permit: Permit, tokens: int) -> None:
        """Correct the tokens of an attempt."""
        if permit.counted:
            self.tokens += tokens - permit.tokens
        permit.tokens = tokens

    def forget(self, now: float) -> None:
        """Drop what left longer ago than a minute."""
        while self._left and self._left[0].at + MINUTE_S + SLACK_S <= now:
            permit = self._left.popleft()
            permit.counted = False
            self.requests -= 1
            self.tokens -= permit.tokens

    def wait_s(self, tokens: int, now: float) -> float:
        """Seconds until it is worth to look again whether so many tokens may leave; 0 when they may now, inf when nobody left yet.

        A request over the whole minute's tokens may leave alone: the provider then says what it thinks of it.
        """
        return max(0.0, self._free_at - now, self._room_s(tokens, now))

    def why(self, tokens: int, now: float) -> str:
        """Which limit keeps a request of so many tokens waiting, who named it, and whether it is used up or kept evenly."""
        full = self._full(tokens) if self._room_s(tokens, now) > self._free_at - now + LEAST_S else None
        by_tokens = self._tpm.now and (not self._rpm.now or tokens * self._rpm.now > self._tpm.now)
        limit = full or (self._tpm if by_tokens else self._rpm)
        what = "tokens" if limit is self._tpm else "requests"
        who = "the job" if limit.now == limit.told else "the provider"
        how = "are used" if full else "are spread evenly over it"
        return (
            f"the account's {limit.now:,} {what} a minute {how}, a limit that {who} named and Octavo keeps."
        )

    def _room_s(self, tokens: int, now: float) -> float:
        """Seconds until the minute may have room for so many tokens."""
        self.forget(now)
        if self._full(tokens) is None:
            return 0.0
        return self._left[0].at + MINUTE_S + SLACK_S - now if self._left else math.inf

    def _full(self, tokens: int) -> Limit | None:
        """The limit that has no room left in this minute."""
        if self.requests and 0 < self._rpm.now <= self.requests:
            return self._rpm
        return self._tpm if self.requests and 0 < self._tpm.now < self.tokens + tokens else None


class Day:
    """Tokens reserved in the provider's day."""

    def __init__(self) -> None:
        """Nothing spent."""
        self.number, self.tokens = 0, 0

    def turn(self, wall_s: float) -> None:
        """Begin a new day when it is time; `wall_s` are seconds since 1970."""
        number = int((wall_s + DAY_SHIFT_S) // DAY_S)
        if number != self.number:
            self.number, self.tokens = number, 0

    def recount(self, permit: Permit, tokens: int) -> None:
        """Correct the tokens of an attempt of this day."""
        if permit.day == self.number:
            self.tokens += tokens - permit.tokens


class Slots:
    """Calls in flight, and how many there may be: as told, or found by starting with few and adding some while none is refused."""

    def __init__(self, told: int, begin: int) -> None:
        """`told` is the account's concurrency, 0 when it is not known: then `begin` are the first."""
        self.limit = Limit(told)
        self.in_flight = 0
        self._open = told or begin
        self._trouble_at = math.inf  # how many were open when the last refusals began
        self._changed_at = -math.inf

    def open_known(self) -> None:
        """Begin with as many as were found before."""
        self._open = max(self._open, self.limit.now)

    @property
    def most(self) -> int:
        """Most that may be open by what is known."""
        return self.limit.now or MOST_IN_FLIGHT

    @property
    def open(self) -> int:
        """How many may be in flight now."""
        return min(self._open, self.most)

    @property
    def free(self) -> bool:
        """Whether one more may leave."""
        return self.in_flight < self.open

    def grow_at(self) -> float:
        """When one more may be opened if all are taken; when as many are open as may be, when that number is tried again."""
        if self._open >= self.most:
            return self.limit.more_at()
        near_trouble = 0.9 <= self._open / self._trouble_at <= 1.1
        a_second = max(GROW_LEAST, min(GROW_MOST, GROW_SHARE * self._open))
        return self._changed_at + (GROW_SLOWLY if near_trouble else 1) / a_second

    def grow(self, now: float) -> None:
        """Open one more: all are taken, and nobody was refused lately. A refusal comes at once, so silence means that all were let in."""
        self.limit.try_more(now)
        self._open = min(self.most, self._open + 1)
        self._changed_at = now

    def shrink(self, to: int, now: float, *, again: bool) -> None:
        """Go on with fewer; `again` when nothing came since they were fewer already, so that this says nothing about their number."""
        if not again:
            self._trouble_at = max(1, min(self._open, self.in_flight))
        self._open, self._changed_at = max(1, min(self._open, to)), now


class Miscount:
    """By how much the provider counts more or fewer tokens than we do, learned from replies; the last ten or so count."""

    def __init__(self) -> None:
        """Trust our counts."""
        self._ours = self._theirs = 1.0

    def learn(self, ours: int, theirs: int) -> None:
        """One reply's tokens, in our count and in the provider's."""
        self._ours, self._theirs = 0.9 * self._ours + ours, 0.9 * self._theirs + theirs

    def corrected(self, tokens: int) -> int:
        """Our count as the provider would give it."""
        return math.ceil(tokens * max(1 / MISCOUNT, min(MISCOUNT, self._theirs / self._ours)))
