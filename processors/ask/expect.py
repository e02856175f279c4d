"""How long a reply may be: a question and a window in, the tokens to keep free for the reply out.

The provider charges prompt + reply limit against the tokens a minute, whatever is generated, so a limit far above the need wastes
pace, and one below it cuts the reply. A question starts with the estimate of its schema; from LEAST replies on, the limit is learned:

    documents x mean + root(documents) x what QUANTILE of the windows had above their mean, + margin

The root is there because the lengths of many documents in one window even out. Documents that are a few times longer are learned apart.

A model that thinks is billed for its thoughts as for its words, and has room for them beside: `thinking_tokens` of the catalogue at first,
then what QUANTILE of the windows thought, + margin, and more for a window of more documents than most. One that is cut while it thinks
has said nothing and is asked again whole, so that this margin is wide.

What is learned is a function of the replies in the ledger, so a rerun knows it; and it is no part of what is asked, so that a limit that
changes never makes another request.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

from octavo.schemas.pipeline import SUMMARY, Question, Reply, Request, Window
from octavo.schemas.text.printed_lists import PrintedList, answer_tokens, list_tokens, printed
from octavo.schemas.text.printed_rows import item_tokens, likely_items, name_tokens

REPLY_MARGIN_TOKENS = 256  # for the envelope and what the estimate misses
LENGTH_SHARE_TOKENS = 4_000  # most that a document's length adds to its share of the reply budget
ENVELOPE_TOKENS = 4  # of a reply for each document: its id or `record`, braces
LISTS = 1.3  # times what the lists of a document are expected to have, as the limit of a reply
LEAST = 5  # replies from which a limit is learned, and documents from which a mean is ...
LEAST_CHARACTERS = 20_000  # ... or so many characters of longer ones
SUMMARY_SHARE = 0.6  # tokens of a summary with its quotes for each character of a document, at most: about twice the document
UNLIKE = 2  # times as long as the mean a list is when nobody asked about one like it before
ALIKE = 0.001  # share below which windows are too alike to tell what makes replies long
RECENT = 200  # replies that are remembered of each question and size
QUANTILE = 0.98
MARGIN = (
    0.15  # on top of what is learned; a reply that is cut costs its prompt again, so a little room is cheap
)
MARGIN_TOKENS = 32
MOST_THOUGHT = 8  # times the first guess; what is cut there is carried on
LEAST_THOUGHTS = 10  # replies from which the room to think is learned: the same question is thought over at very different length ...
THOUGHT_MARGIN = 0.5  # ... and thoughts that are cut are paid for nothing (both ours, 2026-11-23)
CENSORED = 2  # a reply that was cut at its limit counts as so many times what it had: how long it would have been is not known
PICTURE_CHARACTERS = 2_000  # a page that is seen counts as a full page of text

Parts = Iterable[
    tuple[str, int, int]
]  # document, start and end in characters of its page; 0, 0 for a picture


@dataclass(frozen=True, slots=True)
class Seen:
    """A window that was answered, and how long its reply was in tokens."""

    documents: int
    characters: int
    tokens: int

    @property
    def size(self) -> int:
        """The class of its documents' mean length; each is four times the one before."""
        return _size(self.documents, self.characters)


