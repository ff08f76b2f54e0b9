"""Every payment method there is, and how each PSP takes it: one screen of truth. Pure.

Sources: the PSPs' pages on each method, docs.stripe.com/payments/<method> (as of May 2026: countries, currencies,
limits, partial refunds, refund windows, disputes; "Accept a payment" for what is required) and
docs.adyen.com/payment-methods/<method>, and their OpenAPI documents for manual capture, required fields, what can be
saved. What is refunded in part at Stripe may be so several times (POST /v1/refunds). Where they promise nothing, it is
a no: partial captures, partial and several refunds are allowed only where a page says so. A whole refund is asked for
wherever the method is known to give money back; the PSP has the last word. Where a line says "unread", no page was
found that says it: it is the careful answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Final


class Family(StrEnum):
    """What kind of method it is to a customer."""

    CARD = "card"
    WALLET = "wallet"
    BANK_REDIRECT = "bank_redirect"
    BANK_DEBIT = "bank_debit"
    VOUCHER = "voucher"
    QR = "qr"
    PUSH = "push"
    PAY_LATER = "pay_later"


class Flow(StrEnum):
    """What the customer mostly does; an intent's `next_action` says it exactly."""

    FIELDS = "fields"
    """Fills in the provider's own fields, or its wallet's sheet: there is a token, or details."""
    REDIRECT = "redirect"
    VOUCHER = "voucher"
    QR = "qr"
    AWAIT = "await"
    NOTHING = "nothing"


class Confirmed(StrEnum):
    """How soon it is known that the money comes."""

    INSTANT = "instant"
    MINUTES = "minutes"
    DAYS = "days"


