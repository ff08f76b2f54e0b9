"""What goes over the wire to Adyen: its published schemas, our keys, any address unrewritten, no secrets in logs."""

import json
import logging
import os
import re
import urllib.request
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import Adyen
import jsonschema_rs
import pytest
import requests
from moneyed import Money

from payments.connectors import http
from payments.connectors.adyen import connector, transport
from payments.connectors.base import Authorize, Cancel, Complete, Line, Outcome, Shopper, Verdict
from payments.kernel import clock, ids, money
from payments.kernel.errors import Bug
from payments.methods import catalogue
from tests.connectors import adyen_bench
from tests.connectors.adyen_bench import AdyenBench, fields
from tests.connectors.benches import adjust_of, authorize, cancel_of, capture_of, eur, refund_of, reversal_of
from tests.connectors.relay import Passed, Relay
from tests.stories.methods import ROWS

SPEC: Final = Path(__file__).resolve().parents[3] / "shared/reference/specs/adyen-checkout.openapi.json"
BROWSER: Final = {
    "accept_header": "*/*",
    "color_depth": 24,
    "java_enabled": False,
    "language": "nl-NL",
    "screen_height": 800,
    "screen_width": 1200,
    "time_zone_offset": -60,
    "user_agent": "Mozilla/5.0",
    "channel": "Web",
    "origin": "https://shop.example",
    "plugins": "none of Adyen's business",
}
SHOPPER: Final = Shopper(
    reference="cus_0199a1b2",
    email="ada@example.org",
    name="Ada King Lovelace",
    country="NL",
    locale="nl-NL",
    ip="192.0.2.7",
)
Schema = dict[str, Any]


@pytest.fixture(scope="module")
def spec() -> Schema:
    """Adyen's OpenAPI document, closed: a field that it does not know is a mistake."""
    if not SPEC.exists():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{SPEC} is missing")
        pytest.skip(f"Adyen's OpenAPI document is not at {SPEC}")
    document: Schema = json.loads(SPEC.read_text())
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    return document


def operation(passed: Passed) -> str:
    """The documented path of a request."""
    path = passed.path.removeprefix(adyen_bench.PATH)
    return re.sub(
        r"^/payments/[^/]+/(captures|refunds|cancels|amountUpdates|reversals)$",
        r"/payments/{paymentPspReference}/\1",
        path,
    )


def judge(spec: Schema, passed: Passed) -> None:
    """Fail when the request is not one that Adyen documents."""
    documented = spec["paths"][operation(passed)][passed.method.lower()]
    schema = documented["requestBody"]["content"]["application/json"]["schema"]
    jsonschema_rs.validate({**schema, "components": spec["components"]}, json.loads(passed.body))


def body(passed: Passed) -> dict[str, Any]:
    sent: dict[str, Any] = json.loads(passed.body)
    return sent


def everything(bench: AdyenBench, wire: Relay) -> None:
    """Every request that the connector can make."""
    adyen = bench.connector(base_url=wire.url)
    rich: Schema = {"browser": BROWSER, "shopper": SHOPPER, "metadata": {"order": "A-1001"}, "save": True}
    reserved = adyen.authorize(authorize(bench, capture=False, **rich))
    adyen.adjust(adjust_of(reserved))
    adyen.capture(replace(capture_of(reserved, "20.00"), lines=LINES))
    adyen.refund(replace(refund_of(reserved, "5.00"), lines=LINES))
    waiting = adyen.authorize(authorize(bench, "challenge"))
    adyen.complete_action(complete(waiting, bench.challenge(waiting, passed=True)))
    adyen.cancel(cancel_of(reserved, "att_1"))
    adyen.reverse(reversal_of(reserved))
    adyen.cancel(cancel_of(waiting, "att_1"))
    adyen.authorize(authorize(bench, off_session=True))
    adyen.authorize(klarna(bench))
    adyen.authorize(authorize(bench, **as_("blik"), details={"code": "777123"}, amount=Money("30.00", "PLN")))
    adyen.authorize(authorize(bench, saved_token="TOKEN1", shopper=SHOPPER))


def as_(method: str) -> dict[str, Any]:
    """What the catalogue says of a method at Adyen, as far as a request needs it."""
    offer = catalogue.offer(method, "adyen")
    names = ("type", "fields", "from_shopper", "always")
    return {name: getattr(offer, name) for name in names}


