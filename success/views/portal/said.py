"""What a member tells us on the way: the goal, what is done, whether it helped, yes or no.

A page shows the form, and the same address takes it. What is pressed without words has an
address of its own, which is posted to.
"""

import uuid
from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from success.access import Permission
from success.enums import Answer, AskStatus, ConfirmedIn, GapAnswerChoice, Side
from success.forms.portal import (
    YES,
    AskAnswerForm,
    CloserForm,
    DeclareForm,
    GoalForm,
    HelpedForm,
    KeptForm,
)
from success.models import Accountability, Ask, Declaration, Milestone, Plan
from success.queries.members import plan_on
from success.queries.portal import is_time_to_ask, my_milestone, my_promises, speakers
from success.services import asks, attachments, milestones, outcomes, promises, reviews
from success.views.portal.pages import (
    for_members,
    forget_words,
    kept_words,
    member_of,
    reader,
    show,
    who_answers,
    who_speaks,
)

SAID_BEFORE = (
    milestones.AlreadyDeclared,
    milestones.AlreadyReached,
    milestones.PlanOver,
)
page_and_form = require_http_methods(["GET", "HEAD", "POST"])


# --- the goal ---------------------------------------------------------------------------------


@for_members(Permission.PATH_SPEAK, page="success:path")
@require_POST
def confirm_goal(request: HttpRequest) -> HttpResponse:
    """The goal is still right."""
    outcome = get_object_or_404(member_of(request).outcomes, is_primary=True, ended_on=None)
    try:
        outcomes.confirm_outcome(
            outcome=outcome,
            on=clock.today(),
            said_in=ConfirmedIn.PORTAL,
            by=reader(request),
            at=clock.now(),
        )
    except outcomes.OutcomeEnded as refused:
        messages.warning(request, str(refused))
        return redirect("success:path")
    messages.success(request, _("Thank you. We keep going for it."))
    return redirect("success:path")


@for_members(Permission.PATH_SPEAK)
@page_and_form
def change_goal(request: HttpRequest) -> HttpResponse:
    """My goal has changed: the new one in my own words."""
    member = member_of(request)
    form = GoalForm(request.POST or None, initial=kept_words(request))
    people = speakers(member)
    if request.method == "POST" and form.is_valid():
        try:
            outcomes.ask_goal_change(
                member=member,
                words=form.cleaned_data["words"],
                by=reader(request),
                at=clock.now(),
            )
        except outcomes.AlreadyWaiting as before:
            form.add_error(None, str(before))
        else:
            forget_words(request)
            who = {"who": who_answers(people)}
            messages.success(request, _("We have it, and %(who)s answers you.") % who)
            return redirect("success:path")
    plan = plan_on(member, as_of=clock.today())
    context = {"form": form, "plan": plan, "who_answers": who_answers(people)}
    return _show_form(request, "success/portal/goal.html", context)


# --- milestones -------------------------------------------------------------------------------


@for_members(Permission.PATH_VIEW)
@require_safe
def milestone(request: HttpRequest, key: str) -> HttpResponse:
    """One milestone: what it is, what was said of it, and the form to say that it is done."""
    form = DeclareForm(today=clock.today(), initial=kept_words(request))
    return _milestone_page(request, key, form)


@for_members(Permission.PATH_WORK, page="success:path_milestone")
@require_POST
def declare(request: HttpRequest, key: str) -> HttpResponse:
    """It is done, and this is what changed."""
    row = _milestone(request, key)
    form = DeclareForm(request.POST, request.FILES, today=clock.today())
    if not form.is_valid():
        return _milestone_page(request, key, form)
    said = form.cleaned_data
    try:
        declaration = milestones.declare(
            milestone=row,
            on=said["on"],
            what_changed=said["what_changed"],
            attachment=said["attachment"],
            by=reader(request),
            at=clock.now(),
        )
    except attachments.BadAttachment as refused:
        form.add_error("attachment", str(refused))
        return _milestone_page(request, key, form)
    except milestones.NotSaid as refused:
        form.add_error(None, str(refused))
        return _milestone_page(request, key, form)
    except SAID_BEFORE as before:  # pressed twice, or said by two people
        messages.warning(request, str(before))
        return redirect("success:path_milestone", key=key)
    forget_words(request)
    if declaration.status == Answer.WAITING:
        who = {"who": who_answers(speakers(member_of(request)))}
        messages.success(request, _("Well done. Now %(who)s confirms it.") % who)
    else:
        messages.success(request, _("Well done. It stands on your path."))
    return redirect("success:path_milestone", key=key)


