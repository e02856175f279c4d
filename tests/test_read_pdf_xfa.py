"""XFA forms: what was filled in where the pages only say "Please wait"."""

from __future__ import annotations

import io
from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array, Dictionary
from reportlab.pdfgen.canvas import Canvas

from octavo.processors.read.content import Content, ReadLimits, Source
from octavo.processors.read.pdf.pages import read
from tests.documents import make

_HEAD = '<xfa:datasets xmlns:xfa="http://www.xfa.org/schema/xfa-data/1.0/"><xfa:data>'
_TAIL = "</xfa:data></xfa:datasets>"
FILLED = f"""{_HEAD}<form1>
  <Seller><Name>Acme  BV</Name><Note xfa:contentType="text/html"><body xmlns="http://www.w3.org/1999/xhtml"
  ><p>Call <b>f</b>irst</p><p>then</p></body></Note><Logo xfa:contentType="image/png">iVBORw0KGgo=</Logo><Empty/></Seller>
  <Line><Item>Chair</Item><Price>120.00</Price></Line><Line no="7"><Item>Lamp</Item></Line>
</form1>{_TAIL}"""
WAIT = "Please wait... If this message is not eventually replaced,"


def xfa_pdf(data: str, *, dynamic: bool = True, whole: bool = False) -> bytes:
    """A form whose page asks to wait, with its data in a packet, or in one piece with all else."""

    def draw(canvas: Canvas) -> None:
        canvas.drawString(72, 700, WAIT)

    with pikepdf.open(io.BytesIO(make.pdf(draw))) as document, io.BytesIO() as file:
        packet = document.make_stream(f"<xdp>{data}</xdp>".encode() if whole else data.encode())
        template = document.make_stream(b"<template><subform name='form1'/></template>")
        packets = packet if whole else Array(["template", template, "datasets", packet])
        document.Root.AcroForm = Dictionary(Fields=Array([]), XFA=packets)
        if dynamic:
            document.Root.NeedsRendering = True
        document.save(file)
        return file.getvalue()


def form(data: str, *, dynamic: bool = True, whole: bool = False) -> Content:
    """The form as it is read."""
    return read(Source(xfa_pdf(data, dynamic=dynamic, whole=whole), ReadLimits()))


@pytest.mark.parametrize("whole", [False, True], ids=["packets", "one piece"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["no field", "dynamic"])
def test_values_of_a_dynamic_form_are_read(*, dynamic: bool, whole: bool) -> None:
    """What was filled in stands behind the notice as lines, with names that tell repeated rows apart, and the row says what it is."""
    content = form(FILLED, dynamic=dynamic, whole=whole)
    assert content.leaves[0].text.split("\n") == [
        *(WAIT, "Form fields:", "Seller.Name: Acme BV", "Seller.Note: Call first then"),
        *("Line[1].Item: Chair", "Line[1].Price: 120.00", "Line[2].no: 7", "Line[2].Item: Lamp"),
    ]
    assert content.flags == ("xfa_form",)
    assert content.detail.endswith("the values of its fields were read, its layout was not.")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (f"{_HEAD}<form1><Name/></form1>{_TAIL}", "no field of it is filled in."),
        ("<xfa", "its data are damaged and were not read."),
        ("<other/>", "no data were found in it."),
    ],
)
def test_a_dynamic_form_without_values_says_so(data: str, why: str) -> None:
    """A form from which nothing can be read is flagged, with the reason."""
    content = form(data)
    assert (content.leaves[0].text, content.flags) == (WAIT, ("xfa_form",))
    assert content.detail.endswith(why)


def test_no_entity_leads_out_of_a_form(tmp_path: Path) -> None:
    """Entities in the data of a form are not followed, to files or to more of themselves."""
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    laughs = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 9))
    head = f'<!DOCTYPE d [<!ENTITY f SYSTEM "{secret.as_uri()}"><!ENTITY e0 "ha">{laughs}]>'
    text = form(f"{head}{_HEAD}<form1><A>&f;</A><B>&e8;</B><C>5</C></form1>{_TAIL}").leaves[0].text
    assert "hunter2" not in text
    assert len(text) < 1_000


def test_long_values_are_cut() -> None:
    """A value of more than 4,000 characters is cut with a mark, and of more than 10,000 values the row says that the first were read."""
    many = "".join(f"<V>{n}</V>" for n in range(10_500))
    content = form(f"{_HEAD}<form1><Long>{'x' * 9_000}</Long>{many}</form1>{_TAIL}")
    lines = content.leaves[0].text.split("\n")
    assert lines[2] == f"Long: {'x' * 4_000} [...]"
    assert len(lines) == 2 + 10_000
    assert "the first 10,000 values of its fields were read" in content.detail


def test_a_static_form_stays_as_it_is() -> None:
    """A form whose fields stand on its pages is told by them alone, also with data of XFA beside."""
    with pikepdf.open(io.BytesIO(make.documents()["form.pdf"])) as document, io.BytesIO() as file:
        document.Root.AcroForm.XFA = Array(["datasets", document.make_stream(FILLED.encode())])
        document.save(file)
        with_xfa = read(Source(file.getvalue(), ReadLimits()))
    plain = read(Source(make.documents()["form.pdf"], ReadLimits()))
    assert (with_xfa.leaves, with_xfa.flags) == (plain.leaves, plain.flags)
