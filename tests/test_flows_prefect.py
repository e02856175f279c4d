"""The flows on a real Prefect server, with deployments and a worker, called as CI and users call them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from octavo.flows.prefect_run.processes import descendants
from octavo.processors.store.warehouse import Warehouse, hold
from octavo.schemas.job_groups import GROUPS
from tests import proofs
from tests.browser import browser
from tests.emulator.config import Config
from tests.emulator.fixture import running
from tests.emulator.oracle import labelled_lines
from tests.postgres_server import PASSWORD
from tests.postgres_server import Server as PostgresServer
from tests.prefect_server import ROOT, Server, serving, wait_for
from tests.signalled import assert_drained, ended_by, slips, slow, start

pytestmark = pytest.mark.flow

SAMPLES = ROOT / "data" / "samples"
KEY = "sk-canary-3f9a1c77e2"  # must be seen nowhere but at the provider
BLOCK = "octavo-key"

ALONE = """
import asyncio, json, sys
from octavo.flows.extract import extract
from octavo.flows.ingest import ingest
from octavo.flows.summarize import summarize
from octavo.schemas.job import Job

async def main():
    job = Job.model_validate_json(sys.argv[1])
    of_kimi = job.model_copy(update={"offline": False, "key_secret": "nowhere"})
    for flow, job in ((extract, job), (ingest, of_kimi), (extract, job), (summarize, job)):
        state = await flow(job, return_state=True)
        print(json.dumps([flow.name, state.type.value, state.message]))

asyncio.run(main())
"""

PROBE = """
import asyncio, sys
from prefect import flow
from octavo.flows.prefect_run.task_runs import in_task_runs

async def answer(item):
    return item.upper()

@flow(name="probe")
async def probe():
    print(sorted([result async for result in in_task_runs()("read", answer, sys.argv[1:])]))

asyncio.run(probe())
"""

NAME = """
import sys
from prefect import flow
from octavo.flows.prefect_run.run_names import run_name
from octavo.schemas.job import Job

@flow(name="named", flow_run_name=run_name)
def named(job: Job) -> None:
    pass

named(Job(inbox=sys.argv[1]))
"""

NOTICES = """
import asyncio, sys
from prefect import flow
from prefect.runtime import flow_run
from octavo.flows.prefect_run.artifacts import Notices

@flow(name="noticed")
async def noticed():
    print(flow_run.id)
    notices = Notices(flow_run.id)
    for sentence in sys.argv[1:]:
        notices.hear(sentence)
        await notices.draw()

asyncio.run(noticed())
"""

ASKED = """
import asyncio, sys
from octavo.flows.prefect_run import approval
from octavo.flows.process_folder import process_folder
from octavo.schemas.job import Job

