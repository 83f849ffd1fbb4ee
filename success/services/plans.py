"""Plans from templates: when members like these reached each milestone, and a plan for each."""

from collections.abc import Sequence
from datetime import date, timedelta

from django.db import connection, transaction

from members.models import Association
from success.engine.survival import FEWEST_EVENTS, Observation, kaplan_meier
from success.enums import ExpectedBasis
from success.models import PlanTemplate, TemplateMilestone
from success.rollups.milestones import evidence_of_spells

SPELLS = """
WITH known AS (
    SELECT t.member_id, t.starts_on, t.ends_on,
           max(t.ends_on) OVER (
               PARTITION BY t.member_id ORDER BY t.starts_on, t.ends_on, t.id
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
           ) AS covered_until
    FROM members_term t
    JOIN members_member m ON m.id = t.member_id
    WHERE m.kind = %(kind)s AND t.starts_on <= %(as_of)s
),
numbered AS (
    SELECT known.*, count(*) FILTER (WHERE starts_on >= covered_until + %(grace)s)
               OVER (PARTITION BY member_id ORDER BY starts_on, ends_on) AS spell
    FROM known
)
SELECT member_id, min(starts_on), max(ends_on)
FROM numbered
GROUP BY member_id, spell
ORDER BY member_id, spell
"""

AGREE = """
WITH spell AS (
    SELECT s.*, row_number() OVER (PARTITION BY member_id ORDER BY anchor_on) AS version
    FROM unnest(%(members)s::bigint[], %(anchors)s::date[], %(closings)s::date[])
        AS s (member_id, anchor_on, closed_on)
),
plan AS (
    INSERT INTO success_plan
        (member_id, template_id, version, succession, reason, goal, anchor_on, counts_from,
         closed_on, first_30, first_60, first_90, is_simulated)
    SELECT s.member_id, t.id, s.version, 'agreed', '', t.goal, s.anchor_on, s.anchor_on,
           s.closed_on, t.first_30, t.first_60, t.first_90, %(is_simulated)s
    FROM spell s
    JOIN success_plantemplate t ON t.id = %(template)s
    WHERE NOT EXISTS (SELECT 1 FROM success_plan p WHERE p.member_id = s.member_id)
    RETURNING id, member_id
),
milestone AS (
    INSERT INTO success_milestone
        (plan_id, key, position, title, expected_day, expected_basis, weight, is_gating,
         evidence_kind, evidence_rule, expectation, is_carried_over, evidence_source)
    SELECT plan.id, m.key, m.position, m.title, m.expected_day, m.expected_basis, m.weight,
           m.is_gating, m.evidence_kind, m.evidence_rule, m.expectation, false, ''
    FROM plan
    CROSS JOIN success_templatemilestone m
    WHERE m.template_id = %(template)s
),
dirty AS (
    INSERT INTO members_dirtymember (member_id, since)
    SELECT s.member_id, min(s.anchor_on)
    FROM spell s
    WHERE s.member_id IN (SELECT member_id FROM plan)
    GROUP BY s.member_id
    ON CONFLICT (member_id) DO UPDATE
    SET since = least(members_dirtymember.since, excluded.since), taken_by = NULL
)
SELECT count(*) FROM plan
"""

Spell = tuple[int, date, date]


def spells_of(*, kind: str, as_of: date) -> list[Spell]:
    """The unbroken runs of membership of members of a kind, as (member id, first day, end).

    A renewal inside the grace window does not break a run (DOMAIN 4.3 #5).
    """
    grace = Association.current().grace_days
    with connection.cursor() as cursor:
        cursor.execute(SPELLS, {"kind": kind, "as_of": as_of, "grace": grace})
        spells: list[Spell] = cursor.fetchall()
    return spells


