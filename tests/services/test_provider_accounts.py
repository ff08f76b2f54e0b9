"""From an account's row and the environment to its connector: secrets, addresses, and the region that a call keeps."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from payments.connectors import http
from payments.connectors.adyen.connector import AdyenConnector
from payments.connectors.base import Authorize, Outcome, Verdict
from payments.gateway import accounts, calls
from payments.gateway.models import CallKind, LegalEntity, ProviderAccount, ProviderCall
from payments.kernel import clock, ids, money, unit
from payments.kernel.errors import Bug

pytestmark = pytest.mark.django_db


@pytest.fixture
def adyen() -> ProviderAccount:
    """A live account, in America."""
    entity = LegalEntity.objects.create(name="Countinghouse Inc.", functional_currency="USD")
    return ProviderAccount.objects.create(code="adyen-eu", psp="adyen", legal_entity=entity, livemode=True, region="us")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connectors are made anew, and the account has a prefix."""
    accounts.forget()
    accounts._connector.cache_clear()
    monkeypatch.setenv("ADYEN_EU_LIVE_PREFIX", "1797a841fbb37ca7-Co")


def authorize(**facts: object) -> Authorize:
    request = Authorize(
        key=ids.new("call"),
        reference=ids.new("att"),
        amount=money.from_minor(3000, "EUR"),
        type="scheme",
        token="",
        capture=True,
        details={"holderName": "Ada"},
        browser={"language": "nl"},
    )
    return replace(request, **facts)  # type: ignore[arg-type]


def test_a_live_account_speaks_to_its_own_address_in_its_region(adyen: ProviderAccount) -> None:
    ours = accounts.connector(adyen)
    assert isinstance(ours, AdyenConnector)
    assert ours._services.payments.baseUrl.startswith("https://1797a841fbb37ca7-Co-checkout-live-us.adyenpayments.com/")


def test_without_its_prefix_it_speaks_to_nobody(adyen: ProviderAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ADYEN_EU_LIVE_PREFIX")
    with pytest.raises(Bug, match="ADYEN_EU_LIVE_PREFIX"):
        accounts.connector(adyen)


def test_a_repetition_goes_where_its_first_request_went(
    adyen: ProviderAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    request, asked = authorize(), []
    with unit.work():
        call = calls.open_call(adyen, request, owner_id=request.reference)
    ProviderAccount.objects.update(region="au")
    accounts.forget()

    def note(what: str) -> None:
        asked.append(what)
        raise http.UnsentError("nothing leaves a test")

    monkeypatch.setattr(http, "before_request", note)
    calls.find(call, request, provider_reference="")
    calls.send(accounts.account("adyen-eu"), request)
    assert call.region == "us"
    assert [what.rpartition("-live-")[2] for what in asked] == ["us.adyenpayments.com", "au.adyenpayments.com"]


def test_what_the_customer_gave_is_kept_until_there_is_an_answer(adyen: ProviderAccount) -> None:
    request = authorize()
    with unit.work():
        call = calls.open_call(adyen, request, owner_id=request.reference)
    assert ProviderCall.objects.get().given == {"details": {"holderName": "Ada"}, "browser": {"language": "nl"}}
    for verdict, kept in ((Verdict.UNKNOWN, True), (Verdict.APPROVED, False)):
        with unit.work():
            calls.answer(call, Outcome(verdict=verdict))
        assert bool(ProviderCall.objects.get().given) is kept
    forgotten = authorize(key=request.key, reference=request.reference, details={}, browser={}, return_url="elsewhere")
    assert calls._body_hash(forgotten) == call.body_hash, "what is forgotten is not what was asked"
    assert calls._body_hash(authorize(key=request.key)) != call.body_hash


def test_the_release_before_goes_on_writing_rows(adyen: ProviderAccount) -> None:
    """While a deploy is under way, both write."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO payments_providercall (id, version, created_at, account_id, kind, owner_id, body_hash, region,"
            " sent_at, verdict, provider_reference, raw, latency_ms, looks) VALUES"
            " (%s, 1, now(), %s, 'capture', 'cap_1', %s, '', now(), '', '', '{}', 0, 0)",
            [ids.uuid7(), ids.decode("pa", adyen.pk), "0" * 64],
        )
    assert ProviderCall.objects.get().given == {}


@pytest.mark.parametrize("change", [{"psp": "paypal"}])
def test_the_database_knows_the_psps(adyen: ProviderAccount, change: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProviderAccount.objects.update(**change)


def test_every_kind_of_call_can_be_written(adyen: ProviderAccount) -> None:
    for kind in CallKind:
        ProviderCall.objects.create(
            id=ids.new("call"),
            account=adyen,
            kind=kind,
            owner_id="att_1",
            body_hash="0" * 64,
            sent_at=clock.now() - timedelta(hours=1),
        )
    assert ProviderCall.objects.count() == len(CallKind)


def test_in_production_a_test_key_is_refused(adyen: ProviderAccount, settings: object) -> None:
    settings.PRODUCTION = True  # type: ignore[attr-defined]
    with pytest.raises(Bug, match="ADYEN_EU_CLIENT_KEY is a test key"):
        accounts.connector(adyen)
