"""Adyen's documented test cards. Source: docs.adyen.com/development-resources/testing/test-card-numbers."""

from dataclasses import dataclass

from payments.simulator import pan


@dataclass(frozen=True, slots=True)
class Card:
    """One test card; `enrolled`: its bank asks for 3-D Secure when the shopper is there."""

    number: str
    brand: str
    country: str = "NL"
    funding: str = "CREDIT"
    cvc: str = "737"
    enrolled: bool = False
    known: bool = True


MONTH, YEAR = "03", "2030"

_CARDS = (
    Card("4111111111111111", "visa"),
    Card("4111111145551142", "visa"),
    Card("4917610000000000", "visa", "GB", "DEBIT"),
    Card("4988438843884305", "visa", "ES"),
    Card("4166676667666746", "visa"),
    Card("4646464646464644", "visa", "PL"),
    Card("4000620000000007", "visa", "US"),
    Card("4000020000000000", "visa", "US"),
    Card("4000160000000004", "visa", "IN"),
    Card("2222400070000005", "mc", "GB"),
    Card("2222410740360010", "mc"),
    Card("5555555555554444", "mc", "GB"),
    Card("5577000055770004", "mc", "PL"),
    Card("5100290029002909", "mc"),
    Card("5136333333333335", "mc", "FR"),
    Card("5585558555855583", "mc", "ES", "DEBIT"),
    Card("370000000000002", "amex", "NL", cvc="7373"),
    Card("3569990010095841", "jcb", "US"),
    Card("36006666333344", "diners", "US"),
    Card("6011601160116611", "discover", "US"),
    Card("6250946000000016", "cup", "CN", cvc="123"),
    Card("6771798021000008", "maestro", "NL", "DEBIT"),
    Card("4035501000000008", "cartebancaire", "FR", "DEBIT"),
    Card("5454545454545454", "mc", "PL", enrolled=True),
    Card("371449635398431", "amex", "US", cvc="7373", enrolled=True),
    Card("6703444444444449", "bcmc", "BE", "DEBIT", cvc="", enrolled=True),
    Card("4871049999999910", "visa", "BE", "DEBIT", enrolled=True),
    Card("4360000001000005", "cartebancaire", "FR", "DEBIT", enrolled=True),
    Card("6250947000000014", "cup", "CN", cvc="123", enrolled=True),
    Card("30569309025904", "diners", "US", enrolled=True),
    Card("6011111111111117", "discover", "US", enrolled=True),
    Card("5000550000000029", "maestro", "NL", "DEBIT", enrolled=True),
    Card("4212345678901237", "visa", enrolled=True),
    Card("4917610000000042", "visa", "GB", "DEBIT", enrolled=True),
)
_BY_NUMBER = {card.number: card for card in _CARDS}
PLAIN = _CARDS[0]
_BRANDS = {"4": "visa", "5": "mc", "2": "mc", "34": "amex", "37": "amex", "35": "jcb", "36": "diners", "6": "discover"}


def by_number(digits: str) -> Card | None:
    """The card of this number; None when it cannot be one. One that is no test card will be refused."""
    if digits in _BY_NUMBER:
        return _BY_NUMBER[digits]
    if not pan.possible(digits):
        return None
    brand = _BRANDS.get(digits[:2]) or _BRANDS.get(digits[0]) or "visa"
    # Should somebody type a real number here, no more than its last digits are kept.
    return Card("0" * 12 + digits[-4:], brand, known=False)
