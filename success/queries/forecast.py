"""Expected expansion: who stands before a milestone with something to take up, and its worth.

The arithmetic is ``engine.forecast``'s. Here are its facts, as sets: the accounts grouped by
all that the forecast asks of them, the lateness of everybody who was ever on their way to the
same milestone of the same path, and who took what they were asked to take. A question about a
past day sees only what was true by then. Amounts are a year's, in the association's currency;
who may see them is ``Permission.REVENUE_VIEW``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.core.signing import BadSignature
from django.db import connection

from config.kernel.keyset import SIGNER, BadCursor, KeysetPage
from coverage.rollups.experience import ax_mismatch_sql
from members.models import Association
from members.rollups.scope import Scope
from success.engine.asks import COOL_OFF_DAYS
from success.engine.forecast import (
    AX_MISMATCH,
    PRIORS,
    Expected,
    LeftOut,
    Line,
    Outcome,
    Prior,
    Tenth,
    Unknown,
    by_cohort,
    calibration,
    chance,
    expect,
    forecast_nrr,
    take_rate,
    together,
    why_unknown,
)
from success.engine.overlays import GOAL_HOLDS_DAYS
from success.engine.revenue import to_places
from success.engine.survival import Curve, Observation, kaplan_meier
from success.enums import AskKind, AskStatus, PeriodKind, RevenueBasis, Standing, State
from success.models import ForecastMonth, OfferWorth
from success.queries.readings import asked_once, kept_by_night, stands, written_out
from success.queries.revenue import revenue_series
from success.rollups.asks import LAST_TURN
from success.rollups.vector import VECTOR, vector_parameters

MONTHS_AHEAD: Final = 12
WINDOWS: Final = (1, 3, 6, 12)
MONTHS_BACK: Final = 12
FEW_ANSWERS: Final = 10
ANSWER_DAYS: Final = 90
FRESH_DAYS: Final = 62  # two months: an older row tells no curve of today
PLACES: Final = 6
ZERO: Final = Decimal(0)
MILLION: Final = 10**6
# Longer than any window: of a pause whose end nobody knows.
NO_END: Final = 100_000
ACTIVE: Final = (Standing.IN_FORCE.value, Standing.IN_GRACE.value)


class CohortKey(NamedTuple):
    """A milestone of a path and what is offered there; a path of one's own has no template."""

    template: int
    milestone: str
    offer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """How many of a state took what they were asked to take, and the share that follows."""

    state: str
    takers: int
    asked: int
    prior: Prior

    @property
    def rate(self) -> Fraction:
        return take_rate(takers=self.takers, asked=self.asked, prior=self.prior)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """Accounts before one milestone with one offer. ``unknown`` are counted by their reason.

    ``chance`` and ``take`` are those of the known ones on average, null where there are none.
    ``events`` is how many have reached the milestone; ``value`` is null where nobody said it.
    """

    key: CohortKey
    slug: str
    milestone: str
    path: str
    offer: str
    value: Decimal | None
    events: int
    expected: Expected
    unknown: Mapping[Unknown, int]
    chance: Fraction | None
    take: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthAhead:
    """What one month is expected to bring; accounts beyond their curve by then are unknown."""

    starts_on: date
    ends_on: date
    expected: Expected


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastNrr:
    """The retention that a year from ``opening_on`` is expected to give, in force.

    ``kept`` is GRR of the year up to that day, in force: what of the dues then paid is expected
    to stay, after contraction. ``rate`` is null where that is not known.
    """

    opening_on: date
    opening: Decimal
    kept: Decimal | None
    expansion: Decimal
    rate: Decimal | None
    last_rate: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What is expected within ``months`` of a day, cohort by cohort, and month by month."""

    as_of: date
    until: date
    months: int
    currency: str
    cohorts: tuple[Cohort, ...]
    total: Expected
    left_out: Mapping[LeftOut, int]
    takes: tuple[Take, ...]
    ahead: tuple[MonthAhead, ...]
    nrr: ForecastNrr | None

    @property
    def answers(self) -> int:
        return sum(take.asked for take in self.takes)

    @property
    def is_assumed(self) -> bool:
        """Whether so few have answered that the take rates are rather assumed than seen."""
        return self.answers < FEW_ANSWERS


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRow:
    """An account of a cohort; ``days_to_go`` are plan-days to the expected day, negative late.

    ``reason`` says why it is left out; else ``chance`` and ``expected`` are null where nothing
    can be said, and ``value`` where nobody said it.
    """

    member_id: int
    public_id: UUID
    name: str
    segment: str
    state: str
    is_mismatched: bool
    days_to_go: int
    milestone: str
    offer: str
    reason: LeftOut | None
    unknown: Unknown | None
    chance: Fraction | None
    take: Fraction | None
    value: Decimal | None
    expected: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthPast:
    """What was to be expected of a month on the day before it, and what came of it.

    ``takers`` and ``came_value`` are those of the accounts that were foretold; ``pending`` of
    them reached the milestone and may still answer, so that the month may still change.
    """

    starts_on: date
    ends_on: date
    expected: Expected
    takers: int
    came_value: Decimal
    pending: int

    @property
    def is_inside(self) -> bool | None:
        """Whether the takers lie in the 90 % interval; null where nothing was foretold."""
        bounds = self.expected.takers_between()
        if bounds is None:
            return None
        # a count is whole, and the bounds of so few are not
        return int(bounds[0]) <= self.takers <= -int(-bounds[1] // 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackTest:
    """The months that have closed, the oldest first, and how well chances were told."""

    as_of: date
    months: tuple[MonthPast, ...]
    tenths: tuple[Tenth, ...]

    @property
    def known(self) -> int:
        return sum(month.expected.known for month in self.months)


class _Alike(NamedTuple):
    """Accounts alike in all that is asked; ``rest`` are days until the plan clock runs on."""

    template: int
    key: str
    offer: int
    milestone: str
    path: str
    offer_title: str
    state: str
    is_mismatched: bool
    late: int
    rest: int
    reason: str | None
    took: bool
    pending: bool
    accounts: int

    @property
    def cohort(self) -> CohortKey:
        return CohortKey(self.template, self.key, self.offer)

    @property
    def taken_as(self) -> str:
        return AX_MISMATCH if self.is_mismatched else self.state.upper()


class _Known(NamedTuple):
    """What is known on a day that chances and shares are read from."""

    curves: Mapping[tuple[int, str], Curve]
    takes: Mapping[str, Take]
    values: Mapping[int, Decimal]


# What was announced and not answered by ``%(as_of)s``, once a member and milestone.
OFFERED: Final = f"""
    offered AS (
        SELECT DISTINCT ON (p.member_id, m.key) p.member_id, m.key, ask.id, ask.offer_id,
               coalesce(ask.asked_on <= %(as_of)s, FALSE) AS is_asked, ask.status,
               ask.answered_on
          FROM success_ask ask
          JOIN success_plan p ON p.id = ask.plan_id
          -- OFFSET 0: looked up, for the planner would read all that were reached by anybody
          CROSS JOIN LATERAL (
              SELECT key FROM success_milestone m WHERE m.id = ask.milestone_id OFFSET 0
          ) m
         WHERE ask.kind = '{AskKind.UPSELL.value}'
           AND ask.status <> '{AskStatus.WITHDRAWN.value}'
           AND (ask.answered_on IS NULL OR ask.answered_on > %(as_of)s)
         ORDER BY p.member_id, m.key, ask.asked_on, ask.id
    )
