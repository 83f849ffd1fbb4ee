"""A small association whose occurrences are known beforehand, day by day.

What is due when follows from how it is made, in plain Python, and not from the night.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from config.kernel import clock
from coverage.services.segments import ensure_default_segments
from members.enums import Role
from members.models import Person
from success.enums import QueueClass, StartKind
from success.services.nights import run_night
from tests import factories

MEMBERS = 72
# Days after the first night on which members of a cohort reach their day; 0: never.
DAYS = (1, 1, 1, 2, 3, 4, 0, 0)
DAY = timedelta(days=1)
OFFSET = 10
TIMED, TRIGGER, DATA = "chaos-timed", "chaos-trigger", "chaos-data"


@dataclass(frozen=True, order=True)
class Occurrence:
    """What has to be opened once: the play, the member, and the day it happened."""

    play: str
    member_id: int
    on: date


@dataclass
class Association:
    """Who there is, and what is due to whom on which day."""

    first_night: date
    due: list[Occurrence] = field(default_factory=list)
    address_of: dict[int, str] = field(default_factory=dict)
    by_message: list[int] = field(default_factory=list)
    with_plan: list[int] = field(default_factory=list)
    operations_id: int = 0

    def until(self, day: date) -> set[Occurrence]:
        return {each for each in self.due if each.on <= day}


def make(*, first_night: date) -> Association:
    """Fill an empty, migrated database, run its first night, and say what will be due."""
    made = Association(first_night=first_night)
    ensure_default_segments()
    template = factories.make_template(key="chaos", body="Dear {{ name }},\n\n{{ member }}?\n")
    member_only = {"fact": "standing", "op": "in", "value": ["in_force", "in_grace"]}
    joined_late = {"fact": "joined_on", "op": "gt", "value": first_night.isoformat()}
    for key, start_kind, start, audience in (
        (TIMED, StartKind.TIMED, {"fact": "anchor_on", "offset_days": OFFSET}, member_only),
        (TRIGGER, StartKind.TRIGGER, {"kind": "maintainer.removed"}, member_only),
        (DATA, StartKind.DATA, {"fact": "joined_on"}, {"all": [member_only, joined_late]}),
    ):
        factories.make_play(
            key=key,
            title=key,
            start_kind=start_kind,
            start=start | {"why": "On {day}."},
            audience=audience,
            queue_class=QueueClass.SLIPPING,
            effective_from=first_night + DAY,
            template=template,
        )
    made.operations_id = factories.make_user(role=Role.OPERATIONS).pk
    factories.make_user(role=Role.MSM)
    for number in range(MEMBERS):
        _member(made, number)
    at = datetime.combine(first_night, time(12), tzinfo=clock.now().tzinfo)
    run_night(as_of=first_night, today=first_night, clock=lambda: at)
    return made


def _member(made: Association, number: int) -> None:
    night = made.first_night
    play = (TIMED, TRIGGER, DATA)[number % 3]
    days = DAYS[number // 3 % len(DAYS)]
    day = night + days * DAY if days else night + 200 * DAY
    member = factories.make_member(name=f"Member {number}")
    joined = day if play == DATA else night - 400 * DAY
    factories.make_term(member=member, dues=None, starts_on=joined, ends_on=joined + 900 * DAY)
    person: Person = factories.make_guest(member=member, starts_on=night - 400 * DAY)
    made.address_of[member.pk] = person.email
    if number % 5 < 3:
        made.by_message.append(member.pk)
        suits = {"expertise": "high", "resources": "sufficient", "guidance": "occasional"}
        factories.make_ax_profile(member=member, valid_from=night - 300 * DAY, **suits)
    else:
        factories.make_ax_profile(
            member=member, valid_from=night - 300 * DAY, async_minutes=30, sync_minutes=60
        )
    if play == TIMED:
        made.with_plan.append(member.pk)
        factories.make_plan(
            member=member, anchor_on=day - OFFSET * DAY, expected_days=(300, 600)
        )
    if play == TRIGGER and days:
        factories.make_fact(member=member, occurred_on=day)
    if days:
        made.due.append(Occurrence(play=play, member_id=member.pk, on=day))
