"""What Adyen says of disputes and frauds, translated: what is signed counts, the rest is for people."""

from collections.abc import Mapping
from typing import Any, Final

from payments.connectors.adyen import mapping
from payments.connectors.disputes import DisputeNews, DisputeReason, FraudWarning, Movement, Stage, Standing

Json = Mapping[str, Any]

EVENTS: Final[Mapping[str, tuple[Stage | None, Standing | None]]] = {
    "REQUEST_FOR_INFORMATION": (Stage.INQUIRY, Standing.NEEDS_RESPONSE),
    "NOTIFICATION_OF_CHARGEBACK": (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE),
    "CHARGEBACK": (Stage.CHARGEBACK, None),
    "INFORMATION_SUPPLIED": (None, Standing.UNDER_REVIEW),
    "CHARGEBACK_REVERSED": (Stage.CHARGEBACK, Standing.WON),
    "SECOND_CHARGEBACK": (Stage.SECOND, Standing.LOST),
    "PREARBITRATION_OPEN": (Stage.SECOND, Standing.NEEDS_RESPONSE),
    "PREARBITRATION_ACCEPTED": (Stage.SECOND, Standing.ACCEPTED),
    "PREARBITRATION_DECLINED": (Stage.SECOND, Standing.UNDER_REVIEW),
    "PREARBITRATION_WON": (Stage.SECOND, Standing.WON),
    "PREARBITRATION_LOST": (Stage.SECOND, Standing.LOST),
    "PREARBITRATION_ISSUER_WITHDRAWN": (Stage.SECOND, Standing.WITHDRAWN),
    "SCHEME_ARBITRATION": (Stage.ARBITRATION, Standing.UNDER_REVIEW),
    "SCHEME_ARBITRATION_WON": (Stage.ARBITRATION, Standing.WON),
    "SCHEME_ARBITRATION_LOST": (Stage.ARBITRATION, Standing.LOST),
    "ISSUER_RESPONSE_TIMEFRAME_EXPIRED": (None, Standing.WON),
    "DISPUTE_DEFENSE_PERIOD_ENDED": (None, Standing.EXPIRED),
    "ISSUER_COMMENTS": (None, None),
}
"""What an event code says (docs.adyen.com/risk-management/disputes-api/dispute-notifications).

We, or Adyen for us, accept or decline what the issuer opens before arbitration; the issuer's answer is won or lost.
The money may be taken before or after our defense, so that a chargeback does not say that it waits for an answer.
"""

MONEY: Final[Mapping[str, bool]] = {"CHARGEBACK": True, "SECOND_CHARGEBACK": True, "CHARGEBACK_REVERSED": False}
"""The event codes that move money, and whether they take it; a case that is lost later is a second chargeback too."""

REPEATED: Final = frozenset(["INFORMATION_SUPPLIED", "ISSUER_COMMENTS"])
"""What may happen at each stage of one dispute: two of them differ in nothing but their time."""

FRAUD: Final = "NOTIFICATION_OF_FRAUD"

_REASONS: Final = {
    DisputeReason.FRAUDULENT: "10 10.1 10.2 10.3 10.4 10.5 4837 4870 4871 F10 F14 F24 F29 F30 F31 UA01 UA02 UA05 UA06",
    DisputeReason.UNRECOGNIZED: "4863 75 AA FR2 FR4 FR6",
    DisputeReason.PRODUCT_NOT_RECEIVED: "13.1 4855 C08 RG",
    DisputeReason.PRODUCT_UNACCEPTABLE: "13.3 13.4 13.5 C31 C32 RM",
    DisputeReason.CREDIT_NOT_PROCESSED: "13.6 13.7 4860 C02 C04 C05 C18 RN2",
    DisputeReason.DUPLICATE: "12.6 12.6.1 12.6.2 4834 C14 P08 DP",
    DisputeReason.SUBSCRIPTION_CANCELED: "13.2 4841 C28 AP",
    DisputeReason.DEBIT_NOT_AUTHORIZED: "MD01 MD06 R05 R07 R10 R29",
    DisputeReason.PROCESSING_ERROR: "11.1 11.2 11.3 12.1 12.2 12.3 12.4 12.5 12.7 4808 4812 4831 4842 4846 AC01 AC04 "
    "AC06 AM04 P01 P03 P04 P05 P07 P22 P23 A01 A02 A08 R01 R02 R03 R04",
}
"""The schemes' reason codes by our word; any other is general: 4853 may be nearly everything, MS03 is nothing."""

REASONS: Final[Mapping[str, DisputeReason]] = {
    code: reason for reason, codes in _REASONS.items() for code in codes.split()
}

READ: Final = {"disputeStatus": "dispute_status", "autoDefended": "auto_defended", "chargebackSchemeCode": "scheme"}
"""Unsigned facts that people see."""


def news(item: Json, code: str) -> DisputeNews:
    """What an item says. All letters of one dispute bear its `pspReference`, so code and reference name a movement."""
    stage, standing = EVENTS[code]
    reference, amount, more = (
        item["pspReference"],
        mapping.from_adyen(item["amount"]),
        mapping.part(item, "additionalData"),
    )
    network = mapping.optional(more, "chargebackReasonCode").strip()[:20]
    moved = code in MONEY and amount.amount > 0
    return DisputeNews(
        reference=reference,
        stage=stage,
        standing=standing,
        amount=amount if amount.amount > 0 else None,
        reason=REASONS.get(network, DisputeReason.GENERAL) if network else None,
        network_reason_code=network,
        respond_by=mapping.moment(mapping.optional(more, "defensePeriodEndsAt")),
        defendable={"true": True, "false": False}.get(mapping.optional(more, "defendable")),
        movements=(Movement(key=f"{code}:{reference}", amount=amount, withdrawn=MONEY[code]),) if moved else (),
        raw=_read(item, more),
    )


def _read(item: Json, more: Json) -> dict[str, str]:
    """What people read: the reason in words, and what the issuer has written."""
    said = {"reason": mapping.optional(item, "reason")[:200]}
    said |= {ours: mapping.optional(more, theirs)[:40] for theirs, ours in READ.items()}
    written = [name for name in sorted(more) if name.startswith("issuerComments.")]
    said |= {name: mapping.optional(more, name)[:500] for name in written}
    return {name: value for name, value in said.items() if value}


def warning(item: Json) -> FraudWarning:
    """What the issuer has told the scheme; whether a refund still helps, nobody says."""
    kind = mapping.optional(mapping.part(item, "additionalData"), "nofReasonCode").strip()
    return FraudWarning(reference=item["pspReference"], kind=kind[:40])
