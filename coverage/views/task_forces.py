"""Task forces: who works together for a member, joins, and leaves."""

import uuid
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.permissions import has, requires
from coverage.access import Permission
from coverage.forms.task_forces import PartForm
from coverage.models import TaskForceShare
from coverage.queries import task_forces as reads
from coverage.services import people as services
from coverage.views.pages import page_of, user_of
from members.models import Member
from members.views.visible import visible_member

PAGE_SIZE: Final = 50


@requires(Permission.COVERAGE_VIEW)
@require_safe
def task_forces(request: HttpRequest) -> HttpResponse:
    """The members who have a task force or are to have one, and who is in each."""
    today = clock.today()
    members = reads.with_task_force(user_of(request), on=today)
    shown = page_asked(
        request,
        members,
        order=("name", "pk"),
        size=PAGE_SIZE,
    )
    context = {
        "rows": [_told(each) for each in reads.task_forces(list(shown.items), on=today)],
        "after": shown.next,
        "before": shown.previous,
        "total": members.count(),
        "crumbs": [(_("Coverage"), reverse("coverage:overview"))],
    }
    return render(request, "coverage/task_forces.html", context)


@requires(Permission.COVERAGE_VIEW)
@require_safe
def task_force(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Who works for one member, with which part of the hours; and who did."""
    member = visible_member(request, public_id)
    return _shown(request, member, form=PartForm(initial=_to_change(request, member)))


@requires(Permission.COVERAGE_EDIT)
@require_POST
def share(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Give somebody a part, or change the one they have."""
    member = visible_member(request, public_id)
    form = PartForm(request.POST)
    if form.is_valid():
        try:
            services.share_task_force(
                member=member,
                on=clock.today(),
                by=user_of(request),
                at=clock.now(),
                **form.cleaned_data,
            )
        except (services.TooMuchShared, services.NotAContributor) as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(
                request,
                _("%(name)s has %(percent)s percent.")
                % {"name": form.cleaned_data["user"], "percent": form.cleaned_data["percent"]},
            )
            return redirect("coverage:task_force", public_id=member.public_id)
    return _shown(request, member, form=form, status=422)


@requires(Permission.COVERAGE_EDIT)
@require_POST
def leave(request: HttpRequest, public_id: uuid.UUID, share_id: int) -> HttpResponse:
    """End somebody's part today."""
    member = visible_member(request, public_id)
    row = get_object_or_404(
        TaskForceShare.objects.select_related("user"), pk=share_id, member=member
    )
    services.leave_task_force(share=row, on=clock.today(), by=user_of(request), at=clock.now())
    messages.success(
        request, _("%(name)s is no longer in the task force.") % {"name": row.user}
    )
    return redirect("coverage:task_force", public_id=member.public_id)


def _shown(
    request: HttpRequest, member: Member, *, form: PartForm, status: int = 200
) -> HttpResponse:
    (found,) = reads.task_forces([member], on=clock.today())
    context = _told(found) | {
        "form": form,
        "may_edit": has(request.user, Permission.COVERAGE_EDIT),
        "back": page_of(member),
        "crumbs": [
            (_("Task forces"), reverse("coverage:task_forces")),
            (member.name, page_of(member)),
        ],
    }
    return render(request, "coverage/task_force.html", context, status=status)


def _to_change(request: HttpRequest, member: Member) -> dict[str, Any]:
    """What the form shows first: the part that a link names."""
    try:
        who = uuid.UUID(request.GET.get("change", ""))
    except ValueError:
        return {}
    row = TaskForceShare.objects.filter(member=member, ends_on=None, user__public_id=who)
    held = row.first()
    return {} if held is None else {"user": who, "skill": held.skill, "percent": held.percent}


def _told(found: reads.TaskForce) -> dict[str, Any]:
    return {
        "found": found,
        "member": found.member,
        "hours": _decimal(found.hours),
        "left_hours": _decimal(found.left_hours),
        "parts": [
            {"share": each.share, "user": each.share.user, "hours": _decimal(each.hours)}
            for each in found.parts
        ],
    }


def _decimal(value: Fraction | None) -> Decimal | None:
    return None if value is None else Decimal(value.numerator) / value.denominator
