"""Why a refund is refused, in the order in which it is looked at."""

from payments.kernel.errors import Refusal


class RefundNoteRequired(Refusal):
    """The reason `other` needs a note that says why."""

    code, status = "refund_note_required", 422


class RefundLineUnknown(Refusal):
    """The order has no such line."""

    code, status = "refund_line_unknown", 422


class RefundLineAlreadyRefunded(Refusal):
    """So many units of this line are not left: they are refunded, or about to be."""

    code, status = "refund_line_already_refunded", 422


class PaymentDisputed(Refusal):
    """The money is in dispute, or was lost to one: the customer's bank gives it back, and nobody else does so twice."""

    code, status = "payment_disputed", 409


class RefundNothingToRefund(Refusal):
    """Everything has been given back, or is about to be; or what was chosen cost nothing."""

    code, status = "refund_nothing_to_refund", 422


class RefundExceedsRefundable(Refusal):
    """More is asked for than is left: captured, less refunded, less refunds in flight. `refundable` says how much."""

    code, status = "refund_exceeds_refundable", 422


class RefundNotSupported(Refusal):
    """The payment method cannot give money back: it has to go another way, by bank transfer as a rule."""

    code, status = "refund_not_supported", 422


class RefundWindowOver(Refusal):
    """The payment method gives money back for so long only: finance can do it by bank transfer."""

    code, status = "refund_window_over", 422


class PartialRefundNotSupported(Refusal):
    """The payment method gives back the whole amount only, and once."""

    code, status = "partial_refund_not_supported", 422


class RefundAmountNotSupported(Refusal):
    """The provider that has the money has no way to say this amount."""

    code, status = "refund_amount_not_supported", 422


class RefundDuplicateSuspected(Refusal):
    """The same amount of the same payment was refunded minutes ago; `confirm_duplicate` says that it is meant."""

    code, status = "refund_duplicate_suspected", 409


class TransferInvalid(Refusal):
    """What was written down of a bank transfer cannot be: the account, the reference, the day, or the reason."""

    code, status = "bank_transfer_invalid", 422


class TransferRecordedAlready(Refusal):
    """A transfer of this bank account with this reference is on record: the money has left once."""

    code, status = "bank_transfer_recorded_already", 409


class TransferNotNeeded(Refusal):
    """The payment method can still give the money back: no bank transfer is made for it."""

    code, status = "bank_transfer_not_needed", 422


class TransferDecidedAlready(Refusal):
    """Somebody has decided about this bank transfer, or about what it is for, before."""

    code, status = "bank_transfer_decided_already", 409


class RefundUnexpectedState(Refusal):
    """The refund is not in a state in which this can be done, or gives back what came too late and is not canceled."""

    code, status = "refund_unexpected_state", 409


class FraudWarningDecided(Refusal):
    """Somebody has decided already what is done about this warning of fraud."""

    code, status = "fraud_warning_decided", 409


class ApprovalNotAllowed(Refusal):
    """Deciding about refunds of others is a right of its own."""

    code, status = "refund_approval_not_allowed", 403


class ApprovalNeedsAnotherPerson(Refusal):
    """Who asked for a refund does not decide about it."""

    code, status = "refund_approval_needs_another_person", 403


class ApprovalBeyondLimit(Refusal):
    """The refund is beyond the limit of who would approve it as well."""

    code, status = "refund_approval_beyond_limit", 403


class RejectionNeedsReason(Refusal):
    """Whoever asked for the refund is told why it is rejected."""

    code, status = "refund_rejection_needs_reason", 422


class DisputeNotAnswerable(Refusal):
    """The dispute does not wait for an answer: the bank looks at it, or it has ended."""

    code, status = "dispute_not_answerable", 409


class DisputeAnswered(Refusal):
    """The dispute is answered already, which is done once."""

    code, status = "dispute_answered", 409


class DisputeNotDefendable(Refusal):
    """The payment method's banks hear no evidence: the dispute can be accepted only."""

    code, status = "dispute_not_defendable", 422


class DisputeEvidenceMissing(Refusal):
    """There is neither a text nor a document to submit."""

    code, status = "dispute_evidence_missing", 422


class DisputeEvidenceUnknown(Refusal):
    """There is no evidence of this kind, or the text holds what may not be kept."""

    code, status = "dispute_evidence_unknown", 422


class DisputeEvidenceTooLarge(Refusal):
    """A text, a document, or all documents together are larger than banks take."""

    code, status = "dispute_evidence_too_large", 422


class DisputeDocumentUnreadable(Refusal):
    """A document is a PDF, a JPEG or a PNG, and says so in its first bytes."""

    code, status = "dispute_document_unreadable", 422


class DisputeReasonRequired(Refusal):
    """A dispute is accepted with a reason."""

    code, status = "dispute_reason_required", 422
