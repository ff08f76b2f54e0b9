"""Why a payment, a refund or an answer to a dispute was declined: every reason there is, by our code."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Category(StrEnum):
    """What a decline tells us to do next."""

    HARD = "hard"
    SOFT = "soft"
    CUSTOMER = "customer"
    FRAUD = "fraud"
    TECHNICAL = "technical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decline:
    """Why a payment was declined, in our words; the PSP's own codes stay in `Outcome.raw`."""

    decline_code: str
    category: Category
    customer_message: str
    may_retry: bool


_YOUR_BANK: Final = "Your bank declined the payment. Please use another payment method or contact your bank."
_NO_REFUND: Final = "The refund could not be paid out to the payment method."
_NO_ANSWER: Final = "The dispute could not be answered."

_RETRY: Final = True
_FINAL: Final = False

_DECLINES: Final = (
    ("generic_decline", Category.SOFT, _RETRY, _YOUR_BANK),
    ("contact_bank", Category.SOFT, _RETRY, _YOUR_BANK),
    ("bank_unavailable", Category.SOFT, _RETRY, "Your bank could not be reached. Please try again."),
    ("processing_error", Category.SOFT, _RETRY, "The payment could not be processed. Please try again."),
    ("insufficient_funds", Category.SOFT, _RETRY, "There are not enough funds. Please use another payment method."),
    ("limit_exceeded", Category.SOFT, _RETRY, "The limit of your card or account is reached. Please use another."),
    ("method_unavailable", Category.SOFT, _FINAL, "This payment method is not available now. Please use another."),
    ("authentication_required", Category.CUSTOMER, _RETRY, "Your bank wants you to confirm this payment."),
    ("authentication_failed", Category.CUSTOMER, _RETRY, "The payment was not confirmed. Please try again."),
    ("customer_declined", Category.CUSTOMER, _RETRY, "The payment was canceled. Please try again."),
    ("payment_expired", Category.CUSTOMER, _RETRY, "The payment was not completed in time. Please try again."),
    ("incorrect_number", Category.CUSTOMER, _RETRY, "The card number is incorrect. Please check it."),
    ("incorrect_cvc", Category.CUSTOMER, _RETRY, "The security code is incorrect. Please check it."),
    ("incorrect_expiry", Category.CUSTOMER, _RETRY, "The expiry date is incorrect. Please check it."),
    ("incorrect_address", Category.CUSTOMER, _RETRY, "The billing address is incorrect. Please check it."),
    ("incorrect_pin", Category.CUSTOMER, _RETRY, "The PIN is incorrect. Please try again."),
    ("details_invalid", Category.CUSTOMER, _RETRY, "The payment details are incorrect. Please check them."),
    ("payment_method_invalid", Category.CUSTOMER, _FINAL, "Please enter your payment details again."),
    ("duplicate_payment", Category.CUSTOMER, _FINAL, "This looks like a payment you have just made."),
    ("expired_card", Category.HARD, _FINAL, "Your card has expired. Please use another card."),
    ("invalid_account", Category.HARD, _FINAL, "This card or account cannot be charged. Please use another."),
    ("not_supported", Category.HARD, _FINAL, "This card or account cannot be used here. Please use another."),
    ("currency_not_supported", Category.HARD, _FINAL, "This payment method does not support the currency."),
    ("restricted_card", Category.HARD, _FINAL, _YOUR_BANK),
    ("too_many_attempts", Category.HARD, _FINAL, "There were too many attempts. Please use another payment method."),
    ("authorization_revoked", Category.HARD, _FINAL, _YOUR_BANK),
    ("do_not_try_again", Category.HARD, _FINAL, _YOUR_BANK),
    ("test_card", Category.HARD, _FINAL, "Test cards cannot be used. Please use another card."),
    ("lost_or_stolen_card", Category.FRAUD, _FINAL, _YOUR_BANK),
    ("suspected_fraud", Category.FRAUD, _FINAL, _YOUR_BANK),
    ("amount_not_supported", Category.TECHNICAL, _FINAL, "This amount cannot be paid with this payment method."),
    ("request_refused", Category.TECHNICAL, _FINAL, "The payment could not be processed. Please use another way."),
    ("authorization_expired", Category.HARD, _FINAL, "The reservation of the amount has expired."),
    ("refund_method_closed", Category.HARD, _FINAL, _NO_REFUND),
    ("refund_declined", Category.HARD, _FINAL, _NO_REFUND),
    ("refund_balance_insufficient", Category.TECHNICAL, _RETRY, _NO_REFUND),
    ("refund_payment_disputed", Category.HARD, _FINAL, _NO_REFUND),
    ("refund_exceeds_payment", Category.TECHNICAL, _FINAL, _NO_REFUND),
    ("dispute_closed", Category.HARD, _FINAL, _NO_ANSWER),
    ("dispute_evidence_refused", Category.HARD, _FINAL, _NO_ANSWER),
)

DECLINES: Final[Mapping[str, Decline]] = {
    code: Decline(decline_code=code, category=category, customer_message=message, may_retry=may_retry)
    for code, category, may_retry, message in _DECLINES
}
"""Every decline there is, by our code: connectors translate a PSP's codes into these.

A line says what to do next, whether the same method may be tried again, and what the customer reads. Whatever smells
of theft or fraud reads like any other decline: the customer may be the thief.
"""
