"""What a provider means by "no": recorded answers of each provider, and what they must be taken for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octavo.processors.ask.api.chat import trouble
from octavo.processors.ask.api.refusals import SHOWN_CHARACTERS, Refusal, refusal, refusal_in_body
from octavo.processors.ask.providers import catalogue
from octavo.schemas.errors import AccessRefused, RequestRefused

WHO = "Your account org-1<ak-1> request reached"
NGINX = "<html>\r\n<head><title>{0}</title></head>\r\n<body><center><h1>{0}</h1></center><hr><center>nginx</center></body></html>"


def kimi(kind: str, message: str) -> str:
    """An error body of Moonshot."""
    return json.dumps({"error": {"message": message, "type": kind}})


def labelled(message: str, **labels: Any) -> str:
    """An error body with code and type, as OpenAI and those who imitate it give them."""
    return json.dumps({"error": {"message": message, **labels}})


def read(status: int, body: str, provider: str = "moonshot", **headers: str) -> Refusal:
    """The refusal in an answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(status, body, named, catalogue().provider(provider))


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (
            400,
            kimi("content_filter", "The request was rejected because it was considered high risk"),
            "filtered",
        ),
        (
            400,
            kimi(
                "invalid_request_error",
                "Invalid request: Your request exceeded model token limit: 262144 (requested: 269030)",
            ),
            "too_long",
        ),
        (400, kimi("invalid_request_error", "Input token length too long"), "too_long"),
        (
            400,
            kimi("invalid_request_error", "invalid temperature: only 1 is allowed for this model"),
            "malformed",
        ),
        (400, kimi("invalid_request_error", "text content is empty"), "malformed"),
        (
            400,
            kimi(
                "invalid_request_error",
                "response_format.json_schema.schema is not a valid moonshot flavored json schema",
            ),
            "schema",
        ),
        (401, kimi("invalid_authentication_error", "Invalid Authentication"), "key"),
        (401, kimi("incorrect_api_key_error", "Incorrect API key provided"), "key"),
        (403, kimi("permission_denied_error", "Your IP is not allowed to access this organization"), "key"),
        (
            404,
            kimi("resource_not_found_error", "Not found the model kimi-k9 or Permission denied"),
            "not_served",
        ),
        (413, NGINX.format("413 Request Entity Too Large"), "too_long"),
        (
            429,
            kimi(
                "rate_limit_reached_error", f"{WHO} organization max RPM: 3, please try again after 1 seconds"
            ),
            "rate",
        ),
        (
            429,
            kimi(
                "exceeded_current_quota_error",
                "Your account org-1<ak-1> is suspended, please check your plan and billing details",
            ),
            "no_money",
        ),
        (
            429,
            kimi("", "You exceeded your current token quota: <org-1> 0, please check your account balance"),
            "no_money",
        ),
        (
            429,
            kimi("engine_overloaded_error", "The engine is currently overloaded, please try again later"),
            "overload",
        ),
        (
            529,
            kimi("engine_overloaded_error", "The engine is currently overloaded, please try again later"),
            "overload",
        ),
        (500, kimi("server_error", "Failed to extract file: x"), "server"),
        (500, kimi("unexpected_output", "invalid state transition"), "server"),
        (503, kimi("server_unavailable", "scaling"), "overload"),
        (502, NGINX.format("502 Bad Gateway"), "gateway"),
        (504, NGINX.format("504 Gateway Time-out"), "gateway"),
        (504, "", "gateway"),
        (418, "I am a teapot", "malformed"),
        (599, "", "server"),
    ],
)
def test_moonshots_answers(status: int, body: str, kind: str) -> None:
    """Each documented or captured answer of Moonshot is taken for what it means."""
    assert read(status, body).kind == kind


