"""The error replies of the API: what went wrong comes in, a Refusal with status, type and the documented text goes out.

Shape and wording: Moonshot's api/errors page, 2026-08-13, and captured texts where one is marked [C].
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

NGINX = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n"
    "<center><h1>{0}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)


@dataclass
class Refusal(Exception):
    """One error reply. `reason` is its short name in the journal; `after_s` becomes Retry-After; `html` is a gateway's page."""

    status: int
    kind: str
    message: str
    reason: str
    after_s: int | None = None
    html: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        """The JSON of the error, or the gateway's page."""
        if self.html:
            return NGINX.format(self.message).encode()
        return json.dumps(
            {"error": {"message": self.message, "type": self.kind}}, ensure_ascii=False
        ).encode()


def invalid(message: str, reason: str = "invalid_request") -> Refusal:
    """400 for a request that can never be taken; the message stands as it is given."""
    return Refusal(400, "invalid_request_error", message, reason)


def malformed(what: str) -> Refusal:
    """400 whose message begins with `Invalid request: ` [D]."""
    return invalid(f"Invalid request: {what}")


def too_long(window: int, asked: int) -> Refusal:
    """400 for a prompt and reply budget beyond the window [C: kimi-cli issue 2011]."""
    return invalid(
        f"Invalid request: Your request exceeded model token limit: {window} (requested: {asked})", "too_long"
    )


def filtered() -> Refusal:
    """400 for content held to be of high risk [D]."""
    return Refusal(
        400,
        "content_filter",
        "The request was rejected because it was considered high risk",
        "content_filter",
    )


def no_key() -> Refusal:
    """401 without a key [D]."""
    return Refusal(401, "incorrect_api_key_error", "Incorrect API key provided", "no_key")


def wrong_key() -> Refusal:
    """401 for a key that is not known here, such as one of the other region [D]."""
    return Refusal(401, "invalid_authentication_error", "Invalid Authentication", "wrong_key")


def no_model(name: str) -> Refusal:
    """404 for an unknown or retired model [D]."""
    return Refusal(
        404, "resource_not_found_error", f"Not found the model {name} or Permission denied", "no_model"
    )


def not_found(what: str) -> Refusal:
    """404 for a path, file or batch that is not there [I: wording]."""
    return Refusal(404, "resource_not_found_error", f"{what} not found", "not_found")


def too_large() -> Refusal:
    """413 by the gateway [C]."""
    return Refusal(413, "", "413 Request Entity Too Large", "too_large", html=True)


def concurrency(who: str, limit: int, after_s: int) -> Refusal:
    """429: too many calls in flight [D]."""
    text = f"Your account {who} request reached organization max concurrency: {limit}, please try again after {after_s} seconds"
    return Refusal(429, "rate_limit_reached_error", text, "concurrency", after_s)


def rpm(who: str, limit: int, after_s: int) -> Refusal:
    """429: too many requests in the minute [D]."""
    text = f"Your account {who} request reached organization max RPM: {limit}, please try again after {after_s} seconds"
    return Refusal(429, "rate_limit_reached_error", text, "rpm", after_s)


def tpm(who: str, current: int, limit: int) -> Refusal:
    """429: too many tokens in the minute; it names no time [D]."""
    text = f"Your account {who} request reached organization TPM rate limit, current:{current}, limit:{limit}"
    return Refusal(429, "rate_limit_reached_error", text, "tpm")


def tpd(who: str, current: int, limit: int) -> Refusal:
    """429: too many tokens in the day [D]."""
    text = f"Your account {who} request reached organization TPD rate limit, current:{current}, limit:{limit}"
    return Refusal(429, "rate_limit_reached_error", text, "tpd")


def suspended(who: str) -> Refusal:
    """429: the balance is gone [D]."""
    text = f"Your account {who} is suspended, please check your plan and billing details"
    return Refusal(429, "exceeded_current_quota_error", text, "quota")


def token_quota(who: str) -> Refusal:
    """429: the token quota is gone, the second wording [D]."""
    text = f"You exceeded your current token quota: <{who}> 0, please check your account balance"
    return Refusal(429, "exceeded_current_quota_error", text, "quota")


def overloaded(after_s: int, status: int = 429) -> Refusal:
    """429 (or 529) of the engine, not of the account; carries Retry-After [D]."""
    text = "The engine is currently overloaded, please try again later"
    return Refusal(status, "engine_overloaded_error", text, "overloaded", after_s)


def server(status: int, kind: str, message: str) -> Refusal:
    """500 and 503 of the service [D]."""
    return Refusal(status, kind, message, kind)


def gateway(status: int, title: str) -> Refusal:
    """502 and 504 with the gateway's HTML page [D for 504]."""
    return Refusal(status, "", f"{status} {title}", f"gateway_{status}", html=True)


def gateway_timeout() -> Refusal:
    """504 after too long a silence [D]."""
    return gateway(504, "Gateway Time-out")