approval.ANSWER_WITHIN_S, approval.LOOK_EVERY_S = float(sys.argv[2]), 1
asyncio.run(process_folder(Job.model_validate_json(sys.argv[1]), return_state=True))
"""

SAVE = "import os, sys; from prefect.blocks.system import Secret; Secret(value=os.environ['CANARY']).save(sys.argv[1], overwrite=True)"


@pytest.fixture(scope="module")
def secret(server: Server) -> str:
    """The name of a Secret block that holds the key."""
    python(server, SAVE, BLOCK, CANARY=KEY)
    return BLOCK


@dataclass(frozen=True)
class Good:
    """A run over a good folder, which several tests look at."""

    done: subprocess.CompletedProcess[str]
    run: Any
    out: Path


@pytest.fixture(scope="module")
def good(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Good:
    """A run by the command of README, over a folder of its own."""
    top = tmp_path_factory.mktemp("runs")
    inbox = folder(top / "good", "invoice_us.pdf", "invoice_uk.pdf")
    job = json.dumps(offline(inbox, top / "out", summarize="bullets"))
    (command,) = (line for line in readme_commands() if line.startswith("prefect deployment run"))
    done = shell(server, re.sub(r"job='.*?'", f"job='{job}'", command))
    return Good(done, server.runs(inbox)[0], top / "out")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """A folder with two good invoices."""
    return folder(tmp_path / "good", "invoice_us.pdf", "invoice_uk.pdf")


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """A folder with a good document and a Word file that lost its end."""
    made = folder(tmp_path / "broken", "invoice_us.pdf")
    (made / "lost.docx").write_bytes((SAMPLES / "letter.docx").read_bytes()[:3000])
    return made


def folder(path: Path, *samples: str) -> Path:
    """A folder with copies of samples."""
    path.mkdir()
    for name in samples:
        shutil.copy(SAMPLES / name, path)
    return path


def offline(inbox: Path, out: Path, **more: Any) -> dict[str, Any]:
    """A job that needs no key."""
    return {"inbox": str(inbox), "out": str(out), "extract": ["invoice"], "offline": True, **more}


def python(server: Server, code: str, *words: str, **environ: str) -> list[str]:
    """The lines that a piece of Python prints, run with the server in its environment."""
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**server.environ, **environ},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def start_waiting(server: Server, inbox: Path, out: Path, silent: socket.socket, secret: str) -> None:
    """Start a run through a worker that will wait for ever, since its provider takes calls and says nothing."""
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
    job = {
        "inbox": str(inbox),
        "out": str(out),
        "extract": ["invoice"],
        "base_url": url,
        "key_secret": secret,
        "budget_usd": 1,
    }
    server.begin("process-folder/folder-to-tables", job)
    wait_for(lambda: "octavo-ask" in server.artifacts(server.runs(inbox)[0]), "the first question", 120)


def readme_commands() -> list[str]:
    """The prefect commands of README, each on a line."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in readme.splitlines() if line.startswith("prefect ")]


def shell(server: Server, command: str) -> subprocess.CompletedProcess[str]:
    """A command of Prefect as a shell takes it."""
    return subprocess.run(
        ["sh", "-c", command.replace("prefect ", f"{sys.executable} -m prefect ", 1)],
        cwd=ROOT, env=server.environ, check=False, capture_output=True, text=True, timeout=400,
    )  # fmt: skip


def stored(server: Server) -> bytes:
    """All that the server has on disk, as bytes; it encrypts secrets."""
    return b"".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())


def test_good_folder_exits_0(server: Server, good: Good) -> None:
    """A shell script sees exit code 0; the run stands under the name of its folder with its tasks and a table of its outcome."""
    assert good.done.returncode == 0, good.done.stdout + good.done.stderr
    run = good.run
    assert run["state_type"] == "COMPLETED"
    assert re.fullmatch(rf"good {run['expected_start_time'][:10]} #\d+", run["name"])
    assert sorted(run["tags"]) == ["asks-model", "octavo"]
    words = "Files: 2, of which 2 ok. Rows: 2 in invoice, 2 in summary. Against before: 2 added,"
    assert run["state"]["message"].startswith(words)
    tasks = server.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}})
    assert {task["name"] for task in tasks} == {"read 1", "ask 1"}
    wanted = {"filter": {"resource": {"id": [f"prefect.flow-run.{run['id']}"]}}}
    events = wait_for(lambda: server.ask("/events/filter", wanted)["events"], "the event of its end")
    assert [event["event"] for event in events] == ["prefect.flow-run.Completed"]
    artifacts = server.artifacts(run)
    report = artifacts["octavo-outcome"]["data"]
    assert report.startswith(Warehouse(good.out).rows("runs")[0]["report"])
    assert artifacts["octavo-outcome"]["description"] == "All went well."
    (page,) = re.findall(
        r"\[(\S+\.html)\]\(file:///", report
    )  # the report that a browser shows is linked, and is there
    assert "invoice_uk.pdf" in Path(page).read_text(encoding="utf-8")
    assert re.search(
        r"\*\*All went well\.\*\*.*2 added, 0 changed.*invoice\.grand_total +\| 2 +\| 100%", report, re.DOTALL
    ), report
    assert len(Warehouse(good.out).rows("invoice")) == 2


