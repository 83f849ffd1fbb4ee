"""Accounts that are counted as one: linked and unlinked, and from when."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q

from members.enums import LinkKind
from members.models import AccountLink, AccountUnit, Member, Term, User
from members.rollups.dirty import mark_dirty
from members.services import audit

ONE_AT_A_TIME: Final = 0x4C494E4B  # "LINK": the advisory lock of whoever changes links
ALWAYS: Final = (date(1, 1, 1), date(9999, 12, 31))


class LinkRefused(Exception):
    """Two accounts cannot be linked, or unlinked, so; the words are for people."""


@transaction.atomic
def link_accounts(  # noqa: PLR0913  # a link has that many parts
    *,
    member: Member,
    survivor: Member,
    kind: LinkKind,
    since: date,
    until: date | None = None,
    source: str = "",
    note: str = "",
    by: User | None,
    at: datetime,
) -> AccountLink:
    """Count ``member`` with ``survivor`` in periods that close on ``since`` or later.

    ``until`` is the first closing day on which they are two again. The same again changes
    nothing. Raises ``LinkRefused`` for oneself, a circle, a second survivor at the same time,
    and a link that ends before it starts (DOMAIN 4.3 #13-14).
    """
    _alone()
    if member.pk == survivor.pk:
        raise LinkRefused("A member cannot be linked to themselves.")
    if until is not None and until <= since:
        raise LinkRefused("A link ends after it starts.")
    known = AccountLink.objects.filter(member=member, since=since).first()
    if known is not None and (known.survivor_id, known.kind, known.until) == (
        survivor.pk,
        kind,
        until,
    ):
        return known
    if beside := _during(since, until).filter(member=member).first():
        raise LinkRefused(
            f"{member} is counted with {beside.survivor} from {beside.since} already; "
            "end that link first."
        )
    made = AccountLink.objects.create(
        member=member,
        survivor=survivor,
        kind=kind,
        since=since,
        until=until,
        source=source,
        note=note,
        linked_by=by,
        linked_at=at,
    )
    _recount({member.pk, survivor.pk}, since=since)
    audit.record(
        verb="account.linked",
        subject=made,
        member_id=member.pk,
        summary=f"Counted with another member from {since} on: {made.get_kind_display()}",
        by=by,
        at=at,
        after=_said(made),
    )
    return made


@transaction.atomic
def end_link(*, link: AccountLink, until: date, by: User | None, at: datetime) -> AccountLink:
    """Count the two apart again in periods that close on ``until`` or later.

    The same day again changes nothing. Raises ``LinkRefused`` for a day up to the first.
    """
    _alone()
    link.refresh_from_db()
    if link.until == until:
        return link
    if until <= link.since:
        raise LinkRefused("A link ends after it starts; one that never was is taken back.")
    later = _during(link.since, until).filter(member=link.member_id).exclude(pk=link.pk)
    if later.exists():
        raise LinkRefused("Another link of this member begins before that day.")
    before = _said(link)
    earliest = min(until, link.until or until)
    link.until = until
    link.save(update_fields=["until"])
    _recount({link.member_id, link.survivor_id}, since=earliest)
    audit.record(
        verb="account.unlinked",
        subject=link,
        member_id=link.member_id,
        summary=f"No longer counted with another member from {until} on",
        by=by,
        at=at,
        before=before,
        after=_said(link),
    )
    return link


@transaction.atomic
def take_back_link(*, link: AccountLink, by: User | None, at: datetime) -> None:
    """Forget a link that never was; the audit keeps it. Doing it twice does nothing more."""
    _alone()
    known = AccountLink.objects.filter(pk=link.pk).first()
    if known is None:
        return
    cluster = _cluster({known.member_id, known.survivor_id})
    audit.record(
        verb="account.link_taken_back",
        subject=known,
        member_id=known.member_id,
        summary="A link to another member was taken back",
        by=by,
        at=at,
        before=_said(known),
    )
    known.delete()
    _recount(cluster, since=known.since)


def _said(link: AccountLink) -> dict[str, Any]:
    return {
        "survivor": link.survivor.public_id,
        "kind": link.kind,
        "since": link.since,
        "until": link.until,
    }


def _alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ONE_AT_A_TIME])


def _during(since: date, until: date | None) -> Any:
    found = AccountLink.objects.filter(Q(until=None) | Q(until__gt=since))
    return found if until is None else found.filter(since__lt=until)


def _cluster(members: Collection[int]) -> set[int]:
    """Everybody who is in a link with these at any time, by however many steps."""
    known: set[int] = set()
    edge = set(members)
    while edge:
        known |= edge
        pairs = AccountLink.objects.filter(
            Q(member__in=edge) | Q(survivor__in=edge)
        ).values_list("member_id", "survivor_id")
        edge = {member for pair in pairs for member in pair} - known
    return known


def _recount(members: Collection[int], *, since: date) -> None:
    """Make anew under which account each of them is counted, and mark them as changed."""
    cluster = _cluster(members)
    links = list(AccountLink.objects.filter(member__in=cluster))
    AccountUnit.objects.filter(member__in=cluster).delete()
    AccountUnit.objects.bulk_create(_units(links))
    begun = Term.objects.filter(member__in=cluster, ends_on__gt=since)
    held = set(begun.values_list("member_id", flat=True))
    mark_dirty((member, since) for member in sorted(held))


def _units(links: Iterable[AccountLink]) -> list[AccountUnit]:
    """Who counts under whom, for each stretch of time in which all links stay the same.

    Links of different clusters may be given together. Raises ``LinkRefused`` for a circle.
    """
    units: list[AccountUnit] = []
    for own in _clusters(links):
        members = sorted(
            {member for each in own for member in (each.member_id, each.survivor_id)}
        )
        edges = {*ALWAYS, *(each.since for each in own)}
        edges |= {each.until for each in own if each.until}
        days = sorted(edges)
        for first, last in pairwise(days):
            into = {
                each.member_id: each.survivor_id
                for each in own
                if each.since <= first and (each.until is None or each.until > first)
            }
            accounts = {member: _survivor(member, into=into) for member in members}
            numbers = _numbers(sorted(set(accounts.values())))
            units += [
                AccountUnit(
                    member_id=member,
                    account_id=account,
                    unit=numbers[account],
                    counts_from=first,
                    counts_until=last,
                )
                for member, account in accounts.items()
            ]
    return units


def _clusters(links: Iterable[AccountLink]) -> list[list[AccountLink]]:
    home: dict[int, int] = {}

    def root(member: int) -> int:
        while home.setdefault(member, member) != member:
            member = home[member]
        return member

    given = list(links)
    for link in given:
        home[root(link.member_id)] = root(link.survivor_id)
    found: defaultdict[int, list[AccountLink]] = defaultdict(list)
    for link in given:
        found[root(link.member_id)].append(link)
    return list(found.values())


def _survivor(member: int, *, into: dict[int, int]) -> int:
    seen = {member}
    while member in into:
        member = into[member]
        if member in seen:
            raise LinkRefused("These members would be linked in a circle.")
        seen.add(member)
    return member


def _numbers(accounts: list[int]) -> dict[int, int]:
    """A number never used before for each account of one stretch of time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('members_accountunit', 'id'))"
            " FROM generate_series(1, %s)",
            [len(accounts)],
        )
        drawn = [number for (number,) in cursor.fetchall()]
    return dict(zip(accounts, drawn, strict=True))
