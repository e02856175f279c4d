"""How many files that name no encoding are read in their letters, and whether those that are not are flagged.

    python -m tests.benchmarks.charsets [--files 200] [--seed 1] [--short]        # --short: 30 to 300 letters

In: `tests/documents/languages.txt`, messages in 31 languages. Out: the share of files of 30 to 3,000 letters, in encodings of their
language, that is read right, how many are flagged, and a line for each that is not right.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from octavo.processors.read import text

ENCODINGS = {
    **dict.fromkeys(("de", "nl", "fi"), ("cp1252", "iso8859-15", "iso8859-1")),
    **dict.fromkeys(("fr", "es", "pt", "it", "sv", "da", "nb"), ("cp1252", "iso8859-1")),
    **dict.fromkeys(("pl", "cs", "hu", "ro"), ("cp1250", "iso8859-2")),
    **dict.fromkeys(("sk", "sl", "hr"), ("cp1250",)),
    "ru": ("cp1251", "koi8-r", "iso8859-5", "cp866"),
    "uk": ("cp1251", "koi8-u"),
    "bg": ("cp1251",),
    "el": ("cp1253", "iso8859-7"),
    "tr": ("cp1254", "iso8859-9"),
    "he": ("cp1255", "iso8859-8"),
    "ar": ("cp1256", "iso8859-6"),
    "lt": ("cp1257", "iso8859-13"),
    "lv": ("cp1257",),
    "et": ("cp1257", "cp1252"),
    "zh_Hans": ("gb18030",),
    "zh_Hant": ("big5",),
    "ja": ("cp932", "euc_jp", "iso2022_jp"),
    "ko": ("euc_kr", "cp949"),
}
WIDE = ("utf-16", "utf-16-le", "utf-16-be")
_BETWEEN = ("\n", ". ", " | ", "; ", " 1.234,50\n")
_MESSAGES = Path(__file__).parents[1] / "documents" / "languages.txt"


@dataclass(frozen=True, slots=True)
class Sample:
    """A file and what it says."""

    language: str
    encoding: str
    words: str
    data: bytes


def samples(count: int, seed: int, longest: int = 3_000) -> Iterator[Sample]:
    """Files of 30 to `longest` letters, as many short as long ones by their logarithm; none of ASCII alone. One in ten is UTF-16."""
    draw = random.Random(seed)  # the same files each time
    messages = _messages()
    while count:
        language = draw.choice(sorted(ENCODINGS))
        encoding = draw.choice(WIDE) if draw.random() < 0.1 else draw.choice(ENCODINGS[language])
        letters = 30 * (longest / 30) ** draw.random()
        words = ""
        while sum(map(str.isalpha, words)) < letters:
            words += draw.choice(messages[language]) + draw.choice(_BETWEEN)
        data = words.encode(encoding, "ignore")
        if not data.isascii() or encoding in (*WIDE, "iso2022_jp"):
            count -= 1
            yield Sample(language, encoding, data.decode(encoding), data)


def _messages() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in _MESSAGES.read_text("utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            found[line[1:-1]] = last = []
        elif line and not line.startswith("#"):
            last.append(line)
    return found


def main() -> None:
    """Make, read and print."""
    parser = argparse.ArgumentParser(description="Encodings that are guessed rightly.")
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--short", action="store_true")
    flags = parser.parse_args()
    made = list(samples(flags.files, flags.seed, 300 if flags.short else 3_000))
    begun = time.process_time()
    found = [text.decoded(sample.data) for sample in made]
    spent = time.process_time() - begun
    wrong = [
        (one, sample)
        for one, sample in zip(found, made, strict=True)
        if one.text.lstrip("\ufeff") != sample.words
    ]
    for one, sample in wrong:
        print(
            f"{sample.language} in {sample.encoding}, {len(sample.data)} bytes: {one.note} {' '.join(one.flags)}"
        )
    flagged = sum(bool(one.flags) for one in found)
    unseen = sum(not one.flags for one, _ in wrong)
    right = 1 - len(wrong) / len(made)
    print(
        f"{right:.1%} of {len(made)} right, {flagged} flagged, {unseen} wrong and not flagged; {spent / len(made) * 1000:.1f} ms a file"
    )


if __name__ == "__main__":
    main()
