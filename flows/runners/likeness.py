"""Whether a worker and the process that gives it work see the same: program, folder, ledger, account, schemas. If not, a sentence.

What would go wrong unseen otherwise: limits that two processes keep each by itself, a ledger that another machine does not see, answers
to another version of a schema.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from octavo.flows import settings
from octavo.flows.runners.parcel import RunTerms
from octavo.processors.ask.replies import Asker
from octavo.processors.read.pages import READER_VERSION
from octavo.processors.store.warehouse import Warehouse
from octavo.schemas.errors import SettingsError
from octavo.schemas.job import Job

_BOOT = Path("/proc/sys/kernel/random/boot_id")


def program() -> str:
    """What names this Octavo: its version and its readers'."""
    return f"{version('octavo')} (readers {READER_VERSION})"


def machine() -> str:
    """What names this start of this machine, also from inside a container; its name where there is no /proc."""
    return _BOOT.read_text().strip() if _BOOT.exists() else os.uname().nodename


def home(environ: Mapping[str, str] = os.environ) -> str:
    """What names the folder in which all runs of a machine share limits and budgets, by whatever path it is seen.

    With a state on a server it does not matter: the ledger is there, too, and has a name of its own.
    """
    if environ.get("OCTAVO_STATE", ""):
        return "a server"
    place = settings.data_folder(environ)
    place.mkdir(parents=True, exist_ok=True)
    seen = place.stat()
    return f"{machine()} {seen.st_dev} {seen.st_ino}"


def refuse_other_program(terms: RunTerms) -> None:
    """Raise SettingsError where another Octavo is installed."""
    if terms.version != program():
        raise _unlike(
            f"has Octavo {program()}, and this run is of {terms.version}",
            "Install the same version on all workers, and start them again.",
        )


def refuse_other_folder(terms: RunTerms, job: Job) -> None:
    """Raise SettingsError where the output folder is not seen, or its ledger is a file that another machine writes."""
    if not Warehouse(Path(job.out)).path.exists():
        raise _unlike(
            f"does not see the output folder {job.out}",
            "Put it on a folder that is at the same path on all machines, and name it with --out.",
        )
    if terms.machine != machine() and not os.environ.get("OCTAVO_STATE"):
        raise _unlike(
            "is on another machine, and the ledger is a file, which only the processes of one machine can share",
            "Set OCTAVO_STATE=postgresql://... for the run and for the workers, or use workers of this machine.",
        )


def refuse_other_questions(terms: RunTerms, fingerprints: Sequence[str]) -> None:
    """Raise SettingsError where a schema's file is another one."""
    if tuple(fingerprints) != terms.questions:
        raise _unlike(
            "reads other schemas than this run",
            "Put schemas of your own on a folder that all machines see, and start workers of an older version again.",
        )


def refuse_other_account(terms: RunTerms, asker: Asker) -> None:
    """Raise SettingsError where the ledger, the key or the folder of shared limits is another one."""
    if asker.ledger_name != terms.ledger:
        raise _unlike("has another ledger than this run", "Give all of them the same --out and OCTAVO_STATE.")
    if asker.account.engine == "offline":
        return
    if terms.questions and asker.account_name != terms.account:
        raise _unlike(
            "has another key than this run, or asks at another address",
            "Set the same key in the environment of all workers, and start them again.",
        )
    if home() != terms.home:
        raise _unlike(
            "shares the limits of the account with nobody here, for its OCTAVO_HOME or OCTAVO_STATE is another one",
            "Give the run and all workers the same OCTAVO_HOME, or the same OCTAVO_STATE.",
        )


def _unlike(what: str, next_step: str) -> SettingsError:
    who = f"The worker on {os.uname().nodename} (process {os.getpid()})"
    return SettingsError(f"{who} {what}.", about="runner", next_step=next_step)
