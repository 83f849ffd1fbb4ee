"""The plays to start with, those inside them, what just happened, and what stops a message."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Literal

from django.db import connection, transaction
from django.db.models import Q

from communications.enums import Purpose
from communications.models import Message
from config.kernel.clock import association_zone, local_date
from members.models import User
from members.services import audit
from success.engine.evidence import stands
from success.enums import EnrolmentEnd, InterventionStatus, Side, VersionStatus
from success.models import (
    Accountability,
    Enrolment,
    Intervention,
    InterventionEvent,
    MemberFacts,
    Milestone,
    Play,
    PlayStep,
    PlayVersion,
)
from success.queries.effects import is_sleeping_dog
from success.rollups import plays
from success.services import nights
from success.services.starter import DEFAULT_PLAYS, STEP, VERSION, ensure_templates

MOST_HEARD = 200


@transaction.atomic
def ensure_default_plays(*, effective_from: date) -> list[Play]:
    """Return the plays to start with, timed, data and trigger, made where missing.

    Idempotent: plays are fixed once published, so one that is there by its key stays as it is,
    its own ``effective_from`` included; so do the templates (DOMAIN 2.10).
    """
    written = ensure_templates()
    made: list[Play] = []
    for said in DEFAULT_PLAYS:
        play, is_new = Play.objects.get_or_create(
            key=said["key"], defaults={"title": said["title"]}
        )
        if is_new:
            of_version = VERSION | said["version"]
            version = PlayVersion.objects.create(
                play=play,
                number=1,
                status=VersionStatus.PUBLISHED,
                salt=play.key,
                effective_from=effective_from,
                **of_version,
            )
            PlayStep.objects.bulk_create(
                PlayStep(
                    version=version,
                    position=position,
                    **(STEP | step | {"template": written.get(step.get("template", ""))}),
                )
                for position, step in enumerate(said["steps"], start=1)
            )
            play.current = version
            play.save(update_fields=["current"])
        made.append(play)
    return made


How = Literal["stay", "move", "stop"]


@transaction.atomic
def move_inside(
    *, play: Play, to_version: PlayVersion, how: How, by: User | None, at: datetime
) -> int:
    """Say what becomes of those inside a play whose new version is published; return how many.

    *stay*: they go on under the version that they entered. *move*: under ``to_version``, from
    the step they are at; whoever it would not have let in, or who started for another reason
    than it knows, is let go by the next night. *stop*: their entries end and their open items
    close, save those that somebody is working on. Idempotent.
    """
    inside = Enrolment.objects.filter(play=play, ended_on=None).exclude(version=to_version)
    if how == "stay":
        return inside.count()
    if how == "move":
        moved = inside.update(version=to_version, next_on=None)
        _record_move(play, to_version, how=how, count=moved, by=by, at=at)
        return moved
    busy = Intervention.objects.filter(status=InterventionStatus.OPEN, claimed_until__gt=at)
    ending = list(
        inside.exclude(pk__in=busy.values("enrolment")).select_for_update(of=("self",))
    )
    today = local_date(at, zone=association_zone())
    reason = "The play was published anew, and let them go"
    ids = [entry.pk for entry in ending]
    Enrolment.objects.filter(pk__in=ids).update(
        ended_on=today,
        gone_on=today,
        end=EnrolmentEnd.SWITCHED_OFF,
        end_reason=reason,
        next_on=None,
    )
    items = Intervention.objects.filter(enrolment__in=ids, status=InterventionStatus.OPEN)
    closing = list(items.values_list("pk", flat=True))
    items.update(
        status=InterventionStatus.CLOSED,
        finished_at=at,
        claimed_by=None,
        claimed_until=None,
        snoozed_until=None,
    )
    InterventionEvent.objects.bulk_create(
        InterventionEvent(intervention_id=pk, verb="closed", at=at, note=reason)
        for pk in closing
    )
    _record_move(play, to_version, how=how, count=len(ids), by=by, at=at)
    return len(ids)


def _record_move(  # noqa: PLR0913  # the parts of an entry
    play: Play,
    to_version: PlayVersion,
    *,
    how: How,
    count: int,
    by: User | None,
    at: datetime,
) -> None:
    if count:
        verb = "moved to" if how == "move" else "let go at"
        audit.record(
            verb="play.moved",
            subject=play,
            member_id=None,
            summary=f"{count} inside were {verb} version {to_version.number}",
            by=by,
            at=at,
        )


# Facts that a play waits for, newer than what was heard of their member.
UNHEARD = """
    SELECT f.member_id FROM engagement_fact f
      LEFT JOIN success_heard heard ON heard.member_id = f.member_id
     WHERE f.kind = ANY (%(kinds)s) AND f.origin = 'live' AND f.occurred_on >= %(since)s
       AND f.id > coalesce(heard.fact_id, 0)
     GROUP BY f.member_id ORDER BY min(f.id) LIMIT %(limit)s
"""
NEWEST = """
    SELECT m.id, newest.id
      FROM unnest(%(members)s::bigint[]) AS m (id)
     CROSS JOIN LATERAL (
           SELECT max(f.id) AS id FROM engagement_fact f WHERE f.member_id = m.id) newest
      LEFT JOIN success_heard heard ON heard.member_id = m.id
     WHERE newest.id > coalesce(heard.fact_id, 0)
     ORDER BY m.id