@pytest.mark.parametrize(
    ("provider", "status", "body", "kind"),
    [
        ("zai", 429, labelled("High concurrency usage of this API, please reduce concurrency", code="1302"), "rate"),
        ("zai", 429, labelled("The service may be temporarily overloaded, please try again later", code="1305"), "overload"),
        ("zai", 429, labelled("Insufficient balance or no resource package. Please recharge.", code="1113"), "no_money"),
        ("bigmodel", 429, labelled("您的账户已欠费,请充值后重试", code="1113"), "no_money"),
        ("zai", 400, json.dumps({"code": 1261, "message": "Prompt exceeds max length"}), "too_long"),
        ("zai", 400, labelled("Unknown Model, please check the model code.", code="1211"), "not_served"),
        ("zai", 400, labelled("unsafe or sensitive content in input or generation", code="1301"), "filtered"),
        ("zai", 429, labelled("The daily call limit is reached", code="1304"), "no_money"),
        ("openai", 429, labelled("You exceeded your current quota", type="insufficient_quota", code="insufficient_quota"), "no_money"),
        ("openai", 429, labelled("Rate limit reached for gpt-5.4-mini", type="requests", code="rate_limit_exceeded"), "rate"),
        ("openai", 429, labelled("Request too large for gpt-5.4-mini", type="tokens", code="rate_limit_exceeded"), "too_long"),
        (
            "openai",
            400,
            labelled("This model's maximum context length is 9 tokens", type="invalid_request_error", code="context_length_exceeded"),
            "too_long",
        ),
        ("openai", 404, labelled("The model `x` does not exist", type="invalid_request_error", code="model_not_found"), "not_served"),
        (
            "vllm",
            400,
            json.dumps({"object": "error", "message": "This model's maximum context length is 8192 tokens.", "code": 400}),
            "too_long",
        ),
        ("vllm", 400, labelled("Failed to compile the grammar of structured_outputs", type="BadRequestError"), "schema"),
        ("openai", 400, labelled("Invalid schema for response_format 'reply'", code="invalid_json_schema"), "schema"),
        ("vllm", 401, json.dumps({"error": "Unauthorized"}), "key"),
        ("vllm", 404, labelled("The model `x` does not exist.", type="NotFoundError", code=404), "not_served"),
        ("litellm", 429, labelled("Rate limit exceeded for api_key", type="throttling_error", code="429"), "rate"),
        ("litellm", 400, labelled("Budget has been exceeded! Max budget: 1", type="budget_exceeded", code="400"), "no_money"),
        (
            "litellm",
            429,
            labelled("litellm.RateLimitError: MoonshotException - Your account o is suspended", type="throttling_error", code="429"),
            "no_money",
        ),
        (
            "litellm",
            400,
            labelled("litellm.ContextWindowExceededError: exceeded", type="invalid_request_error", code="400"),
            "too_long",
        ),
    ],
)  # fmt: skip
def test_other_providers_answers(provider: str, status: int, body: str, kind: str) -> None:
    """Codes, types and wordings of the other providers, also wrapped by a proxy in a type of its own, are taken for what they mean."""
    assert read(status, body, provider).kind == kind


@pytest.mark.parametrize(
    ("message", "limit", "allowed"),
    [
        (f"{WHO} organization max concurrency: 15, please try again after 1 seconds", "concurrency", 15),
        (f"{WHO} max organization concurrency: 1, please try again after 1 seconds", "concurrency", 1),
        (f"{WHO} organization max RPM: 100, please try again after 1 seconds", "rpm", 100),
        (f"{WHO} organization TPM rate limit, current:563653, limit:500000", "tpm", 500_000),
        (f"{WHO} organization TPM rate limit, current: 563653, limit: 500000", "tpm", 500_000),
        (f"{WHO} organization TPD rate limit, current: 1505241, limit: 1500000", "tpd", 1_500_000),
        (
            "Rate limit reached for m in organization o on tokens per min (TPM): Limit 30,000, Used 29000, Requested 2000.",
            "tpm",
            30_000,
        ),
        ("Limit type: requests. Current limit: 50, Remaining: 0.", "rpm", 50),
        ("High concurrency usage of this API, please reduce concurrency", "concurrency", 0),
        ("The engine is currently overloaded, please try again later", "", 0),
    ],
)
def test_the_limit_that_was_reached(message: str, limit: str, allowed: int) -> None:
    """The name of the limit and the account's number are read from the text, so that the pace can learn them."""
    found = read(429, kimi("rate_limit_reached_error", message))
    assert (found.limit, found.allowed) == (limit, allowed)


@pytest.mark.parametrize(
    ("message", "used"),
    [
        (f"{WHO} organization TPM rate limit, current:563653, limit:500000", 563_653),
        (f"{WHO} organization TPD rate limit, current: 1505241, limit: 1500000", 1_505_241),
        (
            "Rate limit reached for m in organization o on tokens per min (TPM): Limit 30,000, Used 29,000, Requested 2000.",
            31_000,
        ),
        (f"{WHO} organization max RPM: 100, please try again after 1 seconds", 0),
    ],
)
def test_the_tokens_that_are_counted(message: str, used: int) -> None:
    """The tokens that the provider counts, with those of the request that it refuses, show what others use of the account."""
    assert refusal(429, labelled(message), {}, catalogue().provider("openai")).used == used


