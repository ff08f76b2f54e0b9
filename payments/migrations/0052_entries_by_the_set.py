"""Two foreign keys of entries go: `balanced` looks at the same by the set, as they are inserted, whoever inserts them.

It refuses an entry whose account is not there in its currency, or whose transfer is not of the same transaction.
Neither can go later: accounts are never deleted and keep their ids, transfers are append-only. The keys looked at each
of two entries once more at the commit, and locked the row of an account that all payments share.

A key goes under a lock of both of its tables. They are taken first, as bookings take them, transfers before entries:
else a booking between the two and this would wait for each other, and the booking may be the one that is refused.
"""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


def _unchecked(to: str, **facts: object) -> models.ForeignKey:
    return models.ForeignKey(
        to, db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, **facts
    )


class Migration(migrations.Migration):
    dependencies: ClassVar = [("payments", "0051_entries_checked_by_key")]
    operations: ClassVar = [
        migrations.RunSQL(
            [
                "SET LOCAL lock_timeout = '900ms'",  # less than a second, after which PostgreSQL looks for deadlocks
                "LOCK TABLE payments_transfer, payments_entry, payments_account IN ACCESS EXCLUSIVE MODE",
            ],
            migrations.RunSQL.noop,
        ),
        migrations.AlterField("entry", "account", _unchecked("payments.account")),
        migrations.AlterField("entry", "transfer", _unchecked("payments.transfer", related_name="entries")),
    ]
