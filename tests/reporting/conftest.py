"""A shop, a calm simulator, a finance desk, and a directory for its files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django.fixtures import Settings

from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.ledger import services as ledger
from tests import factories
from tests.reporting.desk import Desk


@pytest.fixture
def sim(simulator: str) -> Iterator[factories.Simulator]:
    """The simulator without faults and without a past."""
    control = factories.Simulator(simulator)
    control.calm()
    yield control
    control.calm()


@pytest.fixture
def directory(tmp_path: Path, settings: Settings) -> Path:
    """Where the files of reports are kept."""
    settings.RUN_DIR = tmp_path
    return tmp_path / "reports"


@pytest.fixture
def shop(transactional_db: None, sim: factories.Simulator, directory: Path) -> Iterator[factories.Shop]:
    """A client of the API. Reports read on a connection of their own, so what they read is committed."""
    ledger.forget_accounts()
    yield factories.shop()
    ledger.forget_accounts()


@pytest.fixture
def desk(shop: factories.Shop) -> Desk:
    """The shop's finance desk."""
    return Desk(shop)


@pytest.fixture
def account(transactional_db: None, directory: Path) -> Iterator[ProviderAccount]:
    """A provider account whose settlement is ours from its first day."""
    call_command("provision", verbosity=0)
    accounts.forget()
    yield ProviderAccount.objects.get(code="adyen-eu")
    accounts.forget()
