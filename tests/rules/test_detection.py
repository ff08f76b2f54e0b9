"""Detection: evidence, charts, scopes and what is usual, and weeks of a shop through all of it."""

import math
from datetime import timedelta

import pytest

from reporting.models import rollups
from reporting.services import replaying
from reporting.uptime import (
    counting,
    detection,
    hanging,
    mishaps,
    observed,
    odds,
    replay,
    scoping,
    scoring,
    seasons,
    signals,
    volume,
)
from reporting.uptime.baselines import Baselines
from reporting.uptime.charts import MINUTE, Watch
from reporting.uptime.observed import APPROVAL, Cell, Counts, Vector
from reporting.uptime.signals import Waiting

NOON = seasons.BEGIN + timedelta(days=15, hours=12)


def counts(attempts: int, approved: int, *, waiting: int = 0, no_answer: int = 0, minor: int = 5000) -> Counts:
    soft = attempts - approved - waiting - no_answer
    refused = (soft + no_answer) * minor
    told = (0, soft, 0, 0, 0)
    return Counts(attempts, approved, told, no_answer, 0, waiting, attempts * minor, refused, [(60, attempts)])


def cell(account: str = "one", method: str = "card", country: str = "DE", channel: str = "web") -> Cell:
    return account, method, country, "EUR", channel


CELLS = [cell(account, method, country) for account in ("one", "two") for method in ("card", "debit")
         for country in ("DE", "FR", "ES")]  # fmt: skip


def learned(days: int = 15) -> Baselines:
    """Every cell brings 600 attempts an hour, of which 540 are approved; each approved one is told of twice."""
    usual = Baselines()
    for hour in range(24 * days):
        seen = {one: counts(600, 540) for one in CELLS}
        usual.learn(seasons.BEGIN + timedelta(hours=hour), seen, {"one": 6480, "two": 6480})
        usual.learn_issuers(seasons.BEGIN + timedelta(hours=hour), issued(60))
    return usual


def issued(minutes: int = 1, approved: int = 9, **of: int) -> dict[Cell, Counts]:
    """Ten attempts a minute of each place, of five issuers; `of` them so many of two are approved instead."""
    return {
        (*place[:4], "", f"BANK {letter}"): observed.issued(done, 2 * minutes - done, 10_000 * minutes, 5000)
        for place in CELLS
        for letter in "ABCDE"
        for done in [of.get(letter, round(0.2 * approved * minutes))]
    }


USUAL = learned()


def watched(minutes: int, ill: dict[Cell, Counts] | None = None, *, since: int = 0) -> Watch:
    """Minutes from noon on, as usual but for those that are ill from a minute on."""
    watch = Watch(USUAL)
    for number in range(minutes):
        seen = {one: counts(10, 9) for one in CELLS} | (ill or {} if number >= since else {})
        watch.put({NOON + number * MINUTE: seen})
    return watch


@pytest.mark.parametrize(("trials", "seen", "share"), [(20, 10, 0.1), (200, 40, 0.1), (1000, 30, 0.01), (50, 50, 0.3)])
def test_evidence_bounds_the_exact_tail_of_the_binomial(trials: int, seen: int, share: float) -> None:
    tail = sum(
        math.comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(seen, trials + 1)
    )  # fmt: skip
    bound = odds.evidence(trials, seen, share * trials)
    assert tail <= math.exp(-bound) * (1 + 1e-9) <= 30 * tail
    assert odds.evidence(trials, share * trials, share * trials) == 0


def test_dimensions_are_those_of_the_rollups() -> None:
    assert observed.DIMENSIONS == rollups.DIMENSIONS


def test_the_slice_that_explains_it_is_neither_too_wide_nor_too_narrow() -> None:
    def place(ill: set[Cell]) -> dict[str, str]:
        told: dict[Cell, Vector] = {}
        for one in CELLS:
            bad = 60.0 if one in ill else 10.0
            told[one] = [100.0, bad, 10.0] + [0.0] * (observed.WIDTH - 3)
        found = scoping.narrowest(told, APPROVAL)
        return dict(found.scope) if found else {"nowhere": ""}

    assert place({one for one in CELLS if one[0] == "one"}) == {"account": "one"}
    assert place({one for one in CELLS if one[1:3] == ("card", "FR")}) == {"method": "card", "country": "FR"}
    assert place({CELLS[0]} | {one for one in CELLS if one[2] == "DE"}) == {"country": "DE"}
    assert place(set(CELLS)) == {}
    assert place(set()) == {"nowhere": ""}


