"""The plays: what each does and did, writing one, publishing it, switching it on and off.

Every button of the editor posts the whole page, which is kept before anything else happens,
wherever it can be read; what cannot is said beside it and stays on the page. A script saves by
itself while one writes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from communications.services import templates
from config.kernel import clock
from config.kernel.conditions import BadCondition
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.permissions import has, requires
from members.models import Member
from success.access import Permission
from success.engine.linting import Finding
from success.engine.playing import (
    Difference,
    PlannedPlay,
    condition_in_words,
    differences,
    start_in_words,
)
from success.enums import VersionStatus
from success.forms.plays_editor import (
    EVERYBODY,
    STARTS_OF_OURS,
    AboutForm,
    ConditionForms,
    NewPlayForm,
    Offered,
    PlayForms,
    PublishForm,
    ReadyForm,
    StepForm,
    SwitchForm,
    change_steps,
    values_with,
)
from success.models import Play, PlayVersion
from success.queries import playbook as found
from success.queries.members import known_tiers
from success.rollups.plays import why_not
from success.services import playbook
from success.views.acts import user_of

LABELS: Mapping[str, Any] = {
    "title": gettext_lazy("Name"),
    "aim": gettext_lazy("Aim"),
    "aim_condition": gettext_lazy("When the aim is reached"),
    "aim_days": gettext_lazy("Days within which it counts"),
    "start": gettext_lazy("When it begins"),
    "audience": gettext_lazy("Whom it is for"),
    "stop": gettext_lazy("What stops it"),
    "reentry": gettext_lazy("Entering again"),
    "reentry_days": gettext_lazy("Days until entering again"),
    "queue_class": gettext_lazy("Place in the queue"),
    "held_percent": gettext_lazy("Left alone to compare with"),
    "never_withheld": gettext_lazy("Withheld from nobody"),
    "most_a_night": gettext_lazy("Most in a night"),
    "too_late_days": gettext_lazy("When a message is too late"),
    "steps": gettext_lazy("Steps"),
    "act": gettext_lazy("what to do"),
    "intent": gettext_lazy("what for"),
    "changes": gettext_lazy("what is different"),
    "wait_days": gettext_lazy("days to wait"),
    "minutes": gettext_lazy("minutes"),
    "due_days": gettext_lazy("days to do it in"),
    "template": gettext_lazy("message"),
}
PLACES = {"aim_condition": "reached", "audience": "audience", "stop": "stop", "start": "start"}
VERSIONS_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Note:
    """Something the linter says, with the words of the place it is about and its address."""

    is_error: bool
    about: str
    words: str
    suggestion: str
    href: str


# --- what there is ----------------------------------------------------------------------------


@requires(Permission.PLAY_VIEW)
@require_safe
def desk(request: HttpRequest) -> HttpResponse:
    """Every play with what it is for, when it begins, and what it did."""
    rows = found.desk(as_of=clock.today())
    context = {
        "rows": [
            {
                "row": row,
                "url": reverse("success:play", args=[row.play.key]),
                "starts": start_in_words(row.planned),
                "effect_url": _effect_url(row.play),
            }
            for row in rows
        ],
        "ready": len(playbook.ready_plays(known={row.play.key for row in rows}))
        if has(request.user, Permission.PLAY_EDIT)
        else 0,
    }
    return render(request, "success/plays/desk.html", context)


def _effect_url(play: Play) -> str:
    """The page that says what a play has changed, where there is one."""
    try:
        return reverse("success:play_effect", args=[play.key])
    except NoReverseMatch:
        return ""


@requires(Permission.PLAY_VIEW)
@require_safe
def play(request: HttpRequest, key: str) -> HttpResponse:
    """What a play is for, its ladder in each segment, what it did, and its versions."""
    return _play_page(request, _play(key), SwitchForm())


def _play_page(
    request: HttpRequest, row: Play, form: SwitchForm, *, status: int = 200
) -> HttpResponse:
    versions = found.versions_of(row)
    draft = found.draft_of(row)
    shown = next((each for each in versions if each.pk == row.current_id), draft)
    if shown is None:
        raise Http404
    planned = found.planned_of(shown)
    state = found.state_of(row)
    context = {
        "play": row,
        "version": shown,
        "draft": draft,
        "state": state,
        "reason": row.paused_because
        if state == "paused"
        else found.reasons().get(row.pk, "")
        if state == "off"
        else "",
        "did": found.counts(as_of=clock.today(), play=row).get(row.pk, found.Did()),
        "effect_url": _effect_url(row),
        "switch_form": form,
        "history": [
            {"version": each, "differs": _differs(_before(versions, at), each)}
            for at, each in enumerate(versions[:VERSIONS_SHOWN])
        ],
        **_said(planned),
    }
    return render(request, "success/plays/play.html", context, status=status)


def _before(versions: list[PlayVersion], at: int) -> PlayVersion | None:
    return versions[at + 1] if at + 1 < len(versions) else None


def _differs(old: PlayVersion | None, new: PlayVersion) -> int | None:
    """In how many places a version says something else than the one before; null for none."""
    if old is None:
        return None
    return len(differences(found.planned_of(old), found.planned_of(new)))


def _said(planned: PlannedPlay) -> dict[str, Any]:
    """A play in words, with its ladder."""
    return {
        "planned": planned,
        "starts": start_in_words(planned),
        "audience": condition_in_words(planned.audience),
        "reached": condition_in_words(planned.aim_condition) if planned.aim_condition else "",
        "stops": condition_in_words(planned.stop) if planned.stop is not None else "",
        "ladders": found.ladders(planned),
    }


@requires(Permission.PLAY_VIEW)
@require_safe
def play_version(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """A version that was published: what it said, and what it changed."""
    row = _play(key)
    versions = found.versions_of(row)
    at = next((i for i, each in enumerate(versions) if each.number == number), None)
    if at is None:
        raise Http404
    version, old = versions[at], _before(versions, at)
    planned = found.planned_of(version)
    context = {
        "play": row,
        "version": version,
        "old": old,
        "differences": _shown(differences(found.planned_of(old), planned)) if old else [],
        **_said(planned),
    }
    return render(request, "success/plays/version.html", context)


def _shown(differing: Iterable[Difference]) -> list[dict[str, str]]:
    return [
        {"about": _place(each.where)[0], "before": each.before, "after": each.after}
        for each in differing
    ]


# --- write ------------------------------------------------------------------------------------


@requires(Permission.PLAY_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def play_new(request: HttpRequest) -> HttpResponse:
    """Begin a new play with its name."""
    form = NewPlayForm(request.POST if request.method == "POST" else None)
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            draft = playbook.start_draft(
                play=None, title=form.cleaned_data["title"], by=user_of(request), at=clock.now()
            )
            return redirect("success:play_edit", draft.play.key)
    return render(request, "success/plays/new.html", {"form": form}, status=status)


@requires(Permission.PLAY_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def play_ready(request: HttpRequest) -> HttpResponse:
    """Take up plays that are ready, as drafts."""
    ready = playbook.ready_plays()
    kinds = {*found.offered_kinds(), *STARTS_OF_OURS, None}
    fitting = [each.key for each in ready if each.planned.start.get("kind") in kinds]
    form = ReadyForm(
        request.POST if request.method == "POST" else None,
        ready=[(each.key, each.title) for each in ready],
        fitting=fitting,
    )
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            drafts = playbook.take_up(
                keys=form.cleaned_data["plays"], by=user_of(request), at=clock.now()
            )
            words = ngettext(
                "%(count)s play is taken up as a draft. It does nothing before it is "
                "published.",
                "%(count)s plays are taken up as drafts. They do nothing before they are "
                "published.",
                len(drafts),
            )
            messages.success(request, words % {"count": len(drafts)})
            return redirect("success:plays")
    chosen = set(form["plays"].value() or ())
    context = {
        "form": form,
        "rows": [
            {
                "play": each,
                "starts": start_in_words(each.planned),
                "can_begin": each.key in fitting,
                "is_chosen": each.key in chosen,
            }
            for each in ready
        ],
    }
    return render(request, "success/plays/ready.html", context, status=status)


@requires(Permission.PLAY_EDIT)
@require_POST
def play_write(request: HttpRequest, key: str) -> HttpResponse:
    """Begin a new version of a play, or go on with the one that is being written."""
    row = _play(key)
    try:
        playbook.start_draft(play=row, title=row.title, by=user_of(request), at=clock.now())
    except playbook.AlreadyStarted as begun:
        words = _("This version is being written already, last by %(who)s.")
        messages.info(request, words % {"who": begun.draft.made_by or _("somebody")})
    return redirect("success:play_edit", row.key)


@requires(Permission.PLAY_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def play_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Write a version: its aim, its start, for whom, and its ladder."""
    row = _play(key)
    draft = found.draft_of(row)
    if draft is None:
        messages.info(request, _("No version of this play is being written."))
        return redirect("success:play", row.key)
    if request.method == "POST":
        return _answer(request, draft)
    forms = _forms(draft)
    return _render(request, draft, forms=forms, planned=found.planned_of(draft))


