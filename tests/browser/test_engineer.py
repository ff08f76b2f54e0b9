"""An engineer's bad hour in a browser: an incident, a provider off and on, a rule, a notification, what has died."""

from typing import Any

import pytest
from django.test import override_settings

from payments.gateway.models import KillSwitch, ProviderAccount
from payments.intents.models import RoutingRule
from payments.kernel import clock
from payments.kernel.attention import Severity
from payments.kernel.jobs import Job
from payments.rest import requestlog
from payments.rest.models import ApiRequest
from payments.webhooks.models import Delivery, InboundEvent, InboundReplay
from payments.webhooks.services import endpoints
from refunds.models import Refund
from reporting.models import Incident, IncidentKind
from reporting.services import incidents
from reporting.uptime.findings import Finding
from tests import factories
from tests.backoffice import pages
from tests.browser.conftest import Desk, Sit

pytestmark = pytest.mark.browser


def test_an_engineers_bad_hour(shop: factories.Shop, sit: Sit) -> None:
    with override_settings(WEBHOOK_TARGETS_ON_LOOPBACK=True):
        paid = _an_hour(shop)
    eve, edd = (sit("engineer", name=name) for name in ("eve", "edd"))
    _looks_after_the_incident(eve)
    _switches_a_provider_off_and_another_agrees_to_on(eve, edd)
    _drafts_a_rule_that_another_activates(eve, edd)
    _replays_a_notification(eve)
    _sends_a_delivery_again(eve)
    _replays_a_dead_job(eve)
    _finds_the_request(eve, paid)
    factories.assert_books_close()


def _an_hour(shop: factories.Shop) -> dict[str, Any]:
    """A payment that a shop was not told of, whose refund has died, and nothing works at stripe-eu."""
    endpoints.create(shop.client, url="http://127.0.0.1:9/hooks", event_types=["payment_intent.succeeded"])
    paid = shop.paid()
    factories.work()
    Delivery.objects.update(state="failed", next_attempt_at=None)
    shop.post("refunds", {"payment_intent": paid["id"], "amount": 100, "reason": "goodwill"})
    Job.objects.filter(name="send_refund").update(state="dead", last_error="Traceback: nobody was at home")
    requestlog.flush()
    now = clock.now()
    found = Finding(IncidentKind.OUTAGE, {"account": "stripe-eu"}, Severity.URGENT, now, {"EUR": 12_300}, {"seen": 0.0},
                    "Nothing is approved at stripe-eu.")  # fmt: skip
    incidents.report([found], at=now)
    return paid


def _looks_after_the_incident(eve: Desk) -> None:
    eve.go("/admin/")
    assert eve.says("Nothing is approved at stripe-eu. For")
    eve.look_at_both("engineer-home")
    eve.go(pages.list_of("reporting", "incident"))
    eve.look_at_both("engineer-incidents")
    eve.press("Nothing is approved at stripe-eu.")
    eve.look_at_both("engineer-incident")
    eve.press("I look after it")
    eve.look_at_both("engineer-take")
    eve.press("I look after it")
    assert eve.says("You look after it.")
    eve.press("Add a note")
    eve.page.get_by_label("Reason").fill("Stripe says that a data centre is away.")
    eve.press("Add a note")
    assert Incident.objects.get().taken_by == "staff eve"


def _switches_a_provider_off_and_another_agrees_to_on(eve: Desk, edd: Desk) -> None:
    eve.go(pages.page_of("payments", "provideraccount", ProviderAccount.objects.get(code="stripe-eu").pk))
    eve.look_at_both("engineer-account")
    eve.press("Switch off")
    eve.look_at_both("engineer-switch-off")
    eve.page.get_by_label("Reason").fill("It answers nothing since noon.")
    eve.press("Switch off")
    assert eve.says("stripe-eu is switched off.")
    switch = pages.page_of("payments", "killswitch", KillSwitch.objects.get().pk)
    eve.go(switch)
    eve.press("Ask to switch on")
    eve.page.get_by_label("Reason").fill("The data centre is back.")
    eve.press("Ask to switch on")
    assert eve.says("Another person has to agree on this page.")
    eve.look_at_both("engineer-switch")
    edd.go(switch)
    edd.press("Agree to switch on")
    edd.look_at_both("engineer-agree")
    edd.press("Agree to switch on")
    assert edd.says("stripe-eu is switched on.")


def _drafts_a_rule_that_another_activates(eve: Desk, edd: Desk) -> None:
    eve.go(pages.list_of("payments", "routingrule"))
    eve.press("New rule")
    eve.page.fill("input[name=name]", "dollars to europe")
    eve.page.fill("input[name=split]", "stripe-eu")
    eve.press("Draft")
    assert eve.says("is not an account and its weight")
    eve.look_at_both("engineer-rule-errors")
    eve.page.fill("input[name=split]", "stripe-eu 70, stripe-us 30")
    eve.page.fill("input[name=currencies]", "USD")
    eve.page.fill("input[name=control_percent]", "0")
    eve.press("Draft")
    eve.look_at_both("engineer-rule")
    eve.press("Backtest")
    assert eve.says("It matches 1")
    eve.look_at_both("engineer-backtest")
    row = RoutingRule.objects.get()
    edd.go(pages.page_of("payments", "routingrule", row.pk))
    for move in ("Approve", "Activate"):
        edd.press(move)
        edd.press(move)
    row.refresh_from_db()
    assert (row.status, row.activated_by) == ("active", "staff edd")
    edd.look_at_both("engineer-rule-active")


def _replays_a_notification(eve: Desk) -> None:
    eve.go(pages.list_of("payments", "inboundevent"))
    eve.look_at_both("engineer-notifications")
    eve.go(pages.page_of("payments", "inboundevent", InboundEvent.objects.latest("pk").pk))
    eve.look_at_both("engineer-notification")
    eve.press("Replay: see what would change")
    assert eve.says("It was tried just now, and undone")
    eve.look_at_both("engineer-rehearsal")
    eve.page.get_by_label("Reason").fill("It was lost on the way.")
    eve.press("Replay")
    assert InboundReplay.objects.get().because == "It was lost on the way."


def _sends_a_delivery_again(eve: Desk) -> None:
    eve.go(pages.list_of("payments", "delivery"))
    eve.look_at_both("engineer-deliveries")
    eve.press("payment_intent.succeeded #2")
    eve.look_at_both("engineer-delivery")
    eve.press("Send it again")
    eve.page.get_by_label("Reason").fill("Their server is back.")
    eve.press("Send it again")
    assert eve.says("It is on its way, as a new delivery.")


def _replays_a_dead_job(eve: Desk) -> None:
    eve.go(pages.list_of("payments", "job"))
    eve.look_at_both("engineer-jobs")
    eve.press("send_refund")
    eve.look_at_both("engineer-job")
    eve.press("Replay")
    assert eve.says("nobody was at home")
    eve.look_at_both("engineer-job-replay")
    eve.press("Replay")
    assert eve.says("send_refund runs again.")
    factories.later("send_refund")
    assert Refund.objects.get().status == "succeeded"


def _finds_the_request(eve: Desk, paid: dict[str, Any]) -> None:
    eve.go(f"{pages.list_of('payments', 'apirequest')}?q={paid['id']}")
    eve.look_at_both("engineer-requests")
    row = ApiRequest.objects.filter(operation="payment_intents.confirm").get()
    eve.go(pages.page_of("payments", "apirequest", row.pk))
    eve.look_at_both("engineer-request")
    with eve.page.expect_navigation():
        eve.page.locator(f"main a[href*='{paid['id']}']").first.click()
    assert eve.says("19.99 USD")
