"""Templates: the paths that many members share, and how long members took on them."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from coverage.models import Segment
from members.enums import MemberKind
from members.models import Association, User
from members.services import audit
from success.engine.accountability import Side
from success.engine.linting import KEY, Finding, lint
from success.engine.planning import (
    PlannedMilestone,
    PlannedPath,
    Promise,
    promises_of,
    to_data,
)
from success.engine.survival import FEWEST_EVENTS, Observation, kaplan_meier
from success.enums import ExpectedBasis
from success.models import Offer, PlanTemplate, TemplateAccountability, TemplateMilestone
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


class BadTemplate(Exception):
    """No plan from this template could be agreed; ``findings`` say why."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        self.findings = findings
        super().__init__(" ".join(finding.words for finding in findings))


class KeyTaken(Exception):
    """Another template has this key."""


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


def path_of(template: PlanTemplate) -> PlannedPath:
    """Return what ``template`` says, as a path from which a plan can be written.

    Two queries. A template names nobody, so no promise of it has an owner.
    """
    promises: dict[int | None, list[Promise]] = {}
    for row in sorted(template.accountabilities.all(), key=lambda row: (row.due_day, row.pk)):
        promise = Promise(side=Side(row.side), title=row.title, due_day=row.due_day)
        promises.setdefault(row.milestone_id, []).append(promise)
    milestones = template.milestones.select_related("upsell").order_by("position")
    return PlannedPath(
        goal=template.goal,
        required_outcome=template.required_outcome,
        measure=template.measure,
        first_30=template.first_30,
        first_60=template.first_60,
        first_90=template.first_90,
        milestones=tuple(
            PlannedMilestone(
                key=row.key,
                title=row.title,
                expected_day=row.expected_day,
                weight=row.weight,
                expected_basis=row.expected_basis,
                is_gating=row.is_gating,
                evidence_kind=row.evidence_kind,
                evidence_rule=row.evidence_rule,
                expectation=row.expectation,
                upsell=row.upsell.key if row.upsell else "",
                advocacy=row.advocacy,
                promises=tuple(promises.get(row.pk, ())),
            )
            for row in milestones
        ),
        promises=tuple(promises.get(None, ())),
    )


@transaction.atomic
def save_template(  # noqa: PLR0913  # a template has that many parts
    *,
    template: PlanTemplate | None,
    key: str,
    title: str,
    audience: str,
    persona: str,
    segment: Segment | None,
    path: PlannedPath,
    by: User | None,
    at: datetime,
) -> PlanTemplate:
    """Write ``path`` down as a template, a new one or in the place of what it said before.

    Plans that were agreed from it keep their own copy. A milestone counted from another stays
    so where both keys stay. Safe to repeat. Raises ``BadTemplate`` with what the linter forbids
    or a template cannot hold, ``KeyTaken`` where another template has the key (DOMAIN 2.5).
    """
    _require_holdable(path, key=key, title=title)
    counted_from: dict[str, str] = {}
    before = None
    if template is not None:
        template = PlanTemplate.objects.select_for_update().get(pk=template.pk)
        before = {
            "key": template.key,
            "title": template.title,
            "path": to_data(path_of(template)),
        }
        counted_from = _counted_from(template)
    row = template or PlanTemplate()
    said = {"key": key, "title": title, "audience": MemberKind(audience).value}
    for name, value in {**said, "persona": persona, "segment": segment}.items():
        setattr(row, name, value)
    for name in ("goal", "required_outcome", "measure", "first_30", "first_60", "first_90"):
        setattr(row, name, getattr(path, name))
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise KeyTaken(_("Another template has this key.")) from error
    row.milestones.all().delete()
    row.accountabilities.all().delete()
    _write(row, path, counted_from=counted_from)
    audit.record(
        verb="template.saved",
        subject=row,
        member_id=None,
        summary=f"Template {row.key} was saved",
        by=by,
        at=at,
        before=before,
        after={"key": key, "path": to_data(path)},
    )
    return row


@transaction.atomic
def retire_template(
    *, template: PlanTemplate, on: date, by: User, at: datetime
) -> PlanTemplate:
    """Offer a template no more from a day on; plans agreed from it go on. Safe to repeat."""
    row = PlanTemplate.objects.select_for_update().get(pk=template.pk)
    if row.retired_on is not None:
        return row
    row.retired_on = on
    row.save(update_fields=["retired_on"])
    audit.record(
        verb="template.retired",
        subject=row,
        member_id=None,
        summary=f"Template {row.key} was retired",
        by=by,
        at=at,
        after={"retired_on": on},
    )
    return row


def _require_holdable(path: PlannedPath, *, key: str, title: str) -> None:
    found = [finding for finding in lint(path) if finding.is_error]
    if not KEY.match(key):
        words = _("A key is one to fifty letters, digits, hyphens and underscores.")
        found.append(_refusal("key_form", "key", words))
    if not title.strip():
        found.append(_refusal("title_missing", "title", _("A template has a title.")))
    for where, promise in promises_of(path):
        if promise.due_day < 0:
            words = _("In a template nothing is due before the plan begins.")
            found.append(_refusal("due_early", f"{where}.due_day", words))
        if promise.owner or promise.person or promise.closes_fit:
            words = _("A template names nobody, and knows nobody's missing fit.")
            found.append(_refusal("names_somebody", where, words))
    known = set(Offer.objects.filter(is_retired=False).values_list("key", flat=True))
    for index, milestone in enumerate(path.milestones):
        if milestone.upsell and milestone.upsell not in known:
            words = _("There is no such offer.")
            found.append(_refusal("offer_unknown", f"milestones.{index}.upsell", words))
    if found:
        raise BadTemplate(tuple(found))


def _refusal(code: str, where: str, words: str) -> Finding:
    return Finding(severity="error", code=code, where=where, words=words)


def _counted_from(template: PlanTemplate) -> dict[str, str]:
    """Key of a milestone: key of the one from which its days are counted."""
    rows = list(template.milestones.all())
    keys = {row.position: row.key for row in rows}
    return {row.key: keys[row.counted_from] for row in rows if row.counted_from in keys}


def _write(row: PlanTemplate, path: PlannedPath, *, counted_from: Mapping[str, str]) -> None:
    offers = {offer.key: offer for offer in Offer.objects.all()}
    ordered = sorted(path.milestones, key=lambda milestone: not milestone.is_gating)
    positions = {milestone.key: at for at, milestone in enumerate(ordered, start=1)}
    written = TemplateMilestone.objects.bulk_create(
        TemplateMilestone(
            template=row,
            key=milestone.key,
            position=positions[milestone.key],
            title=milestone.title,
            expected_day=milestone.expected_day,
            expected_basis=milestone.expected_basis,
            weight=milestone.weight,
            is_gating=milestone.is_gating,
            evidence_kind=milestone.evidence_kind,
            evidence_rule=dict(milestone.evidence_rule),
            expectation=milestone.expectation,
            counted_from=positions.get(counted_from.get(milestone.key, "")),
            upsell=offers.get(milestone.upsell),
            advocacy=milestone.advocacy,
        )
        for milestone in ordered
    )
    by_key = {milestone.key: milestone for milestone in written}
    promised = [(None, promise) for promise in path.promises] + [
        (by_key[milestone.key], promise)
        for milestone in ordered
        for promise in milestone.promises
    ]
    TemplateAccountability.objects.bulk_create(
        TemplateAccountability(
            template=row,
            milestone=milestone,
            side=promise.side.value,
            title=promise.title,
            due_day=promise.due_day,
        )
        for milestone, promise in promised
    )


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
