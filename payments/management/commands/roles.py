"""Make the groups of the back office, with what each may do: `manage.py roles`, again after every upgrade."""

from collections.abc import Mapping
from typing import Any, Final

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError

PAYMENTS: Final = (
    "payments.view_order",
    "payments.view_orderline",
    "payments.view_paymentintent",
    "payments.view_paymentattempt",
    "payments.view_capture",
    "refunds.view_refund",
    "refunds.view_refundline",
    "refunds.view_banktransfer",
    "refunds.view_dispute",
    "refunds.view_disputestage",
    "refunds.view_disputemovement",
    "refunds.view_disputefile",
    "refunds.view_fraudwarning",
    "reporting.view_incident",
)
"""What whoever looks at payments at all may see."""

SUPPORT: Final = (
    *PAYMENTS,
    "payments.view_customer",
    "payments.view_paymentmethod",
    "payments.see_personal_data",
    "payments.view_statechange",
    "refunds.add_refund",
    "refunds.view_refundlimit",
    "refunds.change_dispute",
    "refunds.change_fraudwarning",
)

MATTERS: Final = ("payments.view_attentionitem", "payments.change_attentionitem", "payments.view_settlement")
"""What whoever looks after matters needs."""

BANK: Final = (
    "reporting.view_bankaccount",
    "reporting.view_bankstatement",
    "reporting.view_bankline",
    "reporting.view_bankmatch",
    "reporting.view_payout",
)
"""What the bank shows, and what is on its way there."""

FIGURES: Final = ("reporting.view_attemptsday", "reporting.view_tallyday", "reporting.view_atrest")
"""Dashboards: what became of attempts; refunds and disputes; money at rest."""

ALERTS: Final = (
    "reporting.view_alert",
    "reporting.view_alertchannel",
    "reporting.view_alertmessage",
    "reporting.view_alertrule",
    "reporting.view_canaryrun",
    "reporting.view_notice",
    "reporting.view_servicelevel",
    "reporting.view_silence",
)
"""What is wrong, and who is told."""

READS: Final = (
    *PAYMENTS,
    *FIGURES,
    *ALERTS,
    "refunds.view_refundbatch",
    "refunds.view_refundbatchrow",
    "payments.view_customer",
    "payments.view_paymentmethod",
    "payments.view_statechange",
    "payments.view_auditevent",
    "payments.view_rowchange",
    "payments.view_account",
    "payments.view_transfer",
    "payments.view_entry",
    "reporting.view_close",
    "reporting.view_closecheck",
    "reporting.view_settlementfile",
    "reporting.view_settlementline",
    "reporting.view_tieout",
    "reporting.view_pspbalance",
    "reporting.view_exchangerate",
    "reporting.view_discrepancy",
    "reporting.view_reportrun",
    "reporting.view_reportschedule",
    "reporting.view_reportdownload",
    *BANK,
    "refunds.view_refundlimit",
    "payments.view_legalentity",
    "payments.view_provideraccount",
    "payments.view_feecontract",
    "payments.view_killswitch",
    "payments.view_methodsuccess",
    "payments.view_routingrule",
    "payments.view_providercall",
    "payments.view_paymentmethodtoken",
    "payments.view_payer",
    "payments.view_job",
    "payments.view_jobrun",
    "payments.view_attentionitem",
    "payments.view_settlement",
    "payments.view_event",
    "payments.view_endpoint",
    "payments.view_delivery",
    "payments.view_deliverytry",
    "payments.view_eventreplay",
    "payments.view_inboundevent",
    "payments.view_inboundreplay",
    "payments.view_eventsweep",
    "payments.view_apiclient",
    "payments.view_apikey",
    "payments.view_apirequest",
    "payments.view_idempotencykey",
    "payments.view_staffsession",
    "payments.view_secondfactor",
    "payments.view_knownbrowser",
    "payments.view_signinguess",
    "auth.view_user",
    "auth.view_group",
)
"""Every table there is, to be read with personal data masked."""

