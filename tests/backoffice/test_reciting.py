"""What was written down in English is said in the reader's language, where it is a sentence of ours."""

import pytest
from django.utils import translation

from payments.admin import shown


@pytest.mark.parametrize(
    ("kept", "english", "german"),
    [
        ("captured", "captured", "eingezogen"),
        ("confirmed with ideal", "confirmed with iDEAL | Wero", "bestätigt mit iDEAL | Wero"),
        ("declined: insufficient_funds", "declined: Insufficient funds", "abgelehnt: Zu wenig Guthaben"),
        ("it can be taken back until 12:10:50 UTC", None, "kann bis 12:10:50 UTC zurückgenommen werden"),
        ("weight 30 of 100", None, "Gewicht 30 von 100"),
        ("19.99 USD captured by stripe-us", None, "19.99 USD eingezogen von stripe-us"),
        ("2026-11-03 to 2026-11-04", None, "2026-11-03 bis 2026-11-04"),
        ("send_refund: Failed, and comes back", None, "send_refund: Fehlgeschlagen, kommt wieder"),
        (
            "Our own time: for 72 h the error budget has been burning 1 times too fast",
            None,
            "Unsere eigene Zeit: seit 72 h wird das Fehlerbudget 1-mal zu schnell verbraucht",
        ),
        ("The payout has arrived", None, "Die Auszahlung ist angekommen"),
        ("Captured by hand, says lena", None, "Captured by hand, says lena"),
        ("", None, ""),
        ("far: " * 5000, None, "far: " * 5000),
    ],
)
def test_sentences_are_said_and_everything_else_is_left(kept: str, english: str | None, german: str) -> None:
    assert shown.recite(kept) == (kept if english is None else english)
    with translation.override("de"):
        assert shown.recite(kept) == german


def test_roles_and_methods_have_names() -> None:
    assert (shown.role("support_lead"), shown.role("night shift"), shown.role("")) == (
        "Support lead",
        "night shift",
        "",
    )
    assert (shown.method("sepa_debit"), shown.method("barter_goods")) == ("SEPA Direct Debit", "Barter goods")
    with translation.override("de"):
        assert shown.role("support_lead") == "Supportleitung"