WEB, IOS, ANDROID = "web", "ios", "android"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How one PSP takes a method; `type` is its name there.

    `fields` is what a client may hand over and where the PSP wants it (`a.b` is b inside a); `from_shopper` is what it
    wants there of the customer, if nothing is handed over; `always` is what it wants whoever pays. Of `fields` it
    `requires` these, unless the customer's record says them or a token holds them; no token holds what it wants
    `each_time`. What it `saves` customers may pay with again. With `expires_after_days` the PSP is told how long a
    voucher can be paid. What it `extends` is held for longer when it is asked for that before a reservation runs out.
    """

    type: str
    fields: Mapping[str, str] = field(default_factory=dict)
    from_shopper: Mapping[str, str] = field(default_factory=dict)
    always: Mapping[str, str] = field(default_factory=dict)
    requires: Sequence[str] = ()
    each_time: Sequence[str] = ()
    expires_after_days: int = 0
    manual_capture: bool = False
    partial_capture: bool = False
    multiple_captures: bool = False
    extends: bool = False
    refund: bool = True
    partial_refund: bool = False
    multiple_refunds: bool = False
    saves: bool = False

    def missing(self, known: Mapping[str, str], details: Mapping[str, Any], *, token: bool) -> list[str]:
        """What is required and neither handed over nor `known` of the customer, in the catalogue's words."""
        there = {path for name, path in self.fields.items() if isinstance(details.get(name), str) and details[name]}
        there |= {path for name, path in self.from_shopper.items() if known.get(name)}
        wanted = self.each_time if token else self.requires
        return [name for name in wanted if self.fields[name] not in there]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One payment method. Empty sets mean all; `limits` are the least and the most, in minor units, by currency.

    `names` are by language, English first; a language that is missing says it in English. `confirmed_by` is who says
    that the money comes. Where customers of a country pay mostly so, it `leads_in` it.
    """

    code: str
    family: Family
    flow: Flow
    names: Mapping[str, str]
    offers: Mapping[str, Offer]
    countries: frozenset[str] = frozenset()
    currencies: frozenset[str] = frozenset()
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    channels: frozenset[str] = frozenset()
    leads_in: frozenset[str] = frozenset()
    confirmed_by: str
    confirmed: Confirmed = Confirmed.INSTANT
    expires_after: timedelta | None = None
    disputes: bool = True
    refund_window_days: int | None = None
    logo: str = ""

    def name(self, locale: str) -> str:
        """What customers who read this language (`pt-BR` is Portuguese) call it."""
        return self.names.get(locale.replace("_", "-").partition("-")[0].lower(), self.names["en"])

    @property
    def logo_path(self) -> str:
        """Among the static files; a neutral sign of the family where the method has none of its own."""
        return self.logo or f"methods/{self.family}.svg"


def _method(code: str, family: Family, flow: Flow, where: tuple[str, str], **facts: Any) -> Method:
    """`where` is countries and currencies, in words separated by blanks; so is `leads_in`."""
    leads = frozenset(facts.pop("leads_in", "").split())
    offers: dict[str, Offer] = {psp: facts.pop(psp) for psp in ("adyen", "stripe") if psp in facts}
    countries, currencies = (frozenset(words.split()) for words in where)
    return Method(
        code=code, family=family, flow=flow, countries=countries, currencies=currencies, leads_in=leads, offers=offers,
        **facts,
    )  # fmt: skip


ANYWHERE: Final = ("", "")
_SEPA = (
    "AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT RO SE SI SK SM VA",
    "EUR",
)
_KLARNA = (
    "AT AU BE CA CH CZ DE DK ES FI FR GB GR IE IT NL NO NZ PL PT RO SE US",
    "AUD CAD CHF CZK DKK EUR GBP NOK NZD PLN RON SEK USD",
)
# both wallets take these; Stripe's Alipay MYR and NZD too, its WeChat Pay CHF, DKK, NOK and SEK
_CHINESE = ("CN", "AUD CAD CNY EUR GBP HKD JPY SGD USD")
_PAYPAL = ("", "AUD CAD CHF CZK DKK EUR GBP HKD NOK NZD PLN SEK SGD USD")

_BILLING = "payment_method_data.billing_details"
_CARD = {
    name: f"paymentMethod.{name}"
    for name in (
        "encryptedCardNumber", "encryptedExpiryMonth", "encryptedExpiryYear", "encryptedSecurityCode", "encryptedCard",
        "holderName", "brand", "fundingSource", "threeDS2SdkVersion", "checkoutAttemptId",
    )
}  # fmt: skip
_BANK = {"issuer": "paymentMethod.issuer", "bank": "paymentMethod.issuer"}
_BRAZILIAN = {"tax_id": "socialSecurityNumber", "socialSecurityNumber": "socialSecurityNumber"}
_PERSON = {"name": f"{_BILLING}.name", "email": f"{_BILLING}.email"}
_PAYER: Any = {"fields": _PERSON, "from_shopper": _PERSON}
_ADDRESS = {
    "address": f"{_BILLING}.address.line1",
    **{name: f"{_BILLING}.address.{name}" for name in ("city", "state", "postal_code")},
}
_EVERYTHING: Any = {
    "saves": True,
    "manual_capture": True, "partial_capture": True, "partial_refund": True, "multiple_refunds": True,
}  # fmt: skip
_PARTLY: Any = {"partial_refund": True, "multiple_refunds": True}
_APART: Any = {"manual_capture": True, "partial_capture": True}

_ALL = (
    _method(
        "card", Family.CARD, Flow.FIELDS, ANYWHERE,
        names={
            "en": "Card", "de": "Karte", "fr": "Carte", "es": "Tarjeta", "nl": "Kaart", "pt": "Cartão", "pl": "Karta",
            "ja": "カード",
        },
        confirmed_by="the card's issuer",
        stripe=Offer(type="card", **_EVERYTHING),
        adyen=Offer(type="scheme", fields=_CARD, extends=True, **_EVERYTHING),
    ),
    _method(
        "apple_pay", Family.WALLET, Flow.FIELDS, ANYWHERE, names={"en": "Apple Pay"}, channels=frozenset({WEB, IOS}),
        confirmed_by="the card's issuer",
        stripe=Offer(type="card", **_EVERYTHING),
        adyen=Offer(
            type="applepay", fields={"applePayToken": "paymentMethod.applePayToken"}, requires=["applePayToken"],
            **_EVERYTHING,
        ),
    ),
    _method(
        "google_pay", Family.WALLET, Flow.FIELDS, ANYWHERE, names={"en": "Google Pay"},
        channels=frozenset({WEB, ANDROID}), confirmed_by="the card's issuer",
        stripe=Offer(type="card", **_EVERYTHING),
        adyen=Offer(
            type="googlepay",
            fields={name: f"paymentMethod.{name}" for name in ("googlePayToken", "googlePayCardNetwork")},
            requires=["googlePayToken"],
            **_EVERYTHING,
        ),
    ),
    _method(
        "paypal", Family.WALLET, Flow.REDIRECT, _PAYPAL, names={"en": "PayPal"}, confirmed_by="PayPal",
        refund_window_days=180, leads_in="DE",
        stripe=Offer(type="paypal", manual_capture=True, **_PARTLY),
        adyen=Offer(type="paypal", fields={"subtype": "paymentMethod.subtype"}),  # captures, partial refunds: unread
    ),
    _method(
        "klarna", Family.PAY_LATER, Flow.REDIRECT, _KLARNA, leads_in="SE NO FI",
        names={
            "en": "Klarna – pay later", "de": "Klarna – später bezahlen", "fr": "Klarna – payer plus tard",
            "es": "Klarna – paga después", "nl": "Klarna – achteraf betalen", "pt": "Klarna – pague depois",
            "pl": "Klarna – zapłać później", "ja": "Klarna – 後払い",
        },
        confirmed_by="Klarna", refund_window_days=180,
        stripe=Offer(type="klarna", manual_capture=True, **_PARTLY),
        adyen=Offer(type="klarna", **_APART, partial_refund=True),
    ),
    _method(
        "ideal", Family.BANK_REDIRECT, Flow.REDIRECT, ("NL", "EUR"), names={"en": "iDEAL | Wero"}, leads_in="NL",
        confirmed_by="the customer's bank", disputes=False, refund_window_days=180,
        stripe=Offer(type="ideal", fields={"bank": "payment_method_data.ideal.bank"}, **_PARTLY),
        adyen=Offer(type="ideal", fields=_BANK),  # partial refunds: unread
    ),
    _method(
        "bancontact", Family.BANK_REDIRECT, Flow.REDIRECT, ("BE", "EUR"), names={"en": "Bancontact"}, leads_in="BE",
        confirmed_by="the customer's bank", disputes=False, refund_window_days=180,
        stripe=Offer(
            type="bancontact", fields={"holder_name": f"{_BILLING}.name"}, from_shopper={"name": f"{_BILLING}.name"},
            requires=["holder_name"], **_PARTLY,
        ),
        adyen=Offer(type="bcmc", fields=_CARD, partial_refund=True),
    ),
    _method(
        "sepa_debit", Family.BANK_DEBIT, Flow.NOTHING, _SEPA,
        names={
            "en": "SEPA Direct Debit", "de": "SEPA-Lastschrift", "fr": "Prélèvement SEPA", "es": "Adeudo SEPA",
            "nl": "SEPA-incasso", "pt": "Débito direto SEPA", "pl": "Polecenie zapłaty SEPA", "ja": "SEPA口座振替",
        },
        confirmed_by="the customer's bank", confirmed=Confirmed.DAYS, refund_window_days=180,
        stripe=Offer(
            type="sepa_debit",
            fields={
                "iban": "payment_method_data.sepa_debit.iban", "holder_name": f"{_BILLING}.name",
                "email": f"{_BILLING}.email",
            },
            from_shopper=_PERSON, requires=["iban", "holder_name", "email"],
            always={"mandate_data.customer_acceptance.type": "offline"}, **_PARTLY, saves=True,
        ),
        adyen=Offer(
            type="sepadirectdebit",
            fields={
                "iban": "paymentMethod.iban", "ownerName": "paymentMethod.ownerName",
                "holder_name": "paymentMethod.ownerName",
            },
            from_shopper={"name": "paymentMethod.ownerName"}, requires=["iban", "holder_name"],
            **_APART, saves=True,
        ),
    ),
    _method(
        "blik", Family.PUSH, Flow.AWAIT, ("PL", "PLN"), names={"en": "BLIK"}, leads_in="PL",
        confirmed_by="the customer, in the bank's app", expires_after=timedelta(seconds=120),
        stripe=Offer(
            type="blik", fields={"code": "payment_method_options.blik.code"}, requires=["code"], each_time=["code"],
            **_PARTLY,
        ),
        adyen=Offer(
            type="blik", fields=dict.fromkeys(("blikCode", "code"), "paymentMethod.blikCode"), requires=["code"],
        ),
    ),
    _method(
        "p24", Family.BANK_REDIRECT, Flow.REDIRECT, ("PL", "EUR PLN"), names={"en": "Przelewy24"}, leads_in="PL",
        confirmed_by="the customer's bank", confirmed=Confirmed.MINUTES, refund_window_days=180,
        stripe=Offer(type="p24", fields={"bank": "payment_method_data.p24.bank"}, **_PARTLY),  # no disputes at Stripe
        adyen=Offer(type="onlineBanking_PL", fields=_BANK, requires=["bank"]),
    ),
    _method(
        "multibanco", Family.VOUCHER, Flow.VOUCHER, ("PT", "EUR"), names={"en": "Multibanco"}, leads_in="PT",
        limits={"EUR": (50, 9_999_900)}, refund_window_days=365,
        confirmed_by="the customer's bank", confirmed=Confirmed.DAYS, expires_after=timedelta(days=7), disputes=False,
        stripe=Offer(type="multibanco", **_PAYER, requires=["email"], **_PARTLY),
        adyen=Offer(type="multibanco", **_PARTLY),
    ),
    _method(
        "mb_way", Family.PUSH, Flow.AWAIT, ("PT", "EUR"), names={"en": "MB WAY"}, leads_in="PT",
        limits={"EUR": (50, 500_000)}, refund_window_days=365,
        confirmed_by="the customer, in the bank's app", expires_after=timedelta(minutes=5),
        stripe=Offer(type="mb_way", fields={"phone": f"{_BILLING}.phone"}, requires=["phone"], **_PARTLY),
        adyen=Offer(
            type="mbway",
            fields={
                **dict.fromkeys(("telephoneNumber", "phone"), "paymentMethod.telephoneNumber"),
                **dict.fromkeys(("shopperEmail", "email"), "paymentMethod.shopperEmail"),
            },
            from_shopper={"email": "paymentMethod.shopperEmail"}, requires=["phone", "email"], **_PARTLY,
        ),
    ),
    _method(
        "twint", Family.WALLET, Flow.REDIRECT, ("CH", "CHF"), names={"en": "TWINT"}, leads_in="CH",
        confirmed_by="the customer, in TWINT's app", refund_window_days=180, limits={"CHF": (1, 500_000)},
        stripe=Offer(type="twint", **_PARTLY),
        adyen=Offer(type="twint"),
    ),
    _method(
        "boleto", Family.VOUCHER, Flow.VOUCHER, ("BR", "BRL"),
        names={"en": "Boleto", "pt": "Boleto bancário"}, limits={"BRL": (500, 4_999_999)},
        confirmed_by="the customer's bank", confirmed=Confirmed.DAYS, expires_after=timedelta(days=3), disputes=False,
        stripe=Offer(
            type="boleto", expires_after_days=3, refund=False, from_shopper=_PERSON,
            fields={"tax_id": "payment_method_data.boleto.tax_id", **_PERSON, **_ADDRESS},
            requires=["tax_id", "name", "email", *_ADDRESS],
        ),
        adyen=Offer(type="boletobancario", fields=_BRAZILIAN, requires=["tax_id"], refund=False),
    ),
    _method(
        "pix", Family.QR, Flow.QR, ("BR", "BRL"), names={"en": "Pix"}, leads_in="BR",
        confirmed_by="the customer's bank", expires_after=timedelta(days=1), refund_window_days=90,
        # Stripe takes from 0.50 BRL to what 3,000 USD are, and a tax id from its US accounts only
        stripe=Offer(type="pix", fields={"tax_id": f"{_BILLING}.tax_id"}, **_PARTLY),
        adyen=Offer(type="pix", fields=_BRAZILIAN),  # partial refunds: unread
    ),
    _method(
        "oxxo", Family.VOUCHER, Flow.VOUCHER, ("MX", "MXN"), names={"en": "OXXO"}, limits={"MXN": (1_000, 1_000_000)},
        confirmed_by="the shop where it is paid", confirmed=Confirmed.DAYS, expires_after=timedelta(days=3),
        disputes=False,
        stripe=Offer(type="oxxo", **_PAYER, requires=["name", "email"], expires_after_days=3, refund=False),
        adyen=Offer(type="oxxo", refund=False),
    ),
    _method(
        "konbini", Family.VOUCHER, Flow.VOUCHER, ("JP", "JPY"),
        names={"en": "Konbini", "ja": "コンビニ決済"}, limits={"JPY": (120, 300_000)},
        confirmed_by="the shop where it is paid", confirmed=Confirmed.DAYS, expires_after=timedelta(days=3),
        disputes=False,
        stripe=Offer(
            # Stripe gives back to an account that customers name in its letter: until refunds wait for that, it is a no
            type="konbini", expires_after_days=3, refund=False, from_shopper=_PERSON, requires=["name", "email"],
            fields={"phone": "payment_method_options.konbini.confirmation_number", **_PERSON},
        ),
        adyen=Offer(
            type="econtext_stores", refund=False,
            fields={
                **{n: f"paymentMethod.{n}" for n in ("firstName", "lastName", "shopperEmail", "telephoneNumber")},
                "first_name": "paymentMethod.firstName", "last_name": "paymentMethod.lastName",
                "email": "paymentMethod.shopperEmail", "phone": "paymentMethod.telephoneNumber",
            },
            requires=["first_name", "last_name", "email", "phone"],
            from_shopper={
                "first_name": "paymentMethod.firstName", "last_name": "paymentMethod.lastName",
                "email": "paymentMethod.shopperEmail",
            },
        ),
    ),
    _method(
        "alipay", Family.WALLET, Flow.REDIRECT, _CHINESE, leads_in="CN",
        names={"en": "Alipay", "zh": "支付宝", "ja": "アリペイ"},
        confirmed_by="Alipay", refund_window_days=90,
        stripe=Offer(type="alipay", **_PARTLY),  # no disputes at Stripe
        adyen=Offer(type="alipay"),
    ),
    _method(
        "wechat_pay", Family.QR, Flow.QR, _CHINESE, leads_in="CN", names={"en": "WeChat Pay", "zh": "微信支付"},
        confirmed_by="WeChat", expires_after=timedelta(minutes=30), disputes=False, refund_window_days=180,
        stripe=Offer(type="wechat_pay", always={"payment_method_options.wechat_pay.client": "web"}, **_PARTLY),
        adyen=Offer(type="wechatpayQR"),
    ),
    _method(
        "upi", Family.PUSH, Flow.AWAIT, ("IN", "INR"), names={"en": "UPI"}, leads_in="IN",
        limits={"INR": (100, 10_000_000)}, refund_window_days=60,
        confirmed_by="the customer, in the bank's app", expires_after=timedelta(minutes=5),
        stripe=Offer(type="upi", **_PARTLY),
        adyen=Offer(
            type="upi_collect",
            fields=dict.fromkeys(("virtualPaymentAddress", "upi_id"), "paymentMethod.virtualPaymentAddress"),
            requires=["upi_id"],
        ),
    ),
    _method(
        "cashapp", Family.WALLET, Flow.REDIRECT, ("US", "USD"), names={"en": "Cash App Pay"},
        confirmed_by="Cash App",
        stripe=Offer(type="cashapp", manual_capture=True, **_PARTLY),
        adyen=Offer(type="cashapp", **_APART, **_PARTLY),
    ),
)  # fmt: skip

METHODS: Final[dict[str, Method]] = {method.code: method for method in _ALL}
"""Every method by its code, in the order in which they are offered where nothing better is known."""

_UNKNOWN: Final = Offer(type="", refund=False)


def offer(code: str, psp: str) -> Offer:
    """How a PSP takes a method; of one that is not, or no longer, in the catalogue nothing is expected."""
    method = METHODS.get(code)
    return method.offers.get(psp, _UNKNOWN) if method is not None else _UNKNOWN
