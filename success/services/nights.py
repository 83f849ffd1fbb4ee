"""The night: every derived thing brought to a day, in stages, over ranges of members.

A night is a row, its steps are rows. A step's work and its mark commit together, so a killed
worker loses only the step it was in, and any number of workers may share a night. Run again
for the same day, it finds nothing to write.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate, chain
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Case, F, Max, Min, Value, When
from psycopg2.errors import LockNotAvailable

from coverage.rollups import assignment, loads
from coverage.services.hours import ensure_beginning
from engagement.rollups import involvement
from members.models import Association, DirtyMember, Member
from members.rollups.scope import Scope, Written
from success.enums import NightKind, NightStatus, StepStatus
from success.models import MemberFacts, Night, NightStep
from success.queries import nights as reads
from success.queries.doing import HELD_DAYS
from success.queries.measures import INTEGRITY_DAYS, earlier_day
from success.rollups import (
    circumstances,
    earlier,
    facts,
    groups,
    milestones,
    obligations,
    plays,
    renewal_dues,
    renewals,
    retention,
    revenue,
)
from success.rollups.watching import (
    differs_from,
    ledger_prints,
    moment,
    outgrown,
    versions,
)
from success.services.readings import (
    read_effects,
    read_forecast_months,
    read_integrity,
    write_down,
)

DEFINITION = "2"
FULL_RANGE = 10_000
ORDINARY_RANGE = 50_000
# A day that was told before is told anew of few members, and each range costs some log, whoever
# is in it. So there are few ranges, but none so wide that its step lasts.
AGAIN_RANGES = 2  # as many as there are connections by default
AGAIN_RANGE = 500_000
FULL_EVERY = timedelta(days=7)
FULL_ABOVE_SHARE = 0.15
WAIT_SECONDS = 0.02
# A night's step may hold a member for seconds; whoever waits for a page does not.
WITHOUT_WAITING = "SET LOCAL lock_timeout = '2s'"
# What the server gives its pages is too little to sort a range of members in memory, and
# statements of this kind gain nothing from compilation or from parallel workers.
FOR_A_STEP = """
SET LOCAL work_mem = '128MB';
SET LOCAL jit = off;
SET LOCAL max_parallel_workers_per_gather = 0
"""

Clock = Callable[[], datetime]


class FutureNight(Exception):
    """A night was asked for a day that has not come."""


class NightFailed(Exception):
    """A step failed; the night keeps what was done and goes on from there when run again."""


class NightInterrupted(NightFailed):
    """The database went away under a step; the next tick goes on, and nobody need be asked."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a step is to do: for which night, over whom, and at what moment."""

    night: Night
    scope: Scope
    at: datetime


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the night. One that is not ranged is a single step over everybody.

    A stage waits for those before it, but for those that it may run beside. One that
    ``looks_at_everybody`` does so in every night, since the calendar alone may concern anybody.
    """

    name: str
    run: Callable[[Job], Written]
    is_ranged: bool = True
    beside_previous: bool = False
    looks_at_everybody: bool = False


# Stages of a live night, in order; each sees what those before it have written.

COLLECT = """
WITH came_due AS (
    -- what a night reads of coverage, and whose day has come
    INSERT INTO members_dirtymember (member_id, since, taken_by)
    SELECT member_id, %(as_of)s, %(night)s
    FROM (
        SELECT member_id FROM coverage_assignment WHERE override_until <= %(as_of)s
        UNION
        SELECT member_id FROM coverage_axprofile
        WHERE valid_from > %(last)s AND valid_from <= %(as_of)s
    ) AS due
    ON CONFLICT (member_id) DO NOTHING
)
UPDATE members_dirtymember SET taken_by = %(night)s
WHERE taken_by IS DISTINCT FROM %(night)s
"""

# The planner has to know whether these are few or many.
KNOW_HOW_MANY = "ANALYZE members_dirtymember"

# Whoever shares a subject with a changed member may have gained or lost a peer.
COMPANIONS = """
INSERT INTO members_dirtymember (member_id, since, taken_by)
SELECT other.member_id, min(f.occurred_on), %(night)s
FROM members_dirtymember d
JOIN engagement_fact f ON f.member_id = d.member_id AND f.occurred_on >= d.since
JOIN engagement_involvement other
    ON other.subject = f.subject AND other.area = split_part(f.kind, '.', 1)
