"""A bulk refund from the file to the money: checked first, approved by a second person, and each row once."""

import csv as csvs
import io
from typing import Any

import pytest
from django.contrib.auth.models import User

from payments.gateway.models import ProviderCall
from payments.kernel import jobs, money
from payments.kernel.jobs import Job, Queue
from payments.kernel.records import StateChange
from payments.webhooks.models import Event
from refunds import batches
from refunds.models import Refund, RefundBatch
from refunds.services import bulk, bulk_files, bulk_run, refunds, refusals
from tests import byhand, factories
from tests.refunds import files, people
from tests.refunds.files import NOBODY, row
from tests.stories import adyen


def given_back(sim: factories.Simulator) -> list[int]:
    """What the PSPs have really given back, refund by refund."""
    return sorted(line["amount_refunded"] for line in sim.book() if line["object"] == "refund")


def table(file: Any) -> list[dict[str, str]]:
    """A CSV file as it is read."""
    return list(csvs.DictReader(io.StringIO(file.read().decode("utf-8"), newline="")))


def test_a_file_is_checked_approved_by_a_second_person_and_refunded_row_by_row(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    one, two, three = (shop.paid(amount) for amount in (1999, 500, 3000))
    batch = files.checked(row(one["id"]), row(two["order"], "2.50", "damaged", "The handle"), row(three["id"], "30.01"))
    assert files.verdicts(batch) == ["fits", "fits", "too_much"]
    assert [(total.count, money.text(total.amount)) for total in batches.totals(batch.pk)] == [(2, "22.49 USD")]
    assert not Refund.objects.exists(), "a check moves nothing"

    bulk.ask(batch.pk, by="staff ada")
    bulk.approve(batch.pk, files.lead())
    factories.work()
    assert not Refund.objects.exists(), "for a minute it can be called back"
    files.run(batch)

    made = Refund.objects.order_by("pk")
    assert [(one.amount_minor, one.status, one.origin, one.requested_by) for one in made] == [
        (1999, "succeeded", "bulk", "staff ada"),
        (250, "succeeded", "bulk", "staff ada"),
    ]
    assert (made[1].reason, made[1].note) == ("damaged", "The handle")
    assert given_back(sim) == [250, 1999]
    assert Event.objects.filter(object_id=made[0].pk, type="refund.succeeded").exists()
    moves = StateChange.objects.filter(object_id=batch.pk).order_by("pk").values_list("to_state", "by")
    assert list(moves) == [
        ("checked", "platform"),
        ("needs_approval", "staff ada"),
        ("approved", "staff grace"),
        ("running", "platform"),
        ("finished", "platform"),
    ]
    results = table(bulk_files.results(batch))
    assert [(line["row"], line["outcome"], line["refund statuses"], line["refunded amount"]) for line in results] == [
        ("2", "refund", "succeeded", "19.99"),
        ("3", "refund", "succeeded", "2.50"),
        ("4", "left_out", "", ""),
    ]
    assert results[0]["refunds"] == made[0].pk
    factories.assert_books_close()
    factories.assert_books_agree(sim)


@pytest.mark.django_db(transaction=True)
def test_both_psps_give_back(shop: factories.Shop, sim: factories.Simulator, notifications: Any) -> None:
    stripe = shop.paid(1000)
    elsewhere = adyen.paid(shop)
    adyen.told("AUTHORISATION")
    batch = files.approved(row(stripe["id"]), row(elsewhere["id"], "5"))
    files.run(batch)
    adyen.told("REFUND")

    assert set(Refund.objects.values_list("status", flat=True)) == {"succeeded"}
    assert given_back(sim) == [500, 1000]
    factories.assert_books_close()


def test_an_order_that_was_paid_twice_over_gives_back_by_several_refunds(shop: factories.Shop) -> None:
    order = shop.order(3000)
    shop.confirm(shop.intent(order, amount=1000))
    shop.confirm(shop.intent(order, amount=2000))
    batch = files.run(files.approved(row(order["id"], "25.00")))

    assert sorted(Refund.objects.values_list("amount_minor", flat=True)) == [500, 2000]
    [line] = table(bulk_files.results(batch))
    assert len(line["refunds"].split()) == 2
    assert line["refunded amount"] == "25.00"
    factories.assert_books_close()


def test_what_no_longer_fits_when_its_turn_comes_is_reported_and_never_forced(
    shop: factories.Shop, sim: factories.Simulator
) -> None:
    gone, part, kept = (shop.paid(1000) for _ in range(3))
    batch = files.approved(row(gone["id"]), row(part["id"], "9.00"), row(kept["id"], "4.00"))
    for payment, amount in ((gone, 1000), (part, 200)):
        shop.post("refunds", {"payment_intent": payment["id"], "amount": amount, "reason": "goodwill"})
    files.run(batch)

    first, second, third = files.lines(batch).values()
    assert (first.refusal, second.refusal, third.refusal) == ("nothing_left", "too_much", "")
    assert second.refused_because == "Only 8.00 USD can be refunded."
    assert [total.count for total in batches.refunded(batch.pk)] == [1]
    assert given_back(sim) == [200, 400, 1000]
    assert [line["outcome"] for line in table(bulk_files.results(batch))] == ["refused", "refused", "refund"]
    factories.assert_books_close()


def test_all_is_the_amount_that_was_approved(shop: factories.Shop, sim: factories.Simulator) -> None:
    """A refund that fails after the approval leaves more to be refunded than anybody has approved."""
    intent = shop.paid(1000)
    other = shop.post("refunds", {"payment_intent": intent["id"], "amount": 300, "reason": "goodwill"})
    batch = files.approved(row(intent["id"], "all"))
    refunds.cancel(other["id"], client_id=None, by="a test")
    files.run(batch)

    assert list(Refund.objects.filter(origin="bulk").values_list("amount_minor", flat=True)) == [700]
    factories.assert_books_close()


# --- the same twice ---


def test_a_row_that_stands_there_twice_is_marked_and_refunded_once(shop: factories.Shop, sim: Any) -> None:
    intent = shop.paid(1000)
    batch = files.checked(row(intent["id"], "3.00"), row(intent["id"], "3"), row(intent["order"], "3.00"))
    assert files.verdicts(batch) == ["fits", "duplicate", "duplicate"]
    assert "Row 2 asks for the same. Not refunded twice, unless you say so." in files.words(batch)

    bulk.ask(batch.pk, by="staff ada")
    files.run(bulk.approve(batch.pk, files.lead()))
    assert given_back(sim) == [300]


def test_what_is_meant_twice_is_refunded_twice(shop: factories.Shop, sim: factories.Simulator) -> None:
    intent = shop.paid(1000)
    batch = files.checked(*files.many([intent["id"]] * 4, "3.00"))
    bulk.check_again(batch.pk, with_duplicates=True, by="staff ada")
    factories.work(Queue.BULK)
    assert files.verdicts(batch) == ["fits", "fits", "fits", "too_much"]
    bulk.ask(batch.pk, by="staff ada")
    files.run(bulk.approve(batch.pk, files.lead()))

    assert given_back(sim) == [300, 300, 300]
    factories.assert_books_close()


def test_the_same_amount_that_went_back_lately_has_to_be_meant(shop: factories.Shop) -> None:
    intent = shop.paid(1000)
    made = shop.post("refunds", {"payment_intent": intent["id"], "amount": 300, "reason": "goodwill"})
    batch = files.checked(row(intent["id"], "3.00"), row(intent["id"], "2.00"))

    assert files.verdicts(batch) == ["refunded_before", "fits"]
    assert made["id"] in files.words(batch)


def test_the_same_file_is_known_and_has_to_be_confirmed(shop: factories.Shop) -> None:
    intent = shop.paid(1000)
    first = files.checked(row(intent["id"], "3.00"))
    again = files.checked(row(intent["id"], "3.00"), by="staff linus")
    assert again.repeats_id == first.pk
    with pytest.raises(bulk.RefundBatchRepeats, match=first.pk):
        bulk.ask(again.pk, by="staff linus")

    bulk.ask(again.pk, once_more=True, by="staff linus")
    again.refresh_from_db()
    assert (again.status, again.repeat_confirmed) == ("needs_approval", True)


# --- two people ---


@pytest.mark.parametrize(
    ("asks", "approves", "may"),
    [
        ("staff ada", "staff ada", False),
        ("staff linus", "staff ada", False),
        ("staff linus", "staff linus", False),
        ("staff ada", "staff grace", True),
        ("staff linus", "staff grace", True),
    ],
)
def test_who_uploaded_it_or_asked_does_not_approve(
    shop: factories.Shop,
    asks: str,
    approves: str,
    may: bool,  # noqa: FBT001
) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]), by="staff ada")
    bulk.ask(batch.pk, by=asks)
    person = files.lead(approves.removeprefix("staff "))
    if may:
        assert bulk.approve(batch.pk, person).status == "approved"
        return
    with pytest.raises(refusals.ApprovalNeedsAnotherPerson):
        bulk.approve(batch.pk, person)
    with byhand.refused("refund_batch_maker_is_not_checker"):
        facts = "status = 'approved', approved_at = now(), approved_by"
        byhand.sql(f"UPDATE refunds_refundbatch SET {facts} = %s WHERE id = %s", approves, byhand.key(batch.pk))


