"""What an organisation may do: attempts and reservations come in, tickets or Refusals go out. One Org for all its keys and models [D]."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from tests.emulator import refusals
from tests.emulator.catalogue import TIERS, TIERS_UNTIL_AUGUST, Tier
from tests.emulator.clock import Clock
from tests.emulator.config import Config

_DAY_S = 86_400.0


@dataclass(slots=True)
class Ticket:
    """A place taken: tokens reserved at a moment; `day` is the day they count for; `counted` while the window holds them."""

    at: float
    tokens: int
    day: int
    counted: bool = True


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
        return self._attempts[-1]

    def forget_attempt(self, moment: float) -> None:
        """Takes an attempt back, for settings in which refused ones do not count."""
        if moment in self._attempts:
            self._attempts.remove(moment)

    def admit(self, ak: str, tokens: int) -> Ticket:
        """A ticket for so many tokens, or the Refusal of the first limit that is passed [I: the order]."""
        self._forget()
        self._check(f"{self.name}<{ak}>", tokens)
        ticket = Ticket(self._clock.window_now(), tokens, self._day)
        self._tickets.append(ticket)
        self._minute_tokens += tokens
        self._day_tokens += tokens
        self.in_flight += 1
        return ticket

    def count_request(self, ak: str) -> None:
        """Checks requests a minute alone, for endpoints that use no tokens."""
        limit = self.tier().rpm
        if self.rpm_used > limit:
            raise refusals.rpm(f"{self.name}<{ak}>", limit, self._config.after_s)

    def release(self, ticket: Ticket, used: int) -> None:
        """Gives the place back; with `refund` the tokens that were not used as well."""
        self.in_flight -= 1
        if self._config.refund == "actual" and used < ticket.tokens:
            back, ticket.tokens = ticket.tokens - used, used
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
        if self.rpm_used > tier.rpm:
            raise refusals.rpm(who, tier.rpm, config.after_s)
        if self._minute_tokens + tokens > tier.tpm:
            raise refusals.tpm(who, self._minute_tokens + tokens, tier.tpm)
        if tier.tpd and self._day_tokens + tokens > tier.tpd:
            raise refusals.tpd(who, self._day_tokens + tokens, tier.tpd)

    def _forget(self) -> None:
        """Drops what has left the window, and begins a new day when it is time."""
        now, window = self._clock.window_now(), self._config.window_s
        start = now - window if self._config.window == "sliding" else now - now % window - 1e-9
        while self._attempts and self._attempts[0] <= start:
            self._attempts.popleft()
        while self._tickets and self._tickets[0].at <= start:
            ticket = self._tickets.popleft()
            ticket.counted = False
            self._minute_tokens -= ticket.tokens
        day = int((self._clock.wall() + self._config.day_offset_s) // _DAY_S)
        if day != self._day:
            self._day, self._day_tokens = day, 0
