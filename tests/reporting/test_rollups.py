"""Sums by minute, hour and day: they are what the payments say, whatever comes late, twice, or is cut short."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from payments.intents.models import PaymentAttempt
from payments.kernel import clock, drain, ids, invariants
from payments.kernel.jobs import Queue
from reporting.models import AttemptsDay, AttemptsHour, AttemptsMinute, IssuerMinute, RollupMark, TallyDay
from reporting.models.rollups import Lens
from reporting.uptime import counting, rollups
from tests import byhand, factories
from tests.reporting import desk as desks
from tests.reporting import month
from tests.reporting.desk import Desk

SEEN = """
SELECT p.code, a.method, o.country, a.currency, a.channel, count(*), count(*) FILTER (WHERE a.status = 'captured'),
       count(*) FILTER (WHERE a.status = 'declined'), sum(a.amount_minor)
  FROM payments_paymentattempt a JOIN payments_provideraccount p ON p.id = a.account_id
  JOIN payments_paymentintent i ON i.id = a.intent_id JOIN payments_order o ON o.id = i.order_id
 GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""
DECLINED = " + ".join(name for name in counting.SUMS if name.startswith("declined"))
SUMMED = f"""
SELECT account, method, country, currency, channel, sum(attempts), sum(approved), sum({DECLINED}), sum(asked_minor)
  FROM {{}} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5"""

ON_A_PHONE: Any = {"return_url": "https://shop.example/back", "browser": {"channel": "Android"}}


def count_all() -> None:
    """Until nothing is left to be counted."""
    while rollups.advance():
        pass


def sums(grain: str) -> list[tuple[Any, ...]]:
    """What one grain says of everything."""
    table = (
        "(SELECT * FROM reporting_attemptsday WHERE lens = 0) AS day"
        if grain == "day"
        else f"reporting_attempts{grain}"
    )
    return byhand.sql(SUMMED.format(table))


def tallied(**narrowed: str) -> tuple[int, int]:
    """How many, and how much, by day."""
    rows = TallyDay.objects.filter(**narrowed)
    return sum(row.count for row in rows), sum(row.amount_minor for row in rows)


def verified() -> list[Any]:
    """What the proofs about sums find."""
    return [finding for finding in invariants.verify("rollup") if finding.broken]


def test_a_month_is_counted_by_every_dimension(desk: Desk) -> None:
    with clock.at(desks.moment(30)):
        month.october(desk, country="NL")
        count_all()

    seen = byhand.sql(SEEN)
    assert len(seen) > 3
    assert sums("hour") == sums("day") == seen
    [declined] = AttemptsDay.objects.filter(lens=Lens.EVERYTHING, at=desks.moment(10, 0))
    assert (declined.attempts, declined.approved, declined.declined_soft) == (1, 0, 1)
    assert (declined.asked_minor, declined.approved_minor, declined.not_approved_minor) == (3000, 0, 3000)
    assert sum(declined.counts) == 1, "how long the PSP took"
    assert verified() == []


def test_other_things_are_counted_where_they_began(desk: Desk) -> None:
    with clock.at(desks.moment(30)):
        month.october(desk)
        count_all()

    assert tallied(what="created", currency="USD") == (6, 21999)
    assert tallied(what="confirmed") == tallied(what="created")
    assert tallied(what="captured", currency="JPY") == (1, 2500)
    assert tallied(what="captured", currency="USD") == (5, 18999)
    assert tallied(what="refund", currency="USD") == (1, 700)
    assert tallied(what="dispute", label="won") == (1, 4000)
    assert tallied(what="dispute", label="needs_response") == (1, 4000)


def test_a_late_outcome_opens_its_minute_again(shop: factories.Shop, sim: factories.Simulator) -> None:
    with clock.at(desks.moment(5)):
        intent = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required", **ON_A_PHONE)
        count_all()
    assert [(row.waiting, row.approved) for row in AttemptsHour.objects.all()] == [(1, 0)]

    with clock.at(desks.moment(6)):
        sim.challenge(intent["latest_attempt"]["provider_reference"], "success")
        shop.post(f"payment_intents/{intent['id']}/complete_action", {"details": {}})
        count_all()

    days = AttemptsDay.objects.filter(lens=Lens.EVERYTHING)
    for rows in (AttemptsMinute.objects.all(), AttemptsHour.objects.all(), days):
        assert [(row.attempts, row.waiting, row.approved, row.at.day) for row in rows] == [(1, 0, 1, 5)]
    assert tallied(what="captured") == (1, 1999)


