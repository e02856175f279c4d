"""What an organisation may do: attempts and reservations come in, tickets or Refusals go out. One Org for all its keys and models [D]."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

from tests.emulator import refusals
from tests.emulator.catalogue import TIERS, TIERS_UNTIL_AUGUST, Tier
from tests.emulator.clock import Clock
from tests.emulator.config import Config

_DAY_S = 86_400.0
_ROUNDING = 1e-9


@dataclass(slots=True)
class Ticket:
    """A place taken: tokens reserved at a moment; `day` is the day they count for; `counted` while the window holds them."""

    at: float
    tokens: int
    day: int
    counted: bool = True


class Bucket:
    """One limit as a bucket that is emptied by the second: what is larger than it is taken when it is empty."""

    def __init__(self, now: float) -> None:
        self.level = 0.0
        self._at = now

    def drain(self, now: float, a_second: float) -> None:
        """What time has taken out."""
        self.level, self._at = max(0.0, self.level - (now - self._at) * a_second), now

    def over(self, amount: float, size: float) -> float:
        """By how much an amount does not fit; 0 when it does."""
        over = self.level + amount - max(size, amount)
        return over if over > _ROUNDING * amount else 0.0


class Org:
    """Calls in flight, the last minute's attempts and tokens, the day's tokens, and the money of one organisation."""

    def __init__(self, name: str, config: Config, clock: Clock) -> None:
        self.name = name
        self.in_flight = 0
        self.spent_usd = 0.0
        self._config = config
        self._clock = clock
        self._attempts: deque[float] = deque()
        self._tickets: deque[Ticket] = deque()
        self._minute_tokens = 0
        self._rpm, self._tpm = Bucket(clock.window_now()), Bucket(clock.window_now())
        self._day = 0
        self._day_tokens = 0

    def tier(self) -> Tier:
        """The limits in force now: tier by organisation, schedule or setting, then custom values."""
        config, now = self._config, self._clock.now()
        number = config.org_tiers.get(self.name, config.tier)
        begun = [second for second in config.tier_at if second <= now]
        if begun:
            number = config.tier_at[max(begun)]
        base = (TIERS_UNTIL_AUGUST if config.limits_of_august else TIERS)[number]
        custom = {name: config.limit(name) for name in ("concurrency", "rpm", "tpm", "tpd")}
        return Tier(
            **{name: getattr(base, name) if value is None else value for name, value in custom.items()}
        )

    @property
    def balance_usd(self) -> float:
        """What is left of the setting after what was spent."""
        return self._config.balance_usd - self.spent_usd

    @property
    def rpm_used(self) -> int:
        """Attempts in the window."""
        return len(self._attempts)

    @property
    def tpm_used(self) -> int:
        """Tokens reserved in the window."""
        return self._minute_tokens

    def attempt(self) -> float:
        """Counts an attempt; returns its moment, by which it can be forgotten."""
        self._forget()
        self._attempts.append(self._clock.window_now())
        full = max(1.0, self._size(self.tier().rpm))
        self._rpm.level = min(self._rpm.level, full) + 1  # refused ones fill it too
        return self._attempts[-1]

    def forget_attempt(self, moment: float) -> None:
        """Takes an attempt back, for settings in which refused ones do not count."""
        if moment in self._attempts:
            self._attempts.remove(moment)
            self._rpm.level -= 1

    def admit(self, ak: str, tokens: int) -> Ticket:
        """A ticket for so many tokens, or the Refusal of the first limit that is passed [I: the order]."""
        self._forget()
        self._check(f"{self.name}<{ak}>", tokens)
        ticket = Ticket(self._clock.window_now(), tokens, self._day)
        self._tickets.append(ticket)
        self._tpm.level += tokens
        self._minute_tokens += tokens
        self._day_tokens += tokens
        self.in_flight += 1
        return ticket

    def count_request(self, ak: str) -> None:
        """Checks requests a minute alone, for endpoints that use no tokens."""
        limit = self.tier().rpm
        if self._too_fast(limit):
            raise refusals.rpm(f"{self.name}<{ak}>", limit, self._config.after_s)

    def release(self, ticket: Ticket, used: int) -> None:
        """Gives the place back; with `refund` the tokens that were not used as well."""
        self.in_flight -= 1
        if self._config.refund == "actual" and used < ticket.tokens:
            back, ticket.tokens = ticket.tokens - used, used
            self._tpm.level = max(0.0, self._tpm.level - back)
            if ticket.counted:
                self._minute_tokens -= back
            if ticket.day == self._day:
                self._day_tokens -= back

    def _check(self, who: str, tokens: int) -> None:
        config, tier = self._config, self.tier()
        if self.balance_usd <= 0:
            raise refusals.suspended(who) if config.quota_text == "suspended" else refusals.token_quota(who)
        if self.in_flight >= tier.concurrency:
            raise refusals.concurrency(who, tier.concurrency, config.after_s)
        if self._too_fast(tier.rpm):
            raise refusals.rpm(who, tier.rpm, config.after_s)
        if over := self._too_many(tokens, tier.tpm):
            raise refusals.tpm(who, tier.tpm + over, tier.tpm)
        if tier.tpd and self._day_tokens + tokens > tier.tpd:
            raise refusals.tpd(who, self._day_tokens + tokens, tier.tpd)

    def _size(self, limit: int) -> float:
        """What a bucket holds."""
        return limit * self._config.burst_s / self._config.window_s

    def _too_fast(self, limit: int) -> bool:
        """Whether the attempt that was counted last is over the requests a minute."""
        if self._config.window != "bucket":
            return self.rpm_used > limit
        return self._rpm.level > max(1.0, self._size(limit)) + _ROUNDING

    def _too_many(self, tokens: int, limit: int) -> int:
        """By how much so many tokens are over the tokens a minute."""
        if self._config.window != "bucket":
            return max(0, self._minute_tokens + tokens - limit)
        return math.ceil(self._tpm.over(tokens, self._size(limit)))

    def _forget(self) -> None:
        """Drops what has left the window, and begins a new day when it is time."""
        now, window = self._clock.window_now(), self._config.window_s
        tier = self.tier()
        self._rpm.drain(now, tier.rpm / window)
        self._tpm.drain(now, tier.tpm / window)
        start = now - now % window - 1e-9 if self._config.window == "fixed" else now - window
        while self._attempts and self._attempts[0] <= start:
            self._attempts.popleft()
        while self._tickets and self._tickets[0].at <= start:
            ticket = self._tickets.popleft()
            ticket.counted = False
            self._minute_tokens -= ticket.tokens
        day = int((self._clock.wall() + self._config.day_offset_s) // _DAY_S)
        if day != self._day:
            self._day, self._day_tokens = day, 0
