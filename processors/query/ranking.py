"""Words in, one SELECT out that finds the pages which have them, the best first.

DuckDB's full-text index is an extension that comes over the network, so the words are counted as they stand: every page is folded (lower
case, no accents, one space between words) and scored by BM25. A word is found at the beginning of words (`price` in "prices"), a run of
Chinese, Japanese or Korean characters anywhere, and what is in quotes as a phrase.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from octavo.schemas.errors import SettingsError
from octavo.schemas.sql_names import literal

MOST_TERMS = 20  # of one search; what stands behind them would hardly change the order
K1, B = 1.2, 0.75  # saturation and length of BM25, the values of Robertson and Zaragoza (2009)
SNIPPET_CHARACTERS = 300
_BEFORE = 100  # characters of a snippet that stand before the first word
_PIECE = re.compile(r'"([^"]+)"|([\w]+)')
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")

_SEARCH = r"""
WITH folded AS (
    SELECT document, page, text, chars, lower(strip_accents(text)) AS plain,
           ' ' || regexp_replace(lower(strip_accents(text)), '[^\p{{L}}\p{{N}}]+', ' ', 'g') || ' ' AS words
    FROM pages WHERE {among}),
terms(term, needle) AS (VALUES {terms}),
hits AS (
    SELECT document, page, chars, term, position(term IN plain) AS place,
           (length(words) - length(replace(words, needle, ''))) / length(needle)
           + (length(words) - length(replace(words, needle || ' ', ''))) / (length(needle) + 1) AS often
    FROM folded, terms WHERE contains(words, needle)),
spread AS (SELECT term, ln(1 + ((SELECT count(*) FROM pages) - count(*) + 0.5) / (count(*) + 0.5)) AS rarity FROM hits GROUP BY term),
scored AS (
    SELECT document, page, min(place) FILTER (place > 0) AS place, list(term ORDER BY term) AS found,
           sum(rarity * often * {k1_more} / (often + {k1} * ({b_less} + {b} * hits.chars / mean.chars))) AS score
    FROM hits JOIN spread USING (term), (SELECT greatest(avg(chars), 1) AS chars FROM pages) AS mean GROUP BY document, page),
paths AS (SELECT document, min(path) AS path FROM documents GROUP BY document)
SELECT path, document, page, round(score, 3) AS score, found,
       substring(text, greatest(1, coalesce(place, 1) - {before})::BIGINT, {snippet}) AS snippet, count(*) OVER () AS matches
FROM scored JOIN folded USING (document, page) JOIN paths USING (document)
ORDER BY score DESC, path, page LIMIT {limit}
"""


def ranked_pages(words: str, *, limit: int, documents: Sequence[str] = ()) -> str:
    """The SELECT for a search: path, document, page, score, the terms found, a snippet, and how many pages matched in all.

    `documents` (SHA-256) narrows it. Raises SettingsError when there is no word to look for.
    """
    needles = terms_of(words)
    if not needles:
        raise SettingsError(
            "There is no word to search for.",
            about="query",
            next_step='Give some, such as: price increase "net 30 days".',
        )
    among = f"document IN ({', '.join(map(literal, documents))})" if documents else "true"
    return _SEARCH.format(
        among=among,
        terms=", ".join(f"({literal(term)}, {literal(needle)})" for term, needle in needles.items()),
        k1=K1,
        k1_more=K1 + 1,
        b=B,
        b_less=1 - B,
        before=_BEFORE,
        snippet=SNIPPET_CHARACTERS,
        limit=int(limit),
    )


def terms_of(words: str) -> dict[str, str]:
    """The terms of a search, folded, and what is looked for in a folded page.

    >>> terms_of('Prices "Net 30" 价格')
    {'prices': ' prices', 'net 30': ' net 30', '价格': '价格'}
    """
    needles: dict[str, str] = {}
    for phrase, word in _PIECE.findall(words):
        term = " ".join(re.findall(r"[^\W_]+", _folded(phrase or word)))
        if term and len(needles) < MOST_TERMS:
            needles[term] = term if _NO_SPACES.search(term) else f" {term}"
    return needles


def _folded(text: str) -> str:
    """Lower case without accents, as DuckDB's lower(strip_accents(...)) has it."""
    apart = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize(
        "NFC", "".join(one for one in apart if not unicodedata.combining(one))
    ).lower()
