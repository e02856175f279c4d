"""The nouns, in the order in which they flow.

    Document --read--> Page --pack--> Part, Window --ask--> Request, Reply --check--> Record, Evidence, Reject

All are values: frozen, equal when their content is equal, without clocks and invented ids. Ids are hashes of content.
Pages count from 1; spans are half-open character offsets into the text of their page; money is USD; sizes name their unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

NOTHING_FOUND = "The answer has no value in any field."  # detail of such a reject where the model did not say that it is of another kind
NOT_APPLICABLE = "not_applicable"  # reason of a reject that is no trouble: the document is not of the kind that was asked about
INCOMPLETE = "incomplete_list"  # how the mark of a list begins that has fewer items than its table has rows
SUMMARY = (
    "summary"  # name of the question whose answers are the model's own words, with the pages they rest on
)

Status = Literal["ok", "empty", "skipped", "error"]
TextFrom = Literal["file", "layer", "ocr"]
OcrWord = tuple[
    int, int, float
]  # first character, one past the last, and how sure OCR is of its doubtfullest letter, 0 to 1
Grade = Literal["exact", "loose", "missing"]
ProvedBy = Literal[
    "", "row", "page", "document", "meaning"
]  # nothing; the row of its item or the line of its label; elsewhere on that page; only somewhere; what it says, not how it is written
Role = Literal[
    "whole", "piece", "again", "context", "columns", "summary"
]  # what a part is in its window, see Part
State = Literal[
    "given", "null", "missing", "failed", "corrected"
]  # a value; said not to be there; not answered at all; answered and not accepted; as a person says, value or none
Kind = Literal[
    "text",
    "choice",
    "date",
    "datetime",
    "instant",
    "integer",
    "number",
    "decimal",
    "boolean",
    "record",
    "list",
]


@dataclass(frozen=True, slots=True)
class Heading:
    """One line of a document's outline."""

    level: int  # 1 for the outermost
    title: str
    page: int | None  # from 1; None when the outline does not say


@dataclass(frozen=True, slots=True)
class Properties:
    """What a file says about itself. Empty and None where it says nothing; nobody has checked it."""

    title: str = ""
    author: str = ""
    created_at: datetime | None = None  # with a time zone; UTC where the file names none
    modified_at: datetime | None = None
    outline: tuple[Heading, ...] = ()
    message_id: str = ""  # of a mail, without its angle brackets
    in_reply_to: str = ""  # the `message_id` of the mail that this one answers


