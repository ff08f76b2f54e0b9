"""Stripe's notifications: who may speak, and what is understood; golden bodies are Stripe's own fixtures."""

import copy
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
import stripe as sdk
from hypothesis import given
from hypothesis import strategies as st
from moneyed import Money

from payments.connectors.base import EventKind, NotificationRefused, PspEvent, Verdict
from payments.connectors.declines import DECLINES
from payments.connectors.stripe import connector, webhooks
from tests.connectors import benches, relay
from tests.connectors.benches import StripeBench, authorize

FIXTURES: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs/stripe-fixtures3.json"
SECRET, OLD_SECRET = "whsec_test_secret", "whsec_of_last_year"
AT = datetime.fromtimestamp(1_700_000_000, UTC)
BODY = b'{"id":"evt_test","object":"event"}'
# Computed with OpenSSL over "1700000000." and BODY.
VECTOR = "t=1700000000,v1=8042376f6ca064adbe037642a718227dfd59047137eb49497a54c49eb0cfb724"


def account(*secrets: str, livemode: bool = False) -> connector.StripeConnector:
    return connector.StripeConnector(
        connector.Settings(
            account="stripe-eu",
            api_key="sk_test_unused",
            publishable_key="pk_test_unused",
            webhook_secrets=secrets or (SECRET,),
            base_url="http://127.0.0.1:9",
            livemode=livemode,
            interactive=True,
        )
    )


def signed(body: bytes, secret: str = SECRET, at: datetime = AT) -> dict[str, str]:
    """Headers as Stripe's own helper signs them."""
    header = sdk.WebhookSignature.generate_signature_header(body.decode(), secret, int(at.timestamp()))
    return {"Stripe-Signature": header}


def event(kind: str, subject: dict[str, Any], **change: Any) -> bytes:
    """An event of this account about an object."""
    whole = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": 1_699_999_990,
        "data": {"object": subject},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }
    return json.dumps(whole | change).encode()


def heard(body: bytes) -> PspEvent:
    """What a signed body says."""
    [only] = account().read_notification(body, signed(body), now=AT)
    return only


# --- who may speak ---


def test_the_known_vector_is_accepted_and_stripes_sdk_agrees() -> None:
    webhooks.verify(BODY, {"Stripe-Signature": VECTOR}, secrets=[SECRET], now=AT)
    assert sdk.WebhookSignature.generate_signature_header(BODY.decode(), SECRET, 1_700_000_000) == VECTOR


@given(body=st.text(max_size=200), secret=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_what_stripes_own_helper_signs_is_accepted_and_one_changed_byte_is_not(body: str, secret: str) -> None:
    raw = body.encode()
    header = sdk.WebhookSignature.generate_signature_header(body, secret, int(AT.timestamp()))
    webhooks.verify(raw, {"stripe-signature": header}, secrets=[secret], now=AT)
    with pytest.raises(NotificationRefused):
        webhooks.verify(raw + b" ", {"stripe-signature": header}, secrets=[secret], now=AT)


def test_during_a_rotation_either_secret_will_do() -> None:
    both = account(SECRET, OLD_SECRET)
    body = event("customer.created", {})
    for secret in (SECRET, OLD_SECRET):
        assert both.read_notification(body, signed(body, secret), now=AT)
    two_signatures = (
        signed(body, "whsec_of_next_year")["Stripe-Signature"]
        + ","
        + signed(body)["Stripe-Signature"].partition(",")[2]
    )
    assert account().read_notification(body, {"STRIPE-SIGNATURE": two_signatures}, now=AT)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_are_tolerated(seconds: int) -> None:
    body = event("customer.created", {})
    assert account().read_notification(body, signed(body), now=AT + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301, 86_400])
def test_older_and_newer_signatures_are_refused(seconds: int) -> None:
    body = event("customer.created", {})
    with pytest.raises(NotificationRefused, match="too old, or from the future"):
        account().read_notification(body, signed(body), now=AT + timedelta(seconds=seconds))


