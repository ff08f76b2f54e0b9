"""Stripe's documented test cards and what each of them does. Source: docs.stripe.com/testing."""

from dataclasses import dataclass

from payments.simulator import pan
from payments.simulator.stripe import errors


@dataclass(frozen=True, slots=True)
class Decline:
    """How an issuer (or Radar) says no."""

    code: str
    decline_code: str | None = None
    message: str = "Your card was declined."
    advice: str | None = None
    network: str | None = None
    kind: str = "issuer_declined"
    reason: str | None = None


GENERIC = Decline("card_declined", "generic_decline", advice="try_again_later", network="01")
FUNDS = Decline(
    "card_declined",
    "insufficient_funds",
    "Your card has insufficient funds.",
    advice="try_again_later",
    network="51",
)
LOST = Decline("card_declined", "lost_card", advice="do_not_try_again", network="41")
STOLEN = Decline("card_declined", "stolen_card", advice="do_not_try_again", network="43")
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
    advice="try_again_later",
    network="65",
)
EXPIRED = Decline("expired_card", None, "Your card has expired.", advice="do_not_try_again", network="54")
BAD_CVC = Decline(
    "incorrect_cvc", None, "Your card's security code is incorrect.", advice="confirm_card_data", network="N7"
)
PROCESSING = Decline(
    "processing_error",
    None,
    "An error occurred while processing your card. Try again in a little bit.",
    advice="try_again_later",
    network="96",
)
AUTHENTICATION = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
    network="1A",
)
FRAUD = Decline("card_declined", "fraudulent", advice="do_not_try_again", kind="blocked", reason="highest_risk_level")
OUTAGE = Decline("card_declined", "issuer_not_available", advice="try_again_later", network="91")
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    kind="invalid",
)


@dataclass(frozen=True, slots=True)
class Card:
    """One test card. `three_ds`: never, always, unless_setup, on_session, required, optional, lookup_error."""

    number: str
    brand: str = "visa"
    country: str = "US"
    funding: str = "credit"
    decline: Decline | None = None
    attachable: bool = True
    three_ds: str = "never"
    refund: str = "ok"
    disputes: tuple[str, ...] = ()
    fraud_warning: bool = False
    risk: str = "normal"
    bypass_pending: bool = False

    @property
    def last4(self) -> str:
        """The last four digits."""
        return self.number[-4:]


def _declined(number: str, decline: Decline) -> Card:
    return Card(number, decline=decline, attachable=False)


_VISA = Card("4242424242424242")
# How anything behaves that has no troubles of its own.
PLAIN = _VISA