def test_an_outage_is_told_after_its_first_minute_and_no_longer_than_it_lasts() -> None:
    down = {one: counts(10, 0, no_answer=10) for one in CELLS if one[0] == "two"}
    watch = watched(21, down, since=20)

    [wrong] = replay.look(watch, {})
    assert (wrong.kind, wrong.scope, wrong.severity) == ("outage", {"account": "two"}, "urgent")
    assert wrong.since == NOON + 20 * MINUTE
    assert wrong.per_minute == {"EUR": pytest.approx(54 * 5000, rel=0.02)}
    assert {place[0] for place in wrong.by_place} == {"two"}
    assert observed.by_currency(wrong.by_place) == wrong.per_minute
    assert wrong.words.startswith("Hardly anything is approved: 0 of 100 payments are approved instead of 90")

    watch.put({NOON + 21 * MINUTE: {one: counts(1, 0, no_answer=1) for one in down}})
    watch.newest = 0.1
    [wrong] = replay.look(watch, {})
    assert wrong.per_minute == {"EUR": pytest.approx(54 * 5000, rel=0.02)}, "the second minute has only begun"
    watch.newest = 1.0

    for number in (21, 22):
        watch.put({NOON + number * MINUTE: {one: counts(10, 9) for one in CELLS}})
    assert replay.look(watch, {}) == [], "it is over"


