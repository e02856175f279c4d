"""Labelled documents by maker: who drew the layout and whose words they are. Two halves, and no maker is in both.

Two sources. The developer corpus: its labels, PDFs as `processors/read` reads them, receipts as their transcripts. And `made_bills.txt`,
layouts of invented firms that were all written before any rule was tried on them; each is filled three times.

Who made a document of the corpus: e-invoices of one toolkit are by one maker (folder of their source, producer of the PDF), other invoices
by their issuer, receipts by the shop's chain, contracts by their first party. Makers of a kind are sorted by a hash of their name and dealt
to the halves in turn. Rules were tuned on two thirds of the corpus before this was kept apart, and the rest is not surely unseen:
examples in the code are from there. So figures of the corpus flatter. The ones that no rule was tuned on are those of the made bills that
are held out.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from octavo.processors.read.pages import FoundFile, Reader, ReadLimits
from octavo.schemas.pipeline import Part

CORPUS = Path(__file__).resolve().parents[2].parent / "shared" / "corpus"
MADE = Path(__file__).with_name("made_bills.txt")
COPIES = 3  # of each made bill
KINDS = {"invoice": "invoice", "receipt": "receipt", "nda": "contract"}  # in the label files -> here
NAMES: dict[str, dict[str, tuple[str, ...]]] = {  # our fields -> labels of the corpus
    "invoice": {
        "invoice_number": ("invoice_number",), "issue_date": ("issue_date", "date"), "due_date": ("date_due",),
        "seller_name": ("seller_name", "issuer", "partner_name"), "buyer_name": ("buyer_name",), "currency": ("currency",),
        "net_total": ("net_total", "amount_untaxed"), "tax_total": ("tax_total", "amount_tax"),
        "grand_total": ("grand_total", "amount"),
    },
    "receipt": {
        "merchant_name": ("company",), "purchase_date": ("date",), "merchant_address": ("address",), "total": ("total",),
    },
    "contract": {"effective_date": ("effective_date",), "parties": ("party",), "governing_law": ("jurisdiction",)},
}  # fmt: skip
TOOLKITS = ("zugferd_2p0", "Mustang")  # e-invoices that one hand drew
_CHAIN = re.compile(r"^\W*(?:99 \w+|MR D\.I\.Y|\w+)")
_PLACEHOLDER = re.compile(r"\{(\w+)")

Half = Literal["tuned", "held out"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A document, what its labels say under the names of the shipped schema, and its maker."""

    document: str
    schema: str
    source: str  # "corpus" or "made"
    maker: str
    half: Half
    parts: tuple[Part, ...]
    values: dict[str, tuple[Any, ...]]  # any of these is right; none of them: the document does not say

    @property
    def text(self) -> str:
        """All pages."""
        return "\n".join(part.text for part in self.parts)


class Money(Decimal):
    """An amount that is written as bills of a country do: `f"{amount:eu}"` is 1.234,50 and `fr` is 1 234,50."""

    def __format__(self, specifier: str, context: Context | None = None, /) -> str:
        signs = {"eu": ".,", "fr": " ,"}.get(specifier)
        plain = format(Decimal(self), ",.2f" if signs else specifier)
        return plain.translate(str.maketrans(",.", signs)) if signs else plain


def labelled() -> list[Labelled]:
    """All of them: made bills, and the corpus where it is there."""
    return [*made(), *(corpus() if CORPUS.is_dir() else ())]


def halves(makers: Iterator[str] | list[str]) -> dict[str, Half]:
    """The half of each maker of one kind."""
    order = sorted(set(makers), key=lambda maker: hashlib.sha256(maker.encode()).digest())
    return {maker: "held out" if place % 2 else "tuned" for place, maker in enumerate(order)}


# --- the corpus ----------------------------------------------------------------------------------------------------


@cache
def corpus() -> tuple[Labelled, ...]:
    """The labelled documents of the developer corpus."""
    labels = [
        json.loads(path.read_text(encoding="utf-8")) for path in sorted((CORPUS / "labels").glob("*.json"))
    ]
    texts = _read([label["document"] for label in labels if label["document"].endswith(".pdf")])
    found: list[Labelled] = []
    for kind, group in groupby(labels, key=lambda label: KINDS[label["kind"]]):
        own = list(group)
        half = halves([maker_of(kind, label) for label in own])
        for label in own:
            maker = maker_of(kind, label)
            parts = texts.get(label["document"]) or (transcript(label["document"]),)
            found.append(
                Labelled(label["document"], kind, "corpus", maker, half[maker], parts, _values(kind, label))
            )
    return tuple(found)


def maker_of(kind: str, label: dict[str, Any]) -> str:
    """Who made a document of the corpus."""
    name = Path(label["document"]).name
    if toolkit := next((one for one in TOOLKITS if one in name), None):
        return toolkit
    said = next(
        label["fields"][one]
        for one in ("company", "party", "seller_name", "issuer", "partner_name")
        if one in label["fields"]
    )
    first = said if isinstance(said, str) else min(said, key=lambda party: "Inc" not in party)
    chain = _CHAIN.match(first) if kind == "receipt" else None
    return chain.group() if chain else str(first)


