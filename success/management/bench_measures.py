"""The measures against the clock: every page for a director, and eight years made anew.

Seconds are those of one machine in one run; the target is that of the slowest page. How the
rebuild grows is told by its ratio to a plain scan of the same terms, at several sizes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from http import HTTPStatus
from math import log
from statistics import median
from time import perf_counter
from typing import Final

from django.core.cache import cache
from django.db import connection, reset_queries
from django.test import Client, override_settings
from django.urls import URLPattern, get_resolver, reverse

from coverage.models import Contributor
from coverage.services.hours import ensure_default_model
from members.enums import Role
from members.models import User
from success.models import RevenuePeriod
from success.rollups import revenue

TARGET_MS: Final = 300
LOOKS: Final = 11
PEOPLE: Final = 60
EARLIER: Final = timedelta(days=90)
YEARS_BEFORE: Final = 5  # the generator gives three; eight together

# What pages read beside that which the night's bench fills: a path in common, offers announced
# and answered, promises of both sides, time given, and what an hour costs.
MORE: Final = (
    """
    INSERT INTO success_plantemplate
        (id, key, title, audience, persona, goal, required_outcome, measure, first_30,
         first_60, first_90, is_simulated)
    VALUES (1, 'bench', 'Bench', 'organisation', '', 'A goal', '', '', '', '', '', true)
    """,
    """
    INSERT INTO success_templatemilestone
        (template_id, key, position, title, expected_day, expected_basis, weight, is_gating,
         evidence_kind, evidence_rule, expectation, advocacy)
    SELECT 1, key, position, title, expected_day, expected_basis, weight, is_gating,
           evidence_kind, evidence_rule, '', ''
    FROM success_milestone WHERE plan_id = (SELECT min(id) FROM success_plan)
    """,
    "UPDATE success_plan SET template_id = 1",
    """
    INSERT INTO success_offer (id, key, title, words, owned_with_tier, is_retired)
    SELECT n, 'offer-' || n, 'Offer ' || n, '', '', false FROM generate_series(1, 3) AS n
    """,
    """
    INSERT INTO success_offerworth
        (offer_id, effective_from, annual_value, currency, note, set_at)
    SELECT n, %(day)s::date - 900, 100 * n, 'USD', '', now() FROM generate_series(1, 3) AS n
    """,
    # two offers each for one member in three; of the first, some were asked and answered
    """
    INSERT INTO success_ask
        (public_id, plan_id, milestone_id, kind, advocacy, offer_id, status, consented_on,
         asked_on, answered_on, answer, record)
    SELECT gen_random_uuid(), p.id, m.id, 'upsell', '', 1 + m.position %% 3,
           CASE WHEN NOT asked THEN 'announced'
                WHEN p.member_id %% 2 = 0 THEN 'accepted' ELSE 'refused' END,
           CASE WHEN asked THEN day END, CASE WHEN asked THEN day END,
           CASE WHEN asked THEN day + 7 END, '', ''
    FROM success_plan p
    JOIN success_milestone m ON m.plan_id = p.id AND m.position IN (2, 6)
    CROSS JOIN LATERAL (
        SELECT p.anchor_on + m.expected_day AS day,
               m.position = 2 AND p.anchor_on + m.expected_day + 7 < %(day)s::date AS asked
    ) AS d
    WHERE p.member_id %% 3 = 0
    """,
    # one promise of each side for every second member; most were kept, some late
    """
    INSERT INTO success_accountability
        (public_id, plan_id, milestone_id, side, title, closes_fit, obligation, due_on,
         done_on, evidence, waived_reason, is_simulated)
    SELECT gen_random_uuid(), p.id, m.id, side, 'A promise', '', '', due,
           CASE WHEN p.member_id %% 10 < 8 THEN due - 5 + (p.member_id %% 12)::int END,
           '', '', true
    FROM success_plan p
    JOIN success_milestone m ON m.plan_id = p.id AND m.position = 3
    CROSS JOIN unnest(ARRAY['association', 'member']) AS side
    CROSS JOIN LATERAL (
        SELECT %(day)s::date - 400 + (p.member_id * 53 %% 460)::int AS due
    ) AS d
    WHERE p.member_id %% 2 = 0
    """,
    """
    INSERT INTO success_costrate
        (effective_from, currency, hourly_rate, enablement_a_year, direct_a_year, note, set_at)
    VALUES (%(day)s::date - 900, 'USD', 60, 50000, 5, '', now())
    """,
)
# One answer in ten to "are you getting closer to your goal?".
ANSWERS: Final = """
INSERT INTO success_gapanswer (member_id, plan_id, "on", answer, words, said_in, recorded_at)
SELECT member_id, id, %(day)s::date - 20,
       (ARRAY['yes', 'yes', 'no', 'unsure'])[1 + member_id / 10 %% 4], '', 'review', now()
