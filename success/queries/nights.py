"""What is known of nights: the last one, the ranges to work in, and what a night says."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet, Sum

from success.enums import Dimension, NightKind, NightStatus, StepStatus
from success.models import Intervention, Night, NightStep, VectorRollup

RANGES = """
SELECT min(id), max(id)
FROM (
    SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(size)s AS slice FROM members_member
) AS m
GROUP BY slice ORDER BY slice
"""


@dataclass(frozen=True)
class StageProgress:
    """One stage of a night: how many of its steps are done, what they read and wrote."""

    name: str
    steps: int
    done: int
    failed: int
    running: int
    rows_in: int | None
    rows_out: int | None
    duration: timedelta | None
    error: str

    @property
    def is_done(self) -> bool:
        return self.done == self.steps


def last_live_day() -> date | None:
    """The day of the last finished live night; null before the first.

    MemberFacts, and everything read from it, speaks of this day.
    """
    nights = Night.objects.filter(kind=NightKind.LIVE, status=NightStatus.DONE)
    day: date | None = nights.aggregate(day=Max("as_of"))["day"]
    return day


def last_finished_night() -> Night | None:
    """The live night that was finished last; null before the first."""
    nights = Night.objects.filter(kind=NightKind.LIVE, status=NightStatus.DONE)
    return nights.order_by("-pk").first()


def member_ranges(*, size: int) -> list[tuple[int, int]]:
    """Member ids in ranges of about ``size`` members, ends included; one range when empty."""
    with connection.cursor() as cursor:
        cursor.execute(RANGES, {"size": size})
        return cursor.fetchall() or [(0, 0)]


def figures(*, as_of: date) -> dict[str, Any]:
    """What a night says of the association, as plain JSON; empty where nobody is in scope."""
    everybody = VectorRollup.objects.filter(
        as_of=as_of, dimension=Dimension.ALL, value=""
    ).first()
    if everybody is None:
        return {}
    return {
        "in_scope": everybody.in_scope,
        "with_plan": everybody.with_plan,
        "with_pace": everybody.with_pace,
        "states": everybody.states,
        "mean_pace_milli": (
            round(everybody.pace_sum_milli / everybody.with_pace)
            if everybody.with_pace
            else None
        ),
        "median_position": everybody.median_position,
        "opened": Intervention.objects.filter(opened_on=as_of).count(),
    }


def recent_nights() -> "QuerySet[Night]":
    """Nights, newest first, with the steps done and to do and the rows written."""
    return Night.objects.annotate(
        step_count=Count("steps"),
        done_count=Count("steps", filter=Q(steps__status=StepStatus.DONE)),
        written=Sum("steps__rows_out"),
    ).order_by("-started_at", "-pk")


def progress(night: Night) -> list[StageProgress]:
    """The stages of a night in order, each with its steps summed up; one query."""
    stages = (
        NightStep.objects.filter(night=night)
        .values("position", "stage")
        .annotate(
            steps=Count("pk"),
            done=Count("pk", filter=Q(status=StepStatus.DONE)),
            failed=Count("pk", filter=Q(status=StepStatus.FAILED)),
            running=Count("pk", filter=Q(status=StepStatus.RUNNING)),
            read=Sum("rows_in"),
            written=Sum("rows_out"),
            first_started=Min("started_at"),
            last_finished=Max("finished_at"),
            any_error=Max("error"),
            first_step=Min("pk"),
        )
        .order_by("position", "first_step")
    )
    return [
        StageProgress(
            name=stage["stage"],
            steps=stage["steps"],
            done=stage["done"],
            failed=stage["failed"],
            running=stage["running"],
            rows_in=stage["read"],
            rows_out=stage["written"],
            duration=_between(stage["first_started"], stage["last_finished"]),
            error=stage["any_error"],
        )
        for stage in stages
    ]


def _between(start: datetime | None, end: datetime | None) -> timedelta | None:
    if start is None or end is None or end < start:
        return None
    return end - start


def unfinished_night_ids() -> list[int]:
    """Nights that are running, oldest day first; one that failed waits for a person."""
    running = Night.objects.filter(status=NightStatus.RUNNING).order_by("as_of", "pk")
    return list(running.values_list("pk", flat=True))
