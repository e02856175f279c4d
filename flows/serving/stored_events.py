"""Which of its events a Prefect server stores: all but those that say what another of its tables says too.

In: the events of a server, by Prefect's broker in memory, whose parts go out here again (`PREFECT_SERVER_EVENTS_MESSAGING_BROKER`). Out:
the same for triggers, actions, recorders and streams, and less for the database. An event takes 8 kB there with its indexes, and a run of
a deployment with one task has fourteen, of which one says how it ended (Prefect 3.9.1, `tests.benchmarks.prefect_growth`).
"""

from __future__ import annotations

from typing import Any

from prefect.server.utilities.messaging import Message, MessageHandler
from prefect.server.utilities.messaging.memory import Consumer as EveryConsumer
from prefect.server.utilities.messaging.memory import Publisher, break_topic, ephemeral_subscription

__all__ = ["Consumer", "Publisher", "break_topic", "ephemeral_subscription"]

PERSISTER = "event-persister"  # the group of Prefect's service that writes events
# Steps on the way of every run. Their states, artifacts and lines of the log have tables of their own, where the UI finds them.
STEPS = frozenset(
    {
        "prefect.flow-run.Scheduled",
        "prefect.flow-run.Pending",
        "prefect.flow-run.Submitting",
        "prefect.flow-run.Running",
        "prefect.flow-run.heartbeat",
        "prefect.flow-run.pull-step.executed",
        "prefect.worker.submitted-flow-run",
        "prefect.worker.executed-flow-run",
    }
)
KINDS = ("prefect.task-run.", "prefect.artifact.", "prefect.artifact-collection.")


def is_stored(event: str) -> bool:
    """Whether an event of this name is written: ends of runs, waits, notices, automations, and what nobody here has heard of."""
    return event not in STEPS and not event.startswith(KINDS)


class Consumer(EveryConsumer):
    """Prefect's consumer, which leaves those events out for the one who stores them."""

    def __init__(self, topic: str, *, group: str = "", **more: Any) -> None:
        super().__init__(topic, **more)
        self.group = group

    async def run(self, handler: MessageHandler) -> None:
        """Hand on messages until it is cancelled."""

        async def only_stored(message: Message) -> None:
            if is_stored(str(message.attributes.get("event", ""))):
                await handler(message)

        await super().run(only_stored if self.group == PERSISTER else handler)
