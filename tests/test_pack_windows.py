"""Packing: nothing lost, nothing twice, bounds kept."""

from __future__ import annotations

from itertools import groupby

from hypothesis import given
from hypothesis import strategies as st

from processors.pack import windows as pack
from schemas.pipeline import Page

TEXTS = st.text(alphabet="ab \n.", max_size=400)
FOLDERS = st.lists(st.lists(TEXTS, min_size=1, max_size=5), max_size=12)


def letters(text: str) -> int:
    """A counter of tokens that is easy to reason about: one a character."""
    return len(text)


def pages(folder: list[list[str]]) -> list[Page]:
    """Documents d0, d1, ... with one page a text."""
    return [Page(f"d{i}", number, text) for i, texts in enumerate(folder) for number, text in enumerate(texts, 1)]


@given(FOLDERS, st.integers(150, 1_000), st.integers(1, 5), st.integers(0, 50))
def test_every_character_is_in_exactly_one_window(folder: list[list[str]], max_tokens: int, max_documents: int, reply: int) -> None:
    """Whatever the bounds, the parts of all windows put together are the pages again: nothing lost, nothing twice."""
    windows = list(pack.windows(pages(folder), letters, pack.Bounds(max_tokens, max_documents, reply)))
    parts = sorted((part for window in windows for part in window.parts), key=lambda part: (part.document, part.page, part.start))
    for key, group in groupby(parts, key=lambda part: (part.document, part.page)):
        pieces = list(group)
        page = next(page for page in pages(folder) if (page.document, page.number) == key)
        assert "".join(piece.text for piece in pieces) == page.text
        assert [piece.start for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])]
    assert {(part.document, part.page) for part in parts} == {(page.document, page.number) for page in pages(folder)}


@given(FOLDERS, st.integers(150, 1_000), st.integers(1, 5), st.integers(0, 50))
def test_no_window_is_over_its_bounds(folder: list[list[str]], max_tokens: int, max_documents: int, reply: int) -> None:
    """A window with the replies about its documents stays within the tokens, and within the number of documents."""
    for window in pack.windows(pages(folder), letters, pack.Bounds(max_tokens, max_documents, reply)):
        assert window.tokens + reply * len(window.documents) <= max_tokens
        assert len(window.documents) <= max_documents
        assert window.tokens == pack.window_of(window.parts).tokens


@given(FOLDERS)
def test_documents_that_fit_are_not_cut(folder: list[list[str]]) -> None:
    """A document that fits into a window stands in one window only."""
    seen: dict[str, int] = {}
    for window in pack.windows(pages(folder), letters, pack.Bounds(3_000, 4)):
        for document in window.documents:
            seen[document] = seen.get(document, 0) + 1
    assert set(seen.values()) <= {1}


def test_a_long_page_is_cut_at_paragraphs() -> None:
    """A page that is longer than a window is cut where a paragraph ends, not inside a word."""
    text = "\n\n".join(f"Paragraph {n} " + "word " * 12 for n in range(40))
    windows = list(pack.windows([Page("d", 1, text)], letters, pack.Bounds(500, 1)))
    assert len(windows) > 1
    assert all(window.parts[0].text.endswith("\n\n") for window in windows[:-1])


def test_images_count_by_their_patches() -> None:
    """A page that is a picture costs a token a patch of 28 pixels, with a ceiling."""
    (window,) = pack.windows([Page("d", 1, "", image_px=(1240, 1754))], letters, pack.Bounds(10_000, 1))
    assert window.tokens == pack.DOCUMENT_MARK_TOKENS + 45 * 63
    assert pack.image_tokens(10_000, 10_000) == 4_400


def test_running_headers_are_neither_counted_nor_shown() -> None:
    """What stands on an earlier page too is not paid for, and stays in the text that values are checked against."""
    first, second = Page("d", 1, "ACME\nfirst\npage 1"), Page("d", 2, "ACME\nsecond\npage 2", repeated=((0, 5), (11, 18)))
    (window,) = pack.windows([first, second], letters, pack.Bounds(500, 1))
    assert [part.shown for part in window.parts] == ["ACME\nfirst\npage 1", "second"]
    assert [part.text for part in window.parts] == [first.text, second.text]
    assert window.parts[1].tokens == pack.PAGE_MARK_TOKENS + letters("second")
