"""How payments that go elsewhere for a while are shown."""

from typing import Final

from payments.admin import shown

COLUMNS: Final = (
    shown.Column("Payments", lambda row, _: shown.capital(str(row))),
    shown.Column("It keeps", lambda row, _: f"{row.share:.0%}"),
    shown.time_of("set_at", "Since"),
    shown.said_of("because", "Why"),
    shown.text_of("set_by", "By whom"),
    shown.text_of("incident", "Incident"),
)
