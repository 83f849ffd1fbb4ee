"""Who gives the experience: hours, skills, and who stands in for whom when."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.forms.people import AbsenceForm, ContributorForm, colleagues
from coverage.models import Absence, Contributor
from coverage.queries.people import people as people_of
from coverage.services import absences
from coverage.services import people as services
from coverage.views.pages import user_of
from members.models import User

page_and_form = require_http_methods(["GET", "HEAD", "POST"])
USUAL = Contributor()


@requires(Permission.COVERAGE_VIEW)
@require_safe
def people(request: HttpRequest) -> HttpResponse:
    """Everybody with hours or members, who is away when, and who stands in."""
    may_edit = has(request.user, Permission.COVERAGE_EDIT)
    shown = people_of(on=clock.today(), only=None if may_edit else user_of(request))
    return render(request, "coverage/people.html", {"people": shown, "may_edit": may_edit})


@requires(Permission.COVERAGE_EDIT)
@page_and_form
def contributor(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What somebody can give."""
    user = get_object_or_404(colleagues(), public_id=public_id)
    held = Contributor.objects.filter(user=user).first() or USUAL
    initial: dict[str, Any] = {
        "monthly_hours": held.monthly_hours,
        "leave_percent": held.leave_percent,
        "overhead_percent": held.overhead_percent,
        "team": held.team_id,
        "skills": ", ".join(held.skills),
        "languages": ", ".join(held.languages),
        "time_zone": user.time_zone,
        "works_in_pool": held.works_in_pool,
    }
    form = ContributorForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.save_with_team(
                user=user,
                team=form.cleaned_data["team"],
                new_team=form.cleaned_data["new_team"],
                by=user_of(request),
                at=clock.now(),
                **form.given,
            )
        except (services.NotAContributor, services.AlreadyNamed) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("What %(name)s can give is kept.") % {"name": user})
            return redirect("coverage:people")
    return _form(
        request,
        form,
        title=_("What can %(name)s give?") % {"name": user},
        lead=_("Loads are the hours that members need over these."),
        button=_("Keep it"),
    )


@requires(Permission.COVERAGE_VIEW)
@page_and_form
def absence_add(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Days on which somebody is away; everybody enters their own."""
    user = get_object_or_404(colleagues(), public_id=public_id)
    _require_own(request, user)
    form = AbsenceForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            absences.plan(user=user, by=user_of(request), at=clock.now(), **form.cleaned_data)
        except absences.NotAway as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("It is entered, and handed over when the day comes."))
            return redirect("coverage:people")
    return _form(
        request,
        form,
        title=_("When is %(name)s away?") % {"name": user},
        lead=_(
            "The work is handed over on the first day, and goes back on the first day back."
        ),
        button=_("Enter it"),
    )


@requires(Permission.COVERAGE_VIEW)
@page_and_form
def absence(request: HttpRequest, absence_id: int) -> HttpResponse:
    """Change the days, or who stands in."""
    row = get_object_or_404(Absence.objects.select_related("user", "cover"), pk=absence_id)
    _require_own(request, row.user)
    initial = {
        "kind": row.kind,
        "starts_on": row.starts_on.isoformat(),
        "ends_on": row.ends_on.isoformat(),
        "cover": row.cover.public_id if row.cover else None,
        "note": row.note,
    }
    form = AbsenceForm(request.POST or None, user=row.user, initial=initial)
    del form.fields["kind"]
    if request.method == "POST" and form.is_valid():
        try:
            absences.change(
                absence=row, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        except absences.NotAway as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The absence is changed."))
            return redirect("coverage:people")
    return _form(
        request,
        form,
        title=_("When is %(name)s away?") % {"name": row.user},
        lead=_("To come back early, choose another first day back."),
        button=_("Keep it"),
    )


@requires(Permission.COVERAGE_VIEW)
@require_POST
def absence_cancel(request: HttpRequest, absence_id: int) -> HttpResponse:
    """Take an absence back; one that has begun ends today."""
    row = get_object_or_404(Absence.objects.select_related("user"), pk=absence_id)
    _require_own(request, row.user)
    absences.cancel(absence=row, by=user_of(request), at=clock.now())
    messages.success(request, _("It is taken back, and so is the work."))
    return redirect("coverage:people")


def _require_own(request: HttpRequest, user: User) -> None:
    """Whose absences one may not enter cannot be told from nobody's."""
    if user != request.user and not has(request.user, Permission.COVERAGE_EDIT):
        raise Http404


def _form(
    request: HttpRequest, form: Any, *, title: str, lead: str, button: str
) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "lead": lead,
        "button": button,
        "back": reverse("coverage:people"),
        "crumbs": [(_("People"), reverse("coverage:people"))],
    }
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "coverage/member_form.html", context, status=status)
