"""A function and its arguments in; its result out, from a worker process that may hang, crash or run out of memory alone.

Workers are forked from a server process (forkserver), are used again and live under a memory limit. A key may stand in the environment
under any name, so they have nothing of it but what Python and its libraries need. What a worker cannot survive comes out as DocumentError:
timeout, crashed or memory.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

from pebble import ProcessExpired, ProcessPool

from octavo.schemas.errors import DocumentError, describe

T = TypeVar("T")

# What a worker keeps of the environment: names, and beginnings of names.
_KEPT = frozenset({"PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "VIRTUAL_ENV"})
_KEPT_FAMILIES = ("LC_", "LD_", "PYTHON", "OMP_", "OPENBLAS_", "MKL_", "FONTCONFIG_", "XDG_", "COV")
BUSY = "busy"  # reason of an error that may be the machine's: the clock ran out, and not the processor time
_WALL = (
    4  # times the limit by the clock: a worker that shares its core with three others, or waits for a disk
)
_OUT_OF_MEMORY = 77  # exit code of a worker that met its memory limit
_starting, _starting_at_all = threading.Lock(), threading.Lock()


class Sandbox:
    """Owns the worker processes; use it as a context manager. `prefix` stands before the names of its limits in sentences."""

    def __init__(
        self, workers: int, memory_bytes: int, preload: tuple[str, ...] = (), prefix: str = ""
    ) -> None:
        self._workers = workers
        self._prefix = prefix
        self._memory_bytes = memory_bytes
        self._preload = preload
        self._pool: ProcessPool | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop every worker, whatever it is doing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()

    async def run(self, function: Callable[..., T], *args: Any, timeout_s: float, forgiven: int = 1) -> T:
        """The result of `function(*args)` in a worker. Raises DocumentError: what it raises, else timeout, busy, crashed, memory.

        `timeout_s` is processor time of the worker; by the clock it has ten times as long, and is `busy` after that.
        So many deaths of a worker are `forgiven`, at most one: what it read before may have left it ill.
        """
        for attempt in range(2):
            pool = self._started()
            try:
                return await asyncio.wrap_future(
                    pool.schedule(_shielded, args=(timeout_s, function, *args), timeout=_WALL * timeout_s)
                )
            except BrokenProcessPool:
                self._drop(pool)  # the pool lost an idle worker and gave up: a new one takes the task
            except TimeoutError as error:
                message = f"Reading it took longer than {_WALL * timeout_s:g} s by the clock and was stopped; the machine may be busy."
                raise DocumentError(BUSY, message, next_step=self._longer()) from error
            except ProcessExpired as error:
                if error.exitcode == -signal.SIGPROF:
                    message = (
                        f"Reading it took longer than {timeout_s:g} s of processor time and was stopped."
                    )
                    raise DocumentError("timeout", message, next_step=self._longer()) from error
                if attempt >= forgiven or error.exitcode == _OUT_OF_MEMORY:
                    self._raise_expired(error)
            except MemoryError as error:
                self._raise_full(error)
        limit = f"{self._prefix}memory_bytes"
        raise DocumentError(
            "crashed", "The worker processes cannot be started.", next_step=f"Check the memory limit {limit}."
        )

    def _longer(self) -> str:
        return f"Raise the limit {self._prefix}timeout_s, or split the file."

    def _started(self) -> ProcessPool:
        if self._pool is None:
            context = _Context()
            context.set_forkserver_preload(list(self._preload))
            with _starting, _bare_environment():
                forkserver.ensure_running()
            self._pool = ProcessPool(
                self._workers, initializer=_enter, initargs=(self._memory_bytes,), context=context
            )
        return self._pool

    def _raise_expired(self, error: ProcessExpired) -> NoReturn:
        if error.exitcode == _OUT_OF_MEMORY:
            self._raise_full(error)
        limit = f"{self._prefix}memory_bytes"
        name = (
            signal.Signals(-error.exitcode).name
            if -error.exitcode in set(signal.Signals)
            else f"exit code {error.exitcode}"
        )
        message = f"The parser died on it ({name}), for lack of memory or by a fault the file provokes."
        raise DocumentError(
            "crashed",
            message,
            next_step=f"Open it in a viewer and save it again, or raise the limit {limit}.",
        ) from error

    def _raise_full(self, error: Exception) -> NoReturn:
        limit = f"{self._prefix}memory_bytes"
        message = f"Reading it needs more memory than the limit {limit} of {self._memory_bytes:,}."
        raise DocumentError(
            "memory", message, next_step=f"Raise the limit {limit}, or split the file."
        ) from error

    def _drop(self, pool: ProcessPool) -> None:
        if self._pool is pool:
            self.close()


def _shielded(cpu_s: float, function: Callable[..., T], *args: Any) -> T:
    """Call a function in a worker, so that nothing but what the parent knows leaves it: some errors cannot even be sent.

    Subtle: SIGPROF comes when the process has used so much processor time, and ends it also in the middle of a library.
    """
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    try:
        return function(*args)
    except (DocumentError, MemoryError):
        raise
    except BaseException as error:
        message = f"Reading it ended in a way that nobody foresaw ({describe(error)})."
        raise DocumentError(
            "crashed", message, next_step="Open it in its program, save it again, and run again."
        ) from error
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def out_of_memory() -> NoReturn:
    """End this worker with the code that says so; its memory may be in pieces, a fresh one takes its place."""
    os._exit(_OUT_OF_MEMORY)


def _enter(memory_bytes: int) -> None:
    """First act of a worker: bounded memory, no core dump, a bare environment, and nothing of its parsers' noise on the user's terminal."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in _foreign():
        del os.environ[name]
    gc.freeze()  # else the first full collection goes through all that the server process imported: 25 ms, measured 2026-11
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    os.close(quiet)


def _foreign() -> list[str]:
    """The variables that no worker needs, keys among them."""
    return [name for name in os.environ if name not in _KEPT and not name.startswith(_KEPT_FAMILIES)]


@contextmanager
def _bare_environment() -> Iterator[None]:
    """The environment bare while the server process starts, so that /proc/PID/environ of a worker shows no key either."""
    hidden = {name: os.environ.pop(name) for name in _foreign()}
    try:
        yield
    finally:
        os.environ.update(hidden)


@contextmanager
def without_main() -> Iterator[None]:
    """No path to the program's main module: a worker would import it, which for a Prefect run costs seconds and its memory.

    One process is started at a time, since what a child inherits is that of the whole process while it is started.
    """
    with _starting:
        main = sys.modules["__main__"]
        spec, file = main.__spec__, getattr(main, "__file__", None)
        main.__spec__, main.__file__ = None, None
        try:
            yield
        finally:
            main.__spec__, main.__file__ = spec, file


class _Process(ForkServerProcess):
    """A worker process that does not import the program's main module."""

    def start(self) -> None:
        """Subtle: workers of Dask are daemons, which multiprocessing forbids to have children; theirs end when their pipes do."""
        ours = multiprocessing.current_process()._config  # type: ignore[attr-defined]  # noqa: SLF001
        with _starting_at_all:
            kept = ours.get("daemon")
            ours["daemon"] = False
            try:
                super().start()
            finally:
                ours["daemon"] = kept

    @staticmethod
    def _Popen(process_obj: BaseProcess) -> Any:  # noqa: N802  # the name multiprocessing calls
        with without_main():
            return ForkServerProcess._Popen(process_obj)  # noqa: SLF001


class _Context(ForkServerContext):
    Process = _Process