GOOD = VECTOR.partition("v1=")[2]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"v1={GOOD}",
        "t=1700000000",
        "t=1700000000,v1=",
        f"t=1700000000,v0={GOOD}",
        f"t=1700000001,v1={GOOD}",
        f"t=,v1={GOOD}",
        f"t=1700000000,t=1700000000,v1={GOOD}",
        f"t=\u0661700000000,v1={GOOD}",
        f"t={'9' * 5000},v1={GOOD}",
        f"t=-1700000000,v1={GOOD}",
        f"t=1700000000,v1={GOOD[:-1]}",
        f"t=1700000000,v1={GOOD.upper()}",
        "t=1700000000,v1=\udcffé",
    ],
)
def test_any_other_header_is_refused(header: str) -> None:
    with pytest.raises(NotificationRefused):
        webhooks.verify(BODY, {"Stripe-Signature": header}, secrets=[SECRET], now=AT)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_nobody_can_sign_with_a_secret_that_is_not_set(secrets: list[str]) -> None:
    with pytest.raises(NotificationRefused):
        webhooks.verify(BODY, signed(BODY, ""), secrets=secrets, now=AT)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"object": "event"',
        b"\xff\xfe",
        event("customer.created", {}, object="v2.core.event"),
        event("customer.created", {}, livemode=None),
        event("customer.created", {}, id=""),
        event("customer.created", {}, type=None),
        event("customer.created", {}, created="yesterday"),
        event("customer.created", {}, created=10**30),
    ],
)
def test_what_is_signed_but_no_event_is_refused(body: bytes) -> None:
    headers = {"Stripe-Signature": f"t=1700000000,v1={_hmac(body)}"}
    with pytest.raises(NotificationRefused):
        account().read_notification(body, headers, now=AT)


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (event("payment_intent.succeeded", {}, data=None), "the event is about nothing"),
        (event("payment_intent.succeeded", {}, data={"object": "pi_1"}), "the event is about nothing"),
        (
            event("payment_intent.succeeded", {"object": "payment_intent", "id": "pi_1", "status": "succeeded"}),
            "an amount is not an integer and a currency",
        ),
        (event("payment_intent.succeeded", {"object": "charge"}), "the answer is not a payment intent"),
        (
            event(
                "refund.updated", {"object": "refund", "id": "re_1", "status": "new", "amount": 1, "currency": "usd"}
            ),
            "the refund has a status that is not known",
        ),
    ],
)
def test_an_event_that_cannot_be_understood_says_why(body: bytes, problem: str) -> None:
    told = heard(body)
    assert (told.event_key, told.problem, told.outcome) == ("evt_1", problem, None)
    assert told.kind is not EventKind.UNUSED


@pytest.mark.parametrize(
    ("version", "understood"),
    [
        ("2025-03-31.basil", True),
        ("2026-10-28.endive", True),
        ("2027-01-27.preview", True),
        ("2025-02-24.acacia", False),
        ("2015-10-16", False),
        ("unstable", False),
        (None, False),
    ],
)
def test_only_versions_of_the_api_that_tell_the_truth_about_refunds_are_understood(
    version: str | None,
    understood: bool,  # noqa: FBT001
) -> None:
    refund = {"object": "refund", "id": "re_1", "status": "succeeded", "amount": 100, "currency": "usd"}
    told = heard(event("refund.created", refund, api_version=version))
    assert (told.outcome is not None, told.problem == "") == (understood, understood)
    assert heard(event("customer.created", {}, api_version=version)).problem == "", "nothing acts on it"


def _hmac(body: bytes) -> str:
    """Stripe's helper signs text only; bodies that are no text are signed here."""
    return hmac.new(SECRET.encode(), b"1700000000." + body, hashlib.sha256).hexdigest()


def test_an_event_of_the_other_environment_is_refused() -> None:
    live = event("customer.created", {}, livemode=True)
    with pytest.raises(NotificationRefused, match="other environment"):
        account().read_notification(live, signed(live), now=AT)
    assert account(livemode=True).read_notification(live, signed(live), now=AT)


def test_what_was_verified_once_is_translated_again_however_old_it_is() -> None:
    body = event("customer.created", {})
    assert account().translate_notification(body) == [heard(body)]


# --- what is understood: Stripe's fixtures ---


@pytest.fixture(scope="module")
def fixtures() -> dict[str, Any]:
    """Stripe's published sample objects."""
    if not FIXTURES.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{FIXTURES} is missing")
        pytest.skip(f"Stripe's published sample objects are not at {FIXTURES}")
    resources: dict[str, Any] = json.loads(FIXTURES.read_text())["resources"]
    return resources


PAYMENTS: Final = [
    ("payment_intent.succeeded", {"status": "succeeded", "amount_received": 1099}, Verdict.APPROVED, True, "10.99"),
    (
        "payment_intent.amount_capturable_updated",
        {"status": "requires_capture", "amount_capturable": 1099},
        Verdict.APPROVED,
        False,
        "10.99",
    ),
    ("payment_intent.processing", {"status": "processing"}, Verdict.PENDING, False, "10.99"),
    (
        "payment_intent.requires_action",
        {
            "status": "requires_action",
            "next_action": {"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.example"}},
        },
        Verdict.ACTION_REQUIRED,
        False,
        "10.99",
    ),
    ("payment_intent.payment_failed", {"status": "requires_payment_method"}, Verdict.DECLINED, False, None),
    ("payment_intent.canceled", {"status": "canceled"}, Verdict.CANCELED, False, None),
]


