"""Transactional tests leave the database as the migrations left it, and no test leaves anything in memory."""

import pytest
import redis
from django.conf import settings
from django.contrib.auth import models
from django.contrib.contenttypes.models import ContentType

from payments.connectors.base import Outcome, Verdict
from payments.gateway import accounts, circuits, limits
from payments.gateway.circuits import Standing
from payments.gateway.limits import Rates
from payments.ledger import seal
from payments.rest import requestlog
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("round_of_two", [1, 2])
def test_rows_of_a_test_are_gone_in_the_next(round_of_two: int) -> None:
    assert not models.Group.objects.filter(name="left behind").exists()

    models.Group.objects.create(name="left behind")


@pytest.mark.parametrize("round_of_two", [1, 2])
def test_rows_of_the_migrations_come_back(round_of_two: int) -> None:
    assert ContentType.objects.filter(app_label="auth", model="user").exists()

    ContentType.objects.filter(app_label="auth").delete()


@pytest.mark.parametrize("round_of_two", [1, 2])
def test_nothing_of_an_earlier_test_is_remembered(round_of_two: int) -> None:
    """Else the second of two tests works on rows that are gone, and waits for a provider that the first had tired."""
    assert accounts.codes() == []
    assert not requestlog._waiting.notes
    assert circuits.standing("stripe-us") is Standing.CLOSED
    one = limits.of("stripe-us", Rates(100, 0))
    assert (one.speed, one.take("pay", 0.0)) == (1.0, 0.0)
    with redis.Redis.from_url(settings.REDIS_URL) as shared:
        assert not shared.exists(one.key())

    assert list(seal.torn()) == []

    shop = factories.shop()
    shop.order()
    anchors = settings.RUN_DIR / seal.ANCHORS
    anchors.mkdir()
    (anchors / "ledger-1.json").write_text('{"block": 1, "hash": "of a test that is over", "sealed_at": "2026-11-02"}')
    assert len(list(seal.torn())) == 1
    assert "stripe-us" in accounts.codes()
    one.slow_down()
    one.settle(limits._settler.client.register_script(limits.SCRIPT))
    for _ in range(circuits.FEWEST_FAILURES):
        circuits.note("stripe-us", "authorize", Outcome(verdict=Verdict.UNAVAILABLE))
    assert circuits.standing("stripe-us") is Standing.OPEN
