"""Synthetic payments tell how a provider fares, and leave nothing where real payments are."""

from datetime import timedelta

import pytest
from pytest_django.fixtures import Settings

from payments.gateway import accounts, canaries
from payments.gateway.models import ProviderAccount, ProviderCall
from payments.intents.models import PaymentAttempt
from payments.kernel import clock, crashpoints
from payments.kernel.attention import AttentionItem
from payments.webhooks.models import InboundEvent
from reporting.models import CanaryRun
from reporting.services import canary
from reporting.uptime import canaries as seen
from tests import factories
from tests.services import conftest as services
from tests.stories import conftest as stories

sim, shop = services.sim, services.shop
notifications = stories.notifications
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("code", ["stripe-eu", "adyen-eu"])
def test_a_canary_is_approved_and_canceled_and_is_no_payment(shop: factories.Shop, code: str) -> None:
    canary.send(code)
    run = CanaryRun.objects.get()
    assert (run.outcome, run.detail) == ("good", "")
    assert run.milliseconds is not None
    assert run.provider_reference
    assert not ProviderCall.objects.exists()
    assert not PaymentAttempt.objects.exists()
    assert list(seen.latest()) == [code]
    assert [(day.good, day.total) for day in seen.of_days(90)[code]] == [(1, 1)]
    factories.assert_books_close()


@pytest.mark.django_db(transaction=True)
def test_what_its_psp_tells_of_it_is_kept_and_acted_upon_by_nobody(
    notifications: None, sim: factories.Simulator
) -> None:
    factories.shop()
    for code in ("stripe-eu", "adyen-eu"):
        canary.send(code)
    sim.quiet()
    factories.work()
    told = InboundEvent.objects.exclude(kind="unused")
    assert told.count() >= 2
    assert set(told.values_list("state", flat=True)) == {"ignored"}
    assert not AttentionItem.objects.exists()


def test_the_second_failure_in_a_row_gets_a_person_until_it_is_well_again(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    sim.scenario("payment_intents.confirm", "rate_limit_429", times=99)
    canary.send("stripe-eu")
    assert not AttentionItem.objects.exists(), "the network may have been it"
    canary.send("stripe-eu")
    [item] = AttentionItem.objects.all()
    assert (item.kind, item.closed_at) == ("canary_failed", None)
    assert "stripe-eu" in item.detail
    sim.calm()
    canary.send("stripe-eu")
    item.refresh_from_db()
    assert item.closed_at is not None
    assert [(day.good, day.total) for day in seen.of_days(1)["stripe-eu"]] == [(1, 3)]


@pytest.mark.parametrize("point", ["canary.committed", "canary.answered"])
def test_one_that_dies_is_sent_again_as_the_same_payment(
    shop: factories.Shop, sim: factories.Simulator, point: str
) -> None:
    with crashpoints.armed(point), pytest.raises(crashpoints.Crash):
        canary.send("stripe-eu")
    canary.send("stripe-eu")
    run = CanaryRun.objects.get()
    assert run.outcome == "good"
    assert len([one for one in sim.book() if one.get("reference") == run.pk or run.pk in str(one)]) <= 1


def test_a_live_account_has_a_canary_only_through_a_test_account(shop: factories.Shop, settings: Settings) -> None:
    ProviderAccount.objects.filter(code="stripe-us").update(livemode=True)
    accounts.forget()
    assert "stripe-us" not in canaries.through()
    settings.CANARIES = {"stripe-us": "stripe-eu", "adyen-eu": "stripe-us"}
    accounts.forget()
    assert canaries.through()["stripe-us"] == "stripe-eu"
    assert "adyen-eu" not in canaries.through(), "a live account pays no canary's money"
    assert "stripe-eu" not in {row.code for row in accounts.enabled()}, "nobody else pays there"
    settings.PRODUCTION = True
    assert dict(canaries.through()) == {"stripe-us": "stripe-eu"}


def test_old_ones_are_forgotten(shop: factories.Shop) -> None:
    canary.send("stripe-eu")
    CanaryRun.objects.update(began_at=clock.now() - timedelta(days=101))
    canary.forget()
    assert not CanaryRun.objects.exists()
