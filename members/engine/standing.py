"""A member's standing on a day, from dated terms and the association's grace.

Every date is association-local. A term is in force from ``starts_on`` up to, not including,
``ends_on``; its last day is therefore the day before ``ends_on``, and the *expiry* used in
this module is ``ends_on`` itself, the first day without cover.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum


class Standing(StrEnum):
    NOT_YET = "not_yet"
    IN_FORCE = "in_force"
    IN_GRACE = "in_grace"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A run of days: ``starts_on`` is the first, ``ends_on`` the first one after it."""

    starts_on: date
    ends_on: date

    def __post_init__(self) -> None:
        if self.ends_on <= self.starts_on:
            raise ValueError(f"A span must last a day: {self.starts_on} to {self.ends_on}")

    def covers(self, day: date) -> bool:
        """Tell whether ``day`` is one of the span's days; the end is not (DOMAIN 4.2)."""
        return self.starts_on <= day < self.ends_on


def grace_closes_on(expiry: date, *, grace_days: int) -> date:
    """Return the first day that is no longer in grace after ``expiry``.

    A term whose last day was L gives grace up to and including L + ``grace_days``: lapsed iff
    L < day - grace, minus and never plus (DOMAIN 2.10, grace sign).
    """
    return expiry + timedelta(days=grace_days)


def known(spans: Iterable[Span], *, as_of: date) -> tuple[Span, ...]:
    """Return the spans that had begun by ``as_of``, earliest first.

    A term that starts later is unknown on that day, however early it was written down, so a
    past day can be judged with what was known then (DOMAIN 4.3 #4).
    """
    return tuple(sorted(span for span in spans if span.starts_on <= as_of))


def back_dated_starts(spans: Iterable[Span], *, grace_days: int) -> dict[date, date]:
    """Map every start among ``spans`` to the day from which it counts.

    A renewal that starts inside the grace window counts from the expiry it renews; any other
    start counts from itself. Spans that start on one day move together. Order is irrelevant
    and the result is stable when applied twice (DOMAIN 4.3 #5).
    """
    latest_end_by_start: dict[date, date] = {}
    for span in spans:
        latest = latest_end_by_start.get(span.starts_on, span.ends_on)
        latest_end_by_start[span.starts_on] = max(latest, span.ends_on)

    counts_from: dict[date, date] = {}
    expiry: date | None = None
    for start in sorted(latest_end_by_start):
        in_grace = expiry is not None and expiry < start < grace_closes_on(
            expiry, grace_days=grace_days
        )
        counts_from[start] = expiry if in_grace and expiry is not None else start
        latest = latest_end_by_start[start]
        expiry = latest if expiry is None else max(expiry, latest)
    return counts_from


def bridge(spans: Iterable[Span], *, grace_days: int) -> tuple[Span, ...]:
    """Return ``spans``, earliest first, with renewals in grace back-dated to the expiry.

    One span out for each span in; only starts move, and only earlier (DOMAIN 4.3 #5).
    """
    given = tuple(spans)
    counts_from = back_dated_starts(given, grace_days=grace_days)
    return tuple(sorted(replace(s, starts_on=counts_from[s.starts_on]) for s in given))


def spells(spans: Iterable[Span], *, grace_days: int) -> tuple[Span, ...]:
    """Return the unbroken runs of membership, earliest first, after bridging.

    Touching and overlapping terms make one spell; a return after grace begins another. No
    spans, no spells (DOMAIN 7: a rejoin starts a second spell).
    """
    runs: list[Span] = []
    for span in bridge(spans, grace_days=grace_days):
        if runs and span.starts_on <= runs[-1].ends_on:
            runs[-1] = replace(runs[-1], ends_on=max(runs[-1].ends_on, span.ends_on))
        else:
            runs.append(span)
    return tuple(runs)


def spell_on(
    spans: Iterable[Span], *, on: date, grace_days: int, as_of: date | None = None
) -> Span | None:
    """Return the spell that ``on`` belongs to, or the last one before it.

    Null when nothing had begun. ``as_of`` is the day of knowledge, ``on`` unless given; with a
    later one, a renewal made in grace closes the gap it left behind (DOMAIN 4.3 #5).
    """
    begun = known(spans, as_of=on if as_of is None else as_of)
    past = [spell for spell in spells(begun, grace_days=grace_days) if spell.starts_on <= on]
    return past[-1] if past else None


def standing(
    spans: Iterable[Span], *, on: date, grace_days: int, as_of: date | None = None
) -> Standing:
    """Return the standing on the day ``on``, from terms known ``as_of`` (``on`` unless given).

    IN_GRACE iff nothing is in force and ``on`` is before expiry + ``grace_days``, where the
    expiry is the latest one up to ``on``. A member with no term begun is NOT_YET, never LAPSED
    (DOMAIN 2.10, 4.3 #4-#6).
    """
    spell = spell_on(spans, on=on, grace_days=grace_days, as_of=as_of)
    if spell is None:
        return Standing.NOT_YET
    if spell.covers(on):
        return Standing.IN_FORCE
    if on < grace_closes_on(spell.ends_on, grace_days=grace_days):
        return Standing.IN_GRACE
    return Standing.LAPSED


def joined_on(spans: Iterable[Span], *, as_of: date) -> date | None:
    """Return the first day of the first term begun by ``as_of``; null when there is none.

    A return does not move it: the start of the present run is ``spell_on(...).starts_on``
    (DOMAIN 7).
    """
    return min((span.starts_on for span in known(spans, as_of=as_of)), default=None)


def lapsed_on(spans: Iterable[Span], *, on: date, grace_days: int) -> date | None:
    """Return the expiry of a member who has lapsed by ``on``; null in any other standing.

    The loss is dated at the expiry and recognised only when grace closes, so the answer turns
    from null to a day ``grace_days`` in the past (DOMAIN 4.3 #6).
    """
    begun = known(spans, as_of=on)
    if standing(begun, on=on, grace_days=grace_days) is not Standing.LAPSED:
        return None
    return max(span.ends_on for span in begun)