"""
# How they stand now, as the last night wrote it down.
NOW: Final = f"""
    who AS (
        SELECT f.member_id, f.plan_id, f.next_milestone_id, f.state, f.tier,
               f.standing IN ('{"', '".join(ACTIVE)}') AS is_member,
               f.blocker = 'association' AS is_blocked,
               coalesce(f.goal_confirmed_on < %(as_of)s - {GOAL_HOLDS_DAYS}, FALSE) AS is_stale
          FROM success_memberfacts f
         WHERE f.plan_id IS NOT NULL
           AND f.member_id IN (SELECT member_id FROM offered)
    )
"""
# How they stood on a past day, by the same rules.
THEN: Final = (
    VECTOR.format(scope="p.member_id IN (SELECT member_id FROM offered)")
    + f""",
    who AS (
        SELECT v.member_id, v.plan_id, v.next_milestone_id, v.state,
               coalesce(term.tier, '') AS tier, term.tier IS NOT NULL AS is_member,
               v.blocking_id IS NOT NULL AND EXISTS (
                   SELECT FROM success_accountability ours
                    WHERE ours.milestone_id = v.blocking_id AND ours.side = 'association'
                      AND ours.due_on <= %(as_of)s
                      AND (ours.done_on IS NULL OR ours.done_on > %(as_of)s)
                      AND (ours.waived_on IS NULL OR ours.waived_on > %(as_of)s)
               ) AS is_blocked,
               coalesce(goal.confirmed_on < %(as_of)s - {GOAL_HOLDS_DAYS}, FALSE) AS is_stale
          FROM vector v
          LEFT JOIN LATERAL (
              SELECT t.tier FROM members_term t
               WHERE t.member_id = v.member_id AND t.starts_on <= %(as_of)s
                 AND t.ends_on + %(grace)s > %(as_of)s
               ORDER BY t.ends_on DESC, t.starts_on DESC, t.tier LIMIT 1
          ) term ON TRUE
          LEFT JOIN LATERAL (
              SELECT greatest(o.said_on, (
                         SELECT max(c."on") FROM success_outcomeconfirmation c
                          WHERE c.outcome_id = o.id AND c."on" <= %(as_of)s
                     ), CASE WHEN o.confirmed_on <= %(as_of)s THEN o.confirmed_on END
                     ) AS confirmed_on
                FROM success_desiredoutcome o
               WHERE o.member_id = v.member_id AND o.is_primary
                 AND o.said_on <= %(as_of)s
                 AND (o.ended_on IS NULL OR o.ended_on > %(as_of)s)
               ORDER BY o.version DESC LIMIT 1
          ) goal ON TRUE
    )
