"""Eight people on one pool: each item has to come to exactly one of them."""

import multiprocessing
import random
from collections import Counter
from datetime import timedelta
from typing import Any

from django.db import connection

from config.kernel import clock
from members.models import Member, User
from success.models import Enrolment, Intervention, InterventionEvent
from success.services import interventions
from tests import factories
from tests.chaos.house import House
from tests.chaos.ledger import Result

CLAIMERS = 8
ITEMS = 10_000
PAGE = 40
DAY = factories.TODAY


def run(*, house: House, items: int = ITEMS, seed: str) -> Result:
    """Let eight processes claim until nothing is free, and count who got what."""
    house.wait_idle()
    house.make(house.database, like="chaos_migrated")
    house.use(house.database)
    house.shared.set_now(factories.NOON)
    people = _fill(items)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    connection.close()
    forked = multiprocessing.get_context("fork")
    won: Any = forked.Queue()
    claimers = [
        forked.Process(target=_claim_all, args=(number, person, won, seed))
        for number, person in enumerate(people)
    ]
    for claimer in claimers:
        claimer.start()
    told = [won.get(timeout=600) for _ in claimers]
    for claimer in claimers:
        claimer.join()
    result = Result(occurrences=items, sent=0)
    _check(result, told=dict(entry[:2] for entry in told))
    result.hurt = sum(refused for _, _, refused in told)
    return result


def _fill(items: int) -> list[int]:
    people = [factories.make_user() for _ in range(CLAIMERS)]
    play = factories.make_play()
    step = play.current.steps.get(position=1)
    members = Member.objects.bulk_create(
        Member(name=f"Member {n}", kind="organisation", created_at=factories.NOON)
        for n in range(items)
    )
    entries = Enrolment.objects.bulk_create(
        Enrolment(
            play=play,
            version=play.current,
            member=member,
            occurrence="once",
            occurred_on=DAY,
            entered_on=DAY,
        )
        for member in members
    )
    Intervention.objects.bulk_create(
        Intervention(
            play=play,
            member_id=entry.member_id,
            enrolment=entry,
            step=step,
            occurrence="once",
            occurred_on=DAY - timedelta(days=entry.member_id % 30),
            opened_on=DAY,
            why="For a trial.",
            queue_class=4,
            due_on=DAY,
            minutes=5,
        )
        for entry in entries
    )
    return [person.pk for person in people]


def _claim_all(number: int, person: int, won: Any, seed: str) -> None:
    """Claim until nothing is free: every other one asks for the next, the rest see a page."""
    chance = random.Random(f"{seed} {person}")
    by = User.objects.get(pk=person)
    mine: list[int] = []
    refused = 0
    take = _next if number % 2 else _of_a_page
    while (taken := take(by, chance)) is not None:
        got, missed = taken
        mine += got
        refused += missed
    won.put((person, mine, refused))
    connection.close()


def _next(by: User, chance: random.Random) -> tuple[list[int], int] | None:
    item = interventions.claim_next(user=by, at=clock.now())
    return None if item is None else ([item.pk], 0)


def _of_a_page(by: User, chance: random.Random) -> tuple[list[int], int] | None:
    """Go down the page that all of them see, as somebody in a hurry."""
    free = Intervention.objects.open().filter(owner=None, claimed_by=None)
    page = list(free.in_queue_order()[:PAGE])
    if not page:
        return None
    mine, refused = [], 0
    for item in page[chance.randrange(4) :: 3] or page:
        try:
            interventions.claim(intervention=item, by=by, at=clock.now())
            mine.append(item.pk)
        except interventions.AlreadyClaimed:
            refused += 1
    return mine, refused


def _check(result: Result, *, told: dict[int, list[int]]) -> None:
    claimed = Counter(pk for mine in told.values() for pk in mine)
    holder = dict(Intervention.objects.values_list("pk", "claimed_by_id"))
    events = Counter(
        InterventionEvent.objects.filter(verb="claimed").values_list(
            "intervention_id", flat=True
        )
    )
    result.lost += [f"item {pk} came to nobody" for pk in holder if pk not in claimed]
    result.twice += [f"item {pk} came to {n} people" for pk, n in claimed.items() if n > 1]
    result.twice += [f"item {pk} has {n} claims" for pk, n in events.items() if n > 1]
    result.other += [
        f"item {pk} is held by another than who got it"
        for person, mine in told.items()
        for pk in mine
        if holder[pk] != person and claimed[pk] == 1
    ]
