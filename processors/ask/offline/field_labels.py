"""The words that stand before a value in documents: nothing comes in, tables of labels and the meaning of a field's name go out.

A concept is what a label announces, such as the number of an invoice. Labels are written folded: lower case, no accents. The tiers of a
concept go from its own labels to those that it shares with others. A star before a label lets it end a longer word
(`*rechnung nr` in "Handelsrechnung Nr."). `OTHER` lists labels that only keep a shorter one inside them from being taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Concept:
    """What a label announces: the form of its value, and its labels in tiers, the surest first."""

    form: str  # "identifier", "date", "amount", "name", "text", "currency", "time", "email", "phone", "url" or "iban"
    tiers: tuple[str, ...]

    def labels(self) -> Iterator[tuple[str, int]]:
        """Each label with the number of its tier, from 0."""
        for rank, tier in enumerate(self.tiers):
            for label in tier.replace("\n", " ").split("|"):
                yield label.strip(), rank


def _concept(form: str, *tiers: str) -> Concept:
    return Concept(form, tiers)


CONCEPTS: Mapping[str, Concept] = MappingProxyType({
    "invoice_number": _concept(
        "identifier",
        """invoice number|fakturanummer|fakturanr|faktura nr|invoice no|invoice nr|invoice num|invoice no. and date|invoice #|
        invoice id|inv no|inv #|
        tax invoice no|bill number|bill no|bill #|credit note number|credit note no|rechnungsnummer|rechnungsnr|rechnungs-nr|
        *rechnung nr|*rechnung-nr|*rechnung no|gutschriftsnummer|gutschrift nr|gutschriftnr|numero de facture|n° de facture|
        no de facture|facture n°|facture no|facture numero|facture №|n° facture|factuurnummer|factuurnr|factuur nr|numero de factura|
        n° de factura|nº de factura|no. de factura|factura n°|factura nº|factura no|numero fattura|n. fattura|fattura n|fattura n°|
        fattura numero|发票号码|发票编号|发票号|發票號碼|number of invoice""",
        """document number|kvitteringsnr|document no|doc no|doc. no|receipt number|receipt no|receipt #|receipt|belegnummer|beleg-nr|
        beleg nr|bon-nr|quittungsnummer|numero de document|ticket no|booking id|booking number|buchungsnummer|reference number|
        invoice|*rechnung|rechnungskorrektur|gutschrift|credit note|facture|factuur|factura|fattura""",
    ),
    "issue_date": _concept(
        "date",
        """invoice date|fakturadato|fakturadatum|date of invoice|date of issue|issue date|issued at|issued on|date issued|bill date|
        billing date|tax point|rechnungsdatum|*rechnung vom|ausstellungsdatum|ausgestellt am|belegdatum|date de facture|
        date de la facture|date facture|date d'emission|emise le|factuurdatum|fecha de factura|fecha factura|fecha de emision|
        fecha de expedicion|data fattura|data della fattura|data di emissione|data emissione|开票日期|發票日期|document date|
        transaction date|purchase date|date of purchase|kaufdatum|statement date|letter date""",
        "date|datum|dato|fecha|data|日期|dated|sent|gesendet|envoye",
    ),
    "due_date": _concept(
        "date",
        """
        due date|forfallsdato|forfaldsdato|forfallodatum|due for payment|payment due date|payment due by|payment due|due on|
        due by|pay by|payable by|payable until|
        please pay by|please remit until|please remit by|date due|falligkeitsdatum|fallig am|fallig bis|zahlbar bis|zahlbar bis zum|
        zu zahlen bis|zahlungsziel|falligkeit|zahlungsfrist|date d'echeance|date echeance|echeance|date limite de paiement|
        a payer avant le|a regler avant le|vervaldatum|te betalen voor|uiterste betaaldatum|betalen voor|fecha de vencimiento|
        fecha vencimiento|vencimiento|data di scadenza|data scadenza|scadenza|到期日|付款期限|付款到期日|bis zum|due""",
    ),
    "effective_date": _concept(
        "date",
        """effective date|takes effect on|comes into effect on|comes into force on|commences on|date of effect|effective as of|
        effective on|effective from|dated and effective as of|made effective as of|dated as of|made as of|entered into as of|
        entered as of|made and entered as of|entered into on|commencement date|start date|inkrafttreten|tritt in kraft am|wirkung zum|
        mit wirkung vom|gultig ab|date d'entree en vigueur|date d'effet|ingangsdatum|fecha de entrada en vigor|
        data di entrata in vigore|生效日期""",
        "as of|dated|valid from|agreement date|contract date|vertragsdatum|date",
    ),
    "expiration_date": _concept(
        "date",
        """
        expiration date|expiry date|expires on|expire on|end date|termination date|date of expiry|valid until|vertragsende|endet am|
        gultig bis|laufzeit bis|ablaufdatum|date d'expiration|date de fin|einddatum|vervalt op|fecha de vencimiento|
        fecha de finalizacion|data di scadenza|终止日期|到期日期|有效期至""",
    ),
    "seller": _concept(
        "name",
        """seller|seller name|sold by|supplier|supplier name|vendor|vendor name|service provider|issuer|issued by|payable to|merchant|
        merchant name|company|company name|store|verkaufer|lieferant|leistungserbringer|rechnungssteller|auftragnehmer|vendeur|
        fournisseur|prestataire|emetteur|verkoper|leverancier|vendedor|proveedor|emisor|venditore|fornitore|cedente/prestatore|销售方|
        销方|卖方|销售方名称""",
        """
        account holder|kontoinhaber|kontoname|titulaire du compte|titulaire|rekeninghouder|ten name van|titular|titular de la cuenta|
        intestatario|beneficiary|account name|in favor of|in favour of|from|de""",
    ),
    "buyer": _concept(
        "name",
        """buyer|kunde|buyer name|bill to|billed to|bill to address|billing address|invoice to|invoiced to|send invoice to|
        invoice address|faktureringsadress|fakturaadresse|sold to|
        customer|customer name|client|client name|purchaser|guest name|kaufer|kaufer/leistungsempfanger|leistungsempfanger|
        rechnungsempfanger|rechnungsadresse|rechnung an|rechnungsanschrift|auftraggeber|acheteur|facture a|adresse de facturation|
        destinataire|koper|factuuradres|gefactureerd aan|factuur aan|klant|comprador|facturar a|facturado a|cliente|datos del cliente|
        acquirente|cessionario/committente|fatturare a|spett.le|spettabile|intestato a|购买方|购方|买方|购买方名称|客户""",
        "to|an|aan|messrs|m/s|attention|attn",
    ),
    "delivery": _concept(
        "name",
        """ship to|shipping address|deliver to|delivered to|delivery to|delivery address|consignee|send goods to|lieferadresse|
        lieferanschrift|lieferung an|warenempfanger|abweichender warenempfanger|adresse de livraison|livre a|leverings adresse|
        leveringsadresse|leveransadress|afleveradres|direccion de entrega|indirizzo di consegna|收货人""",
    ),
    "seller_tax_id": _concept(
        "identifier",
        """vat id|vat-id|vat no|vat number|vat reg no|vat registration number|vat registration no|vat reg|vat/tin|tax id|tax no|
        tax number|tax reg|gst id|gst no|gst reg no|gst reg #|gst reg|gstin|gst registration no|tin|ein|abn|ust-idnr|ust-id-nr|ust-id|
        ust.-id.-nr|ust.-idnr|ust idnr|umsatzsteuer-id|umsatzsteuer-identifikationsnummer|steuernummer|steuer-nr|uid|mwst-nr|n° tva|
        no tva|numero de tva|n° de tva intra communautaire|n° tva intracommunautaire|tva intracommunautaire|btw-nummer|btw nummer|
        btw-nr|btw nr|btw-id|nif|cif|nif/cif|p.iva|p. iva|partita iva|纳税人识别号|统一社会信用代码|税号""",
        "tva|btw",
    ),
    "purchase_order": _concept(
        "identifier",
        """purchase order|your reference|your ref|uw referentie|uw kenmerk|votre reference|ihre referenz|ihr zeichen|
        purchase order number|purchase order no|po number|po no|po #|p.o. number|p.o. no|your order|order number|order no|order #|
        order id|order reference|bestellnummer|bestell-nr|bestellung nr|bestellung|ihre bestellung|auftragsnummer|auftrags-nr|
        n° de commande|numero de commande|commande n°|bon de commande|ordernummer|bestelnummer|inkoopordernummer|numero de pedido|
        n° de pedido|pedido|numero d'ordine|ordine n|n. ordine|订单号|订单编号|采购订单|采购订单号""",
    ),
    "net_total": _concept(
        "amount",
        """subtotal|sub total|sub-total|net total|total net|net amount|total before tax|total excl. vat|total excl vat|
        total excluding vat|total excluding tax|total excluded tax|total excluding gst|total sales (excluding gst)|total (excl. gst)|
        amount before tax|taxable amount|untaxed amount|total without vat|nettobetrag|summe netto|netto gesamt|gesamt netto|
        gesamtbetrag netto|nettosumme|netto|zwischensumme|rechnungssumme ohne ust|summe ohne ust|warenwert netto|total ht|montant ht|
        montant total ht|total hors taxe|total hors taxes|sous-total|sous-total ht|subtotaal|totaal excl. btw|totaal exclusief btw|
        exclusief btw|excl. btw|totaal netto|nettobedrag|base imponible|total neto|importe neto|imponibile|totale imponibile|
        totale netto|金额合计|不含税金额|合计金额|未税金额|小计|charges""",
    ),
    "tax_total": _concept(
        "amount",
        """total tax|hst|herav mva|mva|moms|of which vat|tax total|total vat|vat total|vat amount|tax amount|total gst|gst amount|
        gst total|total taxes|sales tax|gst payable|total includes gst|steuerbetrag|mehrwertsteuer|umsatzsteuer|mwst|mwst.|ust|ust.|
        umsatzsteuerbetrag|summe mwst|summe ust|enthaltene mwst|total tva|montant tva|tva|montant de la tva|btw|btw bedrag|totaal btw|
        iva|cuota iva|importe iva|total iva|totale iva|imposta|税额|税额合计|增值税""",
        "vat|gst|tax|taxes|sst|cst",
    ),
    "grand_total": _concept(
        "amount",
        """grand total|totalt|total paid|total due|amount due|total amount due|balance due|invoice total|total invoice|
        total for this invoice|total incl. vat|total incl vat|total including vat|total including tax|total inc vat|total (incl. gst)|
        total (inclusive of gst)|total sales (inclusive of gst)|total inclusive gst|total inclusive of gst|total incl. gst|
        total to pay|amount to pay|amount payable|total payable|due payable|net payable|rounded total|total rounded|
        total after rounding|round d total|total rounded amount|nett total|bruttosumme|bruttobetrag|gesamtbetrag|rechnungsbetrag|
        rechnungssumme|endbetrag|gesamtsumme|summe brutto|gesamt brutto|brutto gesamt|zu zahlen|zu zahlender betrag|zahlbetrag|
        endsumme|total ttc|montant ttc|montant total ttc|net a payer|somme a payer|total a payer|total facture|totaal incl. btw|
        totaal inclusief btw|te betalen|totaal te betalen|totaalbedrag|total a pagar|importe total|total factura|totale fattura|
        totale da pagare|totale documento|totale complessivo|netto a pagare|价税合计|应付金额|应付总额|总计|实付金额|实收""",
        "total|totals|net total|total amount|total sales|total price|amount|summe|gesamt|betrag|totaal|totale|importe|合计|总额|金额",
    ),
    "paid": _concept(
        "amount",
        "cash|cash paid|cash tendered|tendered|amount tendered|paid|payment|bar|bargeld|gegeben|especes|contant|efectivo",
    ),
    "change": _concept("amount", "change|cash change|change due|ruckgeld|wechselgeld|rendu|monnaie rendue|wisselgeld|cambio|resto|找零"),
    "contract_value": _concept(
        "amount",
        """
        contract value|contract price|contract sum|total price|purchase price|total compensation|vertragswert|auftragswert|kaufpreis|
        prix total|montant du contrat|contractwaarde|precio total|valore del contratto|合同金额|合同总价""",
    ),
    "currency": _concept(
        "currency",
        "currency|invoice currency|currency code|rechnungswahrung|wahrung|devise|monnaie|valuta|moneda|divisa|币种|货币",
    ),
    "address": _concept(
        "text",
        "address|anschrift|adresse|adres|direccion|indirizzo|地址|registered office|store address|merchant address",
    ),
    "time": _concept("time", "time|uhrzeit|zeit|heure|tijd|hora|ora|时间|purchase time"),
    "payment_method": _concept(
        "text",
        """payment method|betalt med|payment mode|mode of payment|method of payment|paid by|paid with|payment type|payment by|
        zahlungsart|zahlart|zahlungsweise|bezahlt mit|mode de paiement|moyen de paiement|mode de reglement|betaalmethode|betaalwijze|
        forma de pago|metodo de pago|metodo di pagamento|modalita di pagamento|付款方式|支付方式""",
    ),
    "governing_law": _concept(
        "text",
        "governing law|applicable law|anwendbares recht|droit applicable|toepasselijk recht|legge applicabile|适用法律",
    ),
    "jurisdiction": _concept("text", "jurisdiction|place of jurisdiction|gerichtsstand|venue|juridiction|foro competente"),
    "termination_notice": _concept(
        "text",
        "termination notice|notice period|notice of termination|kundigungsfrist|preavis|opzegtermijn|preavviso",
    ),
    "term": _concept("text", "term|duration|contract term|laufzeit|vertragslaufzeit|dauer|duree|looptijd|duracion|durata|合同期限|期限"),
    "email": _concept("email", "e-mail|email|e-mail address|email address|mail|courriel|correo electronico|correo|邮箱|电子邮件"),
    "phone": _concept(
        "phone",
        """
        phone|phone number|phone no|telephone|telephone no|tel|tel.|tel no|mobile|telefon|telefonnummer|mobil|handy|telefoon|telefono|
        电话|手机|联系电话""",
    ),
    "url": _concept("url", "website|web site|web|url|homepage|internet|site web|sitio web|sito web|网址"),
    "iban": _concept("iban", "iban"),
    "doi": _concept("doi", "doi|digital object identifier"),
    "subject": _concept("text", "subject|re|regarding|betreff|betrifft|objet|onderwerp|asunto|oggetto|主题|事由"),
    "sender": _concept("name", "from|sender|von|absender|expediteur|de|van|afzender|remitente|da|mittente|发件人"),
    "recipient": _concept("name", "to|recipient|an|empfanger|destinataire|a|aan|geadresseerde|destinatario|para|收件人"),
    "keywords": _concept(
        "list",
        "keywords|key words|index terms|schlagworter|schlusselworter|mots-cles|mots cles|palabras clave|parole chiave|关键词",
    ),
    "abstract": _concept("paragraph", "abstract|zusammenfassung|kurzfassung|resume|samenvatting|resumen|riassunto|摘要"),
    "skills": _concept(
        "list",
        """skills|technical skills|key skills|core skills|core competencies|competencies|kenntnisse|fahigkeiten|kompetenzen|
        it-kenntnisse|competences|vaardigheden|habilidades|competenze|技能|专业技能""",
    ),
    "location": _concept("text", "location|place of residence|city|residence|wohnort|ort|lieu|woonplaats|lugar|luogo|居住地|所在地"),
    "person": _concept("name", "name|full name|nom|naam|nombre|nome|姓名|applicant|candidate|employee|patient|patient name"),
})  # fmt: skip

