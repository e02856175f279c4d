"""docs/production.md is true: units, image, compose file and alarms are valid, name what there is, and the commands of the page run."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from octavo.flows import cli
from octavo.flows.commands import flags
from octavo.flows.serving.serve import HEARTBEAT_S, SERVER
from tests.emulator.fixture import Running
from tests.postgres_server import Server as PostgresServer
from tests.prefect_server import free_port, wait_for

ROOT = Path(__file__).resolve().parents[1]
FILES = ROOT / "docs" / "production"
PAGE = (ROOT / "docs" / "production.md").read_text(encoding="utf-8")
UNITS = sorted(FILES.glob("*.service")) + sorted(FILES.glob("*.timer"))
COMPOSE = yaml.safe_load((FILES / "compose.yaml").read_text(encoding="utf-8"))
RULES = [
    rule for group in yaml.safe_load((FILES / "alerts.yaml").read_text())["groups"] for rule in group["rules"]
]
BIN = Path(sys.executable).parent


def settings_file() -> dict[str, str]:
    """The variables that octavo.env sets."""
    lines = (FILES / "octavo.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def started(unit: Path) -> list[str]:
    """The words of the program that a unit starts."""
    return shlex.split(re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)[0])


def installed(unit: Path, folder: Path) -> Path:
    """A unit as on a machine on which the checkout lies where this one does."""
    text = (
        unit.read_text(encoding="utf-8")
        .replace("/opt/octavo/.venv/bin", str(BIN))
        .replace("/opt/octavo", str(ROOT))
    )
    (folder / unit.name).write_text(text, encoding="utf-8")
    return folder / unit.name


def understood(words: list[str]) -> bool:
    """Whether a command line of octavo is one that its parser takes."""
    flags.parsers(cli.COMMANDS)[0].parse_args(words)
    return True


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not on this machine")
def test_units_are_valid(tmp_path: Path) -> None:
    """Nothing is wrong to systemd with any unit, template or timer."""
    paths = [installed(unit, tmp_path) for unit in UNITS]
    named = [str(path).replace("@.", "@tables.") for path in paths]
    done = subprocess.run(["systemd-analyze", "verify", *named], capture_output=True, text=True, check=False)
    own = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "octavo" in line]
    assert (done.returncode, own) == (0, [])


@pytest.mark.parametrize(
    "unit", [unit for unit in UNITS if unit.suffix == ".service"], ids=lambda unit: unit.name
)
def test_units_start_what_there_is(unit: Path) -> None:
    """What a unit starts is understood, ends in order, may not gain rights, and finds its state below /var/lib/octavo."""
    program, *words = started(unit)
    text = unit.read_text(encoding="utf-8")
    if program.endswith("/octavo"):
        assert understood([word.replace("%i", "tables") for word in words])
    else:
        assert words[:2] == ["server", "start"]
    for line in ("User=octavo", "NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n"):
        assert line in text
    assert "OCTAVO_HOME=/var/lib/octavo/" in text
    assert ("KillMode=mixed" in text) is ("Restart=always" in text)


def test_settings_are_those_of_octavo_serve() -> None:
    """octavo.env sets for a server what `octavo serve` sets for its own, and holds no key or password."""
    values = settings_file()
    assert {name: values.get(name) for name in SERVER} == SERVER
    assert values["PREFECT_SERVER_API_AUTH_STRING"] == values["PREFECT_API_AUTH_STRING"]
    secret = [name for name in values if "KEY" in name or "AUTH" in name or "PASSWORD" in name]
    assert all("CHANGE-ME" in values[name] for name in secret)
    assert HEARTBEAT_S  # which `octavo serve` gives its worker


def test_compose_file_starts_what_there_is() -> None:
    """Services have an image or a Dockerfile that is there, their commands are understood, and only the server is published, here."""
    services = COMPOSE["services"]
    assert set(services) == {"database", "server", "worker"}
    for name, service in services.items():
        if "build" in service:
            context = (FILES / service["build"]["context"]).resolve()
            assert context == ROOT
            assert (context / service["build"]["dockerfile"]).is_file()
            assert service["cap_drop"] == ["ALL"]
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] != "service_healthy" or services[other]["healthcheck"], name
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source.startswith("$") or source in COMPOSE["volumes"]
    assert understood(services["worker"]["command"][1:])
    assert services["server"]["command"][:3] == ["prefect", "server", "start"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports == ["127.0.0.1:4200:4200"]
    assert COMPOSE["networks"]["inside"]["internal"]
    assert services["database"]["networks"] == ["inside"]


def dockerfile() -> list[tuple[str, str]]:
    """The steps of the Dockerfile."""
    text = (FILES / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        (word, rest)
        for word, _, rest in (
            line.partition(" ") for line in text.splitlines() if line and not line.startswith("#")
        )
    ]


def test_dockerfile_copies_what_there_is() -> None:
    """The image is made of files of the project, runs as a user without rights, and its command is understood."""
    steps = dockerfile()
    for path in (rest.split()[0] for word, rest in steps if word == "COPY"):
        assert (ROOT / path).exists()
    words = [word for word, _ in steps]
    assert words.index("USER") > max(place for place, word in enumerate(words) if word == "RUN")
    assert understood(json.loads(dict(steps)["CMD"])[1:])


@pytest.mark.prove
def test_the_image_is_built_by_hand(tmp_path: Path) -> None:
    """The steps of the Dockerfile, done in a clean folder, give an Octavo that works; only the user is not made."""
    work = tmp_path / "opt"
    work.mkdir()
    environ = {**os.environ, "OCTAVO_HOME": str(tmp_path / "home")}  # with the machine's own settings of pip
    environ.pop("PYTHONPATH", None)
    for word, rest in dockerfile():
        if word == "COPY" and rest.startswith(". "):
            names = subprocess.run(
                ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True
            ).stdout
            packing = ["tar", "--create", "--null", "--files-from=-"]
            packed = subprocess.run(packing, cwd=ROOT, input=names, capture_output=True, check=True).stdout
            subprocess.run(["tar", "--extract"], cwd=work, input=packed, check=True)
        elif word == "COPY":
            *sources, _ = rest.split()
            for source in sources:
                shutil.copy(ROOT / source, work / source)
        elif word == "RUN" and not rest.startswith("useradd"):
            subprocess.run(
                ["sh", "-e", "-c", re.sub("^python ", f"{sys.executable} ", rest)],
                cwd=work,
                env=environ,
                check=True,
                timeout=1500,
            )
    done = subprocess.run(
        [
            str(work / ".venv/bin/octavo"),
            "run",
            "data/samples",
            "--offline",
            "--extract",
            "invoice",
            "--out",
            str(tmp_path / "out"),
        ],
        cwd=work,
        env=environ,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0


def test_alarms_are_about_what_is_printed() -> None:
    """Every alarm stands in the page with its meaning, asks for series that are printed, and every printed series stands in the page."""
    from octavo.flows.commands import metrics

    source = Path(metrics.__file__).read_text(encoding="utf-8")
    printed = {
        f"{name}_total" if kind == "counter" else name
        for kind, name in re.findall(r"self\.(gauge|counter)\(\s*\"(\w+)\"", source)
    }
    assert {name for name in printed if f"`{name}`" not in PAGE} == set()
    for rule in RULES:
        asked = set(re.findall(r"octavo_\w+", rule["expr"]))
        assert asked <= printed, rule["alert"]
        assert f"| `{rule['alert']}` |" in PAGE
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not on this machine")
def test_alarms_are_rules() -> None:
    """Prometheus takes the file of alarms, and each sounds when it should and not before."""
    subprocess.run(["promtool", "check", "rules", str(FILES / "alerts.yaml")], check=True)
    subprocess.run(["promtool", "test", "rules", str(FILES / "alerts.test.yaml")], check=True)


def test_every_alarm_is_tried() -> None:
    """The file that tries the alarms has for each a time at which it sounds, and one at which it does not."""
    tried = [
        case
        for group in yaml.safe_load((FILES / "alerts.test.yaml").read_text())["tests"]
        for case in group["alert_rule_test"]
    ]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in tried if "exp_alerts" in case} == names
    assert {case["alertname"] for case in tried if "exp_alerts" not in case} == names


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_say_nothing_twice(unit: Path) -> None:
    """A setting that holds one value stands once in a unit, where whoever changes it finds it."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    names = [
        line.split("=", 1)[0] for line in lines if "=" in line and not line.startswith(("#", "Environment="))
    ]
    assert sorted(set(names)) == sorted(names)


