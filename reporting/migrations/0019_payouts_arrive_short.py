"""What arrives of a payout may be less than it, and what is sent back is what had arrived: a function is replaced."""

from importlib import import_module
from typing import ClassVar

from django.db import migrations, models

FIRST = import_module("reporting.migrations.0006_bank").CHECK_MATCH
BEFORE = FIRST.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
AS_IT_CAME = "p.amount_minor * CASE NEW.kind WHEN 'arrived' THEN 1 ELSE -1 END AS amount_minor"
CHECK_MATCH = BEFORE.replace(
    AS_IT_CAME,
    """CASE WHEN NEW.kind = 'sent_back' THEN (
                SELECT -l.amount_minor FROM reporting_bankmatch m JOIN reporting_bankline l ON l.id = m.line_id
                 WHERE m.payout_id = p.id AND m.kind = 'arrived' AND m.undone_at IS NULL)
               WHEN sign(bank.amount_minor) = sign(p.amount_minor) THEN least(bank.amount_minor, p.amount_minor)
               ELSE p.amount_minor END AS amount_minor""",
)


class Migration(migrations.Migration):
    dependencies: ClassVar = [("reporting", "0018_incidents")]
    operations: ClassVar = [
        migrations.RunSQL(CHECK_MATCH, BEFORE),
        migrations.AlterField(
            "discrepancy",
            "kind",
            models.CharField(
                choices=[
                    ("amount_differs", "The PSP settled another amount than we booked"),
                    ("fee_differs", "The PSP charged another fee than its contract says"),
                    ("fx", "The PSP converted at another rate than it says"),
                    ("missing_at_psp", "We booked it, and the PSP has not settled it in time"),
                    ("missing_here", "The PSP settled something that we do not know"),
                    ("duplicate", "The PSP settled the same movement twice"),
                    ("unknown_type", "The PSP moved money for a reason that we do not know"),
                    ("correction", "The PSP corrected its own books"),
                    ("payout_differs", "The lines of a payout do not sum to it"),
                    ("file_conflict", "The PSP sent another content for a file that was loaded"),
                    ("file_missing", "A settlement file did not come"),
                    ("missing_at_bank", "A payout did not arrive at our bank in time, or not all of it"),
                    ("bank_unexplained", "Our bank shows something that no payout explains"),
                    ("balance_differs", "The PSP's balance is not what ledger and lines say"),
                ],
                max_length=20,
            ),
        ),
    ]
