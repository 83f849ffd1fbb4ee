"""The night against the clock: generated associations, the floor beside them, a table.

Everything is measured in one run on one machine, so read the ratios. ``L`` is the floor: one
sequential scan of everything a full night reads, and a plain copy of everything it keeps. An
ordinary night has less to read and much less to write, and is held to the same floor.
"""

import multiprocessing
import os
import platform
import re
import resource
import shutil
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from math import log
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import F, Max
from django.test import Client, override_settings
from django.urls import reverse

from config.kernel import clock
from coverage.models import AssignmentChange, Contributor, Segment
from coverage.rollups import assignment
from coverage.services.hours import ensure_default_model
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from members.models import Association, Member, User
from members.rollups.scope import Scope
from success.engine import vector as engine
from success.enums import StartKind
from success.management import bench_measures, bench_queue, bench_trigger
from success.models import Intervention, MemberFacts, Night, Play
from success.queries.nights import member_ranges, progress
from success.services.nights import ORDINARY_RANGE, run_night
from success.services.plays import ensure_default_plays

DATABASE = "waymark_bench"
DAY = date(2026, 7, 29)
PLAYS = 20
LOOP_SAMPLE = 200
TRIGGER_MEMBERS = 2_000
REPORT = Path(settings.BASE_DIR) / "docs" / "performance.md"
MARKS = ("<!-- bench:{} -->\n", "<!-- /bench:{} -->\n")

GENERATE = (
    """
    INSERT INTO members_member (name, kind, homepage_url, details, created_at)
    SELECT 'Member ' || n, 'organisation', '', '{}', now()
    FROM generate_series(1, %(members)s) AS n
    """,
    # three yearly terms each, so that some end every night; one member in ten left after two
    """
    INSERT INTO members_term
        (member_id, tier, starts_on, ends_on, source, external_id, details)
    SELECT m.id, (ARRAY['Silver', 'Gold', 'Platinum'])[1 + m.id %% 3],
           start + 365 * k, start + 365 * (k + 1), 'bench',
           lpad(m.id::text, 9, '0') || '-' || k, '{}'
    FROM members_member m
    CROSS JOIN generate_series(0, 2) AS k
    CROSS JOIN LATERAL (
        SELECT %(day)s::date - 730 - (m.id * 7919 %% 365)::int AS start
    ) AS s
    WHERE k < 2 OR m.id %% 10 > 0
    """,
    """
    INSERT INTO members_dues (term_id, annual_amount, currency)
    SELECT id, 500 + (member_id * 31 %% 40) * 25 + (id %% 7 = 0)::int * 100, 'USD'
    FROM members_term
    """,
    # twenty facts each: one to nine subjects, taken up and now and then let go again
    """
    INSERT INTO engagement_fact
        (member_id, kind, subject, occurred_on, source, external_id, origin, recorded_at,
         details)
    SELECT m.id, CASE WHEN k %% 4 = 3 THEN 'work.removed' ELSE 'work.added' END,
           'Project ' || (m.id / 6 * 10 + (k - (k %% 4 = 3)::int) %% (1 + m.id %% 9)),
           %(day)s::date - 700 + (m.id * 131 %% 200)::int + k * 27, 'bench',
           -- in the order of the rows, so that an index grows at its end
           lpad(m.id::text, 9, '0') || '-' || lpad(k::text, 2, '0'), 'import', now(), '{}'
    FROM members_member m
    CROSS JOIN generate_series(0, 19) AS k
    WHERE %(day)s::date - 700 + (m.id * 131 %% 200)::int + k * 27 < %(day)s::date
       OR k < 18
    """,
    """
    INSERT INTO success_plan
        (member_id, version, succession, reason, goal, anchor_on, counts_from, first_30,
         first_60, first_90, is_simulated)
    SELECT m.id, 1, 'agreed', '', 'A goal', day, day, '', '', '', true
    FROM members_member m
    CROSS JOIN LATERAL (SELECT %(day)s::date - (m.id * 37 %% 720)::int AS day) AS d
    """,
    """
    INSERT INTO success_milestone
        (plan_id, key, position, title, expected_day, expected_basis, weight, is_gating,
         evidence_kind, expectation, is_carried_over, evidence_rule, evidence_source)
    SELECT p.id, 'm-' || k, k, 'Milestone ' || k, k * 60, 'assumed', 10, true, 'derived', '',
           false,
           CASE WHEN k = 10 THEN '{"rule": "kept", "areas": ["work"], "days": 365}'
                ELSE '{"rule": "subjects", "areas": ["work"], "count": ' || k || '}' END::jsonb,
           ''
    FROM success_plan p
    CROSS JOIN generate_series(1, 10) AS k
    """,
    """
    INSERT INTO coverage_axprofile
        (member_id, valid_from, inbound_minutes, async_minutes, sync_minutes, taskforce_minutes,
         expertise, resources, guidance, skills_needed, source, industry_experience,
         sophistication, complexity, risk, confidence, answers, reasons)
    SELECT m.id, %(day)s::date - 900, 0, 60, (m.id %% 5) * 15, 0,
           (ARRAY['low', 'medium', 'high'])[1 + m.id %% 3],
           CASE WHEN m.id %% 2 = 0 THEN 'sufficient' ELSE 'insufficient' END,
           CASE WHEN m.id %% 7 < 4 THEN 'occasional' ELSE 'regular' END, 1, 'simulated',
           '', '', '', '', 'medium', '{}', ''
    FROM members_member m
    """,
)
# Ninety days of recorded time, five entries a member who has somebody.
EFFORTS = """
INSERT INTO coverage_effort
    (public_id, member_id, by_id, "on", modality, minutes, members_present, note, source,
     source_key, recorded_at)
SELECT gen_random_uuid(), a.member_id, a.owner_id,
       %(day)s::date - (a.member_id * 17 + k * 19)::int %% 120,
       CASE WHEN k %% 2 = 0 THEN 'async' ELSE 'sync' END, 15 + 5 * k, 1, '', 'import',
       'bench:' || k, now()
FROM coverage_assignment a
CROSS JOIN generate_series(0, 4) AS k
WHERE a.owner_id IS NOT NULL
"""
CAPACITY_MEMBERS = 20_000
CAPACITY_PEOPLE = 60
CAPACITY_LOOKS = 25

