"""A company whose money a PSP sends to a bank."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from payments.gateway import accounts
from payments.ledger import services as ledger
from tests.reporting.bank.world import World, opened


@pytest.fixture
def world(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[World]:
    """The company, with nothing in its books."""
    ledger.forget_accounts()
    settings.EVIDENCE_DIR = tmp_path
    yield World(*opened("main-eur"))
    accounts.forget()
    ledger.forget_accounts()