def test_a_client_says_what_its_fields_made_and_nothing_else(adyen: AdyenBench, wire: Relay) -> None:
    details = {**fields(), "storedPaymentMethodId": "of somebody else", "number": "4111111111111111"}
    ours = adyen.connector(base_url=wire.url)
    ours.authorize(authorize(adyen, details=details))
    ours.authorize(authorize(adyen, token="TOKEN1", details=details, shopper=SHOPPER))
    ours.authorize(authorize(adyen, **as_("boleto"), details={"tax_id": "00000000000"}, amount=Money("30.00", "BRL")))
    card, stored, boleto = (json.loads(passed.body) for passed in wire.passed)
    assert card["paymentMethod"] == {"type": "scheme", **fields()}
    assert stored["paymentMethod"] == {"type": "scheme", "storedPaymentMethodId": "TOKEN1"}
    assert (boleto["paymentMethod"], boleto["socialSecurityNumber"]) == ({"type": "boletobancario"}, "00000000000")


def complete(waiting: Outcome, details: Any) -> Complete:
    return Complete(key=ids.uuid7().hex, provider_reference=waiting.provider_reference, details=details)


LINES = (
    Line(sku="MUG", name="Blue mug", quantity=2, amount=eur("20.00"), tax=eur("3.48")),
    Line(sku="PEN", name="Pen", quantity=3, amount=eur("10.00"), tax=eur("1.74")),
)


def klarna(bench: AdyenBench) -> Authorize:
    return authorize(bench, type="klarna", details={}, shopper=SHOPPER, lines=LINES)


def test_a_payment_with_any_method_is_one_that_adyen_documents(adyen: AdyenBench, wire: Relay, spec: Schema) -> None:
    ours = adyen.connector(base_url=wire.url)
    for code, row in ROWS.items():
        amount = money.from_minor(row.amount, row.currency)
        given = {"details": {}, **row.given.get("adyen", {})}
        outcome = ours.authorize(authorize(adyen, **as_(code), amount=amount, shopper=SHOPPER, **given))
        assert outcome.verdict in (Verdict.APPROVED, Verdict.ACTION_REQUIRED, Verdict.PENDING), code
    for passed in wire.passed:
        judge(spec, passed)


def test_every_request_is_one_that_adyen_documents(adyen: AdyenBench, wire: Relay, spec: Schema) -> None:
    everything(adyen, wire)

    changes = ("captures", "refunds", "cancels", "amountUpdates", "reversals")
    of_a_payment = {f"/payments/{{paymentPspReference}}/{change}" for change in changes}
    expected = {"/payments", "/payments/details", "/cancels", *of_a_payment}
    assert {operation(passed) for passed in wire.passed} == expected
    for passed in wire.passed:
        judge(spec, passed)


def test_the_judge_would_notice(adyen: AdyenBench, wire: Relay, spec: Schema) -> None:
    adyen.connector(base_url=wire.url).authorize(authorize(adyen))
    good = body(wire.passed[0])
    for spoilt in (
        {**good, "merchantAcount": "typo"},
        {**good, "amount": {"currency": "EUR", "value": "3000"}},
        {**good, "recurringProcessingModel": "Sometimes"},
        {name: value for name, value in good.items() if name != "reference"},
    ):
        passed = Passed("POST", wire.passed[0].path, "", {}, json.dumps(spoilt).encode())
        with pytest.raises(jsonschema_rs.ValidationError):
            judge(spec, passed)


def test_every_request_carries_our_key_and_no_other_address_is_spoken_to(adyen: AdyenBench, wire: Relay) -> None:
    request = authorize(adyen, capture=False)
    ours = adyen.connector(base_url=wire.url)
    outcome = ours.authorize(request)
    capture, refund = capture_of(outcome), refund_of(outcome)
    ours.capture(capture)
    ours.refund(refund)

    keys = [passed.headers.get("Idempotency-Key") for passed in wire.passed]
    assert keys == [request.key, capture.key, refund.key]
    assert {passed.headers["x-api-key"] for passed in wire.passed} == {adyen.api_key}
    assert {passed.headers["Content-Type"] for passed in wire.passed} == {"application/json"}


RESERVED: Final = {"manualCapture": "true", "authorisationType": "PreAuth"}


