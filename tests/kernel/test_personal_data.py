"""Names and e-mail addresses are encrypted where they lie, found all the same, and their keys can be changed."""

import io
import os
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command

from payments.gateway.models import ProviderCall
from payments.kernel import cipher, personal, rotation, unit
from payments.orders import selectors
from payments.orders.models import Customer
from payments.rest.models import ApiClient, IdempotencyKey
from tests import factories
from tests.byhand import sql
from tests.kernel.conftest import customer
from tests.services import conftest as services

PLACE = "payments_customer.email_cipher"
OLD, NEW = os.urandom(32), os.urandom(32)


sim, shop = services.sim, services.shop


@pytest.fixture
def keys(settings: Any) -> Any:
    """Choose the keys, the newest first."""

    def choose(*chosen: bytes) -> None:
        settings.PERSONAL_DATA_KEYS = chosen

    choose(OLD)
    return choose


@pytest.fixture
def ada(db: None, keys: Any, client_row: ApiClient) -> Customer:
    """Somebody whose data is encrypted by the old key."""
    with unit.work() as work:
        work.add(row := customer(client_row, email="Ada@Example.com", name="Ada  Lovelace"))
    return row


def ran(*arguments: str) -> str:
    """What the command says."""
    said = io.StringIO()
    call_command("personal_data", *arguments, stdout=said)
    return said.getvalue()


def test_what_is_encrypted_comes_back_and_is_never_the_same_twice(keys: Any) -> None:
    first, second = (cipher.encrypt(b"ada@example.com", place=PLACE) for _ in "12")
    assert first != second
    assert {cipher.decrypt(each, place=PLACE) for each in (first, second)} == {b"ada@example.com"}
    assert b"ada" not in first


def test_a_changed_value_is_found_wherever_it_was_changed(keys: Any) -> None:
    value = cipher.encrypt(b"ada@example.com", place=PLACE)
    for place in range(len(value)):
        changed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        with pytest.raises(cipher.CipherError):
            cipher.decrypt(changed, place=PLACE)
    for short in (b"", value[:10], value[:-1]):
        with pytest.raises(cipher.Tampered):
            cipher.decrypt(short, place=PLACE)
    with pytest.raises(cipher.Tampered, match=r"payments_customer\.name_cipher"):
        cipher.decrypt(value, place="payments_customer.name_cipher")


def test_a_missing_key_is_said_by_its_number_and_nothing_of_the_value_is(ada: Customer, keys: Any) -> None:
    keys(NEW)
    with pytest.raises(cipher.KeyMissing, match=r"email_cipher: encrypted by the key [0-9a-f]{8}, which is not among"):
        Customer.objects.get()
    with pytest.raises(CommandError, match="which is not among PERSONAL_DATA_KEYS"):
        ran("rotate")


def test_the_database_has_no_name_and_finds_it_all_the_same(ada: Customer) -> None:
    [(row,)] = sql("SELECT c::text FROM payments_customer c")
    for text in ("example.com", "Lovelace"):
        assert text.lower() not in row.lower()
        assert text.encode().hex() not in row

    found = Customer.objects.get(selectors.by_email(" ada@EXAMPLE.com "))
    assert (found.email, found.name) == ("Ada@Example.com", "Ada  Lovelace"), "as it was written"
    assert Customer.objects.get(selectors.by_name("ada lovelace")) == ada
    for nobody in ("bob@example.com", ""):
        assert not Customer.objects.filter(selectors.by_email(nobody)).exists()
    assert cipher.blind("x", place="a.email") != cipher.blind("x", place="a.name")
    with pytest.raises(FieldError, match="Unsupported lookup 'startswith'"):
        Customer.objects.filter(email__startswith="Ada").exists()


def test_a_value_that_somebody_copies_to_another_column_is_refused(ada: Customer) -> None:
    sql("UPDATE payments_customer SET name_cipher = email_cipher")
    with pytest.raises(cipher.Tampered):
        Customer.objects.get()


