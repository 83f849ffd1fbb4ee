"""The desk: words of messages, what they are about, and addresses not to write to."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from communications import queries
from communications.access import Permission
from communications.forms.templates import (
    LiftForm,
    SuppressionForm,
    TemplateEditor,
    TopicForm,
)
from communications.models import MessageTemplate, Suppression, Topic
from communications.services import suppression, templates
from config.kernel import clock
from config.kernel.keyset import page_asked
from config.kernel.permissions import has, requires
from members.models import Member, User

page_and_form = require_http_methods(["GET", "HEAD", "POST"])
PAGE_SIZE = 50
OFFERED_READERS = 50


@requires(Permission.MESSAGE_VIEW)
@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """Every template, those that are retired last."""
    context = {
        "templates": queries.templates_with_counts(),
        "may_edit": has(request.user, Permission.TEMPLATE_EDIT),
        "crumbs": _crumbs(),
    }
    return render(request, "communications/templates.html", context)


@requires(Permission.MESSAGE_VIEW)
@require_safe
def shown(request: HttpRequest, key: str) -> HttpResponse:
    """A template as a reader would get it: with examples, or with what is true of a member."""
    template = get_object_or_404(queries.templates_with_counts(), key=key)
    member = _member(request)
    readers = templates.audiences.readers(template=template, on=clock.today())
    reader = _reader(template, member)
    persona, language = request.GET.get("persona", ""), request.GET.get("language", "")
    values = dict(reader.variables) if reader else templates.examples_of(template)
    context = {
        "template": template,
        "gaps": templates.variables_of(template),
        "variants": template.variants.order_by("persona", "language"),
        "preview": templates.preview(
            template, variables=values, persona=persona, language=language
        ),
        "member": member,
        "reader": reader,
        "blocked": templates.blocked(template, readers=readers),
        "readers": readers[:OFFERED_READERS],
        "history": queries.history_of(template),
        "may_edit": has(request.user, Permission.TEMPLATE_EDIT),
        "crumbs": [*_crumbs(), (_("Templates"), reverse("communications:templates"))],
    }
    return render(request, "communications/template.html", context)


@requires(Permission.TEMPLATE_EDIT)
@page_and_form
def edit(request: HttpRequest, key: str = "") -> HttpResponse:
    """Write a template, or a new one."""
    template = get_object_or_404(MessageTemplate, key=key) if key else None
    editor = TemplateEditor(request.POST or None, template=template)
    if request.method == "POST" and editor.is_valid():
        try:
            kept = templates.save(
                template=template, by=_user(request), at=clock.now(), **editor.given
            )
        except templates.NotPossible as refused:
            for reason in refused.reasons:
                editor.words.add_error(None, reason)
        except templates.Overtaken:
            editor.words.add_error(
                None,
                _(
                    "Somebody else has changed these words since you opened them. Copy yours, "
                    "and open the page anew."
                ),
            )
        else:
            messages.success(request, _("The words are kept, and hold from now on."))
            return redirect("communications:template", key=kept.key)
    context = {
        "template": template,
        "editor": editor,
        "back": reverse("communications:template", args=[key])
        if key
        else reverse("communications:templates"),
        "crumbs": [*_crumbs(), (_("Templates"), reverse("communications:templates"))],
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "communications/template_edit.html", context, status=status)


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def retire(request: HttpRequest, key: str) -> HttpResponse:
    """Offer a template no more, or again."""
    template = get_object_or_404(MessageTemplate, key=key)
    templates.retire(
        template=template,
        is_retired=not template.is_retired,
        by=_user(request),
        at=clock.now(),
    )
    return redirect("communications:template", key=key)


@requires(Permission.TEMPLATE_EDIT)
@require_POST
def try_out(request: HttpRequest, key: str) -> HttpResponse:
    """Send the message to whoever asks, as its examples or a member would have it."""
    template = get_object_or_404(MessageTemplate, key=key)
    member = _member(request)
    reader = _reader(template, member)
    values = reader.variables if reader else templates.examples_of(template)
    user = _user(request)
    try:
        templates.send_test(
            template=template, variables=values, to=user, by=user, at=clock.now()
        )
    except templates.MissingVariable as gaps:
        messages.error(request, _("Not sent: no value for %(names)s.") % {"names": gaps})
    else:
        messages.success(
            request, _("It is on its way to %(address)s.") % {"address": user.email}
        )
    address = reverse("communications:template", args=[key])
    return redirect(f"{address}?member={member.public_id}" if member else address)


@requires(Permission.MESSAGE_VIEW)
@require_safe
def topics(request: HttpRequest) -> HttpResponse:
    """What we write about, and how many do not want to hear of it."""
    context = {
        "topics": queries.topics_with_counts(),
        "may_edit": has(request.user, Permission.TEMPLATE_EDIT),
        "crumbs": _crumbs(),
    }
    return render(request, "communications/topics.html", context)


@requires(Permission.TEMPLATE_EDIT)
@page_and_form
def topic(request: HttpRequest, key: str = "") -> HttpResponse:
    """Write a topic, or a new one."""
    row = get_object_or_404(Topic, key=key) if key else None
    names = ("title", "description", "position", "is_retired")
    initial = {name: getattr(row, name) for name in names} if row else None
    form = TopicForm(request.POST or None, initial=initial)
    if row is not None:
        del form.fields["key"]
    if request.method == "POST" and form.is_valid():
        try:
            templates.save_topic(
                topic=row, by=_user(request), at=clock.now(), **form.cleaned_data
            )
        except templates.NotPossible as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("The topic is kept."))
            return redirect("communications:topics")
    return _form(
        request,
        form,
        title=row.title if row else _("A new topic"),
        lead=_("People choose among topics on the page behind the link in each mail."),
        back=reverse("communications:topics"),
        crumbs=[*_crumbs(), (_("Topics"), reverse("communications:topics"))],
    )


@requires(Permission.MESSAGE_VIEW)
@require_safe
def suppressions(request: HttpRequest) -> HttpResponse:
    """Addresses that nobody writes to, the newest first: why, and since when."""
    found = page_asked(
        request,
        Suppression.objects.all(),
        order=("-at",),
        size=PAGE_SIZE,
    )
    context = {
        "rows": found.items,
        "after": found.next,
        "before": found.previous,
        "total": Suppression.objects.count(),
        "may_edit": has(request.user, Permission.SUPPRESSION_EDIT),
        "crumbs": _crumbs(),
    }
    return render(request, "communications/suppressions.html", context)


@requires(Permission.SUPPRESSION_EDIT)
@page_and_form
def suppress(request: HttpRequest) -> HttpResponse:
    """Have an address written to no more."""
    form = SuppressionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        suppression.add(by=_user(request), at=clock.now(), **form.cleaned_data)
        messages.success(request, _("Nobody writes to this address from now on."))
        return redirect("communications:suppressions")
    return _form(
        request,
        form,
        title=_("Which address must not be written to?"),
        lead=_("It holds for members and colleagues, and for whatever is owed as well."),
        back=reverse("communications:suppressions"),
        crumbs=[*_crumbs(), (_("Addresses"), reverse("communications:suppressions"))],
    )


@requires(Permission.SUPPRESSION_EDIT)
@page_and_form
def lift(request: HttpRequest, suppression_id: int) -> HttpResponse:
    """Have an address written to again."""
    row = get_object_or_404(Suppression, pk=suppression_id)
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        suppression.lift(
            suppression=row, by=_user(request), at=clock.now(), **form.cleaned_data
        )
        messages.success(request, _("This address may be written to again."))
        return redirect("communications:suppressions")
    return _form(
        request,
        form,
        title=_("May this address be written to again?"),
        lead=f"{row.get_kind_display()}: {row.reason}",
        back=reverse("communications:suppressions"),
        crumbs=[*_crumbs(), (_("Addresses"), reverse("communications:suppressions"))],
    )


def _reader(template: MessageTemplate, member: Member | None) -> templates.Reader | None:
    if member is None:
        return None
    return templates.as_read_by(template, member_id=member.pk, on=clock.today())


def _member(request: HttpRequest) -> Member | None:
    """The member that the preview is asked for, if the reader may see one by that name."""
    asked = request.GET.get("member") or request.POST.get("member")
    if not asked:
        return None
    try:
        public_id = uuid.UUID(asked)
    except ValueError:
        return None
    return Member.objects.visible_to(_user(request)).filter(public_id=public_id).first()


def _user(request: HttpRequest) -> User:
    return cast("User", request.user)


def _crumbs() -> list[tuple[str, str]]:
    return [(_("Messages"), reverse("communications:outbox"))]


def _form(  # noqa: PLR0913  # what stands around a form
    request: HttpRequest, form: Any, *, title: str, lead: str, back: str, crumbs: Any
) -> HttpResponse:
    context = {"form": form, "title": title, "lead": lead, "back": back, "crumbs": crumbs}
    status = 422 if form.is_bound and form.errors else 200
    return render(request, "communications/form.html", context, status=status)
