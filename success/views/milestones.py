"""Milestones on a member's page: what stands, what was declared, and what to answer."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.panels import shared
from config.kernel.permissions import requires
from members.views.visible import visible_member
from success.access import Permission
from success.enums import Answer, EvidenceSource
from success.forms.acts import AchieveForm, AnswerForm, OptionalAnswerForm, RevokeForm
from success.models import Declaration
from success.queries import planning
from success.queries.members import vector_on
from success.queries.plans import stands
from success.services import attachments
from success.services import milestones as services
from success.views.acts import (
    Act,
    Refused,
    answer,
    day_shown,
    render_own_panel,
    user_of,
    vector_key,
)

REFUSALS = (
    services.NotSaid,
    services.AlreadyReached,
    services.AlreadyDeclared,
    services.AlreadyAnswered,
    services.OwnWord,
    services.NotReached,
    services.PlanOver,
)
Done = TypeVar("Done")


@requires(Permission.PLAN_VIEW)
@require_safe
def milestones(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Each milestone of the plan with its day, its evidence, and what waits for an answer."""
    member, shown = visible_member(request, public_id), day_shown(request)
    reading = shared(
        request, vector_key(shown.as_of), lambda: vector_on(member, as_of=shown.as_of)
    )
    rows = planning.milestone_rows(reading)
    context = {"plan": reading.plan, "rows": rows}
    return render_own_panel(
        request, member, "milestones", _("Milestones"), context, shown=shown
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def milestone(request: HttpRequest, public_id: uuid.UUID, key: str) -> HttpResponse:
    """One milestone of the plan in force: reached, or not any more."""
    member, today = visible_member(request, public_id), clock.today()
    plan = get_object_or_404(member.plans, closed_on=None)
    one = get_object_or_404(plan.milestones.select_related("plan"), key=key)
    by = user_of(request)

    def achieve(form: AchieveForm) -> object:
        return _unless_refused(
            lambda: services.achieve(
                milestone=one,
                source=EvidenceSource.CONFIRMED,
                by=by,
                at=clock.now(),
                **form.cleaned_data,
            )
        )

    def revoke(form: RevokeForm) -> object:
        return _unless_refused(
            lambda: services.revoke(milestone=one, by=by, at=clock.now(), **form.cleaned_data)
        )

    if stands(one, on=today):
        act = Act(
            do="revoke",
            title=_("It does not stand any more"),
            button=_("Take it back"),
            make=lambda *data, **options: RevokeForm(*data, today=today, **options),
            run=revoke,
            said=_("It is taken back from that day on. What was said is kept."),
        )
    else:
        act = Act(
            do="achieve",
            title=_("They have reached it"),
            button=_("Confirm that it is reached"),
            make=lambda *data, **options: AchieveForm(*data, today=today, **options),
            run=achieve,
            said=_("It is reached. The way and the clock are drawn anew."),
        )
    return answer(
        request,
        member=member,
        title=one.title,
        acts=[act],
        back="milestones",
        extra="success/_act_milestone.html",
        context={
            "milestone": one,
            "known_by": planning.evidence_in_words(one),
            "events": one.events.select_related("by").order_by("-on", "-pk"),
        },
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def declaration(
    request: HttpRequest, public_id: uuid.UUID, declaration_id: uuid.UUID
) -> HttpResponse:
    """What somebody said is reached: confirm it, or say what is still missing."""
    member = visible_member(request, public_id)
    one = _declaration(member.pk, declaration_id)
    by = user_of(request)

    def confirm(form: OptionalAnswerForm) -> object:
        return _unless_refused(
            lambda: services.confirm(
                declaration=one, by=by, at=clock.now(), **form.cleaned_data
            )
        )

    def decline(form: AnswerForm) -> object:
        return _unless_refused(
            lambda: services.decline(
                declaration=one, by=by, at=clock.now(), **form.cleaned_data
            )
        )

    acts = [
        Act(
            do="confirm",
            title=_("Yes, it is reached"),
            button=_("Confirm"),
            make=OptionalAnswerForm,
            run=confirm,
            said=_("Confirmed, from the day they named."),
            is_first=True,
        ),
        Act(
            do="decline",
            title=_("Not yet"),
            button=_("Send this answer"),
            make=AnswerForm,
            run=decline,
            said=_("They are told what is still missing."),
        ),
    ]
    return answer(
        request,
        member=member,
        title=one.milestone.title,
        acts=acts if one.status == Answer.WAITING else [],
        back="milestones",
        extra="success/_act_declaration.html",
        context={"declaration": one},
    )


@requires(Permission.PLAN_VIEW)
@require_safe
def declaration_file(
    request: HttpRequest, public_id: uuid.UUID, declaration_id: uuid.UUID
) -> HttpResponseBase:
    """The file that came with a declaration: always to be saved, never shown by a browser."""
    member = visible_member(request, public_id)
    one = _declaration(member.pk, declaration_id)
    if not one.attachment:
        raise Http404
    try:
        held = one.attachment.open("rb")
    except FileNotFoundError as error:
        raise Http404 from error
    response = FileResponse(
        held,
        as_attachment=True,
        filename=one.attachment_name or "attachment",
        content_type=attachments.content_type(one.attachment.name or ""),
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cache-Control"] = "private, no-store"
    return response


def _declaration(member_id: int, declaration_id: uuid.UUID) -> Declaration:
    rows = Declaration.objects.filter(milestone__plan__member_id=member_id)
    return get_object_or_404(
        rows.select_related("milestone__plan", "by", "answered_by"), public_id=declaration_id
    )


def _unless_refused(write: Callable[[], Done]) -> Any:
    try:
        return write()
    except REFUSALS as refused:
        raise Refused(str(refused)) from refused