OURS = {"members", "engagement", "coverage", "success", "communications"}

CHANGE = """
WITH changed AS (
    INSERT INTO engagement_fact
        (member_id, kind, subject, occurred_on, source, external_id, origin, recorded_at,
         details)
    SELECT id, 'work.added', 'Project new ' || id / 6, %(day)s, 'bench', id || '-new', 'live',
           now(), '{}'
    FROM members_member
    WHERE id %% 100 = %(rest)s
    RETURNING member_id
)
INSERT INTO members_dirtymember (member_id, since)
SELECT member_id, %(day)s FROM changed
ON CONFLICT (member_id) DO UPDATE
SET since = least(members_dirtymember.since, excluded.since), taken_by = NULL
"""

KEPT = (
    "engagement_involvement",
    "engagement_involvementprint",
    "coverage_assignment",
    "coverage_circumstance",
    "success_memberfacts",
    "success_earliervector",
    "success_vectorchange",
    "success_enrolment",
    "success_intervention",
)
READ = (
    "members_member",
    "members_term",
    "members_dues",
    "engagement_fact",
    "coverage_axprofile",
    "success_plan",
    "success_milestone",
    *KEPT,
)


@dataclass
class Measured:
    """Seconds by name for one size, and the rows the repeated night wrote.

    ``ready``: of a night, until plays were done, so that the queue could be worked.
    """

    members: int
    seconds: dict[str, float] = field(default_factory=dict)
    ready: dict[str, float] = field(default_factory=dict)
    stages: dict[str, dict[str, float]] = field(default_factory=dict)
    rows_again: int = 0
    log_again: int = 0
    pages_again: int = 0
    memory: int = 0

    def times_floor(self, seconds: float) -> float:
        return seconds / self.seconds["floor"]


