"""A company whose money a PSP sends to a bank."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from payments.gateway import accounts
from payments.ledger import services as ledger
from tests.reporting.bank import world as worlds


@pytest.fixture
def world(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[worlds.World]:
    """The company, on the 26th of November 2026."""
    ledger.forget_accounts()
    yield worlds.company(settings, tmp_path)
    accounts.forget()
    ledger.forget_accounts()
