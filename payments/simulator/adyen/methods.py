"""Payment methods of the simulated Adyen: how each pays, in which currencies, whether the merchant captures."""

from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Method:
    """How a method pays.

    `flow`: card, wallet (a card in a phone), redirect, redirect_voucher (a page that shows what to pay at a
    counter), voucher, qr, await (approved in an app), debit. The shopper has `seconds`.
    """

    name: str
    flow: str
    currencies: frozenset[str] = frozenset()
    countries: frozenset[str] = frozenset()
    seconds: int = HOUR
    manual: bool = False
    refundable: bool = True
    disputable: bool = False


def _method(
    name: str, flow: str, currencies: str = "", countries: str = "", seconds: int = HOUR, **more: bool
) -> Method:
    return Method(name, flow, frozenset(currencies.split()), frozenset(countries.split()), seconds, **more)


_KLARNA = "AUD CAD CHF CZK DKK EUR GBP NOK NZD PLN RON SEK USD"
_CHINA = "AUD CAD CHF CNY DKK EUR GBP HKD JPY MYR NOK NZD SEK SGD USD"
# Capture, refunds, disputes: docs.adyen.com/payment-methods, each method's page; what the simulator adds
# where a page says nothing is the cautious answer.
METHODS: dict[str, Method] = {
    "scheme": _method("Cards", "card", seconds=12 * HOUR, manual=True, disputable=True),
    "applepay": _method("Apple Pay", "wallet", manual=True, disputable=True),
    "googlepay": _method("Google Pay", "wallet", manual=True, disputable=True),
    "bcmc": _method("Bancontact card", "redirect", "EUR", "BE"),
    "bcmc_mobile": _method("Bancontact mobile", "qr", "EUR", "BE"),
    "ideal": _method("iDEAL", "redirect", "EUR", "NL", 15 * MINUTE),
    "bizum": _method("Bizum", "redirect", "EUR", "ES", 15 * MINUTE),
    "sepadirectdebit": _method("SEPA Direct Debit", "debit", "EUR", seconds=10, manual=True, disputable=True),
    "boletobancario": _method("Boleto Bancário", "voucher", "BRL", "BR", 3 * DAY, refundable=False),
    "oxxo": _method("OXXO", "voucher", "MXN", "MX", 7 * DAY, refundable=False),
    "multibanco": _method("Multibanco", "voucher", "EUR", "PT", 3 * DAY),
    "econtext_stores": _method("Convenience stores", "voucher", "JPY", "JP", 3 * DAY, refundable=False),
    "econtext_atm": _method("Pay-easy ATM", "voucher", "JPY", "JP", 3 * DAY, refundable=False),
    "econtext_online": _method("Pay-easy online banking", "voucher", "JPY", "JP", 3 * DAY, refundable=False),
    "econtext_seven_eleven": _method("7-Eleven", "redirect_voucher", "JPY", "JP", 3 * DAY, refundable=False),
    "pix": _method("Pix", "qr", "BRL", "BR", HOUR),
    "wechatpayQR": _method("WeChat Pay", "qr", _CHINA, "CN", 30 * MINUTE),
    "upi_qr": _method("UPI QR", "qr", "INR", "IN", 5 * MINUTE),
    "upi_collect": _method("UPI collect", "await", "INR", "IN", 5 * MINUTE),
    "upi_intent": _method("UPI intent", "await", "INR", "IN", 5 * MINUTE),
    "blik": _method("BLIK", "await", "PLN", "PL", 2 * MINUTE),
    "mbway": _method("MB WAY", "await", "EUR", "PT", 5 * MINUTE),
    "klarna": _method("Klarna", "redirect", _KLARNA, manual=True, disputable=True),
    "klarna_account": _method("Klarna over time", "redirect", _KLARNA, manual=True, disputable=True),
    "klarna_paynow": _method("Klarna pay now", "redirect", _KLARNA, manual=True, disputable=True),
    "paypal": _method("PayPal", "redirect", manual=True, disputable=True),
    "cashapp": _method("Cash App Pay", "redirect", "USD", "US", manual=True, disputable=True),
    "onlineBanking_PL": _method("Polish online banking", "redirect", "PLN EUR", "PL"),
    "p24": _method("Przelewy24", "redirect", "PLN EUR", "PL"),
    "alipay": _method("Alipay", "redirect", _CHINA, "CN"),
    "twint": _method("TWINT", "redirect", "CHF", "CH", manual=True),
}


def fits(method: Method, currency: str | None, country: str | None) -> bool:
    """Whether a shopper there may pay so."""
    return (not currency or not method.currencies or currency in method.currencies) and (
        not country or not method.countries or country in method.countries
    )