class ReplyLength:
    """What replies are expected to have.

    `latest` gives the windows and replies that the ledger has of a question, by its fingerprint. `thinking_tokens` are to be kept free at
    first for the thoughts of a model that thinks, whose words are told from them by `count`; 0 for one that does not, and all that is
    billed are words. `plain` is for replies that are plain objects, of which schemas let expect more tokens.
    """

    def __init__(
        self,
        latest: Callable[[str], Iterable[tuple[str, Reply]]],
        count: Callable[[str], int] = len,
        *,
        thinking_tokens: int = 0,
        plain: bool = False,
    ) -> None:
        """Nothing is read before it is asked for."""
        self._latest, self._count, self._thinking_tokens = latest, count, thinking_tokens
        self._plain = plain
        self._known: dict[str, dict[int, deque[Seen]]] = {}
        self._thoughts: dict[str, dict[int, deque[Seen]]] = {}

    def tokens(self, question: Question, window: Window, lists: Sequence[PrintedList] = ()) -> int:
        """The most that a reply should have: learned, or as the schema lets expect when too little is known of documents so long.

        The thoughts of a model that thinks are in it. `lists` are those of its documents, where the window is planned and has no text yet.
        """
        documents, characters = measure((part.document, part.start, part.end) for part in window.parts)
        seen = self._of(question.fingerprint).get(_size(documents, characters), ())
        words = (
            _learned(seen, documents)
            if len(seen) >= LEAST
            else estimate(question, window, lists, plain=self._plain)
        )
        return words + self._room_to_think(
            self._thoughts[question.fingerprint].get(_size(documents, characters), ()), documents
        )

    def _room_to_think(self, seen: Sequence[Seen], documents: int) -> int:
        """Tokens for the thoughts about so many documents, from windows with documents of that size."""
        if not self._thinking_tokens:
            return 0
        learned = min(_thought(seen, documents), MOST_THOUGHT * self._thinking_tokens) if seen else 0
        return learned if len(seen) >= LEAST_THOUGHTS else max(self._thinking_tokens, learned)

    def thoughts(self, question: Question) -> int:
        """Tokens of thought that a reply to a question had in the mean; 0 where none is known."""
        self._of(question.fingerprint)
        seen = [one.tokens for of_size in self._thoughts[question.fingerprint].values() for one in of_size]
        return ceil(sum(seen) / max(1, len(seen)))

    @staticmethod
    def reserve(questions: Sequence[Question], tokens: int) -> int:
        """Tokens to keep free in a window for the reply about one document of so many tokens. What is learned does not change it."""
        return max(question.reply_tokens for question in questions) + min(tokens // 2, LENGTH_SHARE_TOKENS)

    def likely(
        self, question: Question, documents: int, characters: int, lists: Sequence[PrintedList] = ()
    ) -> int:
        """What a reply about so many documents of so many characters will have: as earlier replies had, else as the schema says.

        A mean needs fewer replies than a limit: those about LEAST documents, as long as these or of the nearest length there is. `lists`
        are those that the documents print.
        """
        of_size = self._enough(question)
        if not of_size:
            shown = [*lists, *[PrintedList()] * (documents - len(lists))]
            return ENVELOPE_TOKENS * documents + ceil(answer_tokens(question, shown, plain=self._plain))
        wanted = _size(documents, characters)
        nearest = min(of_size, key=lambda size: (abs(size - wanted), size))
        learned = _mean(of_size[nearest], documents, characters if abs(nearest - wanted) <= 1 else 0)
        if question.name == SUMMARY and characters:
            learned = min(learned, ENVELOPE_TOKENS * documents + ceil(SUMMARY_SHARE * characters))
        listed = [list_tokens(question.fields, one, plain=self._plain) for one in lists]
        if nearest != wanted:
            return max(learned, ceil(sum(listed)))
        each = learned / max(1, documents)
        return learned + ceil(sum(one - each for one in listed if one > UNLIKE * each))

    def knows(self, question: Question) -> bool:
        """Whether `likely` goes by earlier replies to a question, or by its schema."""
        return bool(self._enough(question))

    def _enough(self, question: Question) -> dict[int, deque[Seen]]:
        """The replies to a question by size, where there are enough for a mean."""
        return {
            size: seen
            for size, seen in self._of(question.fingerprint).items()
            if sum(one.documents for one in seen) >= LEAST
            or sum(one.characters for one in seen) >= LEAST_CHARACTERS
        }

    def note(self, request: Request, reply: Reply) -> None:
        """Learn from a reply that came just now. What is asked again tells little: it is what something was wrong with."""
        if (
            request.purpose in ("first", "second_pass")
            and not reply.from_ledger
            and request.question.fingerprint in self._known
        ):
            self._learn(
                request.question.fingerprint,
                [(part.document, part.start, part.end) for part in request.window.parts],
                reply,
            )

    def _of(self, question: str) -> dict[int, deque[Seen]]:
        if question not in self._known:
            self._known[question], self._thoughts[question] = {}, {}
            for window, reply in self._latest(question):
                parts = [(document, start, end) for document, _, _, start, end, *_ in json.loads(window)]
                self._learn(question, parts, reply)
        return self._known[question]

    def _learn(self, question: str, parts: Parts, reply: Reply) -> None:
        """Keep how long the words of a reply were, and its thoughts, which are the rest of what was billed. Words end thoughts."""
        billed, ended = reply.usage.reply_tokens, reply.finish_reason
        words = min(billed, self._count(reply.text)) if self._thinking_tokens else billed
        thought_ended = "stop" if words and ended == "length" else ended
        for known, one in (
            (self._known, seen(parts, words, ended)),
            (self._thoughts, seen(parts, billed - words, thought_ended)),
        ):
            if one:
                known[question].setdefault(one.size, deque(maxlen=RECENT)).append(one)


def estimate(
    question: Question, window: Window, lists: Sequence[PrintedList] = (), *, plain: bool = False
) -> int:
    """What the schema lets expect. A longer document may need more, and one with a list needs it for every entry that it prints.

    `plain` is for records that have the names of their fields.
    """
    item = item_tokens(question.fields, plain=plain)
    usual = question.reply_tokens + (name_tokens(question.fields) if plain else 0)
    sizes, texts = Counter[str](), defaultdict[str, list[str]](list)
    for part in window.parts:
        sizes[part.document] += part.tokens
        if item and part.role in ("whole", "piece", "again"):
            texts[part.document].append(part.text)
    planned = dict(zip(sizes, lists, strict=False))
    more = 0
    for document, size in sizes.items():
        shown = planned.get(document) or printed(texts[document])
        listed = item * likely_items(shown.rows)
        if shown.entries:
            listed = max(listed, ceil(LISTS * list_tokens(question.fields, shown, plain=plain)))
        more += max(min(size // 2, LENGTH_SHARE_TOKENS), listed)
    return len(sizes) * usual + more + REPLY_MARGIN_TOKENS


def measure(parts: Parts) -> tuple[int, int]:
    """How many documents a window has, and how many characters."""
    documents: set[str] = set()
    characters = 0
    for document, start, end in parts:
        documents.add(document)
        characters += end - start or PICTURE_CHARACTERS
    return len(documents), characters


def seen(parts: Parts, tokens: int, finish_reason: str) -> Seen | None:
    """What a reply of so many tokens tells about its window: more than its length when it was cut at its limit, else nothing when cut."""
    documents, characters = measure(parts)
    if not documents or not tokens or finish_reason not in ("stop", "length"):
        return None
    return Seen(documents, characters, tokens * (CENSORED if finish_reason == "length" else 1))


def _mean(windows: Sequence[Seen], documents: int, characters: int = 0) -> int:
    """What replies have in the mean for so many documents of so many characters: a part for each document, and one for each character.

    Least squares without negative parts. Where the windows were too alike to tell the two, what explains them better counts, and documents
    where both do. Without `characters` documents are all that counts.
    """
    sums = [
        sum(one.documents**2 for one in windows),
        sum(one.documents * one.characters for one in windows),
        sum(one.characters**2 for one in windows),
        sum(one.documents * one.tokens for one in windows),
        sum(one.characters * one.tokens for one in windows),
    ]
    dd, dc, cc, dt, ct = map(float, sums)
    if not characters:
        return ceil(documents * sum(one.tokens for one in windows) / sum(one.documents for one in windows))
    each, more = dt / dd, 0.0
    determinant = dd * cc - dc * dc
    if determinant > ALIKE * dd * cc:
        each, more = (dt * cc - ct * dc) / determinant, (ct * dd - dt * dc) / determinant
    if min(each, more) < 0 or determinant <= ALIKE * dd * cc:
        by_characters = ct * ct / cc > dt * dt / dd * (1 + ALIKE)
        each, more = (0.0, ct / cc) if by_characters else (dt / dd, 0.0)
    return ceil(documents * each + characters * more)


def _learned(windows: Sequence[Seen], documents: int) -> int:
    """The limit for so many documents, from windows with documents of that size."""
    mean = sum(one.tokens for one in windows) / sum(one.documents for one in windows)
    above = sorted((one.tokens - one.documents * mean) / sqrt(one.documents) for one in windows)
    high = max(0.0, above[ceil(QUANTILE * len(above)) - 1])
    return ceil((documents * mean + sqrt(documents) * high) * (1 + MARGIN + 1 / len(windows))) + MARGIN_TOKENS


def _thought(windows: Sequence[Seen], documents: int) -> int:
    """The room to think about so many documents. subtle: a window of few is not thought over so much less, so only more get more."""
    usual = sum(one.documents for one in windows) / len(windows)
    high = sorted(one.tokens for one in windows)[ceil(QUANTILE * len(windows)) - 1]
    return ceil(high * max(1.0, documents / usual) * (1 + THOUGHT_MARGIN + 1 / len(windows))) + MARGIN_TOKENS


def _size(documents: int, characters: int) -> int:
    return (characters // max(documents, 1)).bit_length() // 2