def _values(kind: str, label: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """The labels by our names; what is not labelled is left out."""
    fields = label["fields"]
    named = {
        ours: tuple(fields[one] for one in theirs if fields.get(one) not in (None, ""))
        for ours, theirs in NAMES[kind].items()
    }
    if named.get("parties"):
        named["parties"] = tuple([one] if isinstance(one, str) else one for one in named["parties"])
    return {name: told for name, told in named.items() if told}


def _read(names: list[str]) -> dict[str, tuple[Part, ...]]:
    """The pages of PDFs."""
    found = [
        FoundFile(os.fsencode(CORPUS), os.fsencode(name), (CORPUS / name).stat().st_size) for name in names
    ]
    with Reader(ReadLimits(workers=1)) as reader:
        read = asyncio.run(reader.read(found))
    return {
        reading.document.path: tuple(
            Part(reading.document.path, page.number, len(reading.pages), 0, len(page.text), page.text, 0)
            for page in reading.pages
        )
        for reading in read
        if not reading.document.container
    }


def transcript(document: str) -> Part:
    """The text of a receipt as the corpus has it: one text box a line."""
    text = (CORPUS / "groundtruth" / f"{Path(document).name}.txt").read_text(encoding="utf-8")
    return Part(document, 1, 1, 0, len(text), text, 0, text_from="ocr")


# --- made bills ----------------------------------------------------------------------------------------------------

BUYERS = (
    "Thornbury Borough Council", "Maria Lindqvist", "Oakfield Primary School", "Castellan Foods Ltd", "Verlag Hohe Wiese GmbH",
    "Dr. Samuel Okafor", "Ridge & Valley Brewing Co.", "Stichting De Brug", "Aurelia Textiles S.p.A.", "Hotel Bellavista",
)  # fmt: skip
OTHERS = (
    "Harbour Point Warehouse",
    "Site Office Block C",
    "Nova Storage Ltd",
    "Lager Süd GmbH",
    "Central Kitchen",
)
STREETS = ("18 Larch Avenue", "Rosenweg 7", "3 Quay Street", "55 Elm Court", "Via Larga 21")
PLACES = ("Norwich NR2 4AB", "8004 Zürich", "Portland, OR 97204", "1017 AB Amsterdam", "50667 Köln")
THINGS = (
    "Oak panel 40 mm", "Service call, two hours", "Copper pipe 22 mm", "Annual licence", "Green tea 250 g", "Repair of pump",
    "Poster A2, matt", "Filter set", "Consulting, phase 2", "House salad",
)  # fmt: skip


def made() -> Iterator[Labelled]:
    """The made bills, each layout filled with other names, days and amounts."""
    layouts = [part.partition("\n") for part in MADE.read_text(encoding="utf-8").split("=== ")[1:]]
    heads = [head.partition(" ") for head, _, _ in layouts]
    half = {
        maker: side
        for kind in KINDS.values()
        for maker, side in halves([name for own, _, name in heads if own == kind]).items()
    }
    for (kind, _, maker), (_, _, body) in zip(heads, layouts, strict=True):
        for copy in range(COPIES):
            yield _filled(kind, maker, half[maker], body, copy)


def _filled(kind: str, maker: str, half: Half, body: str, copy: int) -> Labelled:
    layout, _, told = body.rstrip().rpartition("\n")
    facts = told.split()
    words = _words(random.Random(f"{maker} {copy}"), Decimal(facts[3]), kind)
    used = set(_PLACEHOLDER.findall(layout))
    text = layout.format_map(words)
    document = f"made/{maker} {copy}.txt"
    values = {name: (words[word],) if word in used else () for name, word in _WANTED[kind].items()}
    if kind == "invoice":
        sums = [(words[f"what{n}"], Decimal(words[f"sum{n}"])) for n in (1, 2)]
        values |= {"seller_name": (maker,), "currency": (facts[1],), "line_items": (sums,)}
    else:
        values["merchant_name"] = (maker,)
    if "early" in facts:
        values["purchase_date"] = (words["early"].date(),)
    return Labelled(
        document, kind, "made", maker, half, (Part(document, 1, 1, 0, len(text), text, 0),), values
    )


_WANTED = {
    "invoice": {
        "invoice_number": "number", "issue_date": "day", "due_date": "due", "buyer_name": "buyer", "net_total": "net",
        "tax_total": "tax", "grand_total": "grand",
    },
    "receipt": {"purchase_date": "day", "total": "grand"},
}  # fmt: skip


def _words(chance: random.Random, rate: Decimal, kind: str) -> dict[str, Any]:
    """What fills a layout."""
    what = chance.sample(THINGS, 2)
    counts, prices = (
        [chance.randint(1, 12) for _ in what],
        [
            Decimal(chance.randint(150, 2_000 if kind == "receipt" else 90_000)).scaleb(-2).quantize(CENT)
            for _ in what
        ],
    )
    sums = [count * price for count, price in zip(counts, prices, strict=True)]
    net = sum(sums, Decimal())
    tax = (net * rate / 100).quantize(CENT)
    day = date(2025, 1, 5) + timedelta(days=chance.randint(0, 600))
    cash = (net + tax) // 50 * 50 + 50
    money = {
        "net": net, "tax": tax, "grand": net + tax, "tip": net * 18 / 100, "cash": cash, "change": cash - net - tax,
        "price1": prices[0], "price2": prices[1], "sum1": sums[0], "sum2": sums[1],
    }  # fmt: skip
    early = datetime.combine(day - timedelta(days=chance.randint(2, 20)), datetime.min.time()).replace(
        hour=9, minute=chance.randint(0, 59)
    )
    return {name: Money(amount) for name, amount in money.items()} | {
        "number": chance.choice(["{}", "{}/2026", "INV-{}", "A{}-7"]).format(chance.randint(1000, 999_999)),
        "order": f"{chance.randint(10_000, 99_999)}", "day": day, "due": day + timedelta(days=chance.choice((14, 30, 45))),
        "early": early, "buyer": chance.choice(BUYERS), "other": chance.choice(OTHERS), "street": chance.choice(STREETS),
        "place": chance.choice(PLACES), "what1": what[0], "what2": what[1], "count1": counts[0], "count2": counts[1],
    }  # fmt: skip


CENT = Decimal("0.01")