WHERE d.taken_by = %(night)s AND other.member_id <> d.member_id
GROUP BY other.member_id
ON CONFLICT (member_id) DO UPDATE
SET taken_by = excluded.taken_by WHERE members_dirtymember.taken_by IS NULL
"""


def _collect(job: Job) -> Written:
    """Take on the members whose facts changed, and those who work with them.

    An association that has said nothing yet gets its first segments and hours here.
    """
    ensure_beginning(on=job.night.as_of, at=job.at)
    last = reads.last_live_day() or date.min
    values: dict[str, int | date] = {
        "night": job.night.pk,
        "as_of": job.night.as_of,
        "last": last,
    }
    with connection.cursor() as cursor:
        if job.night.is_full:
            cursor.execute(
                "UPDATE members_dirtymember SET taken_by = %(night)s"
                " WHERE taken_by IS DISTINCT FROM %(night)s",
                values,
            )
        else:
            cursor.execute(COLLECT, values)
            cursor.execute(KNOW_HOW_MANY)
            cursor.execute(COMPANIONS, values)
        cursor.execute(KNOW_HOW_MANY)
    taken = DirtyMember.objects.filter(taken_by=job.night.pk).count()
    return Written(rows_in=taken, rows_out=0)


def _involvement(job: Job) -> Written:
    refresh = involvement.refresh_differing if job.night.is_full else involvement.refresh
    return refresh(as_of=job.night.as_of, scope=job.scope)


def _owners(job: Job) -> Written:
    return assignment.deal(as_of=job.night.as_of, scope=job.scope)


# What a further night of the same day need not do anew: the stages that read these tables,
# where they are as they were.
LEDGER = (
    "members_accountunit",
    "members_association",
    "members_departure",
    "members_dues",
    "members_exchangerate",
    "members_term",
)
VECTORS = (
    "coverage_segment",
    "members_member",
    "success_earliervector",
    "success_memberfacts",
)
READ_BY = {
    "groups": VECTORS,
    "loads": (
        "coverage_absence",
        "coverage_assignment",
        "coverage_circumstance",
        "coverage_contributor",
        "coverage_coveragehours",
        "coverage_coveragemodel",
        "coverage_effort",
        "coverage_leverage",
        "coverage_taskforceshare",
        "members_association",
        "members_term",
        "members_user",
    ),
    "effects": (
        "members_association",
        "members_term",
        "success_enrolment",
        "success_play",
        "success_playversion",
    ),
    "revenue": (*LEDGER, "coverage_assignment", "coverage_segment"),
    "renewals": ("members_association", "members_term", "success_vectorchange"),
    "retention": (
        "coverage_segment",
        "members_accountlink",
        "members_association",
        "members_member",
        "members_term",
        "success_memberfacts",
        "success_vectorchange",
    ),
    "integrity": (*LEDGER, *VECTORS, "success_plan"),
    "movements": (*LEDGER, "coverage_assignment", "coverage_segment", "members_member"),
    "our_work": (
        *LEDGER,
        *VECTORS,
        "coverage_assignment",
        "coverage_assignmentchange",
        "coverage_axprofile",
        "coverage_coveragehours",
        "coverage_coveragemodel",
        "coverage_move",
        "coverage_rebalancing",
        "members_accountlink",
        "success_accountability",
        "success_gapanswer",
        "success_helpfulness",
        "success_plan",
        "success_planpause",
        "success_plantemplate",
        "success_templatemilestone",
        "success_vectorchange",
    ),
    "money": (
        *LEDGER,
        *VECTORS,
        "coverage_assignment",
        "coverage_axprofile",
        "coverage_coveragehours",
        "coverage_coveragemodel",
        "coverage_effort",
        "members_accountlink",
        "success_accountability",
        "success_ask",
        "success_costrate",
        "success_offer",
        "success_offerworth",
        "success_plan",
        "success_planpause",
        "success_plantemplate",
        "success_templatemilestone",
        "success_vectorchange",
    ),
}
# Nothing but these tables; the others also read plans' milestones and what members did, which
# are too many to be looked through for it, and of which the dirty set tells.
OF_TABLES_ALONE = frozenset(
    {"effects", "groups", "loads", "movements", "renewals", "retention", "revenue"}
)
NOTHING_TO_DO = Written(rows_in=0, rows_out=0)
# These are written beside the watch: how they stand is written down once that is done.
WRITTEN_MEANWHILE = (
    "coverage_circumstance",
    "success_earliervector",
    "success_enrolment",
    "success_play",
)


# What is told of the ledger by month, which a full night tells anew only where it has changed.
TOLD_OF_LEDGER = ("success_renewablemonth", "success_renewalcount", "success_revenueperiod")
PRINTS = "ledger"
MOMENT = "moment"


def _watch_ledger(job: Job) -> Written:
    """In a full night write down what the ledger says, so that the next knows what has changed.

    And what was told of it, before this night tells more.
    """
    if not job.night.is_full:
        return NOTHING_TO_DO
    _write_down_found(job, versions(TOLD_OF_LEDGER) | {PRINTS: ledger_prints()})
    return Written(rows_in=len(TOLD_OF_LEDGER), rows_out=0)


def _moment(job: Job) -> Written:
    """Write down the moment, so that plays know in the next night what was written since.

    The planner learns of what they go on with, in every night: of a table that was empty when
    it was last looked at it expects nothing, and would walk over all of it for each of its
    rows.
    """
    _take_stock(job, "success_memberfacts")
    _know("communications_message", "success_enrolment", "success_intervention")
    _write_down_found(job, {MOMENT: moment()})
    return NOTHING_TO_DO


def _watch(job: Job) -> Written:
    """Write down what the measures are made of, as it is before they begin."""
    tables = sorted({*chain.from_iterable(READ_BY.values())}.difference(WRITTEN_MEANWHILE))
    _write_down_found(job, versions(tables))
    return Written(rows_in=len(tables), rows_out=0)


def _watch_written(job: Job) -> Written:
    """Do the same for what the night itself wrote meanwhile."""
    _take_stock(job, "success_earliervector")
    _write_down_found(job, versions(WRITTEN_MEANWHILE))
    return Written(rows_in=len(WRITTEN_MEANWHILE), rows_out=0)


def _write_down_found(job: Job, found: Mapping[str, Any]) -> None:
    """Add to what a night has found, whatever others add meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE success_night SET inputs = inputs || %s::jsonb WHERE id = %s",
            [json.dumps(found), job.night.pk],
        )


