"""What goes over the wire to Stripe: its published schemas, our keys, any base address, and no secrets in logs."""

import json
import logging
import os
import re
import urllib.parse
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import jsonschema_rs
import pytest
import stripe as sdk

from payments.connectors.base import Complete, Outcome, Shopper, Verdict
from payments.connectors.stripe import connector
from payments.kernel import ids, money
from payments.kernel.errors import Bug
from payments.methods import catalogue
from tests.connectors.benches import (
    RETURN_URL,
    StripeBench,
    authorize,
    cancel_of,
    capture_of,
    refund_of,
)
from tests.connectors.relay import Passed, Relay
from tests.stories.methods import ROWS

SPEC: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs/stripe-payments.endive-overlay.openapi.json"
FORM: Final = "application/x-www-form-urlencoded"
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Schema:
    """Stripe's OpenAPI document."""
    if not SPEC.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SPEC} is missing")
        pytest.skip(f"Stripe's OpenAPI document is not at {SPEC}")
    document: Schema = json.loads(SPEC.read_text())
    return document


def nested(body: bytes) -> dict[str, Any]:
    """a[b]=1&c[0]=2 -> {"a": {"b": "1"}, "c": {"0": "2"}}, as Stripe's form encoding means it."""
    whole: dict[str, Any] = {}
    for name, value in urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True):
        *path, last = re.findall(r"[^\[\]]+", name)
        place = whole
        for step in path:
            place = place.setdefault(step, {})
        assert last not in place, f"{name} is sent twice"
        place[last] = value
    return whole


def typed(value: Any, schema: Schema) -> Any:
    """A form has only text: read it as the schema's type, so that the schema can judge it."""
    for choice in schema.get("anyOf", ()):
        candidate = typed(value, choice)
        if jsonschema_rs.is_valid(choice, candidate):
            return candidate
    match schema.get("type"):
        case "object" if isinstance(value, dict):
            known = schema.get("properties", {})
            return {name: typed(item, known.get(name, {})) for name, item in value.items()}
        case "array" if isinstance(value, dict):
            return [typed(item, schema["items"]) for _, item in sorted(value.items())]
        case "integer" if isinstance(value, str) and value.isdigit():
            return int(value)
        case "boolean" if value in ("true", "false"):
            return value == "true"
    return value


def operation(spec: Schema, passed: Passed) -> Schema:
    """The documented operation of a request; there must be one."""
    candidates = [path for path in spec["paths"] if re.fullmatch(re.sub(r"\{\w+\}", r"[^/]+", path), passed.path)]
    exact = [path for path in candidates if path == passed.path] or candidates
    found: Schema = spec["paths"][exact[0]][passed.method.lower()]
    return found


def judge(spec: Schema, passed: Passed) -> None:
    """Fail when the request is not one that Stripe documents."""
    documented = operation(spec, passed)
    if passed.method == "POST":
        schema = documented["requestBody"]["content"][FORM]["schema"]
        sent = typed(nested(passed.body), schema)
    else:
        parameters = [p for p in documented.get("parameters", ()) if p["in"] == "query"]
        properties = {parameter["name"]: parameter["schema"] for parameter in parameters}
        needed = [parameter["name"] for parameter in parameters if parameter["required"]]
        schema = {"type": "object", "properties": properties, "required": needed, "additionalProperties": False}
        sent = typed(nested(passed.query.encode()) if passed.query else {}, schema)
    jsonschema_rs.validate(schema, sent)


def everything(bench: StripeBench, wire: Relay) -> None:
    """Every request that the connector can make."""
    stripe = bench.connector(base_url=wire.url)
    metadata = {"order": "A-1001", "brand": "north & söuth = ä"}
    reserved = stripe.authorize(authorize(bench, capture=False, description="Order A-1001", metadata=metadata))
    stripe.capture(capture_of(reserved, "20.00"))
    stripe.refund(refund_of(reserved, "5.00"))
    waiting = stripe.authorize(authorize(bench, "challenge"))
    key = ids.uuid7().hex
    stripe.complete_action(Complete(key=key, provider_reference=waiting.provider_reference, details={}))
    stripe.cancel(cancel_of(waiting))
    alone = authorize(bench, off_session=True, return_url="")
    stripe.authorize(alone)
    long_ago = ids.moment(ids.uuid7()).replace(year=2020)
    stripe.find(alone, provider_reference="", sent_at=long_ago)
    stripe.find(refund_of(reserved), provider_reference="", sent_at=long_ago)