@pytest.mark.parametrize(
    ("headers", "message", "wait_s"),
    [
        ({"retry_after": "7"}, "after 1 seconds", 7.0),
        ({"retry_after": "0"}, "", 0.0),
        ({"retry_after": "1.5"}, "", 1.5),
        ({"retry_after": "Mon, 23 Nov 2026 10:00:09 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"}, "", 9.0),
        ({"retry_after": "Mon, 23 Nov 2026 10:00:00 GMT", "date": "Mon, 23 Nov 2026 10:00:09 GMT"}, "", 0.0),
        (
            {"retry_after": "Fri, 31 Dec 9999 23:59:59 GMT", "date": "Mon, 23 Nov 2026 10:00:00 GMT"},
            "",
            86_400.0,
        ),
        ({"retry_after": "soon"}, "please try again after 3 seconds", 3.0),
        ({}, "please try again after 1 seconds", 1.0),
        ({}, "Please try again in 1.2s. Visit the console.", 1.2),
        ({}, "Please try again in 6m0s.", 360.0),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "Your limit will reset in 10 seconds.", 10.0),
        ({}, "please try again later", None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], message: str, wait_s: float | None) -> None:
    """The header wins, in seconds or as a date against the answer's own clock; then the text; else nothing is known."""
    found = read(429, kimi("rate_limit_reached_error", message), **headers)
    assert found.wait_s == (None if wait_s is None else pytest.approx(wait_s))


def test_a_date_without_a_date_of_the_answer() -> None:
    """Where the answer has no date of its own, ours stands in, and without ours nothing is known."""
    headers = {"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}
    moonshot = catalogue().provider("moonshot")
    assert refusal(429, "", headers, moonshot, now_s=95.0).wait_s == 5.0
    assert refusal(429, "", headers, moonshot).wait_s is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["error", "code", "type", "message", "msg", "detail"]), inner)
    ),
)


@given(status=st.integers(300, 999), body=st.text() | JSON.map(json.dumps), header=st.text(), date=st.text())
def test_any_answer_means_something(status: int, body: str, header: str, date: str) -> None:
    """Whatever a host or a gateway sends, it is told apart without an error, and no wait is endless."""
    found = read(status, body, "zai", retry_after=header, date=date)
    assert found.wait_s is None or 0 <= found.wait_s < 1e12
    refusal_in_body(body, catalogue().provider("zai"))


@pytest.mark.parametrize("header", ["inf", "nan", "-1", "1e400"])
def test_a_senseless_wait_is_none(header: str) -> None:
    """A header that names no moment is as good as none."""
    assert read(429, "", retry_after=header).wait_s is None


def test_no_key_is_shown() -> None:
    """A key that an answer repeats is not in the message."""
    found = read(
        401, labelled("Incorrect API key provided: sk-canary1234567890", code="invalid_api_key"), "openai"
    )
    assert "canary" not in found.message
    assert "[key]" in found.message


def test_no_key_is_shown_under_status_200() -> None:
    """The same for an error that comes as a success, whose message is bounded too."""
    body = {"error": {"code": "1302", "message": "No quota for sk-canary1234567890. " + "Wait. " * 1_000}}
    found = refusal_in_body(json.dumps(body), catalogue().provider("zai"))
    assert found is not None
    assert found.message.startswith("1302: No quota for [key] ")
    assert len(found.message) == SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (NGINX.format("502 Bad Gateway"), "gateway"),
        ("<!DOCTYPE html><html><title>Just a moment</title></html>", "gateway"),
        (json.dumps({"error": {"code": "1302", "message": "High concurrency"}}), "rate"),
        (json.dumps({"code": 500, "msg": "404 NOT_FOUND", "success": False}), "server"),
        ('{"id": "x", "choices": [], "error": null}', None),
        ('{"id":"cmpl-1","obj', None),
        ("", None),
    ],
)
def test_a_refusal_under_status_200(body: str, kind: str | None) -> None:
    """A page or an error that comes as a success is a refusal; anything that may be a reply is none, since it may be paid."""
    found = refusal_in_body(body, catalogue().provider("zai"))
    assert (found.kind if found else None) == kind


@pytest.mark.parametrize(
    ("kind", "reason"), [("too_long", "too_long"), ("filtered", "content_filter"), ("malformed", "refused")]
)  # fmt: skip
def test_what_stands_in_rejects(kind: Any, reason: str) -> None:
    """A request that will never be taken says in its reason why."""
    error = trouble(Refusal(kind, "said"))
    assert isinstance(error, RequestRefused)
    assert error.reason == reason


@pytest.mark.parametrize(("kind", "code"), [("key", 77), ("no_money", 77), ("not_served", 1)])
def test_what_ends_a_run(kind: Any, code: int) -> None:
    """A key or an account that is refused ends the run with exit code 77, a model that is not served with that of a setting."""
    error = trouble(Refusal(kind, "said"))
    assert isinstance(error, AccessRefused)
    assert error.exit_code == code
