"""What `octavo serve` looks after while it runs: runs whose process died, and runs that do not start when they should.

In: our worker and where to say things. Out: a line for each run that is marked as crashed or started again, and one for each trouble when
it is found and when it is over. The server is the one that PREFECT_API_URL names.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count

import httpx
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException

from octavo.flows.prefect_run import late_runs
from octavo.flows.serving.crashed_runs import CrashedRuns
from octavo.flows.serving.dead_runs import DeadRuns
from octavo.flows.serving.supervision import Kept, Say

LOOK_EVERY_S = 10.0
LATE_EVERY = 6  # looks; what is late costs the server a dozen questions
SURE_AFTER = 2  # times that a trouble is found before it is said: a worker takes some to begin, and a server to begin again


async def watch(ours: Sequence[Kept], name: str, say: Say, look_every_s: float = LOOK_EVERY_S) -> None:
    """Look, speak and wait, until it is cancelled; the name is the worker's. A server that does not answer is told, and is not the end.

    `ours` is the worker and, where it is our own, the server: who is started again has not heard how the runs before went.
    """
    dead_runs, crashed_runs = DeadRuns(name, lambda: max(one.began for one in ours)), CrashedRuns()
    late, server, looks = Told(say), Told(say), count()
    async with get_client() as client:
        while True:
            try:
                for sentence in await dead_runs.mark(client):
                    say(sentence)
                for sentence in await crashed_runs.attend(client):
                    say(sentence)
                if next(looks) % LATE_EVERY == LATE_EVERY - 1:
                    late.hear(await late_runs.look(client))
                server.hear({})
            except (httpx.HTTPError, PrefectException, OSError) as error:
                server.hear({"server": f"The Prefect server does not answer: {error!r}."})
            await asyncio.sleep(look_every_s)


@dataclass(slots=True)
class Told:
    """Troubles, each said once when it lasts, and once more when it is over."""

    say: Say
    now: dict[str, str] = field(default_factory=dict)
    looks: Counter[str] = field(default_factory=Counter)  # that found it, one after the other

    def hear(self, found: Mapping[str, str]) -> None:
        """Take what a look has found."""
        at = f"{datetime.now(UTC):%H:%M} UTC"
        for name in self.now.keys() - found.keys():
            if self.looks.pop(name) >= SURE_AFTER:
                self.say(f"{at}: this is over: {self.now[name]}")
        for name, sentence in found.items():
            self.looks[name] += 1
            if self.looks[name] == SURE_AFTER:
                self.say(f"{at}: {sentence}")
        self.now = {**found, **{name: self.now[name] for name in found.keys() & self.now.keys()}}
