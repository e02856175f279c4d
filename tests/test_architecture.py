"""The house rules, held by tests: who imports whom, how long things may be, and that everything says what it is."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import octavo.schemas.errors
from octavo.processors.read.content import FormatReader
from octavo.processors.read.pages import READERS
from octavo.schemas.errors import OctavoError

ROOT = Path(__file__).resolve().parents[1]
FLOORS = ("schemas", "processors", "flows")
FILES = sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))
LEADS = {
    "read": "pages",
    "pack": "windows",
    "ask": "replies",
    "check": "records",
    "store": "warehouse",
    "query": "sql",
    "score": "answers",
    "state": "database",
}
LEADS_INSIDE = (
    "answer",
    "flow_run",
    "document",
    "worker",
    "serve",
    "show",
    "compiler",
    "values",
    "settle",
    "server",
)  # of rooms inside rooms
ONE_DOOR = {  # library -> files or rooms that may import it
    "openai": ("processors/ask/api/chat",),
    "psycopg": ("processors/state/",),
    "prefect": ("flows/",),
    "distributed": ("flows/runners/dask_cluster",),
    "ray": ("flows/runners/ray_cluster",),
    "duckdb": ("processors/store/", "processors/query/"),
    "pypdfium2": ("processors/read/",),
    "pypdf": ("processors/read/pdf/",),
    "docx": ("processors/read/word/",),
    "pptx": ("processors/read/slides",),
    "python_calamine": ("processors/read/sheet",),
    "kreuzberg": ("processors/read/office",),
    "fsspec": ("processors/read/remote",),
    "botocore": ("processors/store/object_store",),
    "prometheus_client": ("flows/commands/metrics",),
    "PIL": ("processors/read/",),
    "selectolax": ("processors/read/html",),
    "rapidocr": ("processors/read/ocr",),
}


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> list[str]:
    """Full names of what a file imports, at the top and inside functions; ours are named below `octavo`."""
    found: list[str] = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found += (alias.name.removeprefix("octavo.") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += (f"{node.module}.{alias.name}".removeprefix("octavo.") for alias in node.names)
    return found


def functions() -> Iterator[tuple[Path, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function of the three floors."""
    for path in FILES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def place(path: Path) -> str:
    """The path below the project."""
    return path.relative_to(ROOT).as_posix()


