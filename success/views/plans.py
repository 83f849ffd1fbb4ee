"""Writing a plan with a member: begin, write, look at it as they will, agree.

Every button of the editor posts the whole page, which is kept before anything else happens, so
nothing typed is lost, with a script or without. A script saves by itself while one writes.
"""

import secrets
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.keyset import page_asked
from config.kernel.permissions import requires
from members.enums import MemberKind
from members.models import Member
from members.views.visible import visible_member
from success.access import Permission
from success.engine import drafting
from success.engine.planning import BadPlan, total_weight
from success.enums import DraftPurpose, Side
from success.forms.acts import PastDayForm, PauseForm
from success.forms.plans import (
    Choices,
    StartForm,
    WordsForm,
    content_of,
    plan_forms,
    rule_choice,
)
from success.models import Plan, PlanDraft, PlanPause, PlanTemplate
from success.queries import planning
from success.queries import plans as versions
from success.queries.previews import path_of_draft_as_seen
from success.services import drafts, plans
from success.views.acts import (
    Act,
    Refused,
    answer,
    day_shown,
    page_of,
    render_own_panel,
    user_of,
)
from success.views.findings import Note, attach, differences_shown, note_of, own_note, read

TRAIL_SIZE, DESK_SIZE = 20, 100
REFUSALS = (plans.NotSaid, plans.AlreadyPaused, plans.NotPaused, plans.PlanOver)
Done = TypeVar("Done")
CURRENT, NOTHING = "current", "nothing"
ONLY_SAVES = frozenset({"save", "autosave", "check", "agree"})