OTHER = """
order date|orderdatum|bestelldatum|bestellung vom|date de commande|fecha de pedido|delivery date|date of delivery|lieferdatum|
leistungsdatum|liefer- und leistungsdatum|liefer-/leistungszeitraum|leistungszeitraum|date de livraison|leverdatum|print date|
printed on|date of birth|geburtsdatum|valid from|customer number|customer no|customer id|kundennummer|kunden-nr|kundennr|
numero client|n° client|klantnummer|account number|account no|account id|kontonummer|order type|total qty|tot qty|total quantity|
        total items|total item|
total item(s)|item count|total discount|total savings|total saved|total weight|total pages|total hours|total points|gesamtbetrag der|
summe der|tax code|tax summary|gst summary|tax invoice|simplified tax invoice|tax rate|vat rate|vat %|ust. %|net price|nettopreis|
unit price|bruttopreis|invoice summary|terms of payment|payment terms|zahlungsbedingungen|payment details|payment date|
payment received|payment reference|zahlungstyp|cash bill|cash sales|cash refund|cashier|change rounding|rounding adjustment|rounding|
steuerbevollmachtigter|steuerbevollmachtigter des verkaufers|abweichender zahlungsempfanger|
abweichender rechnungsempfanger|globale nummer|nummer|referenz des kaufers|due diligence|invoice for|subject to|total charges|
total of|time zone|full time|part time|company reg no|company registration|co. reg|company no|reg no|fax|fax no|register|tax included|
taxes included|service tax #|invoice details|delivery note|lieferschein|date code
"""

