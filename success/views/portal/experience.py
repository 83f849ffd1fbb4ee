"""What suits us: a few questions to a member about how we work together."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from config.kernel import clock
from coverage.forms.experience import MemberAnswersForm
from coverage.queries.experience import own_answers
from coverage.services import profiles
from success.access import Permission
from success.views.portal.pages import (
    for_members,
    forget_words,
    kept_words,
    member_of,
    reader,
    show,
)


@for_members(Permission.PATH_SPEAK)
@require_http_methods(["GET", "HEAD", "POST"])
def questions(request: HttpRequest) -> HttpResponse:
    """The questions, with what was answered before; they answer for the member."""
    member = member_of(request)
    kept = kept_words(request)
    said = own_answers(member, as_of=clock.today())
    form = MemberAnswersForm(request.POST or None, initial=dict(said.answers) | kept)
    if request.method == "POST" and form.is_valid():
        profiles.answer(
            member=member,
            answers=form.answers,
            source=profiles.SAID_BY_MEMBER,
            by=reader(request),
            at=clock.now(),
        )
        forget_words(request)
        messages.success(request, _("Thank you. From now on we go by it."))
        return redirect("success:path_people")
    status = 422 if form.is_bound else 200
    context = {"form": form, "is_kept": not form.is_bound and bool(kept), "said": said}
    return show(request, "success/portal/experience.html", context, status=status)
