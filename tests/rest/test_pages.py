"""Lists: newest first, by cursor, stable while rows are added."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.kernel import clock, ids
from payments.rest.models import ApiClient
from tests.rest.conftest import Caller, problem

pytestmark = [pytest.mark.urls("tests.rest.doors"), pytest.mark.django_db]


@pytest.fixture
def things(shop: Caller) -> list[str]:
    """Twenty-five things, the newest first."""
    return [ApiClient.objects.create(name=f"thing {n}", brand="odd" if n % 2 else "even").pk for n in range(25)][::-1]


def listed(shop: Caller, query: str = "") -> tuple[list[str], bool, str | None]:
    document = shop.get(f"/v1/things?{query}").json()
    assert list(document) == ["data", "has_more", "next_cursor"]
    return [row["id"] for row in document["data"]], document["has_more"], document["next_cursor"]


def test_twenty_at_a_time_newest_first(shop: Caller, things: list[str]) -> None:
    assert listed(shop) == (things[:20], True, things[19])
    assert listed(shop, f"starting_after={things[19]}") == (things[20:], False, None)


def test_a_list_of_nothing(shop: Caller) -> None:
    assert listed(shop) == ([], False, None)


def test_a_page_that_is_exactly_full_is_the_last(shop: Caller, things: list[str]) -> None:
    assert listed(shop, "limit=25") == (things, False, None)


def test_back_to_the_newer_ones(shop: Caller, things: list[str]) -> None:
    assert listed(shop, f"ending_before={things[10]}&limit=3") == (things[7:10], True, things[7])
    assert listed(shop, f"ending_before={things[2]}") == (things[:2], False, None)


def test_rows_added_meanwhile_move_nothing(shop: Caller, things: list[str]) -> None:
    seen, _, cursor = listed(shop, "limit=10")
    for n in range(5):
        ApiClient.objects.create(name=f"new {n}")
    while cursor:
        rows, _, cursor = listed(shop, f"limit=10&starting_after={cursor}")
        seen += rows
    assert seen == things


def test_a_cursor_outlives_its_row(shop: Caller, things: list[str]) -> None:
    ApiClient.objects.filter(pk=things[5]).delete()
    assert listed(shop, f"starting_after={things[5]}&limit=2")[0] == things[6:8]


def test_filters_and_cursors_work_together(shop: Caller, things: list[str]) -> None:
    odd = things[1::2]
    assert listed(shop, "brand=odd&limit=5") == (odd[:5], True, odd[4])
    assert listed(shop, f"brand=odd&limit=5&starting_after={odd[9]}") == (odd[10:], False, None)


def test_times_bound_a_list(shop: Caller) -> None:
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    rows = [
        ApiClient.objects.create(
            id=ids.new("cli", noon + timedelta(hours=n)), name=f"{n}", created_at=noon + timedelta(hours=n)
        ).pk
        for n in range(4)
    ]
    stamps = [(noon + timedelta(hours=n)).strftime("%Y-%m-%dT%H:%M:%SZ") for n in range(4)]
    assert listed(shop, f"created[gte]={stamps[1]}&created[lt]={stamps[3]}")[0] == [rows[2], rows[1]]
    assert listed(shop, f"created[gt]={stamps[1]}&created[lte]={stamps[3]}")[0] == [rows[3], rows[2]]


def test_nothing_is_counted(shop: Caller, things: list[str]) -> None:
    listed(shop)
    with CaptureQueriesContext(connection) as queries:
        listed(shop, "limit=5")
    assert len(queries) == 1
    assert "COUNT" not in queries[0]["sql"]
    assert "LIMIT 6" in queries[0]["sql"]


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("starting_after=chair", "starting_after"),
        ("starting_after=ord_" + "0" * 32, "starting_after"),
        ("ending_before=cli_" + "G" * 32, "ending_before"),
        ("starting_after=cli_" + "0" * 32 + "&ending_before=cli_" + "0" * 32, "ending_before"),
    ],
)
def test_a_cursor_that_is_none_is_refused(shop: Caller, query: str, param: str) -> None:
    response = shop.get(f"/v1/things?{query}")
    document = problem(response)
    assert (response.status_code, document["code"], document["param"]) == (400, "parameter_invalid", param)