def test_keys_are_changed_while_the_old_one_is_read(ada: Customer, keys: Any, client_row: ApiClient) -> None:
    keys(NEW, OLD)
    assert Customer.objects.get().email == "Ada@Example.com"
    with unit.work() as work:
        work.add(customer(client_row, "bob", email="bob@example.com"))
    assert "payments_customer.email_cipher: 1 left" in ran("status")

    said = ran("rotate")
    assert "payments_customer.email_cipher: 1 done" in said, "Bob's is by the new key already"
    assert "payments_customer.email_cipher: 0 left" in said
    assert "done" not in ran("rotate")
    keys(NEW)
    assert Customer.objects.get(selectors.by_email("ada@example.com")).name == "Ada  Lovelace"
    with pytest.raises(cipher.KeyMissing):
        keys(OLD) or Customer.objects.get(reference="ada")


def test_another_pepper_finds_nobody_until_all_are_written_again(ada: Customer, settings: Any) -> None:
    settings.KEY_PEPPER = "another pepper of thirty-two characters"
    assert not Customer.objects.filter(selectors.by_email("ada@example.com")).exists()
    ran("rotate", "--all")
    assert Customer.objects.filter(selectors.by_email("ada@example.com")).exists()


def test_what_an_old_process_writes_counts_until_it_is_encrypted(ada: Customer) -> None:
    sql("UPDATE payments_customer SET email = 'old@example.com', version = version + 1")
    assert sql("SELECT email_cipher IS NULL, name_cipher IS NULL FROM payments_customer") == [(True, False)]
    found = Customer.objects.get()
    assert (found.email, found.name) == ("old@example.com", "Ada  Lovelace")
    assert Customer.objects.get(selectors.by_email("OLD@example.com")) == ada

    assert "payments_customer.email_cipher: 1 done" in ran("encrypt")
    assert sql("SELECT email, name FROM payments_customer") == [("", "")]
    assert Customer.objects.get(selectors.by_email("OLD@example.com")).name == "Ada  Lovelace"


def test_what_a_new_process_writes_takes_the_place_of_what_an_old_one_wrote(ada: Customer) -> None:
    sql("UPDATE payments_customer SET email = 'old@example.com', name = 'Old'")
    with unit.work():
        Customer.objects.select_for_update().get().change(email="new@example.com", name="")
    assert sql("SELECT email, name, name_cipher IS NULL FROM payments_customer") == [("", "", True)]
    assert Customer.objects.get().email == "new@example.com"


def test_an_old_process_that_takes_a_name_away_takes_all_of_it(ada: Customer) -> None:
    sql("UPDATE payments_customer SET name = '', email = '', erased_at = now()")
    assert sql("SELECT email_cipher IS NULL, name_cipher IS NULL FROM payments_customer") == [(True, True)]


def test_calls_and_answers_of_before_are_read_and_encrypted_too(shop: factories.Shop) -> None:
    shop.confirm(shop.intent())
    sql("""UPDATE payments_providercall SET given = '{"details": {"iban": "DE00"}}'""")
    key = IdempotencyKey.objects.get(operation="payment_intents.confirm")
    sql("UPDATE payments_idempotencykey SET body = %s, body_cipher = NULL WHERE id = %s", key.body, key.pk)
    assert ProviderCall.objects.get().given == {"details": {"iban": "DE00"}}

    ran("encrypt")
    assert ProviderCall.objects.get().given == {"details": {"iban": "DE00"}}
    assert IdempotencyKey.objects.get(pk=key.pk).body == key.body
    assert sql("SELECT count(*) FROM payments_providercall WHERE given <> '{}'") == [(0,)]
    assert sql("SELECT count(*) FROM payments_idempotencykey WHERE body IS NOT NULL") == [(0,)]


def test_every_encrypted_column_has_its_own_place() -> None:
    places = [field.place for _, field in rotation.columns()]
    assert sorted(places) == [
        "payments_customer.email_cipher",
        "payments_customer.name_cipher",
        "payments_idempotencykey.body_cipher",
        "payments_providercall.given_cipher",
        "payments_secondfactor.secret",
        "reporting_alertchannel.address_cipher",
    ]
    assert all(isinstance(field, personal.Column) for _, field in rotation.columns())
