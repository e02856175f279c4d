"""Electronic invoices: their XML is read to a page that states each fact, without a network and without a model."""

from __future__ import annotations

import pytest

from octavo.processors.read import einvoice as reader
from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.kinds import media_type
from octavo.schemas.errors import DocumentError
from octavo.schemas.text import invoice_page
from tests.documents.einvoices import ALL, UBL

FACTS = {
    "invoice_number": "R-77",
    "issue_date": "2026-03-14",
    "due_date": "2026-04-13",
    "seller_name": "North Supply GmbH",
    "seller_tax_id": "DE123456789",
    "buyer_name": "Bob & Söhne",
    "currency": "EUR",
    "net_total": "100.00",
    "tax_total": "19.00",
    "grand_total": "119.00",
    "purchase_order": "PO-9",
}


def read(xml: str) -> Content:
    """What the reader makes of it."""
    return reader.read(Source(xml.encode(), ReadLimits()))


@pytest.mark.parametrize("xml", ALL.values(), ids=ALL)
def test_every_format_states_the_same_facts(xml: str) -> None:
    """An invoice says the same in each format; the sums are those in its currency, the tax number the one of its VAT."""
    assert media_type(xml.encode()) == invoice_page.MEDIA_TYPE
    facts = invoice_page.parsed(read(xml).leaves[0].text)
    (item,) = facts.pop(invoice_page.ITEMS)
    assert facts == FACTS
    assert (item["description"], item["unit_price"], item["amount"]) == ("Chair / oak", "50.00", "100.00")
    assert float(item["quantity"]) == 2


def test_files_in_an_invoice_are_documents() -> None:
    """What an invoice carries in Base64 is a file of its own, and none of its text."""
    content = read(UBL)
    assert [(file.name, file.data) for file in content.inner] == [("hours.csv", b"Day;Hours\nMon;8\n")]
    assert "RGF5" not in content.leaves[0].text


@pytest.mark.parametrize(
    ("xml", "told"),
    [
        (UBL[:900], "damaged"),
        (
            UBL.replace(
                "<Invoice ", '<!DOCTYPE Invoice [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<Invoice ', 1
            ),
            "document type",
        ),
    ],
    ids=["cut off", "an entity"],
)
def test_what_is_no_clean_xml_is_an_error(xml: str, told: str) -> None:
    """A damaged invoice is an error and never empty; one that names a file outside is refused."""
    with pytest.raises(DocumentError, match=told):
        read(xml)


@pytest.mark.parametrize(
    "xml", ["<Invoice><ID>1</ID></Invoice>", "<p>Invoice</p>", "Invoice R-77", "<CrossIndustry/>"]
)
def test_other_xml_is_no_electronic_invoice(xml: str) -> None:
    """Only the roots of the formats make one; an invoice of another making is text."""
    assert media_type(xml.encode()) != invoice_page.MEDIA_TYPE


def test_a_note_states_no_fact() -> None:
    """What a note says of totals is no total, and a page of other text has no facts."""
    text = read(UBL.replace("Thank you.", "Grand total: 1.00\nGrand total: 1.00")).leaves[0].text
    assert invoice_page.parsed(text)["grand_total"] == "119.00"
    assert invoice_page.parsed("Invoice number: 7") == {}