class Command(BaseCommand):
    help = "Measure the night on generated associations, and the floor beside it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--members", type=int, nargs="+", default=[10_000, 100_000], metavar="N"
        )
        parser.add_argument("--workers", type=int, default=2, help="connections at once")
        parser.add_argument(
            "--capacity",
            action="store_true",
            help="instead of the night, the page of what the team can carry",
        )
        parser.add_argument(
            "--segments",
            action="store_true",
            help="instead of the night, every member's segment reassigned by its stage",
        )
        parser.add_argument(
            "--measures",
            action="store_true",
            help="instead of the night, every page of the measures, and eight years anew",
        )
        parser.add_argument(
            "--queue",
            action="store_true",
            help="instead of the night, Today at any depth, and eight people who claim at once",
        )
        parser.add_argument(
            "--trigger",
            action="store_true",
            help="instead of the night, how soon a fact becomes an item, with all processes",
        )
        parser.add_argument("--write", action="store_true", help="into docs/performance.md")

    def handle(self, **options: Any) -> None:
        sizes = sorted(options["members"])
        self.workers: int = options["workers"]
        if options["capacity"]:
            with _own_database():
                report = self._capacity()
            self._tell(report, name="capacity", write=options["write"])
            return
        if options["segments"]:
            with _own_database():
                report = self._segments(sizes[-1])
            self._tell(report, name="segments", write=options["write"])
            return
        if options["measures"]:
            with _own_database():
                report = self._measures(sizes)
            self._tell(report, name="measures", write=options["write"])
            return
        if options["queue"]:
            with _own_database():
                report = self._queue(sizes[-1])
            self._tell(report, name="queue", write=options["write"])
            return
        if options["trigger"]:
            self._tell(self._trigger(), name="trigger", write=options["write"])
            return
        with _own_database():
            results = [self._measure(members) for members in sizes]
        report = _report(results, workers=self.workers)
        name = "large" if sizes[-1] > 100_000 else "usual"
        self._tell(report, name=name, write=options["write"])

    def _tell(self, report: str, *, name: str, write: bool) -> None:
        self.stdout.write(report)
        if not write:
            return
        text = REPORT.read_text(encoding="utf-8")
        start, end = (mark.format(name) for mark in MARKS)
        pattern = re.escape(start) + ".*?" + re.escape(end)
        REPORT.write_text(
            re.sub(pattern, lambda _: start + report + end, text, flags=re.DOTALL),
            encoding="utf-8",
        )

    def _capacity(self) -> str:
        """Milliseconds of the capacity page and its charts for many members and people."""
        self._say(f"{CAPACITY_MEMBERS:,} members, {CAPACITY_PEOPLE} people: generating")
        _generate(CAPACITY_MEMBERS)
        ensure_default_model(at=datetime.combine(DAY, time(), tzinfo=UTC))
        people = User.objects.bulk_create(
            User(email=f"msm{number}@bench.example", name=f"MSM {number}", role=Role.MSM)
            for number in range(CAPACITY_PEOPLE)
        )
        Contributor.objects.bulk_create(Contributor(user=user) for user in people)
        director = User.objects.create(
            email="director@bench.example", name="Director", role=Role.DIRECTOR
        )
        self._night(Measured(members=CAPACITY_MEMBERS), "first night", on=DAY)
        with connection.cursor() as cursor:
            cursor.execute(EFFORTS, {"day": DAY})
            cursor.execute("VACUUM ANALYZE")
        client = Client(SERVER_NAME="localhost", headers={"accept": "text/html"})
        client.force_login(director)
        lines = [_conditions(), "", "| | median, ms | slowest of 25, ms |", "|---|---:|---:|"]
        with override_settings(WAYMARK_TODAY=DAY, ALLOWED_HOSTS=["localhost"]):
            for name, page in (
                ("page", "coverage:capacity"),
                ("chart of people", "coverage:loads_chart"),
                ("heat map", "coverage:weeks_chart"),
            ):
                took = sorted(
                    1000 * _timed(partial(_look, client, reverse(page)))
                    for _ in range(CAPACITY_LOOKS)
                )
                lines.append(f"| {name} | {median(took):.0f} | {took[-1]:.0f} |")
        return "\n".join(lines) + "\n"

    def _segments(self, members: int) -> str:
        """Seconds of the night's segment stage when every member moves, beside a plain scan.

        The rules in use change places, so that all members belong elsewhere on the next day.
        """
        self._say(f"{members:,} members: generating profiles")
        _fill([GENERATE[0], GENERATE[1], GENERATE[-1]], members=members)
        User.objects.bulk_create(
            User(email=f"msm{number}@bench.example", name=f"MSM {number}", role=Role.MSM)
            for number in range(CAPACITY_PEOPLE)
        )
        connection.cursor().execute("VACUUM ANALYZE")
        took = {"first assignment": self._assign(DAY)}
        connection.cursor().execute("VACUUM ANALYZE")
        floor = min(_timed(_scan_segments), _timed(_scan_segments))
        known = AssignmentChange.objects.count()
        used = list(Segment.objects.filter(assignments__isnull=False).distinct())
        places = [(each.position, each.rule) for each in used]
        # places are taken once each, so all are left before any is taken
        Segment.objects.update(position=F("position") + len(places) + 1000)
        for segment, place in zip(used, [*places[1:], places[0]], strict=True):
            segment.position, segment.rule = place
            segment.save(update_fields=["position", "rule"])
        took["everybody in another segment"] = self._assign(DAY + timedelta(days=1))
        moved = AssignmentChange.objects.count() - known
        took["the same day again"] = self._assign(DAY + timedelta(days=1))
        if AssignmentChange.objects.count() != known + moved:
            raise ValueError("The same day again moved somebody.")
        lines = [
            (
                f"{_machine()}; {members:,} members with a profile, {CAPACITY_PEOPLE} people, "
                f"ranges of {ORDINARY_RANGE:,} on one connection. {moved:,} members moved. "
                f"The plain scan of profiles and assignments takes {floor:.2f} s."
            ),
            "",
            "| | seconds | times the scan |",
            "|---|---:|---:|",
            *(f"| {name} | {each:.1f} | {each / floor:.0f} |" for name, each in took.items()),
        ]
        return "\n".join(lines) + "\n"

    def _measures(self, sizes: Sequence[int]) -> str:
        """Milliseconds of the measures' pages at these sizes, and of eight years made anew."""
        pages: dict[int, list[bench_measures.PageLook]] = {}
        rebuilds: list[bench_measures.Rebuild] = []
        for members in bench_measures.rebuilt_at(sizes):
            self._say(f"{members:,} members: generating")
            if members in sizes:
                _generate(members)
                director = bench_measures.prepare(day=DAY)
                earlier = DAY - bench_measures.EARLIER
                self._night(Measured(members=members), f"the night of {earlier}", on=earlier)
                with connection.cursor() as cursor:
                    cursor.execute(EFFORTS, {"day": DAY})
                self._night(Measured(members=members), f"the night of {DAY}", on=DAY)
                with connection.cursor() as cursor:
                    cursor.execute("VACUUM ANALYZE")
                pages[members] = bench_measures.look_at_pages(
                    director=director, day=DAY, say=self._say
                )
            else:
                _fill(GENERATE[:3], members=members)
            rebuilds.append(bench_measures.rebuild(members=members, day=DAY))
            self._say(f"  made anew in {rebuilds[-1].seconds:.2f} s")
        return bench_measures.report(
            pages, rebuilds, conditions=f"{_machine()}; {PLAYS} plays."
        )

    def _queue(self, members: int) -> str:
        """Milliseconds of Today, and of claims from one pool, alone and beside a full night."""
        self._say(f"{members:,} members: generating")
        _generate(members)
        bench_measures.prepare(day=DAY)
        self._night(Measured(members=members), "first night", on=DAY)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        looked = bench_queue.looks(day=DAY, say=self._say)
        self._say("  claims")
        bare = bench_queue.claims(name="a bare statement", take=bench_queue.by_a_bare_statement)
        alone = bench_queue.claims(name="the service", take=bench_queue.by_the_service)
        connection.close()
        night = multiprocessing.get_context("fork").Process(
            target=run_night,
            kwargs={
                "as_of": DAY + timedelta(days=1),
                "today": DAY + timedelta(days=1),
                "clock": clock.now,
                "full": True,
            },
        )
        night.start()
        beside = bench_queue.claims(
            name="the service, while a full night runs", take=bench_queue.by_the_service
        )
        night.join()
        opened = Intervention.objects.open().count()
        return bench_queue.report(
            looked,
            [bare, alone, beside],
            conditions=f"{_machine()}; {members:,} members, {opened:,} open items, "
            f"{bench_measures.PEOPLE} people.",
        )

    def _trigger(self) -> str:
        """Milliseconds from the POST of a fact to the item, on servers of its own."""
        state = Path(settings.STATE_DIR) / "trigger"
        shutil.rmtree(state, ignore_errors=True)
        with bench_trigger.own_servers(state):
            call_command("migrate", verbosity=0)
            self._say(f"{TRIGGER_MEMBERS:,} members: generating")
            _generate(TRIGGER_MEMBERS)
            self._night(Measured(members=TRIGGER_MEMBERS), "first night", on=DAY)
            connection.cursor().execute("VACUUM ANALYZE")
            self._say("  facts, one by one and in a burst")
            table = bench_trigger.measure(
                state=state, on=DAY, at=datetime.combine(DAY, time(), tzinfo=UTC)
            )
            said = (
                f"{_machine()}; {TRIGGER_MEMBERS:,} members, {Play.objects.count()} plays; "
                "gunicorn, a Celery worker of two processes and beat, as `make up` starts them."
            )
        shutil.rmtree(state, ignore_errors=True)
        return f"{said}\n\n{table}"

    def _assign(self, on: date) -> float:
        self._say(f"  segments of {on}")
        began = perf_counter()
        for first, last in member_ranges(size=ORDINARY_RANGE):
            assignment.assign(as_of=on, scope=Scope(first=first, last=last))
        assignment.deal(as_of=on, scope=Scope(first=0, last=last))
        return perf_counter() - began

    def _measure(self, members: int) -> Measured:
        measured = Measured(members=members)
        self._say(f"{members:,} members: generating")
        _generate(members)
        night = self._night
        night(measured, "first night", on=DAY)
        connection.cursor().execute("VACUUM ANALYZE")
        measured.seconds["floor"] = _floor()
        night(measured, "next night", on=DAY + timedelta(days=1))
        before = _log()
        again = night(measured, "same night again", on=DAY + timedelta(days=1))
        measured.log_again, measured.pages_again = (
            now - then for now, then in zip(_log(), before, strict=True)
        )
        measured.rows_again = sum(step.rows_out or 0 for step in again.steps.all())
        changed = DAY + timedelta(days=2)
        for rest, name in ((7, "next night, 1 % changed"), (13, "same day, 1 % changed")):
            with connection.cursor() as cursor:
                cursor.execute(CHANGE, {"day": changed, "rest": rest})
            night(measured, name, on=changed)
        night(measured, "full night", on=changed + timedelta(days=1), full=True)
        measured.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self._say("  a loop over members, sampled")
        measured.seconds["loop over members"] = _loop(members) * members / LOOP_SAMPLE
        return measured

    def _night(self, measured: Measured, name: str, *, on: date, full: bool = False) -> Night:
        self._say(f"  {name}")
        began = perf_counter()
        night = run_night(as_of=on, today=on, clock=clock.now, full=full, workers=self.workers)
        measured.seconds[name] = perf_counter() - began
        plays = night.steps.filter(stage="plays").aggregate(done=Max("finished_at"))
        measured.ready[name] = (plays["done"] - night.started_at).total_seconds()
        measured.stages[name] = {
            stage.name: stage.duration.total_seconds() if stage.duration else 0.0
            for stage in progress(night)
        }
        return night

    def _say(self, what: str) -> None:
        self.stderr.write(what)