FROM success_plan WHERE member_id %% 10 = 3
"""
EARLIER_TERMS: Final = """
INSERT INTO members_term
    (member_id, tier, starts_on, ends_on, source, external_id, is_provisional, details)
SELECT m.id, (ARRAY['Silver', 'Gold', 'Platinum'])[1 + (m.id + k / 2) %% 3],
       first - 365 * k, first - 365 * (k - 1), 'bench',
       lpad(m.id::text, 9, '0') || '-b' || k, false, '{}'
FROM members_member m
CROSS JOIN generate_series(1, %(years)s) AS k
CROSS JOIN LATERAL (
    SELECT %(day)s::date - 730 - (m.id * 7919 %% 365)::int AS first
) AS s
"""
EARLIER_DUES: Final = """
INSERT INTO members_dues (term_id, annual_amount, currency)
SELECT t.id, 400 + (t.member_id * 31 %% 40) * 20 + (t.id %% 5 = 0)::int * 100, 'USD'
FROM members_term t
WHERE NOT EXISTS (SELECT FROM members_dues d WHERE d.term_id = t.id)
"""
# Where no night has put members into segments, any will do.
ASSIGNED: Final = """
INSERT INTO coverage_assignment
    (member_id, segment_id, reason, assigned_on, override_reason)
SELECT m.id, s.ids[1 + m.id %% cardinality(s.ids)], '', %(day)s, ''
FROM members_member m
CROSS JOIN (SELECT array_agg(id ORDER BY id) AS ids FROM coverage_segment) AS s
ON CONFLICT (member_id) DO NOTHING
"""

# Asked otherwise than a page opens.
ASKED: Final = {
    "success:measures": ("by=tier", "by=owner", "by=cohort"),
    "success:movements": ("kind=churn", "kind=new"),
    "success:retention_curves": ("by=tier", "by=segment"),
}
# Addresses that only take something, or ask for more than an address.
NOT_A_PAGE: Final = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.NOT_FOUND,
}
ELSEWHERE: Final = ("success:today",)


@dataclass(frozen=True, kw_only=True)
class PageLook:
    """How long a page took, in milliseconds, and how many statements it made."""

    address: str
    median: float
    slowest: float
    queries: int


@dataclass(frozen=True, kw_only=True)
class Rebuild:
    """Eight years of movements made from the terms, beside a plain scan of these; seconds."""

    members: int
    terms: int
    periods: int
    seconds: float
    scan: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.scan


def rebuilt_at(sizes: Sequence[int]) -> list[int]:
    """The sizes at which movements are made anew: a tenth and a hundredth of a single one."""
    if len(sizes) > 1:
        return sorted(sizes)
    return [sizes[0] // 100, sizes[0] // 10, sizes[0]]


def prepare(*, day: date) -> User:
    """Add to a generated association what the pages read besides; the director looks."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in (*MORE, ANSWERS):
            cursor.execute(statement, {"day": day})
        cursor.execute("RESET session_replication_role")
    ensure_default_model(at=datetime.combine(day, time(), tzinfo=UTC))
    people = User.objects.bulk_create(
        User(email=f"msm{number}@bench.example", name=f"MSM {number}", role=Role.MSM)
        for number in range(PEOPLE)
    )
    Contributor.objects.bulk_create(Contributor(user=user) for user in people)
    return User.objects.create(
        email="director@bench.example", name="Director", role=Role.DIRECTOR
    )


def look_at_pages(*, director: User, day: date, say: Callable[[str], None]) -> list[PageLook]:
    """Ask for every page and drawing of the measures, and for Today, as the director."""
    client = Client(SERVER_NAME="localhost", headers={"accept": "text/html"})
    client.force_login(director)
    found = []
    with override_settings(WAYMARK_TODAY=day, ALLOWED_HOSTS=["localhost"]):
        for address in addresses():
            if client.get(address).status_code in NOT_A_PAGE:
                continue
            taken = sorted(1000 * timed(partial(_look, client, address)) for _ in range(LOOKS))
            found.append(
                PageLook(
                    address=address,
                    median=median(taken),
                    slowest=taken[-1],
                    queries=_statements(client, address),
                )
            )
            say(f"  {found[-1].median:7.0f} {taken[-1]:7.0f} ms  {address}")
    return found