"""
HEAR = """
    INSERT INTO success_heard (member_id, fact_id)
    SELECT * FROM unnest(%(members)s::bigint[], %(facts)s::bigint[])
        ON CONFLICT (member_id) DO UPDATE SET fact_id = excluded.fact_id
     WHERE success_heard.fact_id < excluded.fact_id
"""


def unheard(*, on: date) -> list[int]:
    """Return members with a live fact that a play waits for and that nobody has looked at.

    Of the days since the newest night; older ones a night has seen. At most ``MOST_HEARD``,
    the longest waiting first.
    """
    kinds = [
        start["kind"]
        for start in PlayVersion.objects.filter(
            status=VersionStatus.PUBLISHED, play__is_active=True, effective_from__lte=on
        ).values_list("start", flat=True)
        if start.get("kind") and start["kind"] not in plays.HAPPENINGS
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            UNHEARD, {"kinds": kinds, "since": nights.newest_day() or on, "limit": MOST_HEARD}
        )
        return [member_id for (member_id,) in cursor.fetchall()]


def hear(*, member_ids: Iterable[int], at: datetime) -> int:
    """Bring members to the newest night with what was recorded since; return how many.

    Whoever else waits to be heard is brought along, so that of many facts at once each does not
    cost a look of its own, and whom another worker has heard meanwhile costs nothing. One whom
    a night's step holds is left for the next minute. Idempotent.
    """
    on = local_date(at, zone=association_zone())
    with transaction.atomic(), connection.cursor() as cursor:
        # of two that look at the same members one would wait for the other's rows anyway
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('success.hear'))")
        waiting = _newest_facts({*member_ids, *unheard(on=on)})
        if not waiting:
            return 0
        if nights.refresh_members(member_ids=list(waiting), at=at, with_facts=True):
            _heard(waiting)
            return len(waiting)
    heard = 0
    for member_id, newest in waiting.items():
        with transaction.atomic():
            if nights.refresh_members(member_ids=[member_id], at=at, with_facts=True):
                _heard({member_id: newest})
                heard += 1
    return heard


def _newest_facts(members: Iterable[int]) -> dict[int, int]:
    """Return by member the newest fact of those whose newest nobody has looked at."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST, {"members": sorted(members)[:MOST_HEARD]})
        return dict(cursor.fetchall())


def _heard(newest: Mapping[int, int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(HEAR, {"members": list(newest), "facts": list(newest.values())})


def objection(*, message: Message, at: datetime) -> str | None:
    """Return why a play's message must not go after all; None where nothing is against it.

    Asked in the sending transaction: the reason may be gone since the night (the milestone is
    reached, the member has left, the play was switched off), or we may have come to owe them,
    which silences whatever is discretionary (DOMAIN 2.10, stop on success and blocker side).
    So do the aim, the stop rule, an answer and a wish that came since.
    """
    intervention = (
        Intervention.objects.select_related(
            "step__version__play", "enrolment__version__play", "member__known"
        )
        .filter(message_id=message.pk)
        .first()
    )
    today = local_date(at, zone=association_zone())
    if intervention is not None:
        if not intervention.step.version.play.is_active:
            return "The play was switched off"
        if reached := _reached(intervention, on=today):
            return f"{reached} has been reached"
    if message.purpose == Purpose.DISCRETIONARY and _we_owe(message, on=today):
        return "A promise of ours to them is late"
    if intervention is None:
        return None
    if message.purpose == Purpose.DISCRETIONARY and is_sleeping_dog(
        enrolment=intervention.enrolment
    ):
        return "Members of this kind did worse where they were written to"
    return plays.why_gone(
        intervention_id=intervention.pk,
        version=intervention.enrolment.version,
        member_id=intervention.member_id,
        as_of=today,
    )


def _reached(intervention: Intervention, *, on: date) -> str | None:
    """Return the title of the milestone it is about if that has been reached by now."""
    evidence = intervention.evidence
    key = evidence.get("milestone") or evidence.get("next_milestone")
    milestone = Milestone.objects.filter(pk=key).first()
    if milestone is None:
        return None
    return milestone.title if stands(milestone.evidence_dates, on=on) else None


def _we_owe(message: Message, *, on: date) -> bool:
    """Whether the member waits for us: a promise is late, or due where they are held up.

    Asked of the promises themselves: since the night one may have been made, moved or reopened,
    and one that was late then may have been kept (DOMAIN 2.8, SV9).
    """
    ours = Accountability.objects.filter(
        Q(plan__closed_on=None) | Q(plan__closed_on__gt=on),
        Q(done_on=None) | Q(done_on__gt=on),
        Q(waived_on=None) | Q(waived_on__gt=on),
        plan__member=message.member_id,
        plan__counts_from__lte=on,
        side=Side.ASSOCIATION,
    )
    blocking = MemberFacts.objects.filter(pk=message.member_id).values("blocking")
    return ours.filter(Q(due_on__lt=on) | Q(due_on=on, milestone__in=blocking)).exists()
