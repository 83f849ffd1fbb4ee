"""What was announced at the start on a member's page: why it may or may not be asked now."""

import uuid
from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from config.kernel import clock
from config.kernel.permissions import requires
from members.models import Member, Person
from members.views.visible import visible_member
from success.access import Permission
from success.enums import AskStatus
from success.forms.acts import AskAnswerForm, ConsentForm, PastDayForm, ReasonForm
from success.models import Ask
from success.queries import asks as reads
from success.queries import planning
from success.services import asks as services
from success.views.acts import (
    Act,
    Refused,
    answer,
    day_shown,
    render_own_panel,
    user_of,
)

REFUSALS = (
    services.NotEligible,
    services.NotAnnounced,
    services.NotAsked,
    services.BadAnswer,
)
OPEN = (AskStatus.ANNOUNCED, AskStatus.ASKED)
Done = TypeVar("Done")


@requires(Permission.PLAN_VIEW)
@require_safe
def asks(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Offers and requests, in the order of the path, each with why it may be asked or not."""
    member, shown = visible_member(request, public_id), day_shown(request)
    rows = [
        {
            "ask": each,
            "what": _what(each),
            "eligibility": reads.eligibility(each, as_of=shown.as_of)
            if each.status == AskStatus.ANNOUNCED and each.plan.closed_on is None
            else None,
        }
        for each in reads.of_member(member)
    ]
    return render_own_panel(
        request, member, "asks", _("Offers and requests"), {"rows": rows}, shown=shown
    )


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: HttpRequest, public_id: uuid.UUID, ask_id: uuid.UUID) -> HttpResponse:
    """One offer or request: consent, ask, keep their answer, or give it up."""
    member, today = visible_member(request, public_id), clock.today()
    one = get_object_or_404(
        Ask.objects.filter(plan__member=member).select_related(
            "plan", "milestone", "offer", "consented_by", "asked_by"
        ),
        public_id=ask_id,
    )
    eligibility = reads.eligibility(one, as_of=today)
    acts = []
    if one.status == AskStatus.ANNOUNCED and one.consented_on is None:
        acts.append(_consent(request, member, one))
    if one.status == AskStatus.ANNOUNCED and eligibility.is_eligible:
        acts.append(_make(request, one))
    if one.status == AskStatus.ASKED:
        acts.append(_answered(request, one))
    if one.status in OPEN:
        acts.append(_withdraw(request, one))
    return answer(
        request,
        member=member,
        title=_what(one),
        acts=acts,
        back="asks",
        extra="success/_act_ask.html",
        context={
            "ask": one,
            "eligibility": eligibility if one.status == AskStatus.ANNOUNCED else None,
        },
    )


def _consent(request: HttpRequest, member: Member, one: Ask) -> Act:
    today = clock.today()
    people = planning.people_of(member, as_of=today)
    return Act(
        do="consent",
        title=_("They agreed to be asked"),
        button=_("Keep that they agreed"),
        make=lambda *data, **options: ConsentForm(*data, people=people, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: services.consent(
                ask=one,
                person=Person.objects.filter(public_id=form.cleaned_data["person"]).first(),
                on=form.cleaned_data["on"],
                by=user_of(request),
                at=clock.now(),
            )
        ),
        said=_("Their consent is kept."),
        is_first=True,
    )


def _make(request: HttpRequest, one: Ask) -> Act:
    today = clock.today()
    return Act(
        do="ask",
        title=_("We have asked"),
        button=_("Keep that we asked"),
        make=lambda *data, **options: PastDayForm(*data, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: services.make_ask(
                ask=one, on=form.cleaned_data["on"], by=user_of(request), at=clock.now()
            )
        ),
        said=_("Asked. Keep their answer when it comes."),
        is_first=True,
    )


def _answered(request: HttpRequest, one: Ask) -> Act:
    today = clock.today()
    return Act(
        do="answer",
        title=_("They have answered"),
        button=_("Keep their answer"),
        make=lambda *data, **options: AskAnswerForm(*data, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: services.answer(
                ask=one,
                status=AskStatus(form.cleaned_data["status"]),
                words=form.cleaned_data["words"],
                record=form.cleaned_data["record"],
                on=form.cleaned_data["on"],
                by=user_of(request),
                at=clock.now(),
            )
        ),
        said=_("Their answer is kept."),
        is_first=True,
    )


def _withdraw(request: HttpRequest, one: Ask) -> Act:
    return Act(
        do="withdraw",
        title=_("We give it up"),
        button=_("Withdraw it"),
        make=ReasonForm,
        run=lambda form: _unless_refused(
            lambda: services.withdraw(
                ask=one, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        ),
        said=_("It is withdrawn."),
    )


def _what(one: Ask) -> str:
    return one.offer.title if one.offer else planning.advocacy_in_words(one.advocacy)


def _unless_refused(write: Callable[[], Done]) -> Done:
    try:
        return write()
    except REFUSALS as refused:
        raise Refused(str(refused)) from refused