@contextmanager
def _own_database() -> Iterator[None]:
    """Work in a database of its own on the same server, made new, and go back afterwards."""
    before = connection.settings_dict["NAME"]
    _server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    _server(f"CREATE DATABASE {DATABASE}")
    connection.close()
    connection.settings_dict["NAME"] = DATABASE
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
        _server(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def _server(statement: str) -> None:
    connection.close()
    with connection._nodb_cursor() as cursor:  # noqa: SLF001  # as Django's own test runner
        cursor.execute(statement)


def _generate(members: int) -> None:
    _fill(GENERATE, members=members)
    plays = ensure_default_plays(effective_from=DAY - timedelta(days=30))
    dated = [
        play.current
        for play in plays
        if play.current is not None and play.current.start_kind != StartKind.TRIGGER
    ]
    for number in range(PLAYS - len(plays)):
        version = dated[number % len(dated)]
        step = version.steps.get(position=1)
        version.play = Play.objects.create(key=f"bench-{number}", title=f"Bench {number}")
        if version.start_kind == StartKind.TIMED:
            version.start = version.start | {"offset_days": 30 + 15 * number}
        for row in (version, step):
            row.pk = None
            row._state.adding = True  # noqa: SLF001  # Django's documented way to copy a row
        version.save()
        step.version = version
        step.save()
    if Play.objects.count() != PLAYS:
        raise ValueError("The benchmark is about twenty plays.")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _fill(statements: Sequence[str], *, members: int) -> None:
    """Empty the database and fill it by ``statements``, with the segments to begin with."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            # rows made here refer to each other by construction: spare the check of each
            cursor.execute("SET session_replication_role = replica")
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        ours = [name for (name,) in cursor.fetchall() if name.split("_")[0] in OURS]
        cursor.execute(f"TRUNCATE {', '.join(ours)} RESTART IDENTITY CASCADE")
        for statement in statements:
            cursor.execute(statement, {"members": members, "day": DAY})
        cursor.execute("RESET session_replication_role")
    Association.objects.create(pk=1)
    ensure_default_segments()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _floor() -> float:
    """Scan what a full night reads once, and copy the rows that it keeps; the best of two."""

    def once() -> None:
        with connection.cursor() as cursor:
            for table in READ:
                # every row is visited and, being counted by its last column, taken apart
                cursor.execute(f"SELECT count(t.*) FROM {table} t")
            for table in KEPT:
                cursor.execute(f"CREATE TABLE floor_copy AS SELECT * FROM {table}")
                cursor.execute("DROP TABLE floor_copy")

    return min(_timed(once), _timed(once))


def _loop(members: int) -> float:
    """Seconds of a plain loop with the ORM over a sample of members; the best of two.

    It is spared what the night does besides: involvement, evidence, coverage and revenue.
    """
    grace = Association.current().grace_days
    sample = range(1, members + 1, max(1, members // LOOP_SAMPLE))[:LOOP_SAMPLE]

    def once() -> None:
        for member in Member.objects.filter(pk__in=sample).order_by("pk"):
            terms = list(member.terms.filter(starts_on__lte=DAY))
            end = max((term.ends_on for term in terms), default=None)
            in_force = end is not None and end > DAY - timedelta(days=grace)
            plan = member.plans.filter(closed_on=None).first()
            found = None
            if plan is not None:
                found = engine.compute(
                    engine.Plan(
                        anchor=plan.anchor_on,
                        milestones=tuple(
                            engine.GatingMilestone(
                                m.position,
                                m.expected_day,
                                m.weight,
                                tuple(m.evidence_dates or ()),
                            )
                            for m in plan.milestones.order_by("position")
                        ),
                    ),
                    as_of=DAY,
                )
            list(member.facts.order_by("-occurred_on")[:1])
            for _ in Play.objects.all():
                member.interventions.filter(status="open").exists()
            MemberFacts.objects.update_or_create(
                member=member,
                defaults={
                    "standing": "in_force" if in_force else "lapsed",
                    "state": engine.state_of(found).lower(),
                    "changed_on": DAY,
                },
            )

    return min(_timed(once), _timed(once))


def _timed(do: Callable[[], None]) -> float:
    began = perf_counter()
    do()
    return perf_counter() - began


def _log() -> tuple[int, int]:
    """Bytes of the log so far, and how many pages were written there whole.

    That is done with a page's first change after a checkpoint, and where data are checksummed
    with the first that only notes which of its rows are there for everybody to see.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_current_wal_lsn() - '0/0', wal_fpi FROM pg_stat_wal")
        written, pages = cursor.fetchone()
        return int(written), int(pages)


def _look(client: Client, address: str) -> None:
    answer = client.get(address)
    if answer.status_code != HTTPStatus.OK:
        raise ValueError(f"{address} answered {answer.status_code}.")


def _scan_segments() -> None:
    with connection.cursor() as cursor:
        for table in ("coverage_axprofile", "coverage_assignment"):
            cursor.execute(f"SELECT count(t.*) FROM {table} t")


def _machine() -> str:
    measured_on = datetime.combine(clock.now().date(), time(), tzinfo=UTC).date()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0]
    return (
        f"{measured_on}, {os.cpu_count()} cores, PostgreSQL {server}, "
        f"Python {platform.python_version()}"
    )


