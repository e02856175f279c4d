"""The job: one thing seen four ways, as flags of `octavo run`, a YAML file, parameters of a deployment, and a row in `runs`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, SecretStr, model_validator
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema

from octavo.schemas.job_groups import flattened, form_schema

FailOn = Literal["new", "any", "never"]
ReplyForm = Literal["keyed", "entries", "rows"]
Isolation = Literal["window", "document"]
Mode = Literal["live", "batch", "batch-only"]
RUNNER = r"^(here|processes(:[1-9][0-9]?)?|(dask|ray)(:.+)?)$"
SummaryStyle = Literal["", "one-paragraph", "bullets", "executive"]


class Job(BaseModel):
    """Which folder, which questions, which model, and how fast and dear it may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    inbox: str = Field(
        description="Folder to read, or a URL such as s3://bucket/prefix; every file below it gets a row."
    )
    add_inbox: bool = Field(
        default=False,
        description="Keep this inbox beside those that the output folder holds, apart by a column.",
    )
    replace_inbox: bool = Field(
        default=False, description="This inbox has taken the place of the one that the output folder holds."
    )
    accept_vanished: bool = Field(
        default=False,
        description="Take the rows of files that are gone out of the tables, also when they are more than a tenth of all.",
    )
    out: str = Field(
        default="out",
        description="Folder that receives warehouse.duckdb, tables/ and the ledger; or s3://bucket/prefix for tables.",
    )
    extract: list[str] = Field(
        default_factory=list,
        description="Schemas to fill: a shipped name (invoice), FILE.py:Model, or a JSON Schema file.",
    )
    required_evidence: list[str] = Field(
        default_factory=list,
        description="Fields whose value is refused when it does not stand in the document; all for every field.",
    )
    fail_on: FailOn = Field(
        default="new",
        description="What makes a run fail: what failed in it (new), that or what failed before and still stands (any), or no document.",
    )
    max_failed_share: float = Field(
        default=0,
        ge=0,
        le=1,
        description="Share of the documents of a run that may fail without the run failing, 0 to 1.",
    )
    fail_on_review: int = Field(
        default=-1,
        ge=-1,
        description="Most values, unaccepted answers and unread files that may wait without the run failing; -1 for any number.",
    )
    max_fill_drop: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="By how much the filled share of a field may fall against earlier runs before that is said.",
    )
    passes: int = Field(
        default=1,
        ge=1,
        le=2,
        description="Times every window is asked; 2 compares two answers, at a second price.",
    )
    summarize: SummaryStyle = Field(default="", description="Style of summary; empty for none.")
    provider: str = Field(default="moonshot", description="Provider in the catalogue.")
    base_url: str = Field(default="", description="Address of the API; empty for the provider's own.")
    model: str = Field(default="", description="Model id; empty for the provider's default.")
    catalogue: str = Field(
        default="",
        description="TOML file with providers, models, prices and tiers of your own, over the shipped ones.",
    )
    tier: int = Field(
        default=-1,
        ge=-1,
        le=5,
        description="Account tier, which sets the limits below; -1 to find them by asking.",
    )
    concurrency: int = Field(default=0, ge=0, description="Calls in flight; 0 for the tier's.")
    rpm: int = Field(default=0, ge=0, description="Requests a minute; 0 for the tier's.")
    tpm: int = Field(
        default=0, ge=0, description="Tokens a minute, prompt and reply budget; 0 for the tier's."
    )
    tpd: int = Field(default=0, ge=0, description="Tokens a day; 0 for the tier's.")
    budget_usd: float = Field(
        default=0, ge=0, description="Most that this run may cost in USD; 0 for no cap."
    )
    approve_above_usd: float = Field(
        default=0,
        ge=0,
        description="A person is asked when the first answers may cost more than this, in USD; 0 for never.",
    )
    budget_day_usd: float = Field(
        default=0, ge=0, description="Most that all runs may cost in a UTC day, in USD; 0 for no cap."
    )
    budget_month_usd: float = Field(
        default=0, ge=0, description="Most that all runs may cost in a month (UTC), in USD; 0 for no cap."
    )
    budget_project_usd: float = Field(
        default=0, ge=0, description="Most that all runs of the project may cost in USD; 0 for no cap."
    )
    approved: bool = Field(
        default=False, description="Agree to the price beforehand: nobody is asked, and no budget is needed."
    )
    project: str = Field(
        default="", max_length=100, description="Name under which runs are counted together."
    )
    replay: bool = Field(
        default=False,
        description="Check stored replies again under the schemas as they are now; no call is made.",
    )
    unpriced: bool = Field(
        default=False, description="Ask a model of unknown price in spite of a budget, which counts it as 0."
    )
    mode: Mode = Field(
        default="live",
        description="live: call by call. batch: in batches, which may take a day and cost less, and the rest live. batch-only: no rest.",
    )
    offline: bool = Field(default=False, description="Answer by rules on this machine: free, draft quality.")
    isolation: Isolation = Field(
        default="window",
        description="document: one document a request, for folders that are not trusted; window: short ones share a request.",
    )
    reply_form: ReplyForm = Field(
        default="keyed",
        description="keyed: records by document, with the names of their fields. entries: a list of ids and records. "
        "rows: values without names, which cost a fourth less and are mistaken more often.",
    )
    plain_json: bool = Field(default=False, description="The same as the reply form entries.")
    max_documents_per_window: int = Field(
        default=0,
        ge=0,
        le=500,
        description="Most documents in one call; 0 for 20, or up to 100 where they and their answers are short.",
    )
    max_window_tokens: int = Field(
        default=0, ge=0, description="Most tokens of documents in one call; 0 for what the model takes."
    )
    key_env: str = Field(
        default="",
        description="Environment variable that holds the key; empty for the provider's, MOONSHOT_API_KEY.",
    )
    key_secret: str = Field(
        default="", description="Prefect Secret block that holds the key; wins over key_env."
    )
    state_secret: str = Field(
        default="",
        description="Prefect Secret block that holds the address of the state that hosts share; wins over OCTAVO_STATE.",
    )
    password: SkipJsonSchema[list[SecretStr]] = Field(
        default_factory=list,
        exclude=True,  # lives as long as the process: it is in no row, no file, no form and no parameter of Prefect
        description="Password to try on encrypted files; may be given several times. It is not stored.",
    )
    password_file: str = Field(
        default="", description="File with passwords to try on encrypted files, one a line."
    )
    timeout_s: float = Field(
        default=30,
        gt=0,
        description="Seconds of processor time for one file; ten times as many by the clock.",
    )
    memory_bytes: int = Field(
        default=1 << 30, ge=1 << 28, description="Memory of a process that reads files."
    )
    max_file_bytes: int = Field(default=200_000_000, ge=1, description="Largest file that is read, in bytes.")
    max_pages: int = Field(default=2_000, ge=1, description="Most pages of a document that is read.")
    max_cells: int = Field(
        default=10_000_000, ge=1, description="Most cells, rows x columns, that a sheet reaches over."
    )
    max_pixels: int = Field(
        default=50_000_000, ge=1, description="Most pixels, width x height, of a picture that is read."
    )
    max_unpacked_bytes: int = Field(
        default=200_000_000, ge=1, description="Most bytes that a zip or an Office file may unpack to."
    )
    max_entry_bytes: int = Field(
        default=60_000_000, ge=1, description="Most bytes that one part of it may unpack to."
    )
    max_entries: int = Field(
        default=10_000, ge=1, description="Most parts of it, and most files inside a file."
    )
    max_depth: int = Field(default=64, ge=1, description="Most folders below one another in the inbox.")
    max_nesting: int = Field(
        default=4,
        ge=0,
        description="Most files inside one another; 2 reads what is attached to a mail in a zip.",
    )
    runner: str = Field(
        default="here",
        pattern=RUNNER,
        description="Who works on batches: here; processes, or processes:N; dask or dask:ADDRESS; ray or ray:ADDRESS.",
    )
    workers: int = Field(
        default=0, ge=0, le=256, description="Processes that read files; 0 for one a core, at most 4."
    )
    ocr_workers: int = Field(
        default=0, ge=0, le=256, description="Processes that read pictures; 0 for one a core, at most 2."
    )
    ocr_timeout_s: float = Field(default=60, gt=0, description="Seconds that reading one picture may take.")
    ocr_memory_bytes: int = Field(
        default=2 << 30, ge=1 << 29, description="Memory of a process that reads pictures."
    )

    @model_validator(mode="before")
    @classmethod
    def _by_flat_names(cls, given: Any) -> Any:
        """Groups, as the form in the UI gives them, and flat names, as flags and files do, are one and the same."""
        return flattened(given) if isinstance(given, Mapping) else given

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema of the form."""
        return form_schema(handler.resolve_ref_schema(handler(core_schema)))