@dataclass(frozen=True, slots=True)
class Document:
    """One path found below the inbox, or inside a file there, whatever became of it."""

    path: str  # below the inbox, "/" between parts, undecodable bytes and controls escaped for display
    path_bytes: bytes  # the same as the file system has it
    sha256: str = ""  # of the bytes that were read: the document's id; "" when they could not be read
    media_type: str = ""  # by content, such as "application/pdf"; "" when not known
    size_bytes: int = 0
    status: Status = "ok"
    reason: str = ""  # class of the trouble, such as "encrypted"; when status is "ok", "" or "container" for what only holds others
    detail: str = ""  # the sentence for a person
    page_count: int = 0
    container: str = ""  # path of the zip, mail or PDF in which it lies; "" for a file of its own
    flags: tuple[str, ...] = ()  # what a careful reader should know, such as "hidden_text" or "repaired"
    properties: Properties = Properties()


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document: its text, or the picture that has to be looked at instead."""

    document: str  # sha256
    number: int  # from 1
    text: str
    image_px: tuple[int, int] | None = None  # width, height of the picture when the page has to be seen
    image: bytes | None = None  # JPEG, filled in only when it is about to be sent
    text_from: TextFrom = "file"  # "layer": OCR that somebody put behind the picture of a scan; "ocr": ours
    repeated: tuple[
        tuple[int, int], ...
    ] = ()  # spans of running headers and footers that stand on an earlier page too, and of what a mail quotes
    hidden_chars: int = 0  # characters of the text that nobody sees on the page
    ocr_words: tuple[OcrWord, ...] = ()  # where `text_from` is "ocr"

    @property
    def shown(self) -> str:
        """The text without running headers and footers that stand on an earlier page too: what is sent and paid for."""
        return _without(self.text, self.repeated)


@dataclass(frozen=True, slots=True)
class Part:
    """A slice of a page that goes into a window.

    A document that fits is shown `whole`. One that does not is shown in pieces: a window has the `piece` that is asked about, before it
    the last lines of the piece before, shown `again`, and for orientation some lines of the beginning and the current heading (`context`)
    and the column headings of a table that goes on (`columns`). A `summary` is what was said about a piece; it stands for its pages.
    """

    document: str
    page: int
    pages: int  # how many pages the document has
    start: int  # inclusive, in characters of the page
    end: int  # exclusive
    text: str
    tokens: int  # of what is shown, with its mark
    image_px: tuple[int, int] | None = None
    image: bytes | None = None
    text_from: TextFrom = "file"
    repeated: tuple[tuple[int, int], ...] = ()  # as in `Page`, in characters of this text
    role: Role = "whole"
    ocr_words: tuple[OcrWord, ...] = ()  # as in `Page`, in characters of this text

    @property
    def shown(self) -> str:
        """The text without running headers and footers, as in `Page`."""
        return _without(self.text, self.repeated)

    def cut(self, start: int, end: int) -> Part:
        """The characters of the text from `start` to `end`. Tokens and picture stay as they are."""
        inside = (
            (max(first, start) - start, min(last, end) - start)
            for first, last in self.repeated
            if first < end and last > start
        )
        words = tuple(
            (first - start, last - start, sure)
            for first, last, sure in self.ocr_words
            if first < end and last > start
        )
        return replace(
            self,
            start=self.start + start,
            end=self.start + end,
            text=self.text[start:end],
            repeated=tuple(inside),
            ocr_words=words,
        )


def _without(text: str, spans: tuple[tuple[int, int], ...]) -> str:
    """The text without these spans, which are in order and do not overlap."""
    edges = [0, *(edge for span in spans for edge in span), len(text)]
    return "".join(text[start:stop] for start, stop in zip(edges[::2], edges[1::2], strict=True))


@dataclass(frozen=True, slots=True)
class Window:
    """What one request shows the model: parts in document and page order."""

    parts: tuple[Part, ...]
    tokens: int  # of the parts with their markers, without instruction and question

    @property
    def documents(self) -> tuple[str, ...]:
        """The documents in the window, each once, in order."""
        return tuple(dict.fromkeys(part.document for part in self.parts))


Form = Literal[
    "", "set", "map", "tuple", "union", "duration"
]  # what a user's model has where columns have a list, a record or a text


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a compiled schema. `record` has `fields`, `list` has `item`, `decimal` has `scale`, `choice` has `choices`.

    An integer or a number may have `choices`, too, written as JSON writes them.
    """

    name: str
    kind: Kind
    description: str = ""
    nullable: bool = True
    choices: tuple[str, ...] = ()
    scale: int = 4  # digits after the point of a decimal
    fields: tuple[Field, ...] = ()
    item: Field | None = None
    precision: int = 18  # digits of a decimal, before and after the point together
    form: Form = ""
    origin: str = ""  # the name in the user's schema, where a column cannot have it
    default: Any = None  # what the schema says where the document does not; as JSON has it


