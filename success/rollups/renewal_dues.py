"""Dues that were up for renewal, and what came of them: by month and tier, and one by one."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Max

from members.rollups.scope import Written
from success.engine.available import Outcome
from success.models import RenewableMonth
from success.rollups import ledger

LINKED: Final = "SELECT member_id FROM members_accountunit"

# A stretch is what an account holds without a day in between: lines that overlap are one, lines
# that only touch are two, so each stretch but the last ends where its renewal may begin.
ENDED: Final = """
    reached AS (
        SELECT line.*, max(ends_on) OVER (
                   in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS covered_until
        FROM line WINDOW in_order AS (PARTITION BY member_id ORDER BY starts_on, ends_on)
    ),
    counted AS (
        SELECT reached.*, count(*) FILTER (WHERE starts_on >= covered_until) OVER (
                   PARTITION BY member_id ORDER BY starts_on, ends_on
                   ROWS UNBOUNDED PRECEDING
               ) AS place
        FROM reached
    ),
    edged AS (
        SELECT counted.*, min(starts_on) OVER whole AS from_on,
               max(ends_on) OVER whole AS until_on
        FROM counted WINDOW whole AS (PARTITION BY member_id, place)
    ),
    stretch AS (
        SELECT member_id, place, from_on, until_on,
               (sum(worth >> 16) FILTER (WHERE starts_on = from_on))::bigint AS first_cents,
               (sum(worth >> 16) FILTER (WHERE ends_on = until_on))::bigint AS last_cents,
               max(worth) FILTER (WHERE starts_on = from_on) & 65535 AS first_tier,
               max(worth) FILTER (WHERE ends_on = until_on) & 65535 AS last_tier,
               bool_or(worth >= 65536) AS is_paid
        FROM edged GROUP BY member_id, place, from_on, until_on
    ),
    beside AS (
        SELECT stretch.*, lead(from_on) OVER in_order AS next_on,
               lead(first_cents) OVER in_order AS next_cents,
               lag(until_on) OVER in_order AS before_on,
               bool_or(is_paid) OVER (
                   in_order ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ) AS paid_before
        FROM stretch WINDOW in_order AS (PARTITION BY member_id ORDER BY place)
    ),
    ended AS (
        SELECT member_id, until_on AS "on", last_tier AS code, last_cents AS before,
               CASE WHEN next_on < until_on + %(grace)s THEN next_cents ELSE 0 END AS after,
               CASE WHEN next_on < until_on + %(grace)s THEN 'renewed'
                    WHEN until_on + %(grace)s <= %(as_of)s THEN 'lapsed'
                    ELSE 'undecided' END AS outcome
        FROM beside
        WHERE until_on >= %(first)s AND until_on < %(until)s AND until_on <= %(as_of)s
          AND last_cents > 0
        UNION ALL
        SELECT member_id, from_on, first_tier, 0, first_cents, 'reinstated'
        FROM beside
        WHERE from_on >= %(first)s AND from_on < %(until)s
          AND before_on + %(grace)s <= from_on AND paid_before AND first_cents > 0
    )"""

# Terms of which a row of ``ended`` may come, of members who are in no link; each row comes of
# one that is on its day, of its tier and paid. Newest first, so that few need be looked into.
CANDIDATES: Final = """
    SELECT term.{day} AS "on", term.member_id
    FROM members_term AS term
    WHERE term.{day} >= %(first)s AND term.{day} < %(until)s AND term.{day} <= %(as_of)s{only}
    ORDER BY term.{day} DESC, term.member_id DESC LIMIT %(most)s"""
# The same of linked members: by month, all who may be counted together with such a member.
LINKED_CANDIDATES: Final = """
    SELECT date_trunc('month', term.{day})::date AS month, array_agg(DISTINCT peer.member_id)
    FROM members_term AS term
    JOIN members_accountunit AS own ON own.member_id = term.member_id
    JOIN members_accountunit AS peer ON peer.unit = own.unit
    WHERE term.{day} >= %(first)s AND term.{day} < %(until)s AND term.{day} <= %(as_of)s{only}
    GROUP BY month ORDER BY month DESC"""
ANOTHER: Final = """
    SELECT FROM members_term AS other
    WHERE other.member_id = term.member_id AND other.starts_on <= %(as_of)s"""
UNRENEWED: Final = f"""NOT EXISTS ({ANOTHER}
      AND other.starts_on < term.ends_on + %(grace)s AND other.ends_on > term.ends_on)"""
UNCOVERED: Final = f"""NOT EXISTS ({ANOTHER}
      AND other.starts_on < term.starts_on AND other.ends_on + %(grace)s > term.starts_on)"""
MAY_HAVE: Final = {
    Outcome.RENEWED: f"""EXISTS ({ANOTHER}
      AND other.starts_on >= term.ends_on AND other.starts_on < term.ends_on + %(grace)s)""",
    Outcome.LAPSED: f"term.ends_on + %(grace)s <= %(as_of)s AND {UNRENEWED}",
    Outcome.UNDECIDED: f"term.ends_on + %(grace)s > %(as_of)s AND {UNRENEWED}",
    Outcome.REINSTATED: f"""EXISTS ({ANOTHER} AND other.starts_on < term.starts_on)
      AND {UNCOVERED}""",
}
# Another member's term may be what renews it, or what came before.
MAY_HAVE_TOGETHER: Final = {
    Outcome.LAPSED: MAY_HAVE[Outcome.LAPSED],
    Outcome.UNDECIDED: MAY_HAVE[Outcome.UNDECIDED],
    Outcome.REINSTATED: UNCOVERED,
}
PAID: Final = """NOT term.is_provisional AND EXISTS (
      SELECT FROM members_dues AS dues WHERE dues.term_id = term.id AND annual_amount > 0)"""

COUNTED: Final = """
    SELECT date_trunc('month', "on")::date, tier.tier,
           count(*) FILTER (WHERE outcome = 'renewed'),
           count(*) FILTER (WHERE outcome = 'lapsed'),
           count(*) FILTER (WHERE outcome = 'undecided'),
           count(*) FILTER (WHERE outcome = 'reinstated'),
           sum(before),
           coalesce(sum(least(before, after)) FILTER (WHERE outcome = 'renewed'), 0),
           coalesce(sum(greatest(before - after, 0)) FILTER (WHERE outcome = 'renewed'), 0),
           coalesce(sum(greatest(after - before, 0)) FILTER (WHERE outcome = 'renewed'), 0),
           coalesce(sum(before) FILTER (WHERE outcome = 'lapsed'), 0),
           coalesce(sum(before) FILTER (WHERE outcome = 'undecided'), 0),
           coalesce(sum(after) FILTER (WHERE outcome = 'reinstated'), 0)
    FROM ended JOIN tier USING (code)
    GROUP BY 1, 2"""
COUNTS: Final = ("renewed_members", "lapsed_members", "undecided_members", "reinstated_members")
AMOUNTS: Final = ("available", "renewed", "less", "more", "lapsed", "undecided", "reinstated")


def ended_sql(
    *, of: ledger.Traits, linked: bool | None = None, of_members: bool = False
) -> str:
    """SQL of common tables up to ``ended`` and ``tier``, to be led in by WITH.

    ``linked`` narrows it to members who are in a link at some time, or to all others; null:
    both. Linked ones are counted together as they are on the day ``closing``; dues in another
    currency at the rate of ``day_0``. ``of_members`` narrows it to the ``members``, whole
    accounts; then a tier's number is its rank among theirs, which leaves their order.
    """
    if of_members:
        only = " AND term.member_id IN (SELECT unnest(%(members)s::bigint[]))"
        lines = ledger.lines_of(of=of, closing="%(closing)s" if of.linked else "", only=only)
        return f"{ledger.TIERS_OF.format(only=only)},{lines},{ENDED}"
    only = """
          AND term.member_id IN (
              SELECT member_id FROM members_term
              WHERE (ends_on >= %(first)s AND ends_on < %(until)s)
                 OR (starts_on >= %(first)s AND starts_on < %(until)s))"""
    if linked:
        only = f"\n          AND term.member_id IN ({LINKED})"
    elif linked is not None:
        only += f"\n          AND term.member_id NOT IN ({LINKED})"
    elif of.linked:
        only = only[:-1] + f"\n              UNION {LINKED})"
    lines = ledger.lines_of(of=of, closing="%(closing)s" if of.linked else "", only=only)
    return f"{ledger.TIERS},{lines},{ENDED}"


def asked(
    *, first: date, until: date, as_of: date, grace_days: int, of: ledger.Traits
) -> dict[str, Any]:
    """Return the parameters of ``ended_sql``: ends from ``first``, before ``until``."""
    return {
        "first": first,
        "until": until,
        "as_of": as_of,
        # without grace, what follows without a gap is a renewal still
        "grace": max(grace_days, 1),
        "closing": until,
        "day_0": first,
        "own": of.own,
    }


def candidates_sql(  # what is asked for, all by name
    *,
    of: ledger.Traits,
    tier: str | None,
    outcome: Outcome | None,
    before: tuple[date, int] | None,
    only_paid: bool,
) -> str:
    """SQL of the day and the member of terms of which rows of ``ended`` may come, newest first.

    At most ``most``, before the day and member ``before``; of members who are in no link. A
    null outcome stands for all that was up for renewal. ``only_paid`` looks into dues, which
    narrows it where many terms are free.
    """
    day = "starts_on" if outcome is Outcome.REINSTATED else "ends_on"
    conditions = [MAY_HAVE[outcome]] if outcome else []
    if of.linked:
        conditions.append(f"term.member_id NOT IN ({LINKED})")
    if tier is not None:
        conditions.append("term.tier = %(tier)s")
    if before is not None:
        conditions.append(f"(term.{day}, term.member_id) < (%(before_on)s, %(before_member)s)")
    if only_paid:
        conditions.append(PAID)
    return CANDIDATES.format(day=day, only=_all_of(conditions))


def linked_candidates_sql(
    *, tier: str | None, outcome: Outcome | None, before: tuple[date, int] | None
) -> str:
    """SQL of months, the latest first, each with the linked members to be looked at together.

    Those of the accounts of which rows of ``ended`` may come, up to the day of ``before``.
    """
    day = "starts_on" if outcome is Outcome.REINSTATED else "ends_on"
    conditions = [MAY_HAVE_TOGETHER[outcome]] if outcome in MAY_HAVE_TOGETHER else []
    if tier is not None:
        conditions.append("term.tier = %(tier)s")
    if before is not None:
        conditions.append(f"term.{day} <= %(before_on)s")
    return LINKED_CANDIDATES.format(day=day, only=_all_of([*conditions, PAID]))


def _all_of(conditions: list[str]) -> str:
    return "".join(f"\n      AND {each}" for each in conditions)


@transaction.atomic
def refresh(*, as_of: date, since: date | None, grace_days: int) -> Written:
    """Count the dues that ended up to ``as_of``, by month and tier; from ``since`` on.

    The month of ``since`` less the grace, and any in which somebody was still in it, are the
    first that are counted anew. Null: all. A day before one that was counted already writes
    nothing, and neither does the same day again. Equal to ``engine.available`` (DOMAIN 4.1).
    """
    known = RenewableMonth.objects.aggregate(until=Max("covers_until"))["until"]
    if known is not None and known > as_of:
        return Written(rows_in=0, rows_out=0)
    begins = ledger.first_term_starts_on()
    if begins is None:
        deleted = RenewableMonth.objects.all().delete()[0]
        return Written(rows_in=0, rows_out=deleted)
    first = begins.replace(day=1)
    if since is not None and known is not None:
        unsettled = RenewableMonth.objects.filter(undecided_members__gt=0)
        months = [*unsettled.order_by("month").values_list("month", flat=True)[:1]]
        reaches = since - timedelta(days=max(grace_days, 1))
        first = max(first, min([reaches.replace(day=1), *months]))
    rows = count(first=first, as_of=as_of, grace_days=grace_days)
    stored = {
        (row.month, row.tier): row for row in RenewableMonth.objects.filter(month__gte=first)
    }
    names = (*COUNTS, *AMOUNTS)
    changed = [
        row
        for key, row in rows.items()
        if key not in stored
        or any(getattr(row, name) != getattr(stored[key], name) for name in names)
    ]
    gone = [row.pk for key, row in stored.items() if key not in rows]
    deleted = RenewableMonth.objects.filter(pk__in=gone).delete()[0] if gone else 0
    RenewableMonth.objects.bulk_create(
        changed,
        batch_size=2000,
        update_conflicts=True,
        unique_fields=["month", "tier"],
        update_fields=[*names, "covers_until"],
    )
    return Written(
        rows_in=sum(row.renewed_members + row.lapsed_members for row in rows.values()),
        rows_out=len(changed) + deleted,
    )


def count(
    *, first: date, as_of: date, grace_days: int
) -> dict[tuple[date, str], RenewableMonth]:
    """Return the months from ``first`` up to ``as_of`` by month and tier, as rows not stored.

    One pass over the terms; a pass a month where dues are in several currencies, whose rates
    are those of its first day, and over linked members, who are counted together as they are
    when it closes (DOMAIN 4.3 #13, #18).
    """
    of = ledger.traits()
    rows: dict[tuple[date, str], RenewableMonth] = {}
    for begins, ends, linked in spans(of=of, first=first, until=month_after(as_of)):
        values = asked(first=begins, until=ends, as_of=as_of, grace_days=grace_days, of=of)
        with connection.cursor() as cursor:
            cursor.execute(f"WITH {ended_sql(of=of, linked=linked)} {COUNTED}", values)
            for month, tier, *figures in cursor:
                row = rows.setdefault(
                    (month, tier),
                    RenewableMonth(
                        month=month,
                        tier=tier,
                        covers_until=as_of,
                        **dict.fromkeys((*COUNTS, *AMOUNTS), 0),
                    ),
                )
                for name, value in zip((*COUNTS, *AMOUNTS), figures, strict=True):
                    said = Decimal(value).scaleb(-2) if name in AMOUNTS else value
                    setattr(row, name, getattr(row, name) + said)
    return rows


def spans(
    *, of: ledger.Traits, first: date, until: date
) -> list[tuple[date, date, bool | None]]:
    """Return the stretches of whole months to be asked one by one, each with ``linked``.

    One for all where nobody is linked and there is one currency.
    """
    months = [first]
    while (after := month_after(months[-1])) < until:
        months.append(after)
    by_month = [(month, month_after(month)) for month in months if month < until]
    if of.foreign:
        return [(*month, None) for month in by_month]
    if of.linked:
        return [(first, until, False), *((*month, True) for month in by_month)]
    return [(first, until, None)]


def month_after(day: date) -> date:
    """Return the first day of the month after that of ``day``."""
    return (day.replace(day=1) + timedelta(days=31)).replace(day=1)