def test_contracts_hold() -> None:
    """The import contracts of pyproject.toml hold: floors, rooms, and who knows which library."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command as run; run()",
            "--no-cache",
        ],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", ONE_DOOR)
def test_library_has_one_door(library: str) -> None:
    """A library of the outside world is imported in its one place only, also inside functions."""
    strangers = {place(path) for path in FILES for name in imports(path) if name.split(".")[0] == library}
    assert not {path for path in strangers if not path.startswith(ONE_DOOR[library])}


def test_flows_call_leads_only() -> None:
    """A flow uses the lead of a room; only settings may also read the provider table."""
    strangers = set()
    for path in (ROOT / "flows").rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "processors" and len(parts) > 2 and parts[2] != LEADS[parts[1]]:
                strangers.add(f"{place(path)}: {name}")
    allowed = {
        "flows/settings.py: processors.ask.providers",
        "flows/commands/show.py: processors.ask.providers",
    }
    assert not {stranger for stranger in strangers if not stranger.startswith(tuple(allowed))}


def test_names_stand_once() -> None:
    """No class name stands twice in the tree, and no file name but leads, and commands, which are named as they are typed."""
    classes = Counter(
        node.name
        for path in FILES
        if "extraction" not in path.parts
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    )
    assert not {name: count for name, count in classes.items() if count > 1}
    leads = {*LEADS.values(), *LEADS_INSIDE}
    names = Counter(
        path.stem
        for path in FILES
        if path.stem not in {"__init__", *leads} and not {"commands", "extraction"} & set(path.parts)
    )
    assert not {name: count for name, count in names.items() if count > 1}


def test_no_empty_word_is_a_name() -> None:
    """Words that could be said of anything are no names by themselves."""
    empty = {
        "found",
        "said",
        "told",
        "left",
        "known",
        "kept",
        "again",
        "once",
        "some",
        "here",
        "there",
        "came",
        "heard",
    }
    public = [
        node.name
        for path in FILES
        for node in tree(path).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    methods = [
        inner.name
        for path in FILES
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        for inner in node.body
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert not empty & {*public, *methods}


def test_readers_have_what_a_reader_has() -> None:
    """Each reader of a format has the functions of its protocol."""
    for name in set(READERS.values()):
        assert isinstance(importlib.import_module(f"octavo.processors.read.{name}"), FormatReader), name


def test_imports_run_in_no_circle() -> None:
    """No file imports itself by way of others, imports for types and inside functions counted."""
    modules = {
        place(path).removesuffix(".py").replace("/", "."): path
        for path in FILES
        if path.name != "__init__.py"
    }
    left = {
        name: {
            found
            for full in imports(path)
            for found in (full, full.rpartition(".")[0])
            if found in modules and found != name
        }
        for name, path in modules.items()
    }
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert not left


def test_pack_and_check_are_pure() -> None:
    """Packing and checking touch no disk, network or clock."""
    impure = {
        "os",
        "io",
        "pathlib",
        "time",
        "socket",
        "asyncio",
        "random",
        "secrets",
        "tempfile",
        "subprocess",
        "httpx2",
        "sqlite3",
    }
    found = {
        f"{place(path)}: {name}"
        for room in ("pack", "check")
        for path in (ROOT / "processors" / room).glob("*.py")
        for name in imports(path)
        if name.split(".")[0] in impure
    }
    assert not found


def test_init_files_hold_a_docstring_and_no_code() -> None:
    """An `__init__.py` says what comes in and what goes out, and nothing else."""
    for path in (path for path in FILES if path.name == "__init__.py"):
        assert ast.get_docstring(tree(path)), place(path)
        assert len(tree(path).body) == 1, place(path)


def test_functions_are_short() -> None:
    """Functions have a median of at most 10 lines, a ninth decile of at most 30, and none has more than 60."""
    sizes = {
        f"{place(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path, node in functions()
        if node.end_lineno
    }
    assert not {name: size for name, size in sizes.items() if size > 60}
    assert statistics.median(sizes.values()) <= 10
    assert statistics.quantiles(sizes.values(), n=10)[-1] <= 30


def test_files_are_short() -> None:
    """Files have a median of at most 150 lines, and none has more than 400."""
    sizes = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert not {name: size for name, size in sizes.items() if size > 400}
    assert statistics.median(sizes.values()) <= 150


def test_everything_public_says_what_it_is() -> None:
    """Every module, and every public class and function, has a docstring."""
    silent = [place(path) for path in FILES if not ast.get_docstring(tree(path))]
    silent += [
        f"{place(path)}:{node.name}"
        for path, node in functions()
        if not node.name.startswith("_") and not ast.get_docstring(node) and _is_top(path, node)
    ]
    assert not silent


def _is_top(path: Path, node: ast.AST) -> bool:
    module = tree(path)
    owners: list[ast.Module | ast.ClassDef] = [module]
    owners += [
        item for item in module.body if isinstance(item, ast.ClassDef) and not item.name.startswith("_")
    ]
    return any(
        getattr(item, "lineno", 0) == getattr(node, "lineno", 0) for owner in owners for item in owner.body
    )


def test_errors_are_drawn() -> None:
    """The tree at the top of errors.py shows every class with its exit code and where it hangs."""
    lines = (octavo.schemas.errors.__doc__ or "").splitlines()
    drawn = {
        words[0]: (len(line) - len(line.lstrip()), words[1])
        for line in lines
        if (words := line.split()) and len(words) > 1 and words[1].rstrip(",").isdigit()
    }
    classes = [
        item
        for item in vars(octavo.schemas.errors).values()
        if isinstance(item, type) and issubclass(item, OctavoError)
    ]
    assert set(drawn) == {item.__name__ for item in classes}
    for item in classes:
        indent, code = drawn[item.__name__]
        assert indent == 4 + 2 * (len(item.__mro__) - len(OctavoError.__mro__)), item
        assert item is octavo.schemas.errors.Interrupted or int(code) == item.exit_code, item


def test_run_does_not_import_prefect() -> None:
    """`octavo run` without a server starts at once: nothing on its way imports Prefect, the OCR or a document library."""
    heavy = {
        "prefect",
        "rapidocr",
        "onnxruntime",
        "pypdf",
        "pypdfium2",
        "docx",
        "pptx",
        "kreuzberg",
        "PIL",
        "pikepdf",
        "fastapi",
    }
    code = f"import sys; from octavo.flows import cli, order; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_every_module_imports() -> None:
    """Each module can be imported on its own; a deployment whose entry point fails would deploy all the same."""
    for floor in FLOORS:
        package = importlib.import_module(f"octavo.{floor}")
        for module in pkgutil.walk_packages(package.__path__, f"octavo.{floor}."):
            assert importlib.import_module(module.name).__doc__, module.name
