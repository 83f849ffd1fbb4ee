"""The association's templates: what there is, writing one, its days, and what may be offered.

A template is written on the same page as a plan. It has no draft: what is typed stays on the
page, which every button sends whole and gets back whole, until it is saved. Errors of the
linter forbid the save; nothing typed is lost by that, nor by somebody else's save in between.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from csp.constants import SELF
from csp.decorators import csp_replace
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel import clock
from config.kernel.fragments import is_fragment, render_page_or_fragment
from config.kernel.permissions import requires
from members.enums import MemberKind
from members.models import AuditEntry, User
from success.access import Permission
from success.engine import drafting
from success.engine.linting import KEY
from success.engine.planning import BadPlan, from_data, to_data
from success.engine.survival import FEWEST_EVENTS
from success.enums import EvidenceSource
from success.forms.plans import Choices, content_of, plan_forms, rule_choice
from success.forms.templates import AboutForm, OfferForm, RecordsForm
from success.models import Offer, PlanTemplate
from success.queries import planning
from success.queries import templates as found
from success.queries.nights import last_live_day
from success.queries.outlook import records_begin
from success.queries.previews import path_of_template_as_seen
from success.services import offers, templates
from success.views.acts import user_of
from success.views.findings import (
    LABELS,
    Note,
    attach,
    differences_shown,
    note_of,
    own_note,
    read,
)
from success.views.plans import elsewhere, new_milestone_key

HISTORY_SIZE = 20
SAVES = frozenset({"save", "mine"})
ONLY_LOOKS = frozenset({"look", "check", "autosave"})
WRITES = ("template.saved", "template.calibrated")
HELD_SALT = "success.template"
SOME_KEY = "template"  # a new template gets its key when it is saved


# --- what there is ----------------------------------------------------------------------------


@requires(Permission.TEMPLATE_VIEW)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Every template, those that are retired in a fold."""
    rows, today = found.listed(), clock.today()
    context = {
        "offered": [row for row in rows if not _is_retired(row.template, on=today)],
        "retired": [row for row in rows if _is_retired(row.template, on=today)],
    }
    return render(request, "success/templates.html", context)


def _is_retired(template: PlanTemplate, *, on: date) -> bool:
    return template.retired_on is not None and template.retired_on <= on


@requires(Permission.TEMPLATE_VIEW)
@require_safe
def template(request: HttpRequest, key: str) -> HttpResponse:
    """What a template says, how a member would see it, and what the linter says of it."""
    row = _template(key)
    content = _content(row)
    notes = _judge(content, title=row.title)
    offered = dict(Offer.objects.values_list("key", "title"))
    entries = found.history(row)[: HISTORY_SIZE + 1]
    context = {
        "template": row,
        "is_retired": _is_retired(row, on=clock.today()),
        "content": content,
        "rows": [_shown(each, offered=offered) for each in content["milestones"]],
        "first_days": [(days, content[f"first_{days}"]) for days in (30, 60, 90)],
        "plans": found.plans_agreed_from(row),
        "notes": notes,
        "errors": [each for each in notes if each.is_error],
        "edit_url": reverse("success:template_edit", args=[row.key]),
        "preview_url": f"{reverse('success:template_preview')}?key={row.key}",
        "history": [_told(each) for each in entries[:HISTORY_SIZE]],
        "has_more": len(entries) > HISTORY_SIZE,
    }
    return render(request, "success/template.html", context)


def _shown(each: Mapping[str, Any], *, offered: Mapping[str, str]) -> dict[str, Any]:
    """A milestone of a template in words."""
    kinds = {
        "confirmed": _("One side says so, the other confirms"),
        "declared": _("One side says so, and that is enough"),
    }
    asks = [
        offered.get(each["upsell"], ""),
        planning.advocacy_in_words(each["advocacy"]) if each["advocacy"] else "",
    ]
    return {
        **each,
        "known_by": kinds.get(each["evidence_kind"])
        or planning.rule_in_words(each["evidence_rule"]),
        "from_members": each["expected_basis"] == "cohort",
        "asks": list(filter(None, asks)),
        "theirs": [one for one in each["promises"] if one["side"] == "member"],
        "ours": [one for one in each["promises"] if one["side"] == "association"],
    }