def _is_as_before(job: Job, stage: str) -> bool:
    """Say whether the last night was of the same day and found the same for a stage.

    It has to have had the same definitions; a full night takes nothing for granted, and one
    that has taken on anybody nothing that the dirty set tells of.
    """
    if job.night.is_full:
        return False
    if stage not in OF_TABLES_ALONE and _has_taken_on(job.night):
        return False
    last = reads.last_finished_night()
    if last is None or (last.as_of, last.definition) != (job.night.as_of, DEFINITION):
        return False
    found = Night.objects.values_list("inputs", flat=True).get(pk=job.night.pk)
    return all(
        found.get(table) is not None and found[table] == last.inputs.get(table)
        for table in READ_BY[stage]
    )


def _has_taken_on(night: Night) -> bool:
    return DirtyMember.objects.filter(taken_by=night.pk).exists()


def _plays(job: Job) -> Written:
    """Let plays look at everybody in a full night, else at those who may differ since."""
    last, looked = reads.last_finished_night(), None
    if not job.night.is_full and last is not None and last.definition == DEFINITION:
        known = last.inputs.get(MOMENT)
        looked = plays.Looked(as_of=last.as_of, moment=known) if known else None
    return plays.refresh(as_of=job.night.as_of, scope=job.scope, at=job.at, looked=looked)


def _revenue(job: Job) -> Written:
    return revenue.refresh(as_of=job.night.as_of, since=_touched_since(job), at=job.at)