"""
)
# Why an account is left out, in the order of the reasons; it equals ``engine.left_out``.
REASONS: Final = {
    LeftOut.NOT_A_MEMBER: "NOT who.is_member",
    LeftOut.REACHED: "turned.now %% 2 = 1 AND NOT offered.is_asked",
    LeftOut.ASKED: "offered.is_asked",
    LeftOut.FURTHER_ON: "m.id IS DISTINCT FROM who.next_milestone_id",
    LeftOut.OWNED: f"""
        (offer.owned_with_tier <> '' AND offer.owned_with_tier = who.tier) OR EXISTS (
            SELECT FROM success_ask had JOIN success_plan theirs ON theirs.id = had.plan_id
             WHERE theirs.member_id = who.member_id AND had.offer_id = offered.offer_id
               AND had.status = '{AskStatus.ACCEPTED.value}'
               AND had.answered_on <= %(as_of)s)""",
    LeftOut.RETIRED: "offer.is_retired",
    LeftOut.COOLING_OFF: f"""EXISTS (
        SELECT FROM success_ask no JOIN success_plan theirs ON theirs.id = no.plan_id
         WHERE theirs.member_id = who.member_id AND no.status = '{AskStatus.REFUSED.value}'
           AND no.answered_on <= %(as_of)s
           AND no.answered_on > %(as_of)s - {COOL_OFF_DAYS}
           AND NOT EXISTS (
               SELECT FROM success_milestone reached
                 JOIN success_plan path ON path.id = reached.plan_id
                WHERE path.member_id = who.member_id
                  AND {LAST_TURN.format(milestone="reached").replace("% 2", "%% 2")}
                      > no.answered_on))""",
    LeftOut.GOAL_STALE: "who.is_stale",
    LeftOut.REGRESSING: f"who.state = '{State.REGRESSING.value}'",
    LeftOut.ASSOC_BLOCKED: "who.is_blocked",
}
REASON: Final = "CASE {} END".format(
    " ".join(f"WHEN {holds} THEN '{reason.value}'" for reason, holds in REASONS.items())
)
ACCOUNT: Final = f"""
    account AS (
        -- in a SELECT of its own, or the planner would look at the experience of everybody
        SELECT told.*, (SELECT {ax_mismatch_sql(member="told.member_id")}) AS is_mismatched
          FROM (
              SELECT who.member_id, coalesce(p.template_id, 0) AS template_id, m.key, m.title,
                     coalesce(template.title, '') AS path, offered.offer_id,
                     offer.title AS offer_title, offered.status, who.state,
                     %(as_of)s - p.anchor_on - stopped_for.days - m.expected_day AS late,
                     stopped_for.rest, {REASON} AS reason
                FROM who
                JOIN success_plan p ON p.id = who.plan_id
                LEFT JOIN success_plantemplate template ON template.id = p.template_id
                JOIN offered ON offered.member_id = who.member_id
                CROSS JOIN LATERAL (
                    SELECT m.id, m.key, m.title, m.expected_day, m.evidence_dates
                      FROM success_milestone m
                     WHERE m.plan_id = p.id AND m.key = offered.key OFFSET 0
                ) m
                JOIN success_offer offer ON offer.id = offered.offer_id
                CROSS JOIN LATERAL (
                    SELECT coalesce(width_bucket(%(as_of)s::date, m.evidence_dates), 0) AS now
                ) turned
                LEFT JOIN (
                    SELECT plan_id, range_agg(
                               daterange(starts_on, coalesce(ends_on, 'infinity'))
                           ) AS runs
                      FROM success_planpause GROUP BY plan_id
                ) paused ON paused.plan_id = p.id
                CROSS JOIN LATERAL (
                    SELECT CASE WHEN paused.runs IS NULL THEN 0 ELSE (
                               SELECT coalesce(sum(upper(run) - lower(run)), 0)::int
                                 FROM unnest(
                                     runs * datemultirange(daterange(p.anchor_on, %(as_of)s))
                                 ) AS run
                           ) END AS days,
                           CASE WHEN paused.runs IS NULL THEN 0 ELSE (
                               SELECT coalesce(max(
                                          least(upper(run), %(as_of)s + {NO_END}) - %(as_of)s
                                      ), 0)::int
                                 FROM unnest(
                                     runs * datemultirange(daterange(%(as_of)s, 'infinity'))
                                 ) AS run
                                WHERE lower(run) <= %(as_of)s
                           ) END AS rest
                ) stopped_for
              OFFSET 0  -- a mismatch is looked for only where it is asked for
          ) AS told
    )
"""
# A mismatch bears only on those who count.
TOLD: Final = """member_id, template_id, key, title, path, offer_id, offer_title, status, state,
               reason IS NULL AND is_mismatched AS is_mismatched, late, rest, reason"""
# Of the accounts of a month: whether they reached the milestone in it, and took the offer.
CAME: Final = """
    EXISTS (
        SELECT FROM success_milestone reached
          JOIN success_plan path ON path.id = reached.plan_id
         CROSS JOIN unnest(reached.evidence_dates) WITH ORDINALITY AS turn (day, place)
         WHERE path.member_id = account.member_id AND reached.key = account.key
           AND turn.place %% 2 = 1 AND turn.day > %(as_of)s AND turn.day <= %(until)s)
    AND account.status {status}