@pytest.mark.parametrize(("capture", "said"), [(True, {"captureDelayHours": 0}), (False, {"additionalData": RESERVED})])
def test_the_capture_mode_is_always_said(
    adyen: AdyenBench,
    wire: Relay,
    capture: bool,  # noqa: FBT001
    said: dict[str, Any],
) -> None:
    request = authorize(adyen, capture=capture, metadata={"order": "7"})
    adyen.connector(base_url=wire.url).authorize(request)

    assert body(wire.passed[0]) == {
        "merchantAccount": adyen.merchant_account,
        "amount": {"currency": "EUR", "value": 3000},
        "reference": request.reference,
        "paymentMethod": {"type": "scheme", **adyen_bench.fields()},
        "returnUrl": request.return_url,
        "shopperInteraction": "Ecommerce",
        "metadata": {"order": "7"},
        **said,
    }


def test_who_pays_and_with_what_browser(adyen: AdyenBench, wire: Relay) -> None:
    adyen.connector(base_url=wire.url).authorize(authorize(adyen, browser=BROWSER, shopper=SHOPPER, save=True))
    sent = body(wire.passed[0])

    assert sent["shopperName"] == {"firstName": "Ada", "lastName": "King Lovelace"}
    assert (sent["shopperReference"], sent["countryCode"], sent["shopperIP"]) == ("cus_0199a1b2", "NL", "192.0.2.7")
    assert (sent["channel"], sent["origin"]) == ("Web", "https://shop.example")
    assert sent["browserInfo"]["timeZoneOffset"] == -60
    assert "plugins" not in sent["browserInfo"]
    assert (sent["storePaymentMethod"], sent["recurringProcessingModel"]) == (True, "CardOnFile")


def test_a_stored_method_is_charged_with_the_customer_or_without(adyen: AdyenBench, wire: Relay) -> None:
    ours = adyen.connector(base_url=wire.url)
    saved = ours.authorize(authorize(adyen, shopper=SHOPPER, save=True)).saved
    assert saved is not None
    assert (saved.brand, saved.last4, saved.exp_month, saved.exp_year) == ("visa", "1111", 3, 2030)
    again: Schema = {"details": {}, "saved_token": saved.token, "shopper": SHOPPER}
    outcomes = [ours.authorize(authorize(adyen, **again, off_session=alone)) for alone in (False, True)]

    assert [outcome.verdict for outcome in outcomes] == [Verdict.APPROVED] * 2
    sent = [body(passed) for passed in wire.passed[1:]]
    assert [each["paymentMethod"] for each in sent] == [{"type": "scheme", "storedPaymentMethodId": saved.token}] * 2
    assert [each["shopperInteraction"] for each in sent] == ["ContAuth", "ContAuth"]
    assert [each["recurringProcessingModel"] for each in sent] == ["CardOnFile", "UnscheduledCardOnFile"]


def test_a_lender_sees_the_lines_to_the_cent(adyen: AdyenBench, wire: Relay) -> None:
    adyen.connector(base_url=wire.url).authorize(klarna(adyen))
    lines = body(wire.passed[0])["lineItems"]

    assert [(line["description"], line["quantity"], line["amountIncludingTax"]) for line in lines] == [
        ("Blue mug", 2, 1000),
        ("3 × Pen", 1, 1000),
    ]
    assert sum(line["quantity"] * line["amountIncludingTax"] for line in lines) == 3000
    assert all(line["amountExcludingTax"] + line["taxAmount"] == line["amountIncludingTax"] for line in lines)


# --- the SDK's traps ---


def test_references_with_live_or_test_in_them_stay_as_they_are(adyen: AdyenBench, wire: Relay) -> None:
    payment = Outcome(verdict=Verdict.APPROVED, provider_reference="AB-live1-test2/3?x")
    adyen.connector(base_url=wire.url).capture(capture_of(payment))

    assert wire.passed[0].path == f"{adyen_bench.PATH}/payments/AB-live1-test2%2F3%3Fx/captures"


def test_neither_requests_nor_urllib_opens_a_connection(adyen: AdyenBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("the SDK's own transport was used")

    ours = adyen.connector()
    with monkeypatch.context() as patch:
        patch.setattr(requests, "request", never)
        patch.setattr(urllib.request, "urlopen", never)
        outcome = ours.authorize(authorize(adyen))

    assert outcome.verdict is Verdict.APPROVED


def test_the_sdk_cannot_make_a_client_of_its_own() -> None:
    client: Any = transport._Client(transport.Transport(http.INTERACTIVE, "adyen-eu"), "AQE")
    with pytest.raises(Bug):
        client._init_http_client()


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, b""),
        (200, b"<html>"),
        (200, {}),
        (200, []),
        (200, {"resultCode": "Authorised"}),
        (204, b""),
        (206, {"resultCode": "Authorised", "pspReference": "PSP1", "amount": {"currency": "EUR", "value": 3000}}),
        (302, b""),
        (500, []),
        (502, b"<html>"),
        (404, b"<html>"),
        (422, {"errorCode": "704", "errorType": "validation"}),
    ],
    ids=str,
)
def test_an_answer_that_says_nothing_proves_nothing(adyen: AdyenBench, wire: Relay, status: int, answer: Any) -> None:
    wire.answer("/payments", status, answer)
    assert adyen.connector(base_url=wire.url).authorize(authorize(adyen)).verdict is Verdict.UNKNOWN


