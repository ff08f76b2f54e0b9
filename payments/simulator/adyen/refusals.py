"""Why a payment is refused: the test codes 0 to 46 and the words that ask for them.

Source: docs.adyen.com/development-resources/testing/result-codes.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one test code leads to; `raw` is what the issuer said."""

    code: int
    name: str
    result: str
    reason: str
    raw: str


# code NAME resultCode refusalReason; raw issuer texts follow the names.
_TABLE = """
0|UNKNOWN|Error|Unknown
1|APPROVED|Authorised|
2|DECLINED|Refused|Refused
3|REFERRAL|Refused|Referral
4|ERROR|Error|Acquirer Error
5|BLOCK_CARD|Refused|Blocked Card
6|CARD_EXPIRED|Refused|Expired Card
7|INVALID_AMOUNT|Refused|Invalid Amount
8|INVALID_CARD_NUMBER|Refused|Invalid Card Number
9|ISSUER_UNAVAILABLE|Refused|Issuer Unavailable
10|NOT_SUPPORTED|Refused|Not supported
11|NOT_3D_AUTHENTICATED|Refused|3D Not Authenticated
12|NOT_ENOUGH_BALANCE|Refused|Not enough balance
13|PENDING|Received|Pending
14|ACQUIRER_FRAUD|Refused|Acquirer Fraud
15|CANCELLED|Cancelled|Cancelled
16|SHOPPER_CANCELLED|Cancelled|Shopper Cancelled
17|INVALID_PIN|Refused|Invalid Pin
18|PIN_TRIES_EXCEEDED|Refused|Pin tries exceeded
19|PIN_VALIDATION_NOT_POSSIBLE|Refused|Pin validation not possible
20|FRAUD|Refused|FRAUD
21|NOT_SUBMITTED|Refused|Not Submitted
22|FRAUD_CANCELLED|Cancelled|FRAUD-CANCELLED
23|TRANSACTION_NOT_PERMITTED|Refused|Transaction Not Permitted
24|CVC_DECLINED|Refused|CVC Declined
25|RESTRICTED_CARD|Refused|Restricted Card
26|REVOCATION_OF_AUTH|Refused|Revocation Of Auth
27|DECLINED_NON_GENERIC|Refused|Declined Non Generic
28|WITHDRAWAL_AMOUNT_EXCEEDED|Refused|Withdrawal amount exceeded
29|WITHDRAWAL_COUNT_EXCEEDED|Refused|Withdrawal count exceeded
30|PARTIALLY_APPROVED|Authorised|
31|ISSUER_SUSPECTED_FRAUD|Refused|Issuer Suspected Fraud
32|AVS_DECLINED|Refused|AVS Declined
33|PIN_REQUIRED|Refused|Card requires online pin
34|NO_CHECKING_ACCOUNT|Refused|No checking account available on Card
35|NO_SAVINGS_ACCOUNT|Refused|No savings account available on Card
36|MOBILE_PIN_REQUIRED|Refused|Mobile pin required
37|CONTACTLESS_FALLBACK|Refused|Contactless fallback
38|AUTHENTICATION_REQUIRED|Refused|Authentication required
39|RREQ_NOT_RECEIVED|Refused|RReq not received from DS
40|BAN_CURRENT_AID|Refused|Current AID is in penalty box.
41|CVM_REQUIRED|Refused|CVM Required Restart Payment
42|THREED_SECURE_ERROR|Refused|3DS Authentication Error
43|ONLINE_PIN_REQUIRED|Refused|Online PIN required
44|TRY_ANOTHER_INTERFACE|Refused|Try another interface
45|CHIP_DOWNGRADE_MODE|Refused|Chip downgrade mode
46|ERPS_BLOCK|Refused|Transaction blocked by Adyen to prevent excessive retry fees
"""
# ISO 8583 response codes as issuers send them; the others say 05.
_RAW = {
    1: "AUTHORISED",
    3: "01 : Refer to card issuer",
    6: "54 : Expired card",
    7: "13 : Invalid amount",
    8: "14 : Invalid card number",
    9: "91 : Issuer unavailable",
    12: "51 : Insufficient funds/over credit limit",
    17: "55 : Incorrect PIN",
    18: "75 : Allowable number of PIN tries exceeded",
    20: "59 : Suspected fraud",
    23: "57 : Transaction not permitted to issuer/cardholder",
    24: "N7 : CVC mismatch",
    25: "62 : Restricted card",
    26: "R1 : Revocation of authorization",
    28: "61 : Exceeds withdrawal amount limit",
    29: "65 : Exceeds withdrawal count limit",
    30: "10 : Partial approval",
    38: "1A : Additional customer authentication required",
}


def _read() -> dict[int, Outcome]:
    found = {}
    for line in _TABLE.strip().splitlines():
        number, name, result, reason = line.split("|")
        code = int(number)
        found[code] = Outcome(code, name, result, reason, _RAW.get(code, "05 : Do not honor"))
    return found


OUTCOMES = _read()
_BY_NAME = {outcome.name: outcome for outcome in OUTCOMES.values()}

EXPIRED = OUTCOMES[6]
BAD_NUMBER = OUTCOMES[8]
ISSUER_OUT = OUTCOMES[9]
NOT_AUTHENTICATED = OUTCOMES[11]
SHOPPER_CANCELLED = OUTCOMES[16]
BAD_CVC = OUTCOMES[24]
REFUSED = OUTCOMES[2]


def asked(text: object) -> Outcome | None:
    """The outcome that a holder name or a RequestedTestAcquirerResponseCode asks for."""
    words = str(text).strip().upper().replace(" ", "_")
    if words.isdigit():
        return OUTCOMES.get(int(words))
    return _BY_NAME.get(words)
