"""Sentences that the platform has written down in English, said in the language of who reads them."""

import re
from functools import cache
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from payments.admin import wording

SENTENCES: Final = (
    gettext_noop("abandoned"),
    gettext_noop("authorised"),
    gettext_noop("begun"),
    gettext_noop("begun again"),
    gettext_noop("canceled: %(code)s"),
    gettext_noop("captured"),
    gettext_noop("confirmed with %(method)s"),
    gettext_noop("declined: %(code)s"),
    gettext_noop("it can be taken back until %(time)s UTC"),
    gettext_noop("its time is over"),
    gettext_noop("locked"),
    gettext_noop("not everything is there"),
    gettext_noop("nothing is missing"),
    gettext_noop("refunded by the PSP"),
    gettext_noop("sent to the PSP"),
    gettext_noop("the PSP has captured"),
    gettext_noop("the PSP says %(code)s"),
    gettext_noop("the PSP says that it is paid"),
    gettext_noop("the PSP will say later"),
    gettext_noop("the customer must act"),
    gettext_noop("the only account for this payment"),
    gettext_noop("the outcome of the capture is not known yet"),
    gettext_noop("the payment method was tokenised with this account"),
    gettext_noop("tied to the ledger"),
    gettext_noop("weight %(weight)s of %(total)s"),
    gettext_noop("%(amount)s captured by %(account)s"),
    gettext_noop("%(amount)s captured by %(account)s has failed"),
    gettext_noop("A fee of %(account)s"),
    gettext_noop("A fee of %(account)s for a dispute"),
    gettext_noop("Tax on a fee of %(account)s"),
    gettext_noop("Held back by %(account)s, or released"),
    gettext_noop("%(account)s moved our balance, and nobody knows why yet"),
    gettext_noop("Converted by %(account)s when it settled"),
    gettext_noop("Refund of %(amount)s by %(account)s sent"),
    gettext_noop("Refund of %(amount)s by %(account)s succeeded"),
    gettext_noop("Refund of %(amount)s by %(account)s came back"),
    gettext_noop("Refund of %(amount)s by %(account)s came to nothing"),
    gettext_noop("Refund of %(amount)s by bank transfer left %(account)s"),
    gettext_noop("Refund of %(amount)s by bank transfer came back to %(account)s"),
    gettext_noop("Disputed %(amount)s was taken by %(account)s"),
    gettext_noop("Disputed %(amount)s was given back by %(account)s"),
    gettext_noop("Disputed %(amount)s is lost, taken by %(account)s"),
    gettext_noop("Disputed %(amount)s is no loss, taken by %(account)s"),
    gettext_noop("Payout %(reference)s by %(account)s"),
    gettext_noop("Payout %(reference)s of %(amount)s by %(account)s"),
    gettext_noop("Payout %(reference)s of %(amount)s came back to %(account)s"),
    gettext_noop("Payout of %(amount)s has arrived on %(account)s"),
    gettext_noop("Payout of %(amount)s has left %(account)s"),
    gettext_noop("Payout of %(amount)s has arrived on %(account)s: a match was undone"),
    gettext_noop("Payout of %(amount)s has left %(account)s: a match was undone"),
    gettext_noop("Session of %(person)s"),
    gettext_noop("Browser of %(person)s"),
    gettext_noop("Second factor of %(person)s"),
    gettext_noop("%(since)s to %(until)s"),
    gettext_noop("%(method)s in all countries: %(paid)s of %(tried)s"),
    gettext_noop("%(method)s in %(country)s: %(paid)s of %(tried)s"),
    gettext_noop("fraud warning of %(id)s"),
    gettext_noop("replay of %(id)s by %(person)s"),
    gettext_noop("event %(number)s of %(id)s: recorded, not sent yet"),
    gettext_noop("event %(number)s of %(id)s: recorded, no endpoint wants it"),
    gettext_noop("%(count)s deliveries again, asked by %(person)s"),
    gettext_noop("%(operation)s for %(id)s"),
    gettext_noop("%(count)s reports tie to the ledger."),
    gettext_noop("Debits are credits over %(count)s transfers."),
    gettext_noop("Ledger and PSPs agree."),
    gettext_noop("Every account that moved money has told of it."),
    gettext_noop("%(count)s settlement files did not come, the oldest is late by %(count_of_days)s days."),
    gettext_noop("for %(count)s h the error budget has been burning %(rate)s times too fast"),
    gettext_noop("the line names it"),
    gettext_noop("the release"),
    gettext_noop("the bank disputes the payment"),
    gettext_noop("the name is unknown"),
    gettext_noop("Made up for the demo"),
    gettext_noop("What PSPs have settled"),
    gettext_noop("No line waits to be compared with our books."),
    gettext_noop("Looked at when nothing above is missing."),
    gettext_noop("What the PSP says it owes us is not what books and lines come to."),
)
"""What stands most often as the reason of a change or of a route; whatever else was written is shown as it is."""


def _operation(name: str) -> str:
    return wording.within(wording.said(name))


_HOLE: Final = re.compile(r"%\\\((\w+)\\\)s")
_WORDED: Final = {"code": wording.said, "operation": _operation, "method": wording.method}
_FORMS: Final = {
    "amount": r"[\d.,−-]+ [A-Z]{3}",
    "account": r"[\w-]+",
    "count": r"[\d,]+",
    "rate": r"[\d.]+",
    "person": r"[\w@.+ -]+",
    "reference": r"[\w-]+",
    "since": r"[\d-]+",
    "until": r"[\d:-]+",
}
_WORD: Final = r"[\w:]+"
"""What may stand in a hole: of these names, and of all others."""


LONGEST: Final = 400
"""Characters: none of our sentences is longer, and what is need not be looked through."""


def recite(text: str) -> str:
    """A sentence of ours in the reader's language, its codes in words; anything else as it came.

    A text that pages say as well, word by word, needs no entry above, nor do two of them with a colon between:
    catalogues have them.
    """
    if not text or len(text) > LONGEST:
        return text
    if (said := _(text)) != text:
        return said
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return _(sentence) % {name: _WORDED.get(name, str)(value) for name, value in found.groupdict().items()}
    head, colon, rest = text.partition(": ")
    return f"{head and _(head)}: {recite(rest)}" if colon else text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple((sentence, re.compile(_HOLE.sub(_hole, re.escape(sentence)))) for sentence in SENTENCES)


def _hole(found: re.Match[str]) -> str:
    form = _FORMS.get(found[1], _WORD)
    return f"(?P<{found[1]}>{form})"