# --- begin ------------------------------------------------------------------------------------


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def plan_start(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Choose what to begin with: a template that fits, the plan in force, or nothing."""
    member, today = visible_member(request, public_id), clock.today()
    plan = member.plans.filter(closed_on=None).first()
    offered = planning.templates_for(member, on=today)
    begin_with = [(f"template {row.template.key}", row.template.title) for row in offered]
    if plan is not None:
        begin_with.insert(0, (CURRENT, _("The plan in force")))
    begin_with.append((NOTHING, _("An empty plan")))
    purposes = [
        (each.value, each.label)
        for each in DraftPurpose
        if (each == DraftPurpose.AGREE) == (plan is None)
    ]
    asked = request.GET.get("for", "")
    form = StartForm(
        request.POST or None,
        begin_with=begin_with,
        purposes=purposes,
        initial={
            "purpose": asked if asked in dict(purposes) else purposes[0][0],
            "begin_with": begin_with[0][0],
            "anchor_on": today,
        },
    )
    status = 200
    if request.method == "POST":
        if form.is_valid():
            try:
                return _begin(request, member, form.cleaned_data)
            except drafts.WrongPurpose:
                form.add_error(None, _("Meanwhile a plan was agreed or closed. Choose again."))
        status = 422
    context = {
        "member": member,
        "plan": plan,
        "form": form,
        "offered": offered,
        "chosen": form["begin_with"].value(),
        "draft": _open_draft(member),
        "dropped": member.plan_drafts.exclude(dropped_at=None)
        .select_related("by")
        .order_by("-dropped_at")
        .first(),
        "missing": [
            row.fit.label for row in versions.fits_of(member, as_of=today) if row.is_missing
        ],
    }
    return render(request, "success/plan_start.html", context, status=status)


def _begin(request: HttpRequest, member: Member, said: Mapping[str, Any]) -> HttpResponse:
    kind, _sep, key = said["begin_with"].partition(" ")
    template = get_object_or_404(PlanTemplate, key=key) if kind == "template" else None
    try:
        drafts.start(
            member=member,
            purpose=DraftPurpose(said["purpose"]),
            anchor_on=said["anchor_on"],
            by=user_of(request),
            at=clock.now(),
            template=template,
            empty=kind == NOTHING,
        )
    except drafts.AlreadyStarted as already:
        who = already.draft.by.name if already.draft.by else _("Somebody")
        words = _("%(who)s began to write this plan already. Here it is; nothing was lost.")
        messages.info(request, words % {"who": who})
    return redirect("success:plan_edit", member.public_id)


@requires(Permission.PLAN_EDIT)
@require_POST
def plan_drop(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Put the draft away; it can be taken up again."""
    member = visible_member(request, public_id)
    draft = _open_draft(member)
    if draft is not None:
        drafts.drop(draft=draft, by=user_of(request), at=clock.now())
        messages.success(request, _("The draft is put away. You can take it up again."))
    return redirect("success:plan_start", member.public_id)


@requires(Permission.PLAN_EDIT)
@require_POST
def plan_take_up(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Go on with the draft that was put away last."""
    member = visible_member(request, public_id)
    rows = member.plan_drafts.exclude(dropped_at=None).order_by("-dropped_at")
    draft = rows.first()
    if draft is None:
        raise Http404
    try:
        drafts.take_up(draft=draft, by=user_of(request), at=clock.now())
    except (drafts.AlreadyStarted, drafts.NotOpen):
        messages.info(request, _("Another draft is open already. Here it is."))
    except drafts.WrongPurpose:
        messages.error(request, _("A plan was agreed or closed since; the draft fits no more."))
        return redirect("success:plan_start", member.public_id)
    return redirect("success:plan_edit", member.public_id)


# --- write ------------------------------------------------------------------------------------


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def plan_edit(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The editor of the open draft; every POST keeps the whole page first."""
    member = visible_member(request, public_id)
    draft = _open_draft(member)
    if draft is None:
        return elsewhere(request, reverse("success:plan_start", args=[member.public_id]))
    if request.method == "POST":
        return _save(request, member, draft)
    return _render(request, member, draft, act="check" if "check" in request.GET else "")


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a POST of the editor says, and which button was pressed.

    ``revision`` is the one it was made from, or the one it is to replace knowingly.
    ``has_bad_day``: day 0 is no day; the draft keeps the one it has.
    """

    act: str
    content: drafting.Content
    words: dict[str, str]
    anchor_on: date
    revision: int
    look_at: str
    has_bad_day: bool


def _save(request: HttpRequest, member: Member, draft: PlanDraft) -> HttpResponse:
    typed = _typed(request, member, draft)
    try:
        saved = drafts.save(
            draft=draft,
            content=typed.content,
            reason=typed.words["reason"].strip(),
            anchor_on=typed.anchor_on,
            revision=typed.revision,
            by=user_of(request),
            at=clock.now(),
        )
    except drafts.Overtaken as overtaken:
        return _tell(request, member, overtaken.draft, typed)
    except drafts.NotOpen:
        messages.error(request, _("This draft was agreed or put away meanwhile."))
        return elsewhere(request, page_of(member))
    if typed.act == "autosave":
        return _saved(request, member, saved)
    if typed.has_bad_day:
        return _render(request, member, saved, typed=typed.words, status=422)
    return _go_on(request, member, saved, typed)


def _typed(request: HttpRequest, member: Member, draft: PlanDraft) -> Typed:
    """Read the page that was sent, with what its button does already done."""
    act = request.POST.get("do", "save")
    verb, _sep, rest = act.partition(":")
    content, look_at = content_of(request.POST, was=draft.content), ""
    if verb == "mine":
        who = draft.by.name if draft.by else _("somebody")
        content = drafting.replacing(
            content, draft.content, by=who, at=draft.saved_at.isoformat()
        )
    elif verb == "swap":
        content = _swapped(content, by=user_of(request).name)
    elif verb not in ONLY_SAVES:
        try:
            content, look_at = drafting.change(content, act, key=new_milestone_key())
        except drafting.NoSuchChange as unknown:
            raise Http404 from unknown
    words = WordsForm(request.POST, choices=_choices(member))
    words.full_clean()
    is_replan = draft.purpose == DraftPurpose.REPLAN
    return Typed(
        act=act,
        content=content,
        words={name: request.POST.get(name, "") for name in ("anchor_on", "reason")},
        anchor_on=words.cleaned_data.get("anchor_on") or draft.anchor_on,
        revision=_revision(rest if verb == "mine" else request.POST.get("revision", "")),
        look_at=look_at,
        has_bad_day="anchor_on" in words.errors and not is_replan,
    )


def _swapped(content: drafting.Content, *, by: str) -> drafting.Content:
    """The text that was replaced, with this one kept in its place."""
    replaced = content.get("replaced")
    if not replaced:
        return content
    at = clock.now().isoformat()
    return drafting.replacing(replaced["content"], content, by=by, at=at)


def _tell(request: HttpRequest, member: Member, draft: PlanDraft, typed: Typed) -> HttpResponse:
    """Somebody saved in between: show both texts, and keep what was typed on the page."""
    overtaken = {
        "by": draft.by,
        "at": draft.saved_at,
        "revision": typed.revision,
        "differences": differences_shown(typed.content, draft.content),
    }
    if typed.act == "autosave":
        return _saved(request, member, draft, overtaken=overtaken)
    return _render(
        request,
        member,
        draft,
        content=typed.content,
        typed=typed.words,
        overtaken=overtaken,
        status=409,
    )


def _go_on(
    request: HttpRequest, member: Member, draft: PlanDraft, typed: Typed
) -> HttpResponse:
    """After a save: to the last page, or back to where the button was."""
    if typed.act == "agree":
        return elsewhere(request, reverse("success:plan_agree", args=[member.public_id]))
    if is_fragment(request):
        return _render(request, member, draft, look_at=typed.look_at, act=typed.act)
    where = reverse("success:plan_edit", args=[member.public_id])
    if typed.act == "check":
        return redirect(f"{where}?check=1#findings")
    return redirect(f"{where}#{_place(typed.look_at)}")


def _place(look_at: str) -> str:
    if look_at == drafting.NO_MILESTONE:
        return "all-promises"
    return f"milestone-{look_at}" if look_at else "plan-editor"


def _render(  # noqa: PLR0913  # what the editor may have to say
    request: HttpRequest,
    member: Member,
    draft: PlanDraft,
    *,
    content: Mapping[str, Any] | None = None,
    typed: Mapping[str, str] | None = None,
    overtaken: Mapping[str, Any] | None = None,
    look_at: str = "",
    act: str = "",
    status: int = 200,
) -> HttpResponse:
    context = _editor(member, draft, content=content or draft.content, typed=typed)
    context |= {"look_at": look_at, "acted": act, "overtaken": overtaken}
    response = render_page_or_fragment(
        request, "success/plan_edit.html", "success/_plan_editor.html", context, status=status
    )
    if is_fragment(request):
        response["HX-Trigger-After-Settle"] = "plan-saved"
    return response


def _saved(
    request: HttpRequest,
    member: Member,
    draft: PlanDraft,
    *,
    overtaken: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """What changed by a save while one writes: the time, the dates, what the linter says."""
    context = _editor(member, draft, content=draft.content)
    context |= {"by_itself": True, "overtaken": overtaken}
    response = render(request, "success/_plan_saved.html", context)
    response["HX-Trigger-After-Settle"] = "plan-saved"
    return response


def _editor(
    member: Member,
    draft: PlanDraft,
    *,
    content: Mapping[str, Any],
    typed: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    shown = {"anchor_on": draft.anchor_on.isoformat(), "reason": draft.reason} | dict(
        typed or {}
    )
    plan = None if draft.purpose == DraftPurpose.AGREE else versions.open_plan(member)
    forms = plan_forms(
        content,
        anchor_on=draft.anchor_on,
        typed=shown,
        choices=_choices(member),
        reached=drafts.reached_in(plan, on=clock.today()) if plan else (),
    )
    if draft.purpose == DraftPurpose.REPLAN:
        forms.words.fields["anchor_on"].disabled = True
        forms.words.initial["anchor_on"] = draft.anchor_on
    if draft.purpose == DraftPurpose.AGREE:
        del forms.words.fields["reason"]
    notes = _judge(member, draft, content=content, reason=shown["reason"])
    attach(forms, notes)
    way = [each for each in content["milestones"] if each["is_gating"]]
    weights = [each["weight"] for each in way if isinstance(each["weight"], int)]
    errors = [each for each in notes if each.is_error]
    return {
        "member": member,
        "draft": draft,
        "forms": forms,
        "notes": notes,
        "errors": errors,
        "warnings": [each for each in notes if not each.is_error],
        "weight": sum(weights),
        "removed": (content.get("removed") or {}).get("milestone"),
        "replaced": content.get("replaced"),
        "is_replan": draft.purpose == DraftPurpose.REPLAN,
        "is_first": draft.purpose == DraftPurpose.AGREE,
        "day_30": draft.anchor_on + timedelta(days=30),
        "day_60": draft.anchor_on + timedelta(days=60),
        "day_90": draft.anchor_on + timedelta(days=90),
        "preview_url": reverse("success:plan_preview", args=[member.public_id]),
        "edit_url": reverse("success:plan_edit", args=[member.public_id]),
    }


def _choices(member: Member) -> Choices:
    today = clock.today()
    fits = versions.fits_of(member, as_of=today)
    return Choices(
        people=planning.people_of(member, as_of=today),
        team=planning.team(),
        offers=planning.offers(),
        rules=[
            rule_choice(rule, planning.rule_in_words(rule)) for rule in planning.known_rules()
        ],
        missing_fits=[(row.fit.value, row.fit.label) for row in fits if row.is_missing],
    )


# --- what the linter says ---------------------------------------------------------------------


def _judge(
    member: Member, draft: PlanDraft, *, content: Mapping[str, Any], reason: str
) -> list[Note]:
    """What keeps the draft from being agreed (errors), and what might be better (warnings)."""
    keys = [each["key"] for each in content["milestones"]]
    path, found = read(content)
    if path is not None:
        purpose = DraftPurpose(draft.purpose)
        on = draft.anchor_on if purpose == DraftPurpose.EVOLVE else clock.today()
        said = {each.where for each in found}
        judged = plans.findings_for(member=member, path=path, purpose=purpose, on=on)
        found += [each for each in judged if each.where not in said]
    notes = [note_of(each, keys=keys) for each in found]
    if draft.purpose != DraftPurpose.AGREE and not reason.strip():
        notes.insert(
            0,
            own_note("reason", _("Say why the plan that was agreed is not kept."), error=True),
        )
    if draft.purpose != DraftPurpose.REPLAN and not content.get("said_by"):
        words = _("Say which of the member's people said this goal.")
        notes.append(own_note("said_by", words, error=True))
    return sorted(notes, key=lambda each: not each.is_error)


# --- look at it as the member will ------------------------------------------------------------


@requires(Permission.PLAN_EDIT)
@require_safe
@never_cache
@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})  # type: ignore[arg-type]  # passes more arguments on
def plan_preview(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What the member will see once this is agreed, on the page that they will see it on."""
    member = visible_member(request, public_id)
    draft = _open_draft(member)
    if draft is None:
        raise Http404
    mine = path_of_draft_as_seen(draft, as_of=clock.today())
    context = {
        "mine": mine,
        "ours": {"open": mine.ours},
        "theirs": {"open": mine.theirs},
        "is_organisation": member.kind == MemberKind.ORGANISATION,
        "greeting": _("As %(member)s will see it") % {"member": member.name},
        "shell": {"home_url": "#content"},  # nobody signs out, or goes elsewhere, from here
        "who_answers": mine.people.owner.name if mine.people.owner else _("our team"),
    }
    return render(request, "success/plan_preview.html", context)


# --- agree ------------------------------------------------------------------------------------


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def plan_agree(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """What will be, once more in full; then one press makes it so."""
    member = visible_member(request, public_id)
    draft = _open_draft(member)
    if draft is None:
        return redirect(page_of(member))
    if request.method == "POST":
        return _agree(request, member, draft)
    return _render_agree(request, member, draft)


def _agree(request: HttpRequest, member: Member, draft: PlanDraft) -> HttpResponse:
    revision = _revision(request.POST.get("revision", ""))
    said_by = planning.person_of(
        member, public_id=draft.content.get("said_by", ""), as_of=clock.today()
    )
    try:
        drafts.agree_draft(
            draft=draft,
            by=user_of(request),
            at=clock.now(),
            said_by=said_by,
            consents=draft.content.get("consents", ()),
            revision=revision,
        )
    except drafts.Overtaken as overtaken:
        who = overtaken.draft.by.name if overtaken.draft.by else _("Somebody")
        refusal = _("%(who)s saved the draft in between. Look at it again; nothing is agreed.")
        return _render_agree(
            request, member, overtaken.draft, refusal=refusal % {"who": who}, status=409
        )
    except drafts.NotOpen:
        messages.info(request, _("This draft was agreed or put away meanwhile."))
        return redirect(page_of(member))
    except (plans.NotAgreeable, BadPlan):
        refusal = _("Something has to be mended first. Nothing is agreed.")
        return _render_agree(request, member, draft, refusal=refusal, status=422)
    except plans.NotSaid as lacking:
        return _render_agree(request, member, draft, refusal=str(lacking), status=422)
    except (plans.AlreadyPlanned, plans.PlanOver, drafts.WrongPurpose):
        refusal = _("Meanwhile a plan was agreed or closed. Nothing is agreed; put this away.")
        return _render_agree(request, member, draft, refusal=refusal, status=409)
    messages.success(request, _("The plan is agreed. They see it on their page from now on."))
    return redirect(page_of(member))


def _render_agree(
    request: HttpRequest,
    member: Member,
    draft: PlanDraft,
    *,
    refusal: str = "",
    status: int = 200,
) -> HttpResponse:
    content, today = draft.content, clock.today()
    notes = _judge(member, draft, content=content, reason=draft.reason)
    context: dict[str, Any] = {
        "member": member,
        "draft": draft,
        "content": content,
        "refusal": refusal,
        "errors": [each for each in notes if each.is_error],
        "warnings": [each for each in notes if not each.is_error],
        "edit_url": reverse("success:plan_edit", args=[member.public_id]),
        "is_replan": draft.purpose == DraftPurpose.REPLAN,
        "is_evolve": draft.purpose == DraftPurpose.EVOLVE,
        "said_by": dict(planning.people_of(member, as_of=today)).get(content["said_by"]),
        "rows": _agreed_rows(content, anchor_on=draft.anchor_on),
        "theirs": _agreed_promises(member, content, Side.MEMBER, anchor_on=draft.anchor_on),
        "ours": _agreed_promises(member, content, Side.ASSOCIATION, anchor_on=draft.anchor_on),
        "asks": _agreed_asks(content),
        "first_days": [
            (days, draft.anchor_on + timedelta(days=days), content[f"first_{days}"])
            for days in (30, 60, 90)
        ],
    }
    plan = Plan.objects.filter(member=member, closed_on=None).first()
    if plan is not None and not context["errors"]:
        path = drafts.path_of_draft(content)
        on = today if context["is_replan"] else draft.anchor_on
        context["plan"] = plan
        context["compared"] = planning.compare(
            plan, path, anchor_on=draft.anchor_on, on=max(on, plan.counts_from)
        )
        context["weight"] = total_weight(path)
    return render(request, "success/plan_agree.html", context, status=status)


def _agreed_rows(content: Mapping[str, Any], *, anchor_on: date) -> list[dict[str, Any]]:
    return [
        {
            "title": each["title"],
            "day": each["expected_day"],
            "on": drafting.date_of(each["expected_day"], anchor_on=anchor_on),
            "is_gating": each["is_gating"],
            "weight": each["weight"],
            "from_members": each["expected_basis"] == "cohort",
        }
        for each in drafting.arranged(content)["milestones"]
    ]


def _agreed_promises(
    member: Member, content: Mapping[str, Any], side: Side, *, anchor_on: date
) -> list[dict[str, Any]]:
    names = dict(
        planning.team()
        if side == Side.ASSOCIATION
        else planning.people_of(member, as_of=clock.today())
    )
    promised = [(each, "") for each in content["promises"]]
    for milestone in content["milestones"]:
        promised += [(each, milestone["title"]) for each in milestone["promises"]]
    rows = [
        {
            "title": each["title"],
            "for": title,
            "who": names.get(each["owner"] or each["person"], ""),
            "on": drafting.date_of(each["due_day"], anchor_on=anchor_on),
        }
        for each, title in promised
        if each["side"] == side
    ]
    return sorted(rows, key=lambda row: row["on"] or date.max)


def _agreed_asks(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    offered = dict(planning.offers())
    return [
        {
            "at": each["title"],
            "what": offered.get(each[kind], each[kind])
            if kind == "upsell"
            else planning.advocacy_in_words(each[kind]),
            "agreed": f"{each['key']}:{kind}" in content["consents"],
        }
        for each in content["milestones"]
        for kind in ("upsell", "advocacy")
        if each[kind]
    ]


# --- small things -----------------------------------------------------------------------------


def _open_draft(member: Member) -> PlanDraft | None:
    try:
        return drafts.open_draft(member)
    except PlanDraft.DoesNotExist:
        return None


def _revision(typed: str) -> int:
    """The revision a page was made from; 0, which none ever is, where it says none."""
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < 9 else 0


def new_milestone_key() -> str:
    """A key that no milestone has."""
    return f"m-{secrets.token_hex(4)}"


def elsewhere(request: HttpRequest, where: str) -> HttpResponse:
    """Lead to another page, also where only a fragment was asked for."""
    if is_fragment(request):
        return HttpResponse(headers={"HX-Redirect": where})
    return HttpResponseRedirect(where)


# --- on the member's page, and what waits -----------------------------------------------------


@requires(Permission.PLAN_VIEW)
@require_safe
def plan_panel(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The versions of the plan with their pauses, and what may follow."""
    member, shown = visible_member(request, public_id), day_shown(request)
    every = list(planning.plan_versions(member, as_of=shown.as_of))
    plan = next(
        (each for each in every if each.closed_on is None or each.closed_on > shown.as_of),
        None,
    )
    pauses = sorted(plan.pauses.all(), key=lambda each: each.starts_on) if plan else []
    context = {
        "versions": every,
        "plan": plan,
        "paused": next((each for each in pauses if _holds(each, on=shown.as_of)), None),
        "draft": _open_draft(member),
    }
    return render_own_panel(request, member, "plan", _("The plan"), context, shown=shown)


def _holds(pause: PlanPause, *, on: date) -> bool:
    return pause.starts_on <= on and (pause.ends_on is None or pause.ends_on > on)


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def plan_pause(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Let days not count: a leave, a force majeure."""
    member, today = visible_member(request, public_id), clock.today()
    plan = get_object_or_404(member.plans, closed_on=None)
    act = Act(
        do="pause",
        title=_("Pause the plan"),
        button=_("Pause it"),
        make=lambda *data, **options: PauseForm(*data, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: plans.pause(
                plan=plan, by=user_of(request), at=clock.now(), **form.cleaned_data
            )
        ),
        said=_("The plan is paused. Those days do not count."),
    )
    return answer(request, member=member, title=_("Pause the plan"), acts=[act], back="plan")


@requires(Permission.PLAN_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def plan_resume(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """The pause is over."""
    member, today = visible_member(request, public_id), clock.today()
    plan = get_object_or_404(member.plans, closed_on=None)
    act = Act(
        do="resume",
        title=_("The pause is over"),
        button=_("Go on"),
        make=lambda *data, **options: PastDayForm(*data, today=today, **options),
        run=lambda form: _unless_refused(
            lambda: plans.resume(
                plan=plan, on=form.cleaned_data["on"], by=user_of(request), at=clock.now()
            )
        ),
        said=_("The plan goes on. That day counts again."),
    )
    return answer(request, member=member, title=_("The pause is over"), acts=[act], back="plan")


@requires(Permission.PLAN_VIEW)
@require_safe
def changes(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Who changed what about the member, newest first, a page at a time."""
    member, shown = visible_member(request, public_id), day_shown(request)
    listed = page_asked(
        request,
        planning.trail(member),
        order=("-at", "-pk"),
        size=TRAIL_SIZE,
    )
    return render_own_panel(
        request, member, "changes", _("What was changed"), {"listed": listed}, shown=shown
    )


@requires(Permission.PLAN_VIEW)
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """What waits for an answer of ours, and the plans that are being written."""
    user = user_of(request)
    declared = planning.waiting_declarations(user).order_by("at", "pk")
    changed = planning.waiting_goal_changes(user).order_by("at", "pk")
    written = planning.open_drafts(user).order_by("saved_at", "pk")
    context = {
        "declarations": declared[:DESK_SIZE],
        "declaration_count": declared.count(),
        "goal_changes": changed[:DESK_SIZE],
        "goal_change_count": changed.count(),
        "drafts": written[:DESK_SIZE],
        "draft_count": written.count(),
    }
    return render(request, "success/plans.html", context)


def _unless_refused(write: Callable[[], Done]) -> Done:
    try:
        return write()
    except REFUSALS as refused:
        raise Refused(str(refused)) from refused