def addresses() -> list[str]:
    """Every page and drawing under /measures/ that needs no more than its address."""
    _prefix, success = get_resolver().namespace_dict["success"]
    names = [
        f"success:{each.name}"
        for each in success.url_patterns
        if isinstance(each, URLPattern)
        and str(each.pattern).startswith("measures/")
        and "<" not in str(each.pattern)
        and not str(each.pattern).endswith((".csv", ".xlsx"))
    ]
    return [
        address
        for name in (*ELSEWHERE, *names)
        for address in (
            reverse(name),
            *(f"{reverse(name)}?{query}" for query in ASKED.get(name, ())),
        )
    ]


def rebuild(*, members: int, day: date) -> Rebuild:
    """Make the movements of eight years anew from a ledger of as many; the best of two.

    The terms that were generated are those of the last three years; five are put before them.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(EARLIER_TERMS, {"day": day, "years": YEARS_BEFORE})
        cursor.execute(EARLIER_DUES, {})
        cursor.execute(ASSIGNED, {"day": day})
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE members_term, members_dues, coverage_assignment")
    at = datetime.combine(day, time(), tzinfo=UTC)

    def once() -> None:
        RevenuePeriod.objects.all().delete()
        revenue.refresh(as_of=day, since=None, at=at)

    seconds = min(timed(once), timed(once))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM members_term")
        terms = cursor.fetchone()[0]
    return Rebuild(
        members=members,
        terms=terms,
        periods=RevenuePeriod.objects.count(),
        seconds=seconds,
        scan=min(timed(_scan), timed(_scan), timed(_scan)),
    )


def report(
    pages: dict[int, list[PageLook]], rebuilds: Sequence[Rebuild], *, conditions: str
) -> str:
    """The tables as they stand in docs/performance.md."""
    return "\n".join([conditions, "", *_pages(pages), "", *_rebuilds(rebuilds)]) + "\n"


def _pages(pages: dict[int, list[PageLook]]) -> Iterator[str]:
    sizes = sorted(pages)
    looks = {size: {each.address: each for each in pages[size]} for size in sizes}
    over = [each for each in pages[sizes[-1]] if each.slowest > TARGET_MS]
    yield (
        f"Server time of a request in ms, the median of {LOOKS} and the slowest; nothing is "
        f"kept from one to the next. The target is {TARGET_MS} ms; "
        + (
            f"{len(over)} of {len(pages[sizes[-1]])} go beyond it at {sizes[-1]:,} members."
            if over
            else f"all {len(pages[sizes[-1]])} keep it at {sizes[-1]:,} members."
        )
    )
    yield ""
    heads = " | ".join(f"{size:,} members | slowest" for size in sizes)
    yield f"| | {heads} | statements |"
    yield "|---|" + "---:|---:|" * len(sizes) + "---:|"
    for each in pages[sizes[-1]]:
        cells = [
            f"{look.median:.0f} | {look.slowest:.0f}{' !' if look.slowest > TARGET_MS else ''}"
            for size in sizes
            for look in [looks[size][each.address]]
        ]
        yield f"| `{each.address}` | {' | '.join(cells)} | {each.queries} |"


def _rebuilds(rebuilds: Sequence[Rebuild]) -> Iterator[str]:
    yield (
        "Eight years of movements made anew from the terms: months, trailing and calendar "
        "years on both bases, for everybody, by tier and by segment; beside one sequential "
        "scan of the terms and their dues, taken apart."
    )
    yield ""
    yield "| members | terms | periods written | seconds | scan, s | times the scan | slope |"
    yield "|---:|---:|---:|---:|---:|---:|---:|"
    for place, each in enumerate(rebuilds):
        before = rebuilds[place - 1] if place else None
        slope = (
            f"{log(each.seconds / before.seconds) / log(each.members / before.members):.2f}"
            if before
            else ""
        )
        yield (
            f"| {each.members:,} | {each.terms:,} | {each.periods:,} | {each.seconds:.2f} "
            f"| {each.scan:.3f} | {each.ratio:.0f} | {slope} |"
        )


def timed(do: Callable[[], None]) -> float:
    """Seconds that ``do`` takes."""
    began = perf_counter()
    do()
    return perf_counter() - began


def _look(client: Client, address: str) -> None:
    cache.clear()
    answer = client.get(address)
    if answer.status_code != HTTPStatus.OK:
        raise ValueError(f"{address} answered {answer.status_code}.")


def _statements(client: Client, address: str) -> int:
    connection.force_debug_cursor = True
    reset_queries()
    try:
        # what a request begins with empties the log as well, so it is read before the next one
        client.get(address)
        return len(connection.queries)
    finally:
        connection.force_debug_cursor = False


def _scan() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0")
        for table in ("members_term", "members_dues"):
            # every row is visited and, being counted by its last column, taken apart
            cursor.execute(f"SELECT count(t.*) FROM {table} t")  # noqa: S608  # ours
