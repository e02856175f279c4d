"""Threads of mails: what a reply quotes is asked about once, with the mail that said it or else with the reply."""

from __future__ import annotations

from pathlib import Path

from octavo.flows import order, settings
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.job import Job

OFFER = "From: ana@example.com\nMessage-ID: <offer@example.com>\nSubject: Offer\n\nWe offer 20 chairs at 15.00 EUR each, with delivery.\n"
REPLY = (
    "From: bob@example.com\nMessage-ID: <reply@example.com>\nIn-Reply-To: <offer@example.com>\nSubject: Re: Offer\n\n"
    "We accept them for the new office.\n\nOn 12 March 2026, Ana wrote:\n> We offer 20 chairs at 15.00 EUR each, with delivery.\n"
)


async def shown(folder: Path, *, plan: bool = False, **files: str | None) -> tuple[str, list[str], str]:
    """What of the reply is asked about after these mails came or went; its flags; and the mail that it says it answers."""
    inbox = folder / "in"
    inbox.mkdir(exist_ok=True)
    for name, text in files.items():
        (inbox / f"{name}.eml").write_text(text) if text else (inbox / f"{name}.eml").unlink()
    job = Job(inbox=str(inbox), out=str(folder / "out"), offline=True, workers=1, accept_vanished=True)
    if plan:
        await order.plan(job, settings.account(job, {}))
    await order.run(job, settings.account(job, {}), steps=[order.ingest])
    stored = Warehouse(folder / "out")
    (row,) = [row for row in stored.rows("documents") if row["path"] == "reply.eml"]
    (page,) = stored.pages_of([row["document"]])
    return page.shown, row["flags"], row["in_reply_to"]


async def test_what_is_quoted_of_a_mail_that_is_there_is_asked_once(tmp_path: Path) -> None:
    """Beside the earlier mail a reply shows its own words; a second run changes nothing."""
    for _ in range(2):
        words, flags, answered = await shown(tmp_path, offer=OFFER, reply=REPLY)
        assert "15.00" not in words
        assert (flags, answered) == (["quoted_history"], "offer@example.com")


async def test_what_is_quoted_of_a_mail_that_is_not_there_is_not_lost(tmp_path: Path) -> None:
    """Alone a reply shows all, also once the earlier mail has gone; it stays so when that comes, since it was asked about."""
    words, flags, _ = await shown(tmp_path, plan=True, reply=REPLY)
    assert "15.00" in words
    assert flags == ["quoted_only_here"]
    words, flags, _ = await shown(tmp_path, offer=OFFER)
    assert "15.00" in words
    other = tmp_path / "other"
    other.mkdir()
    await shown(other, offer=OFFER, reply=REPLY)
    words, flags, _ = await shown(other, offer=None)
    assert "15.00" in words
    assert flags == ["quoted_only_here"]


async def test_the_count_of_tokens_is_of_what_is_shown(tmp_path: Path) -> None:
    """Showing a quotation again is paid for, and `pages.tokens` and the price say so."""
    await shown(tmp_path, offer=OFFER, reply=REPLY)
    (before,) = [
        row["tokens"] for row in Warehouse(tmp_path / "out").rows("pages") if "accept" in row["text"]
    ]
    await shown(tmp_path, offer=None)
    (after,) = [row["tokens"] for row in Warehouse(tmp_path / "out").rows("pages")]
    assert after > before
