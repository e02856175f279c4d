"""Equations of Office as readable text on one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.read.content import ReadLimits, Source
from octavo.processors.read.word.document import read
from tests.documents.make import docx
from tests.documents.word import M, deep_fractions, math, run


def text(inner: str) -> str:
    """The text of a document with that equation."""
    return read(Source(math(inner), ReadLimits())).leaves[0].text


def r(letters: str) -> str:
    """A run of an equation."""
    return f"<m:r><m:t>{letters}</m:t></m:r>"


def of(kind: str, properties: str = "", **parts: str) -> str:
    """A structure: its properties, then its parts by name."""
    inner = "".join(f"<m:{name}>{part}</m:{name}>" for name, part in parts.items())
    return f"<m:{kind}><m:{kind}Pr>{properties}</m:{kind}Pr>{inner}</m:{kind}>"


SQUARE = of("sSup", e=r("x"), sup=r("2"))
SQUARE_BRACKETS = '<m:begChr m:val="["/><m:endChr m:val="]"/><m:sepChr m:val=","/>'
HALF = of("f", num=r("1"), den=r("2"))


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        (HALF, "1/2"),
        (of("f", num=r("a+b"), den=r("2x")), "(a+b)/(2x)"),
        (of("d", e=of("f", '<m:type m:val="noBar"/>', num=r("n"), den=r("k"))), "(n¦k)"),
        (of("sSup", e=HALF, sup=r("2")), "(1/2)^2"),
        (of("sSubSup", e=r("x"), sub=r("i"), sup=r("n+1")) + r("y"), "x_i^(n+1)y"),
        (of("sSup", e=r("x"), sup=r("k")) + of("sSup", e=r("a"), sup=r("n")), "x^k a^n"),
        (of("nary", '<m:chr m:val="∑"/>', sub=r("k=0"), sup=r("n"), e=SQUARE), "∑_(k=0)^n x^2"),
        (of("nary", "<m:subHide/><m:supHide/>", sub=r("?"), sup=r("?"), e=r("f dx")), "∫ f dx"),
        (of("rad", "<m:degHide/>", deg="", e=r("2")), "√2"),
        (of("rad", deg=r("3"), e=r("a+b")), "root(3, a+b)"),
        (of("d", SQUARE_BRACKETS, e=r("a")).replace("</m:d>", f"<m:e>{r('b')}</m:e></m:d>"), "[a,b]"),
        (
            of("d", '<m:begChr m:val="{"/><m:endChr m:val=""/>', e=of("eqArr", e=r("x&amp;=1#(7)"))),
            "{x=1 (7)",
        ),
        (of("m", mr=f"<m:e>{r('a')}</m:e><m:e>{r('b')}</m:e>"), "[a, b]"),
        (
            of(
                "d",
                '<m:begChr m:val="|"/><m:endChr m:val="|"/>',
                e=of("m", mr=f"<m:e>{r('a')}</m:e><m:e>{r('b')}</m:e>"),
            ),
            "|a, b|",
        ),
        (of("func", fName=r("cos"), e=r("x")), "cos x"),
        (of("func", fName=r("cos"), e=of("f", num=r("nx"), den=r("L"))), "cos(nx/L)"),
        (of("func", fName=of("limLow", e=r("lim"), lim=r("x→0")), e=r("f")), "lim_(x→0) f"),
        (of("acc", e=r("x")), "x\u0302"),
        (of("bar", e=r("x")), "x\u0305"),
        (of("limLow", e=of("groupChr", e=r("a+b")), lim=r("n")), "⏟(a+b)_n"),
        (of("phant", '<m:show m:val="0"/>', e=r("x")) + r("y"), "y"),
        (r("\U0001d434\u2061=\U0001d70b") + SQUARE, "A=πx^2"),
        (f"<w:del>{r('old')}</w:del><w:ins>{r('new')}</w:ins>", "new"),
    ],
)
def test_structures_read_as_one_would_type_them(inner: str, expected: str) -> None:
    """Each structure has a linear form in which nothing is ambiguous: brackets where a part is more than one thing, and only there."""
    assert text(inner) == expected


def test_words_and_equations_do_not_touch() -> None:
    """An equation in a sentence is kept apart from words, and not from punctuation; a display of two has two lines."""
    inline = f"<m:oMath {M}>{r('x')}</m:oMath>"
    display = f"<m:oMathPara {M}><m:oMath>{r('a')}</m:oMath><m:oMath>{r('b')}</m:oMath></m:oMathPara>"
    body = f"<w:p>{run('where')}{inline}{run('is ')}{inline}{run('.')}</w:p>{display}"
    assert read(Source(docx(body), ReadLimits())).leaves[0].text == "where x is x.\na\nb"


def test_equations_nest_deep() -> None:
    """As many fractions in each other as the parser lets through are read whole."""
    assert text_of(deep_fractions()).count("1") == 121


def text_of(data: bytes) -> str:
    """The text of a file."""
    return read(Source(data, ReadLimits())).leaves[0].text


_LETTERS = st.text("abxyz019", min_size=1, max_size=3).map(r)
_TREES = st.recursive(
    _LETTERS,
    lambda inner: st.one_of(
        st.builds(lambda num, den: of("f", num=num, den=den), inner, inner),
        st.builds(lambda e, sup: of("sSup", e=e, sup=sup), inner, inner),
        st.builds(lambda e, sub: of("nary", sub=sub, sup="", e=e), inner, inner),
        st.builds(lambda e: of("d", e=e), inner),
        st.builds(lambda a, b: a + b, inner, inner),
    ),
    max_leaves=12,
)


@given(_TREES)
def test_no_sign_is_lost(inner: str) -> None:
    """Whatever the structure, every letter and digit of the equation comes out, in order, and brackets are in pairs."""
    import re

    found = text(inner)
    assert re.sub(r"[^abxyz019]", "", found) in {"".join(order) for order in _orders(inner)}
    assert found.count("(") == found.count(")")


def _orders(inner: str) -> list[list[str]]:
    """The letters in the order of the file; a sum has its bound first."""
    import re

    return [re.findall(r"<m:t>(\w+)</m:t>", inner)]
