"""What a provider means by "no": status, body and headers of an answer come in, a Refusal goes out. Pure.

The same status has many meanings (a 429 is too fast, overloaded, or no money), so a refusal is read in this order: the provider's
own codes (`codes` in the catalogue of `providers`), the wording, the type or code that most share, and the status last.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, AnyStr

from octavo.processors.ask.providers import Provider, RefusalKind

SECRET = re.compile(r"(sk-|Bearer\s+)[A-Za-z0-9_\-.*]{6,}")
SECRET_CHARACTERS = 8  # shorter keys are words such as "EMPTY" for servers that need none, and words stand in replies; ours, 2026-11-23
LONGEST_WAIT_S = 86_400.0  # the longest limits are those of a day; a later date is a mistake
SHOWN_CHARACTERS = 500  # of a message, in ours

# `error.type` and `error.code`. Moonshot's error page, 2026-08-13; OpenAI's error codes; LiteLLM's error reference, 2026-10-06.
TYPES: Mapping[str, RefusalKind] = {
    "rate_limit_reached_error": "rate",
    "rate_limit_exceeded": "rate",
    "throttling_error": "rate",
    "engine_overloaded_error": "overload",
    "server_unavailable": "overload",
    "exceeded_current_quota_error": "no_money",
    "insufficient_quota": "no_money",
    "budget_exceeded": "no_money",
    "invalid_authentication_error": "key",
    "incorrect_api_key_error": "key",
    "invalid_api_key": "key",
    "permission_denied_error": "key",
    "resource_not_found_error": "not_served",
    "model_not_found": "not_served",
    "context_length_exceeded": "too_long",
    "content_filter": "filtered",
    "content_policy_violation": "filtered",
}

# Statuses, by what is meant when nothing else tells. Those to try again are those of Moonshot's own client (2026-09).
STATUSES: Mapping[int, RefusalKind] = {
    401: "key",
    402: "no_money",
    403: "key",
    404: "not_served",
    408: "server",
    409: "server",
    413: "too_long",
    429: "rate",
    502: "gateway",
    503: "overload",
    504: "gateway",
    529: "overload",
}

# Words, and the statuses under which they count: proxies wrap the text of others in a type of their own.
WORDS: tuple[tuple[frozenset[int], re.Pattern[str], RefusalKind], ...] = (
    (
        frozenset({402, 403, 429}),
        re.compile(
            r"exceeded (your )?current (token )?quota|account balance|insufficient balance|recharge|in arrears"
            r"|is suspended|budget has been exceeded|欠费|余额不足",
            re.IGNORECASE,
        ),
        "no_money",
    ),
    (
        frozenset({400, 413, 422, 429}),
        re.compile(
            r"exceeded model token limit|token length too long|maximum context length|longer than the model's context"
            r"|prompt is too long|request too large|request entity too large|ContextWindowExceeded",
            re.IGNORECASE,
        ),
        "too_long",
    ),
    (
        frozenset({400, 403}),
        re.compile(r"considered high risk|content management policy|content policy", re.IGNORECASE),
        "filtered",
    ),
    (
        frozenset({400, 422}),
        re.compile(
            r"response_format|json[ _]schema|structured[ _]outputs?|guided[ _]json|invalid schema|compile the grammar",
            re.IGNORECASE,
        ),
        "schema",
    ),
)

# The limit that was reached, and the account's number: Moonshot's, then OpenAI's, then LiteLLM's wording.
LIMITS: Mapping[str, re.Pattern[str]] = {
    "concurrency": re.compile(
        r"concurrency: ?(\d+)|max_parallel_requests\. Current limit: (\d+)|()high concurrency|()并发数",
        re.IGNORECASE,
    ),
    "rpm": re.compile(r"max RPM: ?(\d+)|\(RPM\): Limit ([\d,]+)|Limit type: requests\. Current limit: (\d+)"),
    "tpm": re.compile(
        r"TPM rate limit, current: ?\d+, limit: ?(\d+)|\(TPM\): Limit ([\d,]+)|Limit type: tokens\. Current limit: (\d+)"
    ),
    "tpd": re.compile(r"TPD rate limit, current: ?\d+, limit: ?(\d+)|\(TPD\): Limit ([\d,]+)"),
}
USED = re.compile(
    r"current: ?(?P<all>\d+)|Used (?P<before>[\d,]+), Requested (?P<this>[\d,]+)"
)  # tokens: Moonshot's, then OpenAI's
WAIT = re.compile(
    r"\b(?:after|in) (?:(\d+)h)?(?:(\d+)m(?!s))?(\d+(?:\.\d+)?) ?(ms|s|seconds?)\b", re.IGNORECASE
)
SECONDS = re.compile(r"\d{1,9}(?:\.\d+)?")
PAGE = re.compile(r"\s*(?:<!doctype html|<html)", re.IGNORECASE)
TITLE = re.compile(r"<title>(.*?)</title>", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Refusal:
    """One "no". `limit` is concurrency, rpm, tpm or tpd when a limit was named, `allowed` its number, 0 when it was not told.

    `used` are the tokens of the minute or the day that the provider counts, with those of the request that it refuses; 0 when not told.
    """

    kind: RefusalKind
    message: str
    limit: str = ""
    allowed: int = 0
    wait_s: float | None = None  # what the provider asks to wait
    used: int = 0

    @property
    def shared(self) -> bool:
        """Whether it is about the account or the provider, so that other calls would hear the same now."""
        return self.kind in {"rate", "overload"}


def refusal(
    status: int, body: str, headers: Mapping[str, str], provider: Provider, *, now_s: float | None = None
) -> Refusal:
    """The meaning of an answer that is not 2xx. `now_s` (Unix time) is used for a date to wait for when the answer has no date itself."""
    labels, message = _said(body)
    limit, allowed = _limit(message)
    said = SECRET.sub("[key]", f"{status} {' '.join(labels)}: {message[:SHOWN_CHARACTERS]}".strip(": "))
    wait_s, used = _wait_s(message, headers, now_s), _used(message) if limit in {"tpm", "tpd"} else 0
    return Refusal(_kind(status, labels, message, provider), said, limit, allowed, wait_s, used)


def refusal_in_body(body: str, provider: Provider) -> Refusal | None:
    """The refusal in the body of a 200: a gateway's page, or an error without a reply. None for anything that may be a reply."""
    if '"choices"' in body:
        return None
    if PAGE.match(body):
        return Refusal("gateway", f"a page instead of a reply: {_said(body)[1]}"[:SHOWN_CHARACTERS])
    labels, message = _said(body)
    known: RefusalKind | None = next((kind for label in labels if (kind := _of_label(label, provider))), None)
    if known is None and not (labels and message):
        return None
    return Refusal(
        known or "server", SECRET.sub("[key]", f"{' '.join(labels)}: {message}")[:SHOWN_CHARACTERS]
    )


