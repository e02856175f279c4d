"""A letter in Word: letterhead with a picture in the page header, address, date, reference, subject, signature. Out: `SAMPLE`."""

from __future__ import annotations

from docx.document import Document as Word
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.shared import Mm, Pt

from .sample import Sample
from .texts import prose
from .word import blank, close_lines, docx, picture, say

MUSEUM = "Saltmarsh Maritime Museum"
SENDER, RECIPIENT = "Ottoline Marchbanks", "Eudora Lindqvist-Bello"
SUBJECT = "Loan of the Halloran tide tables for the exhibition Slack Water"
BLUE = "#1f4e6b"
LOANS = (
    ("Volume", "Years", "Pages", "Insured value"),
    ("Two, calf, with fold-out chart", "1871 to 1874", "212", "£2,400"),
    ("Three, half calf, spine loose", "1875 to 1879", "264", "£1,900"),
    ("Six, boards, ink drawings", "1890 to 1894", "238", "£3,100"),
)


def make() -> bytes:
    """The Word file."""
    word = blank(SUBJECT, MUSEUM, "Georgia", 10.5)
    _letterhead(word)
    close_lines(word, (RECIPIENT, "The Lamp House", "8 Causeway Row", "Saltmarsh Point SP9 4ZZ", ""))
    say(word.add_paragraph(), "21 May 2026", side="right")
    say(word.add_paragraph(), "Our reference: SMM/EX/26-0417", size_pt=9, colour="#555555")
    say(word.add_paragraph(), SUBJECT, bold=True, size_pt=12, colour=BLUE)
    word.add_paragraph("Dear Mrs Lindqvist-Bello,")
    for line in prose("letter.txt"):
        if line == "@loans":
            _loans(word)
        else:
            word.add_paragraph(line)
    close_lines(word, ("Yours sincerely,", "", ""))
    close_lines(word, (SENDER, "Head of Collections", MUSEUM))
    say(word.add_paragraph(), "\nEnclosures: loan form in two copies, conservation note", size_pt=9)
    return docx(word)


def _letterhead(word: Word) -> None:
    header, footer = word.sections[0].header, word.sections[0].footer
    sail = (((60, 10), (60, 92), (12, 92)), BLUE)
    jib = (((68, 26), (68, 92), (102, 92)), "#7fb2cc")
    hull = (((6, 100), (110, 100), (94, 118), (24, 118)), "#c4572f")
    line = header.paragraphs[0]
    line.add_run().add_picture(picture((116, 124), (sail, jib, hull)), height=Mm(16))
    say(line, "   SALTMARSH MARITIME MUSEUM", bold=True, size_pt=15, colour=BLUE)
    say(
        header.add_paragraph(),
        "The Old Ropewalk, Saltmarsh Point SP9 1AA  |  01632 960774  |  collections@saltmarsh.example",
        size_pt=8.5,
        colour="#555555",
    )
    say(
        footer.paragraphs[0],
        "Registered charity 0041739. Open daily except Monday.",
        size_pt=8,
        colour="#555555",
        side="centre",
    )


def _loans(word: Word) -> None:
    table = word.add_table(rows=0, cols=4, style="Table Grid")
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for number, row in enumerate(LOANS):
        for cell, words in zip(table.add_row().cells, row, strict=True):
            say(cell.paragraphs[0], words, bold=number == 0, size_pt=9.5).paragraph_format.space_after = Pt(2)
    word.add_paragraph().paragraph_format.space_after = Pt(0)


SAMPLE = Sample(
    name="letter.docx",
    what="Letter of a museum that asks for a loan",
    special="Word: letterhead with a picture in the page header, a table between paragraphs, more dates than one",
    make=make,
    schema="letter",
    values={"sender": SENDER, "recipient": RECIPIENT, "letter_date": "2026-05-21", "subject": SUBJECT},
)