@pytest.mark.parametrize(("kind", "change", "verdict", "captured", "amount"), PAYMENTS, ids=[p[0] for p in PAYMENTS])
def test_every_event_about_a_payment(
    fixtures: dict[str, Any],
    kind: str,
    change: dict[str, Any],
    verdict: Verdict,
    captured: bool,  # noqa: FBT001
    amount: str | None,
) -> None:
    intent = copy.deepcopy(fixtures["payment_intent"]) | change | {"metadata": {"attempt": "att_1", "order": "7"}}
    told = heard(event(kind, intent))

    assert (told.kind, told.type, told.event_key) == (EventKind.PAYMENT_UPDATED, kind, "evt_1")
    assert (told.reference, told.provider_reference, told.modification_reference) == ("att_1", intent["id"], "")
    assert told.occurred_at == datetime.fromtimestamp(1_699_999_990, UTC)
    assert told.outcome is not None
    assert (told.outcome.verdict, told.outcome.captured) == (verdict, captured)
    assert told.outcome.amount == (Money(amount, "USD") if amount else None)


REFUNDS: Final = [
    ("refund.created", {"status": "pending"}, Verdict.PENDING),
    ("refund.updated", {"status": "succeeded"}, Verdict.APPROVED),
    ("charge.refund.updated", {"status": "succeeded"}, Verdict.APPROVED),
    ("refund.failed", {"status": "failed", "failure_reason": "expired_or_canceled_card"}, Verdict.DECLINED),
]


@pytest.mark.parametrize(("kind", "change", "verdict"), REFUNDS, ids=[r[0] for r in REFUNDS])
def test_every_event_about_a_refund(
    fixtures: dict[str, Any], kind: str, change: dict[str, Any], verdict: Verdict
) -> None:
    known = {"payment_intent": "pi_1", "metadata": {"refund": "re_ours"}}
    refund = copy.deepcopy(fixtures["refund"]) | known | change
    told = heard(event(kind, refund))

    assert (told.kind, told.reference) == (EventKind.REFUND_UPDATED, "re_ours")
    assert (told.provider_reference, told.modification_reference) == ("pi_1", refund["id"])
    assert told.outcome is not None
    assert (told.outcome.verdict, told.outcome.amount) == (verdict, Money("1.00", "USD"))
    closed = DECLINES["refund_method_closed"]
    assert told.outcome.decline == (closed if verdict is Verdict.DECLINED else None)


def test_a_refund_made_outside_has_no_reference_of_ours(fixtures: dict[str, Any]) -> None:
    told = heard(event("refund.created", fixtures["refund"]))
    assert (told.kind, told.reference, told.provider_reference) == (EventKind.REFUND_UPDATED, "", "")
    assert told.modification_reference == fixtures["refund"]["id"]


def test_every_other_object_that_stripe_may_ever_tell_of_is_unused_and_no_error(fixtures: dict[str, Any]) -> None:
    others = {name: resource for name, resource in fixtures.items() if f"{name}.updated" not in webhooks.KINDS}
    assert len(others) > 100
    for name, resource in others.items():
        told = heard(event(f"{name}.updated", resource))
        assert (told.kind, told.outcome) == (EventKind.UNUSED, None), name


def test_stripes_own_sample_event_is_kept_and_unused(fixtures: dict[str, Any]) -> None:
    told = heard(json.dumps(fixtures["event"]).encode())
    assert (told.kind, told.type, told.event_key) == (EventKind.UNUSED, "plan.created", fixtures["event"]["id"])


# --- what the simulator sends ---


@pytest.fixture
def mailbox(simulator: str) -> Iterator[tuple[StripeBench, relay.Relay]]:
    """A Stripe whose webhooks arrive here."""
    control = benches.Simulator(simulator)
    control.calm()
    with relay.Relay() as inbox:
        yield benches.StripeBench(control, webhook_url=f"{inbox.url}/hook", account="stripe-mailbox"), inbox
        control.ask("PUT", "accounts/stripe-mailbox", {"webhook_url": "http://127.0.0.1:9/nowhere"})


def test_notifications_that_really_arrive_are_read(mailbox: tuple[StripeBench, relay.Relay]) -> None:
    bench, inbox = mailbox
    for _ in range(60):
        inbox.answer("POST /hook", 200, b"")
    request = authorize(bench)
    paid = bench.connector().authorize(request)

    told = [
        bench.connector().read_notification(passed.body, passed.headers, now=bench.simulator.now())[0]
        for passed in inbox.until(lambda: any(b'"payment_intent.succeeded"' in p.body for p in inbox.passed))
    ]
    [succeeded] = [told for told in told if told.kind is EventKind.PAYMENT_UPDATED]
    assert (succeeded.reference, succeeded.provider_reference) == (request.reference, paid.provider_reference)
    assert succeeded.outcome is not None
    assert (succeeded.outcome.verdict, succeeded.outcome.amount) == (Verdict.APPROVED, paid.amount)
    assert {t.kind for t in told} == {EventKind.PAYMENT_UPDATED, EventKind.UNUSED}
