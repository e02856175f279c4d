"""Everything one emulator knows while it runs: a Config comes in, the parts that all requests share go out."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from tests.emulator import dialects
from tests.emulator.cache import PrefixCache
from tests.emulator.catalogue import LIVE, OLD, Model
from tests.emulator.clock import Clock
from tests.emulator.config import Config
from tests.emulator.generation import Script
from tests.emulator.journal import Entry, Journal
from tests.emulator.limits import Org
from tests.emulator.refusals import no_model
from tests.emulator.tokens import Counter

_LONG_BODY_BYTES = 100_000  # beyond this a prompt is counted on a thread


class State:
    """Clock, journal, organisations, cache, scripts, files and batches of one emulator."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.clock = Clock(config)
        self.journal = Journal()
        self.counter = Counter(config)
        self.cache = PrefixCache(config, self.clock)
        self.scripts: list[Script] = []
        self.files: dict[str, Any] = {}
        self.batches: dict[str, Any] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self._orgs: dict[str, Org] = {}

    def org(self, name: str) -> Org:
        """The organisation of that name, made at its first request."""
        if name not in self._orgs:
            self._orgs[name] = Org(name, self.config, self.clock)
        return self._orgs[name]

    def orgs(self) -> list[Org]:
        """Organisations seen so far."""
        return list(self._orgs.values())

    def models(self) -> list[Model]:
        """The models that answer now."""
        known = self._known()
        return [model for name, model in known.items() if not self._retired(name)]

    def model(self, name: str) -> Model:
        """The model of that name; raises the Refusal 404 for an unknown or retired one."""
        model = self._known().get(name)
        if model is None or self._retired(name):
            raise no_model(name)
        return model

    async def prompt(self, body: dict[str, Any], size_bytes: int) -> bytes:
        """The tokens of a body's prompt; a long one is counted beside the loop, since tiktoken leaves the GIL."""
        if size_bytes < _LONG_BODY_BYTES:
            return self.counter.prompt(body)
        return await asyncio.to_thread(self.counter.prompt, body)

    def headers(self, started: float) -> dict[str, str]:
        """The headers that stand on every reply [C: MoonPalace README, kimi-cli]."""
        if self.config.dialect != "kimi":
            return {"Server": "nginx", "x-request-id": uuid.uuid4().hex}
        return {
            "Server": "nginx",
            "Msh-Request-Id": str(uuid.uuid1()),
            "x-trace-id": uuid.uuid4().hex,
            "Msh-Uid": "emulated-user",
            "Msh-Gid": f"enterprise-tier-{self.config.tier}",
            "Server-Timing": f"inner; dur={int(1000 * (self.clock.now() - started))}",
        }

    def limits(self, org: Org, entry: Entry) -> dict[str, str]:
        """The headers about the limits of an organisation, as they stood when a request came."""
        return dialects.limits(
            self.config.dialect, org.tier(), entry.rpm_used, entry.tpm_used, self.config.window_s
        )

    def reset(self) -> None:
        """Forgets requests, limits, spending, cache, scripts, files and batches; the Config stays."""
        self.journal.clear()
        self.cache.clear()
        self.scripts.clear()
        self.files.clear()
        self.batches.clear()
        self._orgs = {}  # calls in flight give their places back to the old ones
        for fault in self.config.faults:
            fault.fired = 0

    def _known(self) -> dict[str, Model]:
        if self.config.dialect != "kimi":
            return {model.name: model for model in dialects.MODELS[self.config.dialect]}
        return {**LIVE, **OLD} if self.config.legacy else LIVE

    def _retired(self, name: str) -> bool:
        return (
            name in self.config.retired or self.config.retire_at.get(name, float("inf")) <= self.clock.now()
        )