def _told(entry: AuditEntry) -> dict[str, Any]:
    words = {
        "template.saved": _("written anew") if entry.before else _("added"),
        "template.calibrated": _("took its days from members"),
        "template.retired": _("retired"),
        "template.brought_back": _("offered again"),
    }
    return {
        "entry": entry,
        "done": words.get(entry.verb, entry.verb),
        "has_text": bool((entry.before or {}).get("path")),
    }


@requires(Permission.TEMPLATE_VIEW)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@xframe_options_sameorigin
@csp_replace({"frame-ancestors": [SELF]})
def template_preview(request: HttpRequest) -> HttpResponse:
    """A template on the page that a member will see it on: as saved, or as it is being typed.

    What is typed is sent, looked at and not kept.
    """
    if request.method == "POST":
        content = content_of(request.POST, was=drafting.begun({}))
        audience = request.POST.get("audience", "")
    else:
        key = request.GET.get("key", "")
        row = _template(key) if key else None
        content = _content(row)
        audience = row.audience if row else ""
    if audience not in MemberKind.values:
        audience = MemberKind.ORGANISATION.value
    mine = path_of_template_as_seen(content, audience=audience, as_of=clock.today())
    context = {
        "mine": mine,
        "ours": {"open": mine.ours},
        "theirs": {"open": mine.theirs},
        "is_organisation": audience == MemberKind.ORGANISATION,
        "greeting": _("As a member would see it, agreed today"),
        "shell": {"home_url": "#content"},  # nobody signs out, or goes elsewhere, from here
        "who_answers": _("our team"),
    }
    return render(request, "success/plan_preview.html", context)


# --- write ------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Stored:
    """What the editor says of the text that is kept; of a new template, none is."""

    revision: str
    saved_at: datetime | None
    by: User | None


@dataclass(frozen=True, kw_only=True)
class Typed:
    """What a POST of the editor says. ``held`` is what the page carries beside its fields."""

    act: str
    content: drafting.Content
    about: AboutForm
    revision: str
    look_at: str
    copied_from: str


