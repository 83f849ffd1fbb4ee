"""What an experience takes: the hours by segment, stage and kind, and their versions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.enums import LifecycleStage, Modality
from coverage.forms.hours import HoursForm, WithdrawForm, plain
from coverage.models import CoverageModel, Segment
from coverage.queries import hours as reads
from coverage.queries.capacity import Picture, with_hours
from coverage.queries.hours import STAGES, Difference, Said, StaffHours
from coverage.services import hours as services
from coverage.views.capacity import BANDS
from coverage.views.pages import user_of
from members.models import Association

NOTHING_SAID = Said(hours={}, leverage={})


@dataclass(frozen=True, kw_only=True)
class Row:
    """Hours of one kind, by stage; null is not said."""

    modality: Modality
    cells: tuple[tuple[LifecycleStage, Decimal | None], ...]
    leverage: Decimal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What follows in one stage: staff hours a member, members of today, and both together."""

    stage: LifecycleStage
    staff: Decimal | None
    members: int

    @property
    def total(self) -> Decimal | None:
        return None if self.staff is None else self.staff * self.members


@dataclass(frozen=True, kw_only=True)
class Block:
    """One segment: what is said of it, and what follows."""

    segment: Segment
    rows: tuple[Row, ...]
    outcomes: tuple[Outcome, ...]
    without_stage: int

    @property
    def members(self) -> int:
        return sum(each.members for each in self.outcomes) + self.without_stage

    @property
    def total(self) -> Decimal:
        """Staff hours a month of the members whose hours are known."""
        return sum((each.total or Decimal(0) for each in self.outcomes), Decimal(0))

    @property
    def unknown(self) -> int:
        """Members whose stage no night has found, or of whose stage nothing is said."""
        return self.without_stage + sum(
            each.members for each in self.outcomes if each.staff is None
        )


@dataclass(frozen=True, kw_only=True)
class Version:
    """One version in the list: when it counts, in a word, and what it changed."""

    model: CoverageModel
    when: str
    counts: bool


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What the team's load is, and would be; null is not known."""

    needed: Decimal
    needed_then: Decimal
    load: Decimal | None
    load_then: Decimal | None
    band: str
    band_then: str
    overloaded: int
    overloaded_then: int
    people: int
    rows: tuple[tuple[str, Decimal | None, Decimal | None], ...]


@requires(Permission.COVERAGE_VIEW)
@require_safe
def hours(request: HttpRequest) -> HttpResponse:
    """What counts today, what follows from it, and every version."""
    today = clock.today()
    found = list(reads.versions())
    counting = _counting(found, on=today)
    context: dict[str, Any] = {
        "model": counting,
        "versions": _versions(found, counting=counting, on=today),
        "may_edit": has(request.user, Permission.COVERAGE_EDIT),
        "has_segments": Segment.objects.exists(),
        "crumbs": [(_("Coverage"), reverse("coverage:overview"))],
    }
    if counting is not None:
        blocks = _blocks(reads.said(counting), on=today)
        context |= _sums(blocks) | {"blocks": blocks, "stages": STAGES}
    return render(request, "coverage/hours.html", context)


