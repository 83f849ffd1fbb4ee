"""The arms of a play's draw, counted by kind of member, and the kinds it makes worse.

Whatever was done for a member, they count in the arm they were drawn into (intention to treat),
once, with their first entry; only entries that were drawn, of versions that share the salt of
the one in use. The night keeps which kinds a play harms (DOMAIN 8, sleeping dogs).
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.db import connection, transaction

from members.rollups.scope import Written
from success.engine.effect import (
    Arms,
    SampleRatio,
    Verdict,
    harms_in_a_stratum,
    sample_ratio,
    two_proportions,
)
from success.models import SleepingDog

AIM: Final = "aim"
STAYING: Final = "staying"
OUTCOMES: Final = (AIM, STAYING)
STAYING_DAYS: Final = 365

DRAWN = """
WITH drawn AS (
    SELECT DISTINCT ON (e.play_id, e.member_id)
           e.play_id, e.member_id, e.arm, e.entered_on, e.reached_on, e.segment_id, e.state,
           v.aim_days, v.held_percent
    FROM success_enrolment e
    JOIN success_playversion v ON v.id = e.version_id
    JOIN success_play p ON p.id = e.play_id
    JOIN success_playversion now ON now.id = p.current_id
    WHERE e.draw IS NOT NULL AND v.held_percent > 0 AND v.salt = now.salt
      AND e.entered_on <= %(as_of)s AND (%(play)s IS NULL OR e.play_id = %(play)s)
    ORDER BY e.play_id, e.member_id, e.entered_on, e.id
),
"""
ARMS = f"""
{DRAWN}
followed AS (
    SELECT drawn.*,
           entered_on + aim_days <= %(as_of)s AS has_aim,
           coalesce(reached_on <= entered_on + aim_days, FALSE) AS reached,
           entered_on + %(staying)s + %(grace)s <= %(as_of)s AS has_staying,
           EXISTS (
               SELECT FROM members_term t
               WHERE t.member_id = drawn.member_id
                 AND t.starts_on <= drawn.entered_on + %(staying)s
                 AND (t.ends_on > drawn.entered_on + %(staying)s
                      -- in grace that day, and back before it was over
                      OR t.ends_on + %(grace)s > drawn.entered_on + %(staying)s
                         AND EXISTS (
                             SELECT FROM members_term next
                             WHERE next.member_id = t.member_id
                               AND next.starts_on >= t.ends_on
                               AND next.starts_on < t.ends_on + %(grace)s))
           ) AS stayed
    FROM drawn
)
SELECT play_id, segment_id, state, arm,
       count(*) FILTER (WHERE has_aim), count(*) FILTER (WHERE has_aim AND reached),
       count(*) FILTER (WHERE has_staying), count(*) FILTER (WHERE has_staying AND stayed)
FROM followed
GROUP BY play_id, segment_id, state, arm
ORDER BY play_id, segment_id, state, arm
"""
RATIO = f"""
{DRAWN.rstrip().rstrip(",")}
SELECT play_id, count(*) FILTER (WHERE arm = 'treated'), count(*) FILTER (WHERE arm = 'held'),
       avg(held_percent)::float / 100
