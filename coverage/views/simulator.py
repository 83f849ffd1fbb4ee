"""The simulator: what would be if others looked after members, and applying it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from math import ceil
from typing import Any, Final, cast

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from kombu.exceptions import OperationalError

from config.kernel import clock
from config.kernel.fragments import render_page_or_fragment
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from coverage.access import Permission
from coverage.engine import simulator as engine
from coverage.engine.simulator import Asked
from coverage.enums import LifecycleStage, Modality, RebalancingStatus
from coverage.forms.rebalancing import ApplyForm, AskForm, initial_of, segments_to_choose
from coverage.models import Move, Rebalancing, Segment
from coverage.queries import rebalancing as reads
from coverage.queries.hours import STAGES as STAGES_OF_MEMBERS
from coverage.queries.hours import staff_hours
from coverage.services import rebalancing as acts
from coverage.tasks import work_out_rebalancing
from members.models import Association, User

PAGE_SIZE: Final = 50
RECENT: Final = 20
HUNDREDTHS: Final = Decimal(engine.HUNDREDTHS)
# Tables of the page of over-delivery that can be taken as files.
EXPORTS: Final = (
    ("over-delivery", gettext_lazy("Members over-served")),
    ("under-delivery", gettext_lazy("Where hours are missing")),
)
STAGES: Final = {
    "reading": gettext_lazy("reading who has whom"),
    "bound": gettext_lazy("finding the lowest highest load that there can be"),
    "moves": gettext_lazy("finding the fewest moves that come near to it"),
    "whole members": gettext_lazy("making sure that nobody is cut in pieces"),
}
FIXED: Final = {
    "regressing": gettext_lazy("regressing: their relationship is not broken up now"),
    "near_end": gettext_lazy("within 60 days of the end of their term"),
    "task_force": gettext_lazy("with a task force built around them"),
    "owner_is_away": gettext_lazy("of people who are away, and come back"),
    "unknown": gettext_lazy("of whom no night knows yet what they take"),
}
OUTCOMES: Final = {
    "": gettext_lazy("proposed"),
    acts.APPLIED: gettext_lazy("moved"),
    acts.LEFT: gettext_lazy("left: somebody else has decided meanwhile"),
    acts.UNDONE: gettext_lazy("put back"),
    acts.KEPT: gettext_lazy("kept: somebody else has decided since"),
}


@dataclass(frozen=True, kw_only=True)
class LoadRow:
    """A person before and after; hours a month, shares null where there are no hours."""

    name: str
    is_new: bool
    members: int
    members_then: int
    needed: Decimal
    needed_then: Decimal
    capacity: Decimal
    capacity_then: Decimal

    @property
    def load(self) -> Decimal | None:
        return self.needed / self.capacity if self.capacity else None

    @property
    def load_then(self) -> Decimal | None:
        return self.needed_then / self.capacity_then if self.capacity_then else None

    @property
    def change(self) -> Decimal:
        return self.needed_then - self.needed


@dataclass(frozen=True, kw_only=True)
class Sums:
    """The team, the pool and those whom nobody holds, before or after."""

    needed: Decimal
    capacity: Decimal
    highest: Decimal | None
    lowest: Decimal | None
    pool_members: int
    pool_needed: Decimal
    unheld_members: int
    unheld_needed: Decimal

    @property
    def load(self) -> Decimal | None:
        return self.needed / self.capacity if self.capacity else None


@requires(Permission.COVERAGE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def simulator(request: HttpRequest) -> HttpResponse:
    """Ask what would be; below, what was asked before."""
    today = clock.today()
    options: dict[str, Any] = {
        "segments": segments_to_choose(Segment.objects.all()),
        "people": _people(),
        "today": today,
        "staff": staff_hours(as_of=today),
    }
    if request.method == "POST":
        form = AskForm(request.POST, **options)
        if form.is_valid():
            try:
                found = acts.ask(
                    asked=form.asked(), by=_user(request), as_of=today, at=clock.now()
                )
            except acts.NotAskable as refusal:
                form.add_error(None, str(refusal))
            else:
                _wake(request, found)
                return redirect("coverage:rebalancing", public_id=found.public_id)
    else:
        form = AskForm(initial=_initial(request), **options)
    recent = reads.recent_rebalancings().order_by("-asked_at", "-pk")[:RECENT]
    return render(
        request,
        "coverage/simulator.html",
        {
            "form": form,
            "recent": [{"row": each, "words": in_words(each)} for each in recent],
            "stages": STAGES_OF_MEMBERS,
            "crumbs": [(_("Coverage"), reverse("coverage:overview"))],
        },
        status=422 if form.is_bound else 200,
    )


@requires(Permission.COVERAGE_EDIT)
@require_safe
def rebalancing(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One question with its answer: the same picture twice, and the moves between."""
    return _shown(request, _found(public_id), form=ApplyForm())


