"""A command line in, its words understood or one sentence out: what is wrong, and the nearest thing that was meant.

argparse prints thirty lines of usage and ends with 2, takes any beginning of a flag for the flag, and finds out about an unknown flag
only when nothing else is wrong. Here unknown commands and flags are looked for first, and every trouble is a UsageError.
"""

from __future__ import annotations

import argparse
import difflib
import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from octavo.schemas.errors import UsageError

NEAREST = 3  # that are offered at most
ALIKE = 0.65  # share of the characters that a mistyped word has in common with what was meant
_NUMBER = re.compile(r"-\.?\d[\d.]*")


class Parser(argparse.ArgumentParser):
    """Knows flags by their whole names, and says what it does not understand in one sentence."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """As argparse, without abbreviations."""
        super().__init__(*args, **{"allow_abbrev": False, **more})

    def error(self, message: str) -> NoReturn:
        """Raise UsageError for what argparse found."""
        raise UsageError(
            _sentence(message, self.prog), next_step=f"`{self.prog} --help` says how it is used."
        )

    @property
    def flags(self) -> list[str]:
        """All flags, such as --out."""
        return [flag for flag in self._option_string_actions if flag.startswith("--")]

    def refuse_unknown(self, words: Iterable[str]) -> None:
        """Raise UsageError for the first word that looks like a flag and is none."""
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            if not _is_flag(word) or name in self._option_string_actions:
                continue
            next_step = nearest(name, self.flags) or f"`{self.prog} --help` lists its flags."
            raise UsageError(f"`{self.prog}` has no flag {name}.", about=name, next_step=next_step)


def parse(top: Parser, commands: Any, argv: Sequence[str]) -> argparse.Namespace:
    """What the words of a command line say; `commands` are the subparsers of `top`. Raises UsageError."""
    known: dict[str, Parser] = commands.choices
    if not argv:
        raise UsageError(
            "No command is named.",
            next_step=f"Name one of {', '.join(known)}; `{top.prog} --help` says what each does.",
        )
    name, *words = argv
    if name in known:
        known[name].refuse_unknown(words)
    elif _is_flag(name):
        top.refuse_unknown([name])
    else:
        next_step = nearest(name, known) or f"Name one of {', '.join(known)}."
        raise UsageError(f"There is no command {name!r}.", about=name, next_step=next_step)
    args, extra = top.parse_known_args(argv)
    if extra:
        message = f"`{top.prog} {name}` has no use for {extra[0]!r}."
        raise UsageError(message, about=extra[0], next_step="Put what belongs together in quotes.")
    return args


def nearest(word: str, known: Iterable[str]) -> str:
    """Which of the known words may be meant, as a question; "" when none is near.

    >>> nearest("--budget-uds", ["--budget-usd", "--rpm"])
    'Did you mean --budget-usd?'
    """
    known = list(known)
    begun = [one for one in known if one.startswith(word)]
    found = (begun or difflib.get_close_matches(word, known, n=1, cutoff=ALIKE))[:NEAREST]
    return f"Did you mean {' or '.join(found)}?" if found else ""


def one_of(choices: Sequence[str]) -> Callable[[str], str]:
    """A type for argparse: one of some words."""

    def chosen(word: str) -> str:
        if word not in choices:
            told = f"{word!r} is none of {', '.join(choices)}. {nearest(word, choices)}"
            raise argparse.ArgumentTypeError(told.strip())
        return word

    return chosen


def number(kind: type[int | float], *, least: float = -math.inf, without: str = "") -> Callable[[str], Any]:
    """A type for argparse: a number of that kind. `without` is what leaving the flag out means, where 0 would mean nothing else."""

    def read(word: str) -> int | float:
        try:
            value = kind(word)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"{word!r} is no {'whole number' if kind is int else 'number'}."
            ) from None
        if not math.isfinite(value):
            raise argparse.ArgumentTypeError(f"{word!r} is no amount.")
        if value < least:
            raise argparse.ArgumentTypeError(f"{word} is less than {least}.")
        if without and not value:
            raise argparse.ArgumentTypeError(f"{word} is none. Leave it out for {without}.")
        return value

    return read


def _is_flag(word: str) -> bool:
    """As argparse has it: a dash before something that is no number and has no spaces, such as a statement that begins with a comment."""
    return (
        len(word) > 1
        and word.startswith("-")
        and " " not in word.partition("=")[0]
        and not _NUMBER.fullmatch(word)
    )


def _sentence(message: str, command: str) -> str:
    """What argparse found, in our words."""
    if found := re.fullmatch(r"the following arguments are required: (.*)", message):
        return f"`{command}` needs a {found[1]}."
    said = message.removeprefix("argument ")
    if found := re.fullmatch(r"(\S+): expected (?:one argument|at least one argument)", said):
        return f"{found[1]} needs a value; one that begins with a dash is written {found[1]}=VALUE."
    return said if said.endswith((".", "?")) else f"{said}."