"""
TOOK: Final = CAME.format(status=f"= '{AskStatus.ACCEPTED.value}'")
PENDING: Final = CAME.format(
    status=f"IN ('{AskStatus.ANNOUNCED.value}', '{AskStatus.ASKED.value}')"
)
ALIKE: Final = """
    SELECT template_id, key, offer_id, max(title), max(path), max(offer_title), state,
           is_mismatched, late, rest, reason, took, pending, count(*)::int
      FROM (SELECT {told}, {took} AS took, {pending} AS pending FROM account) AS account
     GROUP BY template_id, key, offer_id, state, is_mismatched, late, rest, reason, took,
              pending
     ORDER BY template_id, key, offer_id, late, state
"""
# Days late of everybody who was ever on the way to one of the milestones, by ``%(as_of)s``.
# A version that re-plans comes under observation late; what was reached before is not its own.
LATENESS: Final = f"""
    SELECT template_id, key, seen, happened, entry, count(*)::int
      FROM (
        SELECT p.template_id, m.key, turned.now %% 2 = 1 AS happened,
               last.day - p.anchor_on - m.expected_day - paused.days AS seen,
               CASE WHEN p.counts_from > p.anchor_on
                    THEN p.counts_from - p.anchor_on - m.expected_day - paused.before_it END
                   AS entry
          FROM unnest(%(templates)s::bigint[], %(keys)s::text[]) AS wanted (template_id, key)
          JOIN success_plan p ON p.template_id = wanted.template_id
          JOIN success_milestone m ON m.plan_id = p.id AND m.key = wanted.key
          LEFT JOIN success_memberfacts f ON f.member_id = p.member_id
          CROSS JOIN LATERAL (
              SELECT greatest(p.counts_from, least(
                  p.closed_on, %(as_of)s,
                  CASE WHEN f.standing = '{Standing.LAPSED.value}' THEN f.term_ends_on END
              )) AS day
          ) known
          CROSS JOIN LATERAL (
              SELECT coalesce(width_bucket(known.day, m.evidence_dates), 0) AS now
          ) turned
          CROSS JOIN LATERAL (
              SELECT CASE WHEN turned.now %% 2 = 1 THEN m.evidence_dates[turned.now]
                          ELSE known.day END AS day
          ) last
          CROSS JOIN LATERAL (
              SELECT coalesce(sum(upper(run) - lower(run)), 0)::int AS days,
                     coalesce(sum(greatest(0, least(upper(run), p.counts_from) - lower(run))),
                              0)::int AS before_it
                FROM (
                    SELECT unnest(range_agg(
                        daterange(pause.starts_on, coalesce(pause.ends_on, 'infinity'))
                    ) * datemultirange(daterange(p.anchor_on, greatest(p.anchor_on, last.day))))
                        AS run
                      FROM success_planpause pause WHERE pause.plan_id = p.id
                ) AS runs
          ) paused
         WHERE m.is_gating AND NOT m.is_carried_over AND p.counts_from <= %(as_of)s
      ) AS lateness
     WHERE entry IS NULL OR seen > entry
     GROUP BY template_id, key, seen, happened, entry
     ORDER BY template_id, key, seen
"""
# The milestones of paths at which something was ever announced.
ANNOUNCED: Final = f"""
    SELECT DISTINCT p.template_id, m.key
      FROM success_ask ask
      JOIN success_milestone m ON m.id = ask.milestone_id
      JOIN success_plan p ON p.id = m.plan_id
     WHERE ask.kind = '{AskKind.UPSELL.value}' AND p.template_id IS NOT NULL
     ORDER BY 1, 2
"""
# Who took what they were asked to take, by how they stood on the day they were asked.
TAKES: Final = f"""
    SELECT stood.state, count(*) FILTER (WHERE ask.status = '{AskStatus.ACCEPTED.value}')::int,
           count(*)::int
      FROM success_ask ask
      JOIN success_plan p ON p.id = ask.plan_id
      CROSS JOIN LATERAL (
          SELECT change.state FROM success_vectorchange change
           WHERE change.member_id = p.member_id AND change."on" <= ask.asked_on
           ORDER BY change."on" DESC LIMIT 1
      ) stood
     WHERE ask.kind = '{AskKind.UPSELL.value}' AND ask.answered_on <= %(as_of)s
       AND ask.status IN ('{AskStatus.ACCEPTED.value}', '{AskStatus.REFUSED.value}')
     GROUP BY stood.state