@dataclass(frozen=True, slots=True)
class UserModel:
    """What a user's own model is beside its columns: what its checks of a whole record are run by, and what holds without its code."""

    checked: type[BaseModel] = field(repr=False)  # runs the checks of records, and computes
    plain: type[BaseModel] = field(repr=False)  # the limits of the columns alone


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked about every document: a compiled schema, or a style of summary."""

    name: str  # the table the answers go to, such as "invoice"
    instruction: str  # the words in the prompt
    fields: tuple[Field, ...]
    json_schema: Mapping[str, Any] = field(repr=False)  # one record, in the subset Kimi's strict mode takes
    reply_tokens: int  # expected for one document
    fingerprint: str  # SHA-256 over all of the above
    model: type[BaseModel] = field(repr=False, compare=False)  # validates one normalised record
    evidence: tuple[str, ...] = ()  # top-level fields whose values should stand in the document; () means all
    required_evidence: tuple[
        str, ...
    ] = ()  # top-level fields whose values are refused when they do not stand there
    rules: tuple[
        str, ...
    ] = ()  # between its fields, see `schemas.arithmetic`; nothing is asked otherwise for them
    own: UserModel | None = field(default=None, repr=False, compare=False)  # of a pydantic model
    computed: tuple[Field, ...] = ()  # columns that the model's own code fills; nothing is asked for them
    whole: Question | None = field(
        default=None, repr=False, compare=False
    )  # what this is a part of, or says in other words

    @property
    def table(self) -> str:
        """The name of the table that the answers go to, also those to a part of the question."""
        return self.whole.name if self.whole else self.name


Purpose = Literal[
    "first",  # a window as it was packed
    "second_pass",  # the same in other words, to compare
    "failed_fields",  # documents whose answers were not accepted, with those that lack the same fields
    "alone",  # one of those by itself
    "missing_rows",  # what a list left out
    "rest",  # a reply that was cut short is carried on
]
ASKED_BEFORE: Mapping[Purpose, int] = {
    "first": 0,
    "second_pass": 0,
    "failed_fields": 1,
    "alone": 2,
    "missing_rows": 3,
    "rest": 1,
}


@dataclass(frozen=True, slots=True)
class Request:
    """Exactly what is sent, and its name: `fingerprint` is the SHA-256 of model, messages and reply format."""

    fingerprint: str
    question: Question
    window: Window
    ids: Mapping[str, str]  # short id in the prompt -> document
    body: Mapping[str, Any] = field(repr=False)  # the JSON of the call; empty where a stored reply is checked
    prompt_tokens: int
    reply_tokens: int  # the most the reply may have
    purpose: Purpose = "first"
    legend: Mapping[str, Any] | Sequence[Any] = field(
        default_factory=dict
    )  # of the short form of its records; {} for the plain one
    complaint: str = ""  # what was told to be wrong with the last answer

    @property
    def round(self) -> int:
        """The column `round`: 0 where documents are asked about for the first time, in each pass."""
        return ASKED_BEFORE[self.purpose]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a call used and cost. `cached` and `cache_write` are parts of `prompt`, `reasoning` of `reply`; None where nobody said."""

    prompt_tokens: int
    reply_tokens: int
    cached_tokens: int | None = None  # read from the cache
    cache_write_tokens: int | None = None  # written to it, which some models bill at a price of its own
    reasoning_tokens: int | None = None
    cost_usd: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for a request, as it was stored in the ledger."""

    request: str  # fingerprint
    text: str
    finish_reason: str
    usage: Usage
    model: str
    engine: str  # "moonshot", ..., or "offline"
    seconds: float
    attempts: int = 1
    from_ledger: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where one value stands in its own document. `field` is a path such as `line_items[0].amount`."""

    field: str
    value: str
    grade: Grade
    page: int | None = None
    start: int | None = None
    end: int | None = None
    quote: str = ""
    state: State = "given"  # any other but `corrected`: there is no value, and no place
    notes: tuple[str, ...] = ()  # what makes it more or less likely to be right; see `check.confidence`
    detail: str = ""  # why it failed, what other parts say, or what of a list is missing; for a person
    confidence: float | None = None  # 0 to 1
    request: str = ""  # fingerprint of the request that gave it, where that is not the record's
    by: ProvedBy = ""
    who: str = ""  # who corrected it
    corrected_at: datetime | None = None  # UTC
    ocr_confidence: float | None = None  # of the doubtfullest word of the quote, where OCR here read it


@dataclass(frozen=True, slots=True)
class Record:
    """One answer about one document, validated, with the evidence of each value."""

    document: str
    question: str  # name of the table
    value: Mapping[str, Any]
    evidence: tuple[Evidence, ...]
    request: str  # fingerprint of the request that gave it
    conflicts: tuple[str, ...] = ()  # fields on which the parts of a long document, or two passes, disagreed


@dataclass(frozen=True, slots=True)
class Reject:
    """Why one document has no record for a question."""

    document: str
    question: str
    request: str
    reason: str  # class, such as "missing_in_reply", "invalid", "contamination", "truncated"
    detail: str  # the sentence for a person, and what is told to the model when it is asked again
    fields: tuple[str, ...] = ()  # top-level fields to ask again; () for all
    kept: Record | None = field(default=None, repr=False)  # what was accepted, if that makes a record
    answer: Mapping[str, Any] = field(
        default_factory=dict, repr=False
    )  # the answers that were accepted, as the reply had them
