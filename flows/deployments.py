"""The one table of flows. `prefect.yaml` deploys them under the names below; a test holds the two together.

A new flow is one file here in `flows/`, a line in this table and a block in `prefect.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

POOL = "octavo"  # the work pool of all deployments, of type process
TAG = "octavo"  # on every deployment, and so on every run of one; each tag adds a twelfth to what a run takes in Prefect's database


@dataclass(frozen=True, slots=True)
class Deployment:
    """One flow and its deployment. `flow` is its name in Prefect, `entrypoint` the function by module path."""

    flow: str
    does: str  # the name of the deployment, which the UI shows first
    entrypoint: str
    description: str
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """What `prefect deployment run` calls it."""
        return f"{self.flow}/{self.does}"


DEPLOYMENTS = (
    Deployment(
        "process-folder",
        "folder-to-tables",
        "octavo.flows.process_folder.process_folder",
        "Read a folder, ask the questions of the job about every document, and write tables.",
        (TAG, "asks-model"),
    ),
    Deployment(
        "ingest",
        "read-files",
        "octavo.flows.ingest.ingest",
        "Read every file below the inbox into `documents` and `pages`. Asks nothing and costs nothing.",
        (TAG, "reads-files"),
    ),
    Deployment(
        "extract",
        "fill-schemas",
        "octavo.flows.extract.extract",
        "Fill the schemas of the job from documents that were ingested.",
        (TAG, "asks-model"),
    ),
    Deployment(
        "summarize",
        "write-summaries",
        "octavo.flows.summarize.summarize",
        "Summarize documents that were ingested, in the style of the job.",
        (TAG, "asks-model"),
    ),
)
