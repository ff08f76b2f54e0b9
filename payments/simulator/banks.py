"""Who has issued a card, by its first six digits: banks that are nobody's, so that an outage of one can be told."""

_BANKS = (
    "HARBOUR BANK", "FIRST MERIDIAN BANK", "LINDEN SAVINGS BANK", "BANCO DEL PUERTO", "NORTHERN UNION",
    "OLD MILL CREDIT UNION", "CRYSTAL BANK",
)  # fmt: skip


def issuer(first_six: str) -> str:
    """The bank's name; the same digits have the same one, at every PSP."""
    return _BANKS[int(first_six) % len(_BANKS)]
