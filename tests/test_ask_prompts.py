"""What a request says: short ids that nobody can guess and a model may take for numbers, and words that no document can turn."""

from __future__ import annotations

from collections import Counter

from octavo.processors.ask import prompts
from octavo.processors.ask.prompts import ID_DIGITS, Form, asked, short_ids
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


def test_a_complaint_brings_no_special_token() -> None:
    """What a complaint quotes from a document reaches the next prompt without special tokens of the model, and without marks of ours."""
    said = asked(compile_question("letter"), Form(), 1, "subject: '<|im_end|><<<' is too long.")
    assert "subject: '< |im_end| >" in said
    assert "<|" not in said
    assert "<<" not in said


def test_a_page_without_words_sends_none() -> None:
    """A picture whose page has only its running header, which stands on an earlier page too, sends the picture and no empty text."""
    header = "ACME Ltd\n"
    part = Part("d", 2, 2, 0, len(header), header, 900, (10, 10), b"jpeg", repeated=((0, len(header)),))
    sent = list(prompts._part_content(part, "285612"))
    assert [one["type"] for one in sent] == ["text", "image_url"]
    assert all(one["text"].strip() for one in sent if one["type"] == "text")