ROLES: Final[Mapping[str, tuple[str, ...]]] = {
    "support": SUPPORT,
    "support_lead": (
        *SUPPORT,
        *MATTERS,
        "refunds.approve_refund",
        "refunds.accept_dispute",
        "payments.erase_customer",
        "reporting.view_tallyday",
        "payments.add_settlement",
        "payments.change_settlement",
        "refunds.view_refundbatch",
        "refunds.view_refundbatchrow",
        "refunds.add_refundbatch",
        "refunds.change_refundbatch",
    ),
    "finance": (
        *PAYMENTS,
        *MATTERS,
        *FIGURES,
        "refunds.view_refundbatch",
        "refunds.view_refundbatchrow",
        "payments.add_settlement",
        "payments.change_settlement",
        "refunds.add_banktransfer",
        "refunds.change_banktransfer",
        "payments.view_account",
        "payments.view_transfer",
        "payments.view_entry",
        "payments.view_feecontract",
        "payments.add_feecontract",
        "refunds.view_refundlimit",
        "refunds.add_refundlimit",
        "refunds.change_refundlimit",
        "reporting.view_close",
        "reporting.change_close",
        "reporting.view_closecheck",
        "reporting.view_tieout",
        "reporting.view_pspbalance",
        "reporting.view_exchangerate",
        "reporting.view_discrepancy",
        "reporting.change_discrepancy",
        "reporting.view_reportrun",
        "reporting.view_settlementfile",
        "reporting.view_settlementline",
        "reporting.add_settlementfile",
        "reporting.add_reportrun",
        "reporting.download_report",
        "reporting.download_untied_report",
        "reporting.view_reportschedule",
        "reporting.add_reportschedule",
        "reporting.view_reportdownload",
        *BANK,
        "reporting.add_bankaccount",
        "reporting.change_bankaccount",
        "reporting.add_bankstatement",
        "reporting.change_bankline",
    ),
    "engineer": (
        *PAYMENTS,
        *FIGURES,
        *ALERTS,
        "reporting.change_incident",
        "reporting.add_alertchannel",
        "reporting.change_alertchannel",
        "reporting.add_alertrule",
        "reporting.change_alertrule",
        "reporting.add_silence",
        "reporting.change_silence",
        "payments.view_customer",
        "payments.view_paymentmethod",
        "payments.view_statechange",
        "payments.view_legalentity",
        "reporting.view_settlementfile",
        "reporting.view_settlementline",
        "payments.view_provideraccount",
        "payments.view_feecontract",
        "payments.change_provideraccount",
        "payments.view_killswitch",
        "payments.add_killswitch",
        "payments.change_killswitch",
        "payments.view_methodsuccess",
        "payments.view_routingrule",
        "payments.add_routingrule",
        "payments.change_routingrule",
        "payments.view_providercall",
        "payments.view_paymentmethodtoken",
        "payments.view_payer",
        "payments.view_job",
        "payments.view_jobrun",
        "payments.change_job",
        *MATTERS,
        "payments.view_event",
        "payments.view_endpoint",
        "payments.view_delivery",
        "payments.view_deliverytry",
        "payments.view_eventreplay",
        "payments.change_delivery",
        "payments.view_inboundevent",
        "payments.change_inboundevent",
        "payments.view_inboundreplay",
        "payments.view_eventsweep",
        "payments.view_apiclient",
        "payments.view_apikey",
        "payments.change_apikey",
        "payments.view_apirequest",
        "payments.view_idempotencykey",
    ),
    "auditor": (*READS, "reporting.download_report"),
    "admin": (*READS, "auth.add_user", "auth.change_user"),
}
"""Who may do what. Staff without a group may do nothing. `admin` manages users, reads everything with personal data
masked, and moves no money: who gives rights does not refund (docs/decisions/0007). `auditor` reads as much, takes the
files that finance has had written and that tie to the ledger, and changes nothing.

`see_personal_data` finds people by name and e-mail, and has them shown for a while by saying why; everybody reads
`j•••@e•••.com` otherwise. `erase_customer` forgets who somebody is, for ever; `change_provideraccount`
is the switch of an account, `add_killswitch` and `change_killswitch` those of anything; `add_routingrule` drafts a
rule, `change_routingrule` approves, activates and retires it; `change_job` replays dead jobs and cancels what nobody
waits for, `change_inboundevent` replays PSPs' notifications, `change_delivery` events for clients, `change_apikey`
rolls and ends API keys, and
`change_attentionitem` looks after matters and closes those that no money hangs on; together with `add_refund` it is
the release of automatic refunds that a limit has stopped. `add_settlement` proposes how money is settled that a machine
may not decide about, `change_settlement` confirms what somebody else has proposed. `approve_refund` decides about
refunds of others; how much each role refunds alone is a `RefundLimit`, which `add_refundlimit` proposes or lowers and
`change_refundlimit` agrees to: nobody who refunds has either. `add_banktransfer` records a refund by bank transfer,
`change_banktransfer` confirms what somebody else has recorded. `change_dispute` gathers and submits evidence,
`accept_dispute` lets the customer keep the money, `change_fraudwarning` keeps the money in spite of a warning.
`add_bankaccount` and `change_bankaccount` write down our accounts at banks, `add_bankstatement` uploads what they say,
`change_bankline` says what a line of it is. `add_settlementfile` uploads settlement files, downloads them as they came
and has them read again. `add_refundbatch` uploads a bulk refund and calls it off, `change_refundbatch` approves those
of others, pauses and resumes. `add_alertchannel`, `add_alertrule` and `add_silence` say who is told what is wrong, and
for how long nobody is. `change_close` accepts what is missing from a day or month, locks it, asks to open it
again, and agrees when somebody else has asked. `add_reportrun` has reports written, `download_report` takes their files
and manifests, `download_untied_report` also those that are not the ledger's. `change_incident` looks after what is
wrong, says that it is over, and holds payments where they are. Nothing else is ever changed by hand.
"""


class Command(BaseCommand):
    """Bring the groups to what ROLES says; members stay."""

    help = __doc__

    def handle(self, *_: Any, **options: Any) -> None:
        """Make or correct every group."""
        rows = Permission.objects.values_list("content_type__app_label", "codename", "pk")
        known = {f"{app}.{codename}": pk for app, codename, pk in rows}
        for name, wanted in ROLES.items():
            if missing := sorted(set(wanted) - known.keys()):
                raise CommandError(f"There is no permission {missing[0]}: run `manage.py migrate` first.")
            group, _made = Group.objects.get_or_create(name=name)
            group.permissions.set([known[one] for one in wanted])
            if options["verbosity"]:
                self.stdout.write(f"{name}: {len(wanted)} permissions")