_COMMON = """
a aan address amount an attn bar betrag cambio charges client company contant da data date dated de due employee from importe le mail
name ort paid payment re resto sent store term time to van von web
"""
PARTICLES = frozenset(_COMMON.split())
"""Labels that are also common words: they count only with a colon behind them."""

_FIELD_NAMES: Mapping[str, str] = MappingProxyType({
    "total": "grand_total", "amount": "grand_total", "total_amount": "grand_total", "gross_total": "grand_total",
    "amount_total": "grand_total", "amount_due": "grand_total", "tax": "tax_total", "vat": "tax_total", "amount_tax": "tax_total",
    "amount_untaxed": "net_total", "net": "net_total", "subtotal": "net_total", "date": "issue_date", "invoice_date": "issue_date",
    "purchase_date": "issue_date", "letter_date": "issue_date", "document_date": "issue_date", "publication_date": "issue_date",
    "merchant_address": "merchant_address", "store_address": "merchant_address", "merchant_name": "merchant", "merchant": "merchant",
    "shop": "merchant", "store_name": "merchant", "purchase_time": "time", "name": "person", "tax_id": "seller_tax_id",
    "vat_id": "seller_tax_id", "vat_number": "seller_tax_id", "order_number": "purchase_order", "party": "parties", "parties": "parties",
    "author": "authors", "title": "title", "authors": "authors", "headline": "headline", "experience": "experience",
    "education": "education", "line_items": "line_items", "lines": "line_items", "items": "line_items", "text": "summary",
    "summary": "summary", "points": "points", "key_points": "points", "highlights": "points", "quotes": "quotes",
    "contract_type": "contract_type", "number": "invoice_number", "language": "",
})  # fmt: skip