@transaction.atomic
def calibrate(*, template: PlanTemplate, as_of: date, records_begin: date) -> int:
    """Set a template's expected days from its cohort; the number of milestones so set.

    Compared are the spells of the template's audience that began once records did, so that
    every start was seen: for a milestone counted from another, those that had reached that
    one, by the days since; else those that have set out (reached any), by the days since they
    joined. A milestone takes the Kaplan-Meier median where at least 20 reached it and half are
    seen to; else it stays as it is, assumed. Expected days never fall along the path
    (DOMAIN 2.5, 2.6, 7).
    """
    spells = _spells_to_date(template, as_of=as_of, since=records_begin)
    reached = evidence_of_spells(template_id=template.pk, spells=spells)
    milestones = list(template.milestones.order_by("position"))
    by_position = {milestone.position: milestone for milestone in milestones}
    set_out = {spell for spell, _ in reached}
    calibrated = 0
    earliest = 0
    for milestone in milestones:
        before = by_position.get(milestone.counted_from or 0)
        seen = []
        for spell in sorted(set_out):
            _, joined_on, ended_on = spells[spell]
            begin = joined_on if before is None else reached.get((spell, before.pk))
            if begin is not None:
                until = ended_on or as_of
                on = reached.get((spell, milestone.pk))
                seen.append(_observe(begin, until=until, reached_on=on))
        curve = kaplan_meier(observation for observation in seen if observation is not None)
        if curve.events >= FEWEST_EVENTS and curve.median is not None:
            milestone.expected_day = curve.median + (before.expected_day if before else 0)
            milestone.expected_basis = ExpectedBasis.COHORT
            calibrated += 1
        else:
            milestone.expected_basis = ExpectedBasis.ASSUMED
        milestone.expected_day = earliest = max(milestone.expected_day, earliest)
        milestone.save(update_fields=["expected_day", "expected_basis"])
    return calibrated


@transaction.atomic
def agree_from_template(
    *, template: PlanTemplate, as_of: date, new_since: date, is_simulated: bool
) -> int:
    """A plan from ``template`` for each spell that has set out on it, or is new; how many.

    A spell has set out when the facts show a milestone reached by ``as_of``; new is one that
    began on ``new_since`` or later. A plan is anchored on the first day of the spell and closed
    where the spell is over. Members who have a plan are left alone, so it is safe to repeat.
    Marks the members dirty.
    """
    spells = _spells_to_date(template, as_of=as_of)
    reached = evidence_of_spells(template_id=template.pk, spells=spells)
    set_out = {spell for (spell, _), on in reached.items() if on <= as_of}
    agreed = [
        spell for index, spell in enumerate(spells) if index in set_out or spell[1] >= new_since
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            AGREE,
            {
                "template": template.pk,
                "is_simulated": is_simulated,
                "members": [member for member, _, _ in agreed],
                "anchors": [start for _, start, _ in agreed],
                "closings": [end for _, _, end in agreed],
            },
        )
        made: int = cursor.fetchone()[0]
    return made


def ensure_template(
    *, key: str, defaults: dict[str, object], milestones: Sequence[dict[str, object]]
) -> PlanTemplate:
    """The template ``key`` with its milestones, made if it is not there; else untouched."""
    template, is_new = PlanTemplate.objects.get_or_create(key=key, defaults=defaults)
    if is_new:
        TemplateMilestone.objects.bulk_create(
            TemplateMilestone(template=template, position=position, **milestone)
            for position, milestone in enumerate(milestones, start=1)
        )
    return template


def _spells_to_date(
    template: PlanTemplate, *, as_of: date, since: date = date.min
) -> list[tuple[int, date, date | None]]:
    """Spells of the template's audience begun since a day; the end is null until it is over.

    A spell is over once its grace is.
    """
    grace = timedelta(days=Association.current().grace_days)
    return [
        (member, start, end if end + grace <= as_of else None)
        for member, start, end in spells_of(kind=template.audience, as_of=as_of)
        if start >= since
    ]


def _observe(start: date, *, until: date, reached_on: date | None) -> Observation | None:
    """What was seen from ``start`` on; null when it was watched for no time at all."""
    if reached_on is not None and reached_on <= until:
        return Observation(time=max((reached_on - start).days, 0), happened=True)
    days = (until - start).days
    return Observation(time=days, happened=False) if days > 0 else None
