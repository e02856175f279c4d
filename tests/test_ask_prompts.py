"""What a request says: short ids that nobody can guess and a model may take for numbers, and words that no document can turn."""

from __future__ import annotations

from collections import Counter

from octavo.processors.ask.prompts import ID_DIGITS, Form, asked, envelope, messages, short_ids
from octavo.processors.pack import windows as pack
from octavo.schemas.compile.compiler import compile_question
from octavo.schemas.pipeline import Part


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
