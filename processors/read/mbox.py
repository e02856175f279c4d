r"""A mailbox (mbox) in; its mails out, each a document of its own, named by its place: `box.mbox/1.eml`, `box.mbox/2.eml`, ...

A mail begins after an empty line, at one such as
`From ana@example.com Mon Mar  4 10:00:00 2024`. A line of a body that looks like it has a ">" before it, which is taken off again
(RFC 4155, read 2026-11).
"""

from __future__ import annotations

import re

from octavo.processors.read.content import Content, Inner, Source
from octavo.processors.read.kinds import MAIL_BEGINS

_QUOTED = re.compile(rb"^>(>*From )", re.MULTILINE)


def read(source: Source) -> Content:
    """All mails. A mailbox has no page of its own."""
    starts = list(MAIL_BEGINS.finditer(source.data))
    ends = [start.start() for start in starts[1:]] + [len(source.data)]
    mails = (
        _QUOTED.sub(rb"\1", source.data[start.end() : end]) for start, end in zip(starts, ends, strict=True)
    )
    return Content(
        (), inner=tuple(Inner(f"{number}.eml", mail) for number, mail in enumerate(mails, start=1))
    )
