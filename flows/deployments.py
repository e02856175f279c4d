"""The one table of flows. `prefect.yaml` deploys them under the names below; a test holds the two together.

A new flow is one file here in `flows/`, a line in this table and a block in `prefect.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass

POOL = "octavo"  # the work pool of all deployments, of type process


@dataclass(frozen=True, slots=True)
class Deployment:
    """One flow and its deployment. `flow` is its name in Prefect, `entrypoint` the function by module path."""

    flow: str
    entrypoint: str
    description: str

    @property
    def name(self) -> str:
        """What `prefect deployment run` calls it."""
        return f"{self.flow}/default"


DEPLOYMENTS = (
    Deployment(
        "process-folder",
        "flows.process_folder.process_folder",
        "Read a folder, ask the questions of the job about every document, and write tables.",
    ),
    Deployment("ingest", "flows.ingest.ingest", "Read every file below the inbox into `documents` and `pages`."),
    Deployment("extract", "flows.extract.extract", "Fill the schemas of the job from documents that were ingested."),
    Deployment("summarize", "flows.summarize.summarize", "Summarize documents that were ingested, in the style of the job."),
)