def _conditions() -> str:
    return (
        f"{_machine()}; {CAPACITY_MEMBERS:,} members, "
        f"{CAPACITY_PEOPLE} people, five recorded efforts a member with an owner. Server time "
        "of a request, with nothing kept from one to the next."
    )


def _report(results: list[Measured], *, workers: int) -> str:
    measured_on = datetime.combine(clock.now().date(), time(), tzinfo=UTC).date()
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        server = cursor.fetchone()[0]
    sizes = [f"{result.members:,}" for result in results]
    conditions = (
        f"{measured_on}, {os.cpu_count()} cores, PostgreSQL {server}, "
        f"Python {platform.python_version()}, {workers} connections, {PLAYS} plays, 3 terms, "
        "10 milestones and 20 facts a member. Seconds; in brackets times the floor L, and for "
        "a night how many times faster it is than the loop "
        f"(a sample of {LOOP_SAMPLE} members, scaled)."
    )
    lines = [
        conditions,
        "",
        "| | " + " | ".join(f"{size} members" for size in sizes) + " | slope |",
        "|---|" + "---:|" * (len(sizes) + 1),
    ]
    for name in results[0].seconds:
        cells = [_cell(result, name) for result in results]
        slope = _slope(results, [result.seconds[name] for result in results])
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {slope} |")
    lines += ["", "Until the queue can be worked:", "", *lines[2:4]]
    for name in results[0].ready:
        took = [result.ready[name] for result in results]
        cells = [
            f"{seconds:.2f} ({result.times_floor(seconds):.1f} L)"
            for result, seconds in zip(results, took, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {_slope(results, took)} |")
    again = "; ".join(
        f"{size} members {result.rows_again} rows, {result.log_again / 1000:,.0f} kB of log "
        f"with {result.pages_again:,} whole pages of 8 kB"
        for size, result in zip(sizes, results, strict=True)
    )
    memory = "; ".join(
        f"{size} members {result.memory / 1024:,.0f} MB"
        for size, result in zip(sizes, results, strict=True)
    )
    lines += [
        "",
        f"Written by the same night again: {again}.",
        f"Memory of the process that works the nights, at most: {memory}.",
    ]
    largest = results[-1]
    lines += [
        "",
        f"By stage at {largest.members:,} members, seconds:",
        "",
        "| | " + " | ".join(largest.stages) + " |",
        "|---|" + "---:|" * len(largest.stages),
    ]
    for stage in next(iter(largest.stages.values())):
        cells = [f"{stages[stage]:.2f}" for stages in largest.stages.values()]
        lines.append(f"| {stage} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _cell(result: Measured, name: str) -> str:
    said = [f"{result.times_floor(result.seconds[name]):.1f} L"]
    if name in result.stages:
        said.append(f"{result.seconds['loop over members'] / result.seconds[name]:,.0f} x")
    return f"{result.seconds[name]:.2f} ({', '.join(said)})"


def _slope(results: list[Measured], seconds: list[float]) -> str:
    """The exponent of growth from the smallest to the largest size: 1 is linear."""
    first, last = results[0], results[-1]
    if first is last:
        return ""
    growth = seconds[-1] / seconds[0]
    return f"{log(growth) / log(last.members / first.members):.2f}"