def test_every_request_is_one_that_stripe_documents(stripe_bench: StripeBench, wire: Relay, spec: Schema) -> None:
    everything(stripe_bench, wire)

    made = {operation(spec, passed)["operationId"] for passed in wire.passed}
    assert made == {
        "PostPaymentIntents",
        "PostPaymentIntentsIntentConfirm",
        "PostPaymentIntentsIntentCapture",
        "PostPaymentIntentsIntentCancel",
        "PostRefunds",
        "GetPaymentIntentsIntent",
        "GetPaymentIntentsSearch",
        "GetRefunds",
    }
    for passed in wire.passed:
        judge(spec, passed)


def test_a_payment_with_any_method_is_one_that_stripe_documents(
    stripe_bench: StripeBench, wire: Relay, spec: Schema
) -> None:
    ours = stripe_bench.connector(base_url=wire.url)
    shopper = Shopper(reference="cus_1", email="ada@example.com", name="Ada Lovelace", country="DE")
    for code, row in ROWS.items():
        offer = catalogue.offer(code, "stripe")
        asked = {
            "amount": money.from_minor(row.amount, row.currency),
            "type": offer.type,
            "token": "",
            "fields": offer.fields,
            "always": offer.always,
            "expires_after_days": offer.expires_after_days,
            **row.given.get("stripe", {}),
        }
        outcome = ours.authorize(authorize(stripe_bench, shopper=shopper, **asked))
        assert outcome.verdict in (Verdict.APPROVED, Verdict.ACTION_REQUIRED, Verdict.PENDING), code
    confirmed = {}
    for passed in wire.passed:
        judge(spec, passed)
        if passed.path.endswith("/confirm"):
            said = nested(passed.body)
            confirmed[said.get("payment_method_data", {}).get("type", "card")] = said
    assert confirmed["boleto"]["payment_method_data"] == {
        "type": "boleto",
        "boleto": {"tax_id": "00000000000"},
        "billing_details": {
            "email": "ada@example.com",
            "name": "Ada Lovelace",
            "address": {
                "country": "DE",
                "line1": "Av. Paulista 1",
                "city": "São Paulo",
                "state": "SP",
                "postal_code": "01310-100",
            },
        },
    }
    assert confirmed["boleto"]["payment_method_options"] == {"boleto": {"expires_after_days": "3"}}
    assert confirmed["blik"]["payment_method_options"] == {"blik": {"code": "777123"}}


def test_the_judge_would_notice(stripe_bench: StripeBench, wire: Relay, spec: Schema) -> None:
    stripe_bench.connector(base_url=wire.url).authorize(authorize(stripe_bench))
    create = wire.passed[0]
    for body in (
        create.body + b"&payment_method_types[0]=card",
        create.body + b"&confirm=maybe",
        create.body.replace(b"capture_method=automatic", b"capture_method=later"),
        create.body.replace(b"amount=3000", b"amount=30.00"),
    ):
        assert body != create.body
        with pytest.raises(jsonschema_rs.ValidationError):
            judge(spec, Passed(create.method, create.path, "", {}, body))


def test_every_post_carries_a_key_derived_from_ours_and_the_pinned_version(
    stripe_bench: StripeBench, wire: Relay
) -> None:
    request = authorize(stripe_bench, capture=False)
    stripe = stripe_bench.connector(base_url=wire.url)
    outcome = stripe.authorize(request)
    capture, refund = capture_of(outcome), refund_of(outcome)
    stripe.capture(capture)
    stripe.refund(refund)

    assert [passed.headers.get("Idempotency-Key") for passed in wire.passed] == [
        f"{request.key}-create",
        f"{request.key}-confirm",
        f"{capture.key}-capture",
        f"{refund.key}-refund",
    ]
    assert {passed.headers["Stripe-Version"] for passed in wire.passed} == {"2026-10-28.endive"}
    assert not any("X-Stripe-Client-Telemetry" in passed.headers for passed in wire.passed)


