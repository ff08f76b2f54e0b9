"""What an issuer is known by: the bank's name, else the card's first six digits, and never more of its number."""

import pytest

from payments.connectors import answers


@pytest.mark.parametrize(
    ("bank", "digits", "known"),
    [
        (" Crystal\n bank ", ("411111",), "CRYSTAL BANK"),
        ("", ("411111",), "411111"),
        (None, (None, "52123423"), "521234"),
        ("4111111111111111", ("4111",), ""),
        ("Bank 4111 1111 1111 1111", ("411111",), "411111"),
        (["x"], ("\N{ARABIC-INDIC DIGIT FOUR}11111", "41111x"), ""),
        ("B" * 80, (), "B" * 40),
    ],
)
def test_an_issuer_is_known_by_its_name_or_six_digits(bank: object, digits: tuple[object, ...], known: str) -> None:
    assert answers.issuer(bank, *digits) == known
