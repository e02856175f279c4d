"""Packing: nothing lost, nothing twice, bounds kept."""

from __future__ import annotations

from itertools import groupby
from math import ceil, log2

from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.pack import windows as pack
from octavo.schemas.pipeline import Page, Part, Window

TEXTS = st.text(alphabet="ab \n.", max_size=400)
FOLDERS = st.lists(st.lists(TEXTS, min_size=1, max_size=5), max_size=12)


def letters(text: str) -> int:
    """A counter of tokens that is easy to reason about: one a character."""
    return len(text)


def pages(folder: list[list[str]]) -> list[Page]:
    """Documents d0, d1, ... with one page a text."""
    return [
        Page(f"d{i}", number, text) for i, texts in enumerate(folder) for number, text in enumerate(texts, 1)
    ]


def asked(window: Window) -> list[Part]:
    """The parts of a window that are asked about, without what is shown beside them."""
    return [part for part in window.parts if part.role in ("whole", "piece")]


@given(FOLDERS, st.integers(150, 1_000), st.integers(1, 5), st.integers(0, 50), st.sampled_from([0, 5]))
def test_every_character_is_asked_about_once(
    folder: list[list[str]], max_tokens: int, documents: int, reply: int, row: int
) -> None:
    """Whatever the bounds, what is asked about in all windows is the pages again: nothing lost, nothing twice."""
    windows = list(pack.windows(pages(folder), letters, pack.Bounds(max_tokens, documents, reply, row)))
    parts = sorted(
        (part for window in windows for part in asked(window)),
        key=lambda part: (part.document, part.page, part.start),
    )
    for key, group in groupby(parts, key=lambda part: (part.document, part.page)):
        pieces = list(group)
        page = next(page for page in pages(folder) if (page.document, page.number) == key)
        assert "".join(piece.text for piece in pieces) == page.text
        assert [piece.start for piece in pieces] == [0, *(piece.end for piece in pieces[:-1])]
    assert {(part.document, part.page) for part in parts} == {
        (page.document, page.number) for page in pages(folder)
    }


PAGES = st.text(alphabet="ab1 \n.", max_size=600) | st.sampled_from(["", "CHAPTER ONE\n", "1 ab 2 3\n" * 40])
BOOKS = st.lists(PAGES, min_size=1, max_size=8)


@given(BOOKS, st.integers(400, 1_500), st.sampled_from([0, 5]))
def test_what_is_shown_beside_a_piece_stands_before_it(book: list[str], max_tokens: int, row: int) -> None:
    """Context and overlap are slices of earlier pages as they are, and the overlap ends where its piece begins."""
    texts = dict(enumerate(book, 1))
    windows = list(pack.windows(pages([book]), letters, pack.Bounds(max_tokens, 4, 20, row)))
    for window in windows:
        first = asked(window)[0]
        for part in window.parts:
            assert part.text == texts[part.page][part.start : part.end]
            assert part.role in ("whole", "piece") or (part.page, part.end) <= (first.page, first.start)
        again = [part for part in window.parts if part.role == "again"]
        assert not again or again[-1].end in (first.start, len(texts[again[-1].page]))
    assert not [part for part in windows[0].parts if part.role not in ("whole", "piece")]


@given(BOOKS, st.integers(400, 1_500), st.data())
def test_a_cut_is_taken_up_where_it_stopped(book: list[str], max_tokens: int, data: st.DataObject) -> None:
    """Whichever windows of a document are known, the rest and they are the whole; the rest of all of them is nothing."""
    bounds = pack.Bounds(max_tokens, 4, 20)
    windows = list(pack.windows(pages([book]), letters, bounds))
    if len(windows) < 2:
        return
    known = [window for window in windows if data.draw(st.booleans())]
    chosen, rest = pack.rest(pages([book]), [window.parts for window in known], letters, bounds)
    assert [known[number] for number in chosen] == known
    parts = sorted(
        (part for window in (*known, *rest) for part in asked(window)),
        key=lambda part: (part.page, part.start, part.end),
    )
    assert "".join(part.text for part in parts) == "".join(book)
    assert pack.rest(pages([book]), [window.parts for window in windows], letters, bounds)[1] == []


@given(st.lists(st.integers(1, 900), min_size=2, max_size=60), st.integers(500, 3_000))
def test_groups_are_few_and_whole(sizes: list[int], max_tokens: int) -> None:
    """What is grouped keeps its order, loses nothing, and gets fewer each time, so that any number of levels ends in one."""
    parts = [Part("d", n, 60, 0, size, "x" * size, size, role="summary") for n, size in enumerate(sizes, 1)]
    found = pack.groups(parts, pack.Bounds(max_tokens, 1, 100))
    assert [part for group in found for part in group] == parts
    assert len(found) <= len(parts) // 2
    assert len(found) == 1 or sum(sizes) > pack.Bounds(max_tokens, 1, 100).alone.tokens


