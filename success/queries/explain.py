"""How a revenue figure of any past date was made: the terms behind it, and it made anew.

The ledger of now is read as it stands. The ledger *as it was known* at a moment is the same
one with every import that was applied or undone since taken back, from the record that each
import keeps of itself. Both go through the pure engine, never through the SQL that made the
stored figure.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final
from uuid import UUID

from django.core.signing import BadSignature
from django.db.models import Q, QuerySet

from config.kernel.keyset import SIGNER, BadCursor
from coverage.models import Assignment, AssignmentChange
from members.engine.standing import back_dated_starts
from members.enums import DepartureReason, RowAction, RowEntity
from members.models import (
    AccountLink,
    Association,
    Departure,
    ExchangeRate,
    ImportBatch,
    ImportRow,
    Member,
    MemberIdentity,
    Term,
    VoidedTerm,
)
from success.engine.explaining import (
    Definition,
    Figure,
    Value,
    Verdict,
    compared,
    definition_of,
    judge,
)
from success.engine.revenue import (
    Account,
    Measure,
    Movement,
    TermLine,
    at_constant_rate,
    in_force_measure,
    link,
    membership_measure,
    to_places,
)
from success.enums import Dimension, RevenueBasis
from success.models import RevenuePeriod
from success.queries.revenue import check_currency, check_period

MOST_TERMS: Final = 200_000
RATIO_PLACES: Final = 6
ONE_DAY: Final = timedelta(days=1)
AMOUNTS: Final = (
    *("opening", "new", "reactivation", "expansion", "contraction", "churn", "closing"),
    *("base_members", "kept_members", "new_members", "reactivated_members"),
)


class TooMany(Exception):
    """More facts bear on the figure than a page reads; the command reads them all."""

    def __init__(self, *, found: int, most: int) -> None:
        super().__init__(f"{found:,} facts bear on this figure; a page reads {most:,}.")
        self.found = found
        self.most = most


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """When a figure was stored, up to which day facts were known, by which definition.

    ``computed_at`` is null where the night that stored it is not recorded any more.
    """

    computed_at: datetime | None
    covers_until: date
    definition: str
    revision: int = 0
    is_final: bool = True
    restated_on: date | None = None
    restated_because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    """Something that came after the figure was stored and may account for a difference.

    ``what`` is restated, imported, undone, linked, voided, told, recorded or agreed; ``facts``
    counts them.
    """

    at: datetime | date
    what: str
    facts: int = 0
    source: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TermFact:
    """One term behind a figure, and where it came from as far as that is recorded."""

    tier: str
    starts_on: date
    ends_on: date
    annual_amount: Decimal
    source: str
    external_id: str
    recorded_at: datetime | None = None
    file: str = ""
    line: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberFact:
    """What one member adds to a figure, with the terms that say so."""

    member_id: int
    public_id: UUID | None
    name: str
    movement: Movement
    terms: tuple[TermFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueAsked:
    """A period of one group by one rule. ``revision`` null: the one that was said last."""

    opening_on: date
    closing_on: date
    basis: RevenueBasis
    dimension: Dimension = Dimension.ALL
    value: str = ""
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevenueExplained:
    """A period taken apart. ``then_known`` tells whether it is recorded what was known then.

    ``facts`` are a page of the members in the figure, the largest change first; ``later`` says
    what has come since, oldest first; ``revisions`` are all that was ever said of the period.
    """

    asked: RevenueAsked
    as_of: date
    measured_on: date
    currency: str
    grace_days: int
    definition: Definition
    said: Said | None
    revisions: tuple[Said, ...]
    figures: tuple[Figure, ...]
    verdict: Verdict
    then_known: bool
    later: tuple[Later, ...]
    members: int
    terms: int
    facts: tuple[MemberFact, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ledger:
    """Terms by their key, each with the member's key (or what names one who is gone).

    ``survivors`` says with whom a member is counted where the period closes, ``paused`` who is
    on leave of absence then.
    """

    lines: Mapping[int, TermLine]
    segments: Mapping[Account, str]
    survivors: Mapping[Account, Account]
    paused: frozenset[Account]

    def booked(self) -> dict[int, TermLine]:
        """The terms on the accounts that they count for."""
        lines = link(self.lines.values(), survivors=self.survivors)
        return dict(zip(self.lines, lines, strict=True))


def explain_revenue(
    asked: RevenueAsked,
    *,
    as_of: date,
    after: str | None = None,
    size: int = 25,
    most: int | None = MOST_TERMS,
) -> RevenueExplained:
    """Take a period apart: what was said of it, the terms behind it, and it made anew.

    ``as_of`` is the day up to which terms count where nothing is stored of the period; a stored
    one is made anew as of the day it covered. Amounts are yearly dues in the association's
    currency, to the cent; ratios have six places and are null for an empty base. Facts known
    then are those of before the imports applied since (null figures where a term of the ledger
    came otherwise). Terms of members with none near the period are not read. Reads only.

    Raises ``TooMany`` above ``most`` terms (null: never), ``BadCursor``,
    ``PeriodRunsBackwards``, ``PeriodNotOver``, ``MixedCurrencies`` (DOMAIN 4.2, 4.3 #20).
    """
    association = Association.current()
    of = check_currency(on=asked.opening_on)
    rows = _stored(asked)
    stored = _chosen(rows, asked.revision)
    known_until = stored.covers_until if stored else as_of
    closing = min(asked.closing_on, known_until)
    check_period(opening_on=asked.opening_on, closing_on=closing, as_of=known_until)
    said_at = stored.computed_at if stored else None

    now = _ledger(asked, closing=closing, grace_days=association.grace_days, most=most)
    then, later = None, list[Later]()
    if said_at is not None:
        then, later = _known_at(now, at=said_at, on=known_until, closing=closing, most=most)
    if of.foreign:
        now = _converted(now, own=of.own, on=asked.opening_on)
        then = then and _converted(then, own=of.own, on=asked.opening_on)
    measures = [
        _measured(asked, each, closing=closing, as_of=known_until, association=association)
        for each in (now, then)
        if each is not None
    ]
    figures_now = _figures(asked, *measures[0])
    figures_then = _figures(asked, *measures[1]) if then is not None else None
    figures_stored = _figures_of(asked, stored) if stored else None
    optimistic = measures[0][0]
    page, cursor = _page(optimistic.movements, after=after, size=size)
    newest = definition_of("revenue")
    said = _said(stored) if stored else None
    return RevenueExplained(
        asked=asked,
        as_of=known_until,
        measured_on=closing,
        currency=association.currency,
        grace_days=association.grace_days,
        definition=newest,
        said=said,
        revisions=tuple(_said(row) for row in rows),
        figures=compared(stored=figures_stored, then=figures_then, now=figures_now),
        verdict=judge(
            stored=figures_stored,
            then=figures_then,
            now=figures_now,
            same_definition=said is None or said.definition == newest.version,
        ),
        then_known=then is not None,
        later=(*later, *_restatements(rows, since=stored)),
        members=len(optimistic.movements),
        terms=len(now.lines),
        facts=_facts(page, lines=now.booked()),
        next=cursor,
    )


# What was said.


def _stored(asked: RevenueAsked) -> list[RevenuePeriod]:
    """Every revision of the period; of an open one, the row that covers the day asked for."""
    is_open = Q(ends_on__gt=asked.closing_on, covers_until=asked.closing_on)
    found = RevenuePeriod.objects.filter(
        Q(ends_on=asked.closing_on) | is_open,
        starts_on=asked.opening_on,
        basis=asked.basis,
        dimension=asked.dimension,
        value=asked.value,
    )
    rows = list(found.order_by("kind", "revision"))
    return [row for row in rows if row.kind == rows[0].kind]


def _chosen(rows: list[RevenuePeriod], revision: int | None) -> RevenuePeriod | None:
    if revision is None:
        return rows[-1] if rows else None
    return next((row for row in rows if row.revision == revision), None)


def _said(row: RevenuePeriod) -> Said:
    return Said(
        computed_at=row.computed_at,
        covers_until=row.covers_until,
        definition=definition_of("revenue", on=row.computed_at.date()).version,
        revision=row.revision,
        is_final=row.is_final,
        restated_on=row.restated_on,
        restated_because=row.restated_because,
    )


def _restatements(rows: Iterable[RevenuePeriod], *, since: RevenuePeriod | None) -> list[Later]:
    return [
        Later(at=row.restated_on, what="restated", because=row.restated_because)
        for row in rows
        if since is not None and row.revision > since.revision and row.restated_on
    ]


def _figures_of(asked: RevenueAsked, row: RevenuePeriod) -> dict[str, Value]:
    figures: dict[str, Value] = {name: getattr(row, name) for name in AMOUNTS}
    kept = row.opening - row.churn - row.contraction + row.expansion
    figures |= {
        "nrr": _ratio(kept, row.opening),
        "grr": _ratio(row.kept_min, row.opening),
        "logo_retention": _ratio(row.kept_members, row.base_members),
    }
    if asked.basis == RevenueBasis.MEMBERSHIP:
        figures |= {
            "closing_strict": row.closing - row.undecided,
            "nrr_strict": _ratio(kept - row.undecided_of_base, row.opening),
            "grr_strict": _ratio(row.kept_min - row.undecided_min, row.opening),
            "kept_members_strict": row.kept_members - row.undecided_members,
        }
    return figures


# The ledger of now, and as it was known.


def _ledger(
    asked: RevenueAsked, *, closing: date, grace_days: int, most: int | None
) -> _Ledger:
    """All terms of members with any near the period, so that who paid before is known too."""
    grace = timedelta(days=grace_days)
    near = Term.objects.filter(
        ends_on__gt=asked.opening_on - grace, starts_on__lte=closing + grace
    )
    linked = AccountLink.objects.values("member").union(AccountLink.objects.values("survivor"))
    terms = Term.objects.filter(Q(member__in=near.values("member")) | Q(member__in=linked))
    if most is not None and (found := terms.count()) > most:
        raise TooMany(found=found, most=most)
    own = _own_currency()
    lines = {
        key: TermLine(
            account=member,
            starts_on=starts_on,
            ends_on=ends_on,
            annual_amount=amount or Decimal("0.00"),
            tier=tier,
            currency=currency or own,
            is_provisional=is_provisional,
        )
        for (
            key, member, starts_on, ends_on, tier, is_provisional, amount, currency
        ) in terms.values_list(
            "pk", "member", "starts_on", "ends_on", "tier", "is_provisional",
            "dues__annual_amount", "dues__currency",
        )
    }  # fmt: skip
    keys = Assignment.objects.values_list("member", "segment__key")
    return _Ledger(
        lines=lines,
        segments=dict(keys) if _by_segment(asked) else {},
        survivors=dict(_links(closing).values_list("member", "survivor")),
        paused=frozenset(_leaves(closing).values_list("member", flat=True)),
    )


def _own_currency() -> str:
    """The currency that a term without dues is nought of."""
    return Association.current().currency


def _links(closing: date) -> QuerySet[AccountLink]:
    lasting = Q(until=None) | Q(until__gt=closing)
    return AccountLink.objects.filter(lasting, since__lte=closing)


def _leaves(closing: date) -> QuerySet[Departure]:
    away = Q(back_on=None) | Q(back_on__gt=closing)
    return Departure.objects.filter(away, reason=DepartureReason.PAUSE, left_on__lte=closing)


def _converted(ledger: _Ledger, *, own: str, on: date) -> _Ledger:
    """Dues in the association's currency, at the last rates up to the opening day."""
    known = ExchangeRate.objects.filter(on__lte=on).order_by("currency", "on")
    rates = dict(known.values_list("currency", "rate"))
    lines = at_constant_rate(ledger.lines.values(), rates=rates, currency=own)
    return replace(ledger, lines=dict(zip(ledger.lines, lines, strict=True)))


def _by_segment(asked: RevenueAsked) -> bool:
    return asked.dimension == Dimension.SEGMENT


def _known_at(
    now: _Ledger, *, at: datetime, on: date, closing: date, most: int | None
) -> tuple[_Ledger | None, list[Later]]:
    """Take back what came since ``at``, imports newest first; null where it is too much."""
    since = ImportBatch.objects.filter(applied_at__isnull=False).filter(
        Q(applied_at__gt=at) | Q(undone_at__gt=at)
    )
    steps = [
        (when, what, batch)
        for batch in since
        for when, what in ((batch.applied_at, "imported"), (batch.undone_at, "undone"))
        if when is not None and when > at
    ]
    steps.sort(key=lambda step: step[0], reverse=True)
    lines = dict(now.lines)
    later = _told_since(at, lines)
    for when, what, batch in steps:
        rows = batch.rows.filter(
            entity=RowEntity.TERM, action__in=[RowAction.CREATE, RowAction.CHANGE]
        )
        if most is not None and rows.count() > most:
            return None, []
        before = dict(lines)
        _take_back(lines, rows, source=batch.source, was_undone=what == "undone")
        moved = {key for key in {*before, *lines} if before.get(key) != lines.get(key)}
        later.append(Later(at=when, what=what, facts=len(moved), source=batch.source))
    known = _Ledger(
        lines=lines,
        segments=_segments_on(on) if now.segments else {},
        survivors=dict(
            _links(closing).filter(linked_at__lte=at).values_list("member", "survivor")
        ),
        paused=frozenset(
            _leaves(closing).filter(told_at__lte=at).values_list("member", flat=True)
        ),
    )
    found = [each for each in later if each.facts]
    return known, sorted(found, key=lambda each: str(each.at))


def _told_since(at: datetime, lines: dict[int, TermLine]) -> list[Later]:
    """Put terms back that were voided since, and name the links and leaves said since."""
    voided = list(VoidedTerm.objects.filter(voided_at__gt=at).order_by("voided_at"))
    for number, term in enumerate(voided):
        dues = term.was.get("dues", {})
        lines[-1 - number] = TermLine(  # its own key is gone
            account=term.member_id,
            starts_on=term.starts_on,
            ends_on=term.ends_on,
            annual_amount=Decimal(str(dues.get("annual_amount") or 0)),
            tier=term.tier,
            currency=dues.get("currency") or _own_currency(),
            is_provisional=bool(term.was.get("is_provisional")),
        )
    linked = AccountLink.objects.filter(linked_at__gt=at).values_list("linked_at", flat=True)
    leaves = Departure.objects.filter(reason=DepartureReason.PAUSE, told_at__gt=at)
    times = {
        "voided": [term.voided_at for term in voided],
        "linked": list(linked),
        "told": list(leaves.values_list("told_at", flat=True)),
    }
    return [
        Later(at=max(moments), what=what, facts=len(moments))
        for what, moments in times.items()
        if moments
    ]


def _take_back(
    lines: dict[int, TermLine], rows: Iterable[ImportRow], *, source: str, was_undone: bool
) -> None:
    given = [row for row in rows if row.object_id is not None]
    names = {(row.after or {}).get("member") for row in given} - {None}
    members = dict(
        MemberIdentity.objects.filter(source=source, external_id__in=names).values_list(
            "external_id", "member"
        )
    )
    for row in given:
        key = row.object_id or 0
        if was_undone:
            if not row.refusals:  # else it was edited since the import, and left alone
                said = row.after or {}
                name = str(said.get("member", ""))
                account = members.get(name, f"{source}:{name}")
                lines[key] = _as_said(lines.get(key), said | {"member_id": account})
        elif row.action == RowAction.CREATE:
            lines.pop(key, None)
        elif key in lines:
            lines[key] = _as_said(lines[key], row.before or {})


def _as_said(line: TermLine | None, said: Mapping[str, Any]) -> TermLine:
    """``line`` with the fields that an import's record gives, or one made of them alone."""
    fields: dict[str, Any] = {}
    for name in ("starts_on", "ends_on"):
        if name in said:
            fields[name] = date.fromisoformat(said[name])
    if said.get("annual_amount") is not None:
        fields["annual_amount"] = Decimal(str(said["annual_amount"]))
    if "tier" in said:
        fields["tier"] = said["tier"]
    if said.get("currency"):
        fields["currency"] = said["currency"]
    if "is_provisional" in said:
        fields["is_provisional"] = bool(said["is_provisional"])
    if said.get("member_id") is not None:
        fields["account"] = said["member_id"]
    return TermLine(**fields) if line is None else replace(line, **fields)


def _segments_on(day: date) -> dict[Account, str]:
    moves = AssignmentChange.objects.filter(on__lte=day).order_by("member", "-on", "-pk")
    last = moves.distinct("member").values_list("member", "to_segment__key")
    return dict(last)


# Made anew.


def _measured(
    asked: RevenueAsked,
    ledger: _Ledger,
    *,
    closing: date,
    as_of: date,
    association: Association,
) -> tuple[Measure, Measure]:
    """The optimistic and the strict measure of the group asked for."""
    known = [line for line in ledger.booked().values() if line.starts_on <= as_of]
    away = ledger.paused
    grace = association.grace_days
    if asked.dimension != Dimension.ALL:
        held = _groups(asked, ledger, known, closing=closing, as_of=as_of, grace_days=grace)
        known = [line for line in known if held.get(line.account) == asked.value]
    if asked.basis == RevenueBasis.IN_FORCE:
        one = in_force_measure(
            known, opening_day=asked.opening_on, closing_day=closing, paused=away
        )
        return one, one
    both = membership_measure(
        known,
        opening_day=asked.opening_on,
        closing_day=closing,
        as_of=as_of,
        grace_days=grace,
        paused=away,
    )
    return both.optimistic, both.strict


def _groups(  # noqa: PLR0913  # what a member's group hangs on
    asked: RevenueAsked,
    ledger: _Ledger,
    known: Iterable[TermLine],
    *,
    closing: date,
    as_of: date,
    grace_days: int,
) -> dict[Account, str]:
    by_account: defaultdict[Account, list[TermLine]] = defaultdict(list)
    for line in known:
        by_account[line.account].append(line)
    if _by_segment(asked):
        return {account: ledger.segments.get(account, "") for account in by_account}
    with_grace = asked.basis == RevenueBasis.MEMBERSHIP
    groups = {}
    for account, own in by_account.items():
        counted = _counted(own, as_of=as_of, grace_days=grace_days) if with_grace else own
        tiers = [_tier_on(counted, day) for day in (asked.opening_on, closing)]
        groups[account] = tiers[0] or tiers[1] or ""
    return groups


def _counted(own: list[TermLine], *, as_of: date, grace_days: int) -> list[TermLine]:
    """The lines as membership counts them: renewals from the end they renew, open grace on."""
    starts = back_dated_starts((line.span for line in own), grace_days=grace_days)
    expiry = max(line.ends_on for line in own)
    is_open = expiry <= as_of < expiry + timedelta(days=grace_days)
    return [
        replace(
            line,
            starts_on=starts[line.starts_on],
            ends_on=as_of + ONE_DAY if is_open and line.ends_on == expiry else line.ends_on,
        )
        for line in own
    ]


def _tier_on(lines: Iterable[TermLine], day: date) -> str | None:
    """Tier of the largest line on a day, the name that sorts last among equals; if it pays."""
    there = [line for line in lines if line.starts_on <= day < line.ends_on]
    if not any(line.is_paid for line in there):
        return None
    return max(there, key=lambda line: (line.counted_amount, (line.tier or "").encode())).tier


def _figures(asked: RevenueAsked, measure: Measure, strict: Measure) -> dict[str, Value]:
    kept = measure.members_open - measure.churned_accounts
    figures: dict[str, Value] = {
        "opening": measure.opening,
        "new": measure.new,
        "reactivation": measure.reactivation,
        "expansion": measure.expansion,
        "contraction": measure.contraction,
        "churn": measure.churn,
        "closing": measure.closing,
        "base_members": measure.members_open,
        "kept_members": kept,
        "new_members": measure.new_accounts,
        "reactivated_members": measure.reactivated_accounts,
        "nrr": _places(measure.nrr),
        "grr": _places(measure.grr),
        "logo_retention": _places(measure.logo_retention),
    }
    if asked.basis == RevenueBasis.MEMBERSHIP:
        figures |= {
            "closing_strict": strict.closing,
            "nrr_strict": _places(strict.nrr),
            "grr_strict": _places(strict.grr),
            "kept_members_strict": strict.members_open - strict.churned_accounts,
        }
    return figures


# The facts.


def _page(
    movements: Iterable[Movement], *, after: str | None, size: int
) -> tuple[list[Movement], str | None]:
    ordered = sorted(movements, key=_place)
    if after:
        try:
            amount, account = SIGNER.unsign_object(after)
            edge = (Decimal(amount), str(account))
        except (BadSignature, ArithmeticError, TypeError, ValueError) as error:
            raise BadCursor("This cursor cannot be read.") from error
        ordered = [row for row in ordered if _place(row) > edge]
    page = ordered[:size]
    if len(ordered) <= size:
        return page, None
    amount, account = _place(page[-1])
    return page, SIGNER.sign_object([str(amount), account])


def _place(row: Movement) -> tuple[Decimal, str]:
    return (-row.amount, f"{row.account:012}" if isinstance(row.account, int) else row.account)


def _facts(page: list[Movement], *, lines: Mapping[int, TermLine]) -> tuple[MemberFact, ...]:
    shown = {row.account for row in page if isinstance(row.account, int)}
    members = Member.objects.in_bulk(shown)
    keys = [key for key, line in lines.items() if line.account in shown]
    terms: defaultdict[Account, list[TermFact]] = defaultdict(list)
    recorded = _recorded(keys)
    for term in Term.objects.filter(pk__in=keys).order_by("starts_on", "pk"):
        line = lines[term.pk]
        came = recorded.get(term.pk)
        terms[line.account].append(
            TermFact(
                tier=term.tier,
                starts_on=term.starts_on,
                ends_on=term.ends_on,
                annual_amount=line.annual_amount,
                source=term.source,
                external_id=term.external_id,
                recorded_at=came.batch.applied_at if came else None,
                file=came.file if came else "",
                line=came.line if came else None,
            )
        )
    facts = []
    for row in page:
        member = members.get(row.account) if isinstance(row.account, int) else None
        facts.append(
            MemberFact(
                member_id=member.pk if member else 0,
                public_id=member.public_id if member else None,
                name=member.name if member else str(row.account),
                movement=row,
                terms=tuple(terms[row.account]),
            )
        )
    return tuple(facts)


def _recorded(terms: Iterable[int]) -> dict[int, ImportRow]:
    """The last line of a file that made each term what it is."""
    rows = ImportRow.objects.filter(
        entity=RowEntity.TERM,
        action__in=[RowAction.CREATE, RowAction.CHANGE],
        object_id__in=list(terms),
        batch__applied_at__isnull=False,
        batch__undone_at=None,
    ).select_related("batch")
    return {row.object_id or 0: row for row in rows.order_by("batch__applied_at", "pk")}


def _ratio(part: Decimal | int, whole: Decimal | int) -> Decimal | None:
    return _places(Fraction(part) / Fraction(whole)) if whole else None


def _places(ratio: Fraction | None) -> Decimal | None:
    return None if ratio is None else to_places(ratio, RATIO_PLACES)
