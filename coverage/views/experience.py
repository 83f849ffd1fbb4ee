"""The experience of a member: as it should be, as it is given, and who decided otherwise."""

import uuid
from datetime import date
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.panels import day_asked, render_panel
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.engine.questionnaire import NotAnswered
from coverage.engine.segments import Misspecified
from coverage.forms.experience import AboutMemberForm, MinutesForm, OverrideForm
from coverage.models import AxProfile
from coverage.queries.experience import ExperienceReading, experience_of, percent
from coverage.services import profiles
from coverage.views.pages import page_of, user_of
from members.models import Member
from members.views.visible import visible_member

page_and_form = require_http_methods(["GET", "HEAD", "POST"])
FULL = 100


@requires(Permission.COVERAGE_VIEW)
@require_safe
def panel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What suits the member, beside what they were given and where they are placed."""
    member = visible_member(request, public_id)
    today = clock.today()
    as_of = day_asked(request, latest=today)
    # what is kept is the present: looking back, it is said so and nothing can be done
    reading = experience_of(member, as_of=today)
    judged = reading.judged
    context = {
        "member": member,
        "address": reverse("coverage:member_experience", args=[member.public_id]),
        "reading": reading,
        "fit": None if judged is None else percent(judged.fit),
        "ratio": None if judged is None else percent(judged.ratio),
        "flags": sorted(judged.flags) if judged else (),
        "bars": _bars(reading),
        "looks_back": as_of < today,
        "may_answer": has(request.user, Permission.EFFORT_LOG) and as_of == today,
        "may_decide": has(request.user, Permission.COVERAGE_EDIT) and as_of == today,
    }
    return render_panel(
        request,
        "coverage/_member_experience.html",
        context,
        title=_("Experience"),
        name=member.name,
        subject=member.public_id,
    )


def _bars(reading: ExperienceReading) -> list[dict[str, Any]]:
    """Each modality with what is due and given; those nobody has or gets are left out."""
    rows = [share for share in reading.shares if share.due or share.given]
    most = max((max(share.due, share.given or 0) for share in rows), default=0) or 1
    return [{"share": share, "most": most} for share in rows]


@requires(Permission.EFFORT_LOG)
@page_and_form
def questions(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The questions, as whoever looks after the member answers them, in the review say."""
    member = visible_member(request, public_id)
    held = _current(member).first()
    form = AboutMemberForm(request.POST or None, initial=dict(held.answers) if held else {})
    if request.method == "POST" and form.is_valid():
        try:
            made = profiles.answer(
                member=member,
                answers=form.answers,
                source=profiles.SAID_BY_MSM,
                reasons=form.cleaned_data["reasons"],
                by=user_of(request),
                at=clock.now(),
            )
        except (NotAnswered, Misspecified) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _recorded(made))
            return redirect(page_of(member))
    return _form(
        request,
        member,
        form,
        title=_("Which experience suits %(name)s?") % {"name": member.name},
        lead=_("Nine questions, two minutes. What they pay is not among them."),
        button=_("Keep the answers"),
    )


def _recorded(profile: AxProfile) -> str:
    minutes = sum(
        (
            profile.inbound_minutes,
            profile.async_minutes,
            profile.sync_minutes,
            profile.taskforce_minutes,
        )
    )
    return _(
        "That comes to %(minutes)s minutes a quarter. The segment follows at the next night."
    ) % {"minutes": minutes}


@requires(Permission.COVERAGE_EDIT)
@page_and_form
def minutes(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The minutes of each kind, set by hand."""
    member = visible_member(request, public_id)
    held = _current(member).first()
    if held is None:
        messages.info(request, _("Answer the questions first."))
        return redirect("coverage:questions", public_id=member.public_id)
    initial = {
        "inbound": held.inbound_minutes,
        "in_writing": held.async_minutes,
        "sync": held.sync_minutes,
        "taskforce": held.taskforce_minutes,
        "confidence": held.confidence,
        "expires_on": _later(held.expires_on),
    }
    form = MinutesForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            made = profiles.revise(
                member=member,
                minutes=form.minutes,
                reasons=form.cleaned_data["reasons"],
                confidence=form.cleaned_data["confidence"],
                expires_on=form.cleaned_data["expires_on"],
                by=user_of(request),
                at=clock.now(),
            )
        except ValueError as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _recorded(made))
            return redirect(page_of(member))
    return _form(
        request,
        member,
        form,
        title=_("Minutes a quarter for %(name)s") % {"name": member.name},
        lead=_("What suits them, not what they would like or what they pay for."),
        button=_("Keep the minutes"),
    )


def _later(day: date | None) -> str:
    usual = clock.today() + profiles.GOOD_FOR
    return (day if day and day > clock.today() else usual).isoformat()


@requires(Permission.COVERAGE_EDIT)
@page_and_form
def override(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Place the member by hand, with a reason and a last day."""
    member = visible_member(request, public_id)
    form = OverrideForm(request.POST or None, today=clock.today())
    if request.method == "POST" and form.is_valid():
        try:
            profiles.override(
                member=member,
                segment=form.cleaned_data["segment"],
                reason=form.cleaned_data["reason"],
                until=form.cleaned_data["until"],
                by=user_of(request),
                at=clock.now(),
            )
        except profiles.NotOverridable as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request,
                _("%(name)s is placed by hand. Who looks after them follows tonight.")
                % {"name": member.name},
            )
            return redirect(page_of(member))
    return _form(
        request,
        member,
        form,
        title=_("Place %(name)s by hand") % {"name": member.name},
        lead=_(
            "Your name, the reason and the day stand beside it; then the rule counts again."
        ),
        button=_("Place them"),
    )


@requires(Permission.COVERAGE_EDIT)
@require_POST
def lift(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Let the rule place the member again."""
    member = visible_member(request, public_id)
    try:
        profiles.lift(member=member, by=user_of(request), at=clock.now())
    except profiles.NotOverridden as refused:
        messages.warning(request, str(refused))
    else:
        messages.success(request, _("The rule places them again, from the next night on."))
    return redirect(page_of(member))


def _current(member: Member) -> QuerySet[AxProfile]:
    return AxProfile.objects.filter(member=member, superseded_on=None)


def _form(  # noqa: PLR0913  # a page has that many parts
    request: HttpRequest, member: Member, form: Any, *, title: str, lead: str, button: str
) -> HttpResponse:
    context = {
        "member": member,
        "form": form,
        "title": title,
        "lead": lead,
        "button": button,
        "back": page_of(member),
        "crumbs": [(member.name, page_of(member))],
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "coverage/member_form.html", context, status=status)