def without_key(said: AnyStr, key: str) -> AnyStr:
    """Text or bytes without the key that its sender was given, as it is and as JSON escapes it, also JSON within JSON."""
    if len(key) < SECRET_CHARACTERS:
        return said
    pattern = "".join(
        sign if sign.isalnum() else rf"(?:\\*{re.escape(sign)}|\\+u00(?i:{ord(sign):02x}))" for sign in key
    )
    return (
        re.sub(pattern, "[key]", said) if isinstance(said, str) else re.sub(pattern.encode(), b"[key]", said)
    )


def _kind(status: int, labels: tuple[str, ...], message: str, provider: Provider) -> RefusalKind:
    for label in labels:
        if label in provider.codes:
            return provider.codes[label]
    words = f"{message} {' '.join(labels)}"
    for statuses, pattern, kind in WORDS:
        if status in statuses and pattern.search(words):
            return kind
    if known := next((TYPES[label] for label in labels if label in TYPES), None):
        return known
    return STATUSES.get(status, "server" if status >= 500 else "malformed")


def _of_label(label: str, provider: Provider) -> RefusalKind | None:
    return provider.codes.get(label) or TYPES.get(label)


def _said(body: str) -> tuple[tuple[str, ...], str]:
    """Labels (code, type) and message of an error body, in the shapes that are about; of a page the title is enough."""
    try:
        data = json.loads(body)
    except ValueError:
        title = TITLE.search(body)
        return ("gateway",) if PAGE.match(body) else (), (
            title.group(1) if title else body[:SHOWN_CHARACTERS]
        ).strip()
    if not isinstance(data, dict):
        return (), str(data)
    error = data.get("error") or data  # Z.ai and older vLLM give the error bare
    if not isinstance(error, dict):
        return (), str(error)
    labels = (str(error[name]) for name in ("code", "type") if error.get(name))
    return tuple(labels), _text(error.get("message") or error.get("msg") or error.get("detail"))


def _text(message: Any) -> str:
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False) if message else ""


def _limit(message: str) -> tuple[str, int]:
    for name, pattern in LIMITS.items():
        if found := pattern.search(message):
            number = next((group for group in found.groups() if group), "0")
            return name, int(number.replace(",", ""))
    return "", 0


def _used(message: str) -> int:
    found = USED.search(message)
    return sum(int(number.replace(",", "")) for number in found.groups() if number) if found else 0


def _wait_s(message: str, headers: Mapping[str, str], now_s: float | None) -> float | None:
    """Seconds to wait: the header `Retry-After` as seconds or date, else "after 2 seconds" or "in 1m30s" in the message."""
    if (header := headers.get("retry-after", "").strip()) and (
        told := _header_s(header, headers.get("date", ""), now_s)
    ) is not None:
        return min(told, LONGEST_WAIT_S)
    if not (found := WAIT.search(message)):
        return None
    hours, minutes, number, unit = found.groups()
    seconds = float(number) / (1_000 if unit.lower() == "ms" else 1)
    return min(3_600 * int(hours or 0) + 60 * int(minutes or 0) + seconds, LONGEST_WAIT_S)


def _header_s(header: str, date: str, now_s: float | None) -> float | None:
    """subtle: a date is taken against the answer's own date, so that clocks which differ do no harm."""
    if SECONDS.fullmatch(header):
        return float(header)
    until, sent = _moment(header), _moment(date) or now_s
    return None if until is None or sent is None else max(0.0, until - sent)


def _moment(date: str) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):  # no date, or one that no clock will show
        return None
