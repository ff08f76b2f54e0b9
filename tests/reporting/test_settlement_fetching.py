"""Files are fetched by themselves, in order, also after days; what does not come is missed, and found when it comes."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from payments.connectors.settlements import Announced
from payments.gateway import accounts
from payments.gateway.models import ProviderAccount
from payments.kernel import clock
from payments.kernel.jobs import Job, Queue, Retry
from reporting.models import Discrepancy, SettlementFile
from reporting.models import SettlementLine as Row
from reporting.services import fetching, missing
from tests import factories
from tests.reporting import told
from tests.stories import adyen

DAY = 24 * 3600


@pytest.fixture
def account(shop: factories.Shop) -> ProviderAccount:
    """The account at the simulated PSP that tells of batches."""
    accounts.forget()
    return ProviderAccount.objects.get(code=adyen.ACCOUNT)


def look(account: ProviderAccount, days: int, hours: int = 0) -> None:
    """An hourly look of a later morning, and the loading of what it has brought."""
    with told.later(days=days, hours=hours):
        fetching.fetch(account.pk)
        done()


def done() -> None:
    """Load what waits to be loaded."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE payments_job SET due_at = now() WHERE name IN ('load_settlement', 'fetch_settlement')")
    factories.work(Queue.FINANCE)


def days_of_trade(shop: factories.Shop, sim: factories.Simulator, days: int) -> None:
    """A payment on each day; what a batch has of a day is paid out some days later."""
    for _ in range(days):
        adyen.paid(shop)
        sim.advance(DAY)


def files(account: ProviderAccount) -> list[tuple[str, str]]:
    """References and states, in the order in which they came."""
    return list(SettlementFile.objects.filter(account=account).order_by("pk").values_list("reference", "status"))


def differences() -> list[tuple[str, str, str]]:
    """What finance would see."""
    return list(Discrepancy.objects.order_by("pk").values_list("kind", "subject_id", "status"))


