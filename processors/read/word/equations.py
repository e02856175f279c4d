"""An equation of Office (OMML) in; one line of readable text out, close to the linear form of Unicode Technical Note 28.

fraction         a/b, (a+b)/(c+d)      scripts      x^2, a_(n+1), x_i^2
sum, integral    ∑_(k=0)^n x^k         root         √x, √(a+b), root(3, x)
matrix           [a, b; c, d]          limit        lim_(x→0) f(x)
stacked          (n¦k)                 system       {x = 1; y = 2
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from octavo.processors.read.word.xml import Element, attribute, bare, child, children, switched, value

_INVISIBLE = dict.fromkeys(map(ord, "\u2061\u2062\u2063\u2064\u200b"))
_MATH_LETTERS = re.compile(
    "[\U0001d400-\U0001d7ff]+"
)  # italic and bold letters of their own: plain ones read as well, and are cheaper
_ATOM = re.compile(r"(?:[^\W\d_]+|\d+(?:[.,]\d+)?)[′'!]*|[^\w\s]")  # one name, number or sign
_SCRIPT_END = re.compile(r"[_^/]\w+$")
_LOOK_BACK = 20  # characters: longer scripts stand in brackets
_BRACES = "⏞⏟"
_SEPARATE = frozenset({"func", "limLow", "limUpp", "nary", "f"})
_ACCENT = "\u0302"  # a hat, by the standard, where the file does not say
_DELETED = frozenset({"del", "moveFrom"})


def linear(equation: Element) -> str:
    """The text of an `oMath`; a display of several (`oMathPara`) has a line for each. Raises nothing."""
    if bare(equation.tag) == "oMathPara":
        return "\n".join(linear(item) for item in children(equation, "oMath"))
    return re.sub(" {2,}", " ", _inside(equation)).strip()


def _inside(parent: Element | None) -> str:
    """The children one after the other; a space keeps apart what would else run together. The parser bounds the depth (256)."""
    text = ""
    if parent is None:
        return text
    for item in parent:
        name = bare(item.tag)
        if name in _DELETED or name.endswith("Pr"):
            continue
        piece = _FORMS.get(name, _inside)(item)
        text += " " + piece if _runs_together(text, piece, name) else piece
    return text


def _runs_together(text: str, piece: str, name: str) -> bool:
    """Whether a letter or digit would touch one that belongs to another structure."""
    if not text or not piece or not (piece[0].isalnum() or piece[0] in "√∑∏∫_^"):
        return False
    return text[-1].isalnum() and (name in _SEPARATE or bool(_SCRIPT_END.search(text[-_LOOK_BACK:])))


def _run(run: Element) -> str:
    """The characters of a run: letters plain, marks of alignment and signs that nobody sees left out."""
    text = "".join(
        "\n" if bare(item.tag) == "br" else item.text or "" for item in run if bare(item.tag) in {"t", "br"}
    )
    text = _MATH_LETTERS.sub(lambda match: unicodedata.normalize("NFKC", match[0]), text)
    return text.translate(_INVISIBLE)


def _part(element: Element, name: str) -> str:
    return _inside(child(element, name)).strip()


def _grouped(text: str) -> str:
    """The text, in brackets unless it is one thing."""
    return text if _ATOM.fullmatch(text) or _enclosed(text) else f"({text})"


def _enclosed(text: str) -> bool:
    """Whether one pair of brackets holds all of the text, a brace above or below them aside."""
    text = text.lstrip(_BRACES)
    if text[:1] not in ("(", "[") or text[-1:] not in (")", "]"):
        return False
    level = 0
    for place, sign in enumerate(text):
        level += (sign in "([") - (sign in ")]")
        if level == 0:
            return place == len(text) - 1
    return False


def _scripted(base: str, sub: str, sup: str) -> str:
    return _grouped(base) + (f"_{_grouped(sub)}" if sub else "") + (f"^{_grouped(sup)}" if sup else "")


def _scripts(element: Element) -> str:
    return _scripted(_part(element, "e"), _part(element, "sub"), _part(element, "sup"))


def _prescripts(element: Element) -> str:
    return _scripted("", _part(element, "sub"), _part(element, "sup")).removeprefix("()") + _part(
        element, "e"
    )


def _fraction(element: Element) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    if value(child(element, "fPr"), "type") == "noBar":
        return f"{above}¦{below}"
    return f"{_grouped(above)}/{_grouped(below)}"


def _radical(element: Element) -> str:
    degree, inner = _part(element, "deg"), _part(element, "e")
    hidden = switched(child(element, "radPr"), "degHide")
    return f"root({degree}, {inner})" if degree and not hidden else f"√{_grouped(inner)}"


def _operator(element: Element) -> str:
    """A sum, product or integral with its bounds, then what it runs over."""
    properties = child(element, "naryPr")
    sign = value(properties, "chr") or "∫"
    lower = "" if switched(properties, "subHide") else _part(element, "sub")
    upper = "" if switched(properties, "supHide") else _part(element, "sup")
    return f"{_scripted(sign, lower, upper)} {_part(element, 'e')}"


def _delimited(element: Element) -> str:
    """Brackets of any kind; a matrix that fills them needs none of its own. An empty `val` means no bracket on that side."""
    properties = child(element, "dPr")
    begin, end, bar = (
        attribute(found, "val") if (found := child(properties, name)) is not None else usual
        for name, usual in (("begChr", "("), ("endChr", ")"), ("sepChr", "|"))
    )
    parts = list(children(element, "e"))
    inner = bar.join(_inside(part).strip() for part in parts)
    held = [name for part in parts for item in part if not (name := bare(item.tag)).endswith("Pr")]
    return begin + (inner[1:-1] if held == ["m"] and begin else inner) + end


def _matrix(element: Element) -> str:
    rows = (
        ", ".join(_inside(cell).strip() for cell in children(row, "e")) for row in children(element, "mr")
    )
    return f"[{'; '.join(rows)}]"


def _system(element: Element) -> str:
    """Equations under each other: "&" marks where they are aligned, "#" sets off the number of an equation."""
    lines = (_inside(line).replace("&", "").replace("#", " ").strip() for line in children(element, "e"))
    return "; ".join(line for line in lines if line)


def _function(element: Element) -> str:
    """Its argument in brackets, unless it is one thing; what a limit runs over has none, as for a sum."""
    name, argument = _part(element, "fName"), _part(element, "e")
    if "_" in name:
        return f"{name} {argument}"
    argument = _grouped(argument)
    return name + argument if argument[:1] in {"(", "["} else f"{name} {argument}"


def _below(element: Element) -> str:
    return _scripted(_part(element, "e"), _part(element, "lim"), "")


def _above(element: Element) -> str:
    return _scripted(_part(element, "e"), "", _part(element, "lim"))


def _accented(element: Element) -> str:
    found = child(element, "accPr", "chr")
    return _grouped(_part(element, "e")) + (_ACCENT if found is None else attribute(found, "val"))


def _barred(element: Element) -> str:
    below = value(child(element, "barPr"), "pos") == "bot"
    return _grouped(_part(element, "e")) + ("\u0332" if below else "\u0305")


def _braced(element: Element) -> str:
    properties = child(element, "groupChrPr")
    found = child(properties, "chr")
    usual = "⏞" if value(properties, "pos") == "top" else "⏟"
    return (usual if found is None else attribute(found, "val")) + _grouped(_part(element, "e"))


def _phantom(element: Element) -> str:
    """What takes place only, and is not printed, is left out."""
    shown = child(element, "phantPr", "show") is None or switched(child(element, "phantPr"), "show")
    return _part(element, "e") if shown else ""


_FORMS: dict[str, Callable[[Element], str]] = {
    "r": _run,
    "f": _fraction,
    "sSup": _scripts,
    "sSub": _scripts,
    "sSubSup": _scripts,
    "sPre": _prescripts,
    "rad": _radical,
    "nary": _operator,
    "d": _delimited,
    "m": _matrix,
    "eqArr": _system,
    "func": _function,
    "limLow": _below,
    "limUpp": _above,
    "acc": _accented,
    "bar": _barred,
    "groupChr": _braced,
    "phant": _phantom,
}