def blocks() -> list[str]:
    """The shell commands of the page, those inside lists too."""
    found = re.findall(r"^( *)```sh\n(.*?)^ *```", PAGE, re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in text.splitlines()) for indent, text in found]


RECORD = '#!/bin/sh\necho "$(basename "$0") $*" >> "$RECORD"\n'  # for what a test may not do to the machine


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A machine for the commands of the page: its folders, and programs that only put down how they were called."""
    folder = tmp_path_factory.mktemp("machine")
    for name in ("var/lib/octavo/backup", "var/lib/octavo/metrics", "etc/systemd/system", "bin"):
        (folder / name).mkdir(parents=True)
    for name in (
        "useradd",
        "systemctl",
        "docker",
        "make",
        *(() if shutil.which("promtool") else ("promtool",)),
    ):
        (folder / "bin" / name).write_text(RECORD)
        (folder / "bin" / name).chmod(0o755)
    (folder / "bin" / "octavo").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m octavo "$@"\n')
    (folder / "bin" / "octavo").chmod(0o755)
    return folder


def script(block: str, place: Path) -> str:
    """A block of the page with the folders of this machine in place of those of a whole one."""
    for path in ("/var/lib/octavo", "/etc/octavo", "/etc/systemd/system"):
        block = block.replace(path, f"{place}{path}")
    return block.replace("--group octavo ", "").replace(
        "docs/production/octavo.env.local", f"{place}/octavo.env"
    )


@pytest.fixture
def environ(place: Path, kimi: Running) -> dict[str, str]:
    """The environment of the commands."""
    return {
        "PATH": f"{place / 'bin'}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(place),
        "PYTHONPATH": str(ROOT),
        "OCTAVO_HOME": str(place / "home"),
        "PREFECT_HOME": str(place / "prefect"),
        "RECORD": str(place / "record"),
        "MOONSHOT_API_KEY": kimi.key,
        "MOONSHOT_BASE_URL": kimi.base_url,
        "SYSTEMD_UNIT_PATH": f"{place}/etc/systemd/system:",
        "DO_NOT_TRACK": "1",
    }


@pytest.mark.prove
def test_commands_of_the_page_run(place: Path, environ: dict[str, str]) -> None:
    """Every command that needs no Prefect server ends well; those that would change the machine are called as they should."""
    first = "octavo run data/samples --offline --extract invoice --out /var/lib/octavo/tables --quiet"
    run = [
        first,
        *(
            block
            for block in blocks()
            if not ("prefect" in block and "PREFECT_API_URL" in block) and "Secret" not in block
        ),
    ]
    for block in run:
        if "systemd-analyze" in block:
            block = block.replace("systemd-analyze verify", "true")  # noqa: PLW2901 - see test_units_are_valid
        done = subprocess.run(
            ["sh", "-e", "-c", script(block, place)],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, block + done.stdout + done.stderr
    called = (place / "record").read_text().splitlines()
    assert "systemctl daemon-reload" in called
    for line in (line for line in called if line.startswith("systemctl")):
        for unit in re.findall(r"\S+\.(?:service|timer)", line):
            assert (FILES / unit.replace("@tables", "@")).is_file(), line
    for line in (line for line in called if line.startswith("docker")):
        assert "compose --file docs/production/compose.yaml" in line
    assert (place / "var/lib/octavo/metrics/octavo-tables.prom").is_file()
    assert (place / "var/lib/octavo/restored/warehouse.duckdb").is_file()


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[str]:
    """A database on PostgreSQL, as the compose file has one."""
    name = postgres.new_database()
    yield postgres.url(name).replace("postgresql://", "postgresql+asyncpg://")
    postgres.drop(name)


@pytest.mark.flow
def test_services_of_the_compose_file_work_together(
    database: str, place: Path, environ: dict[str, str], tmp_path: Path
) -> None:
    """Server on PostgreSQL with a password, worker beside it, key block and job from a shell: as the page says; a stranger gets 401."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    given = {**environ, **settings_file(), "MOONSHOT_API_KEY": environ["MOONSHOT_API_KEY"]}
    services = COMPOSE["services"]
    server_words = [
        word.replace("0.0.0.0", "127.0.0.1").replace("4200", str(port))
        for word in services["server"]["command"]
    ]
    processes = []
    try:
        with (tmp_path / "log").open("wb") as log:
            how = {"cwd": ROOT, "stdout": log, "stderr": subprocess.STDOUT}
            of_server = {**given, "PREFECT_SERVER_DATABASE_CONNECTION_URL": database}
            processes.append(subprocess.Popen(server_words, env=of_server, **how))  # type: ignore[call-overload]
            of_worker = {**given, "PREFECT_API_URL": api}
            processes.append(subprocess.Popen(services["worker"]["command"], env=of_worker, **how))  # type: ignore[call-overload]
            wait_for(lambda: b"' started!" in (tmp_path / "log").read_bytes(), "the worker", 400)
        for block in (block for block in blocks() if "Secret" in block or "deployment run" in block):
            words = (
                script(block, place)
                .replace("http://127.0.0.1:4200/api", api)
                .replace("octavo/tables", "octavo/scheduled")
            )
            done = subprocess.run(
                ["sh", "-e", "-c", words],
                cwd=ROOT,
                env={**given, "PREFECT_API_URL": api},
                capture_output=True,
                text=True,
                check=False,
                timeout=400,
            )
            assert done.returncode == 0, words + done.stdout + done.stderr + (tmp_path / "log").read_text()
        assert (place / "var/lib/octavo/scheduled/warehouse.duckdb").is_file()
        stranger = {**given, "PREFECT_API_URL": api, "PREFECT_API_AUTH_STRING": "octavo:guess"}
        done = subprocess.run(
            ["prefect", "deployment", "ls"],
            cwd=ROOT,
            env=stranger,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode != 0
        assert "401" in done.stdout + done.stderr
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(120)
