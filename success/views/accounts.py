"""A member's account: language and clock, whom it is counted with, why it ended, void terms."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from config.kernel import clock
from config.kernel.permissions import has, requires
from coverage.services import details
from members.access import Permission
from members.enums import DepartureReason, LinkKind, VoidReason
from members.models import AccountLink, Member
from members.services import departures, links, voiding
from members.views.visible import visible_member
from success.forms.accounts import (
    ChooseForm,
    DepartureForm,
    DetailsForm,
    EndLinkForm,
    LinkForm,
    VoidForm,
)
from success.views.acts import Act, Refused, answer, user_of

REFUSALS = (
    departures.DepartureRefused,
    details.UnknownLanguage,
    details.UnknownZone,
    links.LinkRefused,
    voiding.CannotRestore,
)
Done = TypeVar("Done")


@requires(Permission.DEPARTURE_EDIT)
@require_http_methods(["GET", "HEAD", "POST"])
def account(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Say how a member is reached and why one left; who keeps the ledger links and voids."""
    member = visible_member(request, public_id)
    visible = Member.objects.visible_to(user_of(request))
    open_link = member.account_links.filter(until=None).select_related("survivor").first()
    told = list(member.departures.order_by("-left_on"))
    voided = list(member.voided_terms.order_by("-starts_on"))
    acts = [_leave(request, member), _details(request, member)]
    if told:
        acts.append(_take_back(request, member))
    if has(request.user, Permission.ACCOUNT_EDIT):
        acts.append(_unlink(request, open_link) if open_link else _link(request, member))
        acts.append(_void(request, member))
        if voided:
            acts.append(_restore(request, member))
    return answer(
        request,
        member=member,
        title=_("Account"),
        acts=acts,
        back="terms",
        extra="success/_act_account.html",
        context={
            "links": member.account_links.filter(survivor__in=visible)
            .select_related("survivor")
            .order_by("-since"),
            "linked_here": member.accounts_linked.filter(member__in=visible)
            .select_related("member")
            .order_by("-since"),
            "departures": told,
            "voided": voided,
        },
    )


def _link(request: HttpRequest, member: Member) -> Act:
    def run(form: LinkForm) -> object:
        said = form.cleaned_data
        return links.link_accounts(
            member=member,
            survivor=_named(request, said["survivor"]),
            kind=LinkKind(said["kind"]),
            since=said["since"],
            note=said["note"],
            by=user_of(request),
            at=clock.now(),
        )

    return Act(
        do="link",
        title=_("Count with another member"),
        lead=_(
            "From that day on the two are one account in every figure of dues: a move between "
            "them is neither lost nor new."
        ),
        button=_("Link them"),
        make=LinkForm,
        run=lambda form: _unless_refused(lambda: run(form)),
        said=_("They count as one."),
    )


def _unlink(request: HttpRequest, link: AccountLink) -> Act:
    return Act(
        do="unlink",
        title=_("Count apart from %(name)s again") % {"name": link.survivor.name},
        button=_("End the link"),
        make=EndLinkForm,
        run=lambda form: _unless_refused(
            lambda: links.end_link(
                link=link,
                until=form.cleaned_data["until"],
                by=user_of(request),
                at=clock.now(),
            )
        ),
        said=_("They count apart from that day on."),
    )


def _leave(request: HttpRequest, member: Member) -> Act:
    def run(form: DepartureForm) -> object:
        said = form.cleaned_data | {"reason": DepartureReason(form.cleaned_data["reason"])}
        return departures.tell_departure(
            member=member, **said, by=user_of(request), at=clock.now()
        )

    return Act(
        do="departure",
        title=_("Why they stopped paying"),
        lead=_("A reason explains a figure and never changes NRR."),
        button=_("Keep the reason"),
        make=DepartureForm,
        run=lambda form: _unless_refused(lambda: run(form)),
        said=_("The reason is kept."),
        is_first=True,
    )


def _details(request: HttpRequest, member: Member) -> Act:
    return Act(
        do="details",
        title=_("Language and time zone"),
        lead=_("Who looks after them is chosen by it, where a rebalancing is told to."),
        button=_("Keep them"),
        make=lambda *data, **options: DetailsForm(*data, member=member, **options),
        run=lambda form: _unless_refused(
            lambda: details.set_clock_and_language(
                member=member, **form.cleaned_data, by=user_of(request), at=clock.now()
            )
        ),
        said=_("Language and time zone are kept."),
    )


def _take_back(request: HttpRequest, member: Member) -> Act:
    choices = [
        (str(each.public_id), f"{each.get_reason_display()}, {each.left_on}")
        for each in member.departures.order_by("-left_on")
    ]

    def run(form: ChooseForm) -> None:
        one = get_object_or_404(member.departures, public_id=form.cleaned_data["which"])
        departures.take_back_departure(departure=one, by=user_of(request), at=clock.now())

    return Act(
        do="take_back",
        title=_("Take a reason back"),
        button=_("Take it back"),
        make=lambda *data, **options: ChooseForm(
            *data, choices=choices, label=_("Reason"), **options
        ),
        run=lambda form: _unless_refused(lambda: run(form)),
        said=_("The reason is taken back."),
    )


def _void(request: HttpRequest, member: Member) -> Act:
    terms = [
        (str(each.pk), each.tier, each.starts_on)
        for each in member.terms.order_by("-starts_on", "-pk")
    ]

    def run(form: VoidForm) -> object:
        said = form.cleaned_data
        term = get_object_or_404(member.terms, pk=said["term"])
        return voiding.void_term(
            term=term,
            reason=VoidReason(said["reason"]),
            note=said["note"],
            by=user_of(request),
            at=clock.now(),
        )

    return Act(
        do="void",
        title=_("Void a term"),
        lead=_("It counts as never having been in force. It can be put back."),
        button=_("Void the term"),
        make=lambda *data, **options: VoidForm(*data, terms=terms, **options),
        run=lambda form: _unless_refused(lambda: run(form)),
        said=_("The term is void."),
    )


def _restore(request: HttpRequest, member: Member) -> Act:
    choices = [
        (str(each.public_id), f"{each.tier}, {each.starts_on}")
        for each in member.voided_terms.order_by("-starts_on")
    ]

    def run(form: ChooseForm) -> object:
        one = get_object_or_404(member.voided_terms, public_id=form.cleaned_data["which"])
        return voiding.restore_term(voided=one, by=user_of(request), at=clock.now())

    return Act(
        do="restore",
        title=_("Put a voided term back"),
        button=_("Put it back"),
        make=lambda *data, **options: ChooseForm(
            *data, choices=choices, label=_("Term"), **options
        ),
        run=lambda form: _unless_refused(lambda: run(form)),
        said=_("The term is back."),
    )


def _named(request: HttpRequest, said: str) -> Member:
    """The one member whom the words name, of those the person may see."""
    visible = Member.objects.visible_to(user_of(request))
    wanted = Q(name=said.strip()) | Q(identities__external_id=said.strip())
    with suppress(ValueError):
        wanted |= Q(public_id=uuid.UUID(said.strip()))
    found = list(visible.filter(wanted).distinct()[:2])
    if not found:
        raise Refused(_("No member has this name or identifier."))
    if len(found) > 1:
        raise Refused(_("Several members have this name; give an identifier."))
    return found[0]


def _unless_refused(run: Callable[[], Done]) -> Done:
    try:
        return run()
    except REFUSALS as error:
        raise Refused(str(error)) from error
