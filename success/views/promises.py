"""Promises of both sides on a member's page, and what can be done with each."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import Member, Person, User
from members.views.visible import visible_member
from success.access import Permission
from success.enums import Side
from success.forms.acts import HandOverForm, KeepForm, MakePromiseForm, MoveForm, ReasonForm
from success.models import Accountability, Milestone
from success.queries import planning, plans
from success.queries.members import plan_on
from success.queries.promises import kept_between
from success.services import promises as services
from success.views.acts import (
    Act,
    Refused,
    answer,
    day_shown,
    render_own_panel,
    user_of,
)

REFUSALS = (
    services.NotPromised,
    services.AlreadySettled,
    services.StillOpen,
    services.DueDayPassed,
    services.MovedIntoThePast,
)
KEPT_WITHIN = timedelta(days=365)
Done = TypeVar("Done")


@requires(Permission.PLAN_VIEW)
@require_safe
def promises(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What each side has promised, late ones first."""
    member, shown = visible_member(request, public_id), day_shown(request)
    plan = plan_on(member, as_of=shown.as_of)
    rows = planning.promise_rows(plan, as_of=shown.as_of)
    since = shown.as_of - KEPT_WITHIN
    context = {
        "plan": plan,
        "kept": kept_between(since=since, until=shown.as_of, member=member),
        "theirs": [row for row in rows if row.promise.side == Side.MEMBER],
        "ours": [row for row in rows if row.promise.side == Side.ASSOCIATION],
    }
    return render_own_panel(request, member, "promises", _("Promises"), context, shown=shown)


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def promise_add(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Promise something more while the plan runs."""
    member, today = visible_member(request, public_id), clock.today()
    plan = get_object_or_404(member.plans, closed_on=None)
    milestones = list(plan.milestones.order_by("position"))
    fits = plans.fits_of(member, as_of=today)

    def make(*data: Any, **options: Any) -> MakePromiseForm:
        return MakePromiseForm(
            *data,
            team=planning.team(),
            people=planning.people_of(member, as_of=today),
            milestones=[(each.key, each.title) for each in milestones],
            missing_fits=[(row.fit.value, row.fit.label) for row in fits if row.is_missing],
            **options,
        )

    def run(form: MakePromiseForm) -> object:
        said = form.cleaned_data
        ours = said["side"] == Side.ASSOCIATION
        leads_to: Milestone | None = next(
            (each for each in milestones if each.key == said["milestone"]), None
        )
        return _unless_refused(
            lambda: services.make(
                plan=plan,
                side=Side(said["side"]),
                title=said["title"],
                due_on=said["due_on"],
                milestone=leads_to,
                owner=_colleague(said["owner"]) if ours else None,
                person=None if ours else _person(said["person"]),
                closes_fit=said.get("closes_fit", "") if ours else "",
                by=user_of(request),
                at=clock.now(),
            )
        )

    act = Act(
        do="add",
        title=_("A new promise"),
        button=_("Promise it"),
        make=make,
        run=run,
        said=_("It is promised, and they see it on their page."),
    )
    return answer(request, member=member, title=_("A new promise"), acts=[act], back="promises")


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def promise(request: HttpRequest, public_id: uuid.UUID, promise_id: uuid.UUID) -> HttpResponse:
    """One promise: done, moved, handed over, waived, or open again."""
    member = visible_member(request, public_id)
    one = get_object_or_404(
        Accountability.objects.filter(plan__member=member).select_related(
            "plan", "owner", "person", "milestone"
        ),
        public_id=promise_id,
    )
    settled = one.done_on is not None or one.waived_on is not None
    acts = [_reopen(request, one)] if settled else _open_acts(request, member, one)
    return answer(
        request,
        member=member,
        title=one.title,
        acts=acts,
        back="promises",
        extra="success/_act_promise.html",
        context={"promise": one, "history": one.events.select_related("by").order_by("-at")},
    )


def _open_acts(request: HttpRequest, member: Member, one: Accountability) -> list[Act]:
    today, by = clock.today(), user_of(request)
    ours = one.side == Side.ASSOCIATION
    people = planning.team() if ours else planning.people_of(member, as_of=today)

    def keep(form: KeepForm) -> object:
        return _unless_refused(
            lambda: services.keep(promise=one, by=by, at=clock.now(), **form.cleaned_data)
        )

    def move(form: MoveForm) -> object:
        return _unless_refused(
            lambda: services.move(promise=one, by=by, at=clock.now(), **form.cleaned_data)
        )

    def waive(form: ReasonForm) -> object:
        return _unless_refused(
            lambda: services.waive(promise=one, by=by, at=clock.now(), **form.cleaned_data)
        )

    def hand_over(form: HandOverForm) -> object:
        who = form.cleaned_data["who"]
        return _unless_refused(
            lambda: services.hand_over(
                promise=one,
                owner=_colleague(who) if ours else None,
                person=None if ours else _person(who),
                by=by,
                at=clock.now(),
            )
        )

    acts = [
        Act(
            do="keep",
            title=_("It is done"),
            button=_("Mark it done"),
            make=lambda *data, **options: KeepForm(*data, today=today, **options),
            run=keep,
            said=_("Done, and they see it."),
            is_first=True,
        ),
        Act(
            do="hand_over",
            title=_("Somebody else does it"),
            button=_("Hand it over"),
            make=lambda *data, **options: HandOverForm(*data, people=people, **options),
            run=hand_over,
            said=_("It is handed over."),
        ),
        Act(
            do="waive",
            title=_("It is needed no more"),
            button=_("Waive it"),
            make=ReasonForm,
            run=waive,
            said=_("It is waived. It counts neither as kept nor as broken."),
        ),
    ]
    if one.due_on >= today:
        acts.insert(
            1,
            Act(
                do="move",
                title=_("Another day"),
                button=_("Move it"),
                make=lambda *data, **options: MoveForm(*data, today=today, **options),
                run=move,
                said=_("It is moved, and they see the new day."),
            ),
        )
    return acts


def _reopen(request: HttpRequest, one: Accountability) -> Act:
    return Act(
        do="reopen",
        title=_("It is open after all"),
        button=_("Open it again"),
        make=ReasonForm,
        run=lambda form: _unless_refused(
            lambda: services.reopen(
                promise=one, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        ),
        said=_("It is open again, with its day."),
    )


def _unless_refused(write: Callable[[], Done]) -> Done:
    try:
        return write()
    except REFUSALS as refused:
        raise Refused(str(refused)) from refused


def _colleague(public_id: str) -> User | None:
    return User.objects.filter(public_id=public_id).first() if public_id else None


def _person(public_id: str) -> Person | None:
    return Person.objects.filter(public_id=public_id).first() if public_id else None