def test_an_answer_of_another_merchant_account_is_not_believed(adyen: AdyenBench, wire: Relay) -> None:
    received = {"status": "received", "pspReference": "M1", "merchantAccount": "SomebodyElse"}
    wire.answer("/cancels", 201, received)
    outcome = adyen.connector(base_url=wire.url).cancel(
        Cancel(key=ids.uuid7().hex, provider_reference="", reason="", reference="att_1")
    )
    assert outcome.verdict is Verdict.UNKNOWN


def test_the_pooled_connection_is_used_again(adyen: AdyenBench, wire: Relay) -> None:
    ports: set[Any] = set()
    handler: Any = wire._server.RequestHandlerClass
    original = handler._pass

    def noted(self: Any) -> None:
        ports.add(self.client_address[1])
        original(self)

    handler.do_POST = noted
    ours = adyen.connector(base_url=wire.url)
    for _ in range(3):
        ours.authorize(authorize(adyen))
    assert len(ports) == 1


def test_a_key_that_adyen_cannot_take_is_our_bug(adyen: AdyenBench) -> None:
    with pytest.raises(Bug):
        adyen.connector().authorize(authorize(adyen, key="k" * 65))
    assert len(ids.new("call")) <= connector.KEY_LENGTH, "our own fit"


def test_neither_logs_nor_outcomes_tell_a_secret(
    adyen: AdyenBench, wire: Relay, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    outcomes: list[Outcome] = []
    ours = adyen.connector(base_url=wire.url)
    told_off = {"errorCode": "000", "errorType": "security", "message": f"no {adyen.api_key} for Ada Lovelace"}
    for status in (200, 400, 401, 422, 500):
        if status != 200:
            wire.answer("/payments", status, told_off)
        outcomes.append(ours.authorize(authorize(adyen)))
    outcomes.append(ours.find(authorize(adyen), provider_reference="", sent_at=clock.now() - timedelta(days=1)))

    told = caplog.text + repr(outcomes) + repr(ours.__dict__["_settings"]) + "".join(capfd.readouterr())
    for secret in (adyen.api_key, adyen.hmac_key, "Lovelace", "4111111111111111"):
        assert secret not in told
    assert f"Adyen refuses the API key of the account {adyen.account}: HTTP 401" in caplog.text


# --- where it answers ---


@pytest.mark.parametrize(
    ("livemode", "region", "address", "environment"),
    [
        (False, "", "https://checkout-test.adyen.com/v72", "test"),
        (True, "", "https://1797a841fbb37ca7-Co-checkout-live.adyenpayments.com/checkout/v72", "live"),
        (True, "us", "https://1797a841fbb37ca7-Co-checkout-live-us.adyenpayments.com/checkout/v72", "live-us"),
    ],
)
def test_without_a_base_url_it_is_adyen_itself(livemode: bool, region: str, address: str, environment: str) -> None:  # noqa: FBT001
    settings = connector.Settings(
        account="adyen-eu",
        api_key="AQE",
        client_key="live_x",
        hmac_keys=("00",),
        merchant_account="M",
        base_url=None,
        livemode=livemode,
        interactive=False,
        live_prefix="1797a841fbb37ca7-Co",
        region=region,
    )
    ours = connector.AdyenConnector(settings)

    assert ours._services.payments.baseUrl == ours._services.modifications.baseUrl == address
    assert ours.client_options() == {"client_key": "live_x", "environment": environment}
    sdk = Adyen.Adyen(platform="live", live_endpoint_prefix="1797a841fbb37ca7-Co")
    if livemode and not region:
        rewritten = sdk.client._determine_api_url("live", sdk.checkout.payments_api.baseUrl)
        assert rewritten == address, "the SDK's own rule"


def test_a_live_account_needs_its_prefix() -> None:
    with pytest.raises(Bug, match="prefix"):
        transport.address(livemode=True, prefix="", region="")
