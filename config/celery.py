"""The Celery application: a doorbell for durable jobs. PostgreSQL remembers them; a lost message loses nothing."""

from typing import Any

import celery
import kombu
from celery import signals
from django import conf

QUEUES = ("money", "bulk", "webhooks", "deliveries", "finance", "upkeep", "alerts")

app = celery.Celery("countinghouse")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    broker_url=conf.settings.BROKER_URL or "redis://127.0.0.1:1/0",  # nobody listens there: jobs wait for the sweeper
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker outlives any outage of the broker: its sweeper goes on
    broker_connection_timeout=0.3,
    # A broker that hangs costs a publisher half a second, not a minute.
    broker_transport_options={
        "socket_connect_timeout": 0.3,
        "socket_timeout": 0.5,
        "retry_on_timeout": False,
        "max_retries": 0,
        # Redis is not told what a worker has in hand: a ring that a dying one takes with it is lost like any other.
        "ack_emulation": False,
    },
    task_acks_late=False,  # the lease in PostgreSQL redelivers
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_publish_retry=False,
    task_queues=[kombu.Queue(name, kombu.Exchange(name), routing_key=name) for name in QUEUES],
    task_default_queue="upkeep",
    task_create_missing_queues=False,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,  # no pidbox traffic: the admin shows jobs out of PostgreSQL
    worker_send_task_events=False,
    enable_utc=True,
    timezone="UTC",
    # Celery's Django fixup closes the connection after so many jobs instead of after each.
    CELERY_DB_REUSE_MAX=100,
)
app.autodiscover_tasks(["payments"])


@signals.setup_logging.connect
def keep_our_logs(**_details: Any) -> None:
    """Celery configures no logging where this listens: settings.LOGGING holds in workers too."""