@for_members(Permission.PATH_WORK, page="success:path_milestone")
@require_POST
def withdraw(request: HttpRequest, key: str) -> HttpResponse:
    """What was said of a milestone is taken back, while nobody has answered."""
    row = _milestone(request, key)
    waiting = row.declarations.filter(status=Answer.WAITING).first()
    if waiting is None:
        messages.warning(request, _("There is nothing to take back any more."))
        return redirect("success:path_milestone", key=key)
    try:
        milestones.withdraw(declaration=waiting, by=reader(request), at=clock.now())
    except (milestones.AlreadyAnswered, milestones.OwnWord) as refused:
        messages.warning(request, str(refused))
    else:
        messages.success(request, _("Taken back. You can say it again at any time."))
    return redirect("success:path_milestone", key=key)


@for_members(Permission.PATH_VIEW)
@require_safe
def attachment(request: HttpRequest, public_id: uuid.UUID) -> FileResponse:
    """The file somebody of the member sent along."""
    declaration = get_object_or_404(
        Declaration.objects.exclude(attachment=""),
        public_id=public_id,
        milestone__plan__member=member_of(request),
    )
    try:
        file = declaration.attachment.open("rb")
    except FileNotFoundError as gone:
        raise Http404 from gone
    name = declaration.attachment_name or None
    return FileResponse(file, as_attachment=True, filename=name or "attachment")


def _milestone(request: HttpRequest, key: str) -> Milestone:
    plan = _plan(request)
    return get_object_or_404(plan.milestones.select_related("plan"), key=key)


def _milestone_page(request: HttpRequest, key: str, form: DeclareForm) -> HttpResponse:
    member = member_of(request)
    mine = my_milestone(member, key=key, as_of=clock.today())
    if mine is None:
        raise Http404
    people = speakers(member)
    context = {
        "milestone": mine,
        "form": form,
        "who_answers": who_answers(people),
        "who_speaks": who_speaks(people, member=member),
    }
    return _show_form(request, "success/portal/milestone.html", context)


# --- promises ---------------------------------------------------------------------------------


