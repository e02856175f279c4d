"""Which events a server of Octavo stores, by Prefect's own broker."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from prefect.server.events.services import event_persister
from prefect.server.utilities.messaging import BrokerModule, Message
from prefect.server.utilities.messaging.memory import Cache

from octavo.flows.serving import stored_events
from octavo.flows.serving.serve import SERVER

STEPS = ["prefect.flow-run.Running", "prefect.flow-run.heartbeat", "prefect.task-run.Completed"]
ENDS = [
    "prefect.flow-run.Nothing new",
    "prefect.flow-run.Failed",
    "octavo.notice",
    "prefect.automation.triggered",
]


async def heard(group: str) -> list[str]:
    """The names of events that a service of this group gets, of all that are published."""
    topic, got, last = f"events of {group}", list[str](), asyncio.Event()

    async def handler(message: Message) -> None:
        got.append(message.attributes["event"])
        if got[-1] == ENDS[-1]:
            last.set()

    consumer = stored_events.Consumer(topic, group=group, name="a service", read_batch_size=1)
    running = asyncio.create_task(consumer.run(handler))
    publisher = stored_events.Publisher(topic, Cache())
    for event in [*STEPS, *ENDS]:
        await publisher.publish_data(b"{}", {"event": event})
    await last.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await consumer.cleanup()
    return got


@pytest.mark.parametrize("group", ["reactive-triggers", "task-run-recorder", ""])
async def test_who_acts_on_events_hears_all(group: str) -> None:
    """Triggers of automations, the recorder of task runs and streams get every event."""
    assert await heard(group) == [*STEPS, *ENDS]


async def test_who_stores_events_hears_of_ends() -> None:
    """Steps on the way of a run, which have tables of their own, are not written; ends, notices and automations are."""
    assert await heard(stored_events.PERSISTER) == ENDS
    assert f'group="{stored_events.PERSISTER}"' in inspect.getsource(event_persister), (
        "Prefect has renamed it"
    )


def test_the_server_takes_it_for_a_broker() -> None:
    """`octavo serve` names the module, which has all that Prefect asks of a broker."""
    assert SERVER["PREFECT_SERVER_EVENTS_MESSAGING_BROKER"] == stored_events.__name__
    assert isinstance(stored_events, BrokerModule)
