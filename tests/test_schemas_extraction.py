"""The schemas that ship: their columns, that strict mode takes them, and that a true answer passes."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import octavo.schemas.extraction
from octavo.schemas.compile.compiler import compile_question, compile_summary, shipped
from octavo.schemas.extraction.summary import STYLES
from octavo.schemas.pipeline import Field
from octavo.schemas.tables import question_table
from tests.mfjs import faults

COLUMNS = {
    "invoice": "invoice_number issue_date due_date seller_name seller_tax_id buyer_name currency net_total tax_total grand_total "
    "purchase_order line_items",
    "receipt": "merchant_name merchant_address purchase_date purchase_time currency total tax_total payment_method line_items",
    "contract": "title contract_type parties effective_date expiration_date term governing_law termination_notice contract_value currency",
    "resume": "name email phone location headline skills experience education",
    "paper": "title authors abstract keywords publication_date doi",
    "letter": "sender recipient letter_date subject",
    "summary": "text points quotes",
}

ANSWERS: dict[str, dict[str, Any]] = {
    "invoice": {
        "invoice_number": "471102",
        "issue_date": "2018-03-05",
        "seller_name": "Lieferant GmbH",
        "currency": "EUR",
        "grand_total": 529.87,
        "line_items": [
            {"description": "Trennblätter A4", "quantity": 20, "unit_price": 9.9, "amount": 198.0}
        ],
    },
    "receipt": {
        "merchant_name": "UNIHAKKA INTERNATIONAL SDN BHD",
        "purchase_date": "2018-06-18",
        "total": 8.6,
        "currency": "MYR",
    },
    "contract": {
        "parties": ["Richard Harcke", "Verso Paper Holdings LLC"],
        "effective_date": "2008-01-01",
        "governing_law": "Delaware",
    },
    "resume": {
        "name": "Alan Turing",
        "education": [{"institution": "Princeton", "degree": "PhD", "year": 1938}],
        "skills": ["Analysis"],
    },
    "paper": {
        "title": "On Computable Numbers",
        "authors": ["A. M. Turing"],
        "doi": "10.1112/plms/s2-42.1.230",
    },
    "letter": {"sender": "Ada Lovelace", "letter_date": "1843-07-10"},
    "summary": {"text": "An order of goods.", "points": [], "quotes": ["We order 20 binders."]},
}


def _leaves(fields: tuple[Field, ...]) -> list[Field]:
    inner = [
        leaf
        for field in fields
        for leaf in _leaves(field.fields or (field.item.fields if field.item else ()))
    ]
    return [*fields, *inner]


def test_every_file_is_a_schema() -> None:
    """Each file in schemas/extraction is a schema of that name, and nothing else is."""
    files = {path.stem for path in Path(octavo.schemas.extraction.__path__[0]).glob("*.py")} - {"__init__"}
    assert set(shipped()) == files == set(COLUMNS)


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str) -> None:
    """A shipped schema has exactly the columns that queries were written against, and they make a table."""
    question = compile_question(name)
    assert [field.name for field in question.fields] == COLUMNS[name].split()
    assert question.name == name == question_table(question).name


@pytest.mark.parametrize("name", COLUMNS)
def test_strict_mode_takes_it(name: str) -> None:
    """The schema that is sent keeps every rule and size of Moonshot's subset."""
    assert faults(dict(compile_question(name).json_schema)) == []


@pytest.mark.parametrize("name", COLUMNS)
def test_every_field_is_explained(name: str) -> None:
    """Each field at each level has a description in the instruction, and none of it is sent a second time in the schema."""
    question = compile_question(name)
    for field in _leaves(question.fields):
        assert field.description, field.name
        assert field.description in question.instruction
        assert field.description not in json.dumps(question.json_schema, ensure_ascii=False)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_true_answer_passes(name: str) -> None:
    """What a good answer holds is kept, and what it leaves out is null."""
    kept = compile_question(name).model.model_validate(ANSWERS[name]).model_dump()
    assert set(kept) == set(COLUMNS[name].split())
    for column in kept.keys() - ANSWERS[name].keys():
        assert kept[column] is None


@pytest.mark.parametrize("name", COLUMNS)
def test_a_document_may_say_nothing(name: str) -> None:
    """An answer of nulls is an answer: required in a schema never forces an invention."""
    model = compile_question(name).model
    empty = dict.fromkeys(COLUMNS[name].split())
    assert model.model_validate(empty).model_dump() == empty


def test_types_of_an_invoice() -> None:
    """Dates are dates and money is exact, with two digits; unit prices have four."""
    question = compile_question("invoice")
    invoice: Any = question.model.model_validate(ANSWERS["invoice"])
    assert invoice.issue_date == date(2018, 3, 5)
    assert invoice.grand_total == Decimal("529.87")
    items = next(field for field in question.fields if field.name == "line_items").item
    assert items is not None
    assert [(field.name, field.kind, field.scale) for field in items.fields][1:] == [
        ("quantity", "decimal", 8),
        ("unit_price", "decimal", 8),
        ("amount", "decimal", 2),
    ]


@pytest.mark.parametrize(
    "answer", [{"grand_total": "1.234"}, {"currency": "euro"}, {"issue_date": "soon"}, {"iban": "DE02"}]
)
def test_a_bad_answer_is_refused(answer: dict[str, str]) -> None:
    """Too many digits, a word for a code, no date, and a key nobody asked for are errors."""
    with pytest.raises(ValidationError):
        compile_question("invoice").model.model_validate(answer)


def test_what_has_to_be_proved() -> None:
    """A currency may be implied by a sign and a type of contract by the text; of a summary only the quotes can be proved."""
    assert "currency" not in compile_question("invoice").evidence
    assert set(COLUMNS["contract"].split()) - set(compile_question("contract").evidence) == {
        "contract_type",
        "currency",
    }
    assert compile_question("letter").evidence == ()
    assert compile_question("summary").evidence == ("quotes",)


def test_styles_differ_in_words_only() -> None:
    """The styles of a summary share table and columns; their instruction and fingerprint differ."""
    questions = [compile_summary(style) for style in STYLES]
    assert {question.name for question in questions} == {"summary"}
    assert len({json.dumps(question.json_schema) for question in questions}) == 1
    assert (
        len({question.fingerprint for question in questions})
        == len({question.instruction for question in questions})
        == 3
    )
    assert questions[0] == compile_question("summary")