@lru_cache(maxsize=1024)
def concept_of(name: str) -> str:
    """The concept that a field's name means, or "". A name that is a label means what the label announces.

    concept_of("invoice_number")   "invoice_number"
    concept_of("kaufer_name")      "buyer"
    concept_of("batch_code")       ""
    """
    plain = words(name)
    known = _FIELD_NAMES.get(plain.replace(" ", "_"))
    if known is not None:
        return known
    if plain.replace(" ", "_") in CONCEPTS:
        return plain.replace(" ", "_")
    meanings = LABELS.get(plain) or LABELS.get(plain.removesuffix(" name"))
    return meanings[0][0] if meanings else ""


def words(name: str) -> str:
    """A field's name as the words of a label: `batchCode` and `batch_code` become `batch code`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return " ".join(re.split(r"[\s_]+", spaced)).strip().lower()


def _labels() -> dict[str, list[tuple[str, int]]]:
    """Every label with the concepts it can announce and the tier in which it stands there."""
    meanings: dict[str, list[tuple[str, int]]] = {
        label.strip(): [] for label in OTHER.replace("\n", "").split("|")
    }
    for name, concept in CONCEPTS.items():
        for label, rank in concept.labels():
            meanings.setdefault(label, []).append((name, rank))
    return meanings


LABELS: Mapping[str, list[tuple[str, int]]] = MappingProxyType(_labels())
