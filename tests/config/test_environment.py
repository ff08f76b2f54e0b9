"""What the environment may say, and what production refuses by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import DEVELOPMENT_DATA_KEY
from tests.conftest import ROOT

PRODUCTION = {
    "COUNTINGHOUSE_ENV": "production",
    "DATABASE_URL": "postgresql://countinghouse@db.internal/countinghouse",
    "REDIS_URL": "redis://cache.internal:6379/0",
    "SECRET_KEY": "oGt3-Wm8z_QbX5vLr1Kd7NsYc0HuJfP2aEiR9xTgVnMkZ6wBq4",
    "KEY_PEPPER": "pepper-of-one-installation-7f3a9c51",
    "PERSONAL_DATA_KEYS": "dGhlIG5ldyBrZXkgb2Ygb25lIGluc3RhbGxhdGlvbiE=,dGhlIG9sZCBrZXkgb2Ygb25lIGluc3RhbGxhdGlvbiE=",
    "ALLOWED_HOSTS": "pay.example.com",
    "PUBLIC_URL": "https://pay.example.com",
}


def manage(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run manage.py in an environment of nothing but these variables."""
    environment = {"PATH": os.environ["PATH"], **variables}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, text=True, capture_output=True, timeout=60
    )


def test_a_complete_production_environment_is_accepted_and_found_safe() -> None:
    answer = manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)

    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL", "SECRET_KEY", "KEY_PEPPER", "PERSONAL_DATA_KEYS"])
def test_production_refuses_to_start_without(name: str) -> None:
    answer = manage("check", **{key: value for key, value in PRODUCTION.items() if key != name})

    assert answer.returncode != 0
    assert f"{name}: production needs" in answer.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DEBUG", "1"),
        ("INCIDENTS_HURRY", "5"),
        ("SIMULATOR_URL", "http://127.0.0.1:8420"),
        ("EMBEDDED_SERVERS", "1"),
        ("SECRET_KEY", "too-short"),
        ("KEY_PEPPER", "too-short"),
        ("PERSONAL_DATA_KEYS", f"{PRODUCTION['PERSONAL_DATA_KEYS']},{DEVELOPMENT_DATA_KEY}"),
        ("ALLOWED_HOSTS", "*"),
        ("PUBLIC_URL", "http://pay.example.com"),
    ],
)
def test_production_refuses_to_start_with(name: str, value: str) -> None:
    answer = manage("check", **{**PRODUCTION, name: value})

    assert answer.returncode != 0
    assert answer.stderr.splitlines()[-1].startswith(f"django.core.exceptions.ImproperlyConfigured: {name}: production")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOG_FORMAT", "xml"),
        ("DATABASE_POOL_MAX", "many"),
        ("COUNTINGHOUSE_ENV", "prod"),
        ("BANK_ACCOUNTS", "euros"),
        ("PERSONAL_DATA_KEYS", "c2hvcnQ="),
        ("PERSONAL_DATA_KEYS", "not base64"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_name_and_not_shown(name: str, value: str) -> None:
    answer = manage("check", **{name: value})

    assert answer.returncode != 0
    sentence = answer.stderr.splitlines()[-1]
    assert f"{name}: Input should be" in sentence
    assert f"'{value}'" not in sentence


def test_production_does_not_start_servers_of_its_own(tmp_path: Path) -> None:
    without = {key: value for key, value in PRODUCTION.items() if key not in {"DATABASE_URL", "REDIS_URL"}}

    answer = manage("stack", "up", "--run-dir", str(tmp_path / "run"), **without)

    assert answer.returncode == 2
    assert "DATABASE_URL: production needs" in answer.stderr
    assert not (tmp_path / "run" / "postgres").exists()


def test_a_command_that_needs_a_database_says_how_to_get_one(tmp_path: Path) -> None:
    answer = manage("migrate", RUN_DIR=str(tmp_path))

    assert answer.returncode != 0
    assert answer.stderr.strip().endswith("no database: run `make up`, or set DATABASE_URL")


def test_a_web_process_without_a_database_does_not_start(tmp_path: Path) -> None:
    answer = manage("check", RUN_DIR=str(tmp_path), COUNTINGHOUSE_ROLE="web")

    assert answer.returncode != 0
    assert answer.stderr.strip().endswith("no database: run `make up`, or set DATABASE_URL")