"""


HELD: Final = "accounts_with_an_offer"
ACCOUNTS_NOW: Final = f"{OFFERED}, {NOW}, {ACCOUNT}"


@contextmanager
def held(*, as_of: date) -> Iterator[None]:
    """Work out once who has something to take up; within, whoever asks of that day reads it.

    But for the list of those left out. In a transaction (DOMAIN 3.5).
    """
    rows = f"WITH {ACCOUNTS_NOW} SELECT {TOLD} FROM account"
    with written_out(HELD, of=as_of, rows=rows, asked={"as_of": as_of}):
        yield


def _accounts_now(*, as_of: date) -> str:
    return f"account AS (SELECT * FROM {HELD})" if stands(HELD, of=as_of) else ACCOUNTS_NOW


@kept_by_night
def forecast(*, as_of: date, months: int = 3) -> Forecast:
    """Return what is expected within ``months`` of the last night's day (DOMAIN 3.5).

    One cohort for each milestone of a path and its offer. Chances are null, and their accounts
    counted, with fewer than twenty who reached the milestone and beyond the last lateness
    observed. Chances are rounded to a millionth, so that the cohorts add up to the total and
    to the accounts exactly. Eight statements, whatever the number of accounts.
    """
    alike = _alike(as_of=as_of, until=as_of, is_now=True)
    eligible = [each for each in alike if each.reason is None]
    known = _known(eligible, as_of=as_of)
    until = months_after(as_of, months)
    days = (until - as_of).days
    lines = [_line(each, known, days=days) for each in eligible]
    found = by_cohort(lines)
    reasons: Counter[LeftOut] = Counter()
    for each in alike:
        if each.reason is not None:
            reasons[LeftOut(each.reason)] += each.accounts
    ahead = _ahead(eligible, known, as_of=as_of)
    return Forecast(
        as_of=as_of,
        until=until,
        months=months,
        currency=Association.current().currency,
        cohorts=tuple(
            _cohort(key, expected, eligible, known, days=days)
            for key, expected in sorted(
                found.items(), key=lambda one: (-one[1].value, -one[1].accounts, one[0])
            )
            if isinstance(key, CohortKey)
        ),
        total=expect(lines),
        left_out={reason: reasons[reason] for reason in LeftOut if reasons[reason]},
        takes=tuple(known.takes.values()),
        ahead=ahead,
        nrr=_nrr(as_of=as_of, ahead=ahead),
    )


@kept_by_night
def accounts(  # noqa: PLR0913  # which list, and where to read on
    *,
    as_of: date,
    months: int = 3,
    cohort: CohortKey | None = None,
    reason: LeftOut | None = None,
    after: str | None = None,
    size: int = 50,
) -> KeysetPage[AccountRow]:
    """Return a page of accounts behind the forecast, the furthest on first (DOMAIN 3.5).

    Those that count, of one cohort or of all; with ``reason``, those left out for it. Reads
    forwards only; raises ``BadCursor``.
    """
    asked: dict[str, Any] = {"as_of": as_of, "limit": size + 1, "reason": reason}
    which = ["account.reason IS NULL" if reason is None else "account.reason = %(reason)s"]
    if cohort is not None:
        asked |= {"template": cohort.template, "key": cohort.milestone, "offer": cohort.offer}
        which.append(
            "account.template_id = %(template)s AND account.key = %(key)s"
            " AND account.offer_id = %(offer)s"
        )
    if after:
        asked["after_late"], asked["after_member"], asked["after_key"] = _place(after)
        which.append(
            "(-account.late, account.member_id, account.key) > "
            "(%(after_late)s, %(after_member)s, %(after_key)s)"
        )
    rows = _rows(
        f"""
        WITH {ACCOUNTS_NOW if reason else _accounts_now(as_of=as_of)}
        SELECT account.template_id, account.key, account.offer_id, account.title, account.path,
               account.offer_title, account.state, account.is_mismatched, account.late,
               account.rest, account.reason, account.member_id, member.public_id, member.name,
               coalesce(segment.name, '')
          FROM account
          JOIN members_member member ON member.id = account.member_id
          LEFT JOIN success_memberfacts f ON f.member_id = account.member_id
          LEFT JOIN coverage_segment segment ON segment.id = f.segment_id
         WHERE {" AND ".join(which)}
         ORDER BY -account.late, account.member_id, account.key
         LIMIT %(limit)s
        """,
        asked,
    )
    shown = [(_Alike._make((*row[:11], False, False, 1)), row[11:]) for row in rows]
    known = _known([each for each, _who in shown if each.reason is None], as_of=as_of)
    days = (months_after(as_of, months) - as_of).days
    items = [_account(each, who, known, days=days) for each, who in shown[:size]]
    edge = None
    if len(shown) > size:
        each, who = shown[size - 1]
        edge = SIGNER.sign_object([-each.late, who[0], each.key])
    return KeysetPage(items=items, next=edge, previous=None)


def back_test(*, as_of: date, grace_days: int, months: int = MONTHS_BACK) -> BackTest:
    """Set what each closed month would have been given beside what came of it (DOMAIN 3.5).

    A month is read as the night wrote it down, and is settled ninety days after it closed; one
    that no night has written is worked out now by ``month_past``. An open month, one of whose
    members may still answer, stays out of the calibration.
    """
    wanted = closed_months(as_of=as_of, months=months)
    rows = ForecastMonth.objects.filter(
        ends_on__in=[ends_on for _starts, ends_on in wanted], covers_until__lte=as_of
    )
    written = {row.ends_on: row for row in rows.defer("lateness")}
    seen: list[MonthPast] = []
    tenths: list[Tenth] = []
    for starts_on, ends_on in wanted:
        row = written.get(ends_on)
        month, of_month = (
            _from_row(row)
            if row is not None
            else month_past(
                starts_on=starts_on, ends_on=ends_on, as_of=as_of, grace_days=grace_days
            )
        )
        seen.append(month)
        tenths += of_month
    return BackTest(as_of=as_of, months=tuple(seen), tenths=tuple(together(tenths)))


def month_past(
    *, starts_on: date, ends_on: date, as_of: date, grace_days: int
) -> tuple[MonthPast, list[Tenth]]:
    """Work out what a closed month would have been given, and what came of it (DOMAIN 3.5).

    Recomputed from the log of facts by the day on which each was true, so that facts that came
    late count where they belong. On the day before the month only what was so by then is seen:
    plans, milestones, states, answers and curves. What an offer is worth is what was said by
    then, or first said after. An account has taken it if it reached the milestone in the month
    and has accepted since. For ninety days after a month one that reached it and has not
    answered keeps the month open, and it has no tenths. Six statements.
    """
    alike = _alike(as_of=starts_on, until=ends_on, is_now=False, grace_days=grace_days)
    eligible = [each for each in alike if each.reason is None]
    known = _known(eligible, as_of=starts_on)
    lines = [(each, _line(each, known, days=(ends_on - starts_on).days)) for each in eligible]
    told = [(each, line) for each, line in lines if line.chance is not None]
    taken = [each for each, _line_of in told if each.took]
    is_open = (as_of - ends_on).days < ANSWER_DAYS
    pending = sum(each.accounts for each, _line_of in told if is_open and each.pending)
    month = MonthPast(
        starts_on=starts_on,
        ends_on=ends_on,
        expected=expect(line for _each, line in lines),
        takers=sum(each.accounts for each in taken),
        came_value=sum(
            (each.accounts * known.values.get(each.offer, ZERO) for each in taken), ZERO
        ),
        pending=pending,
    )
    return month, calibration(
        Outcome(line.share, each.accounts, each.accounts if each.took else 0)
        for each, line in told
        if line.share is not None and not pending
    )


def as_row(month: MonthPast, tenths: Iterable[Tenth]) -> dict[str, Any]:
    """Return a closed month as ``ForecastMonth.said`` keeps it: exact, as texts."""
    return {
        "expected": {
            name: str(value) if isinstance(value, Fraction) else value
            for name, value in asdict(month.expected).items()
        },
        "takers": month.takers,
        "came_value": str(month.came_value),
        "pending": month.pending,
        "tenths": [
            [str(each.low), str(each.high), each.accounts, str(each.expected), each.took]
            for each in tenths
        ],
    }


def lateness_on(*, as_of: date) -> dict[str, list[list[Any]]]:
    """Return how late everybody was by a day on their way to what an offer was announced at.

    By path and milestone: days late (not yet there: so far), whether they reached it, from
    when they were seen (null: from the beginning), and how many (DOMAIN 3.5). One pass.
    """
    found: dict[str, list[list[Any]]] = defaultdict(list)
    wanted = [tuple(row) for row in _rows(ANNOUNCED, {})]
    for template, key, *rest in _rows(LATENESS, _at(wanted, as_of=as_of)):
        found[f"{template}:{key}"].append(rest)
    return {f"{template}:{key}": found[f"{template}:{key}"] for template, key in wanted}


def _from_row(row: ForecastMonth) -> tuple[MonthPast, list[Tenth]]:
    said = row.said
    sums: dict[str, Any] = {
        name: Fraction(value) if isinstance(value, str) else value
        for name, value in said["expected"].items()
    }
    month = MonthPast(
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        expected=Expected(**sums),
        takers=said["takers"],
        came_value=Decimal(said["came_value"]),
        pending=said["pending"],
    )
    return month, [
        Tenth(Fraction(low), Fraction(high), accounts, Fraction(expected), took)
        for low, high, accounts, expected, took in said["tenths"]
    ]


def closed_months(*, as_of: date, months: int) -> list[tuple[date, date]]:
    """Return the last ``months`` months that have closed, from the day before each to its last.

    A month counts from the first day to the last, so it is asked about as of the day before.
    """
    first = as_of.replace(day=1)
    edges = [months_after(first, -back) for back in range(months, -1, -1)]
    days = [date.fromordinal(edge.toordinal() - 1) for edge in edges]
    return list(pairwise(days))


def months_after(day: date, months: int) -> date:
    """Return the same day so many months later, or the last one of a shorter month."""
    number = day.year * 12 + day.month - 1 + months
    year, month = divmod(number, 12)
    following = date(year + (month == 11), (month + 1) % 12 + 1, 1)
    last = date.fromordinal(following.toordinal() - 1)
    return last.replace(day=min(day.day, last.day))


def slug_of(key: CohortKey) -> str:
    """Return the name under which a cohort is asked for in an address."""
    return f"{key.template}:{key.milestone}:{key.offer}"


def key_of(slug: str) -> CohortKey | None:
    """Return the cohort that an address names; null where it names none."""
    template, _first, rest = slug.partition(":")
    milestone, _second, offer = rest.rpartition(":")
    if not (template.isdecimal() and offer.isdecimal() and milestone):
        return None
    return CohortKey(int(template), milestone, int(offer))


def worth_on(*, as_of: date) -> dict[int, Decimal]:
    """Return what each offer is worth a year on a day, by its key of the table.

    The value in force, or the first one said where none was yet; offers without one are not
    in it. Values in another currency than the association's now are left out.
    """
    values: dict[int, Decimal] = {}
    said = OfferWorth.objects.filter(currency=Association.current().currency)
    for worth in said.order_by("offer", "effective_from"):
        if worth.offer_id not in values or worth.effective_from <= as_of:
            values[worth.offer_id] = worth.annual_value
    return values


def plain(found: Forecast) -> dict[str, Any]:
    """Return the forecast as plain values, for the API and the command; ratios are rounded."""
    return {
        "as_of": found.as_of.isoformat(),
        "until": found.until.isoformat(),
        "months": found.months,
        "currency": found.currency,
        "total": plain_expected(found.total),
        "cohorts": [
            {
                "cohort": each.slug,
                "milestone": each.milestone,
                "path": each.path,
                "offer": each.offer,
                "value": None if each.value is None else str(each.value),
                "events": each.events,
                "chance": _ratio(each.chance),
                "take": _ratio(each.take),
                "too_few": each.unknown.get(Unknown.TOO_FEW, 0),
                "beyond": each.unknown.get(Unknown.BEYOND, 0),
                **plain_expected(each.expected),
            }
            for each in found.cohorts
        ],
        "left_out": {reason.value: count for reason, count in found.left_out.items()},
        "takes": [
            {
                "state": take.state.lower(),
                "takers": take.takers,
                "asked": take.asked,
                "prior": _ratio(take.prior.mean),
                "rate": _ratio(take.rate),
            }
            for take in found.takes
        ],
        "takes_are_assumed": found.is_assumed,
        "ahead": [
            {
                "from": month.starts_on.isoformat(),
                "to": month.ends_on.isoformat(),
                **plain_expected(month.expected),
            }
            for month in found.ahead
        ],
        "nrr": None
        if found.nrr is None
        else {
            "basis": RevenueBasis.IN_FORCE.value,
            "from": found.nrr.opening_on.isoformat(),
            "to": months_after(found.nrr.opening_on, MONTHS_AHEAD).isoformat(),
            "opening": str(found.nrr.opening),
            "kept": _text(found.nrr.kept),
            "expansion": str(found.nrr.expansion),
            "rate": _text(found.nrr.rate),
            "last_rate": _text(found.nrr.last_rate),
        },
    }


def plain_expected(expected: Expected) -> dict[str, Any]:
    """Return sums as plain values: money to the cent, null where nothing is known."""
    bounds, takers = expected.between(), expected.takers_between()
    is_known, is_priced = bool(expected.known), expected.known > expected.unpriced
    return {
        "accounts": expected.accounts,
        "unknown": expected.unknown,
        "unpriced": expected.unpriced,
        "takers": _ratio(expected.takers) if is_known else None,
        "takers_low": round(takers[0], 2) if takers else None,
        "takers_high": round(takers[1], 2) if takers else None,
        "expected": str(money(expected.value)) if is_priced else None,
        "low": f"{bounds[0]:.2f}" if bounds and is_priced else None,
        "high": f"{bounds[1]:.2f}" if bounds and is_priced else None,
    }


def plain_back_test(found: BackTest) -> dict[str, Any]:
    """Return the back-test as plain values, for the API and the command."""
    return {
        "as_of": found.as_of.isoformat(),
        "months": [
            {
                "from": month.starts_on.isoformat(),
                "to": month.ends_on.isoformat(),
                **plain_expected(month.expected),
                "came": month.takers,
                "came_value": str(month.came_value),
                "pending": month.pending,
                "inside": month.is_inside,
            }
            for month in found.months
        ],
        "calibration": [
            {
                "low": float(tenth.low),
                "high": float(tenth.high),
                "accounts": tenth.accounts,
                "foretold": _ratio(tenth.foretold),
                "came": _ratio(tenth.came),
            }
            for tenth in found.tenths
        ],
    }


def money(value: Fraction) -> Decimal:
    """Round an expectation to the cent, half to even."""
    return to_places(value, 2)


def _ahead(eligible: list[_Alike], known: _Known, *, as_of: date) -> tuple[MonthAhead, ...]:
    edges = [months_after(as_of, month) for month in range(MONTHS_AHEAD + 1)]
    return tuple(
        MonthAhead(
            starts_on=start,
            ends_on=end,
            expected=expect(
                _line(each, known, after=(start - as_of).days, days=(end - as_of).days)
                for each in eligible
            ),
        )
        for start, end in pairwise(edges)
    )


def _nrr(*, as_of: date, ahead: Iterable[MonthAhead]) -> ForecastNrr | None:
    """Forecast NRR in force, over the year after the last trailing year measured.

    Its expansion is that of the months ahead; accounts that are unknown in one add nothing to
    it there, so that it is rather too low.
    """
    series = revenue_series(
        kind=PeriodKind.TRAILING_YEAR, basis=RevenueBasis.IN_FORCE, until=as_of
    )
    if not series:
        return None
    last = series[-1]
    expansion = sum((month.expected.value for month in ahead), Fraction(0))
    rate = forecast_nrr(
        opening=Fraction(last.closing),
        kept=None if last.grr is None else Fraction(last.grr),
        expansion=expansion,
    )
    return ForecastNrr(
        opening_on=last.ends_on,
        opening=last.closing,
        kept=last.grr,
        expansion=money(expansion),
        rate=None if rate is None else to_places(rate, PLACES),
        last_rate=last.nrr,
    )


def _alike(*, as_of: date, until: date, is_now: bool, grace_days: int = 0) -> list[_Alike]:
    asked: dict[str, Any] = {"as_of": as_of, "until": until, "grace": grace_days}
    if not is_now:
        asked |= vector_parameters(as_of=as_of, scope=Scope(first=0, last=0))
    how = ALIKE.format(
        told=TOLD, took="FALSE" if is_now else TOOK, pending="FALSE" if is_now else PENDING
    )
    told = _accounts_now(as_of=as_of) if is_now else f"{OFFERED}, {THEN}, {ACCOUNT}"
    statement = f"WITH {told} {how}"
    return [_Alike(*row) for row in _rows(statement, asked)]


def _known(eligible: Iterable[_Alike], *, as_of: date) -> _Known:
    wanted = sorted({(each.template, each.key) for each in eligible if each.template})
    return _Known(
        curves=_curves(wanted, as_of=as_of),
        takes=_takes(as_of=as_of),
        values=worth_on(as_of=as_of),
    )


def _curves(wanted: list[tuple[int, str]], *, as_of: date) -> dict[tuple[int, str], Curve]:
    """Curves by the last closed month that a night wrote; what none wrote is read now."""
    seen: dict[tuple[int, str], list[Observation]] = defaultdict(list)
    written: dict[str, list[list[Any]]] = {}
    if wanted:
        fresh = ForecastMonth.objects.filter(
            ends_on__lte=as_of, ends_on__gt=as_of - timedelta(days=FRESH_DAYS)
        )
        newest = fresh.order_by("-ends_on").first()
        written = newest.lateness if newest is not None else {}
    rows = [
        (template, key, *rest)
        for template, key in wanted
        for rest in written.get(f"{template}:{key}", ())
    ]
    missing = [place for place in wanted if f"{place[0]}:{place[1]}" not in written]
    if missing:
        rows += _rows(LATENESS, _at(missing, as_of=as_of))
    for template, key, time, happened, entry, count in rows:
        one = Observation(time=time, happened=happened, entry=entry)
        seen[template, key] += [one] * count
    return {place: kaplan_meier(observations) for place, observations in seen.items()}


def _at(wanted: Iterable[tuple[Any, ...]], *, as_of: date) -> dict[str, Any]:
    places = [*wanted]
    return {
        "as_of": as_of,
        "templates": [template for template, _key in places],
        "keys": [key for _template, key in places],
    }


@asked_once
def _takes(*, as_of: date) -> dict[str, Take]:
    found = {
        state.upper(): (takers, asked)
        for state, takers, asked in _rows(TAKES, {"as_of": as_of})
    }
    return {
        state: Take(
            state=state,
            takers=found.get(state, (0, 0))[0],
            asked=found.get(state, (0, 0))[1],
            prior=prior,
        )
        for state, prior in ((str(name), prior) for name, prior in PRIORS.items())
    }


def _line(each: _Alike, known: _Known, *, days: int, after: int = 0) -> Line:
    """The plan clock stands still in a pause, so days of rest are none of the window."""
    found = chance(
        known.curves.get((each.template, each.key)),
        late=each.late,
        days=max(0, days - each.rest),
        after=max(0, after - each.rest),
    )
    value = known.values.get(each.offer)
    return Line(
        cohort=each.cohort,
        accounts=each.accounts,
        chance=None if found is None else Fraction(round(found * MILLION), MILLION),
        take=known.takes[each.taken_as].rate,
        value=None if value is None else Fraction(value),
    )


def _cohort(
    key: CohortKey, expected: Expected, eligible: list[_Alike], known: _Known, *, days: int
) -> Cohort:
    own = [each for each in eligible if each.cohort == key]
    curve = known.curves.get((key.template, key.milestone))
    reaching = sum(
        (
            line.accounts * line.chance
            for line in (_line(each, known, days=days) for each in own)
            if line.chance is not None
        ),
        Fraction(0),
    )
    return Cohort(
        key=key,
        slug=slug_of(key),
        milestone=own[0].milestone,
        path=own[0].path,
        offer=own[0].offer_title,
        value=known.values.get(key.offer),
        events=curve.events if curve else 0,
        expected=expected,
        unknown={why_unknown(curve): expected.unknown} if expected.unknown else {},
        chance=reaching / expected.known if expected.known else None,
        take=expected.takers / reaching if reaching else None,
    )


def _account(each: _Alike, who: tuple[Any, ...], known: _Known, *, days: int) -> AccountRow:
    member_id, public_id, name, segment = who
    line = _line(each, known, days=days) if each.reason is None else None
    share = line.share if line else None
    return AccountRow(
        member_id=member_id,
        public_id=public_id,
        name=name,
        segment=segment,
        state=each.state,
        is_mismatched=each.is_mismatched,
        days_to_go=-each.late,
        milestone=each.milestone,
        offer=each.offer_title,
        reason=None if each.reason is None else LeftOut(each.reason),
        unknown=why_unknown(known.curves.get((each.template, each.key)))
        if line and line.chance is None
        else None,
        chance=line.chance if line else None,
        take=line.take if line else None,
        value=known.values.get(each.offer),
        expected=share * line.value
        if line and share is not None and line.value is not None
        else None,
    )


def _place(cursor: str) -> tuple[int, int, str]:
    try:
        late, member, key = SIGNER.unsign_object(cursor)
        return int(late), int(member), str(key)
    except (BadSignature, TypeError, ValueError) as error:
        raise BadCursor("This cursor cannot be read.") from error


def _rows(statement: str, asked: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(asked))
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found


def _ratio(value: Fraction | None) -> float | None:
    return None if value is None else round(float(value), PLACES)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)
