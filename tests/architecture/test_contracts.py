"""The import contracts hold, and each of them would notice."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

PARTS = ("config", "payments", "refunds", "reporting")
# One mistake for each contract: the file, and the line that somebody adds to it.
PLANTED = {
    "apps": ("payments/kernel/errors.py", "import refunds"),
    "storeys": ("payments/kernel/clock.py", "from payments.orders import states"),
    "floors": ("payments/orders/states.py", "from payments.orders import models"),
    "kernel": ("payments/kernel/errors.py", "from payments.kernel import jobs"),
    "rest": ("payments/rest/models.py", "from payments.rest import auth"),
    "staff": ("payments/staff/models.py", "from payments.staff import sessions"),
    "outcomes": ("payments/intents/services/capture.py", "from payments.intents.services import confirm"),
    "connectors": ("payments/connectors/base.py", "from payments.connectors import http"),
    "connector-shape": ("payments/connectors/stripe/more.py", '"""A fifth file."""'),
    "psp-names": ("payments/orders/models.py", "from payments.connectors import stripe"),
    "connectors-without-django": ("payments/connectors/base.py", "import django"),
    "pure": ("payments/orders/states.py", "import django"),
    "sockets": ("payments/orders/models.py", "import urllib3"),
    "ledger": ("payments/orders/models.py", "from payments.ledger import models as ledger_models"),
    "doors": ("payments/orders/models.py", "from payments import tasks"),
    "simulator-outward": ("payments/simulator/clock.py", "from payments.kernel import clock"),
    "simulator-inward": ("config/urls.py", "from payments import simulator"),
    "acyclic": ("config/logs.py", "from config import settings"),
}
# Packages of payments that are no place for use cases, so that the floors are not theirs.
WITHOUT_FLOORS = {"admin", "kernel", "rest", "staff", "connectors", "gateway", "simulator", "management", "migrations"}


def lint(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", *arguments],
        cwd=directory, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def contracts() -> dict[str, dict[str, Any]]:
    written = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return {contract["id"]: contract for contract in written}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the tree to spoil."""
    for part in PARTS:
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_every_contract_holds() -> None:
    answer = lint(ROOT)

    assert answer.returncode == 0, answer.stdout


@pytest.mark.parametrize("contract", PLANTED)
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str) -> None:
    path, line = PLANTED[contract]
    with (copy / path).open("a") as file:
        file.write(f"\n{line}\n")

    answer = lint(copy, "--contract", contract)

    assert answer.returncode == 1
    assert "0 kept, 1 broken" in answer.stdout


def test_a_module_that_has_no_floor_breaks_the_contract(copy: Path) -> None:
    (copy / "payments" / "orders" / "tricks.py").write_text('"""Tricks."""\n')

    answer = lint(copy, "--contract", "floors")

    assert "- payments.orders.tricks" in answer.stdout


def test_every_contract_has_its_planted_violation() -> None:
    assert contracts().keys() == PLANTED.keys()


def test_every_package_with_use_cases_has_the_floors() -> None:
    packages = {path.parent.name for path in (ROOT / "payments").glob("*/__init__.py")} - WITHOUT_FLOORS
    expected = {f"payments.{package}" for package in packages} | {"refunds", "reporting"}

    assert set(contracts()["floors"]["containers"]) == expected
