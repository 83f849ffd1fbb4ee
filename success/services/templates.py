"""Templates: the paths that many members share, and how long members took on them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.text import slugify
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
from success.queries.outlook import membership_runs
from success.rollups.milestones import evidence_of_spells

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


class Overtaken(Exception):
    """Somebody changed the template in between; ``template`` is as it now is."""

    def __init__(self, template: PlanTemplate) -> None:
        self.template = template
        super().__init__(_("Somebody saved this template in between."))


class DaysChanged(Exception):
    """The days to be taken are no longer those that were shown."""


def spells_of(*, kind: str, as_of: date) -> list[Spell]:
    """The unbroken runs of membership of members of a kind, as (member id, first day, end).

    A renewal inside the grace window does not break a run (DOMAIN 4.3 #5).
    """
    runs = membership_runs(kind=kind, as_of=as_of, grace_days=Association.current().grace_days)
    return [(run.member, run.begins_on, run.ends_on) for run in runs]


@dataclass(frozen=True, kw_only=True)
class DayRead:
    """A milestone's expected day as it is, and as members like these took to it.

    ``observed`` are those who were compared, ``events`` those of them who reached it.
    ``is_from_members`` is false where too few did to say: the day then is as it was, or that
    of the milestone before.
    """

    key: str
    title: str
    before: int
    after: int
    was_from_members: bool
    is_from_members: bool
    events: int
    observed: int

    @property
    def later(self) -> int:
        """Days by which it is expected later; negative where it comes sooner."""
        return self.after - self.before

    @property
    def sooner(self) -> int:
        """Days by which it is expected sooner; negative where it comes later."""
        return -self.later


def days_of_members(
    *, template: PlanTemplate, as_of: date, records_begin: date
) -> tuple[DayRead, ...]:
    """Return what ``calibrate`` would make of a template's days, in the order of the path.

    Compared are the spells of the template's audience that began once records did, so that
    every start was seen: for a milestone counted from another, those that had reached that
    one, by the days since; else those that have set out (reached any), by the days since they
    joined. A milestone takes the Kaplan-Meier median where at least 20 reached it and half are
    seen to; else it stays as it is, assumed. Expected days never fall along the path
    (DOMAIN 2.5, 2.6, 7). Writes nothing.
    """
    spells = _spells_to_date(template, as_of=as_of, since=records_begin)
    reached = evidence_of_spells(template_id=template.pk, spells=spells)
    milestones = list(template.milestones.order_by("position"))
    by_position = {milestone.position: milestone for milestone in milestones}
    set_out = {spell for spell, _ in reached}
    days: dict[int, int] = {}
    read = []
    earliest = 0
    for milestone in milestones:
        before = by_position.get(milestone.counted_from or 0)
        seen = []
        for spell in sorted(set_out):
            _member, joined_on, ended_on = spells[spell]
            begin = joined_on if before is None else reached.get((spell, before.pk))
            if begin is not None:
                until = ended_on or as_of
                on = reached.get((spell, milestone.pk))
                seen.append(_observe(begin, until=until, reached_on=on))
        curve = kaplan_meier(observation for observation in seen if observation is not None)
        day = None
        if curve.events >= FEWEST_EVENTS and curve.median is not None:
            day = curve.median
            if before is not None:  # one that comes later on the path still has its old day
                day += days.get(before.position, before.expected_day)
        earliest = max(milestone.expected_day if day is None else day, earliest)
        days[milestone.position] = earliest
        read.append(
            DayRead(
                key=milestone.key,
                title=milestone.title,
                before=milestone.expected_day,
                after=earliest,
                was_from_members=milestone.expected_basis == ExpectedBasis.COHORT,
                is_from_members=day is not None,
                events=curve.events,
                observed=curve.observed,
            )
        )
    return tuple(read)


@transaction.atomic
def calibrate(  # noqa: PLR0913  # what was shown is part of what is asked
    *,
    template: PlanTemplate,
    as_of: date,
    records_begin: date,
    by: User | None,
    at: datetime,
    shown: Sequence[int] | None = None,
) -> int:
    """Set a template's expected days from its cohort; the number of milestones so set.

    The days are those of ``days_of_members``. Where ``shown`` says which were shown, they are
    set if they still are what the records say, else ``DaysChanged`` is raised. Plans agreed
    from the template keep theirs. Safe to repeat: what changes nothing is no entry of the
    trail.
    """
    held = PlanTemplate.objects.select_for_update().get(pk=template.pk)
    read = days_of_members(template=held, as_of=as_of, records_begin=records_begin)
    if shown is not None and [each.after for each in read] != list(shown):
        raise DaysChanged(_("The records, or the template, have changed. Look again."))
    before = to_data(path_of(held))
    rows = {row.key: row for row in held.milestones.all()}
    for each in read:
        row = rows[each.key]
        row.expected_day = each.after
        row.expected_basis = (
            ExpectedBasis.COHORT if each.is_from_members else ExpectedBasis.ASSUMED
        )
    TemplateMilestone.objects.bulk_update(rows.values(), ["expected_day", "expected_basis"])
    after = to_data(path_of(held))
    if after != before:
        audit.record(
            verb="template.calibrated",
            subject=held,
            member_id=None,
            summary=f"Template {held.key} took its days from members",
            by=by,
            at=at,
            before={"path": before},
            after={"path": after, "as_of": as_of, "records_begin": records_begin},
        )
    return sum(each.is_from_members for each in read)


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
    shown: str | None = None,
    copied_from: PlanTemplate | None = None,
) -> PlanTemplate:
    """Write ``path`` down as a template, a new one or in the place of what it said before.

    Plans that were agreed from it keep their own copy. A milestone counted from another stays
    so where both keys stay; a new template has that of the one it is ``copied_from``. Safe to
    repeat. Raises ``BadTemplate`` with what the linter forbids or a template cannot hold,
    ``KeyTaken`` where another template has the key, and ``Overtaken`` where ``shown``, the
    ``stamp_of`` the text was written from, is no longer the template's (DOMAIN 2.5).
    """
    _require_holdable(path, key=key, title=title)
    said = _would_say(
        key=key, title=title, audience=audience, persona=persona, segment=segment, path=path
    )
    counted_from = {} if copied_from is None else _counted_from(copied_from)
    before = None
    if template is not None:
        template = PlanTemplate.objects.select_for_update().get(pk=template.pk)
        before = _said(template)
        if before == said:
            return template
        if shown is not None and shown != stamp_of(template):
            raise Overtaken(template)
        counted_from = _counted_from(template)
    row = template or PlanTemplate()
    row.key, row.title, row.persona, row.segment = key, title, persona, segment
    row.audience = MemberKind(audience).value
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
        after=_said(row),
    )
    return row


def stamp_of(template: PlanTemplate) -> str:
    """Return what tells one text of a template from another: the same for the same text.

    A few queries. Whoever writes a template anew says the stamp of what they began with.
    """
    written = json.dumps(_said(template), sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:32]


def _said(template: PlanTemplate) -> dict[str, Any]:
    return _would_say(
        key=template.key,
        title=template.title,
        audience=template.audience,
        persona=template.persona,
        segment=template.segment,
        path=path_of(template),
    )


def _would_say(  # noqa: PLR0913  # a template has that many parts
    *,
    key: str,
    title: str,
    audience: str,
    persona: str,
    segment: Segment | None,
    path: PlannedPath,
) -> dict[str, Any]:
    """What is kept of a template; the order of what falls on one day says nothing."""
    data = to_data(path)
    data["milestones"].sort(key=lambda each: not each["is_gating"])
    for promises in [data["promises"], *(each["promises"] for each in data["milestones"])]:
        promises.sort(key=lambda each: (each["due_day"], each["side"], each["title"]))
    return {
        "key": key,
        "title": title,
        "audience": MemberKind(audience).value,
        "persona": persona,
        "segment": segment.key if segment else None,
        "path": data,
    }


def add_template(  # noqa: PLR0913  # a template has that many parts
    *,
    title: str,
    audience: str,
    persona: str,
    segment: Segment | None,
    path: PlannedPath,
    by: User,
    at: datetime,
    copied_from: PlanTemplate | None = None,
) -> PlanTemplate:
    """Write down a new template under a key made of its title's words, and return it.

    A key that another template has gets a number. The same template sent twice is added once.
    Raises ``BadTemplate``.
    """
    stem = slugify(title)[:40].strip("-") or "template"
    for number in count(1):
        key = stem if number == 1 else f"{stem}-{number}"
        fields: dict[str, Any] = {
            "key": key,
            "title": title,
            "audience": audience,
            "persona": persona,
            "segment": segment,
            "path": path,
        }
        known = PlanTemplate.objects.filter(key=key).select_related("segment").first()
        if known is not None and _said(known) == _would_say(**fields):
            return known
        if known is None:
            with suppress(KeyTaken):
                return save_template(
                    template=None, by=by, at=at, copied_from=copied_from, **fields
                )
    raise AssertionError("Numbers do not end.")


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


@transaction.atomic
def bring_back(*, template: PlanTemplate, by: User, at: datetime) -> PlanTemplate:
    """Offer a retired template again. Safe to repeat."""
    row = PlanTemplate.objects.select_for_update().get(pk=template.pk)
    if row.retired_on is None:
        return row
    retired_on, row.retired_on = row.retired_on, None
    row.save(update_fields=["retired_on"])
    audit.record(
        verb="template.brought_back",
        subject=row,
        member_id=None,
        summary=f"Template {row.key} is offered again",
        by=by,
        at=at,
        before={"retired_on": retired_on},
        after={"retired_on": None},
    )
    return row


def findings_for(path: PlannedPath, *, key: str, title: str) -> tuple[Finding, ...]:
    """Return all that is to be said of a template before it is saved: errors first.

    The linter's findings, and what a plan may have but a template may not: people, what is due
    before the beginning, an offer that there is not. One query (DOMAIN 2.5).
    """
    found = list(lint(path))
    found += _not_holdable(path, key=key, title=title)
    return tuple(sorted(found, key=lambda finding: not finding.is_error))


def _require_holdable(path: PlannedPath, *, key: str, title: str) -> None:
    findings = findings_for(path, key=key, title=title)
    if errors := tuple(finding for finding in findings if finding.is_error):
        raise BadTemplate(errors)


def _not_holdable(path: PlannedPath, *, key: str, title: str) -> list[Finding]:
    found: list[Finding] = []
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
    return found


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
