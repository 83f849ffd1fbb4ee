"""What a member wants, and what they need for it, on their page."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.views.visible import visible_member
from success.access import Permission
from success.enums import Answer, Fit
from success.forms.acts import AnswerForm, AssessForm, ConfirmOutcomeForm, SecondaryForm
from success.models import GoalChange
from success.queries import planning, plans
from success.services import outcomes as services
from success.views.acts import (
    Act,
    Refused,
    answer,
    day_shown,
    render_own_panel,
    user_of,
)

REFUSALS = (
    services.NotSaid,
    services.OutcomeEnded,
    services.AlreadyWaiting,
    services.AlreadyAnswered,
)
Done = TypeVar("Done")


@requires(Permission.PLAN_VIEW)
@require_safe
def outcome(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The Desired Outcome: who said it and when, whether it still holds, what it was before."""
    member, shown = visible_member(request, public_id), day_shown(request)
    reading = planning.outcomes_of(member, as_of=shown.as_of)
    context = {
        "outcomes": reading,
        "plan": planning.plan_versions(member, as_of=shown.as_of)
        .filter(closed_on=None)
        .first(),
        "draft": planning.open_drafts(user_of(request)).filter(member=member).first(),
    }
    return render_own_panel(
        request, member, "outcome", _("Desired Outcome"), context, shown=shown
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def outcome_confirm(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Somebody said that the goal still holds."""
    member, today = visible_member(request, public_id), clock.today()
    goal = get_object_or_404(member.outcomes, is_primary=True, ended_on=None)
    act = Act(
        do="confirm",
        title=_("They said that it still holds"),
        button=_("Confirm the goal"),
        make=lambda *data, **options: ConfirmOutcomeForm(*data, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: services.confirm_outcome(
                outcome=goal, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        ),
        said=_("The goal is confirmed."),
    )
    title = _("Does the goal still hold?")
    return answer(
        request, member=member, title=title, acts=[act], back="outcome", about=goal.goal
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def outcome_add(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Another goal, followed beside the one of the plan."""
    member = visible_member(request, public_id)
    act = Act(
        do="add",
        title=_("Another goal"),
        button=_("Keep it"),
        make=SecondaryForm,
        run=lambda form: _unless_refused(
            lambda: services.add_secondary(
                member=member,
                said_by=None,
                on=clock.today(),
                by=user_of(request),
                at=clock.now(),
                **form.cleaned_data,
            )
        ),
        said=_("It is kept beside the goal of the plan."),
    )
    return answer(request, member=member, title=_("Another goal"), acts=[act], back="outcome")


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def goal_change(
    request: HttpRequest, public_id: uuid.UUID, change_id: uuid.UUID
) -> HttpResponse:
    """“My goal has changed”: write the new plan, or say why this one stays."""
    member = visible_member(request, public_id)
    change = get_object_or_404(
        GoalChange.objects.filter(member=member).select_related("by", "answered_by"),
        public_id=change_id,
    )
    act = Act(
        do="decline",
        title=_("The plan stays as it is"),
        button=_("Send this answer"),
        make=AnswerForm,
        run=lambda form: _unless_refused(
            lambda: services.answer_goal_change(
                change=change,
                status=Answer.DECLINED,
                answer=form.cleaned_data["answer"],
                by=user_of(request),
                at=clock.now(),
            )
        ),
        said=_("They are told why the plan stays."),
    )
    return answer(
        request,
        member=member,
        title=_("Their goal has changed"),
        acts=[act] if change.status == Answer.WAITING else [],
        back="outcome",
        extra="success/_act_goal_change.html",
        context={
            "change": change,
            "has_plan": member.plans.filter(closed_on=None).exists(),
        },
    )


@requires(Permission.PLAN_VIEW)
@require_safe
def potential(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The six fits of success potential, and what is missing."""
    member, shown = visible_member(request, public_id), day_shown(request)
    rows = plans.fits_of(member, as_of=shown.as_of)
    context = {"rows": rows, "missing": sum(row.is_missing for row in rows)}
    return render_own_panel(
        request, member, "potential", _("Success potential"), context, shown=shown
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def fit(request: HttpRequest, public_id: uuid.UUID, name: str) -> HttpResponse:
    """Assess one fit as it is today."""
    member, today = visible_member(request, public_id), clock.today()
    if name not in Fit.values:
        raise Http404
    one = Fit(name)
    row = next(each for each in plans.fits_of(member, as_of=today) if each.fit == one)

    def make(*data: Any, **options: Any) -> AssessForm:
        options["initial"] = {"status": row.status.value, "reason": row.reason}
        return AssessForm(*data, **options)

    act = Act(
        do="assess",
        title=str(one.label),
        button=_("Keep this"),
        make=make,
        run=lambda form: _unless_refused(
            lambda: services.assess_fit(
                member=member,
                fit=one,
                on=today,
                by=user_of(request),
                at=clock.now(),
                **form.cleaned_data,
            )
        ),
        said=_("It is kept, with today's date."),
    )
    return answer(request, member=member, title=str(one.label), acts=[act], back="potential")


def _unless_refused(write: Callable[[], Done]) -> Done:
    try:
        return write()
    except REFUSALS as refused:
        raise Refused(str(refused)) from refused
