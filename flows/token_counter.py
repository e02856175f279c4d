"""The counter of tokens that a run works with: exact with the model's vocabulary, else estimated and corrected by what calls are billed.

In: texts, and the bills of calls. Out: tokens, on the safe side for windows and as they will be for prices. What was learned stays in the
ledger of the output folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from octavo.processors.ask.replies import Account, Asker
from octavo.processors.pack import windows as pack

EVERY, FIRST = (
    10,
    20,
)  # the first so many bills are learned from, then each tenth, since it takes a second look at the text


class TokenCounter:
    """Counts the tokens of texts; call it for a number on the safe side."""

    def __init__(self, account: Account, vocabulary: bytes | None) -> None:
        """`vocabulary` is that of the Kimi models, and of use for these alone; rules on this machine bill nothing to learn from."""
        offline = account.engine == "offline"
        self.exact = vocabulary is not None and (offline or "kimi" in account.model.id.lower())
        self._plain = pack.counter(vocabulary) if self.exact else pack.rough
        self._learns = not (self.exact or offline)
        self._name = f"tokens of {account.model.id}"
        self._bills = 0
        self._know(pack.Calibration())

    def __call__(self, text: str) -> int:
        """Tokens of a text, seldom too few."""
        return self.safe(self.plain(text))

    def plain(self, text: str) -> int:
        """Tokens of a text, as likely too many as too few; a count does not change while bills come in."""
        return self._plain(text)

    def safe(self, tokens: int) -> int:
        """Plain tokens, on the safe side."""
        return math.ceil(tokens * self.factor)

    @property
    def name(self) -> str:
        """What counted, for rows that keep a count."""
        return "kimi" if self.exact else "estimate"

    def attend(self, asker: Asker) -> None:
        """Begin with what earlier runs on this ledger learned, and learn from every call of this one."""
        if self._learns:
            self._ledger = asker.ledger
            self.look_up()
            asker.teach(self._learn)

    def look_up(self) -> None:
        """Take over what other processes of the run have learned since."""
        if self._learns and (seen := self._ledger.note(self._name)):
            self._know(pack.Calibration(tuple((one, billed) for one, billed in json.loads(seen))))

    def _learn(self, body: Mapping[str, Any], billed: int) -> None:
        self._bills += 1
        if (self._bills <= FIRST or self._bills % EVERY == 0) and (texts := _texts(body)):
            self._know(self._calibration.learn(sum(map(self._plain, texts)), billed))
            self._ledger.keep(self._name, json.dumps(self._calibration.seen))

    def _know(self, calibration: pack.Calibration) -> None:
        self._calibration = calibration
        self.factor = 1.0 if self.exact else calibration.factor
        self.mean = 1.0 if self.exact else calibration.mean


def _texts(body: Mapping[str, Any]) -> list[str]:
    """All that a call says, its reply format among it; nothing when it shows pictures, whose tokens are no matter of words."""
    said = [json.dumps(body["response_format"], ensure_ascii=False)] if "response_format" in body else []
    for message in body["messages"]:
        content = message["content"]
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        if any(part["type"] != "text" for part in parts):
            return []
        said += [part["text"] for part in parts]
    return said