def test_nothing_begins_without_an_approval(shop: factories.Shop) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]))
    bulk_run.run(batch.pk)
    bulk.ask(batch.pk, by="staff ada")
    bulk_run.run(batch.pk)
    with byhand.refused("refund_batch_approved_before_it_runs"):
        byhand.sql("UPDATE refunds_refundbatch SET status = 'running' WHERE id = %s", byhand.key(batch.pk))

    assert not Refund.objects.exists()


def test_a_batch_of_which_nothing_fits_is_not_asked_for(db: None, shop: factories.Shop) -> None:
    batch = files.checked(row(NOBODY))
    with pytest.raises(bulk.RefundBatchNothingFits):
        bulk.ask(batch.pk, by="staff ada")


def test_what_was_rejected_is_over(shop: factories.Shop) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]))
    bulk.ask(batch.pk, by="staff ada")
    bulk.reject(batch.pk, because="not ours", by="staff grace")
    with pytest.raises(bulk.RefundBatchUnexpectedState, match="rejected"):
        bulk.approve(batch.pk, files.lead())


def test_who_has_no_right_to_approve_does_not(shop: factories.Shop) -> None:
    batch = files.checked(row(shop.paid(1000)["id"]))
    bulk.ask(batch.pk, by="staff ada")
    with pytest.raises(refusals.ApprovalNotAllowed):
        bulk.approve(batch.pk, people.BOB)


