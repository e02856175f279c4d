"""What strangers or a model wrote comes in; words that steer no terminal, and that no browser follows or fetches, go out."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Controls but tab and line feed, halves of signs, marks of direction and of no width; joiners stay, which some scripts are written with.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
_LABELLED = re.compile(r"!?\[([^\]\n]*)\]\(([^)\n]*)\)")  # links and pictures of Markdown
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,500}>|<!--.*?-->", re.DOTALL)
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]{1,20}://|\b(?:mailto|data|javascript):|\bwww\.|(?<![:/\w.])//(?=[\w-]+\.\w)|\\\\(?=[\w.-]+\\))[^\s<>\"'`|]+",
    re.IGNORECASE,
)
_OPEN_LINK = re.compile(r"\](?=\(|:|\[)")  # what a link would go on with
_OPEN_TAG = re.compile(r"<(?=[a-zA-Z/!?])")
LEFT_OUT = "(link left out)"


def visible(text: str) -> str:
    """A text without signs that steer a terminal, or that nobody sees."""
    return _CONTROLS.sub("", text)


def inert(text: str) -> str:
    """A text of one's own about what was written, in which a browser sees neither link nor tag."""
    return _OPEN_TAG.sub("< ", _OPEN_LINK.sub("] ", visible(text)))


def inert_name(name: str) -> str:
    """The name of a file as it is shown in a mark. One that would be a link or a tag has its signs escaped, as Markdown has it."""
    shown = visible(name)
    return re.sub(r"([\[\]()<>!`])", r"\\\1", shown) if _OPEN_LINK.search(shown) or "<" in shown else shown


def without_links(said: str, texts: Sequence[str]) -> tuple[str, int]:
    """An answer in which nothing is fetched or followed, and how much was left out: labels instead of links, only addresses in `texts`.

    An address that a model puts together may carry what it has read to whoever owns it.
    """
    left_out = 0

    def label(match: re.Match[str]) -> str:
        nonlocal left_out
        left_out += 1
        return match.group(1)

    def address(match: re.Match[str]) -> str:
        nonlocal left_out
        written = match.group().rstrip(".,;:!?)")
        if any(written in text for text in texts):
            return match.group()
        left_out += 1
        return LEFT_OUT + match.group()[len(written) :]

    plain = _LABELLED.sub(label, visible(said))
    plain, tags = _TAG.subn("", plain)
    plain = _ADDRESS.sub(address, plain)
    left_out += tags
    return inert(plain), left_out
