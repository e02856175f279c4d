"""What becomes of runs that Prefect has marked as crashed: one that never began is started once more, and the others say what to do.

In: a client of the Prefect server. Out: a sentence for each run that was started again. A run whose process comes up while the server is
away ends before its first line, since Prefect's client tries a server again only after it has spoken to it once (3.9.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.states import Crashed, Scheduled

from octavo.flows.deployments import DEPLOYMENTS

KEPT = "what is paid is kept"  # in every message of a crash that is from us
OVERLAP = timedelta(
    minutes=1
)  # so far a look goes back behind the one before, for a server whose clock is another
AGAIN = "This run ended before it began, as when the server is away for a moment. It is started once more."


@dataclass(slots=True)
class CrashedRuns:
    """Looks for runs that crashed since the last look."""

    since: datetime = field(default_factory=lambda: datetime.now(UTC))
    _again: set[UUID] = field(default_factory=set)

    async def attend(self, client: PrefectClient) -> list[str]:
        """Start again what never began, and give the others a message that says what to do; a sentence for each of the first kind."""
        now, said = datetime.now(UTC), []
        for run in await client.read_flow_runs(
            flow_filter=FlowFilter(name=FlowFilterName(any_=[deployment.flow for deployment in DEPLOYMENTS])),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CRASHED])),
                end_time=FlowRunFilterEndTime.model_validate({"after_": self.since - OVERLAP}),
            ),
        ):
            if never_began(run) and run.id not in self._again:
                await client.set_flow_run_state(run.id, Scheduled(message=AGAIN), force=True)
                self._again.add(run.id)
                said.append(
                    f"Run {run.name} ({run.id}) ended before it began: {words_of(run)} It is started once more."
                )
            elif KEPT not in words_of(run):
                await client.set_flow_run_state(run.id, Crashed(message=advice(run)), force=True)
        self.since = now
        return said


def never_began(run: FlowRun) -> bool:
    """Whether a run of a deployment crashed before it did anything; its time of start says nothing, since a crash sets that too."""
    return run.run_count == 0 and run.deployment_id is not None


def words_of(run: FlowRun) -> str:
    """What Prefect says of the end of a run, as a sentence."""
    words = " ".join(((run.state and run.state.message) or "Prefect does not say why.").split())
    return words if words.endswith((".", "!", "?")) else f"{words}."


def advice(run: FlowRun) -> str:
    """What happened by Prefect's words, and what to do."""
    when = (
        "twice before it began; the log of its worker may say why"
        if never_began(run)
        else "before it could say how it went"
    )
    return f"This run died {when}. {words_of(run)} Run it again: {KEPT}."