@pytest.mark.prove
def test_a_deployment_gives_batches_to_workers(server: Server, inbox: Path, tmp_path: Path) -> None:
    """With a runner in its parameters a flow run has the tables of a run in one process, and ends as it does."""
    job = offline(inbox, tmp_path / "out") | {"machines": {"runner": "processes:2"}}
    done = server.run("process-folder/folder-to-tables", job)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(Warehouse(tmp_path / "out").rows("invoice")) == 2


@pytest.mark.prove
def test_a_run_with_nothing_new_is_small(server: Server, inbox: Path, tmp_path: Path) -> None:
    """Reading what is known already is one task run, however many files, and a line of the log says what the stage did."""
    for number in range(250):
        (inbox / f"note{number}.txt").write_text(f"Note number {number}.")
    words = ("run", str(inbox), "--out", str(tmp_path / "out"), "--offline", "--extract", "letter")
    assert [server.octavo(*words).returncode for _ in range(2)] == [0, 0]
    run = server.runs(inbox)[0]
    tasks = wait_for(
        lambda: server.ask("/task_runs/filter", {"flow_runs": {"id": {"any_": [run["id"]]}}}),
        "the task run to be stored",
    )
    assert [task["name"] for task in tasks] == ["read 1"]
    logged = wait_for(
        lambda: server.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}}), "the log"
    )
    assert [line["message"] for line in logged if line["message"].startswith("Reading files: 252 in ")]


def test_broken_file_exits_not_0(server: Server, broken: Path, tmp_path: Path) -> None:
    """A shell script sees that a document failed; the run says which and why, and the good one is in the tables all the same."""
    done = server.run("process-folder/folder-to-tables", offline(broken, tmp_path / "out"))
    assert done.returncode != 0
    said = " ".join(done.stdout.split())
    assert "Failed in this run: 1 file, such as lost.docx" in said, "--watch shows the reason"
    assert "octavo sql --out" in said, "--watch shows what to type next"
    (run,) = server.runs(broken)
    assert run["state_type"] == "FAILED"
    look = f'`octavo sql --out {tmp_path / "out"} "FROM review"`'
    assert run["state"]["message"].startswith(
        f"Failed in this run: 1 file, such as lost.docx (corrupt); {look} lists them."
    )
    assert re.search(r"\| lost\.docx +\| +\| corrupt +\|", server.artifacts(run)["octavo-outcome"]["data"])
    assert len(Warehouse(tmp_path / "out").rows("invoice")) == 1


def test_wrong_parameter_is_refused(server: Server, inbox: Path) -> None:
    """A parameter out of bounds exits not 0, names the field, and no run comes of it."""
    done = server.run("process-folder/folder-to-tables", {"inbox": str(inbox), "tier": 9})
    assert done.returncode != 0
    assert "job.tier" in done.stdout + done.stderr
    assert server.runs(inbox) == []


@pytest.mark.prove
def test_runs_of_a_day_are_numbered(server: Server, tmp_path: Path) -> None:
    """Runs over one folder that begin in the same second have names of their own: folder, day and a number that goes on."""
    inbox = folder(tmp_path / "numbered")
    started = [
        subprocess.Popen([sys.executable, "-c", NAME, str(inbox)], cwd=ROOT, env=server.environ)
        for _ in range(3)
    ]
    assert [process.wait(120) for process in started] == [0, 0, 0]
    python(server, NAME, str(inbox))
    names = sorted(run["name"] for run in server.runs(inbox))
    (day,) = {name.split()[1] for name in names}
    assert names == [f"numbered {day} #{number}" for number in (1, 2, 3, 4)]


