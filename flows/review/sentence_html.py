"""Our sentences come in, with what to type between backticks; HTML goes out, everything escaped and that set as code."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_TYPED = re.compile(r"`([^`\n]+)`")


def with_code(text: str) -> Markup:
    """A sentence as HTML.

    >>> with_code("Type `octavo sql` & see.")
    Markup('Type <code>octavo sql</code> &amp; see.')
    """
    return Markup(_TYPED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped right here
