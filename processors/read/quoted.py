"""The text of a mail in; the spans out that quote earlier mails of its thread, below or between what its writer says.

Imports nothing of this room. A mail that says nothing of its own, such as a forwarded one, is not a quotation.
"""

from __future__ import annotations

import re

# How programs introduce what is answered, in the languages of most mails: "On 4 March 2026, Ana wrote:", over up to three lines.
_INTRODUCED = re.compile(
    r"^(?:On|Am|Le|El|Il|Op|Em|Den|Dne|W dniu|Dnia|Pe|Kl)\b[^\n]{3,200}(?:\n[^\n]{0,100}){0,2}?"
    r"(?:wrote|schrieb|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napsal|napisał|scris)[^\n]{0,80}:[ ]*$"
    r"|^[^\n]{3,120}写道[:：][ ]*$",
    re.MULTILINE,
)
_ORIGINAL = re.compile(  # Outlook: a line of hyphens around words, or a block of headers below an underline
    r"^-{3,} ?(?:Original Message|Ursprüngliche Nachricht|Message d'origine|Mensaje original|Messaggio originale|Oorspronkelijk bericht"
    r"|Mensagem original|Ursprungligt meddelande|Wiadomość oryginalna) ?-{3,}[ ]*$"
    r"|^(?:_{10,}\n)?(?:From|Von|De|Da|Van|Från): [^\n]+\n(?:Sent|Gesendet|Envoyé|Enviado|Inviato|Verzonden|Skickat|Date|Datum): [^\n]+\n",
    re.MULTILINE,
)
_MARKED = re.compile(r"(?:^>[^\n]*(?:\n|\Z))+", re.MULTILINE)
_LEAST_OWN = 20  # letters and digits of its writer's own, without which a mail is what it quotes
_LEAST_QUOTED = 40  # characters that are worth a mark


def spans(body: str) -> tuple[tuple[int, int], ...]:
    r"""Start and end (exclusive) of each quotation in order; none when the writer says next to nothing beside.

    >>> body = "We accept the offer of 12 March.\n\nOn 12 March 2026, Ana wrote:\n> We offer 20 chairs at 15.00 EUR each.\n"
    >>> [body[start:end][:27] for start, end in spans(body)]
    ['On 12 March 2026, Ana wrote']
    """
    found: list[tuple[int, int]] = []
    if begun := _ORIGINAL.search(body):
        found.append((begun.start(), len(body)))
    for intro in _INTRODUCED.finditer(body):
        marked = _MARKED.match(body, _next_line(body, intro.end()))
        found.append((intro.start(), marked.end() if marked else len(body)))
    found += [match.span() for match in _MARKED.finditer(body)]
    merged = [(start, end) for start, end in _merged(found) if end - start >= _LEAST_QUOTED]
    own = "".join(
        body[end:start]
        for end, start in zip([0, *(e for _, e in merged)], [*(s for s, _ in merged), len(body)], strict=True)
    )
    return tuple(merged) if sum(map(str.isalnum, own)) >= _LEAST_OWN else ()


def _next_line(body: str, at: int) -> int:
    """Where the next line that says something begins."""
    return at + len(body[at:]) - len(body[at:].lstrip("\n"))


def _merged(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
