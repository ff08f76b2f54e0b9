"""The dashboards of attempts to pay: volume, approval, declines, and how fast PSPs answer."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reporting.admin import dashboards_parts as parts
from reporting.admin.dashboards_parts import Asked, Cell, Chart, Series, Tile, cell
from reporting.uptime import reading
from reporting.uptime.reading import Key, Sums

MOST: Final = 15
"""Countries that are told apart; all of them are in the table."""

CATEGORIES: Final = {
    "declined_soft": gettext_lazy("Soft: may work later"),
    "declined_hard": gettext_lazy("Hard: will not work"),
    "declined_customer": gettext_lazy("The customer's to correct"),
    "declined_fraud": gettext_lazy("Suspected fraud"),
    "declined_technical": gettext_lazy("Technical"),
    "unavailable": gettext_lazy("PSP not available"),
    "unknown": gettext_lazy("Outcome unknown"),
}
"""What keeps an attempt from being approved, in words."""

FOUND: Final = {"unavailable": ("status__exact", "failed"), "unknown": ("status__exact", "unknown")}
NOBODY: Final = gettext_lazy("(not known)")


def _read(
    asked: Asked, *sets: Sequence[str], money: bool = False
) -> tuple[list[dict[Key, Sums]], list[dict[Key, Sums]]]:
    """The sums of the period and of what it is compared with."""
    now = reading.attempts(asked.period, sets, asked.narrowed, money=money)
    if asked.against is None:
        return now, [{} for _set in sets]
    return now, reading.attempts(asked.against, sets, asked.narrowed, money=money)


def _all(sums: Mapping[Key, Sums]) -> Sums:
    return sums.get((), Sums())


def _attempts(asked: Asked, **narrowed: str) -> str:
    """The attempts behind a figure."""
    known = {f"{name}__is": value for name, value in asked.narrowed.items()}
    return parts.listed(asked, "payments", "paymentattempt", **{**known, **narrowed})


def volume(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """How much was paid, in money and in number, and in which currencies."""
    (whole, by_time, by_currency), (was, was_by_time, _before) = _read(asked, (), ("at",), ("currency",), money=True)
    now, then = _all(whole), _all(was)
    paid, paid_then = (asked.money(one.minor["approved_minor"]) for one in (now, then))
    lost, lost_then = (asked.money(one.minor["not_approved_minor"]) for one in (now, then))
    tiles = [
        parts.tile(_("Approved"), paid, paid_then, parts.amount(paid, asked.currency), asked),
        parts.tile(_("Approved payments"), now["approved"], then["approved"], parts.whole(now["approved"]), asked),
        parts.tile(_("Not approved"), lost, lost_then, parts.amount(lost, asked.currency), asked),
        parts.tile(_("Attempts"), now["attempts"], then["attempts"], parts.whole(now["attempts"]), asked),
    ]
    money = _over_time(asked, by_time, was_by_time, lambda one: asked.money(one.minor["approved_minor"]))
    count = _over_time(asked, by_time, was_by_time, lambda one: float(one["approved"]))
    charts = [
        _timed(asked, "amount", _("Approved amount"), "money", money),
        _timed(asked, "count", _("Approved payments"), "count", count),
        _currencies(asked, by_currency),
    ]
    return tiles, charts


def _currencies(asked: Asked, sums: Mapping[Key, Sums]) -> Chart:
    ordered = sorted(sums.items(), key=lambda item: -asked.money(item[1].minor["approved_minor"]))
    rows = []
    for (currency,), one in ordered:
        minor = one.minor["approved_minor"]
        own = parts.own(minor.get(currency, 0), currency)
        missing = bool(asked.rates.missing([currency], asked.currency))
        into = _("no rate") if missing else parts.amount(asked.money(minor), asked.currency)
        rows.append([cell(currency), cell(one["approved"], parts.whole(one["approved"])), own,
                     cell("" if missing else round(asked.money(minor), 2), into)])  # fmt: skip
    values = [asked.money(one.minor["approved_minor"]) for _key, one in ordered[:MOST]]
    headers = [_("Currency"), _("Approved payments"), _("Amount"), _("In %(currency)s") % {"currency": asked.currency}]
    labels = [key[0] for key, _one in ordered[:MOST]]
    title = _("Approved amount by currency")
    return Chart("currencies", title, "across", "money", labels, [Series(title, values)], headers, rows, open=True)


def approval(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """Which share of the attempts that ended was approved: over time, by provider, by method, by country."""
    sets = ((), ("at",), ("account",), ("method",), ("country",))
    (whole, by_time, *by), (was, was_by_time, *before) = _read(asked, *sets)
    now, then = _all(whole), _all(was)
    tiles = [
        parts.tile(_("Approval rate"), now.approval, then.approval, parts.percent(now.approval), asked, points=True),
        parts.tile(_("Approved"), now["approved"], then["approved"], parts.whole(now["approved"]), asked),
        parts.tile(_("Ended attempts"), now.ended, then.ended, parts.whole(now.ended), asked),
        Tile(_("Still waiting"), parts.whole(now["waiting"]), href=_attempts(asked, fate="waiting")),
    ]
    rate = _over_time(asked, by_time, was_by_time, lambda one: one.approval)
    titles = {
        "account": _("Approval rate by provider account"),
        "method": _("Approval rate by method"),
        "country": _("Approval rate by country"),
    }
    charts = [_timed(asked, "rate", _("Approval rate"), "percent", rate)]
    for (name, title), sums, earlier in zip(titles.items(), by, before, strict=True):
        charts.append(_rates(asked, name, title, sums, earlier))
    return tiles, charts


def _rates(asked: Asked, name: str, title: str, sums: Mapping[Key, Sums], before: Mapping[Key, Sums]) -> Chart:
    ordered = sorted(sums.items(), key=lambda item: -item[1]["attempts"])
    rows, labels = [], [parts.named(name, key[0] or NOBODY) for key, _one in ordered]
    for label, (key, one) in zip(labels, ordered, strict=True):
        then = before.get(key, Sums()).approval
        approved = _attempts(asked, fate="approved", **{f"{name}__is": key[0]}) if key[0] else ""
        rows.append([
            cell(key[0], label, _attempts(asked, **{f"{name}__is": key[0]}) if key[0] else ""),
            cell(one["attempts"], parts.whole(one["attempts"])),
            cell(one["approved"], parts.whole(one["approved"]), approved),
            cell(_rounded(one.approval), parts.percent(one.approval)),
            cell(_rounded(then), parts.percent(then)),
        ])  # fmt: skip
    series = [Series(_("Approval rate"), [one.approval for _key, one in ordered[:MOST]])]
    if asked.against is not None:
        earlier = [before.get(key, Sums()).approval for key, _one in ordered[:MOST]]
        series.append(Series(str(parts.AGAINST[asked.how]), earlier, dashed=True))
    heads = {"account": _("Provider account"), "method": _("Method"), "country": _("Country")}
    headers = [heads[name], _("Attempts"), _("Approved"), _("Approval rate"), _("Before")]
    note = _("The %(most)s with most attempts are drawn.") % {"most": MOST} if len(ordered) > MOST else ""
    return Chart(name, title, "across", "percent", labels[:MOST], series, headers, rows, note=note, open=True)


def declines(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """Why attempts were not approved."""
    (whole, by_time, by_method), (was, *_rest) = _read(asked, (), ("at",), ("method",))
    now, then = _all(whole), _all(was)
    tiles = []
    for title, names in ((_("Declined"), None), (_("PSP not available"), "unavailable"), (_("Unknown"), "unknown")):
        count, before = (one.declined if names is None else one[names] for one in (now, then))
        tiles.append(parts.tile(title, count, before, parts.whole(count), asked))
    share, share_then = (100 * one.declined / one.ended if one.ended else None for one in (now, then))
    tiles.insert(1, parts.tile(_("Of all ended"), share, share_then, parts.percent(share), asked, points=True))
    charts = [
        _categories(asked, now, then),
        _stacked(asked, "over_time", _("Not approved, over time"), _by_moment(asked, by_time)),
        _stacked(
            asked, "by_method", _("Not approved, by method"), {str(key): one for (key,), one in by_method.items()}
        ),
    ]
    return tiles, charts


def _categories(asked: Asked, now: Sums, then: Sums) -> Chart:
    rows = []
    for name, words in CATEGORIES.items():
        by, value = FOUND.get(name, ("decline__is", name.removeprefix("declined_")))
        share = 100 * now[name] / now.ended if now.ended else None
        rows.append([
            cell(name, str(words), _attempts(asked, **{by: value})),
            cell(now[name], parts.whole(now[name])),
            cell(_rounded(share), parts.percent(share)),
            cell(then[name], parts.whole(then[name]) if asked.against else parts.NOTHING),
        ])  # fmt: skip
    labels, values = [str(words) for words in CATEGORIES.values()], [float(now[name]) for name in CATEGORIES]
    headers = [_("Reason"), _("Attempts"), _("Of all ended"), _("Before")]
    title = _("Not approved, by reason")
    return Chart("reasons", title, "across", "count", labels, [Series(title, values)], headers, rows, open=True)


def _by_moment(asked: Asked, sums: Mapping[Key, Sums]) -> dict[str, Sums]:
    return {parts.stamp(asked, at): sums.get((at,), Sums()) for at in asked.period.steps}


def _stacked(asked: Asked, slug: str, title: str, sums: Mapping[str, Sums]) -> Chart:
    timed = slug == "over_time"
    kept = sums if timed else dict(sorted(sums.items(), key=lambda item: item[1].approval or 0)[:MOST])
    series = [Series(str(words), [float(one[name]) for one in kept.values()]) for name, words in CATEGORIES.items()]
    named = {key: key if timed else parts.named("method", key) for key in sums}
    rows = [[cell(key, named[key]), *(cell(one[name], parts.whole(one[name])) for name in CATEGORIES)]
            for key, one in sums.items()]  # fmt: skip
    headers = [_("When (UTC)") if timed else _("Method"), *(str(words) for words in CATEGORIES.values())]
    labels = parts.moments(asked) if timed else [named[key] for key in kept]
    return Chart(slug, title, "stacked", "count", labels, series, headers, rows)


def latency(asked: Asked) -> tuple[list[Tile], list[Chart]]:
    """How long PSPs take to answer an authorisation."""
    by_time, by_account, by_method = reading.latency(asked.period, ("at", "account", "method"), asked.narrowed)
    before = reading.latency(asked.against, ("at",), asked.narrowed)[0] if asked.against else {}
    now, then = _together(by_account), _together(before)
    tiles = []
    for share, title in ((0.5, _("Half within")), (0.95, _("95 of 100 within")), (0.99, _("99 of 100 within"))):
        took, took_then = reading.quantile(now, share), reading.quantile(then, share)
        tiles.append(parts.tile(title, took, took_then, parts.milliseconds(took), asked))
    charts = [
        _spread(
            asked, "over_time", _("Time to answer"), "line", {at: by_time.get(at, {}) for at in asked.period.steps}
        ),
        _spread(asked, "account", _("Time to answer, by provider account"), "across", by_account),
        _spread(asked, "method", _("Time to answer, by method"), "across", by_method),
    ]
    return tiles, charts


def _together(sketches: Mapping[Any, reading.Sketch]) -> reading.Sketch:
    whole: reading.Sketch = {}
    for sketch in sketches.values():
        for bucket, answers in sketch.items():
            whole[bucket] = whole.get(bucket, 0) + answers
    return whole


def _spread(asked: Asked, slug: str, title: str, kind: str, sketches: Mapping[Any, reading.Sketch]) -> Chart:
    timed = slug == "over_time"
    names = [parts.stamp(asked, key) if timed else parts.named(slug, key) for key in sketches]
    shares = {0.5: _("Half within"), 0.95: _("95 of 100 within"), 0.99: _("99 of 100 within")}
    values = {share: [reading.quantile(sketch, share) for sketch in sketches.values()] for share in shares}
    rows = []
    for number, (name, key) in enumerate(zip(names, sketches, strict=True)):
        href = "" if timed else _attempts(asked, **{f"{slug}__is": str(key)})
        took = [values[share][number] for share in shares]
        answers = sum(sketches[key].values())
        rows.append([cell(name if timed else str(key), name, href), cell(answers, parts.whole(answers)),
                     *(cell(_rounded(one), parts.milliseconds(one)) for one in took)])  # fmt: skip
    head = _("When (UTC)") if timed else _("Provider account") if slug == "account" else _("Method")
    headers = [head, _("Answers"), *shares.values()]
    series = [Series(str(words), values[share]) for share, words in shares.items()]
    labels = parts.moments(asked) if timed else names
    note = _("Read from a sketch: at most 5 %% off.") % {}
    return Chart(slug, title, kind, "ms", labels, series, headers, rows, note=note, open=not timed)


# --- over time


def _over_time(asked: Asked, now: Mapping[Key, Sums], before: Mapping[Key, Sums], value: Any) -> list[Series]:
    """A line of now, and a dashed one of what it is compared with."""
    found = [Series(_("This period"), [_value(now, at, value) for at in asked.period.steps])]
    if asked.against is not None:
        earlier = [_value(before, at, value) if at else None for at in parts.earlier(asked)]
        found.append(Series(str(parts.AGAINST[asked.how]), earlier, dashed=True))
    return found


def _value(sums: Mapping[Key, Sums], at: Any, value: Any) -> float | None:
    found: float | None = value(sums.get((at,), Sums()))
    return found


def _timed(asked: Asked, slug: str, title: str, unit: str, series: Sequence[Series]) -> Chart:
    rows: list[list[Cell]] = []
    for number, at in enumerate(asked.period.steps):
        cells = [parts.of_unit(unit, one.values[number], asked.currency) for one in series]
        rows.append([cell(parts.stamp(asked, at)), *cells])
    headers = [_("When (UTC)"), *(one.name for one in series)]
    return Chart(slug, title, "line", unit, parts.moments(asked), series, headers, rows)


def _rounded(value: float | None) -> object:
    return "" if value is None else round(value, 2)