def test_what_is_over_stays_over_as_the_ill_minutes_are_left_behind() -> None:
    watch = watched(30, {one: counts(3, 1) for one in CELLS if one[:2] == ("one", "debit")}, since=10)
    assert [wrong.scope for wrong in replay.look(watch, {})] == [{"account": "one", "method": "debit"}]
    for number in range(30, 60):
        watch.put({NOON + number * MINUTE: {one: counts(3, 3 - number % 3 // 2) for one in CELLS}})
        assert number < 36 or replay.look(watch, {}) == [], number


def test_what_waits_is_no_alarm_and_what_comes_late_is_counted_where_it_belongs() -> None:
    half = {one: counts(10, 4, waiting=5) for one in CELLS}
    watch = watched(25, half, since=15)
    assert detection.judge(watch) == []

    turned = {NOON + number * MINUTE: {one: counts(10, 4) for one in CELLS} for number in range(15, 25)}
    watch.put(turned)
    [wrong] = replay.look(watch, {})
    assert (wrong.kind, wrong.scope, wrong.since) == ("approval_drop", {}, NOON + 15 * MINUTE)

    watch.put({at: {one: counts(10, 9) for one in CELLS} for at in turned})
    assert replay.look(watch, {}) == [], "it was never so"


def test_minutes_seen_one_by_one_or_all_at_once_say_the_same() -> None:
    ill = {one: counts(10, 4) for one in CELLS if one[2] == "ES"}
    one_by_one = watched(30, ill, since=20)
    at_once = Watch(USUAL)
    at_once.put({minute.at: {one: counts(10, 9) for one in CELLS} | (ill if number >= 20 else {})
                 for number, minute in enumerate(one_by_one.minutes)})  # fmt: skip
    assert replay.look(at_once, {}) == replay.look(one_by_one, {}) != []


def test_a_mix_that_shifts_and_a_busier_day_are_no_drop() -> None:
    usual = Baselines()
    for hour in range(24 * 15):
        seen = {cell(country="DE"): counts(600, 570), cell(country="BR"): counts(100, 60)}
        usual.learn(seasons.BEGIN + timedelta(hours=hour), seen, {})
    watch = Watch(usual)
    for number in range(30):
        watch.put({NOON + number * MINUTE: {cell(country="DE"): counts(20, 19), cell(country="BR"): counts(50, 30)}})
    assert replay.look(watch, {}) == [], "seven of ten are approved in all, and 92 of 100 were"


def test_before_anything_is_known_only_silence_of_a_psp_is_told() -> None:
    watch = Watch(Baselines())
    for number in range(10):
        watch.put({NOON + number * MINUTE: {cell(): counts(20, 2)}})
    assert replay.look(watch, {}) == []
    for number in range(10, 12):
        watch.put({NOON + number * MINUTE: {cell(): counts(20, 2, no_answer=15)}})
    assert [wrong.kind for wrong in replay.look(watch, {})] == ["unavailable"]


def test_a_psp_that_answers_nothing_is_no_testing_of_cards_however_small_the_amounts() -> None:
    usual = Baselines()
    usual.learn(seasons.BEGIN, {cell(): counts(5, 3)}, {})
    watch = Watch(usual)
    for number in range(10):
        watch.put({NOON + number * MINUTE: {cell(): counts(100, 0, no_answer=100, minor=1100)}})
    assert [wrong.kind for wrong in replay.look(watch, {})] == ["outage"]


def test_one_issuer_that_declines_is_told_as_that_and_a_provider_that_does_as_a_provider() -> None:
    usual = learned(days=3)
    watch, issuers = replay.watches(usual)
    for number in range(30):
        ill = number >= 25
        cells = {one: counts(10, 7 if ill else 9) for one in CELLS}
        watch.put({NOON + number * MINUTE: cells})
        issuers.put({NOON + number * MINUTE: issued(C=0) if ill else issued()})
    [wrong] = replay.look(watch, {}, issuers)
    assert (wrong.kind, wrong.scope) == ("outage", {"issuer": "BANK C"})
    assert "every provider sees it, and moving them helps none" in wrong.words
    assert wrong.per_minute["EUR"] == pytest.approx(12 * 2 * 0.9 * 5000, rel=0.1)

    watch, issuers = replay.watches(usual)
    for number in range(30):
        ill = number >= 25
        down = {one: counts(10, 0 if ill and one[0] == "two" else 9) for one in CELLS}
        watch.put({NOON + number * MINUTE: down})
        told = issued()
        if ill:
            told |= {cell: one._replace(approved=0) for cell, one in told.items() if cell[0] == "two"}
        issuers.put({NOON + number * MINUTE: told})
    assert [wrong.scope for wrong in replay.look(watch, {}, issuers)] == [{"account": "two"}]


def test_nobody_comes_any_more_is_told_and_a_holiday_is_not() -> None:
    watch = watched(50, dict.fromkeys(CELLS, counts(0, 0)), since=45)
    [wrong] = volume.stopped(watch)
    assert (wrong.kind, wrong.scope, wrong.since) == ("volume_drop", {}, NOON + 45 * MINUTE)
    assert wrong.words == "0 payments were begun in 4 minutes, in which about 480 usually are."
    assert wrong.per_minute == {"EUR": pytest.approx(12 * 9 * 5000, rel=0.02)}
    watch.put({NOON + 50 * MINUTE: {one: counts(10, 9) for one in CELLS}})
    watch.put({NOON + 51 * MINUTE: {one: counts(10, 9) for one in CELLS}})
    watch.put({NOON + 52 * MINUTE: {}})
    assert volume.stopped(watch) == [], "they come again; the newest minute is not over"

    by_card = {one: counts(0, 0) for one in CELLS if one[1] == "card"}
    assert [wrong.scope for wrong in volume.stopped(watched(50, by_card, since=40))] == [{"method": "card"}]
    assert volume.stopped(watched(50, dict.fromkeys(CELLS, counts(4, 3)), since=20)) == []
    assert volume.stopped(Watch(Baselines())) == []


def test_a_shop_that_is_closed_each_night_is_not_silent() -> None:
    usual = Baselines()
    for hour in range(24 * 22):
        open_ = 8 <= hour % 24 < 12
        usual.learn(seasons.BEGIN + timedelta(hours=hour), {cell(): counts(600, 540)} if open_ else {}, {})
    watch = Watch(usual)
    for number in range(60):
        watch.put({NOON + timedelta(days=7) + (number - 2) * MINUTE: {}})
    assert volume.stopped(watch) == []


def test_payments_that_are_never_finished_are_told_where_they_hang() -> None:
    hanging_now = {one: counts(10, 4, waiting=5) for one in CELLS if one[0] == "one" and one[1] == "card"}
    watch = watched(40, hanging_now, since=30)
    [wrong] = hanging.unfinished(watch)
    assert (wrong.kind, wrong.scope) == ("unfinished", {"account": "one", "method": "card"})
    assert wrong.since == NOON + 30 * MINUTE
    assert wrong.words.startswith("50 of 100 payments are begun and not finished")
    assert wrong.per_minute == {"EUR": pytest.approx(3 * 5 * 5000, rel=0.02)}
    assert observed.by_currency(wrong.by_place) == wrong.per_minute
    assert hanging.unfinished(watched(34, hanging_now, since=30)) == [], "they may still come back"
    over = watched(40, hanging_now, since=20)
    over.put({minute.at: {one: counts(10, 9) for one in CELLS} for minute in list(over.minutes)[-9:]})
    assert hanging.unfinished(over) == []


def test_what_usually_waits_is_no_matter() -> None:
    usual = Baselines()
    for hour in range(24 * 4):
        usual.learn(seasons.BEGIN + timedelta(hours=hour), {cell(): counts(600, 300, waiting=240)}, {})
    watch = Watch(usual)
    for number in range(30):
        watch.put({NOON + number * MINUTE: {cell(): counts(20, 10, waiting=8)}})
    assert hanging.unfinished(watch) == []


def test_answers_are_slow_against_the_same_hour_of_the_week() -> None:
    def answered(attempts: int, slow: int) -> dict[Cell, Counts]:
        return {one: counts(attempts, attempts * 9 // 10)._replace(answers=[(60, attempts - slow), (80, slow)])
                for one in CELLS}  # fmt: skip

    def told(at_noon: int) -> list[str]:
        usual = Baselines()
        for hour in range(24 * 22):
            usual.learn(seasons.BEGIN + timedelta(hours=hour), answered(600, at_noon if hour % 24 == 12 else 0), {})
        watch = Watch(usual)
        for number in range(20):
            watch.put({NOON + timedelta(days=7) + number * MINUTE: answered(10, 1 if number >= 10 else 0)})
        return [wrong.kind for wrong in replay.look(watch, {})]

    assert told(at_noon=0) == ["slow"], "one of ten takes seven times as long: 95 of 100 take longer than ever"
    assert told(at_noon=60) == [], "as every day at noon"


def test_words_and_sketches_mean_the_same_buckets() -> None:
    assert detection.GAMMA == counting.GAMMA
    assert observed.OTHERS == counting.OTHERS


def test_an_ill_hour_hardly_becomes_usual() -> None:
    usual, place = learned(days=10), CELLS[0]
    for hour in range(3):
        usual.learn(seasons.BEGIN + timedelta(days=10, hours=hour), {place: counts(600, 0)}, {})
    assert usual.expect(place, 12).bad < 0.12


def test_notifications_are_missed_where_payments_are_approved() -> None:
    watch = watched(30)
    came = {NOON + number * MINUTE: {"one": 108, "two": 108 if number < 26 else 0} for number in range(30)}
    [wrong] = signals.silences(watch, came)
    assert (wrong.kind, wrong.scope, wrong.since) == ("webhook_silence", {"account": "two"}, NOON + 26 * MINUTE)

    quiet = watched(30, dict.fromkeys(CELLS, counts(0, 0)), since=26)
    assert signals.silences(quiet, came) == [], "nothing is approved: there is nothing to tell"


def test_work_that_lies_about() -> None:
    def since(**ago: float) -> list[Waiting]:
        return [Waiting("money", 40, NOON - timedelta(**ago))]

    assert signals.queues(since(seconds=50), NOON) == []
    [lag] = signals.queues(since(seconds=80), NOON)
    assert (lag.kind, lag.words) == ("queue_lag", "Jobs wait for workers: money (40, for 80 seconds).")
    assert signals.stalled(NOON - timedelta(minutes=4), NOON) == signals.stalled(None, NOON) == []
    assert [wrong.kind for wrong in signals.stalled(NOON - timedelta(minutes=6), NOON)] == ["queue_lag"]
    assert signals.stalled(NOON + timedelta(hours=1), NOON) == [], "the clock was set back"
    assert [wrong.kind for wrong in signals.undelivered(since(minutes=3), NOON)] == ["delivery_lag"]
    assert [wrong.scope for wrong in signals.unrecovered(since(minutes=3), NOON)] == [{"account": "money"}]
    assert signals.unrecovered([Waiting("one", 3, NOON - timedelta(hours=1))], NOON) == []
    late = signals.unsettled([Waiting("one", 2, NOON - timedelta(days=29, hours=10))], NOON)
    assert late[0].words == "2 settlement files did not come, the oldest is late by 29 days."


def test_days_of_a_shop_in_which_one_thing_after_another_goes_wrong() -> None:
    """What is promised, on days that the same seed makes again: sales, late answers, and a mishap every four hours."""
    score = replaying.made_up(2.1 / 7, seed=7, every=timedelta(hours=4), learned=timedelta(days=14))

    assert {outcome.mishap.kind.name for outcome in score.outcomes} == {kind.name for kind in mishaps.KINDS}, (
        "each has happened"
    )
    assert score.recall == 1, list(scoring.table(score))
    assert len(score.false) == 0, list(scoring.table(score))
    assert score.scopes >= 0.9
    assert score.in_time >= 0.85
    assert score.delay <= 4