def test_the_form_opens_with_submit_in_reach(server: Server, tmp_path: Path) -> None:
    """The form of a run opens with all groups closed and Submit within a screen and a half; a group shows its fields when it is chosen."""
    (deployment,) = server.ask(
        "/deployments/filter", {"deployments": {"name": {"any_": ["folder-to-tables"]}}}
    )
    labels = "[...document.querySelectorAll('.schema-form-property__label')].map(label => label.innerText.replace(' (Optional)', ''))"
    with browser(tmp_path) as page:
        page.open(f"{server.url.removesuffix('/api')}/deployments/deployment/{deployment['id']}/run")
        page.wait_for(f"{labels}.includes('Limits of reading')", 120)
        buttons = (
            "[...document.querySelectorAll('button')].filter(button => button.innerText.trim() === 'Submit')"
        )
        height = page.wait_for(
            f"Math.max(0, ...{buttons}.map(button => button.getBoundingClientRect().bottom + scrollY))"
        )
        assert height <= 1500
        assert page.see(labels) == ["job", *GROUPS[0].fields.values(), *(group.title for group in GROUPS[1:])]
        page.see(
            "[...document.querySelectorAll('button')].filter(button => button.innerText.trim() === 'Choose')[0].click()"
        )
        page.wait_for(f"{labels}.includes('Budget of this run (USD)')")
        assert set(GROUPS[1].fields.values()) <= set(page.see(labels))


@pytest.mark.prove
def test_runs_wait_for_their_folder_only(server: Server, inbox: Path, tmp_path: Path) -> None:
    """A run whose output folder another holds waits and says for whom, while one for another folder ends; then it goes on and ends well."""
    with hold(tmp_path / "held"):
        for out in ("held", "free"):
            server.begin("ingest/read-files", offline(inbox, tmp_path / out))

        def state(out: str) -> Any:
            (run,) = (
                run for run in server.runs(inbox) if run["parameters"]["job"]["out"] == str(tmp_path / out)
            )
            return run["state"]

        wait_for(lambda: state("free")["type"] == "COMPLETED", "the run for the other folder", 120)
        wait_for(lambda: state("held")["name"] == "Waiting", "the run to wait", 120)
        assert f"process {os.getpid()} on" in state("held")["message"]
    wait_for(lambda: state("held")["type"] == "COMPLETED", "the run to go on", 120)


@pytest.mark.parametrize(
    ("answer", "within_s", "state", "words", "calls"),
    [
        ({"decision": "go on"}, 300, "COMPLETED", "Calls: 1.", 1),
        proofs.slow({"decision": "go on", "budget_usd": 0.000001}, 300, "FAILED", "The budget of", 0),
        proofs.slow({"decision": "stop"}, 300, "CANCELLED", "A person said stop: $0.", 0),
        proofs.slow(None, 3, "CANCELLED", "Nobody agreed within 0.000833333 h: $0.", 0),
    ],
)
def test_a_quote_above_the_limit_waits_for_a_person(
    server: Server,
    inbox: Path,
    tmp_path: Path,
    answer: dict[str, Any] | None,
    within_s: int,
    state: str,
    words: str,
    calls: int,
) -> None:
    """Above `approve_above_usd` a run pauses with the quote and asks nothing until a person goes on, lowers the budget or stops."""
    with running(Config(timing=False, oracle=labelled_lines)) as kimi:
        job = {
            "inbox": str(inbox),
            "out": str(tmp_path / "out"),
            "extract": ["invoice"],
            "base_url": kimi.base_url,
        }
        command = [
            sys.executable,
            "-c",
            ASKED,
            json.dumps({**job, "approve_above_usd": 0.0001}),
            str(within_s),
        ]
        environ = {**server.environ, "MOONSHOT_API_KEY": kimi.key}
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stderr=subprocess.PIPE, text=True)
        (run,) = wait_for(
            lambda: [run for run in server.runs(inbox) if run["state_type"] == "PAUSED"], "the pause", 120
        )
        assert kimi.paid() == []
        if answer:
            server.ask(f"/flow_runs/{run['id']}/resume", {"run_input": answer})
        _, said = process.communicate(timeout=120)
        assert "Traceback" not in said
        assert len(kimi.paid()) == calls
    (run,) = server.runs(inbox)
    assert (run["state_type"], words in run["state"]["message"]) == (state, True), run["state"]
    assert len(Warehouse(tmp_path / "out").documents()) == 2