def _forms(draft: PlayVersion, *, sent: QueryDict | None = None) -> PlayForms:
    return PlayForms(
        planned=found.planned_of(draft),
        title=draft.play.title,
        offered=Offered(
            templates=found.offered_templates(),
            kinds=found.offered_kinds(),
            segments=found.offered_segments(),
            tiers=known_tiers(),
        ),
        sent=sent,
    )


def _answer(request: HttpRequest, draft: PlayVersion) -> HttpResponse:
    """Keep what was typed, do what the button says, and give the page back as it then is."""
    act = request.POST.get("do", "save")
    sent = change_steps(request.POST, act)
    forms = _forms(draft, sent=sent)
    if not forms.is_valid():
        return _render(request, draft, forms=forms, acted=act, status=422)
    revision = sent.get("revision", "")
    verb, _sep, theirs = act.partition(":")
    asked = theirs if verb == "mine" else revision
    try:
        saved = playbook.save_draft(
            version=draft,
            planned=forms.planned,
            title=forms.title,
            revision=int(asked) if _is_number(asked) else -1,
            by=user_of(request),
            at=clock.now(),
        )
    except playbook.Overtaken as passed:
        context = {"overtaken": passed.version, "differences": _between(passed)}
        return _render(
            request,
            draft,
            forms=forms,
            planned=passed.planned,
            acted=act,
            status=409,
            **context,
        )
    if act == "publish":
        return _elsewhere(request, reverse("success:play_publish", args=[draft.play.key]))
    if act == "autosave" and is_fragment(request):
        return _render(request, saved, forms=forms, planned=forms.planned, acted=act)
    # what was read goes back as it was understood
    return _render(
        request, saved, forms=_forms(saved), planned=found.planned_of(saved), acted=act
    )


