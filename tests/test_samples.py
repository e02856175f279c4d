"""data/samples: the documents, their gold values and their README belong together, and the generator makes them."""

from __future__ import annotations

import email
import email.policy
import importlib
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import docx
import pypdfium2
import pytest
from PIL import Image, ImageChops, ImageStat
from selectolax.lexbor import LexborHTMLParser

from data.make_samples.__main__ import main
from data.make_samples.listing import SAMPLES, gold, readme
from data.make_samples.sample import Sample

FOLDER = Path(__file__).resolve().parents[1] / "data" / "samples"
GOLD: dict[str, Any] = json.loads((FOLDER / "gold.json").read_text(encoding="utf-8"))
ABOUT = {"README.md", "gold.json", ".octavoignore"}
SIGNS = {"EUR": "€", "GBP": "£", "USD": "$", "CNY": "¥", "CAD": "CAD", "CHF": "CHF", "NOK": "NOK"}
AMOUNTS = {
    "net_total",
    "tax_total",
    "grand_total",
    "total",
    "unit_price",
    "amount",
    "quantity",
    "contract_value",
}
DAY_FORMS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%d %B %Y", "%B %d, %Y", "%Y年%m月%d日")
FRENCH = {4: "avril", 5: "mai"}

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)


def text_of(name: str, content: bytes) -> str:
    """The words of a file, read without this project's own readers, so that the gold is checked independently."""
    match Path(name).suffix:
        case ".pdf":
            with pypdfium2.PdfDocument(content) as file:
                return "\n".join(page.get_textpage().get_text_range() for page in file)
        case ".docx":
            return "\n".join(_docx_lines(docx.Document(io.BytesIO(content))))
        case ".eml":
            body = email.message_from_bytes(content, policy=email.policy.default).get_body(("plain",))
            assert body is not None, "the message has a plain part"
            return str(body.get_content())
        case ".html":
            return LexborHTMLParser(content.decode()).css("body")[0].text(separator=" ")
        case _:
            return content.decode()


def _docx_lines(container: Any) -> Iterator[str]:
    for block in container.iter_inner_content():
        if hasattr(block, "rows"):
            for row in block.rows:
                for cell in row.cells:
                    yield from _docx_lines(cell)
        else:
            yield block.text


def plain(text: str) -> str:
    """Text in one line, in one case, with one kind of blank, so that a value can be looked for."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).casefold()


def words_of(sample: Sample) -> str:
    """What a reader of the committed file sees; for a picture what was printed on it."""
    return plain("\n".join(sample.lines) or text_of(sample.name, (FOLDER / sample.name).read_bytes()))


def leaves(value: Any, field: str = "") -> Iterator[tuple[str, Any]]:
    """Each single value with the name of its innermost field."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, field)
    else:
        yield field, value


def forms(field: str, value: Any) -> list[str]:
    """The ways in which a value may be written."""
    if field == "currency":
        return [value, SIGNS[value]]
    if field in AMOUNTS:
        return amount_forms(Decimal(value))
    if re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
        return day_forms(date.fromisoformat(value))
    return [str(value)]


def amount_forms(value: Decimal) -> list[str]:
    """1234.5 with every pair of marks that the samples use."""
    marks = (",.", ".,", " ,", "'.")
    return [str(value), *(f"{value:,}".translate(str.maketrans(",.", pair)) for pair in marks)]


def day_forms(day: date) -> list[str]:
    """A day as the samples write it, with and without a zero before its number."""
    written = [day.strftime(form) for form in DAY_FORMS]
    return [
        *written,
        *(re.sub(r"\b0", "", form) for form in written),
        f"{day.day} {FRENCH.get(day.month, '?')} {day.year}",
    ]


