"""Balance transactions, disputes and payouts as Stripe's objects."""

from typing import Any

from payments.simulator.stripe import objects
from payments.simulator.stripe.shop import Shop

Json = dict[str, Any]

EVIDENCE = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)
# Of these the value is the id of a file.
EVIDENCE_FILES = (
    "cancellation_policy",
    "customer_communication",
    "customer_signature",
    "duplicate_charge_documentation",
    "receipt",
    "refund_policy",
    "service_documentation",
    "shipping_documentation",
    "uncategorized_file",
)
DESTINATION = "ba_1simulatedbankaccount"
# Why a payout failed. Source: docs.stripe.com/api/payouts/failures.
FAILURES = {
    "account_closed": "The bank account has been closed.",
    "account_frozen": "The bank account has been frozen.",
    "bank_account_restricted": "The bank account has restrictions on the type or the number of payouts allowed.",
    "could_not_process": "The bank could not process this payout.",
    "debit_not_authorized": "Debit transactions are not approved on the bank account.",
    "declined": "The bank has declined this transfer.",
    "insufficient_funds": "The account has insufficient funds to cover the payout.",
    "no_account": "The bank account details on file are probably incorrect.",
}
OPEN_DISPUTE = ("needs_response", "warning_needs_response")


def balance_transaction(record: objects.BalanceTransaction, shop: Shop) -> Json:
    """A balance transaction."""
    fees = (
        [
            {
                "amount": record.fee,
                "application": None,
                "currency": record.currency,
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        if record.fee
        else []
    )
    return {
        "id": record.id,
        "object": "balance_transaction",
        "amount": record.amount,
        "available_on": record.available_on,
        "balance_type": "payments",
        "created": record.created,
        "currency": record.currency,
        "description": record.description,
        "exchange_rate": record.exchange_rate,
        "fee": record.fee,
        "fee_details": fees,
        "net": record.amount - record.fee,
        "reporting_category": record.reporting_category,
        "source": record.source,
        "status": "available" if record.available_on <= shop.now() else "pending",
        "type": record.type,
    }


def dispute(record: objects.Dispute, shop: Shop) -> Json:
    """A dispute as Stripe's object."""
    rows = [shop.known(objects.BalanceTransaction, row) for row in record.balance_transactions]
    answered = bool(record.evidence)
    return {
        "id": record.id,
        "object": "dispute",
        "amount": record.amount,
        "balance_transactions": [balance_transaction(row, shop) for row in rows],
        "charge": record.charge,
        "created": record.created,
        "currency": record.currency,
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}, **record.evidence},
        "evidence_details": {
            "due_by": record.due_by if record.status in OPEN_DISPUTE else None,
            "enhanced_eligibility": {},
            "has_evidence": answered,
            "past_due": record.status in OPEN_DISPUTE and record.due_by < shop.now(),
            "submission_count": record.submissions,
        },
        "intended_submission_method": None,
        "is_charge_refundable": record.case_type == "inquiry" and record.status != "warning_closed",
        "livemode": False,
        "metadata": record.metadata,
        "network_reason_code": record.network_reason_code,
        "payment_intent": record.payment_intent,
        "payment_method_details": {
            "card": {
                "brand": record.brand,
                "case_type": record.case_type,
                "network_reason_code": record.network_reason_code,
            },
            "type": "card",
        },
        "reason": record.reason,
        "status": record.status,
    }


def payout(record: objects.Payout) -> Json:
    """A payout as Stripe's object."""
    ended = record.status in {"failed", "canceled"}
    trace = "supported" if record.trace else "unsupported" if ended else "pending"
    return {
        "id": record.id,
        "object": "payout",
        "amount": record.amount,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": record.arrival_date,
        "automatic": record.automatic,
        "balance_transaction": record.balance_transaction,
        "created": record.created,
        "currency": record.currency,
        "description": record.description,
        "destination": DESTINATION,
        "failure_balance_transaction": record.failure_balance_transaction,
        "failure_code": record.failure_code,
        "failure_message": FAILURES.get(record.failure_code or ""),
        "livemode": False,
        "metadata": record.metadata,
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": record.reconciliation_status,
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": record.statement_descriptor,
        "status": record.status,
        "trace_id": {"status": trace, "value": record.trace},
        "type": "bank_account",
    }