@pytest.mark.parametrize(
    ("each", "daily", "words"),
    [
        (500, None, "16.00 USD are beyond your limit: more than 5.00 USD at once."),
        (1000, 1500, "more than 15.00 USD within 24 hours"),
        (1000, 1700, "more than 17.00 USD within 24 hours"),
        (1000, 1800, ""),
        (None, None, ""),
    ],
)
def test_all_of_it_is_held_to_the_limits_of_who_approves(
    shop: factories.Shop, each: int | None, daily: int | None, words: str
) -> None:
    grace = files.lead()
    people.ask(shop.paid(200), who=grace)
    people.limit("support_lead", each, daily)
    batch = files.checked(row(shop.paid(1000)["id"]), row(shop.paid(600)["id"]))
    bulk.ask(batch.pk, by="staff ada")
    if words:
        with pytest.raises(refusals.ApprovalBeyondLimit, match=words):
            bulk.approve(batch.pk, grace)
        return
    files.run(bulk.approve(batch.pk, grace))
    assert sorted(Refund.objects.filter(origin="bulk").values_list("amount_minor", "released_by", "approved_by")) == [
        (600, "staff grace", "staff grace"),
        (1000, "staff grace", "staff grace"),
    ]


def test_what_is_beyond_a_limit_when_its_turn_comes_is_reported(shop: factories.Shop) -> None:
    batch = files.approved(row(shop.paid(1000)["id"]), row(shop.paid(600)["id"]))
    people.limit("support_lead", 800, None)
    files.run(batch)

    assert [line.refusal for line in files.lines(batch).values()] == ["refund_approval_beyond_limit", ""]
    factories.assert_books_close()


