"""Which encoding is guessed for bytes that name none, and when the guess is a doubt."""

from __future__ import annotations

import pytest

from octavo.processors.read import delimited, text
from octavo.processors.read.content import ReadLimits, Source
from tests.benchmarks.charsets import samples


def test_letters_of_thirty_languages_are_read_or_flagged() -> None:
    """Of made files in the encodings of 31 languages, all but a few are read right, and those few are flagged."""
    made = list(samples(100, seed=3, longest=600))
    found = [text.decoded(sample.data) for sample in made]
    wrong = [
        one for one, sample in zip(found, made, strict=True) if one.text.lstrip("\ufeff") != sample.words
    ]
    assert len(wrong) <= 3
    assert all(text.UNCERTAIN in one.flags for one in wrong)
    assert sum(bool(one.flags) for one in found) <= 10


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("Cliente;Total\nSeñor Muñoz;12,50\n", "cp1252"),
        ("Città;Totale\nForlì;12,50\n", "cp1252"),
        ("Client;Montant dû\nHélène;12,50\n", "cp1252"),
        ("Nazwa;Kwota\nŁódź Górna;12,50\n", "cp1250"),
        ("Jméno;Částka\nPříliš žluťoučký kůň;12,50\n", "cp1250"),
        ("Ad;Tutar\nŞişli Çiçek Işık;12,50\n", "cp1254"),
        ("Vārds;Summa\nJānis Bērziņš, Ķekava;12,50\n", "cp1257"),
        ("Όνομα;Ποσό\nΓιώργος;12,50\n", "cp1253"),
        ("Имя;Сумма\nЩукин;12,50\n", "koi8-r"),
    ],
)
def test_a_short_table_keeps_its_letters(line: str, encoding: str) -> None:
    """A table of two rows, as a spreadsheet of its country writes it, keeps the names in it."""
    (page,) = delimited.read(Source(line.encode(encoding), ReadLimits())).leaves
    assert page.text == line.strip().replace(";", " | ")


def test_a_guess_that_another_may_beat_is_flagged() -> None:
    """Where two encodings make letters that fit as well, the row says so; where one is clear, it does not."""
    doubtful = text.read(Source(b"Dr. X\xc6Y 12", ReadLimits()))
    assert doubtful.flags == (text.UNCERTAIN,)
    clear = "Rechnung für fünf Türen, Größe 12, zahlbar in zehn Tagen ohne Abzug"
    assert text.read(Source(clear.encode("cp1252"), ReadLimits())).flags == ()


@pytest.mark.parametrize("cut", range(1, 8))
def test_half_a_character_at_the_end_costs_only_itself(cut: int) -> None:
    """A short text in two-byte characters that is cut off anywhere is read, with a doubt, and ends no run."""
    found = text.decoded("發票號碼".encode("big5")[:cut])
    assert found.text
    assert found.flags or found.encoding != "big5"
