"""Word (.docx, .docm, .dotx; transitional and strict) in; pages out: the body in order with everything that is printed, and its notes.

    paragraph            -> a line, "- " or its number before a list item
    table row            -> cells on one line, " | " between them; a merged cell once
    page break           -> a new leaf; a file without page breaks is one leaf
    footnote, comment    -> "[1]", "[c1]" where it is called, its text at the end of that page
    equation             -> linear text: (a+b)/2, x^2
    check box            -> "[x]" or "[ ]"
    link                 -> its words, then <address> where that says more

Deleted text is left out, inserted text is taken; both are counted in `detail`. Macros are named and never
run, references to the outside never fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from octavo.processors.read.content import Content, Inner, Source, over
from octavo.processors.read.word.inline import Findings
from octavo.processors.read.word.inner import carried
from octavo.processors.read.word.package import Package
from octavo.processors.read.word.page_breaks import Pages
from octavo.processors.read.word.properties import properties
from octavo.processors.read.word.walk import Walk

_DEPTH = 3  # Word files inside Word files that are read as one text
_MACROS = ("vbaProject", "wordVbaData")


def read(source: Source) -> Content:
    """All pages of the body. Raises DocumentError: corrupt, bomb, encrypted, too_many_pages."""
    return _read(source, _DEPTH)


def _read(source: Source, depth: int) -> Content:
    package = Package(source)
    further: list[Inner] = []  # files inside Word files that the body takes in
    walk = Walk(package, lambda data: _nested(replace(source, data=data), depth - 1, further))
    lines = walk.body()
    pages = Pages(lines, walk.notes.told, walk.running("header"), [*walk.undrawn(), *walk.running("footer")])
    if len(pages.leaves) > source.limits.max_pages:
        over("max_pages", len(pages.leaves), source.limits.max_pages, "too_many_pages")
    findings = walk.inline.findings
    if not any(leaf.text.strip() for leaf in pages.leaves):
        findings.carried |= (
            findings.pictures
        )  # subtle: a scan that was pasted into Word has no other text than its pictures
    core = next(iter(package.targets("", "core-properties")), "")
    said = properties(package.xml(core) if core else None, tuple(pages.outline))
    noted = dict(_noted(package, findings, sum(leaf.hidden_chars for leaf in pages.leaves)))
    flags = tuple(flag for flag in noted if flag)
    return Content(
        tuple(pages.leaves),
        " ".join(noted.values()),
        flags,
        said,
        (*carried(package, findings.carried), *further),
    )


def _nested(source: Source, depth: int, further: list[Inner]) -> list[str] | None:
    """The lines of a Word file that another takes in; None when it lies so deep that it is to be a document of its own."""
    if not depth:
        return None
    content = _read(source, depth)
    further += content.inner
    return [leaf.text for leaf in content.leaves]


def _noted(package: Package, findings: Findings, hidden_chars: int) -> Iterator[tuple[str, str]]:
    """Flag and sentence of all that a careful reader should know."""
    if package.damage:
        words = "; ".join(f"{part}: {why}" for part, why in package.damage.items())
        yield "repaired", f"It is not well formed and was read as far as it goes ({words})."
    if findings.insertions or findings.deletions or findings.moves:
        counts = f"{findings.insertions} insertions (taken), {findings.deletions} deletions (left out), {findings.moves} moves"
        yield "tracked_changes", f"It has tracked changes: {counts}."
    if findings.deleted_chars:
        yield "deleted_text", f"{findings.deleted_chars} deleted characters are still in the file."
    if hidden_chars:
        yield "hidden_text", f"{hidden_chars} characters are not to be seen on the page."
    if any(package.targets(part, *_MACROS) for part in ("", package.main)):
        yield "macros", "It has macros, which were not run."
    if findings.outside:
        yield "outside_parts", f"{findings.outside} parts of it lie outside the file and were not fetched."
    if findings.old_equations:
        yield (
            "unread_equations",
            f"{findings.old_equations} equations of an old editor have no text and were not read.",
        )
