"""What a request says: short ids that nobody can guess and a model may take for numbers, and words that no document can turn."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from octavo.processors.ask.prompts import ID_DIGITS, Form, asked, envelope, messages, short_ids
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.pipeline import Part, Question


def test_ids_are_numbers_of_which_none_is_likelier() -> None:
    """No id begins with a zero, which a number would lose, and every other digit begins about as many ids."""
    firsts: Counter[str] = Counter()
    for secret in (b"one", b"other"):
        window = pack.window_of([Part(f"{number:064}", 1, 1, 0, 5, "Hello", 2) for number in range(900)])
        ids = short_ids(window, secret)
        assert list(ids.values()) == list(window.documents)
        assert {len(key) for key in ids} <= {ID_DIGITS, ID_DIGITS + 3}
        firsts.update(key[0] for key in ids)
    assert set(firsts) == set("123456789")
    assert max(firsts.values()) < 2 * min(firsts.values())


def test_one_document_alone_is_asked_plainly() -> None:
    """A call about one document carries at most 60 tokens beside the document and what the schema says."""
    question = compile_question("letter")
    window = pack.window_of([Part("d" * 64, 1, 1, 0, 5, "Hello", 2)])
    sent, ids = messages(window, question, b"secret", Form("keyed", told=False))
    words = "".join(str(message["content"]) for message in sent)
    beside = words.replace(question.instruction, "").replace("Hello", "")
    assert len(beside) / 3.8 <= 60, "characters by token of English in Kimi's vocabulary"
    assert set(envelope(question, Form("keyed"), ids)["properties"]) == {"record"}


def test_each_document_has_a_key_in_the_format() -> None:
    """Where several are asked about, the format has exactly their ids as required keys, and the record is written in it once."""
    question = compile_question("letter")
    window = pack.window_of([Part(letter * 64, 1, 1, 0, 5, "Hello", 2) for letter in "abc"])
    _, ids = messages(window, question, b"secret", Form("keyed"))
    format_ = envelope(question, Form("keyed"), ids)
    assert format_["required"] == list(format_["properties"]) == list(ids)
    assert str(format_).count("'sender_name'") == str(question.json_schema).count("'sender_name'")


def test_a_complaint_brings_no_special_token() -> None:
    """What a complaint quotes from a document reaches the next prompt without special tokens of the model, and without marks of ours."""
    said = asked(compile_question("letter"), Form(), 1, "subject: '<|im_end|><<<' is too long.")
    assert "subject: '< |im_end| >" in said
    assert "<|" not in said
    assert "<<" not in said


def test_a_record_that_comes_again_is_said_once() -> None:
    """A schema that names one record fifty times says its fields once, in words and in the format, which means the same."""
    address = {
        "type": "object",
        "properties": {
            name: {"type": "string"} for name in ("street", "number", "city", "postcode", "country")
        },
    }
    once, often = (
        compile_schema(
            {
                "$defs": {"address": address},
                "properties": {f"party{n}": {"$ref": "#/$defs/address"} for n in range(count)},
            }
        )
        for count in (1, 50)
    )
    assert often.instruction.count("postcode") == once.instruction.count("postcode") == 1
    assert often.instruction.count("with the fields of party0") == 49
    format_ = envelope(often, Form("keyed"), ["285612"])
    assert str(format_).count("'postcode'") == str(envelope(once, Form("keyed"), ["285612"])).count(
        "'postcode'"
    )
    assert inlined(format_, format_.get("$defs", {})) == {
        "type": "object",
        "properties": {"record": {"anyOf": [dict(often.json_schema), {"type": "null"}]}},
        "required": ["record"],
        "additionalProperties": False,
    }


def compile_schema(schema: dict[str, Any]) -> Question:
    """The question of a JSON Schema in a file."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "own.json").write_text(json.dumps({"type": "object", **schema}), encoding="utf-8")
        return compile_question("own.json", base=Path(folder))


def inlined(node: Any, known: dict[str, Any]) -> Any:
    """A schema without references."""
    if isinstance(node, list):
        return [inlined(inner, known) for inner in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return inlined(known[node["$ref"].rpartition("/")[2]], known)
    return {key: inlined(inner, known) for key, inner in node.items() if key != "$defs"}
