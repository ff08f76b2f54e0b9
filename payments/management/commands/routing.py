"""manage.py routing: the rule book from a shell; rules are approved and activated in the back office, by name."""

import json
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from payments.intents.models import RoutingRule
from payments.intents.services import backtest, rules
from payments.kernel.errors import Refusal


class Command(BaseCommand):
    """Lists rules, drafts one from a JSON file, and shows what one would have done."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("list", help="every rule that is not retired, in its order")
        draft = verbs.add_parser("draft", help="write a rule down")
        draft.add_argument("file", type=Path, help='{"name": …, "split": [["adyen-eu", 70], …], "currencies": […]}')
        draft.add_argument("--by", required=True, help="who drafts it: somebody else has to approve")
        test = verbs.add_parser("backtest", help="route recorded payments by a rule, on paper")
        test.add_argument("rule")
        test.add_argument("--days", type=int, default=30)

    def handle(self, *_: Any, **options: Any) -> None:
        """Do what was asked for."""
        try:
            getattr(self, f"_{options['verb']}")(options)
        except Refusal as refusal:
            raise CommandError(refusal.detail) from None
        except (RoutingRule.DoesNotExist, ValidationError):
            raise CommandError(f"There is no rule {options['rule']}.") from None

    def _list(self, _options: Any) -> None:
        for row in RoutingRule.objects.exclude(status="retired").order_by("priority", "pk"):
            split = ", ".join(f"{code} {weight}" for code, weight in row.split) or "block"
            self.stdout.write(f"{row.pk}  {row.priority:>5}  {row.status:<8}  {row.name}: {split}")

    def _draft(self, options: Any) -> None:
        try:
            said = json.loads(options["file"].read_text())
            wanted = rules.Draft(**{**said, "split": [tuple(part) for part in said.get("split", [])]})
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise CommandError(f"{options['file']} is no rule: {error}") from None
        self.stdout.write(rules.draft(wanted, by=f"shell {options['by']}"[:80]).pk)

    def _backtest(self, options: Any) -> None:
        result = backtest.run(options["rule"], days=options["days"])
        self.stdout.write(f"{result.matched} of {result.looked_at} payments match, {result.moved} would have moved,"
                          f" {result.blocked} would have been blocked")  # fmt: skip
        self.stdout.write(f"{'account':<20} {'took':>8} {'approved':>9} {'would take':>11}")
        for line in result.lines:
            self.stdout.write(f"{line.account:<20} {line.took:>8} {_percent(line.rate):>9} {line.would_take:>11}")
        self.stdout.write(f"approved: {_percent(result.actual)}, expected with the rule: {_percent(result.expected)}")


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate:.1%}"
