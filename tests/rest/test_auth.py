"""Keys at the door: who is let in, to what, and for how long."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from payments.kernel import clock
from payments.rest import keys
from payments.rest.models import ApiClient, ApiKey, KeyKind
from tests.rest.conftest import Caller, problem

pytestmark = [pytest.mark.urls("tests.rest.doors"), pytest.mark.django_db]


def ask(authorization: str | None, path: str = "/v1/things") -> tuple[int, str]:
    response = Client().get(path, headers={} if authorization is None else {"Authorization": authorization})
    if response.status_code == 200:
        return 200, "ok"
    if response.status_code == 401:
        assert response["WWW-Authenticate"].startswith("Bearer")
    return response.status_code, problem(response)["code"]


def row_of(key: str) -> ApiKey:
    return ApiKey.objects.get(prefix=key.split("_")[1])


def test_a_key_opens_the_door(shop: Caller) -> None:
    assert ask(f"Bearer {shop.key}") == (200, "ok")
    assert ask(f"bearer {shop.key}") == (200, "ok")


@pytest.mark.parametrize("authorization", [None, "", "Basic dXNlcjpwdw==", "Api-Key abc"])
def test_without_a_key_it_stays_shut(shop: Caller, authorization: str | None) -> None:
    assert ask(authorization) == (401, "api_key_missing")


@pytest.mark.parametrize("text", ["", "x", "sk_short", "sk_aaaaaaaa_" + "A" * 32, "rk_aaaaaaaa_" + "A" * 32, "sk_ü"])
def test_a_key_that_is_none_is_refused(shop: Caller, text: str) -> None:
    assert ask(f"Bearer {text}") == (401, "api_key_invalid")


def test_the_right_beginning_with_a_wrong_secret_is_refused(shop: Caller) -> None:
    forged = shop.key[:-1] + ("A" if shop.key[-1] != "A" else "B")
    assert ask(f"Bearer {forged}") == (401, "api_key_invalid")
    assert ask(f"Bearer {shop.key.replace('sk_', 'pk_')}") == (401, "api_key_invalid")


def test_the_database_does_not_know_the_key(shop: Caller) -> None:
    row = row_of(shop.key)
    secret = shop.key.split("_")[2]
    assert len(secret) >= 27  # 160 bits in an alphabet of 62
    assert all(secret not in str(value) for value in vars(row).values())
    assert len(row.hash) == 64


def test_a_hash_is_worth_nothing_without_the_pepper(shop: Caller, settings: object) -> None:
    settings.KEY_PEPPER = "another pepper of thirty-two characters"  # type: ignore[attr-defined]
    assert ask(f"Bearer {shop.key}") == (401, "api_key_invalid")


def test_an_expired_key_says_so(shop: Caller) -> None:
    row = row_of(shop.key)
    row.expires_at = clock.now() + timedelta(seconds=60)
    row.save()
    assert ask(f"Bearer {shop.key}") == (200, "ok")
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert ask(f"Bearer {shop.key}") == (401, "api_key_expired")


def test_a_request_costs_no_query_for_its_key(shop: Caller) -> None:
    missing = "/v1/things/nothing"
    assert ask(f"Bearer {shop.key}", missing) == (404, "not_found")
    with CaptureQueriesContext(connection) as queries:
        assert ask(f"Bearer {shop.key}", missing) == (404, "not_found")
    assert len(queries) == 0


def test_a_key_that_another_process_revoked_stops_within_five_seconds(shop: Caller) -> None:
    assert ask(f"Bearer {shop.key}") == (200, "ok")
    ApiKey.objects.filter(pk=row_of(shop.key).pk).update(revoked_at=clock.now())  # behind this process's back
    with clock.at(clock.now() + timedelta(seconds=5.1)):
        assert ask(f"Bearer {shop.key}") == (401, "api_key_invalid")


def test_a_key_that_this_process_revokes_stops_at_once(shop: Caller) -> None:
    assert ask(f"Bearer {shop.key}") == (200, "ok")
    keys.revoke(row_of(shop.key))
    assert ask(f"Bearer {shop.key}") == (401, "api_key_invalid")


def test_a_clock_that_jumps_back_does_not_keep_a_revoked_key_alive(shop: Caller) -> None:
    with clock.at(clock.now() + timedelta(days=1)):
        assert ask(f"Bearer {shop.key}") == (200, "ok")
    ApiKey.objects.filter(pk=row_of(shop.key).pk).update(revoked_at=clock.now())
    assert ask(f"Bearer {shop.key}") == (401, "api_key_invalid")


def test_use_is_noted_once_a_minute(shop: Caller) -> None:
    start = clock.now()
    with clock.at(start):
        ask(f"Bearer {shop.key}")
    assert row_of(shop.key).last_used_at == start
    with clock.at(start + timedelta(seconds=59)):
        ask(f"Bearer {shop.key}")
    assert row_of(shop.key).last_used_at == start
    later = start + timedelta(seconds=65)  # the row is read again every five seconds
    with clock.at(later):
        ask(f"Bearer {shop.key}")
    assert row_of(shop.key).last_used_at == later


def test_a_forged_key_leaves_no_trace_of_use(shop: Caller) -> None:
    ask(f"Bearer {shop.key[:-1]}-")
    ask(f"Bearer {shop.key[:-1]}" + ("A" if shop.key[-1] != "A" else "B"))
    assert row_of(shop.key).last_used_at is None


def test_a_request_is_served_when_use_cannot_be_noted(shop: Caller) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'read only'; END $$"
        )
        cursor.execute("CREATE TRIGGER refuse BEFORE UPDATE ON payments_apikey EXECUTE FUNCTION refuse()")
    assert ask(f"Bearer {shop.key}") == (200, "ok")


def test_rotation_overlaps(shop: Caller) -> None:
    old = row_of(shop.key)
    text = keys.rotate(old, overlap=timedelta(hours=1))
    assert row_of(text).rotated_from == old
    assert row_of(text).scopes == old.scopes
    assert ask(f"Bearer {shop.key}") == (200, "ok")
    assert ask(f"Bearer {text}") == (200, "ok")
    with clock.at(clock.now() + timedelta(hours=1, seconds=1)):
        assert ask(f"Bearer {shop.key}") == (401, "api_key_expired")
        assert ask(f"Bearer {text}") == (200, "ok")


def test_rotation_never_prolongs_a_key(shop: Caller) -> None:
    old = row_of(shop.key)
    ends = clock.now() + timedelta(minutes=5)
    ApiKey.objects.filter(pk=old.pk).update(expires_at=ends)
    old.refresh_from_db()
    keys.rotate(old, overlap=timedelta(days=1))
    old.refresh_from_db()
    assert old.expires_at == ends


def test_a_missing_scope_is_named(db: None) -> None:
    reader = Caller("reader", scopes=("payments:read",))
    response = reader.get("/v1/things")
    document = problem(response)
    assert (response.status_code, document["code"], document["scope"]) == (403, "scope_missing", "orders:read")


def test_reading_does_not_allow_writing(db: None) -> None:
    reader = Caller("reader", scopes=("orders:read",))
    assert reader.get("/v1/things").status_code == 200
    assert problem(reader.post("/v1/things", {"name": "x", "amount": 1}))["scope"] == "orders:write"


def test_a_publishable_key_opens_only_what_is_declared_for_it(db: None) -> None:
    app = Caller("app", kind=KeyKind.PUBLISHABLE, scopes=())
    assert app.key.startswith("pk_")
    assert app.get(f"/v1/things/{app.client.pk}").status_code == 200
    response = app.get("/v1/things")
    assert (response.status_code, problem(response)["code"]) == (403, "secret_key_required")


def test_there_is_no_scope_but_the_listed_ones(db: None) -> None:
    client = ApiClient.objects.create(name="c")
    with pytest.raises(keys.ScopeUnknown):
        keys.create(client, scopes=["orders:admin"])


def test_refusal_comes_before_the_method_is_looked_at(db: None) -> None:
    response = Client().put("/v1/things")
    assert (response.status_code, problem(response)["code"]) == (401, "api_key_missing")
