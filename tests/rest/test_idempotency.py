"""Idempotency keys: one effect, one answer, whatever happens in between."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.kernel import clock, crashpoints, ids
from payments.rest import retention
from payments.rest.models import ApiClient, IdempotencyKey
from tests.rest.conftest import Caller, problem

pytestmark = [pytest.mark.urls("tests.rest.doors"), pytest.mark.django_db]

CHAIR = {"name": "chair", "amount": 1999, "metadata": {"a": "1", "b": "2"}}


@pytest.fixture
def thing(shop: Caller) -> ApiClient:
    return ApiClient.objects.create(name="thing")


def code(response: Any) -> tuple[int, str]:
    return response.status_code, problem(response)["code"]


def effects(thing: ApiClient) -> int:
    """How often the thing was used: every use leaves an x."""
    thing.refresh_from_db()
    return len(thing.brand)


def test_the_first_answer_comes_again_byte_for_byte(shop: Caller) -> None:
    first = shop.post("/v1/things", CHAIR, key="k1")
    assert first.status_code == 201
    assert "Idempotent-Replayed" not in first
    again = shop.post("/v1/things", CHAIR, key="k1")
    assert (again.status_code, again.content) == (201, first.content)
    assert again["Idempotent-Replayed"] == "true"
    assert again["Content-Type"] == "application/json"
    assert ApiClient.objects.filter(name="chair").count() == 1


def test_the_answer_is_stored_in_the_commit_that_makes_it_true_and_nothing_is_asked_before(shop: Caller) -> None:
    shop.post("/v1/things", {**CHAIR, "name": "warm up"}, key="k0")
    with CaptureQueriesContext(connection) as queries:
        assert shop.post("/v1/things", CHAIR, key="k1").status_code == 201
    statements = [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]]
    assert statements == ["INSERT", "INSERT"]  # the thing, and its key with the answer
    assert IdempotencyKey.objects.get(key="k1").status == 201


def test_spelling_does_not_make_another_body(shop: Caller) -> None:
    first = shop.post("/v1/things", CHAIR, key="k1")
    again = shop.post(
        "/v1/things", key="k1", raw=b'{ "metadata":{"b":"2","\\u0061":"1"},\n "amount":1999, "name":"ch\\u0061ir" }'
    )
    assert again.content == first.content


def test_another_body_is_refused(shop: Caller) -> None:
    shop.post("/v1/things", CHAIR, key="k1")
    assert code(shop.post("/v1/things", {**CHAIR, "amount": 2000}, key="k1")) == (422, "idempotency_key_reused")
    assert code(shop.post("/v1/things", {**CHAIR, "name": "other"}, key="k1")) == (422, "idempotency_key_reused")
    assert not ApiClient.objects.filter(name="other").exists()


def test_another_object_is_another_request(shop: Caller, thing: ApiClient) -> None:
    other = ApiClient.objects.create(name="other")
    assert shop.post(f"/v1/things/{thing.pk}/use", key="k1").status_code == 200
    assert code(shop.post(f"/v1/things/{other.pk}/use", key="k1")) == (422, "idempotency_key_reused")
    assert effects(other) == 0


def test_keys_are_each_operations_own(shop: Caller, thing: ApiClient) -> None:
    assert shop.post(f"/v1/things/{thing.pk}/use", key="k1").status_code == 200
    assert shop.post(f"/v1/things/{thing.pk}/spend", key="k1").status_code == 200


def test_keys_are_each_clients_own(shop: Caller, thing: ApiClient) -> None:
    neighbour = Caller("neighbour")
    assert shop.post(f"/v1/things/{thing.pk}/use", key="k1").status_code == 200
    response = neighbour.post(f"/v1/things/{thing.pk}/use", key="k1")
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response
    assert effects(thing) == 2


def test_two_keys_of_one_client_share_its_idempotency_keys(shop: Caller, thing: ApiClient) -> None:
    second = Caller("shop")
    first = shop.post(f"/v1/things/{thing.pk}/use", key="k1")
    assert second.post(f"/v1/things/{thing.pk}/use", key="k1").content == first.content
    assert effects(thing) == 1


def test_moving_money_needs_a_key(shop: Caller, thing: ApiClient) -> None:
    assert code(shop.post(f"/v1/things/{thing.pk}/use")) == (400, "idempotency_key_required")
    assert effects(thing) == 0


def test_elsewhere_a_key_is_welcome_but_not_needed(shop: Caller) -> None:
    assert shop.post("/v1/things", CHAIR).status_code == 201
    assert code(shop.post("/v1/things", CHAIR)) == (409, "object_changed")  # the name is taken: no key, no replay


@pytest.mark.parametrize("key", ["", " ", "two words", "ümlaut", "tab\t", "x" * 256])
def test_a_key_is_visible_ascii(shop: Caller, key: str) -> None:
    assert code(shop.post("/v1/things", CHAIR, key=key or " ")) == (400, "idempotency_key_invalid")


def test_a_key_of_255_characters_is_fine(shop: Caller) -> None:
    first = shop.post("/v1/things", CHAIR, key="~" * 255)
    assert shop.post("/v1/things", CHAIR, key="~" * 255).content == first.content


def test_a_request_that_was_refused_before_it_wrote_may_be_corrected_under_its_key(shop: Caller) -> None:
    assert code(shop.post("/v1/things", {**CHAIR, "amount": 0}, key="k1")) == (400, "parameter_invalid")
    ApiClient.objects.create(name="taken")
    assert code(shop.post("/v1/things", {**CHAIR, "name": "taken"}, key="k1")) == (409, "object_changed")
    assert code(shop.post("/v1/things/cli_" + "0" * 32 + "/use", key="k1")) == (404, "not_found")
    assert not IdempotencyKey.objects.exists()
    assert shop.post("/v1/things", CHAIR, key="k1").status_code == 201


def test_a_refusal_of_the_rules_is_replaced_by_the_first_answer(shop: Caller, thing: ApiClient) -> None:
    first = shop.post(f"/v1/things/{thing.pk}/spend", key="k1")
    assert first.status_code == 200
    assert code(shop.post(f"/v1/things/{thing.pk}/spend", key="k2")) == (409, "object_changed")
    again = shop.post(f"/v1/things/{thing.pk}/spend", key="k1")
    assert (again.status_code, again.content) == (200, first.content)


def test_the_first_answer_outlives_its_object(shop: Caller) -> None:
    made = shop.post("/v1/things", {**CHAIR, "name": "fleeting"}, key="k1")
    path = f"/v1/things/{made.json()['id']}"
    first = shop.post(f"{path}/use", key="k2")
    shop.delete(path)
    assert shop.post(f"{path}/use", key="k2").content == first.content
    assert code(shop.post(f"{path}/use", key="k3")) == (404, "not_found")


def test_an_operation_that_has_nothing_left_to_do_still_replays(shop: Caller, thing: ApiClient) -> None:
    first = shop.post(f"/v1/things/{thing.pk}/sleep", key="k1")
    ApiClient.objects.filter(pk=thing.pk).update(name="renamed")
    again = shop.post(f"/v1/things/{thing.pk}/sleep", key="k1")
    assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
    fresh = shop.post(f"/v1/things/{thing.pk}/sleep", key="k2")
    assert fresh.json()["name"] == "renamed"
    assert "Idempotent-Replayed" not in fresh


def test_an_answer_of_the_second_commit_is_stored_with_it(shop: Caller, thing: ApiClient) -> None:
    first = shop.post(f"/v1/things/{thing.pk}/use", {"then": "succeed"}, key="k1")
    row = IdempotencyKey.objects.get(key="k1")
    assert row.body is not None
    assert (row.status, bytes(row.body), row.object_id) == (200, first.content, thing.pk)
    assert shop.post(f"/v1/things/{thing.pk}/use", {"then": "succeed"}, key="k1").content == first.content
    assert effects(thing) == 1


def test_an_answer_that_no_commit_named_is_stored_after_it(shop: Caller, thing: ApiClient) -> None:
    first = shop.post(f"/v1/things/{thing.pk}/use", {"then": "forget"}, key="k1")
    assert shop.post(f"/v1/things/{thing.pk}/use", {"then": "forget"}, key="k1").content == first.content
    assert effects(thing) == 1


def test_a_refusal_after_the_first_commit_is_the_answer(shop: Caller, thing: ApiClient) -> None:
    first = shop.post(f"/v1/things/{thing.pk}/use", {"then": "decline"}, key="k1")
    assert code(first) == (422, "currency_mismatch")
    again = shop.post(f"/v1/things/{thing.pk}/use", {"then": "decline"}, key="k1")
    assert (again.status_code, again.content, again["Idempotent-Replayed"]) == (422, first.content, "true")
    assert again["Content-Type"] == "application/problem+json"
    assert effects(thing) == 1


def test_a_503_with_proof_of_no_effect_frees_the_key(shop: Caller, thing: ApiClient) -> None:
    response = shop.post(f"/v1/things/{thing.pk}/use", {"then": "unavailable"}, key="k1")
    assert code(response) == (503, "temporarily_unavailable")
    assert response["Retry-After"]
    assert not IdempotencyKey.objects.exists()
    assert shop.post(f"/v1/things/{thing.pk}/use", {"then": "succeed"}, key="k1").status_code == 200


def test_a_refusal_is_stored_with_the_commit_that_makes_it_true(shop: Caller, thing: ApiClient) -> None:
    with pytest.raises(crashpoints.Crash):
        shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash at the refusal"}, key="k1")
    again = shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash at the refusal"}, key="k1")
    told = (again.status_code, again.json()["code"], again["Idempotent-Replayed"])
    assert told == (422, "currency_mismatch", "true")
    assert effects(thing) == 1


def crash(shop: Caller, thing: ApiClient) -> None:
    """A request whose process dies after its first commit."""
    with pytest.raises(crashpoints.Crash):
        shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash"}, key="k1")
    assert effects(thing) == 1


def test_after_a_crash_the_key_is_in_use_for_a_minute(shop: Caller, thing: ApiClient) -> None:
    crash(shop, thing)
    response = shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash"}, key="k1")
    # The retry wrote its own first unit, which ran into the key: nothing of it remains.
    assert code(response) == (409, "idempotency_key_in_use")
    assert response["Retry-After"] == "1"
    assert effects(thing) == 1


def test_then_it_answers_from_the_record_and_never_repeats_the_effect(shop: Caller, thing: ApiClient) -> None:
    crash(shop, thing)
    with clock.at(clock.now() + timedelta(seconds=61)):
        first = shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash"}, key="k1")
        again = shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash"}, key="k1")
    assert (first.status_code, first["Idempotent-Replayed"]) == (200, "true")
    assert first.json()["brand"] == "x"
    assert again.content == first.content
    assert effects(thing) == 1


def test_another_body_is_refused_after_a_crash_too(shop: Caller, thing: ApiClient) -> None:
    crash(shop, thing)
    with clock.at(clock.now() + timedelta(seconds=61)):
        assert code(shop.post(f"/v1/things/{thing.pk}/use", {}, key="k1")) == (422, "idempotency_key_reused")
    assert effects(thing) == 1


def test_keys_are_forgotten_after_thirty_days_and_not_before(shop: Caller, thing: ApiClient) -> None:
    now = clock.now()
    for days in (29, 31, 400):
        made = now - timedelta(days=days)
        IdempotencyKey.objects.create(
            id=ids.uuid7(made),
            client=shop.client,
            operation="things.use",
            key=f"{days}",
            body_hash="",
            object_id=thing.pk,
            created_at=made,
        )
    retention.forget_idempotency_keys()
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["29"]


def test_forgetting_goes_on_until_nothing_old_is_left(shop: Caller, thing: ApiClient) -> None:
    made = clock.now() - timedelta(days=31)
    IdempotencyKey.objects.bulk_create(
        IdempotencyKey(
            id=ids.uuid7(made),
            client=shop.client,
            operation="things.use",
            key=f"{n}",
            body_hash="",
            object_id=thing.pk,
            created_at=made,
        )
        for n in range(2_500)
    )
    retention.forget_idempotency_keys()
    assert not IdempotencyKey.objects.exists()


def at_once(count: int, ask: Callable[[int], Any]) -> list[Any]:
    """The answers to `count` requests that start together, each on a connection of its own."""
    barrier = threading.Barrier(count, timeout=120)

    def one(number: int) -> Any:
        try:
            barrier.wait()
            return ask(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count), timeout=300))


@pytest.mark.django_db(transaction=True)
def test_the_same_key_from_twenty_threads_makes_one_thing_and_gives_one_answer(shop: Caller) -> None:
    answers = at_once(20, lambda _: shop.post("/v1/things", CHAIR, key="k1"))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer for answer in answers) == 1
    assert ApiClient.objects.filter(name="chair").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_key_spends_a_thing_once(shop: Caller) -> None:
    thing = ApiClient.objects.create(name="thing")
    answers = at_once(20, lambda _: shop.post(f"/v1/things/{thing.pk}/spend", key="k1"))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.django_db(transaction=True)
def test_the_same_key_in_two_commits_has_one_effect_and_whoever_comes_between_is_told_to_wait(shop: Caller) -> None:
    thing = ApiClient.objects.create(name="thing")
    answers = at_once(20, lambda _: shop.post(f"/v1/things/{thing.pk}/use", key="k1"))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {code(answer)[1] for answer in answers if answer.status_code == 409} <= {"idempotency_key_in_use"}
    last = shop.post(f"/v1/things/{thing.pk}/use", key="k1")
    assert {answer.content for answer in answers if answer.status_code == 200} == {last.content}
    assert effects(thing) == 1


@pytest.mark.django_db(transaction=True)
def test_twenty_keys_for_one_name_make_one_thing(shop: Caller) -> None:
    answers = at_once(20, lambda number: shop.post("/v1/things", CHAIR, key=f"k{number}"))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_retries_after_a_crash_agree_on_one_answer(shop: Caller) -> None:
    thing = ApiClient.objects.create(name="thing")
    crash(shop, thing)
    later = clock.now() + timedelta(seconds=61)

    def retry(_: int) -> Any:
        with clock.at(later):
            return shop.post(f"/v1/things/{thing.pk}/use", {"then": "crash"}, key="k1")

    answers = at_once(10, retry)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert effects(thing) == 1
