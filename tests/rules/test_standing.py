"""What a PSP has said of a dispute, merged in any order; what it comes to; and when somebody is told."""

import itertools
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.connectors.disputes import Stage, Standing
from refunds import standing

BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
News = tuple[int, Stage, dict[str, Any]]

STORY: list[News] = [
    (0, Stage.INQUIRY, {"standing": Standing.NEEDS_RESPONSE, "amount": 500, "respond_by": "2026-11-08T00:00:00+00:00"}),
    (3, Stage.CHARGEBACK, {"standing": Standing.NEEDS_RESPONSE, "amount": 2000, "reason": "fraudulent"}),
    (3, Stage.CHARGEBACK, {"standing": Standing.UNDER_REVIEW, "amount": 1900, "defendable": False}),
    (9, Stage.SECOND, {"respond_by": "2026-12-01T00:00:00+00:00", "reason": None, "network_reason_code": ""}),
    (9, Stage.CHARGEBACK, {"standing": Standing.WON, "amount": 2000}),
]


def merged(news: Iterable[News]) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for days, stage, facts in news:
        said = standing.merged(said, facts, BEGAN + timedelta(days=days), stage)
    return said


def test_the_order_of_the_news_makes_no_difference_nor_does_a_repetition() -> None:
    expected = merged(STORY)
    assert {name: words[2] for name, words in expected.items()} == {
        "stage": "second", "standing": "won", "amount": 2000, "reason": "fraudulent", "defendable": False,
        "respond_by": "2026-12-01T00:00:00+00:00",
    }  # fmt: skip
    for order in itertools.permutations(STORY):
        assert merged(order) == expected
        assert merged([*order, *order[::-1]]) == expected


def test_a_day_that_an_earlier_stage_named_is_over() -> None:
    assert standing.respond_by(merged(STORY[:1])) == BEGAN + timedelta(days=7)
    assert standing.respond_by(merged(STORY[:2])) is None
    assert standing.respond_by(merged(STORY)) == BEGAN + timedelta(days=30)
    assert standing.respond_by({}) is None


@pytest.mark.parametrize(
    ("stage", "said", "answer", "status"),
    [
        (Stage.INQUIRY, "", "", "inquiry"),
        (Stage.INQUIRY, Standing.NEEDS_RESPONSE, "", "inquiry"),
        (Stage.CHARGEBACK, "", "", "needs_response"),
        (Stage.SECOND, Standing.NEEDS_RESPONSE, "", "needs_response"),
        (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE, "submit", "under_review"),
        (Stage.INQUIRY, Standing.NEEDS_RESPONSE, "submit", "under_review"),
        (Stage.CHARGEBACK, Standing.NEEDS_RESPONSE, "accept", "accepted"),
        (Stage.CHARGEBACK, Standing.LOST, "accept", "accepted"),
        (Stage.CHARGEBACK, Standing.LOST, "submit", "lost"),
        (Stage.CHARGEBACK, Standing.WON, "accept", "won"),
        *((Stage.CHARGEBACK, said, "", said.value) for said in Standing),
    ],
)
def test_what_it_comes_to(stage: Stage, said: str, answer: str, status: str) -> None:
    assert standing.status(stage, said, answer) == status


def test_it_is_looked_at_before_it_is_due_and_when_it_is() -> None:
    due, days = BEGAN + timedelta(days=14), timedelta(days=1)
    looks = [
        standing.look_at("needs_response", due, moment, told=True)
        for moment in (BEGAN, due - 7 * days, due - 3 * days, due - days, due, due + days)
    ]
    assert looks == [due - 7 * days, due - 3 * days, due - days, due, due, due + days]
    assert standing.look_at("needs_response", due, due - 2 * days) == due - 2 * days, "nobody was told within 3 days"
    assert standing.look_at("inquiry", None, BEGAN) == BEGAN
    assert standing.look_at("under_review", due, BEGAN) == BEGAN + standing.SILENCE
    assert {standing.look_at(ended, due, BEGAN) for ended in ("won", "lost", "accepted", "expired", "withdrawn")} == {
        None
    }


@pytest.mark.parametrize(
    ("hours_left", "days"), [(200, None), (168, 7), (73, 7), (72, 3), (25, 3), (24, 1), (1, 1), (0, 0), (-5, 0)]
)
def test_how_urgent_it_is(hours_left: int, days: int | None) -> None:
    assert standing.urgency(BEGAN + timedelta(hours=hours_left), BEGAN) == days
