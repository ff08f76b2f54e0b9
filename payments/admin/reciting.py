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
)
"""What stands most often as the reason of a change or of a route; whatever else was written is shown as it is."""

_HOLE: Final = re.compile(r"%\\\((\w+)\\\)s")
_WORDED: Final = {"code": wording.plain, "method": wording.method}


def recite(text: str) -> str:
    """A sentence of ours in the reader's language, its codes in words; anything else as it came."""
    for sentence, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return _(sentence) % {name: _WORDED.get(name, str)(value) for name, value in found.groupdict().items()}
    return text


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (sentence, re.compile(_HOLE.sub(lambda hole: rf"(?P<{hole[1]}>[\w:]+)", re.escape(sentence))))
        for sentence in SENTENCES
    )
