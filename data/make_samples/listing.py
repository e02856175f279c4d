"""All samples, and the two files that describe them. In: the samples. Out: the list, the README and the gold values."""

from __future__ import annotations

import json

from . import (
    contract,
    invoice_ch,
    invoice_de,
    invoice_fr,
    invoice_nl,
    invoice_uk,
    invoice_us,
    invoice_zh,
    letter,
    mail,
    nda,
    note,
    paper,
    receipt_scan,
    receipt_workshop,
    resume,
    web,
)
from .sample import Sample

MAKERS = (
    invoice_de,
    invoice_uk,
    invoice_us,
    invoice_fr,
    invoice_nl,
    invoice_ch,
    invoice_zh,
    receipt_scan,
    receipt_workshop,
    mail,
    web,
    contract,
    nda,
    resume,
    paper,
    letter,
    note,
)
SAMPLES: tuple[Sample, ...] = tuple(maker.SAMPLE for maker in MAKERS)

HEAD = """\
# Samples

Small documents that look like real ones, and the values a reader should find in them. Try them without a key:

    octavo run data/samples --out out --extract invoice receipt --offline

Everything in them is invented by this project: people, firms, addresses, numbers, the study in the paper. Domains end in `.example`,
bank and tax numbers are not valid. They stand under the licence of the project (Apache-2.0) like the rest of the repository; two
PDFs hold a part of the Bitstream Vera fonts, which are free to embed.

| file | what it is | what is special | schema |
| --- | --- | --- | --- |
"""
TAIL = """
`gold.json` holds for each file the schema that fits and the values of its fields. Dates are `YYYY-MM-DD`, amounts are
texts such as `"1234.56"`. A field that is not there does not stand in the document, so a value for it is a mistake.
`.octavoignore` keeps that file and this page from being read as documents.
The Chinese invoice embeds no font: its text reads everywhere, its picture needs a Chinese font on the machine.

The files, `gold.json` and this page are made by `data/make_samples`. After a change there, run from the top of the checkout:

    python -m data.make_samples

Two runs give the same bytes. To add a document, write one file there that ends in a `SAMPLE` and name it in `listing.py`.
"""


def readme() -> str:
    """The text of data/samples/README.md."""
    rows = (
        f"| `{sample.name}` | {sample.what} | {sample.special} | {sample.schema or 'none'} |"
        for sample in SAMPLES
    )
    return HEAD + "\n".join(rows) + "\n" + TAIL


def gold() -> str:
    """The text of data/samples/gold.json."""
    entries = {sample.name: {"schema": sample.schema, "values": sample.values} for sample in SAMPLES}
    return json.dumps(entries, ensure_ascii=False, indent=2) + "\n"
