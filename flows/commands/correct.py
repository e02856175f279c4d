"""Corrections from a file, and back as labels: `octavo correct`.

A file is CSV with a heading, or JSON: a list of objects with the same names; or labels as `octavo eval` reads them.

    document,schema,field,value,verdict,who,note
    invoice_de.pdf,invoice,grand_total,6058.05,,,
    invoice_de.pdf,invoice,due_date,,absent,,not printed
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from octavo.flows.commands.evaluate import read_labels
from octavo.flows.corrections.current import schemas_of
from octavo.flows.corrections.entry import Desk, Saying, say, value_at
from octavo.flows.corrections.labels_of import labels_of
from octavo.flows.corrections.settle import settle
from octavo.processors.store.warehouse import (
    CorrectionStore,
    WarehouseReader,
    corrections_of,
    hold,
)
from octavo.schemas.errors import Locked, SettingsError, system_message

NAMES = ("document", "schema", "field", "value", "verdict", "who", "note")
SHOWN = 10  # refused lines that are said one by one
_ALIKE = {
    "question": "schema",
    "path": "document",
    "after": "value",
}  # as the table `corrections` and people call them


@dataclass
class Taken:
    """What became of a file."""

    verdicts: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)  # a sentence each
    settled: bool = False  # whether the tables have them by now

    def sentences(self) -> Iterator[str]:
        """What a person should know."""
        kinds = ", ".join(f"{count} {verdict}" for verdict, count in sorted(self.verdicts.items()))
        yield f"Corrections taken: {self.verdicts.total()}{f' ({kinds})' if kinds else ''}."
        if not self.settled:
            yield "A run holds the folder: they are on disk, and in the tables with its next commit."
        if self.refused:
            yield f"Not taken: {len(self.refused)}."
            yield from self.refused[:SHOWN]


def take(file: Path, out: Path, who: str) -> Taken:
    """Take the corrections of a file. A line that is wrong is refused with its reason, and the others are taken. Raises SettingsError."""
    reader = WarehouseReader(out)
    documents = {row["path"]: row["document"] for row in reader.rows("documents", ["path", "document"])}
    if not documents:
        raise SettingsError(
            f"There are no tables in {out}.",
            about="out",
            next_step="`octavo run INBOX --out DIR` makes them.",
        )
    taken = Taken()
    with closing(CorrectionStore(out)) as store:
        desk = Desk(reader, store, schemas_of(reader))
        for number, line in enumerate(_lines(file), start=1):
            try:
                for saying in _sayings(desk, line, documents):
                    put = say(desk, saying, line.get("who") or who, datetime.now(UTC))
                    taken.verdicts.update(one.verdict for one in put)
            except SettingsError as error:
                taken.refused.append(
                    f"Line {number} ({line.get('document')}, {line.get('field') or 'labels'}): {error}"
                )
        taken.settled = settle_now(out, store)
    return taken


def settle_now(out: Path, store: CorrectionStore) -> bool:
    """Bring the tables up to what was said, unless somebody else holds the folder; gives whether they are."""
    try:
        with hold(out) as warehouse:
            settle(warehouse, store)
    except Locked:
        return False
    return True


def export(file: Path, out: Path) -> int:
    """Write what people said as labels for `octavo eval`; gives for how many answers. Raises SettingsError."""
    store = corrections_of(out)
    if store is None:
        raise SettingsError(
            f"Nobody has corrected anything in {out}.",
            about="out",
            next_step=f"`octavo review --out {out}` is the way.",
        )
    with closing(store):
        reader = WarehouseReader(out)
        labels = list(labels_of(Desk(reader, store, schemas_of(reader))))
    try:
        file.write_text(
            json.dumps([one.model_dump(by_alias=True) for one in labels], ensure_ascii=False, indent=1),
            encoding="utf-8",
        )
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {system_message(error)}.", about="export") from None
    return len(labels)


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    """What a file says, an entry at a time; labels have `values` instead of `field` and `value`."""
    try:
        text = file.read_text(encoding="utf-8-sig")
        loaded: Any = (
            list(csv.DictReader(text.splitlines(keepends=True)))
            if file.suffix.lower() == ".csv"
            else json.loads(text)
        )
    except (OSError, ValueError, csv.Error) as error:
        step = "Give CSV with a heading, or JSON."
        raise SettingsError(
            f"{file} cannot be read: {system_message(error)}.", about="file", next_step=step
        ) from None
    plain = isinstance(loaded, list) and all(isinstance(one, dict) and "field" in one for one in loaded)
    if not plain:
        yield from (one.model_dump(by_alias=True) for one in read_labels(file))
        return
    for one in loaded:
        yield {_ALIKE.get(name, name): value for name, value in one.items() if name}


def _sayings(desk: Desk, line: Mapping[str, Any], documents: Mapping[str, str]) -> Iterator[Saying]:
    """What one line says: one correction, or of labels one for each plain value."""
    given = str(line.get("document") or "")
    document = documents.get(given) or (given if given in documents.values() else "")
    if not document:
        raise SettingsError(
            f"There is no document {given!r} in the tables.", next_step="Write its path as in `documents`."
        )
    question = desk.schemas.table_of(str(line.get("schema") or ""))
    if "values" in line:
        stands = desk.current(document, question)
        for name, value in (line["values"] or {}).items():
            yield from _labelled(document, question, name, value, stands.record.value)
        return
    verdict, value = line.get("verdict") or "", line.get("value")
    if not verdict and value in (None, ""):
        raise SettingsError(
            "Neither a value nor a verdict.", next_step="Write `absent` where the document has no such value."
        )
    path = str(line.get("field") or "")
    if verdict == "row_added" and isinstance(value, str):
        value = _row(value)
    yield Saying(document, question, path, verdict or "changed", value, None, str(line.get("note") or ""))


def _row(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _labelled(document: str, question: str, path: str, value: Any, record: Any) -> Iterator[Saying]:
    """A label as corrections: what agrees is `right`. Lists are not taken from labels, whose items stand in any order."""
    if isinstance(value, dict) and "any_of" not in value:
        for name, inner in value.items():
            yield from _labelled(document, question, f"{path}.{name}", inner, record)
    elif value is None:
        yield Saying(document, question, path, "absent")
    elif not isinstance(value, list | dict):
        same = str(value_at(record, path)) == str(value)
        yield Saying(document, question, path, "right" if same else "changed", value)
