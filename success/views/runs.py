"""What the nights did: a list of runs, and one run as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from success.access import Permission
from success.enums import NightKind, NightStatus
from success.models import Night
from success.queries.batches import recent_batches
from success.queries.nights import StageProgress, last_live_day, progress, recent_nights
from success.services.nights import start_night
from success.tasks import work

PAGE_SIZE = 30
BATCHES_SHOWN = 10

STAGES: Mapping[str, tuple[Any, Any]] = {
    "collect": (
        gettext_lazy("Whom it concerns"),
        gettext_lazy("members whose facts changed, or whose day has come"),
    ),
    "involvement": (
        gettext_lazy("Involvement"),
        gettext_lazy("who was involved in what, and when"),
    ),
    "coverage": (
        gettext_lazy("Coverage"),
        gettext_lazy("which segment each member belongs to"),
    ),
    "owners": (
        gettext_lazy("Owners"),
        gettext_lazy("who looks after those whom nobody does"),
    ),
    "statistics": (
        gettext_lazy("Statistics"),
        gettext_lazy("what the planner of the database needs to know"),
    ),
    "milestones": (
        gettext_lazy("Milestones"),
        gettext_lazy("those whose evidence is in the facts"),
    ),
    "facts": (
        gettext_lazy("Member facts"),
        gettext_lazy("standing and Success Vector of each member"),
    ),
    "earlier": (
        gettext_lazy("Ninety and thirty days ago"),
        gettext_lazy("how they were doing then, by what is known now"),
    ),
    "circumstances": (
        gettext_lazy("Lifecycle stages"),
        gettext_lazy("what coverage has to know of each member's way"),
    ),
    "loads": (
        gettext_lazy("Loads"),
        gettext_lazy("hours that members need this week, and hours there are"),
    ),
    "obligations": (
        gettext_lazy("Obligations"),
        gettext_lazy("next goals that are ours to agree"),
    ),
    "watch_ledger": (
        gettext_lazy("What the ledger says"),
        gettext_lazy("terms and dues by month, to be held against the next full night"),
    ),
    "watch": (
        gettext_lazy("What has changed"),
        gettext_lazy("tables that the stages below read, beside what they were"),
    ),
    "watch_written": (
        gettext_lazy("What the night has written"),
        gettext_lazy("the same of tables that were written meanwhile"),
    ),
    "moment": (
        gettext_lazy("The moment"),
        gettext_lazy("from when on rows count as new to the next night's plays"),
    ),
    "groups": (
        gettext_lazy("Groups"),
        gettext_lazy("the association, segments and owners summed up"),
    ),
    "plays": (gettext_lazy("Plays"), gettext_lazy("messages and queue items opened")),
    "revenue": (gettext_lazy("Revenue"), gettext_lazy("retention by month and year")),
    "renewals": (
        gettext_lazy("Renewals"),
        gettext_lazy("what came of the terms that ended, by month"),
    ),
    "retention": (
        gettext_lazy("Retention curves"),
        gettext_lazy("who was seen to each month of membership, and who left"),
    ),
    "effects": (
        gettext_lazy("Effects"),
        gettext_lazy("the kinds of member that a play makes worse"),
    ),
    "integrity": (
        gettext_lazy("Integrity"),
        gettext_lazy("whether revenue is backed by success"),
    ),
    "months": (
        gettext_lazy("Months"),
        gettext_lazy("what is told of whole months, after one has closed"),
    ),
    "movements": (
        gettext_lazy("Movements"),
        gettext_lazy("who paid more, less or no more, as the pages open"),
    ),
    "our_work": (
        gettext_lazy("Our work"),
        gettext_lazy("what its pages open with: accounts held, promises, first value"),
    ),
    "money": (
        gettext_lazy("Money"),
        gettext_lazy("what its pages open with: revenue, forecast, margin, the story"),
    ),
    "look_back": (
        gettext_lazy("Looking back"),
        gettext_lazy("what that night would have said, changing nothing"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """A stage as a line of progress."""

    label: Any
    status: str
    done: int
    total: int
    detail: str
    error: str


@requires(Permission.NIGHT_VIEW)
@require_safe
def runs(request: HttpRequest) -> HttpResponse:
    """The nights, newest first."""
    found = page_asked(
        request,
        recent_nights(),
        order=("-started_at",),
        size=PAGE_SIZE,
    )
    return render(
        request,
        "success/runs.html",
        {
            "nights": [
                {"night": night, "took": took(night), "work": _work_in_words(night)}
                for night in found.items
            ],
            "after": found.next,
            "before": found.previous,
            "last_day": last_live_day(),
            "batches": list(recent_batches()[:BATCHES_SHOWN]),
        },
    )


@requires(Permission.NIGHT_VIEW)
@require_safe
def night(request: HttpRequest, night_id: int) -> HttpResponse:
    """One night, live while it runs; the fragment is asked for again until it is over."""
    shown = get_object_or_404(Night, pk=night_id)
    stages = progress(shown)
    return render_page_or_fragment(
        request,
        "success/night.html",
        "success/_night.html",
        {
            "night": shown,
            "stages": [_stage_row(stage, night=shown) for stage in stages],
            "took": took(shown),
            "written": sum(stage.rows_out or 0 for stage in stages),
            "result": result_in_words(shown),
            "is_running": shown.status == NightStatus.RUNNING,
            "crumbs": [(_("Runs"), "../")],
        },
    )


@requires(Permission.NIGHT_RUN)
@require_POST
def night_start(request: HttpRequest) -> HttpResponse:
    """Start tonight's night, or go on with one left unfinished; twice is as good as once."""
    today = clock.today()
    started = start_night(as_of=today, today=today, at=clock.now())
    try:
        work.delay(night_id=started.pk)
    except OperationalError:  # the row is there, and each minute's tick looks for it
        messages.warning(
            request,
            _("No worker could be woken. The night is noted, and begins when one is back."),
        )
    else:
        messages.success(
            request,
            _("The night of %(day)s is on its way.")
            % {"day": date_format(started.as_of, "j F Y")},
        )
    return redirect("success:night", night_id=started.pk)