FROM drawn
GROUP BY play_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Members of one kind in one play, when they entered; no segment is a kind of its own."""

    play_id: int
    segment_id: int | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """All that were drawn into a play, and whether the arms are as large as they should be."""

    treated: int
    held: int
    share: float
    ratio: SampleRatio


def arms(
    *, as_of: date, grace_days: int, play_id: int | None = None
) -> dict[str, dict[Stratum, Arms]]:
    """Return the arms of every kind of member, by outcome; of one play or of all.

    ``aim``: reached within the version's days, of entries old enough. ``staying``: in
    membership, grace included, 365 days after the entry, of entries a year and the grace old.
    """
    tallies: dict[str, dict[Stratum, dict[str, tuple[int, int]]]] = {
        name: defaultdict(dict) for name in OUTCOMES
    }
    values = {"as_of": as_of, "play": play_id, "grace": grace_days, "staying": STAYING_DAYS}
    with connection.cursor() as cursor:
        cursor.execute(ARMS, values)
        for play, segment, state, arm, of_aim, reached, of_staying, stayed in cursor.fetchall():
            stratum = Stratum(play_id=play, segment_id=segment, state=state)
            tallies[AIM][stratum][arm] = (reached, of_aim)
            tallies[STAYING][stratum][arm] = (stayed, of_staying)
    return {
        name: {stratum: _arms(by_arm) for stratum, by_arm in found.items()}
        for name, found in tallies.items()
    }


def drawn(*, as_of: date, play_id: int | None = None) -> dict[int, Drawn]:
    """Return by play how many were drawn into each arm, whatever became of them since."""
    with connection.cursor() as cursor:
        cursor.execute(RATIO, {"as_of": as_of, "play": play_id})
        return {
            play: Drawn(
                treated=treated,
                held=held,
                share=share,
                ratio=sample_ratio(n_treated=treated, n_held=held, share=share),
            )
            for play, treated, held, share in cursor.fetchall()
        }


@transaction.atomic
def refresh(
    *, as_of: date, found: dict[str, dict[Stratum, Arms]], ratios: dict[int, Drawn]
) -> Written:
    """Flag the kinds of member that a play makes worse, and forget those of another salt.

    ``found`` are ``arms`` of that day and ``ratios`` what was ``drawn``, of all plays. A kind
    once flagged stays so: messages to it have stopped, so the difference would fade and they
    would begin again. Plays whose arms are off flag nobody. Idempotent.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM success_sleepingdog d USING success_play p"
            " LEFT JOIN success_playversion v ON v.id = p.current_id"
            " WHERE p.id = d.play_id AND d.salt IS DISTINCT FROM v.salt"
        )
        changed: int = cursor.rowcount
        cursor.execute(
            "SELECT p.id, v.salt FROM success_play p"
            " JOIN success_playversion v ON v.id = p.current_id"
        )
        salts = dict(cursor.fetchall())
    known = set(SleepingDog.objects.values_list("play_id", "segment_id", "state", "outcome"))
    flagged: list[SleepingDog] = []
    for play_id, of_play in ratios.items():
        if not of_play.ratio.is_ok:
            continue
        for outcome in OUTCOMES:
            flagged += [
                dog
                for dog in _harmed(found[outcome], play_id=play_id, outcome=outcome)
                if (play_id, dog.segment_id, dog.state, outcome) not in known
            ]
    for dog in flagged:
        dog.salt, dog.found_on = salts[dog.play_id], as_of
    SleepingDog.objects.bulk_create(flagged, ignore_conflicts=True)
    rows = sum(len(by_stratum) for by_stratum in found.values())
    return Written(rows_in=rows, rows_out=changed + len(flagged))


def _harmed(
    by_stratum: dict[Stratum, Arms], *, play_id: int, outcome: str
) -> list[SleepingDog]:
    effects = {
        stratum: two_proportions(
            treated=of.treated, treated_n=of.treated_n, held=of.held, held_n=of.held_n
        )
        for stratum, of in by_stratum.items()
        if stratum.play_id == play_id
    }
    readable = (Verdict.NOT_PROVEN, Verdict.HELPS, Verdict.HARMS)
    looked_at = sum(effect.verdict in readable for effect in effects.values())
    return [
        SleepingDog(
            play_id=play_id,
            segment_id=stratum.segment_id,
            state=stratum.state,
            outcome=outcome,
            lift=effect.lift or 0.0,
            p=effect.p or 0.0,
            treated_n=effect.arms.treated_n,
            held_n=effect.arms.held_n,
        )
        for stratum, effect in effects.items()
        if harms_in_a_stratum(effect, looked_at=looked_at)
    ]


def _arms(by_arm: dict[str, tuple[int, int]]) -> Arms:
    treated, treated_n = by_arm.get("treated", (0, 0))
    held, held_n = by_arm.get("held", (0, 0))
    return Arms(treated=treated, treated_n=treated_n, held=held, held_n=held_n)