def test_a_piece_has_no_more_rows_than_its_reply_has_room_for() -> None:
    """A list of many rows is cut by its rows, also where its text would fit into one window."""
    text = "\n".join(f"{n} bolt {n}.50 {n}.75" for n in range(1, 601))
    windows = list(pack.windows([Page("d", 1, text)], letters, pack.Bounds(90_000, 4, 100, 80)))
    assert len(windows) == 6
    assert all(sum(part.text.count("bolt") for part in asked(window)) <= 100 for window in windows)


def test_a_piece_is_cut_before_a_heading() -> None:
    """Where a heading stands in the last quarter, the next piece begins with it, and is told the one above its overlap."""
    chapters = [
        f"Section {n} On Bolts\n" + "They hold things together and so they matter. " * 12 for n in range(12)
    ]
    windows = list(pack.windows([Page("d", 1, "\n".join(chapters))], letters, pack.Bounds(3_000, 1)))
    assert all(asked(window)[0].text.startswith("Section") for window in windows)
    assert all(any(part.role == "context" for part in window.parts) for window in windows[1:])


@given(FOLDERS, st.integers(150, 1_000), st.integers(1, 5), st.integers(0, 50))
def test_no_window_is_over_its_bounds(
    folder: list[list[str]], max_tokens: int, max_documents: int, reply: int
) -> None:
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


@given(st.integers(1, 300), st.data())
def test_what_is_refused_is_found_in_few_calls(number: int, data: st.DataObject) -> None:
    """Whichever document of a window is refused, halving finds it in 2 log2 n + 1 calls at the most, and asks about all others."""
    bad = f"d{data.draw(st.integers(0, number - 1))}"
    waiting, calls, taken = (
        [pack.window_of([Part(f"d{n}", 1, 1, 0, 1, "x", 5) for n in range(number)])],
        0,
        list[str](),
    )
    while waiting:
        window, calls = waiting.pop(), calls + 1
        halves = pack.halves(window) if bad in window.documents else []
        waiting += halves
        taken += [] if bad in window.documents else window.documents
    assert calls <= 2 * ceil(log2(number)) + 1
    assert sorted([*taken, bad]) == sorted(f"d{n}" for n in range(number))


def test_both_halves_show_what_stands_beside() -> None:
    """The pages of one document are parted between two windows, and each begins with the context and the headings of columns."""
    beside = [
        Part("d", 1, 6, 0, 3, "top", 5, role="context"),
        Part("d", 2, 6, 0, 3, "a b", 5, role="columns"),
    ]
    own = [Part("d", number, 6, 0, 4, "text", 6) for number in range(3, 7)]
    first, second = pack.halves(pack.window_of([*beside, *own]))
    assert first.parts[:2] == second.parts[:2] == tuple(beside)
    assert [part.page for part in (*asked(first), *asked(second))] == [3, 4, 5, 6]
    assert {part.role for part in (*asked(first), *asked(second))} == {"piece"}


def test_a_window_says_which_pages_it_is_about() -> None:
    """From the first to the last page of its pieces, a single page in words of its own, and nothing when the document is whole."""
    context = Part("d", 1, 90, 0, 3, "top", 5, role="context")
    pieces = [Part("d", number, 90, 0, 4, "text", 6, role="piece") for number in (41, 42, 43)]
    other = Part("e", 7, 8, 0, 4, "text", 6, role="piece")
    assert pack.place([context, *pieces, other], "d") == "pages 41-43 of 90"
    assert pack.place([context, *pieces, other], "e") == "page 7 of 8"
    assert pack.place([context], "d") == ""


def test_a_long_page_is_cut_at_paragraphs() -> None:
    """A page that is longer than a window is cut where a paragraph ends, not inside a word."""
    text = "\n\n".join(f"Paragraph {n} " + "word " * 12 for n in range(40))
    windows = list(pack.windows([Page("d", 1, text)], letters, pack.Bounds(500, 1)))
    assert len(windows) > 1
    assert all(window.parts[-1].text.endswith("\n\n") for window in windows[:-1])


def test_images_count_by_their_patches() -> None:
    """A page that is a picture costs a token a patch of 28 pixels, with a ceiling."""
    (window,) = pack.windows([Page("d", 1, "", image_px=(1240, 1754))], letters, pack.Bounds(10_000, 1))
    assert window.tokens == pack.DOCUMENT_MARK_TOKENS + 45 * 63
    assert pack.image_tokens(10_000, 10_000) == 4_400


def test_running_headers_are_neither_counted_nor_shown() -> None:
    """What stands on an earlier page too is not paid for, and stays in the text that values are checked against."""
    first, second = (
        Page("d", 1, "ACME\nfirst\npage 1"),
        Page("d", 2, "ACME\nsecond\npage 2", repeated=((0, 5), (11, 18))),
    )
    (window,) = pack.windows([first, second], letters, pack.Bounds(500, 1))
    assert [part.shown for part in window.parts] == ["ACME\nfirst\npage 1", "second"]
    assert [part.text for part in window.parts] == [first.text, second.text]
    assert window.parts[1].tokens == pack.PAGE_MARK_TOKENS + letters("second")
