"""The queue against the clock: Today at any depth, and eight people who claim at once.

Claims are held against the same taken by one bare statement each. Nothing is given twice, or
the measurement fails.
"""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any, Final

from django.db import connection
from django.db.models import Count
from django.test import Client, override_settings
from django.urls import reverse

from config.kernel import clock
from config.kernel.keyset import page
from members.enums import Role
from members.models import User
from success.models import Intervention
from success.queries import queue
from success.services.interventions import claim_next

LOOKS: Final = 41
CLAIMERS: Final = 8
CLAIMS: Final = 500  # each of them takes so many
DEPTHS: Final = {"first page": 0.0, "half-way down": 0.5, "near the end": 0.99}
PATIENCE: Final = 600
ASKED: Final = (("what has changed", "today_live"), ("how many", "today_count"))
OF_ROLE: Final = {Role.MSM: ASKED, Role.DIRECTOR: (*ASKED, ("the team", "team"))}

BARE: Final = """
UPDATE success_intervention SET claimed_by_id = %(by)s, claimed_until = %(until)s
WHERE id = (
    SELECT id FROM success_intervention
    WHERE status = 'open' AND owner_id IS NULL AND claimed_by_id IS NULL
    ORDER BY queue_class, occurred_on, term_ends_on, id
    FOR UPDATE SKIP LOCKED LIMIT 1
)
RETURNING id
"""
Take = Callable[[User], int | None]


@dataclass(frozen=True, kw_only=True)
class Look:
    """What an address took: milliseconds of each look, those in the database, statements."""

    name: str
    taken: Sequence[float]
    in_database: float
    statements: int


@dataclass(frozen=True, kw_only=True)
class Claimed:
    """What several people took from one pool at once; milliseconds of each claim."""

    name: str
    seconds: float
    taken: Sequence[float]

    @property
    def a_second(self) -> float:
        return len(self.taken) / self.seconds


def looks(*, day: date, say: Callable[[str], None]) -> list[Look]:
    """Look at Today as the MSM with the most items, and as a director, at several depths."""
    msm = (
        User.objects.filter(role=Role.MSM)
        .annotate(items=Count("interventions"))
        .order_by("-items", "pk")[0]
    )
    director = User.objects.filter(role=Role.DIRECTOR).order_by("pk")[0]
    found = []
    with override_settings(WAYMARK_TODAY=day, ALLOWED_HOSTS=["localhost"]):
        for user in (msm, director):
            client = Client(SERVER_NAME="localhost", headers={"accept": "text/html"})
            client.force_login(user)
            items = queue.today(user, as_of=day)
            number = items.count()
            for name, depth in DEPTHS.items():
                address = f"{reverse('success:today')}{_cursor(items, int(depth * number))}"
                who = f"{user.get_role_display()}, {number:,} items: {name}"
                found.append(_look(client, address, name=who))
                say(f"  {median(found[-1].taken):5.0f} ms  {who}")
            for name, each in OF_ROLE[Role(user.role)]:
                who = f"{user.get_role_display()}: {name}"
                found.append(_look(client, reverse(f"success:{each}"), name=who))
    return found


def claims(*, name: str, take: Take) -> Claimed:
    """Let eight processes take five hundred items each, and time every claim.

    Items are given back before. Raises ``ValueError`` where the pool is too small, or an item
    came to two.
    """
    Intervention.objects.exclude(claimed_by=None).update(claimed_by=None, claimed_until=None)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE success_intervention")
    people = list(User.objects.filter(role=Role.MSM).order_by("pk")[:CLAIMERS])
    connection.close()
    forked = multiprocessing.get_context("fork")
    told: Any = forked.Queue()
    started = forked.Barrier(len(people) + 1)
    workers = [
        forked.Process(target=_claim, args=(person, take, started, told)) for person in people
    ]
    for worker in workers:
        worker.start()
    started.wait(PATIENCE)
    began = perf_counter()
    answers = [told.get(timeout=PATIENCE) for _ in workers]
    seconds = perf_counter() - began
    for worker in workers:
        worker.join()
    items = Counter(pk for got, _ in answers for pk in got)
    if items.total() != CLAIMERS * CLAIMS:
        raise ValueError(f"The pool had {items.total()} items for {CLAIMERS * CLAIMS} claims.")
    if twice := [pk for pk, times in items.items() if times > 1]:
        raise ValueError(f"{len(twice)} items came to two people.")
    return Claimed(
        name=name, seconds=seconds, taken=[each for _, taken in answers for each in taken]
    )


def by_the_service(person: User) -> int | None:
    """Take the next item of the pool as Today does, with its record."""
    item = claim_next(user=person, at=clock.now())
    return None if item is None else item.pk


def by_a_bare_statement(person: User) -> int | None:
    """Take the next item of the pool and do nothing else."""
    with connection.cursor() as cursor:
        cursor.execute(BARE, {"by": person.pk, "until": clock.now()})
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def report(found: Sequence[Look], taken: Sequence[Claimed], *, conditions: str) -> str:
    """The tables as they stand in docs/performance.md."""
    return "\n".join([conditions, "", *_looks(found), "", *_claims(taken)]) + "\n"


def _looks(found: Sequence[Look]) -> Iterator[str]:
    yield "| Today | median, ms | 95th of 100, ms | of it in the database | statements |"
    yield "|---|---:|---:|---:|---:|"
    for each in found:
        yield (
            f"| {each.name} | {median(each.taken):.0f} | {_of_100(each.taken, 95):.0f} "
            f"| {each.in_database:.0f} | {each.statements} |"
        )


def _claims(taken: Sequence[Claimed]) -> Iterator[str]:
    yield f"| {CLAIMERS} who claim at once | claims a second | median, ms | 99th of 100, ms |"
    yield "|---|---:|---:|---:|"
    for each in taken:
        yield (
            f"| {each.name} | {each.a_second:,.0f} | {median(each.taken):.1f} "
            f"| {_of_100(each.taken, 99):.1f} |"
        )


def _of_100(taken: Sequence[float], place: int) -> float:
    return sorted(taken)[ceil(len(taken) * place / 100) - 1]


def _cursor(items: Any, place: int) -> str:
    """The query of the page that follows the item at a place; blank for the first page."""
    if not place:
        return ""
    both = items.filter(pk__in=list(items.values_list("pk", flat=True)[place : place + 2]))
    return f"?after={page(both, order=queue.QUEUE_ORDER, size=1).next}"


def _look(client: Client, address: str, *, name: str) -> Look:
    taken, in_database, statements = [], [], 0
    for _ in range(LOOKS):
        asked: list[float] = []

        def timed(execute: Any, *given: Any, asked: list[float] = asked) -> Any:
            began = perf_counter()
            try:
                return execute(*given)
            finally:
                asked.append(perf_counter() - began)

        began = perf_counter()
        with connection.execute_wrapper(timed):
            answer = client.get(address)
        taken.append(1000 * (perf_counter() - began))
        if answer.status_code != HTTPStatus.OK:
            raise ValueError(f"{address} answered {answer.status_code}.")
        in_database.append(1000 * sum(asked))
        statements = len(asked)
    return Look(name=name, taken=taken, in_database=median(in_database), statements=statements)


def _claim(person: User, take: Take, started: Any, told: Any) -> None:
    got: list[int] = []
    taken: list[float] = []
    connection.ensure_connection()
    started.wait(PATIENCE)
    for _ in range(CLAIMS):
        began = perf_counter()
        item = take(person)
        taken.append(1000 * (perf_counter() - began))
        if item is None:
            break
        got.append(item)
    told.put((got, taken))
    connection.close()
