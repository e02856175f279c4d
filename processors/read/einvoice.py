"""An electronic invoice in XML in (UBL and Peppol, Factur-X, ZUGFeRD, XRechnung, FatturaPA); a page with its facts out, as they are stated.

Nothing is fetched, no entity is resolved, and a document type is refused. Files that the XML carries are documents of their own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from lxml import etree

from octavo.processors.read.content import Content, Inner, PageContent, Source, clean, over
from octavo.schemas.errors import DocumentError
from octavo.schemas.text import invoice_page

Element = Any  # lxml ships no types
Paths = Mapping[str, Sequence[str]]

# Field -> paths of local names, the first that is there counts. UBL 2.1; EN 16931-3-2 and -3-3; ZUGFeRD 1.0; FatturaPA 1.2; read 2026-11.
_UBL: Paths = {
    "invoice_number": ["ID"],
    "issue_date": ["IssueDate"],
    "due_date": ["DueDate", "PaymentMeans/PaymentDueDate"],
    "seller_name": [
        "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName",
        "AccountingSupplierParty/Party/PartyName/Name",
    ],
    "seller_tax_id": ["AccountingSupplierParty/Party/PartyTaxScheme/CompanyID"],
    "buyer_name": [
        "AccountingCustomerParty/Party/PartyLegalEntity/RegistrationName",
        "AccountingCustomerParty/Party/PartyName/Name",
    ],
    "currency": ["DocumentCurrencyCode"],
    "net_total": ["LegalMonetaryTotal/TaxExclusiveAmount"],
    "tax_total": ["TaxTotal/TaxAmount"],
    "grand_total": ["LegalMonetaryTotal/TaxInclusiveAmount"],
    "purchase_order": ["OrderReference/ID"],
}
_UBL_ITEM: Paths = {
    "description": ["Item/Name", "Item/Description"],
    "quantity": ["InvoicedQuantity", "CreditedQuantity"],
    "unit_price": ["Price/PriceAmount"],
    "amount": ["LineExtensionAmount"],
}
_TRADE = ["SupplyChainTradeTransaction", "SpecifiedSupplyChainTradeTransaction"]
_AGREED = ["ApplicableHeaderTradeAgreement", "ApplicableSupplyChainTradeAgreement"]
_SETTLED = ["ApplicableHeaderTradeSettlement", "ApplicableSupplyChainTradeSettlement"]
_SUMS = ["SpecifiedTradeSettlementHeaderMonetarySummation", "SpecifiedTradeSettlementMonetarySummation"]
_CII: Paths = {
    "seller_name": ["SellerTradeParty/Name"],
    "seller_tax_id": [
        "SellerTradeParty/SpecifiedTaxRegistration/ID[@schemeID='VA']",
        "SellerTradeParty/SpecifiedTaxRegistration/ID",
    ],
    "buyer_name": ["BuyerTradeParty/Name"],
    "purchase_order": ["BuyerOrderReferencedDocument/IssuerAssignedID", "BuyerOrderReferencedDocument/ID"],
}
_CII_SETTLED: Paths = {
    "currency": ["InvoiceCurrencyCode"],
    "due_date": ["SpecifiedTradePaymentTerms/DueDateDateTime/DateTimeString"],
}
_CII_SUMS: Paths = {
    "net_total": ["TaxBasisTotalAmount"],
    "tax_total": ["TaxTotalAmount"],
    "grand_total": ["GrandTotalAmount"],
}
_CII_ITEM: Paths = {
    "description": ["SpecifiedTradeProduct/Name", "SpecifiedTradeProduct/Description"],
    "quantity": [
        "SpecifiedLineTradeDelivery/BilledQuantity",
        "SpecifiedSupplyChainTradeDelivery/BilledQuantity",
    ],
    "unit_price": [
        "SpecifiedLineTradeAgreement/NetPriceProductTradePrice/ChargeAmount",
        "SpecifiedSupplyChainTradeAgreement/NetPriceProductTradePrice/ChargeAmount",
    ],
    "amount": [
        "SpecifiedLineTradeSettlement/SpecifiedTradeSettlementLineMonetarySummation/LineTotalAmount",
        "SpecifiedSupplyChainTradeSettlement/SpecifiedTradeSettlementMonetarySummation/LineTotalAmount",
    ],
}
_ITALIAN: Paths = {
    "invoice_number": ["DatiGenerali/DatiGeneraliDocumento/Numero"],
    "issue_date": ["DatiGenerali/DatiGeneraliDocumento/Data"],
    "currency": ["DatiGenerali/DatiGeneraliDocumento/Divisa"],
    "grand_total": ["DatiGenerali/DatiGeneraliDocumento/ImportoTotaleDocumento"],
    "due_date": ["DatiPagamento/DettaglioPagamento/DataScadenzaPagamento"],
    "purchase_order": ["DatiGenerali/DatiOrdineAcquisto/IdDocumento"],
}
_ITALIAN_ITEM: Paths = {
    "description": ["Descrizione"],
    "quantity": ["Quantita"],
    "unit_price": ["PrezzoUnitario"],
    "amount": ["PrezzoTotale"],
}
_FILES = {  # element with the bytes of a file -> the attribute, or the element beside it, that names the file
    "EmbeddedDocumentBinaryObject": "filename",
    "AttachmentBinaryObject": "filename",
    "Attachment": "NomeAttachment",
}


def read(source: Source) -> Content:
    """A page an invoice. Raises DocumentError: corrupt, too_many_pages."""
    root = _parsed(source.data)
    name = etree.QName(root).localname
    pages = [clean(text) for text in _pages(name, root)]
    if len(pages) > source.limits.max_pages:
        over("max_pages", len(pages), source.limits.max_pages, "too_many_pages")
    return Content(tuple(map(PageContent, pages)), inner=tuple(_files(root)))


def _parsed(data: bytes) -> Element:
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        message = f"It is an electronic invoice whose XML is damaged ({error.msg})."
        raise DocumentError("corrupt", message, next_step="Get it once more from its sender.") from error
    if root.getroottree().docinfo.doctype:
        message = "It is an electronic invoice that declares a document type, which none does."
        raise DocumentError("corrupt", message, next_step="Do not trust this file.")
    return root


def _pages(name: str, root: Element) -> Iterator[str]:
    if name in ("Invoice", "CreditNote"):
        items = root.iterfind("{*}CreditNoteLine" if name == "CreditNote" else "{*}InvoiceLine")
        yield _page(f"UBL {name}", _ubl(root), [_found(item, _UBL_ITEM) for item in items], _said(root))
    elif name.startswith("CrossIndustry"):
        trade = _first(root, _TRADE)
        items = [] if trade is None else trade.iterfind("{*}IncludedSupplyChainTradeLineItem")
        yield _page(
            "Factur-X, ZUGFeRD",
            _cross_industry(root, trade),
            [_found(item, _CII_ITEM) for item in items],
            _said(root),
        )
    else:
        header = root.find("FatturaElettronicaHeader")
        for body in root.iterfind("FatturaElettronicaBody"):
            items = body.iterfind("DatiBeniServizi/DettaglioLinee")
            yield _page(
                "FatturaPA", _italian(header, body), [_found(item, _ITALIAN_ITEM) for item in items], []
            )


def _page(
    kind: str, facts: dict[str, str], items: Sequence[Mapping[str, str]], others: Sequence[tuple[str, str]]
) -> str:
    for name in ("net_total", "tax_total", "grand_total"):
        facts[name] = _number(facts.get(name, ""))
    numbers = ("quantity", "unit_price", "amount")
    items = [
        {name: _number(value) if name in numbers else value for name, value in item.items()} for item in items
    ]
    return invoice_page.written(kind, facts, items, others)


def _ubl(root: Element) -> dict[str, str]:
    facts = _found(root, _UBL)
    for amount in root.iterfind(
        "{*}TaxTotal/{*}TaxAmount"
    ):  # one in the currency of accounting may stand beside it
        if amount.get("currencyID") == facts.get("currency"):
            facts["tax_total"] = _text(amount)
            break
    for scheme in root.iterfind("{*}AccountingSupplierParty/{*}Party/{*}PartyTaxScheme"):
        if _text(scheme.find("{*}TaxScheme/{*}ID")) == "VAT":
            facts["seller_tax_id"] = _text(scheme.find("{*}CompanyID"))
    return facts


def _cross_industry(root: Element, trade: Element) -> dict[str, str]:
    document = _first(root, ["ExchangedDocument", "HeaderExchangedDocument"])
    facts = _found(document, {"invoice_number": ["ID"], "issue_date": ["IssueDateTime/DateTimeString"]})
    agreed, settled = _first(trade, _AGREED), _first(trade, _SETTLED)
    sums = _first(settled, _SUMS)
    facts |= _found(agreed, _CII) | _found(settled, _CII_SETTLED) | _found(sums, _CII_SUMS)
    for amount in sums.iterfind("{*}TaxTotalAmount") if sums is not None else ():
        if amount.get("currencyID") == facts.get("currency"):
            facts["tax_total"] = _text(amount)
            break
    return facts | {name: _day(facts[name]) for name in ("issue_date", "due_date") if name in facts}


def _italian(header: Element, body: Element) -> dict[str, str]:
    facts = _found(body, _ITALIAN)
    for role, party in (("seller", "CedentePrestatore"), ("buyer", "CessionarioCommittente")):
        about = header.find(f"{party}/DatiAnagrafici") if header is not None else None
        names = _found(
            about,
            {
                "firm": ["Anagrafica/Denominazione"],
                "first": ["Anagrafica/Nome"],
                "last": ["Anagrafica/Cognome"],
            },
        )
        facts[f"{role}_name"] = (
            names.get("firm") or f"{names.get('first', '')} {names.get('last', '')}".strip()
        )
        if role == "seller":
            tax = _found(about, {"country": ["IdFiscaleIVA/IdPaese"], "code": ["IdFiscaleIVA/IdCodice"]})
            facts["seller_tax_id"] = tax.get("country", "") + tax.get("code", "")
    rates = body.findall("DatiBeniServizi/DatiRiepilogo")
    for name, part in (("net_total", "ImponibileImporto"), ("tax_total", "Imposta")):
        facts[name] = _sum([_text(rate.find(part)) for rate in rates])
    if len(body.findall("DatiPagamento/DettaglioPagamento")) > 1:
        facts.pop("due_date", None)  # paid in parts, and no day is the last of all for certain
    return facts


def _said(root: Element) -> list[tuple[str, str]]:
    """What a person may ask about beside: notes, as they stand."""
    notes = [*root.iterfind("{*}Note"), *root.iterfind("{*}ExchangedDocument/{*}IncludedNote/{*}Content")]
    return [("Note", _text(note)) for note in notes]


def _found(element: Element, paths: Paths) -> dict[str, str]:
    """The facts below an element that are there."""
    found = ((name, _text(_first(element, some))) for name, some in paths.items())
    return {name: text for name, text in found if text}


def _first(element: Element, paths: Sequence[str]) -> Element:
    for path in paths if element is not None else ():
        if (found := element.find("/".join(f"{{*}}{step}" for step in path.split("/")))) is not None:
            return found
    return None


def _text(element: Element) -> str:
    return " ".join((element.text or "").split()) if element is not None else ""


def _day(digits: str) -> str:
    """A day as UN/CEFACT's format 102 writes it; others as they are."""
    return (
        f"{digits[:4]}-{digits[4:6]}-{digits[6:8]}" if len(digits) >= 8 and digits[:8].isdigit() else digits
    )


def _number(words: str) -> str:
    """A number without the zeros that only programs write: two digits behind the point stay."""
    try:
        value = Decimal(words)
    except InvalidOperation:
        return words
    whole, _, fraction = format(value, "f").partition(".")
    fraction = fraction[:2] + fraction[2:].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole


def _sum(numbers: Sequence[str]) -> str:
    try:
        return format(sum(map(Decimal, numbers), Decimal(0)), "f") if numbers else ""
    except InvalidOperation:
        return ""


def _files(root: Element) -> Iterator[Inner]:
    for element in root.iter(*(f"{{*}}{name}" for name in _FILES)):
        name = etree.QName(element).localname
        if name == "Attachment" and not (element.text or "").strip():
            continue
        called = element.get("filename") or _text(element.getparent().find(_FILES[name])) or "attachment"
        try:
            yield Inner(called, base64.b64decode(element.text or "", validate=False))
        except binascii.Error:
            error = DocumentError(
                "corrupt", "Its bytes in the XML are damaged.", next_step="Ask its sender for it."
            )
            yield Inner(called, b"", error)