def test_who_has_lost_the_right_meanwhile_lets_nothing_go(shop: factories.Shop) -> None:
    batch = files.approved(row(shop.paid(1000)["id"]))
    User.objects.filter(username="grace").update(is_active=False)
    files.run(batch)

    assert [line.refusal for line in files.lines(batch).values()] == ["refund_approval_not_allowed"]
    assert not Refund.objects.exists()


# --- stopped on the way ---


def test_it_can_be_called_back_before_it_begins(shop: factories.Shop) -> None:
    batch = files.approved(row(shop.paid(1000)["id"]))
    bulk.cancel(batch.pk, because="wrong file", by="staff ada")
    files.begin(batch)
    factories.work()

    assert not Refund.objects.exists()
    assert not Job.objects.filter(name="run_refund_batch").exists()
    assert [line["outcome"] for line in table(bulk_files.results(RefundBatch.objects.get()))] == ["left_out"]


def test_a_pause_holds_the_rest_and_a_resume_goes_on(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "WINDOW", 2)
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(5)))
    files.begin(batch)
    with pytest.raises(jobs.Retry):
        bulk_run.run(batch.pk)
    bulk.pause(batch.pk, by="staff ada")
    factories.work()
    assert given_back(sim) == [1000, 1000], "what had become a refund is sent"
    assert batches.progress(batch).done == 2

    bulk.resume(batch.pk, by="staff ada")
    files.run(batch)
    assert given_back(sim) == [1000] * 5
    factories.assert_books_close()


def test_a_cancel_leaves_out_the_rest_and_takes_back_what_has_not_left(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "WINDOW", 2)
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(5)))
    with pytest.raises(jobs.Retry):
        bulk_run.run(batch.pk)
    bulk.cancel(batch.pk, because="wrong file", by="staff grace")
    factories.work()

    assert given_back(sim) == []
    assert list(Refund.objects.values_list("status", flat=True)) == ["canceled", "canceled"]
    results = table(bulk_files.results(RefundBatch.objects.get()))
    assert [line["outcome"] for line in results] == ["refund", "refund", "left_out", "left_out", "left_out"]
    factories.assert_books_close()


def test_a_psp_that_is_out_of_reach_piles_up_no_more_than_may_be_under_way(
    shop: factories.Shop, sim: factories.Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk_run, "WINDOW", 3)
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(6)))
    sim.scenario("refunds.create", "rate_limit_429", rate=1)
    files.begin(batch)
    factories.work(Queue.BULK)
    assert Refund.objects.count() == 3

    sim.forgive()
    Job.objects.update(due_at=batch.created_at)
    files.run(batch)
    assert given_back(sim) == [1000] * 6
    factories.assert_books_close()


def test_a_single_refund_passes_a_batch(shop: factories.Shop, sim: factories.Simulator) -> None:
    batch = files.approved(*files.many(shop.paid(1000)["id"] for _ in range(20)))
    bulk_run.run(batch.pk)
    single = shop.post("refunds", {"payment_intent": shop.paid(700)["id"], "reason": "goodwill"})
    factories.work(Queue.MONEY)

    assert given_back(sim) == [700]
    assert Refund.objects.get(pk=single["id"]).status == "succeeded"
    assert ProviderCall.objects.filter(kind="refund").count() == 1
    assert Job.objects.filter(queue="bulk", name="send_bulk_refund").count() == 20

    factories.work()
    assert given_back(sim) == [700] + [1000] * 20
    factories.assert_books_close()