def test_every_lens_tells_the_same_attempts_and_answers(desk: Desk) -> None:
    with clock.at(desks.moment(30)):
        month.october(desk, country="NL")
        count_all()

    rows = byhand.sql("""
        SELECT lens, at, sum(attempts), sum(approved), sum((SELECT sum(answers) FROM unnest(counts) answers)),
               count(DISTINCT account) FILTER (WHERE account <> ''), count(DISTINCT method) FILTER (WHERE method <> '')
          FROM reporting_attemptsday GROUP BY lens, at ORDER BY at, lens""")

    by_day: dict[Any, dict[int, tuple[Any, ...]]] = {}
    for lens, at, *figures in rows:
        by_day.setdefault(at, {})[lens] = tuple(figures)
    assert by_day
    for told in by_day.values():
        assert set(told) == {int(lens) for lens in Lens}
        assert {one[:3] for one in told.values()} == {told[Lens.EVERYTHING][:3]}
        _, _, _, accounts, methods = told[Lens.EVERYTHING]
        kept = {Lens.ACCOUNTS: (accounts, 0), Lens.METHODS: (0, methods), Lens.DAYS: (0, 0)}
        assert {lens: told[lens][3:] for lens in kept} == kept


def test_what_is_older_than_the_minutes_are_kept_is_counted_by_hour(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    with clock.at(desks.moment(1)):
        shop.paid(700)
        intent = shop.confirm(shop.intent(), "pm_card_threeDSecure2Required", **ON_A_PHONE)
        count_all()
    with clock.at(desks.moment(1) + timedelta(days=20)):
        count_all()
        rollups.forget()
        assert not AttemptsMinute.objects.exists()
        sim.challenge(intent["latest_attempt"]["provider_reference"], "success")
        shop.post(f"payment_intents/{intent['id']}/complete_action", {"details": {}})
        count_all()

        hours = [(row.channel, row.attempts, row.approved) for row in AttemptsHour.objects.order_by("channel")]
        assert hours == [("", 1, 1), ("android", 1, 1)]
        assert sums("hour") == sums("day") == byhand.sql(SEEN)
        assert verified() == []
    with clock.at(desks.moment(1) + timedelta(days=400)):
        rollups.forget()
        count_all()
        assert not AttemptsHour.objects.exists()
        rollups.rebuild(desks.moment(1), desks.moment(2))
        assert sums("day") == byhand.sql(SEEN), "a day whose hours are gone is counted from its attempts"


def test_what_is_committed_late_is_counted(shop: factories.Shop) -> None:
    """Keys are made before the commit: the mark has passed them by then, and the next round finds them all the same."""
    shop.paid()
    count_all()
    attempt = byhand.sql("SELECT id FROM payments_paymentattempt")[0][0]
    with byhand.elsewhere() as other:
        other("SET session_replication_role = replica")
        other("BEGIN")
        key = str(other("SELECT uuidv7()")[0][0])
        other(
            "INSERT INTO payments_paymentattempt SELECT (jsonb_populate_record(a, jsonb_build_object('id', %s::text,"
            " 'provider_reference', 'late'))).* FROM payments_paymentattempt a WHERE id = %s", key, attempt,
        )  # fmt: skip
        other(
            "INSERT INTO payments_statechange (id, object_id, from_state, to_state, event, because, by, at)"
            " VALUES (uuidv7(), 'att_' || replace(%s, '-', ''), 'ready', 'sent', 'send', '', '', now())", key,
        )  # fmt: skip
        count_all()
        count_all()
        assert sums("day")[0][5] == 1
        other("COMMIT")
    count_all()

    assert sums("minute") == sums("day") == byhand.sql(SEEN)
    assert sums("day")[0][5] == 2


def test_two_at_once_do_no_harm_and_one_that_is_killed_leaves_nothing(shop: factories.Shop) -> None:
    shop.paid()
    with byhand.elsewhere() as other:
        count_all()
        shop.paid()
        other("BEGIN")
        other("SELECT 1 FROM reporting_rollupmark FOR UPDATE")
        assert rollups.advance() is False
        assert sums("day")[0][5] == 1, "somebody else is at it"
        other("ROLLBACK")

    before = RollupMark.objects.get()
    byhand.sql("SET lock_timeout = '50ms'")
    with byhand.locked("reporting_attemptsday", "EXCLUSIVE"), pytest.raises(OperationalError):
        rollups.advance()
    byhand.sql("RESET lock_timeout")
    assert RollupMark.objects.get().until == before.until
    assert sums("minute") == sums("day"), "all of a step, or nothing"
    count_all()
    count_all()

    assert sums("minute") == sums("hour") == sums("day") == byhand.sql(SEEN)
    assert sums("day")[0][5] == 2


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_steps_and_steps_back_loses_nothing(shop: factories.Shop, hours: int) -> None:
    shop.paid()
    count_all()
    with clock.at(clock.now() + timedelta(hours=hours)):
        shop.paid()
        count_all()
    shop.paid()
    count_all()
    assert sums("day") == byhand.sql(SEEN)
    with clock.at(clock.now() + timedelta(hours=4)):
        count_all()
    assert sums("minute") == sums("hour") == sums("day") == byhand.sql(SEEN)


def test_a_month_in_which_nobody_counted_is_caught_up_with_in_bounded_steps(
    shop: factories.Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    with clock.at(clock.now() - timedelta(days=30)):
        shop.paid()
        count_all()
    shop.paid()
    monkeypatch.setattr(rollups, "SECONDS", 0.05)
    rounds, marks = 0, []
    while rollups.advance():
        rounds += 1
        marks.append(rollups.counted_until() or clock.now())
    assert rounds > 1, "a round ends in time, and what it has done is done"
    assert marks == sorted(marks)
    assert sums("day") == byhand.sql(SEEN)


def test_what_was_copied_into_the_past_is_counted_on_demand(shop: factories.Shop) -> None:
    shop.paid()
    count_all()
    [(attempt,)] = byhand.sql("SELECT id FROM payments_paymentattempt")
    past = ids.uuid7(clock.now() - timedelta(days=40))
    with byhand.behind_the_guards():
        byhand.copy("payments_paymentattempt", attempt, id=str(past), provider_reference="copied")
    count_all()
    assert len(AttemptsDay.objects.filter(lens=0)) == 1, "nothing told of it"

    since = f"{clock.now() - timedelta(days=41):%Y-%m-%d}"
    call_command("rollups", since=date.fromisoformat(since), verbosity=0)

    assert sums("day") == byhand.sql(SEEN)
    assert verified() == []
    with pytest.raises(CommandError, match="later"):
        call_command("rollups", "--since=2026-02-01", "--until=2026-02-01")


def test_a_sum_that_is_not_what_the_attempts_say_is_found(shop: factories.Shop) -> None:
    with clock.at(clock.now() - timedelta(days=1)):
        shop.paid()
    count_all()
    assert [finding.looked_at for finding in invariants.verify("rollup")] == [1, 1]
    assert verified() == []

    byhand.sql("UPDATE reporting_attemptsday SET approved_minor = approved_minor + 1 WHERE lens = 2")
    assert [finding.check.name for finding in verified()] == ["rollup_of_rollups"]
    byhand.sql("UPDATE reporting_attemptsday SET attempts = 7 WHERE lens = 0")
    assert {finding.check.name for finding in verified()} == {"rollup_of_attempts", "rollup_of_rollups"}


def test_the_timetable_counts_every_minute(shop: factories.Shop) -> None:
    shop.paid()
    drain.keep_timetable()
    factories.work(Queue.ALERTS)

    assert sums("day") == byhand.sql(SEEN)
    channel = PaymentAttempt.objects.get().channel
    assert channel == AttemptsDay.objects.get(lens=0).channel


COPIED = """
INSERT INTO payments_paymentattempt
SELECT copy.* FROM payments_paymentattempt one, generate_series(1, %s) AS number, generate_series(1, number) AS again,
       jsonb_populate_record(one, jsonb_build_object(
           'id', overlay(one.id::text PLACING lpad(to_hex(number * 1000 + again), 12, '0') FROM 25),
           'provider_reference', '', 'issuer', 'BANK ' || to_char(number, 'FM000'))) AS copy"""


def test_the_largest_issuers_of_a_minute_are_told_apart_and_all_others_are_one(shop: factories.Shop) -> None:
    few = counting.ISSUERS + 5
    shop.paid()
    with byhand.behind_the_guards():
        byhand.sql("UPDATE payments_paymentattempt SET issuer = ''")
        byhand.sql(COPIED, few)  # bank 1 has one attempt, bank 2 has two
    count_all()
    told = {row.issuer: row.approved for row in IssuerMinute.objects.all()}
    assert told == {f"BANK {size:03}": size for size in range(6, few + 1)} | {"other": 1 + 2 + 3 + 4 + 5}
    rollups.rebuild(clock.now(), clock.now())
    assert {row.issuer: row.approved for row in IssuerMinute.objects.all()} == told, "counted anew, they are the same"