@for_members(Permission.PATH_VIEW)
@require_safe
def promise(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """One promise: with the form to say that it is kept, or whether it helped."""
    row = _promise(request, public_id)
    words: dict[str, Any] = kept_words(request)
    if row.side == Side.ASSOCIATION:
        chosen = {"helped": request.GET.get("helped", "")} | words
        return _promise_page(request, row, HelpedForm(initial=chosen))
    return _promise_page(request, row, KeptForm(today=clock.today(), initial=words))


@for_members(Permission.PATH_WORK, page="success:path_promise")
@require_POST
def keep(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """A promise of the member is kept."""
    row = _promise(request, public_id, side=Side.MEMBER)
    form = KeptForm(request.POST, today=clock.today())
    if not form.is_valid():
        return _promise_page(request, row, form)
    said = form.cleaned_data
    try:
        promises.keep(
            promise=row,
            on=said["on"],
            evidence=said["evidence"],
            by=reader(request),
            at=clock.now(),
        )
    except promises.NotPromised as refused:
        form.add_error(None, str(refused))
        return _promise_page(request, row, form)
    except promises.AlreadySettled as before:
        messages.warning(request, str(before))
        return redirect("success:path")
    forget_words(request)
    messages.success(request, _("Thank you. That is done."))
    return redirect("success:path")


@for_members(Permission.PATH_WORK, page="success:path_promise")
@require_POST
def helped(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Whether something that we did helped."""
    row = _promise(request, public_id, side=Side.ASSOCIATION)
    form = HelpedForm(request.POST)
    if not form.is_valid():
        return _promise_page(request, row, form)
    try:
        promises.say_helped(
            promise=row,
            helped=form.cleaned_data["helped"] == YES,
            words=form.cleaned_data["words"],
            by=reader(request),
            at=clock.now(),
        )
    except promises.StillOpen as refused:
        messages.warning(request, str(refused))
        return redirect("success:path")
    forget_words(request)
    messages.success(request, _("Thank you for telling us."))
    return redirect("success:path")


def _promise(
    request: HttpRequest, public_id: uuid.UUID, *, side: Side | None = None
) -> Accountability:
    """A promise that counts: kept, or open on the plan in force; no other is to be found."""
    found = Accountability.objects.filter(
        plan__member=member_of(request), waived_on=None
    ).exclude(plan__closed_on__isnull=False, done_on=None)
    if side is not None:
        found = found.filter(side=side)
    return get_object_or_404(found.select_related("plan"), public_id=public_id)


def _promise_page(
    request: HttpRequest, row: Accountability, form: HelpedForm | KeptForm
) -> HttpResponse:
    member = member_of(request)
    plan = plan_on(member, as_of=clock.today())
    rows = my_promises(member, plan=plan, reader=reader(request), as_of=clock.today())
    mine = next((one for one in rows if one.public_id == row.public_id), None)
    if mine is None:
        raise Http404
    context = {
        "promise": mine,
        "form": form,
        "who_speaks": who_speaks(speakers(member), member=member),
    }
    return _show_form(request, "success/portal/promise.html", context)


# --- what we ask ------------------------------------------------------------------------------


@for_members(Permission.PATH_SPEAK, page="success:path")
@require_POST
def agree_to_ask(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """They may ask me, when the time has come."""
    user = reader(request)
    try:
        asks.consent(
            ask=_ask(request, public_id),
            person=user.person,
            on=clock.today(),
            by=user,
            at=clock.now(),
        )
    except asks.NotAnnounced:
        messages.warning(request, _("This has been asked, or is off the list, by now."))
    else:
        messages.success(request, _("Thank you. We ask when the time has come, not before."))
    return redirect("success:path")


@for_members(Permission.PATH_SPEAK, page="success:path")
@require_POST
def refuse_ask(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """No in advance: it will not be asked."""
    with suppress(asks.NotAsked):  # pressed twice: it is off the list
        asks.withdraw(ask=_ask(request, public_id), by=reader(request), at=clock.now())
    messages.success(request, _("Noted: we will not ask you for this."))
    return redirect("success:path")


@for_members(Permission.PATH_SPEAK)
@page_and_form
def answer_ask(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Yes or no to what was asked."""
    ask = _ask(request, public_id)
    if ask.status != AskStatus.ASKED:
        if request.method == "POST":  # sent twice
            messages.success(request, _("We have your answer. Thank you."))
        return redirect("success:path")
    form = AskAnswerForm(request.POST or None, initial=kept_words(request))
    if request.method == "POST" and form.is_valid():
        is_yes = form.cleaned_data["answer"] == YES
        with suppress(asks.NotAsked):  # sent twice at once
            asks.answer(
                ask=ask,
                status=AskStatus.ACCEPTED if is_yes else AskStatus.REFUSED,
                words=form.cleaned_data["words"],
                record="",
                on=clock.today(),
                by=reader(request),
                at=clock.now(),
            )
        forget_words(request)
        said = _("Thank you, we are glad.") if is_yes else _("Thank you for telling us.")
        messages.success(request, said)
        return redirect("success:path")
    return _show_form(request, "success/portal/ask.html", {"ask": ask, "form": form})


def _ask(request: HttpRequest, public_id: uuid.UUID) -> Ask:
    found = _plan(request).asks.select_related("milestone", "offer", "plan")
    return get_object_or_404(found, public_id=public_id)


# --- am I getting closer? ---------------------------------------------------------------------


@for_members(Permission.PATH_SPEAK)
@page_and_form
def closer(request: HttpRequest) -> HttpResponse:
    """Whether the goal comes closer; asked at most once in thirty days."""
    member = member_of(request)
    plan = _plan(request)
    if not is_time_to_ask(member, plan=plan, as_of=clock.today()):
        if request.method == "POST":  # sent twice, or by two people at once
            messages.success(request, _("We have your answer of this month. Thank you."))
        return redirect("success:path")
    chosen = {"answer": request.GET.get("answer", "")} | kept_words(request)
    form = CloserForm(request.POST or None, initial=chosen)
    if request.method == "POST" and form.is_valid():
        reviews.answer_gap(
            member=member,
            answer=GapAnswerChoice(form.cleaned_data["answer"]),
            words=form.cleaned_data["words"],
            said_in=ConfirmedIn.PORTAL,
            on=clock.today(),
            by=reader(request),
            at=clock.now(),
        )
        forget_words(request)
        messages.success(request, _("Thank you. We take it into your next review."))
        return redirect("success:path")
    return _show_form(request, "success/portal/closer.html", {"form": form, "plan": plan})


def _plan(request: HttpRequest) -> Plan:
    plan = plan_on(member_of(request), as_of=clock.today())
    if plan is None:
        raise Http404
    return plan


def _show_form(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """The page of a form; 422 where what was sent has to be mended first."""
    refused = context["form"].is_bound and not context["form"].is_valid()
    context["is_kept"] = not context["form"].is_bound and bool(kept_words(request))
    return show(request, template, context, status=422 if refused else 200)