def _renewals(job: Job) -> Written:
    return renewals.refresh(
        as_of=job.night.as_of, since=_since(job), grace_days=Association.current().grace_days
    )


def _touched_since(job: Job) -> date | None:
    """The earliest day that changed facts may bear upon, this night's where none; null: all."""
    taken = DirtyMember.objects.filter(taken_by=job.night.pk)
    said: date | None = taken.aggregate(since=Min("since"))["since"]
    since = said or job.night.as_of
    if not job.night.is_full:
        return since
    first = _ledger_differs_from(job)
    return None if first is None else min(first, since)


def _ledger_differs_from(job: Job) -> date | None:
    """Return the first day of the ledger that is not as in the last full night; null: all.

    This night's own day where nothing is. All, too, where what was told of it is not as the
    last night left it.
    """
    of_full = (
        Night.objects.filter(
            kind=NightKind.LIVE, status=NightStatus.DONE, is_full=True, definition=DEFINITION
        )
        .order_by("-pk")
        .first()
    )
    last = reads.last_finished_night()
    found = Night.objects.values_list("inputs", flat=True).get(pk=job.night.pk)
    if of_full is None or last is None:
        return None
    if PRINTS not in of_full.inputs or PRINTS not in found:
        return None
    if any(last.inputs.get(table) != found.get(table) for table in TOLD_OF_LEDGER):
        return None
    return differs_from(of_full.inputs[PRINTS], found[PRINTS], otherwise=job.night.as_of)


def _since(job: Job) -> date | None:
    """The same, and no later than the last night, since terms end by the calendar alone."""
    touched = _touched_since(job)
    if touched is None:
        return None
    return min(touched, reads.last_live_day() or job.night.as_of)


def _months(job: Job) -> Written:
    """What is told of whole months: after one has closed; dues on full nights, too."""
    as_of, last = job.night.as_of, reads.last_live_day()
    has_closed = last is None or last < as_of.replace(day=1)
    if not (has_closed or job.night.is_full):
        return NOTHING_TO_DO
    grace_days = Association.current().grace_days
    rows_in, rows_out = renewal_dues.refresh(
        as_of=as_of, since=_since(job), grace_days=grace_days
    )
    if has_closed:
        rows_out += read_forecast_months(as_of=as_of, grace_days=grace_days)
    return Written(rows_in, rows_out)


def _retention(job: Job) -> Written:
    return retention.refresh(as_of=job.night.as_of, grace_days=Association.current().grace_days)


def _take_stock(job: Job, *tables: str) -> None:
    """Tell the planner what is in tables that a full night may have written much of."""
    if job.night.is_full:
        _know(*tables)


def _know(*tables: str) -> None:
    """Tell the planner what is in those of some tables whose statistics no longer fit."""
    if changed := outgrown(tables):
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(changed)}")


def _statistics(job: Job) -> Written:
    _take_stock(
        job,
        "coverage_assignment",
        "engagement_fact",
        "engagement_involvement",
        "members_affiliation",
        "members_dues",
        "members_term",
        "success_milestone",
        "success_plan",
    )
    return Written(rows_in=0, rows_out=0)


def _earlier(job: Job) -> Written:
    """The days before this one that groups and our work are compared with."""
    grace_days = Association.current().grace_days
    written = [
        earlier.refresh(
            as_of=job.night.as_of, days_back=days, scope=job.scope, grace_days=grace_days
        )
        for days in (INTEGRITY_DAYS, HELD_DAYS)
    ]
    return Written(
        rows_in=sum(each.rows_in for each in written),
        rows_out=sum(each.rows_out for each in written),
    )


def _groups(job: Job) -> Written:
    as_of = job.night.as_of
    rolled = groups.refresh(as_of=as_of)
    compared = groups.compare(as_of=as_of, earlier_on=earlier_day(as_of))
    return Written(rolled.rows_in, rolled.rows_out + compared.rows_out)


def _loads(job: Job) -> Written:
    _take_stock(job, "coverage_circumstance")
    return loads.refresh(as_of=job.night.as_of, grace_days=Association.current().grace_days)