def test_a_batch_is_fetched_and_loaded_to_the_cent(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    days_of_trade(shop, sim, 4)
    look(account, 4)

    assert ("1", "loaded") in files(account)
    assert {status for _, status in files(account)} == {"loaded"}
    first = SettlementFile.objects.get(account=account, reference="1")
    assert (first.source, first.lines, first.day) == ("fetched", first.rows.count(), None)
    payment = Row.objects.filter(type="capture").order_by("occurred_at", "pk")[0]
    assert (payment.settled_minor, payment.currency, payment.match) == (3000, "EUR", "matched")
    assert factories.broken() == []


def test_nothing_new_is_nothing_to_do(shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount) -> None:
    days_of_trade(shop, sim, 4)
    look(account, 4)
    before = files(account), Row.objects.count()
    look(account, 4, hours=1)

    assert (files(account), Row.objects.count()) == before
    assert not Job.objects.filter(name="load_settlement").exists()


def test_after_an_outage_of_days_all_is_fetched_in_order(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    days_of_trade(shop, sim, 12)
    sim.scenario("reports.download", "reset_before")
    with pytest.raises(Retry):
        fetching.fetch(account.pk)
    assert files(account) == []
    sim.forgive()
    fetching.fetch(account.pk)

    numbers = [int(reference) for reference, _ in files(account)]
    assert len(numbers) >= 8
    assert numbers == list(range(1, len(numbers) + 1)), "by the time in their ids"
    with told.later(days=12):
        done()
    assert {status for _, status in files(account)} == {"loaded"}
    assert factories.broken() == []


def test_the_hourly_look_is_at_every_account(shop: factories.Shop, account: ProviderAccount) -> None:
    ProviderAccount.objects.filter(code="stripe-eu").update(enabled=False)
    fetching.fetch_all()
    fetching.fetch_all()

    wished = Job.objects.filter(name="fetch_settlements").values_list("arguments__account_id", flat=True)
    assert sorted(wished) == sorted(ProviderAccount.objects.values_list("pk", flat=True))
    assert Job.objects.filter(name="fetch_all_settlements").count() <= 1


# --- a notification says that a file is ready ---


def ready(account: ProviderAccount, reference: str = "1") -> Announced:
    """As the PSP says it."""
    name = f"settlement_detail_report_batch_{reference}.csv"
    return told.batch(reference, name=name)


def test_a_file_that_the_psp_announces_is_fetched_at_once(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    days_of_trade(shop, sim, 4)
    with told.later(days=4):
        fetching.wish(account.pk, ready(account))
        fetching.wish(account.pk, ready(account))
        assert Job.objects.filter(name="fetch_settlement").count() == 1
        done()
        done()

    assert files(account) == [("1", "loaded")]
    with told.later(days=4):
        fetching.wish(account.pk, None)
    assert Job.objects.filter(name="fetch_settlements").count() == 1


def test_a_file_that_is_announced_and_never_comes_is_missed(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    told_at = timezone.now()
    with pytest.raises(Retry, match="no settlement_detail_report_batch_1"):
        fetching.fetch_one(account.pk, ready(account), told_at)
    assert differences() == []
    with clock.at(told_at + missing.OVERDUE):
        fetching.fetch_one(account.pk, ready(account), told_at)
        fetching.fetch_one(account.pk, ready(account), told_at)

    assert differences() == [("file_missing", "adyen-eu 1", "open")]
    days_of_trade(shop, sim, 4)
    look(account, 4)
    assert differences() == [("file_missing", "adyen-eu 1", "cleared")]


def test_what_is_there_is_not_missed_when_it_cannot_be_had_once_more(
    shop: factories.Shop, sim: factories.Simulator, account: ProviderAccount
) -> None:
    days_of_trade(shop, sim, 4)
    look(account, 4)
    told_at = timezone.now()
    with clock.at(told_at + missing.OVERDUE):
        fetching.fetch_one(account.pk, told.batch("1", name="settlement_detail_report_batch_1_gone.csv"), told_at)

    assert ("1", "loaded") in files(account)
    assert differences() == []


# --- what is missing ---


def test_a_batch_that_is_left_out_is_missed_and_cleared_when_it_comes(account: ProviderAccount) -> None:
    """Batches are numbered: 2 is here, 1 and 3 are; what comes in time is no difference."""
    for reference in ("1", "2", "4"):
        told.loaded(account, told.batch(reference), told.closed(reference), reference.encode())
    assert missing.gaps(account) == {}
    now = timezone.now()
    with clock.at(now + missing.GAP + timedelta(minutes=1)):
        fetching.fetch(account.pk)
        fetching.fetch(account.pk)
    [difference] = Discrepancy.objects.filter(kind="file_missing")
    assert difference.subject_id == "adyen-eu 3"
    assert difference.detail == "Batch 4 is here, and batch 3 is not."
    assert missing.before_gaps(account) == ["2", "4"]

    told.loaded(account, told.batch("3"), told.closed("3"), b"3")
    difference.refresh_from_db()
    assert difference.status == "cleared"
    assert missing.before_gaps(account) == ["4"]


def test_a_day_without_a_file_is_missed(account: ProviderAccount) -> None:
    first = told.DAY
    for day in (first, first + timedelta(days=2)):
        told.loaded(account, told.day(day), [], str(day).encode())
    ProviderAccount.objects.filter(pk=account.pk).update(settles_from=first)
    account.refresh_from_db()

    with clock.at(datetime(2026, 11, 5, 11, 59, tzinfo=UTC)):
        assert missing.gaps(account) == {}
    with clock.at(datetime(2026, 11, 5, 12, 0, tzinfo=UTC)):
        midnight = datetime(2026, 11, 4, tzinfo=UTC)
        assert missing.gaps(account) == {"2026-11-03": (midnight, "There is no settlement of 2026-11-03.")}
    with clock.at(datetime(2026, 11, 6, 12, 0, tzinfo=UTC)):
        assert list(missing.gaps(account)) == ["2026-11-03"]
    with clock.at(datetime(2026, 11, 6, 12, 0, tzinfo=UTC) + timedelta(days=1)):
        assert list(missing.gaps(account)) == ["2026-11-03", "2026-11-05"]


def test_a_look_begins_before_the_last_day_that_is_in_however_long_ago(account: ProviderAccount) -> None:
    ProviderAccount.objects.filter(pk=account.pk).update(settles_from=date(2026, 1, 15))
    account.refresh_from_db()
    told.loaded(account, told.day(date(2026, 3, 1)), [])
    with clock.at(told.NOON):
        assert missing.since(account) == datetime(2026, 2, 26, tzinfo=UTC)
    with clock.at(datetime(2026, 3, 2, tzinfo=UTC)):
        assert missing.since(account) == datetime(2026, 2, 16, tzinfo=UTC)
    with clock.at(datetime(2026, 1, 17, tzinfo=UTC)):
        assert missing.since(account) == datetime(2026, 1, 15, tzinfo=UTC)
