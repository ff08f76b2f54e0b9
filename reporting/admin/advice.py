"""What people read on a matter's page: what has happened, and what is safe to do."""

from collections.abc import Mapping
from typing import Final

from payments.kernel.attention import AttentionKind as K

ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    K.UNKNOWN_OUTCOME: (
        "We asked the PSP for something and do not know what came of it: money may have moved.",
        "Do not pay or refund again. The PSP is asked again and again, and this closes by itself when it answers. Look"
        " into the PSP's dashboard when it takes long; what you find there is applied when the PSP says it to us.",
    ),
    K.AMOUNT_DIFFERS: (
        "The PSP answered with another amount or currency than we asked for. Nothing of it was booked.",
        "Look at the payment in the PSP's dashboard first. Then say what is to be done; another person confirms it.",
    ),
    K.OVERPAYMENT: (
        "More was taken than is owed, and the way it was paid cannot give it back.",
        "Agree with the customer on an account. Finance makes the transfer at the bank and records it here; another"
        " person of finance confirms it, and this closes.",
    ),
    K.AUTO_REFUND_LIMIT: (
        "Money came too late and would go back by itself, but so much went back lately that it waits for a person.",
        "See that this is no mistake that repeats itself: look at the payments of the last hour. Then let it go back.",
    ),
    K.REFUND_BOUNCED: (
        "A refund had succeeded and came back: the customer does not have the money, we do.",
        "Refund it once more when the card was only blocked. Else agree with the customer on an account, and finance"
        " pays by bank transfer.",
    ),
    K.OVER_RETURNED: (
        "More went back to the customer than was taken: by refunds made in the PSP's dashboard, or because a capture"
        " failed afterwards.",
        "Nothing can be refunded on top. Find out who made the refunds; ask the customer for the excess, or write it"
        " off. Two people close it with what was found.",
    ),
    K.AUTHORIZATION_EXPIRING: (
        "Money is reserved and soon is not any more: nobody has captured it, and it is not held for longer by itself.",
        "Ask the shop to capture or cancel; where the PSP can, ask it to hold it for longer. This closes by itself when"
        " it is held, or has ended.",
    ),
    K.CANCEL_REFUSED: (
        "Money is reserved that nobody wants, and the PSP refused to let go of it.",
        "Ask it once more, or cancel it in the PSP's dashboard. This closes by itself when the reservation has ended.",
    ),
    K.DISPUTE_DUE: (
        "A customer's bank disputes a payment and waits for our answer. Who does not answer in time has lost.",
        "Open the dispute: it says what wins this kind. Submit evidence, or let a lead accept it. This closes then.",
    ),
    K.DISPUTE_OVERDUE: (
        "A dispute was not answered in time, or its bank has not decided for months.",
        "Look at it in the PSP's dashboard: what was decided there is told to us, and closes this.",
    ),
    K.DISPUTE_REFUSED: (
        "The PSP did not take our answer to a dispute: nothing of it has reached the bank.",
        "Open the dispute and read why. Correct the evidence and submit it again, or let a lead accept the dispute.",
    ),
    K.FRAUD_WARNING: (
        "The cardholder's bank reports a payment as fraud. Nothing has been taken yet.",
        "Decide on the warning's page: a refund now may prevent the dispute and its fee; or keep the money, with the"
        " reason.",
    ),
    K.RULE_ROLLED_BACK: (
        "A routing rule did worse than the payments that were spared from it, and was taken out.",
        "Nothing is lost. Look at the rule's numbers, and close this with what you found.",
    ),
    K.UNMATCHED_EVENT: (
        "The PSP reports something that fits nothing we know: a payment or refund that was not made here, or twice.",
        "Find it in the PSP's dashboard by its reference. If money of it should go back, refund it there: that is told"
        " to us. Two people close it with what was found.",
    ),
    K.CLOSE_LATE: (
        "A day or month of a company is over for long and still not locked, or the reports of a locked one do not tie.",
        "Open the close: its checklist says what is missing, and leads there. What a PSP or bank cannot deliver is"
        " accepted there with a reason. This closes when the period is locked and its reports are right.",
    ),
}
"""Kind of matter -> what has happened, and what is safe to do."""

OF_A_DISPUTE: Final = (
    "The PSP told one movement of a dispute twice, with two amounts. It stays booked as it was told first.",
    "Look at the dispute in the PSP's dashboard. Two people close this with what they found there.",
)
"""What `amount_differs` says of a dispute."""
