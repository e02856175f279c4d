"""What goes wrong on purpose: a request comes in, the Fault that strikes it goes out; and each content fault as a change of the answer.

    refusing   overloaded overloaded_529 concurrency rpm tpm tpd quota token_quota server_error unexpected_output server_unavailable
               bad_gateway gateway_timeout content_filter unauthorized no_model too_long
    sending    reset_before reset_mid truncated stall content_filter_output; streams only: stream_cut stream_error no_usage
    content    not_json fenced prose trailing_comma cut empty whitespace array missing_field extra_field empty_for_null wrong_type
               null_content only_reasoning odd_finish; envelope only: missing_document duplicate_document unknown_document mixed_up
    the door   refused: nobody listens; a connection attempt fails

The oracle's answer is changed before it is counted, so spoiled content is billed as what was sent.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.emulator import refusals
from tests.emulator.config import Config, Fault
from tests.emulator.journal import Entry
from tests.emulator.limits import Org
from tests.emulator.refusals import Refusal

STREAM_ONLY = frozenset({"stream_cut", "stream_error", "no_usage"})
SENDING = STREAM_ONLY | {"reset_before", "reset_mid", "truncated", "stall", "content_filter_output"}
ANSWER = frozenset({"null_content", "only_reasoning", "odd_finish", "whitespace"})
DOOR = frozenset({"refused"})
ODD_FINISH = "network_error"  # seen at other hosts; nothing but stop, length and tool_calls stands in Moonshot's spec [D]

_REFUSING: dict[str, Callable[[Fault, str, Org], Refusal]] = {
    "overloaded": lambda fault, _who, _org: refusals.overloaded(int(fault.value or 1)),
    "overloaded_529": lambda fault, _who, _org: refusals.overloaded(int(fault.value or 1), 529),
    "concurrency": lambda fault, who, org: refusals.concurrency(
        who, org.tier().concurrency, int(fault.value or 1)
    ),
    "rpm": lambda fault, who, org: refusals.rpm(who, org.tier().rpm, int(fault.value or 1)),
    "tpm": lambda _fault, who, org: refusals.tpm(who, org.tier().tpm + 1, org.tier().tpm),
    "tpd": lambda _fault, who, org: refusals.tpd(
        who, (org.tier().tpd or 1_500_000) + 1, org.tier().tpd or 1_500_000
    ),
    "quota": lambda _fault, who, _org: refusals.suspended(who),
    "token_quota": lambda _fault, who, _org: refusals.token_quota(who),
    "server_error": lambda *_: refusals.server(500, "server_error", "invalid state transition"),
    "unexpected_output": lambda *_: refusals.server(500, "unexpected_output", "invalid state transition"),
    "server_unavailable": lambda *_: refusals.server(
        503, "server_unavailable", "The service is scaling, please try again later"
    ),
    "bad_gateway": lambda *_: refusals.gateway(502, "Bad Gateway"),
    "gateway_timeout": lambda *_: refusals.gateway_timeout(),
    "content_filter": lambda *_: refusals.filtered(),
    "unauthorized": lambda *_: refusals.wrong_key(),
    "no_model": lambda fault, _who, _org: refusals.no_model(fault.model or "kimi"),
    "too_long": lambda *_: refusals.too_long(262_144, 262_145),
}


def pick(config: Config, entry: Entry, text: str, now: float, path: str) -> Fault | None:
    """The first fault whose time has come, that means this request, and whose lot falls on it."""
    for number, fault in enumerate(config.faults):
        if fault.kind in DOOR or (fault.kind in STREAM_ONLY and not entry.streamed) or fault.path != path:
            continue
        if (
            due(fault, now)
            and _meant(fault, entry, text)
            and _lot(config.seed, number, entry) < fault.probability
        ):
            fault.fired += 1
            entry.fault = fault.kind
            return fault
    return None


def due(fault: Fault, now: float) -> bool:
    """True within the fault's time, and within its burst when it has bursts."""
    if fault.times and fault.fired >= fault.times:
        return False
    in_burst = not fault.every_s or (now - fault.from_s) % fault.every_s < fault.for_s
    return fault.from_s <= now < fault.until_s and in_burst


def refusal(fault: Fault, org: Org, ak: str) -> Refusal | None:
    """The error reply of a refusing fault; None for other kinds."""
    make = _REFUSING.get(fault.kind)
    return make(fault, f"{org.name}<{ak}>", org) if make else None


def spoiled(kind: str, content: str) -> str:
    """The content as a fault of that kind leaves it; unchanged when the kind does not apply to it."""
    if kind in _TEXT:
        return _TEXT[kind](content)
    if kind not in _VALUE:
        return content
    try:
        value = json.loads(content)
    except ValueError:
        return content
    return json.dumps(_VALUE[kind](value), ensure_ascii=False, separators=(",", ":"))


