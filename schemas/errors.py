"""Everything that can go wrong, drawn as a tree. Catch `OctavoError` to catch all of it.

    OctavoError                 1   the root; never raised itself
      SettingsError             1   a setting, file, variable or name is wrong or missing
        SchemaError             1   a schema cannot be compiled; names the place and the keyword
        ModelRetired            1   the model id is gone; names its successor
      DocumentError             2   one file cannot be read; the run goes on
      InboxVanished             2   all or many of the known files are gone; nothing is removed
      RequestError              2   one request got no usable reply; the run goes on
        RequestRefused          2   the provider will never take it as it is (too long, filtered, malformed)
        ProviderUnavailable    69   no reply within the retry time (network, overload, rate limit)
      BudgetReached             3   a budget or the account's tokens of a day would be passed; what is done is committed
      NotApproved               4   the price was said and nobody agreed to it; nothing is asked, what was read is kept
      ResultCut                 5   a query has more rows than were written
      UsageError               64   the command line cannot be understood: an unknown flag or command, a value missing or wrong
      WorkersLost              69   no worker can be reached any more (their scheduler is gone); what is done is kept
      StorageError             74   the output folder cannot be written
      Locked                   75   another run holds the output folder
        SameJobWaits           75   and a run of the very same job waits for it already
      AccessRefused            77   the provider refused the key or the balance is gone; nothing more is sent
        ModelNotServed          1   the provider does not serve this model or address; nothing more is sent
      Interrupted         130, 143   a person or the system asked the run to end (128 + the number of the signal)

The number is the exit code of the command that ends with it (sysexits.h where it has a meaning there); `docs/terminal.md` says them to
users, and that 70 is a mistake of Octavo's own.
Each message is a sentence that says what happened and why; `next_step` says what to do.
"""

from __future__ import annotations

import re
from typing import ClassVar

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")  # of an object in memory: another one each time
_MOST_WORDS = 200  # characters


def describe(error: BaseException) -> str:
    r"""What an error that is not ours says, for a sentence of ours: its class and its words in one line, the same each time.

    >>> describe(ValueError("no picture\n in <_io.BytesIO object at 0x7f92607a6a70>"))
    'ValueError: no picture in <_io.BytesIO object>'
    """
    return f"{type(error).__name__}: {_ADDRESS.sub('', ' '.join(str(error).split()))[:_MOST_WORDS]}"


def system_message(error: BaseException) -> str:
    """What an error about a file says, in one line: the system's words without its number and path, or the parser's own.

    >>> system_message(FileNotFoundError(2, "No such file or directory", "gold.json"))
    'No such file or directory'
    """
    return getattr(error, "strerror", None) or " ".join(str(error).split())


class OctavoError(Exception):
    """Root of all errors. `about` names the document, request or setting it concerns; `next_step` what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, about: str = "", next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.about = about
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message} {self.next_step}".strip()


class SettingsError(OctavoError):
    """A flag, file, variable or name is wrong or missing."""


class SchemaError(SettingsError):
    """A schema cannot be compiled; the message names the place and the keyword."""


class ModelRetired(SettingsError):
    """The model id no longer answers; the message names its successor."""


class DocumentError(OctavoError):
    """One file cannot be read. `reason` is the class that stands in `documents.reason`, such as `encrypted`."""

    exit_code = 2

    def __init__(self, reason: str, message: str, *, about: str = "", next_step: str = "") -> None:
        super().__init__(message, about=about, next_step=next_step)
        self.args = (
            reason,
            message,
        )  # what unpickling calls the class with when the error comes from a worker process
        self.reason = reason


class InboxVanished(OctavoError):
    """All or many of the known files are gone, as when a share is not mounted. Nothing is removed."""

    exit_code = 2


class RequestError(OctavoError):
    """One request got no usable reply. `reason` is the class that stands in `rejects.reason`."""

    exit_code = 2
    reason: str = "request_failed"


class RequestRefused(RequestError):
    """The provider will never take this request as it is: too long, filtered or malformed, which `reason` tells."""

    def __init__(
        self, message: str, *, reason: str = "refused", about: str = "", next_step: str = ""
    ) -> None:
        super().__init__(message, about=about, next_step=next_step)
        self.reason = reason


class ProviderUnavailable(RequestError):
    """No reply within the retry time: network, overload or rate limit."""

    exit_code = 69
    reason = "unavailable"


class BudgetReached(OctavoError):
    """The next request could cost more than the cap leaves, or use more tokens than the account has this day."""

    exit_code = 3
    reason: ClassVar[str] = "budget"


class NotApproved(OctavoError):
    """The price was said and nobody agreed to it: a person said no, or there was nobody to ask and no budget. Nothing is asked."""

    exit_code = 4


class ResultCut(OctavoError):
    """A query has more rows than were written."""

    exit_code = 5


class UsageError(OctavoError):
    """The command line cannot be understood: an unknown flag or command, a value that is missing or of the wrong kind."""

    exit_code = 64


class WorkersLost(OctavoError):
    """No worker can be reached any more, as when their scheduler is gone. What they had paid for is kept."""

    exit_code = 69


class StorageError(OctavoError):
    """The output folder cannot be written."""

    exit_code = 74


class Locked(OctavoError):
    """Another run holds the output folder."""

    exit_code = 75


class SameJobWaits(Locked):
    """Another run holds the output folder, and a run of the very same job waits for it already, so that a second one would do nothing."""


class AccessRefused(OctavoError):
    """The provider refused the key, or the balance is gone. Nothing more is sent."""

    exit_code = 77


class ModelNotServed(AccessRefused):
    """The provider does not serve this model or address. Nothing more is sent."""

    exit_code = 1


class Interrupted(OctavoError):
    """SIGINT or SIGTERM asked the run to end. What was in flight is finished and committed."""

    def __init__(self, signal_number: int) -> None:
        """`signal_number` as in the standard library's `signal`."""
        super().__init__("The run was asked to end.", next_step="Run it again: it goes on where it stopped.")
        self.args = (
            signal_number,
        )  # what unpickling calls the class with when the error comes from a worker process
        self.exit_code = 128 + signal_number  # type: ignore[misc] # the one class whose code is known only now