def took(night: Night) -> str:
    """How long a finished night took; nothing while it has no end."""
    if night.finished_at is None:
        return ""
    return _duration(night.finished_at - night.started_at)


def _work_in_words(night: Night) -> str:
    if night.kind == NightKind.PAST:
        return _("looked back, changed nothing")
    return _("every member") if night.is_full else _("what had changed")


def _stage_row(stage: StageProgress, *, night: Night) -> StageRow:
    label, means = STAGES.get(stage.name, (stage.name.replace("_", " "), ""))
    return StageRow(
        label=str(label),
        status=_stage_status(stage, night=night),
        done=stage.done,
        total=stage.steps,
        detail=_stage_detail(stage, means=str(means)),
        error=stage.error,
    )


def _stage_status(stage: StageProgress, *, night: Night) -> str:
    if stage.failed and night.status == NightStatus.FAILED:
        return "failed"
    if stage.is_done:
        return "done"
    return "running" if stage.running or stage.done else "waiting"


def _stage_detail(stage: StageProgress, *, means: str) -> str:
    said = [means] if means else []
    if stage.rows_in is not None or stage.rows_out is not None:
        said.append(
            _("read %(read)s, wrote %(wrote)s")
            % {"read": f"{stage.rows_in or 0:,}", "wrote": f"{stage.rows_out or 0:,}"}
        )
    if stage.duration is not None:
        said.append(_duration(stage.duration))
    return " · ".join(said)


def _duration(length: timedelta) -> str:
    seconds = length.total_seconds()
    if seconds < 60:
        return _("%(seconds).1f s") % {"seconds": seconds}
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": minutes, "seconds": rest}
    hours, minutes = divmod(minutes, 60)
    return _("%(hours)d h %(minutes)d min") % {"hours": hours, "minutes": minutes}


def result_in_words(night: Night) -> list[str]:
    """What a night says of the association, a sentence each; nothing before it is done."""
    said = night.result
    if not said:
        return []
    in_scope = said.get("in_scope", 0)
    sentences = [
        ngettext(
            "%(count)s member in force or in grace, %(planned)s with a plan.",
            "%(count)s members in force or in grace, %(planned)s of them with a plan.",
            in_scope,
        )
        % {"count": f"{in_scope:,}", "planned": f"{said.get('with_plan', 0):,}"}
    ]
    pace = said.get("mean_pace_milli")
    if pace is not None and said.get("with_pace"):
        sentences.append(
            _("Mean pace %(pace)s plan-days a day, of %(count)s members.")
            % {"pace": f"{pace / 1000:.2f}", "count": f"{said['with_pace']:,}"}
        )
    if night.kind == NightKind.LIVE:
        opened = said.get("opened", 0)
        sentences.append(
            ngettext(
                "%(count)s intervention was opened.",
                "%(count)s interventions were opened.",
                opened,
            )
            % {"count": f"{opened:,}"}
        )
    would = said.get("would_open", {})
    if would:
        messages_count = sum(play.get("messages", 0) for play in would.values())
        items = sum(play.get("items", 0) for play in would.values())
        sentences.append(
            _("It would have sent %(messages)s messages and opened %(items)s queue items.")
            % {"messages": f"{messages_count:,}", "items": f"{items:,}"}
        )
    return sentences
