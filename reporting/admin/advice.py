"""What people read on a matter's page: what has happened, and what is safe to do."""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy

from payments.kernel.attention import AttentionKind as K

ADVICE: Final[Mapping[str, tuple[Any, Any]]] = {
    K.UNKNOWN_OUTCOME: (
        gettext_lazy("We asked the PSP for something and do not know what came of it: money may have moved."),
        gettext_lazy(
            "Do not pay or refund again. The PSP is asked again and again, and this closes by "
            "itself when it answers. Look into the PSP's dashboard when it takes long; what you "
            "find there is applied when the PSP says it to us."
        ),
    ),
    K.AMOUNT_DIFFERS: (
        gettext_lazy("The PSP answered with another amount or currency than we asked for. Nothing of it was booked."),
        gettext_lazy(
            "Look at the payment in the PSP's dashboard first. Then say what is to be done; another person confirms it."
        ),
    ),
    K.OVERPAYMENT: (
        gettext_lazy("More was taken than is owed, and the way it was paid cannot give it back."),
        gettext_lazy(
            "Agree with the customer on an account. Finance makes the transfer at the bank and records it here; another"
            " person of finance confirms it, and this closes."
        ),
    ),
    K.AUTO_REFUND_LIMIT: (
        gettext_lazy(
            "Money came too late and would go back by itself, but so much went back lately that it waits for a person."
        ),
        gettext_lazy(
            "See that this is no mistake that repeats itself: look at the payments of the last "
            "hour. Then let it go back."
        ),
    ),
    K.REFUND_BOUNCED: (
        gettext_lazy("A refund had succeeded and came back: the customer does not have the money, we do."),
        gettext_lazy(
            "Refund it once more when the card was only blocked. Else agree with the customer on "
            "an account, and finance pays by bank transfer."
        ),
    ),
    K.OVER_RETURNED: (
        gettext_lazy(
            "More went back to the customer than was taken: by refunds made in the PSP's "
            "dashboard, or because a capture failed afterwards."
        ),
        gettext_lazy(
            "Nothing can be refunded on top. Find out who made the refunds; ask the customer for "
            "the excess, or write it off. Two people close it with what was found."
        ),
    ),
    K.AUTHORIZATION_EXPIRING: (
        gettext_lazy(
            "Money is reserved and soon is not any more: nobody has captured it, and it is not "
            "held for longer by itself."
        ),
        gettext_lazy(
            "Ask the shop to capture or cancel; where the PSP can, ask it to hold it for longer. "
            "This closes by itself when it is held, or has ended."
        ),
    ),
    K.CANCEL_REFUSED: (
        gettext_lazy("Money is reserved that nobody wants, and the PSP refused to let go of it."),
        gettext_lazy(
            "Ask it once more, or cancel it in the PSP's dashboard. This closes by itself when "
            "the reservation has ended."
        ),
    ),
    K.DISPUTE_DUE: (
        gettext_lazy(
            "A customer's bank disputes a payment and waits for our answer. Who does not answer in time has lost."
        ),
        gettext_lazy(
            "Open the dispute: it says what wins this kind. Submit evidence, or let a lead accept it. This closes then."
        ),
    ),
    K.DISPUTE_OVERDUE: (
        gettext_lazy("A dispute was not answered in time, or its bank has not decided for months."),
        gettext_lazy("Look at it in the PSP's dashboard: what was decided there is told to us, and closes this."),
    ),
    K.DISPUTE_REFUSED: (
        gettext_lazy("The PSP did not take our answer to a dispute: nothing of it has reached the bank."),
        gettext_lazy(
            "Open the dispute and read why. Correct the evidence and submit it again, or let a lead accept the dispute."
        ),
    ),
    K.FRAUD_WARNING: (
        gettext_lazy("The cardholder's bank reports a payment as fraud. Nothing has been taken yet."),
        gettext_lazy(
            "Decide on the warning's page: a refund now may prevent the dispute and its fee; or "
            "keep the money, with the reason."
        ),
    ),
    K.RULE_ROLLED_BACK: (
        gettext_lazy("A routing rule did worse than the payments that were spared from it, and was taken out."),
        gettext_lazy("Nothing is lost. Look at the rule's numbers, and close this with what you found."),
    ),
    K.CANARY_FAILED: (
        gettext_lazy(
            "A payment with a test card at the provider's test environment has failed twice in a row. No money moved."
        ),
        gettext_lazy(
            "See whether payments fail too, and what the provider says of its test environment; check the account's"
            " test keys. This closes by itself when a canary is well again."
        ),
    ),
    K.UNMATCHED_EVENT: (
        gettext_lazy(
            "The PSP reports something that fits nothing we know: a payment or refund that was not made here, or twice."
        ),
        gettext_lazy(
            "Find it in the PSP's dashboard by its reference. If money of it should go back, "
            "refund it there: that is told to us. Two people close it with what was found."
        ),
    ),
    K.CLOSE_LATE: (
        gettext_lazy(
            "A day or month of a company is over for long and still not locked, or the reports "
            "of a locked one do not tie."
        ),
        gettext_lazy(
            "Open the close: its checklist says what is missing, and leads there. What a PSP or bank cannot deliver is"
            " accepted there with a reason. This closes when the period is locked and its reports are right."
        ),
    ),
}
"""Kind of matter -> what has happened, and what is safe to do."""

OF_A_DISPUTE: Final = (
    gettext_lazy(
        "The PSP told one movement of a dispute twice, with two amounts. It stays booked as it was told first."
    ),
    gettext_lazy("Look at the dispute in the PSP's dashboard. Two people close this with what they found there."),
)
"""What `amount_differs` says of a dispute."""
