"""manage.py provider check: what is right is proved, and what is wrong is said in words that help to mend it."""

import io

import pytest
from django.core.management import CommandError, call_command

from config import embedded
from payments.gateway import accounts, limits
from payments.gateway.models import ProviderAccount
from tests import factories
from tests.connectors import relay


def check(code: str | None = None) -> tuple[str, dict[str, str]]:
    """What it complains of, and the last line of each setting."""
    out, complaint = io.StringIO(), ""
    try:
        call_command("provider", "check", *([code] if code else []), stdout=out, no_color=True)
    except CommandError as error:
        complaint = str(error)
    lines = [line[2:] for line in out.getvalue().splitlines() if line.startswith("  ")]
    return complaint, {line[6:24].strip(): f"{line[:6].strip()} {line[24:]}" for line in lines}


def test_accounts_that_are_set_up_well_are_proved(shop: factories.Shop) -> None:
    shop.paid()
    out = io.StringIO()
    call_command("provider", "check", stdout=out)
    text = out.getvalue()
    assert [line for line in text.splitlines() if not line.startswith("  ")] == [
        "adyen-apac: Adyen, test",
        "adyen-eu: Adyen, test",
        "stripe-eu: Stripe, test",
        "stripe-us: Stripe, test",
        "Every setting is proved.",
    ]
    _, found = check("stripe-us")
    assert found["API key"] == "ok may read payments"
    assert found["environment"] == "ok test"
    assert found["API version"].startswith("ok events are told in 2026-10-28")
    assert found["clock"] == "ok agrees with the PSP's"
    assert found["address"].endswith("ms)")
    assert found["disputes"].startswith("ok may be read")
    _, found = check("adyen-eu")
    assert found["merchant account"].startswith("ok Countinghouse_NL")
    assert found["disputes"] == "ok may be answered"


@pytest.mark.parametrize(
    ("variable", "value", "setting", "says"),
    [
        ("STRIPE_US_API_KEY", "sk_test_0123456789abcdef", "API key", "WRONG Stripe does not know it: take the test"),
        ("STRIPE_US_API_KEY", "sk_live_0123456789abcdef", "API key", "WRONG Stripe does not know it"),
        ("STRIPE_US_PUBLISHABLE_KEY", "pk_live_0123456789ab", "publishable key", "WRONG is not what the PSP makes"),
        ("STRIPE_US_WEBHOOK_SECRET", "whsec_x", "webhook secret", "WRONG is not what the PSP makes: whsec_…"),
        ("STRIPE_US_API_KEY", "", "environment", "WRONG the environment has no STRIPE_US_API_KEY"),
        ("ADYEN_EU_API_KEY", "AQEnobody", "API key", "WRONG Adyen does not know it in its test environment"),
        ("ADYEN_EU_MERCHANT_ACCOUNT", "Somebody_Else", "merchant account", "WRONG"),
        ("ADYEN_EU_HMAC_KEY", "not hexadecimal", "HMAC key", "WRONG is not what the PSP makes: 64 hexadecimal"),
        ("ADYEN_EU_REPORT_USER", "report@Company.Countinghouse:no", "report user", "WRONG HTTP 401 for payments_acc"),
        ("ADYEN_EU_REPORT_USER", "", "report user", "? none (…_REPORT_USER)"),
        ("ADYEN_EU_CLIENT_KEY", "live_0123456789AB", "client key", "WRONG is not what the PSP makes: test_…"),
    ],
)
def test_a_wrong_secret_is_named_and_never_shown(
    shop: factories.Shop, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, setting: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    code = "-".join(variable.split("_")[:2]).lower()
    complaint, found = check(code)
    assert "wrong, or could not be proved" in complaint
    assert found[setting].startswith(says)
    assert setting == "merchant account" or not value or value not in str(found)


def test_an_address_where_nobody_answers(shop: factories.Shop) -> None:
    ProviderAccount.objects.update(base_url=f"http://127.0.0.1:{embedded.free_port()}/")
    accounts.forget()
    complaint, found = check("stripe-us")
    assert found["base URL"] == "WRONG ends in a slash: every address would have two"
    assert found["address"].startswith("WRONG 127.0.0.1:")
    assert "ConnectionRefusedError" in found["address"] or "no connection" in found["address"]
    assert found["API key"].startswith("? not tried")
    assert complaint


def test_an_outage_is_no_wrong_key(shop: factories.Shop, sim: factories.Simulator) -> None:
    sim.scenario("payment_intents.list", "error_503_before")
    _, found = check("stripe-us")
    assert "HTTP 503: try again later" in found["address"]
    assert found["API key"].startswith("? not tried")


@pytest.mark.parametrize(
    ("status", "right"), [(401, False), (403, False), (404, True), (422, True), (500, None), (429, None)]
)
def test_a_key_that_may_not_answer_disputes_is_found_before_there_is_one(
    shop: factories.Shop,
    simulator: str,
    status: int,
    right: bool | None,  # noqa: FBT001
) -> None:
    with relay.Relay(simulator, prefix="/there") as wire:
        wire.answer("/retrieveApplicableDefenseReasons", status, {"errorCode": "010", "status": status})
        ProviderAccount.objects.filter(code="adyen-eu").update(base_url=f"{wire.url}/adyen/v72")
        accounts.forget()
        _, found = check("adyen-eu")
    said = {True: "ok", False: "WRONG", None: "?"}[right]
    assert found["disputes"].split()[0] == said


def test_an_account_that_nobody_has(shop: factories.Shop) -> None:
    assert check("paypal")[0] == "There is no provider account 'paypal'."
    assert "paypal" not in limits._limits