@pytest.mark.parametrize(("capture", "said"), [(True, "automatic"), (False, "manual")])
def test_the_capture_mode_is_always_said_and_confirming_is_a_request_of_its_own(
    stripe_bench: StripeBench,
    wire: Relay,
    capture: bool,  # noqa: FBT001
    said: str,
) -> None:
    request = authorize(stripe_bench, capture=capture, metadata={"attempt": "of somebody else", "order": "7"})
    stripe_bench.connector(base_url=wire.url).authorize(request)
    create, confirm = (nested(passed.body) for passed in wire.passed)

    assert create == {
        "amount": "3000",
        "currency": "eur",
        "capture_method": said,
        "payment_method": "pm_card_visa",
        "allowed_payment_method_types": {"0": "card"},
        "metadata": {"attempt": request.reference, "order": "7"},
    }
    assert confirm == {"return_url": RETURN_URL, "expand": {"0": "payment_method", "1": "latest_charge"}}


def test_any_server_that_speaks_stripe_will_do_under_any_path(stripe_bench: StripeBench, simulator: str) -> None:
    with Relay(simulator, prefix="/some/where/stripe") as elsewhere:
        outcome = stripe_bench.connector(base_url=elsewhere.url).authorize(authorize(stripe_bench))

    assert outcome.verdict is Verdict.APPROVED
    assert [passed.path.rpartition("/")[2] for passed in elsewhere.passed] == ["payment_intents", "confirm"]


def test_without_a_base_url_it_is_stripe_itself() -> None:
    settings = connector.Settings(
        account="stripe-eu",
        api_key="sk_live_x",
        publishable_key="pk_live_x",
        webhook_secrets=("whsec_x",),
        base_url=None,
        livemode=True,
        interactive=False,
    )
    assert sdk.DEFAULT_API_BASE == "https://api.stripe.com"
    assert connector.StripeConnector(settings).client_options() == {"publishable_key": "pk_live_x"}
    assert "sk_live_x" not in repr(settings)
    assert "whsec_x" not in repr(settings)


def test_neither_logs_nor_outcomes_tell_a_secret(
    stripe_bench: StripeBench,
    wire: Relay,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes: list[Outcome] = []
    stripe = stripe_bench.connector(base_url=wire.url)
    told_off = {"error": {"type": "invalid_request_error", "message": f"Invalid key {stripe_bench.api_key}"}}
    for status in (200, 400, 401, 402, 500):
        if status != 200:
            wire.answer("/confirm", status, told_off)
        outcomes.append(stripe.authorize(authorize(stripe_bench, description="for Ada Lovelace")))

    told = caplog.text + repr(outcomes) + "".join(capfd.readouterr())
    for secret in (stripe_bench.api_key, stripe_bench.webhook_secret, "Lovelace", "client_secret"):
        assert secret not in told
    assert "Stripe refuses the API key of the account stripe-contract: HTTP 401" in caplog.text


def test_a_key_that_stripe_cannot_take_is_our_bug(stripe_bench: StripeBench) -> None:
    with pytest.raises(Bug):
        stripe_bench.connector().authorize(authorize(stripe_bench, key="k" * 250))


def test_who_gave_a_mandate_for_every_debit_gives_it_once(stripe_bench: StripeBench, wire: Relay, spec: Schema) -> None:
    ours, offer = stripe_bench.connector(base_url=wire.url), catalogue.offer("sepa_debit", "stripe")
    shopper = Shopper(reference=f"cus_{ids.uuid7().hex}", email="ada@example.com", name="Ada Lovelace")
    details = {"iban": "DE89370400440532013000", "holder_name": "Ada Lovelace"}
    asked: Schema = {
        "amount": money.from_minor(3000, "EUR"), "type": offer.type, "token": "", "fields": offer.fields,
        "always": offer.always, "save": True, "unattended": True, "details": details,
    }  # fmt: skip
    first = ours.authorize(authorize(stripe_bench, shopper=shopper, **asked))
    assert first.verdict is Verdict.PENDING
    [made] = [nested(passed.body) for passed in wire.passed if passed.path.endswith("/confirm")]
    assert made["mandate_data"] == {"customer_acceptance": {"type": "offline"}}
    known_there: Any = ours
    token = known_there._client.v1.payment_intents.retrieve(first.provider_reference).payment_method
    again = {**asked, "save": False, "details": {}, "saved_token": str(token), "off_session": True}
    known = replace(shopper, payer=first.payer)
    assert ours.authorize(authorize(stripe_bench, shopper=known, **again)).verdict is Verdict.PENDING
    charged = [nested(passed.body) for passed in wire.passed if passed.path.endswith("/confirm")][-1]
    assert "mandate_data" not in charged
    assert charged["off_session"] == "true"
    for passed in wire.passed:
        judge(spec, passed)