@requires(Permission.COVERAGE_EDIT)
@require_POST
def rebalancing_apply(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Apply it, with the reason."""
    found = _found(public_id)
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return _shown(request, found, form=form, status=422)
    try:
        done = acts.apply(
            rebalancing=found,
            reason=form.cleaned_data["reason"],
            tells_members=form.cleaned_data["tells_members"],
            by=_user(request),
            at=clock.now(),
        )
    except acts.NotApplicable as refusal:
        form.add_error(None, str(refusal))
        return _shown(request, found, form=form, status=422)
    moved = done.moves.filter(outcome=acts.APPLIED).count()
    messages.success(
        request,
        ngettext(
            "%(count)s member moved. Open work follows at the next night.",
            "%(count)s members moved. Open work follows at the next night.",
            moved,
        )
        % {"count": f"{moved:,}"},
    )
    return redirect("coverage:rebalancing", public_id=public_id)


@requires(Permission.COVERAGE_EDIT)
@require_POST
def rebalancing_undo(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Put back whom nobody has touched since."""
    try:
        done = acts.undo(rebalancing=_found(public_id), by=_user(request), at=clock.now())
    except acts.NotUndoable:
        messages.warning(request, _("It is undone already, or was never applied."))
    else:
        back = done.moves.filter(outcome=acts.UNDONE).count()
        messages.success(
            request,
            ngettext(
                "%(count)s member is where they were.",
                "%(count)s members are where they were.",
                back,
            )
            % {"count": f"{back:,}"},
        )
    return redirect("coverage:rebalancing", public_id=public_id)


@requires(Permission.COVERAGE_EDIT)
@require_safe
def rebalancing_chart(_request: HttpRequest, public_id: uuid.UUID, when: str) -> JsonResponse:
    """Hours needed and there, by person, before or after; both on the same scale."""
    found = _found(public_id)
    if not found.after:
        raise Http404
    rows = _rows(found)
    then = when == "after"
    needed = [float(row.needed_then if then else row.needed) for row in rows]
    capacity = [float(row.capacity_then if then else row.capacity) for row in rows]
    top = max(
        (max(row.needed, row.needed_then, row.capacity, row.capacity_then) for row in rows),
        default=Decimal(0),
    )
    return JsonResponse(
        {
            "kind": "bar",
            "title": _("After") if then else _("Before"),
            "unit": _("h"),
            "max": _round_up(top),
            "x": [row.name for row in rows],
            "series": [
                {"name": _("needed"), "data": needed},
                {"name": _("available"), "data": capacity, "state": "no_plan"},
            ],
        }
    )


@requires(Permission.COVERAGE_EDIT)
@require_safe
def over_delivery(request: HttpRequest) -> HttpResponse:
    """Who was given more than suits them, what that would free, and where it is missing."""
    today = clock.today()
    found = reads.over_delivery(as_of=today, grace_days=Association.current().grace_days)
    pool = Segment.objects.filter(is_pooled=True, is_retired=False).order_by("position").first()
    names = dict(Segment.objects.values_list("key", "name"))
    simulate = reverse("coverage:simulator")
    groups = [
        {
            "name": names[key],
            "members": count,
            "url": ""
            if pool is None or key == pool.key
            else f"{simulate}?from_segment={key}&to_segment={pool.key}"
            "&only_over_served=1&most_moved_percent=0",
        }
        for key, count in sorted(found.by_segment.items())
    ]
    return render(
        request,
        "coverage/over_delivery.html",
        {
            "found": found,
            "freed_hours": Decimal(found.freed) / 60 / 3,
            "rows": [
                {
                    "row": each,
                    "ratio": None
                    if each.ratio is None
                    else Decimal(each.ratio.numerator) / each.ratio.denominator,
                    "freed": Decimal(each.freed) / 60 / 3,
                }
                for each in found.rows
            ],
            "lacking": [
                {"row": each, "hours": Decimal(each.minutes) / 60 / 3} for each in found.lacking
            ],
            "groups": groups,
            "pool": pool,
            "since": today - reads.QUARTER + timedelta(days=1),
            "as_of": today,
            "exports": EXPORTS,
            "crumbs": [(_("Coverage"), reverse("coverage:overview"))],
        },
    )


def in_words(found: Rebalancing) -> str:
    """What was asked, in a sentence."""
    asked = engine.from_data(found.asked)
    return "; ".join(_sentences(asked, names=dict(Segment.objects.values_list("key", "name"))))


def _sentences(asked: Asked, *, names: Mapping[str, str]) -> list[str]:
    said = []
    cohort = asked.cohort
    if cohort:
        words = (
            _("%(percent)s%% of the over-served of %(first)s in %(second)s")
            if cohort.only_over_served
            else _("%(percent)s%% of %(first)s in %(second)s")
        )
        said.append(
            words
            % {
                "percent": cohort.percent,
                "first": names.get(cohort.from_segment, cohort.from_segment),
                "second": names.get(cohort.to_segment, cohort.to_segment),
            }
        )
    if asked.added:
        said.append(
            ngettext(
                "%(count)s person more, with %(hours)s h",
                "%(count)s people more, with %(hours)s h each",
                asked.added,
            )
            % {"count": asked.added, "hours": asked.added_hours}
        )
    if asked.away:
        said.append(
            ngettext("%(count)s person away", "%(count)s people away", len(asked.away))
            % {"count": len(asked.away)}
        )
    if asked.hours:
        said.append(
            ngettext(
                "other hours for %(count)s person",
                "other hours for %(count)s people",
                len(asked.hours),
            )
            % {"count": len(asked.hours)}
        )
    said += [
        _("leverage %(factor)s %(modality)s")
        % {"factor": f"{float(factor):g}", "modality": Modality(key).label.lower()}
        for key, factor in asked.leverage.items()
    ]
    said += [
        _("%(segment)s, %(stage)s: %(hours)s h of staff")
        % {
            "segment": names.get(key, key),
            "stage": LifecycleStage(stage).label.lower(),
            "hours": f"{float(hours):g}",
        }
        for (key, stage), hours in asked.cells.items()
    ]
    said += [
        _("%(segment)s at %(percent)s%% of its hours")
        % {"segment": names.get(key, key), "percent": percent}
        for key, percent in asked.parts.items()
    ]
    if asked.hours_apart is not None:
        said.append(
            ngettext(
                "clocks at most %(count)s hour apart",
                "clocks at most %(count)s hours apart",
                asked.hours_apart,
            )
            % {"count": asked.hours_apart}
        )
    if asked.most_moved_percent is None:
        said.append(_("as many moves as it takes"))
    elif asked.most_moved_percent:
        said.append(
            _("at most %(percent)s%% of relationships moved")
            % {"percent": asked.most_moved_percent}
        )
    else:
        said.append(_("nobody changes hands without need"))
    return said


def _shown(
    request: HttpRequest, found: Rebalancing, *, form: ApplyForm, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "found": found,
        "form": form,
        "words": in_words(found),
        "is_working": found.status in {RebalancingStatus.WAITING, RebalancingStatus.WORKING},
        "stage": STAGES.get(found.stage, ""),
        "crumbs": [
            (_("Coverage"), reverse("coverage:overview")),
            (_("Simulator"), reverse("coverage:simulator")),
        ],
        "again": f"{reverse('coverage:simulator')}?again={found.public_id}",
    }
    if found.after:
        moves = page_asked(
            request,
            found.moves.select_related(
                "member", "from_owner", "to_owner", "from_segment", "to_segment"
            ),
            order=("-minutes", "pk"),
            size=PAGE_SIZE,
        )
        context |= _answer(found) | {
            "moves": [_move(each) for each in moves.items],
            "after": moves.next,
            "before": moves.previous,
            "moves_count": found.moves.count(),
        }
    return render_page_or_fragment(
        request,
        "coverage/rebalancing.html",
        "coverage/_rebalancing.html",
        context,
        status=status,
    )


def _answer(found: Rebalancing) -> dict[str, Any]:
    after = found.after
    asked = engine.from_data(found.asked)
    outcomes = {
        row["outcome"]: row["count"]
        for row in found.moves.values("outcome").annotate(count=Count("pk"))
    }
    return {
        "rows": _rows(found),
        "pictures": [
            ("before", _("Before"), _chart_url(found, "before")),
            ("after", _("After"), _chart_url(found, "after")),
        ],
        "before_sums": _sums(found.before),
        "after_sums": _sums(after),
        "bound": None if found.bound is None else Decimal(str(round(found.bound, 6))),
        "gap": None
        if not found.bound or found.highest is None
        else Decimal(str(round(max(found.highest - found.bound, 0) / found.bound, 6))),
        "freed": after["freed"] / HUNDREDTHS,
        "pooled": after["pooled"] / HUNDREDTHS,
        "cohort": after["cohort"],
        "changed_hands": after["changed_hands"],
        "relationships": after["relationships"],
        "fixed": [
            (FIXED.get(why, why), count) for why, count in sorted(after["fixed"].items())
        ],
        "stranded": after["stranded"],
        "to_added": sum(after["to_added"].values()),
        # answers from before these were counted have none of them
        "asked_of": after.get("asked_of", 0),
        "without_language": after.get("without_language", 0),
        "without_zone": after.get("without_zone", 0) if asked.hours_apart is not None else 0,
        "is_assumption": asked.is_assumption,
        "is_applicable": found.status == RebalancingStatus.READY
        and not asked.added
        and found.moves.exists(),
        "left": outcomes.get(acts.LEFT, 0),
        "kept": outcomes.get(acts.KEPT, 0),
    }


def _chart_url(found: Rebalancing, when: str) -> str:
    return reverse(f"coverage:rebalancing_{when}", args=[found.public_id])


def _rows(found: Rebalancing) -> list[LoadRow]:
    """Everybody before and after, by name; who is not there yet comes last."""
    before = {each["key"]: each for each in found.before["people"]}
    after = {each["key"]: each for each in found.after["people"]}
    keys = [*before, *(key for key in after if key not in before)]
    people = User.objects.in_bulk([key for key in keys if key > 0])
    nothing = {"members": 0, "needed": 0, "capacity": 0}
    rows = [
        LoadRow(
            name=_name(key, people),
            is_new=key < 0,
            members=then["members"],
            members_then=now["members"],
            needed=then["needed"] / HUNDREDTHS,
            needed_then=now["needed"] / HUNDREDTHS,
            capacity=then["capacity"] / HUNDREDTHS,
            capacity_then=now["capacity"] / HUNDREDTHS,
        )
        for key in keys
        for then, now in [(before.get(key, nothing), after.get(key, nothing))]
    ]
    return sorted(rows, key=lambda row: (row.is_new, row.name))


def _name(key: int, people: Mapping[int, User]) -> str:
    if key < 0:
        return _("New colleague %(number)s") % {"number": -key}
    return str(people[key]) if key in people else _("somebody who has left")


def _sums(picture: Mapping[str, Any]) -> Sums:
    people, pool, unheld = picture["people"], picture["pool"], picture["unheld"]
    loads = [Decimal(each["needed"]) / each["capacity"] for each in people if each["capacity"]]
    return Sums(
        needed=(sum(each["needed"] for each in people) + unheld["needed"]) / HUNDREDTHS,
        capacity=sum(each["capacity"] for each in people) / HUNDREDTHS,
        highest=max(loads, default=None),
        lowest=min(loads, default=None),
        pool_members=pool["members"],
        pool_needed=pool["needed"] / HUNDREDTHS,
        unheld_members=unheld["members"],
        unheld_needed=unheld["needed"] / HUNDREDTHS,
    )


def _move(move: Move) -> dict[str, Any]:
    return {
        "move": move,
        "from": str(move.from_owner) if move.from_owner else _("nobody, or the pool"),
        "to": str(move.to_owner) if move.to_owner else _("the pool"),
        "is_other_segment": move.from_segment_id != move.to_segment_id,
        "hours": Decimal(move.minutes) / 60,
        "outcome": OUTCOMES.get(move.outcome, move.outcome),
    }


def _initial(request: HttpRequest) -> Mapping[str, Any] | None:
    """What the form shows first: a question asked before, or what a link asks."""
    again = request.GET.get("again")
    if again:
        try:
            return initial_of(engine.from_data(_found(uuid.UUID(again)).asked))
        except ValueError:
            return None
    names = ("from_segment", "to_segment", "percent", "most_moved_percent", "only_over_served")
    said = {name: request.GET[name] for name in names if name in request.GET}
    return said or None


def _people() -> list[User]:
    """Everybody who could be asked about, by name."""
    keys = [each.key for each in reads.colleagues(as_of=clock.today())]
    return list(User.objects.filter(pk__in=keys, is_active=True).order_by("name", "pk"))


def _wake(request: HttpRequest, found: Rebalancing) -> None:
    try:
        work_out_rebalancing.delay(rebalancing_id=found.pk)
    except OperationalError:  # the row is there, and each minute's tick looks for it
        messages.warning(
            request,
            _("No worker could be woken. The question waits until one is back."),
        )


def _found(public_id: uuid.UUID) -> Rebalancing:
    return get_object_or_404(reads.recent_rebalancings(), public_id=public_id)


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _round_up(top: Decimal) -> int:
    """The end of a scale that holds ``top``, in steps of ten hours or of fifty."""
    step = 10 if top < 100 else 50
    return ceil(top / step) * step