def test_flows_alone(server: Server, inbox: Path, tmp_path: Path) -> None:
    """`extract` without documents names what to run first; after `ingest`, which needs no key, it and `summarize` work on it."""
    job = offline(inbox, tmp_path / "out", summarize="bullets")
    states = [json.loads(line) for line in python(server, ALONE, json.dumps(job))]
    assert [(flow, kind) for flow, kind, _ in states] == [
        ("extract", "FAILED"),
        ("ingest", "COMPLETED"),
        ("extract", "COMPLETED"),
        ("summarize", "COMPLETED"),
    ]
    assert "Run the flow ingest first" in states[0][2]
    assert {name: len(Warehouse(tmp_path / "out").rows(name)) for name in ("invoice", "summary")} == {
        "invoice": 2,
        "summary": 2,
    }


def test_batches_stay_out_of_prefect(server: Server) -> None:
    """A batch and its result are no parameter and no result of a task run, which stands for many: Prefect knows a label and a number."""
    items = ["batch-canary-a", "batch-canary-b", "batch-canary-c"]
    assert python(server, PROBE, *items)[-1] == str(sorted(item.upper() for item in items))
    (flow,) = server.ask("/flows/filter", {"flows": {"name": {"any_": ["probe"]}}})

    def tasks() -> Any:
        found = server.ask("/task_runs/filter", {"flows": {"id": {"any_": [flow["id"]]}}})
        return found if found and all(task["state_type"] == "COMPLETED" for task in found) else None

    found = wait_for(tasks, "the task runs to be stored")
    assert {task["name"] for task in found} == {"read 1"}
    assert all(task["task_inputs"] == {} for task in found)
    assert b"canary-a" not in stored(server).lower()


def test_run_reports_to_the_server(server: Server, broken: Path, tmp_path: Path) -> None:
    """`octavo run` with PREFECT_API_URL has the exit code and the words it always has, and stands in the UI as a failed run."""
    done = server.octavo(
        "run", str(broken), "--out", str(tmp_path / "out"), "--extract", "invoice", "--offline"
    )
    assert done.returncode == 2, done.stderr
    assert "Files: 2, of which 1 failed, 1 ok." in done.stderr
    (run,) = server.runs(broken)
    assert (run["state_type"], run["deployment_id"]) == ("FAILED", None)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), proofs.slow(signal.SIGINT, 130)])
def test_a_signal_drains_as_without_prefect(server: Server, tmp_path: Path, number: int, code: int) -> None:
    """What is in flight is awaited and committed, what waits is not sent, and the run says why it ended."""
    inbox = slips(tmp_path)
    with running(slow()) as kimi:
        started = start(kimi, inbox, server.environ)
        said, left = ended_by(kimi, started, number)
        assert (started.returncode, "Traceback" in said) == (code, False), said
        assert_drained(kimi, tmp_path / "out", left)
    (run,) = server.runs(inbox)
    assert run["state_type"] == "FAILED"
    assert "asked to end" in run["state"]["message"]


@pytest.mark.prove
def test_a_budget_that_runs_low_is_an_event_and_an_artifact(
    server: Server, inbox: Path, tmp_path: Path
) -> None:
    """Automations can act on the event; the table has every notice, and the log too."""
    with running(Config(timing=False, oracle=labelled_lines)) as kimi:
        job = {
            "inbox": str(inbox),
            "out": str(tmp_path / "out"),
            "extract": ["invoice"],
            "base_url": kimi.base_url,
        }
        (tmp_path / "job.yaml").write_text(
            json.dumps({**job, "max_documents_per_window": 1, "budget_usd": 0.0065})
        )
        command = [
            sys.executable,
            "-m",
            "octavo.flows.cli",
            "run",
            "--job",
            str(tmp_path / "job.yaml"),
            "--yes",
        ]
        environ = {**server.environ, "MOONSHOT_API_KEY": kimi.key}
        done = subprocess.run(
            command, cwd=ROOT, env=environ, check=False, capture_output=True, text=True, timeout=300
        )
        assert kimi.paid(), done.stderr
    (run,) = server.runs(inbox)
    notices = [row["notice"] for row in json.loads(server.artifacts(run)["octavo-notices"]["data"])]
    assert any("budget of $0.0065" in notice for notice in notices)
    wanted = {
        "filter": {"event": {"name": ["octavo.notice"]}, "resource": {"id": [f"octavo.run.{run['id']}"]}}
    }
    events = wait_for(lambda: server.ask("/events/filter", wanted)["events"], "the event")
    assert sorted(event["payload"]["message"] for event in events) == sorted(notices)
    logged = server.ask("/logs/filter", {"logs": {"flow_run_id": {"any_": [run["id"]]}}})
    assert {line["message"] for line in logged} >= set(notices)


