"""Refusals that several use cases of intents share."""

from payments.kernel.errors import Refusal


class IntentUnexpectedState(Refusal):
    """The payment intent is in a state in which this cannot be done."""

    code, status = "payment_intent_unexpected_state", 409


class OrderPaymentInProgress(Refusal):
    """Another payment of this order, or of this intent, may still take money."""

    code, status = "order_payment_in_progress", 409


class OrderAlreadyPaid(Refusal):
    """The order's money has been taken: with this payment it would be paid beyond its total."""

    code, status = "order_already_paid", 409


class OrderNotPayable(Refusal):
    """The order is canceled or has expired."""

    code, status = "order_not_payable", 409


class ProviderUnavailable(Refusal):
    """The PSP could not be reached. Nothing happened there, and the same key can be used again."""

    code, status = "provider_unavailable", 503


class PaymentMethodDetailsRequired(Refusal):
    """The provider wants to know more for this payment method: `required` names it, `param` the first of it."""

    code, status = "payment_method_details_required", 422


class TooManyAttempts(Refusal):
    """So many attempts to pay this intent look like somebody who tries cards: open another one for this order."""

    code, status = "too_many_attempts", 409
