"""The dashboards of what follows and waits: the funnel, refunds and disputes, and money at rest."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from payments.admin import shown
from refunds.models import Reason
from reporting.admin import dashboards_parts as parts
from reporting.admin.dashboards_parts import Asked, Chart, Series, Tile, cell
from reporting.models.rollups import Age, Counted
from reporting.uptime import reading, resting
from reporting.uptime.periods import Period
from reporting.uptime.reading import Told

STEPS: Final = {
    Counted.CREATED: gettext_lazy("Begun"),
    Counted.CONFIRMED: gettext_lazy("Tried to pay"),
    Counted.AUTHORIZED: gettext_lazy("Authorised"),
    Counted.CAPTURED: gettext_lazy("Captured"),
}
"""A payment's way, in order."""

WAITING: Final = {
    "processing": gettext_lazy("Payment in progress"),
    "unknown": gettext_lazy("Outcome unknown"),
    "authorized": gettext_lazy("Reserved, not captured"),
    "refund_waits": gettext_lazy("Refund not sent yet"),
    "refund_sent": gettext_lazy("Refund on its way"),
    "disputed": gettext_lazy("Disputed"),
    "payout": gettext_lazy("Payout on its way"),
}
"""What money waits for."""

BEHIND: Final = {
    "processing": ("payments", "paymentattempt", "fate", "waiting"),
    "unknown": ("payments", "paymentattempt", "status__exact", "unknown"),
    "authorized": ("payments", "paymentattempt", "status__exact", "authorized"),
    "refund_waits": ("refunds", "refund", "", ""),
    "refund_sent": ("refunds", "refund", "status__exact", "sent"),
    "disputed": ("refunds", "dispute", "", ""),
    "payout": ("reporting", "payout", "status__exact", "paid"),
}


def _told(asked: Asked, period: Period | None, what: Sequence[str]) -> list[Told]:
    return reading.tallies(period, what, asked.only) if period is not None else []


def _sum(rows: Iterable[Told], what: str) -> int:
    return sum(row.count for row in rows if row.what == what and row.at is None)


def _worth(asked: Asked, rows: Iterable[Told], what: str) -> float:
    minor: dict[str, int] = {}
    for row in rows:
        if row.what == what and row.at is None:
            minor[row.currency] = minor.get(row.currency, 0) + row.minor
    return asked.money(minor)


def _share(part: float, whole: float) -> float | None:
    return 100 * part / whole if whole else None