def _between(passed: playbook.Overtaken) -> list[dict[str, str]]:
    return _shown(differences(found.planned_of(passed.version), passed.planned))


def _render(  # noqa: PLR0913  # a page has that many parts
    request: HttpRequest,
    draft: PlayVersion,
    *,
    forms: PlayForms,
    planned: PlannedPlay | None = None,
    acted: str = "",
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    today = clock.today()
    findings: tuple[Finding, ...] = ()
    if planned is not None:
        findings = playbook.judge(draft, planned=planned, as_of=today)
    notes = [note_of(each) for each in findings]
    context = {
        "play": draft.play,
        "draft": draft,
        "forms": forms,
        "is_read": planned is not None,
        "form_errors": forms.errors if planned is None else [],
        "notes": notes,
        "errors": [each for each in notes if each.is_error],
        "warnings": [each for each in notes if not each.is_error],
        "reach": found.audience_of(planned, as_of=today) if planned is not None else None,
        "ladders": found.ladders(planned) if planned is not None else [],
        "planned": planned,
        "acted": acted,
        "edit_url": reverse("success:play_edit", args=[draft.play.key]),
        **more,
    }
    if acted == "autosave" and is_fragment(request):
        # htmx swaps what it is given only where the answer is a success
        return render(request, "success/plays/_saved.html", context | {"by_itself": True})
    if is_fragment(request):
        status = 200
    return render_page_or_fragment(
        request,
        "success/plays/edit.html",
        "success/plays/_editor.html",
        context,
        status=status,
    )


@requires(Permission.PLAY_EDIT)
@require_safe
def play_count(request: HttpRequest) -> HttpResponse:
    """Whom the audience as it is being written would take; nothing is saved."""
    forms = ConditionForms(
        "audience",
        stored=None,
        sent=request.GET,
        label="",
        nothing=(EVERYBODY, ""),
        empty={"all": []},
        values=values_with(segments=found.offered_segments(), tiers=known_tiers()),
    )
    context: dict[str, Any] = {}
    if forms.is_valid():
        try:
            context["reach"] = found.reach(forms.data, as_of=clock.today())
            context["words"] = condition_in_words(forms.data)
        except BadCondition as error:
            context["refused"] = condition_in_words(forms.data) if forms.data else str(error)
    else:
        words = [
            str(each) for row in forms.rows for some in row.errors.values() for each in some
        ]
        context["refused"] = words[0] if words else ""
    return render(request, "success/plays/_count.html", context)


@requires(Permission.PLAY_EDIT)
@require_POST
def play_drop(request: HttpRequest, key: str) -> HttpResponse:
    """Put away the version that is being written."""
    row = _play(key)
    draft = found.draft_of(row)
    if draft is not None:
        playbook.drop_draft(version=draft, by=user_of(request), at=clock.now())
        messages.success(request, _("The draft is gone; what was published stays."))
    return redirect("success:play", row.key) if row.current_id else redirect("success:plays")


# --- who would enter --------------------------------------------------------------------------


@requires(Permission.PLAY_VIEW)
@require_safe
def play_entering(request: HttpRequest, key: str) -> HttpResponse:
    """Who would enter today and why, why not for one member, and what they would read."""
    row = _play(key)
    draft = found.draft_of(row)
    wants_draft = request.GET.get("version") == "draft" or row.current is None
    version = draft if wants_draft and draft is not None else row.current
    if version is None:
        raise Http404
    user, today = user_of(request), clock.today()
    after = request.GET.get("after", "0")
    if not _is_number(after):
        raise Http404
    words = request.GET.get("q", "")
    context: dict[str, Any] = {
        "play": row,
        "version": version,
        "is_draft": version.status == VersionStatus.DRAFT,
        "words": words,
        "asked": _asked(request, version),
        "found": found.search(words, user=user),
    }
    try:
        entering = found.entering(version, user=user, as_of=today, after=int(after))
    except BadCondition as error:
        context["refused"] = str(error)
    else:
        first = [each.member.pk for each in entering.rows if not each.is_held]
        if not first:
            # most days most plays take nobody, and what they say is to be read all the same
            first = found.some_of(version.audience, user=user, as_of=today)
            context["of_audience"] = True
        context["entering"] = entering
        context["rendered"] = found.rendered(version, members=first, user=user, as_of=today)
        context["has_messages"] = version.steps.filter(template__isnull=False).exists()
    return render(request, "success/plays/entering.html", context)


@requires(Permission.PLAY_EDIT)
@require_POST
def play_test(request: HttpRequest, key: str) -> HttpResponse:
    """Send oneself a step's message as a member would get it; no member is written to."""
    row = _play(key)
    # of two versions that are there, the one whose page it was asked on
    wants_draft = request.POST.get("version") == "draft" or row.current is None
    version = (found.draft_of(row) if wants_draft else None) or row.current
    number, member_id = request.POST.get("step", ""), request.POST.get("member", "")
    if version is None or not all(_is_number(each) for each in (number, member_id)):
        raise Http404
    step = get_object_or_404(
        version.steps.select_related("template"), position=int(number), template__isnull=False
    )
    user = user_of(request)
    if step.template is None:
        raise Http404
    known = found.variables_of(
        int(member_id), template=step.template, user=user, as_of=clock.today()
    )
    if known is None:
        raise Http404
    try:
        templates.send_test(
            template=step.template, variables=known[1], to=user, by=user, at=clock.now()
        )
    except templates.MissingVariable as missing:
        words = _("Not sent: “%(name)s” is not known of %(member)s.")
        messages.warning(request, words % {"name": missing, "member": known[0].name})
    else:
        words = _("It is on its way to %(address)s, and to no member.")
        messages.success(request, words % {"address": user.email})
    address = reverse("success:play_entering", args=[row.key])
    is_draft = version.status == VersionStatus.DRAFT
    return redirect(f"{address}{'?version=draft' if is_draft else ''}#messages")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _asked(request: HttpRequest, version: PlayVersion) -> dict[str, Any] | None:
    """The member who was asked about, and what keeps them out; null where none was."""
    public_id = request.GET.get("member", "")
    if not public_id:
        return None
    try:
        member = Member.objects.visible_to(user_of(request)).get(public_id=UUID(public_id))
    except (ValueError, Member.DoesNotExist) as error:
        raise Http404 from error
    try:
        reasons = why_not(version, member_id=member.pk, as_of=clock.today())
    except BadCondition as error:
        reasons = (str(error),)
    return {"member": member, "reasons": reasons}


# --- publish, switch --------------------------------------------------------------------------


@requires(Permission.PLAY_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def play_publish(request: HttpRequest, key: str) -> HttpResponse:
    """What is different, what the linter says, who would enter, and what becomes of whom."""
    row = _play(key)
    draft = found.draft_of(row)
    if draft is None:
        messages.info(request, _("No version of this play is being written."))
        return redirect("success:play", row.key)
    today = clock.today()
    did = found.counts(as_of=today, play=row).get(row.pk, found.Did())
    has_inside = row.current_id is not None and did.inside > 0
    sent = request.POST if request.method == "POST" else None
    form = PublishForm(sent, has_inside=has_inside, today=today)
    status = 200
    if sent is not None:
        status = 422
        if form.is_valid():
            said = form.cleaned_data
            revision = sent.get("revision", "")
            try:
                playbook.publish(
                    version=draft,
                    inside=said.get("inside") or "stay",
                    effective_from=said["effective_from"],
                    note=said["note"],
                    revision=int(revision) if _is_number(revision) else -1,
                    by=user_of(request),
                    at=clock.now(),
                )
            except playbook.NotPublishable:
                form.add_error(None, _("It cannot be published as it is: see below."))
            except (playbook.Overtaken, playbook.NotADraft):
                form.add_error(None, _("It was changed in between. Look at it again."))
                status = 409
            else:
                messages.success(request, _("It is published. The next night goes by it."))
                return redirect("success:play", row.key)
    planned = found.planned_of(draft)
    notes = [note_of(each) for each in playbook.judge(draft, planned=planned, as_of=today)]
    old = found.planned_of(row.current) if row.current is not None else None
    context = {
        "play": row,
        "draft": draft,
        "form": form,
        "did": did,
        "has_inside": has_inside,
        "is_first": old is None,
        "differences": _shown(differences(old, planned)) if old is not None else [],
        "notes": [_linked(each, row) for each in notes],
        "errors": [each for each in notes if each.is_error],
        "warnings": [each for each in notes if not each.is_error],
        "reach": found.audience_of(planned, as_of=today),
        "entering": found.entering_count(draft, as_of=today),
        **_said(planned),
    }
    return render(request, "success/plays/publish.html", context, status=status)


def _linked(note: Note, row: Play) -> Note:
    """A note whose link leads to the editor's page."""
    href = reverse("success:play_edit", args=[row.key]) + note.href
    return Note(
        is_error=note.is_error,
        about=note.about,
        words=note.words,
        suggestion=note.suggestion,
        href=href,
    )


@requires(Permission.PLAY_EDIT)
@require_POST
def play_switch(request: HttpRequest, key: str) -> HttpResponse:
    """Have a play act or not from now on, with the reason."""
    row = _play(key)
    form = SwitchForm(request.POST)
    if not form.is_valid():
        return _play_page(request, row, form, status=422)
    is_active = request.POST.get("do") == "on"
    playbook.switch(
        play=row,
        is_active=is_active,
        reason=form.cleaned_data["reason"],
        by=user_of(request),
        at=clock.now(),
    )
    said = _("%(play)s is on again.") if is_active else _("%(play)s is off.")
    messages.success(request, said % {"play": row.title})
    return redirect("success:play", row.key)


# --- the words of the page --------------------------------------------------------------------


def note_of(finding: Finding) -> Note:
    """Where a finding belongs on the editor's page, and the words for that place."""
    about, href = _place(finding.where)
    return Note(
        is_error=finding.is_error,
        about=about,
        words=finding.words,
        suggestion=finding.suggestion,
        href=href,
    )


def _place(where: str) -> tuple[str, str]:
    """The words for a place of a play, and its address on the editor's page."""
    first, *rest = where.split(".")
    if first == "steps" and rest and rest[0].isdecimal():
        number = int(rest[0])
        about = _("Step %(number)s") % {"number": number + 1}
        if len(rest) == 1:
            return about, f"#step{number}"
        name = rest[1]
        label = str(LABELS.get(name, name))
        anchor = f"#id_step{number}-{name}" if name in StepForm.base_fields else ""
        return f"{about}, {label}", anchor or f"#step{number}"
    label = str(LABELS.get(first, first)) or _("The play")
    if first in AboutForm.base_fields:
        return label, f"#id_{first}"
    return label, f"#{PLACES.get(first, first)}"


def _elsewhere(request: HttpRequest, url: str) -> HttpResponse:
    """Lead to another page, a script's request too."""
    if is_fragment(request):
        return HttpResponse(headers={"HX-Redirect": url})
    return redirect(url)


def _play(key: str) -> Play:
    return get_object_or_404(Play.objects.select_related("current"), key=key)