@requires(Permission.COVERAGE_VIEW)
@require_safe
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One version: what it says, and what it says differently from the one before."""
    model = get_object_or_404(reads.versions(), version=number)
    today = clock.today()
    said = reads.said(model)
    before = reads.version_before(model)
    blocks = _blocks(said, on=today)
    found = list(reads.versions())
    shown = _versions(found, counting=_counting(found, on=today), on=today)
    return render(
        request,
        "coverage/hours_version.html",
        {
            "model": model,
            "when": next(each.when for each in shown if each.model == model),
            "before": before,
            "differences": [] if before is None else in_words(reads.said(before), said),
            "blocks": blocks,
            "stages": STAGES,
            "may_withdraw": has(request.user, Permission.COVERAGE_EDIT)
            and _is_planned(model, on=today),
            "crumbs": [
                (_("Coverage"), reverse("coverage:overview")),
                (_("Hours"), reverse("coverage:hours")),
            ],
        }
        | _sums(blocks),
    )


@requires(Permission.COVERAGE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, number: int) -> HttpResponse:
    """Ask for the reason, then let a version that is still to begin never count."""
    model = get_object_or_404(reads.versions(), version=number)
    back = reverse("coverage:hours_version", args=[number])
    if not _is_planned(model, on=clock.today()):
        messages.warning(request, _("This version counts already, or was withdrawn before."))
        return redirect(back)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            services.withdraw(
                model=model, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        except services.NotWithdrawable as refused:
            messages.warning(request, str(refused))
            return redirect(back)
        messages.success(
            request, _("Version %(number)s of the hours will not count.") % {"number": number}
        )
        return redirect("coverage:hours")
    words = {"number": number, "day": date_format(model.effective_from, "j F Y")}
    context = {
        "form": form,
        "title": _("Withdraw version %(number)s of the hours?") % words,
        "lead": _(
            "It would count from %(day)s. It stays to be seen, and the version before it goes "
            "on counting."
        )
        % words,
        "button": _("Withdraw it"),
        "back": back,
        "crumbs": [
            (_("Coverage"), reverse("coverage:overview")),
            (_("Hours"), reverse("coverage:hours")),
        ],
    }
    status = 422 if form.is_bound else 200
    return render(request, "coverage/member_form.html", context, status=status)


@requires(Permission.COVERAGE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """Say the hours anew: look what it does, then keep it as a version."""
    today = clock.today()
    newest = reads.versions().standing().first()
    said = NOTHING_SAID if newest is None else reads.said(newest)
    segments = _segments(said)
    if not segments:
        return redirect("coverage:hours")
    form = HoursForm(
        request.POST or None,
        segments=segments,
        said=said,
        today=today,
        effective_from=today if newest is None else max(today, newest.effective_from),
    )
    context: dict[str, Any] = {
        "form": form,
        "blocks": list(form.blocks()),
        "stages": STAGES,
        "newest": newest,
        "crumbs": [
            (_("Coverage"), reverse("coverage:overview")),
            (_("Hours"), reverse("coverage:hours")),
        ],
    }
    if request.method != "POST":
        return render(request, "coverage/hours_edit.html", context)
    if not form.is_valid():
        return render(request, "coverage/hours_edit.html", context, status=422)
    proposed = form.proposed()
    keeps = request.POST.get("do") == "keep"
    if keeps and form.was_looked_at():
        try:
            made = services.new_version(
                hours=proposed.hours,
                leverage=proposed.leverage,
                effective_from=form.cleaned_data["effective_from"],
                note=form.cleaned_data["note"],
                by=user_of(request),
                at=clock.now(),
            )
        except services.NotAModel as refused:
            form.add_error(None, str(refused))
            return render(request, "coverage/hours_edit.html", context, status=422)
        messages.success(
            request, _("Version %(number)s of the hours is kept.") % {"number": made.version}
        )
        return redirect("coverage:hours_version", number=made.version)
    context |= {
        "effect": _effect(proposed, segments, on=today),
        "differences": in_words(said, proposed),
        "mark": form.mark(),
        "was_changed": keeps,
    }
    return render(request, "coverage/hours_edit.html", context)


@requires(Permission.COVERAGE_EDIT)
@require_POST
def begin(request: HttpRequest) -> HttpResponse:
    """Begin with the usual segments and hours, without waiting for a night."""
    if services.ensure_beginning(on=clock.today(), at=clock.now()):
        messages.success(request, _("These hours count from today. Say your own when you can."))
    else:
        messages.warning(request, _("There are hours already, or segments of your own."))
    return redirect("coverage:hours")


# What is said, and what follows


def _is_planned(model: CoverageModel, *, on: date) -> bool:
    return model.withdrawn_at is None and model.effective_from > on


def _counting(found: Iterable[CoverageModel], *, on: date) -> CoverageModel | None:
    begun = [each for each in found if each.withdrawn_at is None and each.effective_from <= on]
    return max(begun, key=lambda each: (each.effective_from, each.version), default=None)


def _versions(
    found: Sequence[CoverageModel], *, counting: CoverageModel | None, on: date
) -> list[Version]:
    """Every version, newest first, with when it counts. ``found`` is newest first."""
    shown = []
    following: CoverageModel | None = None
    for model in found:
        if model.withdrawn_at is not None:
            shown.append(Version(model=model, when=_("withdrawn"), counts=False))
            continue
        if model == counting:
            when = _("counts now")
        elif following is not None and following.effective_from <= model.effective_from:
            when = _("replaced before it counted")
        elif model.effective_from > on:
            when = _("will count")
        else:
            when = _("counted")
        shown.append(Version(model=model, when=when, counts=model == counting))
        following = model
    return shown


def _segments(said: Said) -> list[Segment]:
    """The segments in use, in the order of their rules, and retired ones with hours."""
    with_hours_said = {key for key, _stage, _modality in said.hours}
    return [
        each
        for each in Segment.objects.order_by("is_retired", "position", "pk")
        if not each.is_retired or each.key in with_hours_said
    ]


def _blocks(said: Said, *, on: date) -> list[Block]:
    segments = _segments(said)
    staff = said.staff(segments)
    held = reads.members_by_stage(as_of=on, grace_days=Association.current().grace_days)
    return [_block(each, said=said, staff=staff, held=held) for each in segments]


def _block(
    segment: Segment, *, said: Said, staff: StaffHours, held: Mapping[tuple[int, str], int]
) -> Block:
    used = {modality for key, _stage, modality in said.hours if key == segment.key}
    return Block(
        segment=segment,
        rows=tuple(
            Row(
                modality=modality,
                cells=tuple(
                    (stage, said.hours.get((segment.key, stage, modality))) for stage in STAGES
                ),
                leverage=said.leverage.get((segment.key, modality), Decimal(1)),
            )
            for modality in Modality
            if modality in used
        ),
        outcomes=tuple(
            Outcome(
                stage=stage,
                staff=_decimal(staff.get((segment.pk, stage.value))),
                members=held.get((segment.pk, stage.value), 0),
            )
            for stage in STAGES
        ),
        without_stage=held.get((segment.pk, ""), 0),
    )


def _sums(blocks: Iterable[Block]) -> dict[str, Any]:
    each = list(blocks)
    return {
        "total": sum((block.total for block in each), Decimal(0)),
        "members": sum(block.members for block in each),
        "unknown": sum(block.unknown for block in each),
    }


def in_words(before: Said, after: Said) -> list[str]:
    """What two versions say differently, a sentence each."""
    names = dict(Segment.objects.values_list("key", "name"))
    return [_sentence(each, names=names) for each in reads.differences(before, after)]


def _sentence(each: Difference, *, names: Mapping[str, str]) -> str:
    said = {
        "segment": names.get(each.segment, each.segment),
        "modality": Modality(each.modality).label.lower(),
        "before": "" if each.before is None else plain(each.before),
        "after": "" if each.after is None else plain(each.after),
    }
    if not each.stage:
        return (
            _("%(segment)s, %(modality)s: an hour of ours gives %(after)s, not %(before)s.")
            % said
        )
    said["stage"] = LifecycleStage(each.stage).label.lower()
    if each.before is None:
        return _("%(segment)s, %(stage)s, %(modality)s: %(after)s h, where none were.") % said
    if each.after is None:
        return _("%(segment)s, %(stage)s, %(modality)s: no longer, it was %(before)s h.") % said
    return _("%(segment)s, %(stage)s, %(modality)s: %(before)s h become %(after)s h.") % said


# What it would do


def _effect(proposed: Said, segments: Iterable[Segment], *, on: date) -> Effect:
    grace_days = Association.current().grace_days
    now = with_hours(None, as_of=on, grace_days=grace_days)
    then = with_hours(proposed.staff(segments), as_of=on, grace_days=grace_days)
    loads_then = {each.user.pk: each for each in then.loads}
    return Effect(
        needed=_known(now.team.sums.demand),
        needed_then=_known(then.team.sums.demand),
        load=_decimal(now.team.sums.load),
        load_then=_decimal(then.team.sums.load),
        band=str(BANDS[now.team.band]) if now.team.band else "",
        band_then=str(BANDS[then.team.band]) if then.team.band else "",
        overloaded=_overloaded(now),
        overloaded_then=_overloaded(then),
        people=len(now.loads),
        rows=tuple(
            (each.user.name, _decimal(each.load), _decimal(loads_then[each.user.pk].load))
            for each in now.loads
            if each.members or each.helped
        ),
    )


def _overloaded(found: Picture) -> int:
    return sum(1 for each in found.loads if each.load is not None and each.load > 1)


def _known(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else _known(value)