def test_folder_gold_and_readme_name_the_same_files() -> None:
    """Each document has its gold entry and its line in the README, and nothing else lies there."""
    files = {path.name for path in FOLDER.iterdir()} - ABOUT
    assert files == set(GOLD)
    described = re.findall(r"^\| `([^`]+)`", (FOLDER / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(described) == sorted(files)


def test_there_is_a_document_of_every_kind() -> None:
    """A newcomer meets every shipped schema, every ordinary format, and one document that fits no schema."""
    assert len(GOLD) >= 16
    assert {entry["schema"] for entry in GOLD.values()} == {
        "invoice",
        "receipt",
        "contract",
        "resume",
        "paper",
        "letter",
        None,
    }
    assert {Path(name).suffix for name in GOLD} == {".pdf", ".docx", ".jpg", ".eml", ".html", ".md"}


def test_generator_writes_what_is_committed(tmp_path: Path) -> None:
    """README and gold values in the folder are those of the generator, and it writes one file for each sample."""
    main(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(GOLD) | ABOUT
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == readme()
    assert (FOLDER / "gold.json").read_text(encoding="utf-8") == gold()


@each_sample
def test_document_is_made_the_same_each_time(sample: Sample) -> None:
    """Making a document twice gives the same bytes: no clock, no chance, no random id is in it."""
    assert sample.make() == sample.make()


@each_sample
def test_committed_document_is_the_generators(sample: Sample) -> None:
    """A document made now says what the committed one says; bytes may differ between versions of the libraries."""
    committed, made = (FOLDER / sample.name).read_bytes(), sample.make()
    if sample.name.endswith(".jpg"):
        difference = ImageChops.difference(Image.open(io.BytesIO(committed)), Image.open(io.BytesIO(made)))
        assert ImageStat.Stat(difference).mean[0] < 3
    else:
        assert text_of(sample.name, committed) == text_of(sample.name, made)


@each_sample
def test_gold_values_stand_in_the_document(sample: Sample) -> None:
    """Every gold value is in the text of its file, in one of the forms in which it may be written."""
    words = words_of(sample)
    missing = [
        (field, value)
        for field, value in leaves(GOLD[sample.name]["values"])
        if not any(plain(form) in words for form in forms(field, value))
    ]
    assert missing == []


@pytest.mark.parametrize("name", [name for name, entry in GOLD.items() if entry["schema"] == "invoice"])
def test_invoice_adds_up(name: str) -> None:
    """Lines give the net total, net and tax give the grand total, and quantity times price gives the line."""
    values = GOLD[name]["values"]
    lines = values["line_items"]
    assert sum(Decimal(line["amount"]) for line in lines) == Decimal(values["net_total"])
    assert Decimal(values["net_total"]) + Decimal(values["tax_total"]) == Decimal(values["grand_total"])
    for line in lines:
        assert abs(
            Decimal(line["quantity"]) * Decimal(line["unit_price"]) - Decimal(line["amount"])
        ) <= Decimal("0.005")


@each_sample
def test_gold_fields_are_fields_of_the_shipped_schema(sample: Sample) -> None:
    """A gold value has a name that its schema knows; otherwise nobody could ever find it."""
    if sample.schema is None:
        assert not sample.values
        return
    module = importlib.import_module(f"octavo.schemas.extraction.{sample.schema}")
    model = getattr(module, sample.schema.capitalize())
    assert set(sample.values) <= set(model.model_fields)


@each_sample
def test_addresses_of_the_net_are_reserved_ones(sample: Sample) -> None:
    """Mail addresses and sites lie under `.example`, so that nobody real is ever written to."""
    words = words_of(sample)
    hosts = re.findall(r"@([\w.-]+)", words) + re.findall(r"www\.([\w.-]+)", words)
    assert [host for host in hosts if "." in host and not host.rstrip(".").endswith(".example")] == []


@pytest.mark.parametrize(("name", "pages"), [("contract_services.pdf", 10), ("invoice_ch.pdf", 2)])
def test_long_documents_are_long(name: str, pages: int) -> None:
    """The contract is long enough to be cut into parts, and the long invoice runs over two pages."""
    with pypdfium2.PdfDocument(FOLDER / name) as file:
        assert len(file) >= pages


def test_contract_repeats_no_paragraph() -> None:
    """The contract is written, not padded: no sentence of some length stands in it twice."""
    words = re.sub(
        r"\s+", " ", text_of("contract_services.pdf", (FOLDER / "contract_services.pdf").read_bytes())
    )
    sentences = [sentence for sentence in words.split(". ") if len(sentence) > 60]
    assert len(sentences) > 100
    assert len(sentences) == len(set(sentences))
