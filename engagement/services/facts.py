"""Facts from elsewhere, recorded once each."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connection, transaction

from engagement.ingestion import staging
from engagement.ingestion.facts import FactRow, read_facts
from engagement.ingestion.mapping import FactMapping
from engagement.models import Fact
from engagement.signals import facts_recorded
from members.enums import Origin
from members.ingestion.ledger import RefusedRow
from members.ingestion.tables import Refusal, read
from members.models import Member, Person
from members.rollups.dirty import mark_dirty

UNKNOWN = "not a member: the id is unknown"
# In the order of their ids, so that two requests never wait for each other.
TAKE_IN = """
    WITH written AS (
        INSERT INTO engagement_fact
            (member_id, kind, subject, occurred_on, source, external_id, origin, recorded_at,
             details)
        SELECT said.member_id, said.kind, said.subject, said.occurred_on, %(source)s,
               said.external_id, %(origin)s, %(at)s, '{}'
          FROM unnest(%(members)s::bigint[], %(ids)s::text[], %(kinds)s::text[],
                      %(subjects)s::text[], %(days)s::date[])
               AS said (member_id, external_id, kind, subject, occurred_on)
         ORDER BY said.external_id
        ON CONFLICT (source, external_id) DO NOTHING
        RETURNING member_id, occurred_on
    ), marked AS (
        INSERT INTO members_dirtymember (member_id, since)
        SELECT member_id, min(occurred_on) FROM written GROUP BY member_id ORDER BY member_id
        ON CONFLICT (member_id) DO UPDATE
        SET since = least(members_dirtymember.since, EXCLUDED.since), taken_by = NULL
    )
    SELECT count(*), coalesce(array_agg(DISTINCT member_id), '{}') FROM written
"""


@transaction.atomic
def record(  # noqa: PLR0913  # a fact has that many parts
    *,
    member: Member,
    kind: str,
    subject: str,
    occurred_on: date,
    source: str,
    external_id: str,
    at: datetime,
    person: Person | None = None,
    details: Mapping[str, Any] | None = None,
    origin: Origin = Origin.LIVE,
) -> Fact | None:
    """Record one fact, mark its member from its day, and return it; None where it is known.

    A fact is known by source and external id, so saying it again records nothing. After the
    commit, what is live is told by ``facts_recorded``; what is brought in later never is.
    """
    fact, is_new = Fact.objects.get_or_create(
        source=source,
        external_id=external_id,
        defaults={
            "member": member,
            "person": person,
            "kind": kind,
            "subject": subject,
            "occurred_on": occurred_on,
            "origin": origin,
            "recorded_at": at,
            "details": dict(details or {}),
        },
    )
    if not is_new:
        return None
    mark_dirty([(member.pk, occurred_on)])
    if origin == Origin.LIVE:
        transaction.on_commit(
            partial(facts_recorded.send, sender=Fact, member_ids=[member.pk]), robust=True
        )
    return fact


@dataclass(frozen=True, kw_only=True)
class NewFact:
    """A fact as its source has it, of a member that is known."""

    member_id: int
    external_id: str
    kind: str
    subject: str
    occurred_on: date


@dataclass(frozen=True, kw_only=True)
class TakenIn:
    """How many facts were recorded, and how many were known, or said twice."""

    recorded: int
    known: int


@transaction.atomic
def take_in(
    *, source: str, facts: Sequence[NewFact], origin: Origin = Origin.LIVE, at: datetime
) -> TakenIn:
    """Record the facts of a source that are not known yet, and mark their members.

    One statement, however many there are. A fact is known by source and external id, so the
    same again records nothing. After the commit, what is live is told by ``facts_recorded``.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE_IN,
            {
                "source": source,
                "origin": origin.value,
                "at": at,
                "members": [fact.member_id for fact in facts],
                "ids": [fact.external_id for fact in facts],
                "kinds": [fact.kind for fact in facts],
                "subjects": [fact.subject for fact in facts],
                "days": [fact.occurred_on for fact in facts],
            },
        )
        recorded, members = cursor.fetchone()
    if members and origin == Origin.LIVE:
        transaction.on_commit(
            partial(facts_recorded.send, sender=Fact, member_ids=members), robust=True
        )
    return TakenIn(recorded=recorded, known=len(facts) - recorded)


@dataclass(kw_only=True)
class FactsImport:
    """What a file of facts did, or would do, in rows, with the first line of each refusal."""

    created: int = 0
    known: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: dict[str, tuple[int, Refusal]] = field(default_factory=dict)

    def refuse(self, line: int, refusal: Refusal, *, rows: int = 1) -> None:
        """Count refused rows by their reason; ``line`` is the first of them."""
        self.refused[refusal.reason] += rows
        self.examples.setdefault(refusal.reason, (line, refusal))


@transaction.atomic
def record_file(
    *,
    file: Path,
    mapping: Mapping[str, Any],
    at: datetime,
    today: date,
    apply: bool = True,
) -> FactsImport:
    """Record the facts of ``file`` with origin *import*; without ``apply`` only count them.

    ``mapping`` is the content of the mapping file. A fact is known by source and external id,
    so running it again records nothing. People are made for ids not seen before; members of
    recorded facts are marked from the earliest day. A row is refused for the first thing wrong
    with it. Raises ``FileUnusable`` or ``MappingUnusable`` when the file as a whole cannot be
    read.
    """
    done, meaning = FactsImport(), FactMapping.parse(mapping)
    with read(file, dialect=meaning.file.dialect) as table:
        staging.stage_facts(_good(read_facts(table, meaning, today=today), done))
    verdicts = staging.plan_facts(source=meaning.source, member_source=meaning.member_source)
    if verdicts["unknown"]:
        line, member = staging.first_unknown_member()
        done.refuse(line, Refusal("member", member, UNKNOWN), rows=verdicts["unknown"])
    done.known = verdicts["known"]
    done.repeated = verdicts["repeated"]
    done.created = verdicts["new"]
    if apply:
        done.created = staging.write_facts(source=meaning.source, at=at)
        # recorded by somebody else since the comparison
        done.known += verdicts["new"] - done.created
    return done


def _good(rows: Iterable[FactRow | RefusedRow], done: FactsImport) -> Iterator[FactRow]:
    for row in rows:
        if isinstance(row, RefusedRow):
            done.refuse(row.line, row.refusals[0])
        else:
            yield row