def funnel(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """How far the payments came that were begun in the period."""
    now, then = (_told(asked, period, list(STEPS)) for period in (asked.period, asked.against))
    counts, before = ({step: _sum(rows, step) for step in STEPS} for rows in (now, then))
    whole, whole_then = (_share(one[Counted.CAPTURED], one[Counted.CREATED]) for one in (counts, before))
    tiles = [parts.tile(_("From begun to captured"), whole, whole_then, parts.percent(whole), asked, points=True)]
    tiles += [parts.tile(str(STEPS[step]), counts[step], before[step], parts.whole(counts[step]), asked)
              for step in STEPS]  # fmt: skip
    rows, last = [], counts[Counted.CREATED]
    link = parts.listed(asked, "payments", "paymentintent")
    for step, words in STEPS.items():
        amount = _worth(asked, now, step)
        rows.append([
            cell(step.value, str(words), link if step is Counted.CREATED else ""),
            cell(counts[step], parts.whole(counts[step])),
            cell(round(amount, 2), parts.amount(amount, asked.currency)),
            parts.of_unit("percent", _share(counts[step], last), asked.currency),
            parts.of_unit("percent", _share(counts[step], counts[Counted.CREATED]), asked.currency),
        ])  # fmt: skip
        last = counts[step]
    title = _("From begun to captured")
    series = [Series(_("Payments"), [float(count) for count in counts.values()])]
    if asked.against is not None:
        series.append(Series(str(parts.AGAINST[asked.how]), [float(count) for count in before.values()], dashed=True))
    headers = [_("Step"), _("Payments"), _("Amount"), _("Of the step before"), _("Of all begun")]
    labels = [str(words) for words in STEPS.values()]
    note = _("Payments count where they were begun: those of the last minutes may still come further.")
    steps = Chart("steps", title, "across", "count", labels, series, headers, rows, note=note, open=True)
    return tiles, [steps, _captured_over_time(asked, now)]


def _captured_over_time(asked: Asked, rows: Sequence[Told]) -> Chart:
    found = {step: dict.fromkeys(asked.period.steps, 0) for step in (Counted.CREATED, Counted.CAPTURED)}
    for row in rows:
        if row.what in found and row.at is not None and row.at in found[Counted(row.what)]:
            found[Counted(row.what)][row.at] += row.count
    shares = [_share(found[Counted.CAPTURED][at], found[Counted.CREATED][at]) for at in asked.period.steps]
    title = _("Captured of what was begun")
    table = [[cell(parts.stamp(asked, at)), cell(found[Counted.CREATED][at]), cell(found[Counted.CAPTURED][at]),
              parts.of_unit("percent", share, asked.currency)]
             for at, share in zip(asked.period.steps, shares, strict=True)]  # fmt: skip
    headers = [_("When (UTC)"), _("Begun"), _("Captured"), _("Share")]
    return Chart("share", title, "line", "percent", parts.moments(asked), [Series(title, shares)], headers, table)


def returns(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """What went back: refunds and disputes, and their share of what was captured."""
    what = [Counted.CAPTURED, Counted.REFUND, Counted.REFUND_ENDED, Counted.DISPUTE]
    now, then = (_told(asked, period, what) for period in (asked.period, asked.against))
    tiles = []
    for one, title, share in ((Counted.REFUND, _("Refunds"), _("Refunds per 100 captured")),
                              (Counted.DISPUTE, _("Disputes"), _("Disputes per 100 captured"))):  # fmt: skip
        worth, before = (_worth(asked, rows, one) for rows in (now, then))
        tiles.append(parts.tile(title, worth, before, parts.amount(worth, asked.currency), asked))
        rate, rate_then = (_share(_sum(rows, one), _sum(rows, Counted.CAPTURED)) for rows in (now, then))
        tiles.append(parts.tile(share, rate, rate_then, parts.percent(rate), asked, points=True))
    reasons = {str(value): str(label) for value, label in Reason.choices}
    charts = [
        _back_over_time(asked, now),
        _labelled(asked, now, Counted.REFUND, _("Refunds by reason"), reasons),
        _labelled(asked, now, Counted.DISPUTE, _("Disputes by how they stand"), {}),
        _labelled(asked, now, Counted.REFUND_ENDED, _("Refunds that gave nothing back"), {}),
    ]
    return tiles, charts


def _back_over_time(asked: Asked, rows: Sequence[Told]) -> Chart:
    kinds = {Counted.REFUND: _("Refunds"), Counted.DISPUTE: _("Disputes")}
    counts = {kind: dict.fromkeys(asked.period.steps, 0) for kind in kinds}
    for row in rows:
        if row.what in counts and row.at is not None and row.at in counts[Counted(row.what)]:
            counts[Counted(row.what)][row.at] += row.count
    series = [Series(words, [float(count) for count in counts[kind].values()]) for kind, words in kinds.items()]
    table = [[cell(parts.stamp(asked, at)), *(cell(counts[kind][at]) for kind in kinds)] for at in asked.period.steps]
    headers = [_("When (UTC)"), *kinds.values()]
    title = _("Refunds and disputes")
    return Chart("over_time", title, "line", "count", parts.moments(asked), series, headers, table)


def _labelled(asked: Asked, rows: Sequence[Told], what: Counted, title: str, words: Mapping[str, str]) -> Chart:
    """One row for each label, with a link to what is behind it."""
    counts: dict[str, int] = {}
    minor: dict[str, dict[str, int]] = {}
    for row in rows:
        if row.what == what and row.at is None:
            counts[row.label] = counts.get(row.label, 0) + row.count
            one = minor.setdefault(row.label, {})
            one[row.currency] = one.get(row.currency, 0) + row.minor
    ordered = sorted(counts, key=lambda label: -counts[label])
    names = {label: words.get(label, shown.plain(label)) for label in ordered}
    model, column = ("dispute", "status__exact") if what is Counted.DISPUTE else ("refund", "status__exact")
    table = []
    for label in ordered:
        by = {} if what is Counted.REFUND else {column: label}
        link = parts.listed(asked, "refunds", model, **by)
        worth = asked.money(minor[label])
        table.append([cell(label, names[label], link), cell(counts[label], parts.whole(counts[label])),
                      cell(round(worth, 2), parts.amount(worth, asked.currency))])  # fmt: skip
    series = [Series(title, [float(counts[label]) for label in ordered])]
    head = _("Reason") if what is Counted.REFUND else _("State")
    headers = [head, _("Number"), _("Amount")]
    empty = _("There were none in this period.")
    return Chart(
        what.value, title, "across", "count", list(names.values()), series, headers, table, empty=empty, open=True
    )


def rest(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """Money that is on its way now, whatever the period: what it waits for, and how old it is."""
    found, at = resting.found()
    minor: dict[tuple[str, int], dict[str, int]] = {}
    counts: dict[tuple[str, int], int] = {}
    for one in found:
        key = (one.what, one.age)
        counts[key] = counts.get(key, 0) + one.count
        minor.setdefault(key, {})[one.currency] = one.minor
    worth = {key: asked.money(amounts) for key, amounts in minor.items()}
    tiles = [Tile(_("On its way"), parts.amount(sum(worth.values()), asked.currency))]
    for what in ("unknown", "disputed", "payout"):
        amount = sum(value for (kind, _age), value in worth.items() if kind == what)
        tiles.append(Tile(str(WAITING[what]), parts.amount(amount, asked.currency)))
    series = [Series(shown.said(age.label), [worth.get((what, age.value), 0.0) for what in WAITING]) for age in Age]
    table = []
    for what, age in sorted(counts, key=lambda key: (list(WAITING).index(key[0]), -key[1])):
        table.append([
            cell(what, str(WAITING[what]), _behind(asked, what)),
            cell(age, shown.said(Age(age).label)),
            cell(counts[what, age], parts.whole(counts[what, age])),
            cell(round(worth[what, age], 2), parts.amount(worth[what, age], asked.currency)),
        ])  # fmt: skip
    headers = [_("What it waits for"), _("Since"), _("Number"), _("Amount")]
    note = _("As it was at %(at)s UTC, whatever the period.") % {"at": f"{at:%Y-%m-%d %H:%M}"} if at else ""
    empty = _("Nothing is on its way, or nobody has looked yet.")
    labels = [str(words) for words in WAITING.values()]
    title = _("Money at rest, by age")
    return tiles, [
        Chart("ages", title, "stacked-across", "money", labels, series, headers, table, note, empty, open=True)
    ]


def _behind(asked: Asked, what: str) -> str:
    app, model, name, value = BEHIND[what]
    return parts.listed_ever(asked, app, model, **({name: value} if name else {}))