def check_kind(kind: str) -> None:
    """Raises ValueError for a kind that is not known."""
    if kind not in KINDS:
        raise ValueError(f"There is no fault of kind {kind}; the kinds stand at the top of faults.py.")


def _meant(fault: Fault, entry: Entry, text: str) -> bool:
    if fault.model and fault.model != entry.model:
        return False
    return (not fault.attempts or entry.attempt <= fault.attempts) and fault.match in text


def _lot(seed: int, number: int, entry: Entry) -> float:
    drawn = hashlib.blake2b(
        f"{seed} {number} {entry.fingerprint} {entry.attempt}".encode(), digest_size=8
    ).digest()
    return int.from_bytes(drawn, "big") / 2**64


Record = dict[str, Any] | list[Any]  # an object, or a row of values


def _key(entry: Any, name: str) -> Any:
    """Under what an entry of an envelope has its id or record: their names, or their places in a pair."""
    return ["id", "record"].index(name) if isinstance(entry, list) else name


def _records(value: Any) -> Iterator[Record]:
    """The records of an envelope, or the object itself."""
    if not isinstance(value, dict):
        return
    if "documents" in value:
        found = [entry[_key(entry, "record")] for entry in value["documents"]]
    elif list(value) == ["record"] or _is_keyed(value):
        found = list(value.values())
    else:
        found = [value]
    yield from (record for record in found if isinstance(record, (dict, list)))


def _is_keyed(value: Mapping[str, Any]) -> bool:
    """Whether an object has records by the ids of documents."""
    return bool(value) and all(key.isdigit() for key in value)


def _places(record: Record) -> list[Any]:
    """The keys of a record, or the places of a row."""
    return list(record) if isinstance(record, dict) else list(range(len(record)))


def _in_first(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        for record in _records(value):
            change(record)
            break
        return value

    return changed


def _drop_field(record: Any) -> None:
    for place in _places(record)[:1]:
        del record[place]


def _extra_field(record: Any) -> None:
    if isinstance(record, dict):
        record["confidence"] = "high"
    else:
        record.append("high")


def _empty_for_null(value: Any) -> Any:
    for record in _records(value):
        keyed: Any = record
        for place in _places(record):
            keyed[place] = "" if keyed[place] is None else keyed[place]
    return value


def _wrong_type(record: Any) -> None:
    for place in _places(record)[:1]:
        record[place] = {"value": record[place]}


def _in_list(change: Callable[[list[Any]], list[Any]]) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("documents"), list):
            return {**value, "documents": change(value["documents"])}
        if isinstance(value, dict) and _is_keyed(value):  # in which none can stand twice
            return dict(change([[*pair] for pair in value.items()]))
        return value

    return changed


def _with(entry: Any, name: str, value: Any) -> Any:
    """An entry with another id or record."""
    changed = entry.copy()
    changed[_key(entry, name)] = value
    return changed


def _mixed_up(entries: list[Any]) -> list[Any]:
    """Each record goes to the next document."""
    records = [entry[_key(entry, "record")] for entry in entries]
    return [
        _with(entry, "record", record)
        for entry, record in zip(entries, records[1:] + records[:1], strict=True)
    ]


_TEXT: dict[str, Callable[[str], str]] = {
    "not_json": lambda _: "I am sorry, I cannot answer that.",
    "fenced": lambda text: f"```json\n{text}\n```",
    "prose": lambda text: f"Here is the JSON you asked for:\n\n{text}\n\nLet me know if you need more.",
    "trailing_comma": lambda text: text[:-1] + "," + text[-1:] if text.endswith(("}", "]")) else text + ",",
    "cut": lambda text: text[: len(text) * 2 // 3],
    "empty": lambda _: "",
}
_VALUE: dict[str, Callable[[Any], Any]] = {
    "array": lambda value: (
        value["documents"] if isinstance(value, dict) and "documents" in value else [value]
    ),
    "missing_field": _in_first(_drop_field),
    "extra_field": _in_first(_extra_field),
    "empty_for_null": _empty_for_null,
    "wrong_type": _in_first(_wrong_type),
    "missing_document": _in_list(lambda entries: entries[:-1]),
    "duplicate_document": _in_list(lambda entries: [*entries, *entries[:1]]),
    "unknown_document": _in_list(
        lambda entries: [*entries, _with(entries[0], "id", "kffff")] if entries else entries
    ),
    "mixed_up": _in_list(_mixed_up),
}

KINDS = SENDING | ANSWER | DOOR | _REFUSING.keys() | _TEXT.keys() | _VALUE.keys()