@requires(Permission.TEMPLATE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def template_new(request: HttpRequest) -> HttpResponse:
    """Write a template from nothing, or, with ``?copy=``, from another one."""
    if request.method == "POST":
        return _answer(request, None)
    key = request.GET.get("copy", "")
    origin = _template(key) if key else None
    about = AboutForm(initial={"audience": MemberKind.ORGANISATION}, auto_id="id_%s")
    if origin is not None:
        title = _("%(title)s (copy)") % {"title": origin.title}
        about = _about(origin, title=title)
    return _render(
        request, None, content=_content(origin), about=about, copied_from=key, is_kept=False
    )


@requires(Permission.TEMPLATE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def template_edit(request: HttpRequest, key: str) -> HttpResponse:
    """Write a template anew, or, with ``?entry=``, begin with what it said before a change."""
    row = _template(key)
    if request.method == "POST":
        return _answer(request, row)
    content, is_kept = _content(row), True
    if entry_id := request.GET.get("entry", ""):
        content, is_kept = _content_before(row, entry_id), False
        words = _("This is what it said before. It counts once you save it.")
        messages.info(request, words)
    return _render(request, row, content=content, about=_about(row), is_kept=is_kept)


def _content_before(row: PlanTemplate, entry_id: str) -> drafting.Content:
    """What a template said before a change of the trail."""
    if not (entry_id.isascii() and entry_id.isdecimal() and len(entry_id) < 19):
        raise Http404
    entry = get_object_or_404(found.history(row), pk=int(entry_id))
    try:
        return drafting.begun(to_data(from_data((entry.before or {}).get("path"))))
    except BadPlan as bad:
        raise Http404 from bad


def _answer(request: HttpRequest, row: PlanTemplate | None) -> HttpResponse:
    """Do what the button says, and give the page back as it then is."""
    typed = _typed(request, row)
    overtaken = _overtaken(row, typed)
    if typed.act == "autosave":
        return _judged(request, row, typed, overtaken=overtaken)
    if typed.act.partition(":")[0] in SAVES and overtaken is None:
        return _save(request, row, typed)
    status = 409 if overtaken else 200
    return _render_typed(request, row, typed, overtaken=overtaken, status=status)


def _typed(request: HttpRequest, row: PlanTemplate | None) -> Typed:
    act = request.POST.get("do", "look")
    verb, _sep, rest = act.partition(":")
    held = _held(request, row)
    content = content_of(request.POST, was=drafting.begun({}) | held)
    look_at = ""
    if verb not in SAVES | ONLY_LOOKS:
        try:
            content, look_at = drafting.change(content, act, key=new_milestone_key())
        except drafting.NoSuchChange as unknown:
            raise Http404 from unknown
    return Typed(
        act=act,
        content=content,
        about=AboutForm(request.POST, kept=row.segment if row else None),
        revision=rest if verb == "mine" else request.POST.get("revision", ""),
        look_at=look_at,
        copied_from=held["copied_from"],
    )


def _save(request: HttpRequest, row: PlanTemplate | None, typed: Typed) -> HttpResponse:
    path, problems = read(typed.content)
    if not typed.about.is_valid() or problems or path is None:
        return _render_typed(request, row, typed, status=422)
    about = typed.about.cleaned_data
    fields = {
        "title": about["template_title"],
        "audience": about["audience"],
        "persona": about["persona"],
        "segment": about["segment"],
        "path": path,
        "by": user_of(request),
        "at": clock.now(),
    }
    try:
        if row is None:
            copied_from = PlanTemplate.objects.filter(key=typed.copied_from).first()
            saved = templates.add_template(copied_from=copied_from, **fields)
        else:
            saved = templates.save_template(
                template=row, key=row.key, shown=typed.revision, **fields
            )
    except templates.BadTemplate:
        return _render_typed(request, row, typed, status=422)
    except templates.Overtaken as passed:
        overtaken = _overtaken(passed.template, typed)
        return _render_typed(request, row, typed, overtaken=overtaken, status=409)
    messages.success(request, _("The template is saved. Plans agreed before keep their text."))
    return elsewhere(request, _address(saved))


def _overtaken(row: PlanTemplate | None, typed: Typed) -> dict[str, Any] | None:
    """Who saved in between, and what differs; null where nobody did, or the same."""
    if row is None:
        return None
    stored = _stored(row)
    if stored.revision == typed.revision:
        return None
    differences = differences_shown(_in_order(typed.content), _in_order(_content(row)))
    theirs = _about_values(row)
    shown = AboutForm(initial=theirs, kept=row.segment)
    for name, value in theirs.items():
        mine = str(typed.about[name].value() or "")
        if mine != value:
            options = dict(getattr(shown.fields[name], "choices", ()))
            differences.insert(
                0,
                {
                    "about": str(LABELS[name]),
                    "mine": options.get(mine, mine) or _("nothing"),
                    "theirs": options.get(value, value) or _("nothing"),
                },
            )
    if not differences:
        return None
    return {
        "by": stored.by,
        "at": stored.saved_at,
        "revision": typed.revision,
        "differences": differences,
    }


def _in_order(content: drafting.Content) -> drafting.Content:
    """The same with promises by side and day, however they stand on the page."""
    return content | {
        "promises": _promises_in_order(content["promises"]),
        "milestones": [
            each | {"promises": _promises_in_order(each["promises"])}
            for each in content["milestones"]
        ],
    }


def _promises_in_order(promises: Iterable[drafting.Content]) -> list[drafting.Content]:
    return sorted(
        promises, key=lambda each: (each["side"], str(each["due_day"]), each["title"])
    )


def _render_typed(
    request: HttpRequest,
    row: PlanTemplate | None,
    typed: Typed,
    *,
    overtaken: Mapping[str, Any] | None = None,
    status: int,
) -> HttpResponse:
    return _render(
        request,
        row,
        content=typed.content,
        about=typed.about,
        copied_from=typed.copied_from,
        is_kept=False,
        look_at=typed.look_at,
        act="check" if status == 422 else typed.act,
        overtaken=overtaken,
        status=status,
    )


def _judged(
    request: HttpRequest,
    row: PlanTemplate | None,
    typed: Typed,
    *,
    overtaken: Mapping[str, Any] | None,
) -> HttpResponse:
    """What changes around the fields while one writes: what the linter says. Keeps nothing."""
    context = _editor(row, content=typed.content, about=typed.about, is_kept=False)
    context |= {"by_itself": True, "overtaken": overtaken}
    return render(request, "success/_plan_saved.html", context)


def _render(  # noqa: PLR0913  # what the editor may have to say
    request: HttpRequest,
    row: PlanTemplate | None,
    *,
    content: Mapping[str, Any],
    about: AboutForm,
    copied_from: str = "",
    is_kept: bool,
    look_at: str = "",
    act: str = "",
    overtaken: Mapping[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _editor(
        row, content=content, about=about, is_kept=is_kept, copied_from=copied_from
    )
    context |= {
        "look_at": look_at,
        "acted": act,
        "overtaken": overtaken,
        "is_unsaved": request.method == "POST",
        "leads_there": request.method == "POST" and not is_fragment(request),
    }
    return render_page_or_fragment(
        request,
        "success/template_edit.html",
        "success/_plan_editor.html",
        context,
        status=status,
    )


def _editor(
    row: PlanTemplate | None,
    *,
    content: Mapping[str, Any],
    about: AboutForm,
    is_kept: bool,
    copied_from: str = "",
) -> dict[str, Any]:
    forms = plan_forms(content, anchor_on=None, typed={}, choices=_choices())
    notes = _judge(content, title=str(about["template_title"].value() or ""))
    attach(forms, notes)
    weights = [
        each["weight"] for each in drafting.gating(content) if isinstance(each["weight"], int)
    ]
    preview_url = reverse("success:template_preview")
    held = {
        "cohort_days": content.get("cohort_days", {}),
        "removed": content.get("removed"),
        "copied_from": copied_from,
    }
    return {
        "names_nobody": True,
        "template": row,
        "about": about,
        "draft": _stored(row),
        "is_kept": is_kept,
        "held": signing.dumps(held, salt=HELD_SALT, compress=True),
        "forms": forms,
        "notes": notes,
        "errors": [each for each in notes if each.is_error],
        "warnings": [each for each in notes if not each.is_error],
        "weight": sum(weights),
        "removed": (held["removed"] or {}).get("milestone"),
        "is_first": True,
        "typed_preview_url": preview_url,
        "preview_url": f"{preview_url}?key={row.key}" if row else preview_url,
        "back_url": _address(row) if row else reverse("success:templates"),
        "edit_url": reverse("success:template_edit", args=[row.key])
        if row
        else reverse("success:template_new"),
    }


def _judge(content: Mapping[str, Any], *, title: str) -> list[Note]:
    """What keeps a template from being saved (errors), and what might be better (warnings)."""
    keys = [each["key"] for each in content["milestones"]]
    path, problems = read(content)
    if path is not None:
        said = {each.where for each in problems}
        judged = templates.findings_for(path, key=SOME_KEY, title=SOME_KEY)
        problems += [each for each in judged if each.where not in said]
    notes = [note_of(each, keys=keys) for each in problems]
    if not title.strip():
        words = _("Give it a title by which others find it.")
        notes.insert(0, own_note("template_title", words, error=True))
    return sorted(notes, key=lambda each: not each.is_error)


def _choices() -> Choices:
    return Choices(
        offers=planning.offers(),
        rules=[
            rule_choice(rule, planning.rule_in_words(rule)) for rule in planning.known_rules()
        ],
        names_nobody=True,
    )


def _held(request: HttpRequest, row: PlanTemplate | None) -> dict[str, Any]:
    """What the page carries beside its fields; as it was kept where it says nothing whole."""
    try:
        held: dict[str, Any] = signing.loads(request.POST.get("held", ""), salt=HELD_SALT)
    except signing.BadSignature:
        days = _content(row)["cohort_days"]
        held = {"cohort_days": days, "removed": None, "copied_from": ""}
    return held


def _stored(row: PlanTemplate | None) -> Stored:
    if row is None:
        return Stored(revision="", saved_at=None, by=None)
    entry = found.history(row).filter(verb__in=WRITES).first()
    return Stored(
        revision=templates.stamp_of(row),
        saved_at=entry.at if entry else None,
        by=entry.by if entry else None,
    )


def _content(row: PlanTemplate | None) -> drafting.Content:
    return drafting.begun({} if row is None else to_data(templates.path_of(row)))


def _about(row: PlanTemplate, *, title: str = "") -> AboutForm:
    values = _about_values(row)
    return AboutForm(initial=values | {"template_title": title or row.title}, kept=row.segment)


def _about_values(row: PlanTemplate) -> dict[str, str]:
    return {
        "template_title": row.title,
        "audience": str(row.audience),
        "persona": row.persona,
        "segment": row.segment.key if row.segment else "",
    }


def _template(key: str) -> PlanTemplate:
    if not KEY.match(key):
        raise Http404
    return get_object_or_404(PlanTemplate.objects.select_related("segment"), key=key)


def _address(row: PlanTemplate) -> str:
    return reverse("success:template", args=[row.key])


# --- its days, and whether it is offered ------------------------------------------------------


@requires(Permission.TEMPLATE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def template_days(request: HttpRequest, key: str) -> HttpResponse:
    """The days as they are and as members like these took; one press takes them."""
    row = _template(key)
    as_of = last_live_day() or clock.today()
    given = request.POST if request.method == "POST" else request.GET
    begin = _records_begin(row)
    form = RecordsForm(given if "since" in given else None, initial={"since": begin})
    since, refusal, status = begin, "", 200
    if form.is_bound:
        since = form.cleaned_data["since"] if form.is_valid() else None
        status = 200 if since else 422
    if request.method == "POST" and since is not None:
        try:
            taken = templates.calibrate(
                template=row,
                as_of=as_of,
                records_begin=since,
                by=user_of(request),
                at=clock.now(),
                shown=_days(request.POST.getlist("day")),
            )
        except templates.DaysChanged as changed:
            refusal, status = str(changed), 409
        else:
            words = ngettext(
                "%(taken)s day comes from members now. Plans agreed before keep theirs.",
                "%(taken)s days come from members now. Plans agreed before keep theirs.",
                taken,
            )
            messages.success(request, words % {"taken": taken})
            return redirect(_address(row))
    read_days = (
        templates.days_of_members(template=row, as_of=as_of, records_begin=since)
        if since is not None
        else ()
    )
    context = {
        "template": row,
        "form": form,
        "since": since,
        "as_of": as_of,
        "days": read_days,
        "refusal": refusal,
        "fewest": FEWEST_EVENTS,
        "changes": any(
            each.later or each.is_from_members != each.was_from_members for each in read_days
        ),
    }
    return render(request, "success/template_days.html", context, status=status)


def _records_begin(row: PlanTemplate) -> date | None:
    """Since when every milestone that the records show was recorded; null where none is."""
    derived = row.milestones.filter(evidence_kind=EvidenceSource.DERIVED)
    days = [
        records_begin(row, position=position)
        for position in derived.values_list("position", flat=True)
    ]
    return max((each for each in days if each is not None), default=None)


def _days(typed: list[str]) -> list[int]:
    """The days that a page showed; -1, which none ever is, for one that is no number."""
    return [
        int(each) if each.isascii() and each.isdecimal() and len(each) < 9 else -1
        for each in typed
    ]


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def template_retire(request: HttpRequest, key: str) -> HttpResponse:
    """Offer it no more from today on."""
    row = _template(key)
    templates.retire_template(
        template=row, on=clock.today(), by=user_of(request), at=clock.now()
    )
    words = _("The template is retired. Plans agreed from it go on; you can bring it back.")
    messages.success(request, words)
    return redirect(_address(row))


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def template_bring_back(request: HttpRequest, key: str) -> HttpResponse:
    """Offer it again."""
    row = _template(key)
    templates.bring_back(template=row, by=user_of(request), at=clock.now())
    messages.success(request, _("The template is offered again."))
    return redirect(_address(row))


# --- what may be offered ----------------------------------------------------------------------


@requires(Permission.TEMPLATE_VIEW)
@require_safe
def plan_offers(request: HttpRequest) -> HttpResponse:
    """What a milestone may open, with the templates that open it."""
    return _render_offers(request, OfferForm())


def _render_offers(request: HttpRequest, form: OfferForm, *, status: int = 200) -> HttpResponse:
    context = {"offers": found.offers_in_use(), "form": form}
    return render(request, "success/offers.html", context, status=status)


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def offer_add(request: HttpRequest) -> HttpResponse:
    """Add an offer; what was typed stays where it is refused."""
    form = OfferForm(request.POST)
    if not form.is_valid():
        return _render_offers(request, form, status=422)
    offers.add_offer(by=user_of(request), at=clock.now(), **form.cleaned_data)
    messages.success(request, _("The offer is added. Milestones may open it."))
    return redirect("success:offers")


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def offer_retire(request: HttpRequest, key: str) -> HttpResponse:
    """Let no milestone open it any more."""
    offer = get_object_or_404(Offer, key=key)
    offers.retire_offer(offer=offer, by=user_of(request), at=clock.now())
    messages.success(request, _("The offer is retired. What was announced goes on."))
    return redirect("success:offers")


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def offer_bring_back(request: HttpRequest, key: str) -> HttpResponse:
    """Let milestones open it again."""
    offer = get_object_or_404(Offer, key=key)
    offers.bring_back(offer=offer, by=user_of(request), at=clock.now())
    messages.success(request, _("Milestones may open the offer again."))
    return redirect("success:offers")