CARDS: dict[str, Card] = {
    "visa": _VISA,
    "visa_debit": Card("4000056655665556", funding="debit"),
    "mastercard": Card("5555555555554444", "mastercard"),
    "mastercard_debit": Card("5200828282828210", "mastercard", funding="debit"),
    "mastercard_prepaid": Card("5105105105105100", "mastercard", funding="prepaid"),
    "amex": Card("378282246310005", "amex"),
    "discover": Card("6011111111111117", "discover"),
    "diners": Card("3056930009020004", "diners"),
    "jcb": Card("3566002020360505", "jcb"),
    "unionpay": Card("6200000000000005", "unionpay"),
    "visa_chargeDeclined": _declined("4000000000000002", GENERIC),
    "visa_chargeDeclinedInsufficientFunds": _declined("4000000000009995", FUNDS),
    "visa_chargeDeclinedLostCard": _declined("4000000000009987", LOST),
    "visa_chargeDeclinedStolenCard": _declined("4000000000009979", STOLEN),
    "visa_chargeDeclinedVelocityLimitExceeded": _declined("4000000000006975", VELOCITY),
    "chargeDeclinedExpiredCard": _declined("4000000000000069", EXPIRED),
    "chargeDeclinedIncorrectCvc": _declined("4000000000000127", BAD_CVC),
    "chargeDeclinedProcessingError": _declined("4000000000000119", PROCESSING),
    "chargeCustomerFail": Card("4000000000000341", decline=GENERIC),
    "authenticationRequired": Card("4000002760003184", three_ds="always"),
    "authenticationRequiredOnSetup": Card("4000002500003155", three_ds="unless_setup"),
    "authenticationRequiredSetupForOffSession": Card("4000003800000446", three_ds="on_session"),
    "authenticationRequiredChargeDeclinedInsufficientFunds": Card("4000008260003178", three_ds="always", decline=FUNDS),
    "threeDSecure2Required": Card("4000000000003220", three_ds="required"),
    "threeDSecureRequiredChargeDeclined": Card("4000008400001629", three_ds="required", decline=GENERIC),
    "threeDSecureRequiredProcessingError": Card("4000008400001280", three_ds="lookup_error"),
    "threeDSecureOptional": Card("4000000000003055", three_ds="optional"),
    "radarBlock": Card("4100000000000019", decline=FRAUD, risk="highest"),
    "riskLevelHighest": Card("4000000000004954", decline=FRAUD, risk="highest"),
    "riskLevelElevated": Card("4000000000009235", risk="elevated"),
    "createDispute": Card("4000000000000259", disputes=("fraudulent",)),
    "createDisputeProductNotReceived": Card("4000000000002685", disputes=("product_not_received",)),
    "createDisputeInquiry": Card("4000000000001976", disputes=("inquiry",)),
    "createIssuerFraudRecord": Card("4000000000005423", fraud_warning=True),
    "createMultipleDisputes": Card("4000000404000079", disputes=("product_not_received", "duplicate")),
    "pendingRefund": Card("4000000000007726", refund="pending"),
    "refundFail": Card("4000000000005126", refund="fail"),
    "bypassPending": Card("4000000000000077", bypass_pending=True),
    "bypassPendingInternational": Card("4000003720000278", country="IE", bypass_pending=True),
}
# Other names that the documentation has, or had, for the same card.
ALIASES = {
    "amex_threeDSecureNotSupported": "amex",
    "chargeDeclined": "visa_chargeDeclined",
    "chargeDeclinedInsufficientFunds": "visa_chargeDeclinedInsufficientFunds",
    "chargeDeclinedLostCard": "visa_chargeDeclinedLostCard",
    "chargeDeclinedStolenCard": "visa_chargeDeclinedStolenCard",
    "chargeDeclinedVelocityLimitExceeded": "visa_chargeDeclinedVelocityLimitExceeded",
    "threeDSecureRequired": "threeDSecure2Required",
}
# pm_card_<country>: the cards the documentation lists by country.
COUNTRIES = {
    "us": "4242424242424242", "ar": "4000000320000021", "br": "4000000760000002", "ca": "4000001240000000",
    "cl": "4000001520000001", "co": "4000001700000003", "mx": "4000004840008001", "ae": "4000007840000001",
    "at": "4000000400000008", "be": "4000000560000004", "bg": "4000001000000000", "hr": "4000001910000009",
    "cz": "4000002030000002", "dk": "4000002080000001", "ee": "4000002330000009", "fi": "4000002460000001",
    "fr": "4000002500000003", "de": "4000002760000016", "gr": "4000003000000030", "hu": "4000003480000005",
    "ie": "4000003720000005", "it": "4000003800000008", "lt": "4000004400000000", "lu": "4000004420000006",
    "nl": "4000005280000002", "no": "4000005780000007", "pl": "4000006160000005", "pt": "4000006200000007",
    "ro": "4000006420000001", "sa": "4000006820000007", "si": "4000007050000006", "sk": "4000007030000001",
    "es": "4000007240000007", "se": "4000007520000008", "ch": "4000007560000009", "gb": "4000008260000000",
    "au": "4000000360000006", "cn": "4000001560000002", "hk": "4000003440000004", "in": "4000003560000008",
    "jp": "4000003920000003", "my": "4000004580000002", "nz": "4000005540000008", "sg": "4000007020000003",
    "tw": "4000001580000008", "th": "4000007640000003",
}  # fmt: skip
CARDS.update({code: Card(number, country=code.upper()) for code, number in COUNTRIES.items()})
_UNKNOWN = "unknown_"
_BY_NUMBER = {card.number: name for name, card in reversed(CARDS.items())} | {_VISA.number: "visa"}


def get(name: str) -> Card:
    """The card behind the name kept in a payment method."""
    return CARDS.get(name) or Card(name.removeprefix(_UNKNOWN), decline=NOT_A_TEST_CARD, attachable=False)


def by_token(token: str) -> str | None:
    """The card's name for `pm_card_...` and `tok_...`; None when the documentation has no such token."""
    name = token.removeprefix("pm_card_").removeprefix("tok_")
    name = ALIASES.get(name, name)
    return name if name in CARDS else None


def by_number(number: str) -> str:
    """The card's name for a number. Raises a card error when the number cannot be one."""
    digits = number.replace(" ", "").replace("-", "")
    if not pan.possible(digits):
        raise errors.StripeError(
            402,
            "card_error",
            "Your card number is incorrect.",
            code="incorrect_number",
            param="number",
        )
    # Should somebody type a real number here, no more than its last digits are kept.
    return _BY_NUMBER.get(digits, _UNKNOWN + digits[-4:])