def _effects(job: Job) -> Written:
    return read_effects(as_of=job.night.as_of, grace_days=Association.current().grace_days)


def _integrity(job: Job) -> Written:
    written = read_integrity(as_of=job.night.as_of, grace_days=Association.current().grace_days)
    return Written(rows_in=1, rows_out=written)


def _readings_of(part: str) -> Callable[[Job], Written]:
    """Keep what the pages of a part of the measures open with."""

    def write(job: Job) -> Written:
        grace_days = Association.current().grace_days
        written = write_down(part, as_of=job.night.as_of, grace_days=grace_days)
        return Written(rows_in=1, rows_out=written)

    return write


def _kept_stage(
    name: str, run: Callable[[Job], Written], *, beside_previous: bool = False
) -> Stage:
    """A stage over everybody that is left out where it would only find again what it wrote."""
    return Stage(
        name=name,
        run=lambda job: NOTHING_TO_DO if _is_as_before(job, name) else run(job),
        is_ranged=False,
        beside_previous=beside_previous,
    )


LIVE_STAGES = (
    Stage(name="collect", run=_collect, is_ranged=False),
    Stage(name="involvement", run=_involvement),
    Stage(
        name="coverage",
        run=lambda job: assignment.assign(as_of=job.night.as_of, scope=job.scope),
        beside_previous=True,
    ),
    # everybody's book is read once, so this is not ranged
    Stage(name="owners", run=_owners, is_ranged=False),
    Stage(name="statistics", run=_statistics, is_ranged=False),
    Stage(name="milestones", run=lambda job: milestones.refresh(scope=job.scope)),
    Stage(
        name="facts",
        run=lambda job: facts.refresh(
            as_of=job.night.as_of, scope=job.scope, grace_days=Association.current().grace_days
        ),
    ),
    # a goal may have been achieved by the calendar alone
    Stage(
        name="obligations",
        run=lambda job: obligations.refresh(as_of=job.night.as_of, scope=job.scope, at=job.at),
        looks_at_everybody=True,
    ),
    Stage(name="moment", run=_moment, is_ranged=False, beside_previous=True),
    # The queue comes before all that is told of members and money; a day that plays wait for
    # may come for anybody.
    Stage(name="plays", run=_plays, looks_at_everybody=True),
    Stage(name="earlier", run=_earlier, beside_previous=True),
    # the calendar alone opens a renewal window
    Stage(
        name="circumstances",
        run=lambda job: circumstances.refresh(as_of=job.night.as_of, scope=job.scope),
        looks_at_everybody=True,
        beside_previous=True,
    ),
    Stage(name="watch_ledger", run=_watch_ledger, is_ranged=False, beside_previous=True),
    Stage(name="watch", run=_watch, is_ranged=False, beside_previous=True),
    Stage(name="watch_written", run=_watch_written, is_ranged=False),
    # What is told from here on has no part in what the others tell, so that one worker may see
    # to the one while another sees to the next; the longest come first.
    _kept_stage("movements", _readings_of("movements")),
    _kept_stage("revenue", _revenue, beside_previous=True),
    _kept_stage("retention", _retention, beside_previous=True),
    _kept_stage("groups", _groups, beside_previous=True),
    _kept_stage("renewals", _renewals, beside_previous=True),
    Stage(name="months", run=_months, is_ranged=False, beside_previous=True),
    # Of what is told from here on, money and our work read what has been counted, integrity
    # what the groups have compared, beside money, and effects what plays have entered.
    _kept_stage("money", _readings_of("money")),
    _kept_stage("our_work", _readings_of("our_work"), beside_previous=True),
    _kept_stage("integrity", _integrity, beside_previous=True),
    _kept_stage("effects", _effects, beside_previous=True),
    _kept_stage("loads", _loads, beside_previous=True),
)


# A past night: the same statements into tables that vanish with the transaction.

SHADOWS = ("success_memberfacts", "success_vectorchange")


