"""Ids in the database: a uuid in the column, the same public text in Python and in SQL."""

import uuid
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError

from payments.gateway.models import ProviderCall
from payments.kernel import ids
from payments.orders.models import Customer, Order
from payments.rest.models import ApiClient
from tests.kernel.conftest import customer, sql

OURS = [model._meta.pk for model in (ApiClient, Customer, Order, ProviderCall)]


@pytest.fixture
def row(client_row: ApiClient) -> Customer:
    """A customer in the database."""
    made = customer(client_row)
    made.save()
    return made


def test_an_id_comes_back_as_it_went(row: Customer) -> None:
    assert row.pk.startswith("cus_")
    assert Customer.objects.get().pk == row.pk
    assert Customer.objects.get(pk=row.pk) == row


def test_sql_makes_the_same_text(row: Customer) -> None:
    text = sql("SELECT 'cus_' || replace(id::text, '-', '') FROM payments_customer")
    assert text == [(row.pk,)]
    assert sql("SELECT pg_typeof(id)::text FROM payments_customer") == [("uuid",)]


def test_ids_sort_in_sql_as_they_do_in_python(client_row: ApiClient) -> None:
    made = [ApiClient.objects.create(name=f"c{n}").pk for n in range(50)]
    assert list(ApiClient.objects.exclude(pk=client_row.pk).order_by("id").values_list("pk", flat=True)) == made


def test_a_reference_to_a_row_is_its_public_id(row: Customer, client_row: ApiClient) -> None:
    found = Customer.objects.get()
    assert found.client_id == client_row.pk
    assert Customer.objects.filter(client=client_row.pk).exists()
    assert Customer.objects.filter(client__in=[client_row]).values_list("client_id", flat=True)[0] == client_row.pk


@pytest.mark.parametrize(
    "text", ["", "ada", "ord_" + "0" * 32, "cus_" + "0" * 31, "cus_" + "Z" * 32, "cus_", "0" * 32, 7, 1.5, [], b"cus_"]
)
def test_what_is_no_id_of_this_kind_is_refused_before_it_reaches_the_database(db: None, text: Any) -> None:
    with pytest.raises(ValidationError, match="cus_"):
        Customer.objects.filter(pk=text).exists()
    with pytest.raises(ValidationError, match="cus_"):
        Customer.objects.filter(pk__in=[text]).exists()
    with pytest.raises(ValidationError, match="cus_"):
        Customer._meta.pk.clean(text, None)


def test_a_uuid_is_taken_for_what_it_is(row: Customer) -> None:
    assert Customer.objects.get(pk=ids.decode("cus", row.pk)) == row
    assert Customer._meta.pk.to_python(uuid.UUID(int=1)) == "cus_" + "0" * 31 + "1"
    assert Customer._meta.pk.to_python(None) is None


def test_nobody_edits_an_id_in_a_form() -> None:
    assert not any(field.editable for field in OURS)


@pytest.mark.parametrize("field", OURS, ids=lambda field: field.model.__name__)
def test_a_migration_can_write_the_field_down(field: Any) -> None:
    _name, path, args, options = field.deconstruct()
    again = ids.IdField(*args, **options)
    assert path == "payments.kernel.ids.IdField"
    assert (again.deconstruct()[2:], again.primary_key) == ((args, options), True)
    assert again.get_default().startswith(f"{args[0]}_")


def test_a_fixture_holds_the_public_id(row: Customer) -> None:
    [written] = serializers.deserialize("json", serializers.serialize("json", [row]))
    assert f'"pk": "{row.pk}"' in serializers.serialize("json", [row])
    assert written.object.pk == row.pk
