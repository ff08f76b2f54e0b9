"""PSPs are asked about settlement through the gateway: failures are told apart, and no locks are held meanwhile."""

import io
from datetime import timedelta

import pytest
from django.db import transaction

from payments.connectors.settlements import Announced, FileKind, FileRefused
from payments.gateway import accounts, events, settlements
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.kernel.errors import Bug
from tests import factories
from tests.connectors.test_adyen_settlement import FILE, MERCHANT
from tests.services import conftest as services

sim = services.sim
BATCH = Announced(reference="42", kind=FileKind.BATCH, name="settlement_detail_report_batch_42.csv")


@pytest.fixture
def adyen(transactional_db: None, sim: factories.Simulator) -> ProviderAccount:
    """An account at a PSP that gives files by their numbers."""
    factories.shop()
    accounts.forget()
    return accounts.account("adyen-eu")


def test_a_file_that_is_not_there_yet_is_asked_for_again(adyen: ProviderAccount) -> None:
    with pytest.raises(events.NotYet, match="Adyen has no settlement_detail_report_batch_42"):
        list(settlements.file(adyen, BATCH))


def test_a_psp_that_fails_is_no_file_that_is_missing(adyen: ProviderAccount, sim: factories.Simulator) -> None:
    sim.scenario("reports.download", "error_503_before")
    with pytest.raises(events.NotTold, match="HTTP 503") as failed:
        list(settlements.file(adyen, BATCH))
    assert not isinstance(failed.value, events.NotYet)


def test_without_a_report_user_nobody_is_asked(adyen: ProviderAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADYEN_EU_REPORT_USER")
    with pytest.raises(events.NotTold, match="ADYEN_EU_REPORT_USER"):
        settlements.announced(adyen, clock.now() - timedelta(days=1), clock.now())


def test_nobody_is_asked_in_a_transaction_and_a_file_is_read_in_one(
    adyen: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADYEN_EU_MERCHANT_ACCOUNT", MERCHANT)
    accounts._connector.cache_clear()
    with transaction.atomic():
        for ask in (settlements.balances, lambda row: settlements.identify(row, "batch.csv", io.BytesIO(FILE))):
            with pytest.raises(Bug, match="transaction"):
                ask(adyen)
        assert len(list(settlements.read(adyen, BATCH, io.BytesIO(FILE)))) == 4
    assert settlements.identify(adyen, "batch.csv", io.BytesIO(FILE)) == BATCH
    with pytest.raises(FileRefused):
        list(settlements.read(adyen, BATCH, io.BytesIO(FILE[:-9])))
    monkeypatch.undo()
    accounts._connector.cache_clear()