def _look_back(job: Job) -> Written:
    """Say what that night would have said, without touching anything but its own figures.

    Temporary tables of the same names stand before the real ones for this transaction. Segments
    and owners are those of today; no intervention is opened and nothing is sent.
    """
    as_of = job.night.as_of
    with connection.cursor() as cursor:
        for table in SHADOWS:
            cursor.execute(
                f"CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING DEFAULTS"
                " INCLUDING INDEXES INCLUDING IDENTITY) ON COMMIT DROP"
            )
    written = facts.refresh(
        as_of=as_of, scope=job.scope, grace_days=Association.current().grace_days
    )
    groups.refresh(as_of=as_of)
    job.night.result = reads.figures(as_of=as_of) | {
        "would_open": plays.would_open(as_of=as_of, scope=job.scope)
    }
    job.night.save(update_fields=["result"])
    with connection.cursor() as cursor:
        for table in SHADOWS:
            cursor.execute(f"DROP TABLE pg_temp.{table}")
    return written


PAST_STAGES = (Stage(name="look_back", run=_look_back, is_ranged=False),)
STAGES = {NightKind.LIVE: LIVE_STAGES, NightKind.PAST: PAST_STAGES}


# A night that was begun before an upgrade may have steps of a stage that is no more.
GONE = Stage(name="gone", run=lambda _: NOTHING_TO_DO, is_ranged=False)


# Starting and working a night.


def start_night(*, as_of: date, today: date, at: datetime, full: bool = False) -> Night:
    """The night of ``as_of`` to be worked: one left unfinished, or a new one with its steps.

    A day before the last live night is looked back upon: it says what that night would have
    said and changes nothing. A live night left unfinished is handed out first, whatever its
    day, so that nights go in order. Raises ``FutureNight`` for a day after ``today``.
    """
    if as_of > today:
        raise FutureNight(f"{as_of} is still to come; today is {today}.")
    with transaction.atomic():
        _start_alone()
        last = reads.last_live_day()
        kind = NightKind.PAST if last is not None and as_of < last else NightKind.LIVE
        unfinished = Night.objects.exclude(status=NightStatus.DONE).filter(kind=kind)
        if kind == NightKind.PAST:
            unfinished = unfinished.filter(as_of=as_of)
        night = unfinished.order_by("as_of", "pk").first()
        if night is None:
            night = Night.objects.create(
                as_of=as_of,
                kind=kind,
                is_full=kind == NightKind.PAST or full or _wants_full(at=at),
                started_at=at,
                definition=DEFINITION,
            )
            _lay_out(night)
        elif night.status == NightStatus.FAILED:
            night.status = NightStatus.RUNNING
            night.save(update_fields=["status"])
    return night


@transaction.atomic
def start_due_night(*, today: date, at: datetime) -> Night | None:
    """Begin the night of ``today`` if none has brought the association to it; else None.

    Due is "not done yet", never "due at this hour", so a worker that was off catches up. An
    association without members has no nights, and one that failed is left to a person. Of two
    that ask at once, one begins it.
    """
    _start_alone()
    last = reads.last_live_day()
    if last is not None and last >= today:
        return None
    unfinished = Night.objects.exclude(status=NightStatus.DONE).filter(kind=NightKind.LIVE)
    if unfinished.exists() or not Member.objects.exists():
        return None
    return start_night(as_of=today, today=today, at=at)


