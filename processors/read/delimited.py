"""CSV and TSV in; leaves out: a row on one line, " | " between its cells, whatever delimiter and quotes the file uses."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from octavo.processors.read import table_rows, text
from octavo.processors.read.content import Content, Source

_DELIMITERS = (",", ";", "\t", "|")
_SAMPLE_ROWS = 50  # rows the delimiter is judged by
_HINT = "sep="  # a first line that Excel writes to name the delimiter


def read(source: Source) -> Content:
    """All rows, in pages cut between rows when they are long. Raises DocumentError: too_many_pages."""
    found = text.decoded(source.data)
    words = found.text
    delimiter, body = _delimiter(words)
    table = table_rows.lines(_rows(body, delimiter)) if delimiter else words
    return text.paged(table, source.limits, found.note, found.flags)


def _delimiter(words: str) -> tuple[str, str]:
    """The delimiter, and the text without the line that names it; "" for a file of one column."""
    first, _, rest = words.partition("\n")
    if first.lower().startswith(_HINT) and len(first.strip()) == len(_HINT) + 1:
        return first.strip()[-1], rest
    scores = {delimiter: _score(words, delimiter) for delimiter in _DELIMITERS}
    best = max(_DELIMITERS, key=scores.__getitem__)
    return (best, words) if scores[best] > 0 else ("", words)


def _score(words: str, delimiter: str) -> float:
    """Which share of the first rows has the commonest number of cells; 0 where most have one. Wide rows break a tie."""
    widths = Counter(len(row) for row in islice(_rows(words, delimiter), _SAMPLE_ROWS) if row)
    total = widths.total()
    if widths.pop(1, 0) * 2 > total or not widths:
        return 0.0
    ((width, times),) = widths.most_common(1)
    return times / total + width / 1000


def _rows(words: str, delimiter: str) -> Iterator[list[str]]:
    """The rows as the csv module reads them; a field may be as long as the file, so the module's limit only ever grows."""
    csv.field_size_limit(max(len(words), csv.field_size_limit()))
    return csv.reader(io.StringIO(words, newline=""), delimiter=delimiter, skipinitialspace=True)