@pytest.mark.prove
def test_notices_of_a_run_are_one_table(server: Server) -> None:
    """However often something is to be noticed, a run has one table of it, with the latest before the eyes of who opens the run."""
    command = [sys.executable, "-c", NOTICES, "One.", "Two.", "Three."]
    done = subprocess.run(
        command, cwd=ROOT, env=server.environ, check=False, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    (table,) = server.ask(
        "/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [done.stdout.split()[-1]]}}}
    )
    assert [row["notice"] for row in json.loads(table["data"])] == ["One.", "Two.", "Three."]
    assert table["description"] == "Three."


@pytest.mark.prove
def test_a_run_that_cannot_begin_has_its_page_too(server: Server, tmp_path: Path) -> None:
    """The reason is in the report of the run, and before anybody opens it in what lists of artifacts show; `runs` has it, too."""
    server.octavo(
        "run", str(tmp_path / "gone"), "--out", str(tmp_path / "out"), "--extract", "invoice", "--offline"
    )
    (run,) = server.runs(tmp_path / "gone")
    (page,) = server.artifacts(run).values()
    assert (page["key"], page["description"]) == ("octavo-outcome", run["state"]["message"])
    assert page["data"] == f"**{run['state']['message']}**\n"
    (row,) = Warehouse(tmp_path / "out").rows("runs")
    assert run["state"]["message"] in row["outcome"]


@pytest.mark.prove
def test_locked_folder_is_a_sentence(server: Server, inbox: Path, tmp_path: Path) -> None:
    """A folder that another run holds ends with exit code 75 and who holds it, not with a traceback."""
    with hold(tmp_path / "out"):
        done = server.octavo(
            "run", str(inbox), "--out", str(tmp_path / "out"), "--extract", "invoice", "--offline"
        )
    assert done.returncode == 75
    assert "Traceback" not in done.stderr
    (run,) = server.runs(inbox)
    assert run["state_type"] == "FAILED"
    assert str(tmp_path / "out") in run["state"]["message"]


def test_key_from_a_secret_block_leaks_nowhere(
    server: Server, secret: str, inbox: Path, tmp_path: Path
) -> None:
    """The key of a Secret block reaches the provider, and is in no output, log, parameter, database or table."""
    with running(Config(keys={KEY: "org-canary"}, timing=False)) as kimi:
        job = {
            "inbox": str(inbox),
            "out": str(tmp_path / "out"),
            "extract": ["invoice"],
            "base_url": kimi.base_url,
            "key_secret": secret,
        }
        (tmp_path / "job.yaml").write_text(json.dumps(job))
        done = server.octavo("run", "--job", str(tmp_path / "job.yaml"), "--yes")
        assert kimi.paid(), done.stderr
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    logs = json.dumps(server.ask("/logs/filter", {"limit": 200})) + json.dumps(server.runs(inbox))
    assert KEY not in done.stdout + done.stderr + logs
    assert KEY.encode() not in written + stored(server)


@pytest.mark.prove
def test_address_of_the_state_comes_from_a_secret_block(
    server: Server, inbox: Path, tmp_path: Path, postgres: PostgresServer
) -> None:
    """The state that hosts share is where the block says, and the password in it is in no output, log, parameter or table."""
    python(server, SAVE, "octavo-state", CANARY=postgres.url(postgres.new_database()))
    job = {"inbox": str(inbox), "out": str(tmp_path / "out"), "extract": ["invoice"], "offline": True}
    (tmp_path / "job.yaml").write_text(json.dumps(job | {"state_secret": "octavo-state"}))
    done = server.octavo("run", "--job", str(tmp_path / "job.yaml"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "state.json").exists()
    assert not (tmp_path / "out" / "ledger.sqlite").exists()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    logs = json.dumps(server.ask("/logs/filter", {"limit": 200})) + json.dumps(server.runs(inbox))
    assert PASSWORD not in done.stdout + done.stderr + logs
    assert PASSWORD.encode() not in written + stored(server)


@pytest.mark.prove
def test_missing_secret_block_is_a_sentence(server: Server, inbox: Path, tmp_path: Path) -> None:
    """A job that names a block which is not there fails before anything is read, and says where to make one."""
    (tmp_path / "job.yaml").write_text(
        json.dumps(
            {
                "inbox": str(inbox),
                "out": str(tmp_path / "out"),
                "extract": ["invoice"],
                "key_secret": "no-such-block",
            }
        )
    )
    done = server.octavo("run", "--job", str(tmp_path / "job.yaml"), "--yes")
    assert done.returncode == 1
    assert "There is no Secret block named no-such-block" in done.stderr
    assert not (tmp_path / "out").exists()


def test_cancelling_leaves_the_folder_free(server: Server, secret: str, inbox: Path, tmp_path: Path) -> None:
    """A run that is cancelled while it waits for the provider ends as cancelled, releases its folder, and leaves no process."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start_waiting(server, inbox, tmp_path / "out", silent, secret)
        run = server.runs(inbox)[0]["id"]
        server.ask(f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
        wait_for(lambda: server.runs(inbox)[0]["state_type"] == "CANCELLED", "the run to be cancelled", 90)
    commands = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in descendants(server.pid)]
    assert not [command for command in commands if b"prefect.engine" in command or b"forkserver" in command]
    assert KEY.encode() not in stored(server)
    with hold(tmp_path / "out") as warehouse:
        assert len(warehouse.documents()) == 2


@pytest.mark.prove
def test_serve_ends_its_runs_before_its_worker(
    server: Server, secret: str, inbox: Path, tmp_path: Path
) -> None:
    """With PREFECT_API_URL `octavo serve` starts a worker only. SIGINT in mid-run ends all of it, and the run does not stay "running"."""
    with (
        server.without_worker(),
        socket.create_server(("127.0.0.1", 0)) as silent,
        serving(server.home, tmp_path / "serve.log", PREFECT_API_URL=server.url) as (process, _),
    ):
        assert len(list(descendants(process.pid))) == 1
        start_waiting(server, inbox, tmp_path / "out", silent, secret)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    assert server.runs(inbox)[0]["state_type"] == "CRASHED"
    with hold(tmp_path / "out") as warehouse:
        assert len(warehouse.documents()) == 2


def test_ui_shows_the_run(server: Server, good: Good, tmp_path: Path) -> None:
    """A browser draws the run and its outcome from the server they came from, whatever the port."""
    if not (chromium := shutil.which("chromium")):
        pytest.skip("there is no Chromium on this machine")
    run = good.run
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
    ]
    flags += [
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=20000",
    ]
    outcome = server.artifacts(run)["octavo-outcome"]["id"]
    for page, words in (
        (f"runs/flow-run/{run['id']}", ("process-folder", "Completed", "Artifacts")),
        (
            f"artifacts/artifact/{outcome}",
            ("octavo-outcome", "Files: 2, of which 2 ok.", "2 added, 0 changed"),
        ),
    ):
        address = f"{server.url.removesuffix('/api')}/{page}"
        done = subprocess.run(
            [chromium, *flags, "--dump-dom", address],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert not [word for word in words if word not in done.stdout], done.stdout


@pytest.mark.prove
def test_the_commands_of_readme_work(server: Server, tmp_path: Path) -> None:
    """Every prefect command in README works as it stands there; only the output folder is another."""
    commands = readme_commands()
    assert len(commands) >= 2
    for command in commands:
        done = shell(server, command.replace('"out/samples"', f'"{tmp_path / "out"}"'))
        assert done.returncode == 0, done.stdout + done.stderr
    assert len(Warehouse(tmp_path / "out").rows("invoice")) == 7