def _start_alone() -> None:
    """Wait until nobody else is starting a night, and keep others from it until the commit.

    What was read before says nothing: the night of another may have been begun and done since.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('success.start_night'))")


def run_night(  # noqa: PLR0913  # how a night is run, all by name
    *,
    as_of: date,
    today: date,
    clock: Clock,
    full: bool = False,
    workers: int = 1,
    on_step: Callable[[NightStep], None] | None = None,
) -> Night:
    """Run the night of ``as_of`` to its end, and before it one that had been left unfinished.

    With several ``workers``, as many connections work its steps at once. Safe to repeat, to
    share with other workers and to kill. Raises ``FutureNight`` and ``NightFailed``.
    """
    while True:
        night = start_night(as_of=as_of, today=today, at=clock(), full=full)
        with ThreadPoolExecutor(workers - 1) if workers > 1 else nullcontext() as others:
            helping = [
                others.submit(_help, night_id=night.pk, clock=clock, on_step=on_step)
                for _ in range(workers - 1)
                if others is not None
            ]
            _work_to_the_end(night_id=night.pk, clock=clock, on_step=on_step)
            for help_given in helping:
                help_given.result()
        if night.as_of == as_of:
            night.refresh_from_db()
            return night


def _help(*, night_id: int, clock: Clock, on_step: Callable[[NightStep], None] | None) -> None:
    """Work beside the caller, on a connection that is closed in the end."""
    try:
        _work_to_the_end(night_id=night_id, clock=clock, on_step=on_step)
    finally:
        connection.close()


def _work_to_the_end(
    *, night_id: int, clock: Clock, on_step: Callable[[NightStep], None] | None
) -> None:
    while not work_night(night_id=night_id, clock=clock, on_step=on_step):
        time.sleep(WAIT_SECONDS)  # another worker holds the steps that are left


def work_night(
    *,
    night_id: int,
    clock: Clock,
    on_step: Callable[[NightStep], None] | None = None,
) -> bool:
    """Work the steps of a night that nobody else holds; True once the night is done.

    False means that others hold what is left. Raises ``NightFailed`` when a step fails, and
    ``NightInterrupted`` when the database went away under it; what was done stays done.
    """
    night = Night.objects.get(pk=night_id)
    while (position := _first_unfinished(night)) is not None:
        step = _take(night, position=position, at=clock())
        if step is None:
            return False
        if _work(night, step, clock=clock) and on_step is not None:
            on_step(step)
    _finish(night, at=clock())
    return True


def _wants_full(*, at: datetime) -> bool:
    """The first night, one under new definitions, one a week, and one after a great change."""
    last_full = (
        Night.objects.filter(
            kind=NightKind.LIVE, status=NightStatus.DONE, is_full=True, definition=DEFINITION
        )
        .order_by("-pk")
        .first()
    )
    if last_full is None or last_full.started_at <= at - FULL_EVERY:
        return True
    return DirtyMember.objects.count() > FULL_ABOVE_SHARE * MemberFacts.objects.count()


def _lay_out(night: Night) -> None:
    wide = reads.member_ranges(size=_wide_range(night))
    narrow = reads.member_ranges(size=FULL_RANGE) if night.is_full else wide
    whole = (wide[0][0], wide[-1][1])
    stages = STAGES[NightKind(night.kind)]
    positions = accumulate(0 if stage.beside_previous else 1 for stage in stages)
    NightStep.objects.bulk_create(
        NightStep(
            night=night,
            stage=stage.name,
            position=position,
            range_from=first,
            range_to=last,
        )
        for position, stage in zip(positions, stages, strict=True)
        for first, last in (
            [whole] if not stage.is_ranged else wide if stage.looks_at_everybody else narrow
        )
    )


def _wide_range(night: Night) -> int:
    if night.is_full or night.as_of != reads.last_live_day():
        return ORDINARY_RANGE
    each = MemberFacts.objects.count() // AGAIN_RANGES
    return min(max(each, ORDINARY_RANGE), AGAIN_RANGE)


def _first_unfinished(night: Night) -> int | None:
    unfinished = night.steps.exclude(status=StepStatus.DONE)
    position: int | None = unfinished.aggregate(first=Min("position"))["first"]
    return position


def _take(night: Night, *, position: int, at: datetime) -> NightStep | None:
    """Mark a step that nobody is working on as running; None if there is none."""
    with transaction.atomic():
        step = (
            night.steps.select_for_update(skip_locked=True)
            .filter(position=position)
            .exclude(status=StepStatus.DONE)
            # those that nobody has begun come first
            .order_by(Case(When(status=StepStatus.PENDING, then=Value(0)), default=1), "pk")
            .first()
        )
        if step is not None:
            step.status = StepStatus.RUNNING
            step.attempts = F("attempts") + 1
            step.started_at = at
            step.save(update_fields=["status", "attempts", "started_at"])
    return step


def _work(night: Night, step: NightStep, *, clock: Clock) -> bool:
    """Do a step and mark it done in one transaction; False if another worker was first."""
    stages = {stage.name: stage for stage in STAGES[NightKind(night.kind)]}
    stage = stages.get(step.stage) or GONE
    is_of_few = stage.is_ranged and not (night.is_full or stage.looks_at_everybody)
    taken_by = night.pk if is_of_few else None
    scope = Scope(first=step.range_from, last=step.range_to, taken_by=taken_by)
    line = None
    try:
        with transaction.atomic():
            line = connection.connection
            held = (
                NightStep.objects.select_for_update(skip_locked=True)
                .filter(pk=step.pk)
                .exclude(status=StepStatus.DONE)
                .first()
            )
            if held is None:
                return False
            with connection.cursor() as cursor:
                cursor.execute(FOR_A_STEP)
            written = stage.run(Job(night=night, scope=scope, at=clock()))
            step.refresh_from_db()
            step.status = StepStatus.DONE
            step.rows_in, step.rows_out = written
            step.finished_at = clock()
            step.error = ""
            step.save(update_fields=["status", "rows_in", "rows_out", "finished_at", "error"])
    except Exception as error:
        if line is None or line.closed:
            # Nothing is wrong with the step: its work is undone, and it is there to be taken.
            raise NightInterrupted(
                f"{stage.name} of members {step.range_from}-{step.range_to}"
            ) from error
        reason = f"{type(error).__name__}: {error}"
        NightStep.objects.filter(pk=step.pk).update(status=StepStatus.FAILED, error=reason)
        Night.objects.filter(pk=night.pk).update(status=NightStatus.FAILED)
        raise NightFailed(
            f"{stage.name} of members {step.range_from}-{step.range_to}"
        ) from error
    return True


# One member, at once.


def newest_day() -> date | None:
    """Return the day of the newest live night, finished or not; None before the first."""
    newest: date | None = Night.objects.filter(kind=NightKind.LIVE).aggregate(day=Max("as_of"))[
        "day"
    ]
    return newest


def refresh_member(*, member_id: int, at: datetime) -> bool:
    """Bring one member's evidence, facts and queue items to the day of the newest live night.

    For a change that somebody waits to see; called in its transaction, after the change. False
    where no night has run yet, or where a night's step holds the member: the member is marked
    dirty, so a night brings the same. Idempotent; a few statements over indexes.
    """
    return refresh_members(member_ids=[member_id], at=at)


def refresh_members(
    *, member_ids: Sequence[int], at: datetime, with_facts: bool = False
) -> bool:
    """Do the same for a few members, at least one, in as many statements as for one.

    All of them or none. ``with_facts``: what was recorded of them just now is worked into their
    involvement first.
    """
    newest = newest_day()
    if newest is None:
        return False
    scope = Scope.of(member_ids)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        before = cursor.fetchone()[0]
        try:
            with transaction.atomic():
                cursor.execute(WITHOUT_WAITING)
                if with_facts:
                    involvement.refresh(as_of=newest, scope=scope)
                milestones.refresh(scope=scope)
                facts.refresh(
                    as_of=newest, scope=scope, grace_days=Association.current().grace_days
                )
                circumstances.refresh(as_of=newest, scope=scope)
                obligations.refresh(as_of=newest, scope=scope, at=at)
                plays.refresh(as_of=newest, scope=scope, at=at)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            return False
        finally:
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [before])
    return True


@transaction.atomic
def _finish(night: Night, *, at: datetime) -> None:
    """Close a night whose steps are all done; harmless when another worker has closed it."""
    said = {}
    if night.kind == NightKind.LIVE:
        DirtyMember.objects.filter(taken_by=night.pk).delete()
        inputs = Night.objects.values_list("inputs", flat=True).get(pk=night.pk)
        said = {
            "inputs": inputs | versions(TOLD_OF_LEDGER),
            "result": reads.figures(as_of=night.as_of),
        }
    Night.objects.filter(pk=night.pk).exclude(status=NightStatus.DONE).update(
        status=NightStatus.DONE, finished_at=at, **said
    )
