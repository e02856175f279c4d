"""The text of a page in; whether a person could read it out: letters that make no words are no text, whoever wrote them.

Where a font has no way back to Unicode, or a wrong one, a page looks well and its text is noise: unknown signs, letters exchanged one
for another, another language's bytes, or the words of a poor OCR. Pairs of letters tell: those of a language are few. Part lists, codes,
numbers and short pages make no sentence and are no noise, so only what has enough words of letters is judged, and never by a word list.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from operator import itemgetter

GARBLED = "garbled_text"  # flag: the letters of a page make no words
_JUNK = re.compile("[\ue000-\uf8ff\ufffd\x00-\x08\x0e-\x1f]")  # private use, unknown and control characters
_LONGEST_JUDGED = 20_000  # characters
_PLAIN = re.compile(
    r"""["'(\[“‘«*§$€£#—–-]*(?:
        [^\W\d_]?[^\W\d_A-ZÀ-Þ]+ | [^\W\d_a-zß-ÿ]{2,} | [AIaio] | [A-Z]\. |   # word, WORD, Word, I, J.
        (?:[^\W_]{1,20}[-'’/.&=:@—–]+)+[^\W_]{0,20} |                           # well-known, it's, U.S.A, NAME=Jane
        [-+]?[$€£]?\d[\d.,:/%-]* | \d+(?:st|nd|rd|th) | [A-Z]{1,3}-?\d+ |        # 1,200.00, 2nd, A4
        [-–—•|&§"“”;:!?*]                                                         # marks of their own
    )(?:\([^\W_]{1,3}\))*["')\]”’».,;:?!*%—–-]*""",
    re.VERBOSE,
)
_GOOD_SHARE = 0.965  # of a layer's tokens like words or numbers: the good ones of the corpus have 0.97 to 1, the poor ones 0.76 to 0.96
_EASTERN = "\u2e80"  # Chinese, Japanese and what follows in Unicode: a token is a sentence with its marks
_AMOUNT = re.compile(r"[-+]?\d[\d.,]*(?:[%€£$°]|[A-Za-zµ]{1,3}[²³]?)")  # 12,00€, 5kg
_VOWEL = re.compile("[aeiouyàâäåæéèêëïîíìôöòóøùúûüœAEIOUYÀÂÄÅÆÉÈÊËÏÎÍÌÔÖÒÓØÙÚÛÜŒ]")

_WORD = re.compile(r"(?<![^\s(\"'«„“|/.,:;-])[^\W\d_]{3,}(?![^\s)\"'»“”|/.,:;!?-])")  # of letters alone
_SAMPLE = 600  # characters of words that are judged: more says nothing more
_LEAST_SAMPLE = 60  # characters of words; fewer are not judged ...
_LEAST_DOUBTED = 20  # ... but where there is another doubt
# Words of three letters and more that stand in most pages of the languages that are met most: a page with so many of them is read on.
_COMMON = frozenset(
    [
        "the",
        "and",
        "for",
        "that",
        "with",
        "this",
        "from",
        "are",
        "was",
        "not",
        "you",
        "have",
        "your",
        "der",
        "die",
        "und",
        "den",
        "von",
        "mit",
        "des",
        "das",
        "ist",
        "auf",
        "ein",
        "eine",
        "les",
        "une",
        "que",
        "pour",
        "dans",
        "est",
        "par",
        "sur",
        "qui",
        "del",
        "los",
        "las",
        "por",
        "con",
        "para",
        "una",
        "che",
        "per",
        "non",
        "della",
        "sono",
        "het",
        "een",
        "van",
        "met",
        "voor",
        "niet",
        "och",
        "att",
        "det",
        "som",
        "til",
        "med",
        "ikke",
        "nie",
        "jest",
        "się",
        "dla",
        "oraz",
        "bir",
        "için",
        "και",
        "την",
        "του",
        "των",
        "это",
        "как",
        "что",
        "для",
        "или",
    ]
)
_MANY_COMMON = 0.05  # share of the tokens
# The mean weight of pairs of letters in the likeliest language, as a logarithm: of 313 pages of the corpus none below 4.4, of 132 of
# them with letters exchanged none above 3.8, measured 2026-11. A short text varies more.
_LIKELY = 4.0
_VARIES = 5.0  # over the root of the number of characters
_CAPITALS = 0.3  # less of it is expected in capitals, of which abbreviations are made
_USUAL = 0.7  # share of the words that are in one case, or begin with a capital
_AGAIN = 0.04  # share of the words that stood before
_ALPHABETS = {  # of bigram tables; any other alphabet is not judged by its pairs
    "LATIN": ("cp1252", "cp1250", "cp1254", "cp1257"),
    "CYRILLIC": ("cp1251",),
    "GREEK": ("cp1253",),
}
_LOGS = [math.log2(1 + weight) for weight in range(256)]
_LATIN, _GREEK, _CYRILLIC = (re.compile(f"[{letters}]") for letters in ("a-zß-öø-ɏ", "ͰϿἀ-῿α-ώ", "Ѐ-ӿ"))
_ACCENTED = re.compile("[À-ÖØ-öø-ÿ]")
_MOSTLY = 0.5  # share of the letters that are accented: no language has as many; bytes of another one have
_TWICE_CODED = re.compile(
    "[ÃÂÐÑÎÏØÙà-ïĂĐ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸĄĽŚŞŤŹŻąłľśşťźż]"
)  # UTF-8 read as bytes
_MANY_TWICE = 0.12  # of the letters
_HAN = re.compile("[\u4e00-\u9fff]")
_LEAST_HAN = 20
_COMMON_HAN = 0.6  # share of characters that are of the common ones of one standard
_STANDARDS = (
    ("gb2312", 0xB0, 0xD7),
    ("big5", 0xA4, 0xC6),
    ("shift_jis", 0x88, 0x97),
)  # first bytes of the first level


def is_junk(text: str) -> bool:
    """Whether a tenth of the characters says nothing: the font has no way back to Unicode."""
    if "\ufffd" not in text and text.replace("\n", "").replace("\xa0", "").replace("\t", "").isprintable():
        return False
    return len(_JUNK.findall(text)) * 10 > len(text) - text.count(" ")


def is_poor(text: str) -> bool:
    """Whether a layer of OCR is worth another reading: too many of its tokens are neither words nor numbers."""
    return readable_share(text) < _GOOD_SHARE


def readable_share(text: str) -> float:
    """Share of the tokens that look like a word, a number or a mark of their own; 0 without any.

    >>> readable_share("The price is $1,200.00 (net).")
    1.0
    >>> readable_share("Tbe prXce 1~s ,~l 2O0.O0 ;{et")
    0.3333333333333333
    """
    tokens = text[:_LONGEST_JUDGED].split()
    return sum(map(_is_readable, tokens)) / len(tokens) if tokens else 0.0


def worth(text: str) -> int:
    """Characters of a text that can be read: those of its readable tokens; 0 for noise."""
    if is_junk(text) or is_garbled(text):
        return 0
    return sum(len(token) for token in text.split() if _is_readable(token))


def is_garbled(text: str) -> bool:
    """Whether the letters of a text make no words of any language: a wrong way back from glyphs, or bytes of another one.

    >>> is_garbled("Wklv djuhhphqw lv pdgh ehwzhhq wkh sduwlhv qdphg ehorz dqg vkdoo eh jryhuqhg eb wkh odzv ri Hqjodqg")
    True
    >>> is_garbled("This agreement is made between the parties named below and shall be governed by the laws of England")
    False
    """
    judged = text[:_LONGEST_JUDGED]
    tokens = judged.lower().split()
    if sum(map(_COMMON.__contains__, tokens)) > _MANY_COMMON * len(tokens):  # most pages: 0.1 ms each
        return False
    found = _WORD.findall(judged)
    return _is_other_bytes(judged) or _is_rare_han(judged) or _is_unlike_language(found)


def sentence(pages: Sequence[int]) -> str:
    """The sentence for a person about pages whose text is noise, "" for none."""
    numbers = ", ".join(map(str, pages))
    return (
        f"The letters in the file make no words on page(s) {numbers}: look at the picture." if pages else ""
    )


def is_wordless(text: str) -> bool:
    """Whether the Latin letters of a text that is in doubt anyway make no words; capitals and codes are no excuse, and few will do."""
    latin = "".join(re.findall("[a-zß-öø-ɏ]", text.lower()))
    if len(latin) * 2 < sum(map(str.isalpha, text)):  # of a text in another script they are names and units
        return False
    sample = " ".join(re.findall("[a-zß-öø-ɏ]{2,}", text.lower()))[:_SAMPLE]
    return len(sample) > _LEAST_DOUBTED and likeness(sample, "LATIN") < _likely(sample)


def _is_readable(token: str) -> bool:
    if any(char >= _EASTERN for char in token) or _AMOUNT.fullmatch(token):
        return True
    if not _PLAIN.fullmatch(token):
        return False
    letters = [char for char in token if char.isalpha()]
    return len(letters) < 3 or not token.isascii() or _VOWEL.search(token) is not None or token.isupper()


def _is_other_bytes(text: str) -> bool:
    """Whether a text is the bytes of another language, read as Western European ones."""
    letters = sum(map(str.isalpha, text))
    if letters < _LEAST_SAMPLE:
        return False
    return (
        len(_TWICE_CODED.findall(text)) > _MANY_TWICE * letters
        or len(_ACCENTED.findall(text)) > _MOSTLY * letters
    )


def _is_rare_han(text: str) -> bool:
    """Whether the Chinese characters of a text are rare ones, as when the bytes of one standard are read by another."""
    han = "".join(_HAN.findall(text)[:_SAMPLE])
    return len(han) >= _LEAST_HAN and max(_first_level(han, *one) for one in _STANDARDS) < _COMMON_HAN


def _first_level(han: str, standard: str, first: int, last: int) -> float:
    coded = (char.encode(standard, "ignore")[:1] for char in han)
    return sum(bool(lead) and first <= lead[0] <= last for lead in coded) / len(han)


def _is_unlike_language(words: Sequence[str]) -> bool:
    """Whether pairs of letters of the words are those of no language that shares their alphabet.

    Codes are no language either: they have letters of both cases in a word, or stand in capitals and do not come again as words do.
    """
    usual = [word.lower() for word in words if not word.isascii() or word[1:].islower() or word.isupper()]
    sample = " ".join(usual)[:_SAMPLE]
    alphabet = _alphabet(sample)
    if len(sample) < _LEAST_SAMPLE or not alphabet or len(usual) < _USUAL * len(words):
        return False
    likely = _likely(sample)
    if sum(map(str.isupper, words)) * 2 > len(words):
        if len(usual) - len(set(usual)) < _AGAIN * len(usual):
            return False
        likely -= _CAPITALS
    return likeness(sample, alphabet) < likely


def _likely(sample: str) -> float:
    return _LIKELY - _VARIES / math.sqrt(len(sample))


def _alphabet(sample: str) -> str:
    """The alphabet of nearly all letters, "" where it is another one or there are several."""
    letters = len(sample) - sample.count(" ")
    kinds = {"LATIN": _LATIN, "CYRILLIC": _CYRILLIC, "GREEK": _GREEK}
    return next((name for name, kind in kinds.items() if len(kind.findall(sample)) > 0.9 * letters), "")


def likeness(sample: str, alphabet: str) -> float:
    """How much words in lower case, with spaces between, are like the language they are likest to: mean weight of their pairs, log 2."""
    padded, best = f" {sample} ", 0.0
    for encoding, tables in _tables(alphabet).items():
        data = padded.encode(encoding, "replace")
        weights = itemgetter(*(first << 8 | second for first, second in pairwise(data)))
        best = max(best, *(sum(map(_LOGS.__getitem__, weights(table))) for table in tables))
    return best / (len(padded) - 1)


@cache
def _tables(alphabet: str) -> dict[str, list[bytes]]:
    """By encoding: for each language the weights of pairs of bytes by which the library weighs languages."""
    from chardet.models import load_models

    found: dict[str, list[bytes]] = {}
    for key, table in load_models().items():
        encoding = key.rpartition("/")[2]
        if encoding in _ALPHABETS[alphabet]:
            found.setdefault(encoding, []).append(table)
    return found
