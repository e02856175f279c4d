"""When nothing may leave, and why: what a provider refuses comes in, the moment until which all wait goes out.

Refusals of requests that left together are one wave: they are one trouble, and double no pause. Each wave after which nobody got through
makes the next pause longer, with jitter, so that several machines do not come back at once. An overload now and then is the trouble of its
own call; when overloads outnumber replies, all wait. Whatever keeps everybody waiting for long is said to whoever watches, once, and whose
choice it is. It imports `limits` for what a place is, and `waits` for the words.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from octavo.processors.ask.pace.clock import Clock
from octavo.processors.ask.pace.limits import MINUTE_S, Permit
from octavo.processors.ask.waits import JITTER, SAY_FROM_S, whose

BACKOFF_S = 1.0  # first pause when the provider names none; doubled with each wave of refusals, with jitter
BACKOFF_MAX_S = 60.0
OTHERS_WAIT = "since another run of this account was told to wait."
OTHERS_SHARE = (
    "other runs of this account on this machine use its limits, and this one waits for its share of them."
)
LET_IN = 0.8  # overloads that one request that was let in makes up for (ours, 2026-11-30)
WAVE_S = 10.0  # refusals that are heard within so long may be of one wave (ours, 2026-11-23)


@dataclass(slots=True)
class _Overloads:
    """Overloads since they last were no more than what was let in, the first departure that met one, and replies since."""

    refusals: int = 0
    since: float = math.inf
    replies: int = 0

    def add(self, permit: Permit) -> None:
        """One more; replies before the first say nothing."""
        self.replies = self.replies if self.refusals else 0
        self.refusals += 1
        self.since = min(self.since, permit.number)


class Pauses:
    """The pauses of one account, as this process knows them."""

    def __init__(self, clock: Clock, hear: Callable[[str], None]) -> None:
        """`hear` gets a sentence when nothing will leave for long."""
        self._clock, self._hear = clock, hear
        self.until = -math.inf
        self._failures = 0  # refusals since a reply came
        self._going: dict[Permit, None] = {}  # those that left and of which nothing was heard, in their order
        self._numbers = itertools.count(1)
        self._trouble = _Overloads()
        self._said_until = self._refused_at = self._held_said = -math.inf
        self._held_since = math.inf
        self._wave = 0  # of refusals that was heard: what left after it is no part of it
        self._passed = 0  # the last wave after which somebody left and got through

    def pause(self, seconds: float, why: str, told_s: float | None = None) -> None:
        """Let nothing leave for so long, of which the provider named `told_s`; "" says nothing."""
        self.pause_for(seconds, why and f"{whose(seconds, told_s, self._failures)}: {why}")

    def pause_for(self, seconds: float, why: str) -> None:
        """Let nothing leave for so long; `why` says whose choice it is."""
        now = self._clock.now()
        self.until = max(self.until, now + seconds)
        if why and seconds > SAY_FROM_S and self.until > max(now, self._said_until) + SAY_FROM_S:
            self._said_until = self.until
            ends = datetime.fromtimestamp(self._clock.wall() + seconds, UTC)
            self._hear(f"Nothing is sent before {ends:%H:%M:%S} UTC, for {seconds:.0f} s, {why}")

    def hold(self, seconds: float, why: str) -> None:
        """Take note that who is next has to wait at least so long, beside all pauses; said once it is long in all, and then each minute."""
        now = self._clock.now()
        self._held_since = min(self._held_since, now)
        whole_s = now + seconds - self._held_since
        if whole_s > SAY_FROM_S and now + seconds > max(self._said_until, self._held_said + MINUTE_S):
            self._held_said = now + seconds
            self._hear(f"Nothing is sent for {whole_s:.0f} s or more: {why}")

    def go(self) -> None:
        """Somebody leaves: nobody is held."""
        self._held_since = math.inf

    def started(self, permit: Permit) -> None:
        """A request leaves: later waves are not its own."""
        permit.wave, permit.number = self._wave, next(self._numbers)
        self._going[permit] = None

    def succeeded(self, permit: Permit) -> None:
        """A reply came: of those waves after which its request left none was in vain."""
        self.ended(permit)
        self._passed = max(self._passed, permit.wave)
        self._failures = 0
        self._trouble.replies += 1

    def ended(self, permit: Permit) -> None:
        """A request is over, however."""
        self._going.pop(permit, None)

    @property
    def vain(self) -> int:
        """Waves since the last one after which somebody got through."""
        return self._wave - self._passed

    def is_news(self, permit: Permit) -> bool:
        """Whether a refusal is the first that is heard of those that left together; one in a long reply may be far from its departure."""
        return permit.wave == self._wave or self._clock.now() > self._refused_at + WAVE_S

    def new_wave(self, permit: Permit) -> bool:
        """Count a refusal; whether it begins a new wave."""
        self._failures += 1
        new = self.is_news(permit)
        if new:
            self._wave += 1
            self._refused_at = self._clock.now()
        return new

    def outnumbered(self, permit: Permit, by: int) -> bool:
        """Count a refusal that may be its call's own trouble; whether so many more of them are than were let in that it is not.

        Then a new wave begins. subtle: refusals come at once and replies late, so what left in between and is not refused was let in.
        """
        self.ended(permit)
        self._trouble.add(permit)
        since = self._trouble.since
        let_in = LET_IN * (
            self._trouble.replies + sum(since <= one.number <= permit.number for one in self._going)
        )
        if self._trouble.refusals - let_in < by:
            self._failures += 1
            if self._trouble.refusals <= let_in:
                self._trouble = _Overloads()
            return False
        self._trouble = _Overloads()
        return self.new_wave(permit)

    def backoff_s(self, told_s: float | None) -> float:
        """How long all wait: at least as told, longer with each wave in vain before this one, never the same for two machines."""
        grown_s = min(BACKOFF_MAX_S, BACKOFF_S * 2.0 ** min(max(0, self.vain - 1), 10))
        return max(told_s or 0.0, grown_s) * (1 + JITTER * self._clock.chance())
