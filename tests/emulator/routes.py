"""Which path does what: a request that is not a completion comes in, its JSON goes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.emulator import batches, files, rules
from tests.emulator.catalogue import Model
from tests.emulator.dialects import shown_model
from tests.emulator.limits import Org
from tests.emulator.state import State
from tests.emulator.understanding import parsed
from tests.emulator.wire import Exchange

Made = dict[str, Any] | bytes
Route = Callable[
    [State, Exchange, Org, str, str], Made
]  # state, exchange, organisation, key's end, id in the path
ESTIMATE = "/tokenizers/estimate-token-count"


def match(method: str, path: str) -> tuple[str, Route, str] | None:
    """The kind, the function and the id for a method and a path without /v1; None when there is none."""
    bare = urlsplit(path).path.rstrip("/")
    for name, (verb, pattern, route) in _ROUTES.items():
        found = pattern.fullmatch(bare) if verb == method else None
        if found:
            return name, route, found[1] if found.groups() else ""
    return None


def _models(state: State, _exchange: Exchange, _org: Org, _ak: str, _ident: str) -> Made:
    return {
        "object": "list",
        "data": [shown_model(state.config.dialect, _shown(model)) for model in state.models()],
    }


def _model(state: State, _exchange: Exchange, _org: Org, _ak: str, ident: str) -> Made:
    return _shown(state.model(ident))


def _shown(model: Model) -> dict[str, Any]:
    """One model; the four last fields are Moonshot's own [D]."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created,
        "owned_by": "moonshot",
        "context_length": model.context,
        "supports_image_in": model.images,
        "supports_video_in": model.images and not model.legacy,
        "supports_reasoning": model.thinking != "none",
    }


def _balance(_state: State, _exchange: Exchange, org: Org, _ak: str, _ident: str) -> Made:
    left = round(org.balance_usd, 5)
    data = {"available_balance": left, "voucher_balance": 0.0, "cash_balance": left}
    return {"code": 0, "data": data, "scode": "0x0", "status": True}


def _estimate(state: State, exchange: Exchange, org: Org, ak: str, _ident: str) -> Made:
    body = parsed(exchange.body)
    state.model(rules.structure(body))
    if state.config.estimate_counts:
        org.count_request(ak)
    return {"data": {"total_tokens": len(state.counter.prompt(body)) // 4}}


def _query(exchange: Exchange) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(exchange.path).query))


def _upload(state: State, exchange: Exchange, _org: Org, _ak: str, _ident: str) -> Made:
    return files.upload(state, exchange.headers.get("content-type", ""), exchange.body)


def _content(state: State, _exchange: Exchange, _org: Org, _ak: str, ident: str) -> Made:
    return files.content(files.find(state, ident))


def _create(state: State, exchange: Exchange, org: Org, ak: str, _ident: str) -> Made:
    return batches.create(state, org, ak, parsed(exchange.body))


_ROUTES: dict[str, tuple[str, re.Pattern[str], Route]] = {
    "models": ("GET", re.compile("/models"), _models),
    "model": ("GET", re.compile("/models/([^/]+)"), _model),
    "balance": ("GET", re.compile("/users/me/balance"), _balance),
    "estimate": ("POST", re.compile(ESTIMATE), _estimate),
    "upload": ("POST", re.compile("/files"), _upload),
    "files": ("GET", re.compile("/files"), lambda state, *_: files.listed(state)),
    "file": (
        "GET",
        re.compile("/files/([^/]+)"),
        lambda state, _e, _o, _a, ident: files.find(state, ident).shown(),
    ),
    "content": ("GET", re.compile("/files/([^/]+)/content"), _content),
    "delete": (
        "DELETE",
        re.compile("/files/([^/]+)"),
        lambda state, _e, _o, _a, ident: files.delete(state, ident),
    ),
    "batch_create": ("POST", re.compile("/batches"), _create),
    "batches": (
        "GET",
        re.compile("/batches"),
        lambda state, exchange, *_: batches.listed(state, _query(exchange)),
    ),
    "batch_get": (
        "GET",
        re.compile("/batches/([^/]+)"),
        lambda state, _e, _o, _a, ident: batches.get(state, ident).shown(),
    ),
    "batch_cancel": (
        "POST",
        re.compile("/batches/([^/]+)/cancel"),
        lambda state, _e, _o, _a, ident: batches.cancel(state, ident),
    ),
}
