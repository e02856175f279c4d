"""One answer in; a record with the evidence of each value, or a reject with what can be kept of it, out.

The answer is fitted to its question, each value is looked for in its own document, and what stands only in a neighbour or nowhere is
refused where that is wanted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from octavo.processors.check.citations import FIELDS, cited
from octavo.processors.check.confidence import within
from octavo.processors.check.contamination import crossed_values, quoted
from octavo.processors.check.ground import FieldValue, evidence, ground
from octavo.processors.check.own_code import doubted
from octavo.processors.check.validate import blanked, fit, notes, shown, silences, top
from octavo.processors.check.window_text import WindowText
from octavo.schemas.pipeline import (
    NOT_APPLICABLE,
    NOTHING_FOUND,
    SUMMARY,
    Evidence,
    ProvedBy,
    Question,
    Record,
    Reject,
    Request,
)

PROBLEMS_TOLD = 12  # fields named in one reject
_FIELD = re.compile(r"[.\[]")  # behind the first field of a path


@dataclass(frozen=True, slots=True)
class Judging:
    """What an answer about a document is judged by."""

    request: Request
    document: str
    source: WindowText
    last: Reject | None  # what came of the answer before, with what was accepted of it

    @property
    def question(self) -> Question:
        """The whole question, also where only some of its fields were asked for."""
        return self.request.question.whole or self.request.question

    def judge(self, answer: Mapping[str, Any], *, lacking: bool) -> Record | Reject:
        """Normalise, validate, ground in the own document, and compare with the neighbours; `lacking` looks for fields."""
        said = answer.get("record")
        if self.last and self.last.fields:
            said = {**self.last.answer, **_asked_for(self.last, said)}
        elif _is_empty(answer.get("record", "")):
            of_other_kind = f"Nothing in the document answers the question {self.question.name}."
            return self.reject(NOT_APPLICABLE, NOTHING_FOUND if said else of_other_kind)
        fitted = fit(self.question, said)
        value, problems = fitted.value, fitted.problems
        problems += [
            f"{shown(key, quoted=False)}: does not belong beside id and record"
            for key in answer
            if key not in ("id", "record")
        ]
        leaves = self._grounded(value, fitted.answered)
        crossed = crossed_values(self._provable(leaves), value or {}, self.source, self.document)
        if unproved := self._unproved(leaves) | crossed:
            value = value and blanked(self.question, value, list(unproved))
            leaves = self._grounded(value, fitted.answered)
        refused = [*problems, *(f"{path}: {words}" for path, words in unproved.items())]
        record = None if value is None else self._record(value, said, leaves, refused)
        if record and fitted.checks:
            record = replace(record, evidence=doubted(record.evidence, fitted.checks))
        if lacking and isinstance(
            said, Mapping
        ):  # asked for again; what stays away is missing, and not failed
            problems += [
                f"{field.name}: is missing; give its value, or null"
                for field in self.question.fields
                if field.name not in said
            ]
        if record and not (refused or problems):
            return record
        reason = "contamination" if crossed else "invalid" if problems else "unproved"
        return self._refused(said, list(dict.fromkeys([*problems, *refused])), record, reason)

    def reject(self, reason: str, detail: str) -> Reject:
        """The reject of the answer as a whole."""
        return Reject(self.document, self.request.question.table, self.request.fingerprint, reason, detail)

    def _grounded(self, value: Mapping[str, Any] | None, answered: Mapping[str, Any]) -> list[FieldValue]:
        """The values with their places. What the user's own code made of a value is proved by what it made it of."""
        fields = self.question.fields
        leaves = ground(fields, value or {}, self.source, self.document)
        if self.question.own is None or value is None or value == answered:
            return leaves
        before = {
            leaf.path: leaf for leaf in ground(fields, answered, self.source, self.document) if leaf.is_proved
        }
        return [
            replace(leaf, hit=before[leaf.path].hit, by=before[leaf.path].by)
            if not leaf.is_proved and leaf.path in before and before[leaf.path].value != leaf.value
            else leaf
            for leaf in leaves
        ]

    def _refused(self, said: Any, problems: Sequence[str], record: Record | None, reason: str) -> Reject:
        """The reject of an answer, with the fields to ask again and what can be kept without them."""
        names = [field.name for field in self.question.fields]
        failed = {top(problem) for problem in problems}
        fields = tuple(name for name in names if name in failed) if record and failed <= set(names) else ()
        kept = record if record and any(not _is_empty(inner) for inner in record.value.values()) else None
        answer = (
            {name: said[name] for name in names if name in said and name not in fields}
            if isinstance(said, Mapping)
            else {}
        )
        full = self.reject(reason, _sentence(problems))
        return replace(full, fields=fields if len(fields) < len(names) else (), kept=kept, answer=answer)

    def _record(
        self, value: dict[str, Any], said: Any, leaves: Sequence[FieldValue], problems: Sequence[str]
    ) -> Record:
        """The record with one evidence for each value, each null and each field that failed."""
        last, fields = self.last, self.question.fields
        first = last.kept.request if last and last.kept else self.request.fingerprint
        failed = [
            Evidence(place, "", "missing", state="failed", detail=words)
            for place, _, words in (one.partition(": ") for one in problems)
        ]
        proofs = self._proofs(leaves, value, said)
        silent = [
            item
            for item in silences(fields, value, said)
            if not within(item.field, [one.field for one in failed])
        ]
        if last:
            asked = last.fields or tuple(field.name for field in fields)
            proofs = [
                _repaired(item, self.request.fingerprint) if top(item.field) in asked else item
                for item in proofs
            ]
        return Record(self.document, self.question.name, value, (*proofs, *silent, *failed), first)

    def _proofs(self, leaves: Sequence[FieldValue], value: Mapping[str, Any], said: Any) -> list[Evidence]:
        """The evidence of the values. What a summary says in its own words is proved by its marks of pages."""
        own = FIELDS if self.question.name == SUMMARY else ()
        told = cited(value, self.source.parts[self.document]) if own else []
        return [*told, *(self._proof(leaf, said) for leaf in leaves if top(leaf.path) not in own)]

    def _proof(self, leaf: FieldValue, said: Any) -> Evidence:
        """The evidence of a value, with what speaks for and against it."""
        seen = self.source.is_seen(self.document)
        excuse = (
            "" if leaf.hit else "seen" if seen else "" if _needs_proof(self.question, leaf) else "implied"
        )
        noisy = "noisy" if leaf.hit and leaf.hit.noisy else ""
        repeated = "repeated" if leaf.kind == "text" and self._stands_twice(leaf.value) else ""
        noted = (*notes(leaf.kind, leaf.value, said, leaf.path), *filter(None, [excuse, noisy, repeated]))
        by: ProvedBy = leaf.by or ("meaning" if excuse == "implied" else "")
        return evidence(replace(leaf, by=by), self.source, self.document, noted)

    def _stands_twice(self, text: str) -> bool:
        """Whether a text is printed more than once, as the names of a document's parties are."""
        return sum(part.text.count(text) for part in self.source.parts[self.document]) > 1

    def _unproved(self, leaves: Sequence[FieldValue]) -> dict[str, str]:
        """By path, why a value is refused that does not stand in the document, where evidence is required."""
        wanted = self.question.required_evidence if not self.source.is_seen(self.document) else ()
        refused = (leaf for leaf in self._provable(leaves) if not leaf.is_proved and top(leaf.path) in wanted)
        return {
            leaf.path: f"{quoted(leaf)} does not stand in the document; copy it as it is printed, or give null"
            if leaf.hit is None
            else f"{quoted(leaf)}: {leaf.hit.why}"
            for leaf in refused
        }

    def _provable(self, leaves: Iterable[FieldValue]) -> list[FieldValue]:
        """The values that should stand in the document."""
        return [leaf for leaf in leaves if _needs_proof(self.question, leaf)]


def _asked_for(last: Reject, said: Any) -> dict[str, Any]:
    """The fields that were asked for again; null for the whole record is null for each."""
    if said is None:
        return dict.fromkeys(last.fields)
    return (
        {name: said[name] for name in last.fields if name in said}
        if isinstance(said, Mapping)
        else {"": said}
    )


def _repaired(item: Evidence, request: str) -> Evidence:
    return replace(item, notes=(*item.notes, "repaired"), request=request)


def _is_empty(value: Any) -> bool:
    """Whether nothing is said: null, or an object or list in which nothing is."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return value is None if inside is None else all(_is_empty(item) for item in inside)


def _needs_proof(question: Question, leaf: FieldValue) -> bool:
    return (
        leaf.kind not in ("boolean", "choice")
        and leaf.field.form != "duration"
        and (not question.evidence or _FIELD.split(leaf.path, 1)[0] in question.evidence)
    )


def _sentence(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - PROBLEMS_TOLD} more" if len(problems) > PROBLEMS_TOLD else ""
    return "; ".join(problems[:PROBLEMS_TOLD]) + more + "."
