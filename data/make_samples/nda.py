"""A short mutual non-disclosure agreement in Word, with a table of signatures. Out: `SAMPLE`."""

from __future__ import annotations

from docx.document import Document as Word
from docx.shared import Mm, Pt

from .sample import Sample
from .texts import prose
from .word import blank, close_lines, docx, say

TITLE = "Mutual Non-Disclosure Agreement"
FIRST, SECOND = "Juniper Loom Robotics, Inc.", "Ostrander Weaving Mills LLC"


def make() -> bytes:
    """The Word file."""
    word = blank(TITLE, FIRST, "Calibri", 11)
    say(
        word.sections[0].header.paragraphs[0],
        "Juniper / Ostrander - confidential",
        size_pt=8.5,
        colour="#777777",
        side="right",
    )
    say(
        word.add_paragraph(), TITLE.upper(), bold=True, size_pt=15, side="centre"
    ).paragraph_format.space_after = Pt(14)
    opening, *clauses = prose("nda.txt")
    word.add_paragraph(opening)
    for number, clause in enumerate(clauses, start=1):
        heading, words = clause.split(". ", 1)
        say(word.add_paragraph(), f"{number}. {heading}. ", bold=True).add_run(words)
    word.add_paragraph("The parties have signed this Agreement on the dates below.")
    _signatures(word)
    return docx(word)


def _signatures(word: Word) -> None:
    table = word.add_table(rows=1, cols=2)
    people = (
        (FIRST, "Priyanka Holloway-Voss", "Chief Executive Officer"),
        (SECOND, "Emmett Ostrander III", "Managing Member"),
    )
    for cell, (party, name, office) in zip(table.rows[0].cells, people, strict=True):
        cell.width = Mm(80)
        say(cell.paragraphs[0], party, bold=True)
        for line in (
            "\n___________________________",
            f"Name: {name}",
            f"Title: {office}",
            "Date: September 14, 2026",
        ):
            cell.add_paragraph(line).paragraph_format.space_after = Pt(2)
    close_lines(word, ("",))


SAMPLE = Sample(
    name="contract_nda.docx",
    what="Mutual non-disclosure agreement of two American firms",
    special="Word, two parties in one sentence, title in capitals, signatures in a table, a term but no date on which it ends",
    make=make,
    schema="contract",
    values={
        "title": TITLE,
        "contract_type": "Non-Disclosure Agreement",
        "parties": [FIRST, SECOND],
        "effective_date": "2026-09-14",
        "term": "two (2) years",
        "governing_law": "Oregon",
        "termination_notice": "thirty (30) days prior written notice",
    },
)
