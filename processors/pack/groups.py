"""Which documents share a window: their sizes and the bounds in, groups out. No text is needed, so a folder is planned as a whole.

Best fit, the largest first: a document goes where it leaves the least room. That gives the fewest groups, up to a few in a thousand.
When more of them are wanted, the largest document goes to the group with the least work, so that all end at about the same time.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

from octavo.schemas.text.printed_lists import PrintedList

PLACES = 100  # in a window, when nobody says how many documents it may have: so many short documents ...
PLACES_OF_ONE = 5  # ... and 20 of any length, since mixing up grows with what is read and written, and not with the number alone
PLACE_TOKENS, PLACE_REPLY_TOKENS = (
    500,
    60,
)  # a document takes a place for so many tokens of text, or of the reply about it
LOOK = 100  # groups that are tried for a document, so that a folder of a million is planned in seconds


@dataclass(frozen=True, slots=True)
class Size:
    """A document before its text is fetched: tokens in a window with its marks, tokens kept free for its reply, characters, places.

    `rows` are those of tables of which every row may be wanted; 0 where there are none, or few. `printed` says more of its lists, where
    lists are asked for.
    """

    document: str
    tokens: int
    reply_tokens: int = 0
    chars: int = 0
    places: int = 1
    rows: int = 0
    printed: PrintedList = field(default_factory=PrintedList)


@dataclass(frozen=True, slots=True)
class Frame:
    """What binds a group: tokens of documents and replies together, tokens of documents alone, and how many places documents take."""

    max_tokens: int
    max_documents_tokens: int
    max_places: int

    def holds(self, size: Size) -> bool:
        """Whether a document fits into a window of its own."""
        return size.tokens <= self.max_documents_tokens and size.tokens + size.reply_tokens <= self.max_tokens


@dataclass(slots=True)
class Group:
    """Documents that share a window."""

    sizes: list[Size] = field(default_factory=list)
    tokens: int = 0
    reply_tokens: int = 0
    places: int = 0

    @property
    def documents(self) -> list[str]:
        """The documents, the largest first."""
        return [size.document for size in self.sizes]

    def room(self, frame: Frame) -> int:
        """Tokens that a further document may have, its reply included; none when there is no place for one."""
        full = self.places >= frame.max_places
        return (
            0
            if full
            else min(
                frame.max_tokens - self.tokens - self.reply_tokens, frame.max_documents_tokens - self.tokens
            )
        )

    def takes(self, size: Size, frame: Frame) -> bool:
        """Whether there is room for a document."""
        both = self.tokens + self.reply_tokens + size.tokens + size.reply_tokens
        alone = self.tokens + size.tokens
        fits = both <= frame.max_tokens and alone <= frame.max_documents_tokens
        return fits and self.places + size.places <= frame.max_places

    def add(self, size: Size) -> None:
        """Take a document."""
        self.sizes.append(size)
        self.tokens += size.tokens
        self.reply_tokens += size.reply_tokens
        self.places += size.places


def places(tokens: int, reply_tokens: int) -> int:
    """How many of the PLACES of a window a document takes that has so many tokens and a reply of so many: 1 when both are short.

    >>> places(300, 50), places(1_200, 50), places(300, 400), places(50_000, 50)
    (1, 3, 5, 5)
    """
    return min(PLACES_OF_ONE, max(1, -(-tokens // PLACE_TOKENS), -(-reply_tokens // PLACE_REPLY_TOKENS)))


def fewest(sizes: Iterable[Size], frame: Frame) -> list[Group]:
    """Groups as full as can be, the first with the largest documents. Every document must fit by itself."""
    groups: list[Group] = []
    rooms: list[tuple[int, int]] = []  # of groups that are not full: room, number of the group
    for size in _largest_first(sizes):
        at = next((at for at in _places(rooms, size) if groups[rooms[at][1]].takes(size, frame)), None)
        number = len(groups) if at is None else rooms.pop(at)[1]
        if at is None:
            groups.append(Group())
        groups[number].add(size)
        if (room := groups[number].room(frame)) > 0:
            insort(rooms, (room, number))
    return groups


def even(sizes: Sequence[Size], frame: Frame, number: int) -> list[Group]:
    """So many groups with about the same work, more when they cannot take all. Every document must fit by itself."""
    heap = [(0, 0, at) for at in range(number)]
    groups = [Group() for _ in heap]
    heapify(heap)
    for size in _largest_first(sizes):
        passed: list[tuple[int, int, int]] = []
        while heap and not groups[heap[0][2]].takes(size, frame):
            passed.append(heappop(heap))
        if heap:
            at = heappop(heap)[2]
        else:
            at = len(groups)
            groups.append(Group())
        groups[at].add(size)
        for entry in (*passed, (len(groups[at].sizes), groups[at].tokens, at)):
            heappush(heap, entry)
    return [group for group in groups if group.sizes]


def _places(rooms: Sequence[tuple[int, int]], size: Size) -> Iterator[int]:
    """Where in `rooms` to look for a place: from where the document fits alone, and at once from where it fits with its reply."""
    alone, both = (
        bisect_left(rooms, (tokens, 0)) for tokens in (size.tokens, size.tokens + size.reply_tokens)
    )
    yield from range(alone, min(both, alone + LOOK))
    yield from range(both, min(len(rooms), both + LOOK))


def _largest_first(sizes: Iterable[Size]) -> list[Size]:
    return sorted(sizes, key=lambda size: (-size.tokens - size.reply_tokens, size.document))
