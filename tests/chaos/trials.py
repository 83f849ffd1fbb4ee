"""The kinds of trial. Each hurts a running house at moments drawn from its seed."""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, transaction
from django.db.models import Min
from django.test import Client
from django.urls import reverse

from communications.enums import MessageStatus, SuppressionKind
from communications.models import Message, Suppression
from communications.services import preferences
from communications.services.suppression import address_hash
from config.kernel import clock
from members.models import Person, User
from members.rollups.dirty import mark_dirty
from success.enums import NightStatus, StepStatus
from success.models import Intervention, Milestone, Night, NightStep, Plan, Play
from success.services import nights
from success.services.nights import NightFailed, run_night, start_due_night
from tests.chaos import association as associations
from tests.chaos.house import MINUTE, STUCK, House
from tests.chaos.ledger import Change, Result, check
from tests.chaos.sink import PHASES
from tests.factories import make_accountability

DAY = timedelta(days=1)
FIRST_NIGHT = date(2026, 6, 3)
STAGES = tuple(stage.name for stage in nights.LIVE_STAGES)
T = TypeVar("T")

# The night before the first of two days around each change of the clocks.
CHANGES_OF_CLOCKS = (
    ("America/New_York", date(2026, 3, 6)),
    ("Europe/Berlin", date(2026, 3, 27)),
    ("Europe/Berlin", date(2026, 10, 23)),
    ("America/New_York", date(2026, 10, 30)),
)


class Trial:
    """One trial: a fresh copy of the association, a seed, and a house to hurt."""

    def __init__(self, *, house: House, seed: str) -> None:
        self.house, self.sink, self.shared = house, house.sink, house.shared
        self.chance = random.Random(seed)
        self.result = Result()
        self.changes: list[Change] = []
        self.association: associations.Association
        self.timers: list[threading.Thread] = []

    # Beginning.

    def begin(
        self, *, first_night: date = FIRST_NIGHT, zone: str = "UTC", hour: int = 10
    ) -> None:
        """Take a new copy of the association, and make it the morning after its first night."""
        self.house.start()
        self.house.wait_idle(seconds=10)
        self.shared.zone = settings.WAYMARK_TIME_ZONE = zone
        self.association = copy(self.house, first_night=first_night)
        self.house.valkey.delete("waymark", "unacked", "unacked_index")
        self.sink.reset()
        self.sink.pause = self.chance.choice((0.0, 0.0, 0.002, 0.01))
        wall = datetime.combine(first_night + DAY, clock_time(hour), tzinfo=ZoneInfo(zone))
        self.shared.set_now(wall.astimezone(UTC))

    # Reading and writing while the servers come and go.

    def db(self, ask: Callable[[], T]) -> T:
        """Return what ``ask`` does, asked again while PostgreSQL is away."""
        deadline = time.monotonic() + 60
        while True:
            try:
                return ask()
            except (DatabaseError, InterfaceError):
                connection.close()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    @property
    def today(self) -> date:
        return clock.today()

    def night(self) -> Night | None:
        return Night.objects.filter(as_of=self.today, kind="live").first()

    def is_night_done(self) -> bool:
        night = self.db(self.night)
        return night is not None and night.status == NightStatus.DONE

    # Work.

    def run_night(self, *, seconds: float = 60) -> None:
        """Have the workers run the night of today, woken as the minute's tick wakes them.

        Nothing is sent meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not self.is_night_done() and time.monotonic() < deadline:
            self.db(lambda: start_due_night(today=self.today, at=clock.now()))
            night = self.db(self.night)
            if night is None or night.status == NightStatus.FAILED:
                break
            for _ in range(2):
                self.house.send("success.work_night", night_id=night.pk)
            self.house.wait_until(self.is_night_done, seconds=1.5)
        self.house.wait_idle()

    def settle(self) -> None:
        """Tick on until there is nothing left to do, and an hour longer."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            self.house.start()
            self.house.tick()
            self.house.wait_idle()
            left = self.db(self._left)
            if self.is_night_done() and left is None:
                break
            self.house.step(left or MINUTE)
        for _ in range(2):
            self.house.step(timedelta(minutes=30))
            self.house.tick()
            self.house.wait_idle()

    def _left(self) -> timedelta | None:
        """Return how long to wait for the next message that is not yet done with."""
        at = clock.now()
        if Message.objects.filter(status=MessageStatus.SENDING).exists():
            return STUCK
        waiting = Message.objects.filter(status=MessageStatus.QUEUED)
        due = waiting.aggregate(first=Min("due_at"))["first"]
        return None if due is None else max(due - at, timedelta()) + MINUTE

    def finish(self) -> Result:
        for timer in self.timers:
            timer.join(timeout=60)
        self.settle()
        return self.db(
            lambda: check(
                self.result,
                association=self.association,
                as_of=self.today,
                changes=self.changes,
                taken=self.sink.ledger,
            )
        )

    # What stands against a message.

    def turn_against(self, *, is_before_sending: bool) -> None:
        """Have people opt out, reach their point, be owed something, and a play switched off."""
        todo = self.chance.sample(self.association.by_message, 9)
        planned = [each for each in todo if each in self.association.with_plan]
        for member_id in todo:
            act: Callable[[int], int | None] = self._opt_out
            why = "they had opted out"
            if member_id in planned and self.chance.random() < 0.7:
                act, why = self.chance.choice(
                    ((self._reach, "its reason was gone"), (self._owe, "we owed them"))
                )
            self._change(member_id, why, act, is_before_sending=is_before_sending)
        if self.chance.random() < 0.2:
            self._switch_off(is_before_sending=is_before_sending)

    def _change(
        self,
        member_id: int,
        why: str,
        act: Callable[[int], int | None],
        *,
        is_before_sending: bool,
    ) -> None:
        def write() -> int | None:
            with transaction.atomic():
                return act(member_id)

        milestone = self.db(write)
        self._changed(member_id, why, is_before_sending=is_before_sending, milestone=milestone)

    def _changed(
        self,
        member_id: int,
        why: str,
        *,
        is_before_sending: bool,
        milestone: int | None = None,
    ) -> None:
        self.changes.append(
            Change(
                member_id=member_id,
                why=why,
                at=time.monotonic(),
                is_before_sending=is_before_sending,
                milestone=milestone,
            )
        )

    def _opt_out(self, member_id: int) -> None:
        """By the link in a mail, or by a word to staff, who put the address on the list."""
        address = self.association.address_of[member_id]
        if member_id % 2:
            person = Person.objects.get(email=address)
            preferences.unsubscribe(person=person, said_in="one-click", at=clock.now())
            return
        Suppression.objects.get_or_create(
            address_hash=address_hash(address),
            defaults={
                "kind": SuppressionKind.STAFF,
                "reason": "They asked us not to write",
                "at": clock.now(),
            },
        )

    def _reach(self, member_id: int) -> int:
        """They reach their first point; return which that is."""
        first = Milestone.objects.filter(plan__member=member_id).order_by("position")[0]
        Milestone.objects.filter(pk=first.pk).update(evidence_dates=[self.today])
        mark_dirty([(member_id, self.today)])
        return first.pk

    def _owe(self, member_id: int) -> None:
        plan = Plan.objects.get(member=member_id)
        make_accountability(plan=plan, due_on=self.today - DAY)
        mark_dirty([(member_id, self.today)])

    def _switch_off(self, *, is_before_sending: bool) -> None:
        self.db(lambda: Play.objects.filter(key=associations.TRIGGER).update(is_active=False))
        concerned = [e for e in self.association.due if e.play == associations.TRIGGER]
        for each in concerned:
            self._changed(
                each.member_id, "the play was off", is_before_sending=is_before_sending
            )

    # Hurting.

    def hurt(self, act: Callable[[], object]) -> None:
        """Do it, and count it if it met somebody."""
        if act() not in (0, False):
            self.result.hurt += 1

    def at_step(self, act: Callable[[], object], *, jitter: float, stage: str = "") -> None:
        """Hurt when the night has come to a stage, in a thread that watches for it.

        Without a ``stage`` one is drawn; one in three is that which opens and queues.
        """
        stage = stage or self.chance.choice((*STAGES, *["plays"] * (len(STAGES) // 2)))

        def watch() -> None:
            deadline = time.monotonic() + 20
            begun = NightStep.objects.filter(stage=stage).exclude(status=StepStatus.PENDING)
            today = self.today
            while time.monotonic() < deadline:
                if self.db(begun.filter(night__as_of=today).exists):
                    time.sleep(jitter)
                    self.hurt(act)
                    break
                time.sleep(0.002)
            connection.close()

        self.in_background(watch)

    def at_delivery(self, act: Callable[[], object], *, most: int = 15) -> None:
        """Hurt at one moment of one delivery."""
        number, phase = self.chance.randint(1, most), self.chance.choice(PHASES)
        once = threading.Lock()

        def hook(seen: int, where: str) -> None:
            if (seen, where) == (number, phase) and once.acquire(blocking=False):
                self.hurt(act)

        self.sink.hook = hook

    def in_background(self, act: Callable[[], object]) -> None:
        thread = threading.Thread(target=act, daemon=True)
        thread.start()
        self.timers.append(thread)

    def wait(self) -> None:
        for timer in self.timers:
            timer.join(timeout=60)


# The kinds. Each leaves the checking to ``Trial.finish``.


def night_killed(trial: Trial) -> None:
    """Workers are killed while they work the night: a child, or a whole worker with its own."""
    trial.begin()
    house, chance = trial.house, trial.chance
    for _ in range(chance.choice((1, 1, 2))):
        whole = chance.random() < 0.2
        trial.at_step(
            house.kill_busiest if whole else lambda: house.kill_children("work_night"),
            jitter=chance.uniform(0, 0.03),
        )
    trial.run_night()
    trial.wait()
    trial.turn_against(is_before_sending=True)


def plays_killed(trial: Trial) -> None:
    """A worker is killed while it opens what is due; for the proof, which needs that moment."""
    trial.begin()
    trial.at_step(
        lambda: trial.house.kill_children("work_night"),
        jitter=trial.chance.uniform(0, 0.01),
        stage="plays",
    )
    trial.run_night()


def sending_killed(trial: Trial) -> None:
    """Workers are killed while they send, at a moment of one delivery."""
    trial.begin()
    trial.run_night()
    trial.turn_against(is_before_sending=True)
    whole = trial.chance.random() < 0.2
    house = trial.house
    trial.at_delivery(house.kill_busiest if whole else lambda: house.kill_children("send_due"))


def postgres_restarted(trial: Trial) -> None:
    """PostgreSQL crashes in the night, or in the middle of a delivery, and comes back."""
    trial.begin()
    house, chance = trial.house, trial.chance
    if chance.random() < 0.5:
        trial.at_step(
            house.restart_postgres,
            jitter=chance.uniform(0, 0.03),
        )
        trial.run_night()
        trial.wait()
        trial.turn_against(is_before_sending=True)
    else:
        trial.run_night()
        trial.turn_against(is_before_sending=True)
        trial.at_delivery(house.restart_postgres)


def valkey_flushed(trial: Trial) -> None:
    """Valkey is emptied while ticks, nights and messages are on their way."""
    trial.begin()
    for _ in range(trial.chance.randint(1, 4)):
        trial.house.tick()
        time.sleep(trial.chance.uniform(0, 0.4))
        trial.hurt(trial.house.flush)
        trial.house.step(MINUTE)
    trial.turn_against(is_before_sending=False)


def night_twice(trial: Trial) -> None:
    """The night is run by several at once: commands on two connections each, and workers."""
    trial.begin()
    at_once = trial.chance.randint(2, 3)
    start = threading.Barrier(at_once)
    delays = [trial.chance.choice((0.0, 0.0, trial.chance.uniform(0, 0.2))) for _ in range(3)]
    full = trial.chance.random() < 0.3

    def run(delay: float) -> None:
        start.wait()
        time.sleep(delay)
        try:
            today = trial.today
            run_night(as_of=today, today=today, clock=clock.now, full=full, workers=2)
            trial.result.hurt += 1
        except NightFailed as error:
            trial.result.other.append(f"one of several nights failed: {error.__cause__!r}")
        finally:
            connection.close()

    for number in range(at_once):
        trial.in_background(lambda delay=delays[number]: run(delay))
    if trial.chance.random() < 0.5:
        trial.run_night()
    if trial.chance.random() < 0.3:
        trial.house.tick()
        trial.house.tick()
    trial.wait()
    trial.turn_against(is_before_sending=False)


def two_days_down(trial: Trial) -> None:
    """Everything stops, often in the middle, and comes back two or three days later."""
    trial.begin()
    chance = trial.chance
    if chance.random() < 0.6:
        trial.at_step(
            trial.house.kill_children,
            jitter=chance.uniform(0, 0.02),
        )
        trial.house.tick()
        time.sleep(chance.uniform(0.1, 0.6))
        trial.house.kill_children()
        trial.wait()
        trial.house.valkey.delete("waymark", "unacked", "unacked_index")
    else:
        trial.result.hurt += 1
    trial.house.step(chance.choice((2, 3)) * DAY)
    today = trial.association.first_night + 4 * DAY
    if trial.today > today:
        raise RuntimeError("The trial knows what is due for four days.")


def clocks_changed(trial: Trial) -> None:
    """Ticks go on through both days around a change of the clocks, now and then with a kill."""
    chance = trial.chance
    zone, first_night = CHANGES_OF_CLOCKS[chance.randrange(len(CHANGES_OF_CLOCKS))]
    trial.begin(zone=zone, first_night=first_night, hour=chance.randint(8, 22))
    trial.result.hurt += 1
    last = first_night + 3 * DAY
    killed = chance.random() < 0.3
    while trial.today < last:
        trial.house.tick()
        trial.house.wait_idle(seconds=2)
        if killed and chance.random() < 0.1:
            trial.house.tick()
            time.sleep(chance.uniform(0, 0.1))
            trial.house.kill_children()
        opened_early = trial.db(
            lambda: Intervention.objects.filter(occurred_on__gt=trial.today).count()
        )
        if opened_early:
            trial.result.other.append(f"{opened_early} opened before their day in {zone}")
        trial.house.step(timedelta(minutes=chance.choice((20, 45, 61, 119, 150))))


def provider_hangs(trial: Trial) -> None:
    """The provider takes messages and then hangs, drops the line, or says what nobody knows."""
    trial.begin()
    trial.run_night()
    chance = trial.chance
    bad = {chance.randint(1, 15): chance.choice(("hang", "drop", "garbage", "drop_early"))}
    bad[chance.randint(1, 15)] = "drop"
    bad[chance.randint(1, 15)] = "garbage"
    trial.sink.manner = bad
    trial.turn_against(is_before_sending=True)
    trial.settle()
    trial.db(lambda: _unknown_is_shown(trial))


def _unknown_is_shown(trial: Trial) -> None:
    """Those that were taken without a word are unknown, and staff can see which they are."""
    misled = {t.public_id for t in trial.sink.ledger.taken if t.manner}
    trial.result.hurt += len(misled)
    unknown = Message.objects.filter(status=MessageStatus.UNKNOWN)
    names = {str(public_id) for public_id in unknown.values_list("public_id", flat=True)}
    trial.result.other += [f"not unknown: {name}" for name in misled - names]
    staff = Client(SERVER_NAME="localhost", headers={"accept": "text/html"})
    staff.force_login(User.objects.get(pk=trial.association.operations_id))
    page = staff.get(reverse("communications:outbox"), {"status": "unknown"})
    shown = page.content.decode()
    trial.result.other += [
        f"staff do not see the unknown {name}" for name in names if name not in shown
    ]


def everything(trial: Trial) -> None:
    """All of it at once, at random moments, while ticks go on."""
    trial.begin()
    chance, house = trial.chance, trial.house
    manners = {chance.randint(1, 15): chance.choice(("hang", "drop")) for _ in range(2)}
    trial.sink.manner = manners
    faults: list[Callable[[], Any]] = [
        house.kill_children,
        house.kill_busiest,
        house.flush,
        house.restart_postgres,
        house.kill_children,
    ]
    for number in range(chance.randint(4, 8)):
        house.tick()
        time.sleep(chance.uniform(0, 0.5))
        trial.hurt(chance.choice(faults))
        house.step(MINUTE * chance.choice((1, 1, 5)))
        if number == 2:
            trial.turn_against(is_before_sending=False)


KINDS: dict[str, tuple[Callable[[Trial], None], int]] = {
    "night killed": (night_killed, 34),
    "sending killed": (sending_killed, 40),
    "PostgreSQL restarted": (postgres_restarted, 28),
    "Valkey flushed": (valkey_flushed, 26),
    "night twice at once": (night_twice, 26),
    "two days down": (two_days_down, 24),
    "clocks changed": (clocks_changed, 20),
    "provider hangs": (provider_hangs, 14),
    "everything at once": (everything, 12),
}
"""The kinds, and how many of each make a whole run."""
PROOF = "plays killed"


def run(kind: str, *, house: House, seed: str) -> Result:
    """Do one trial of a kind and return what came of it."""
    trial = Trial(house=house, seed=f"{seed} {kind}")
    hurt = plays_killed if kind == PROOF else KINDS[kind][0]
    hurt(trial)
    return trial.finish()


# Copies of the association, made once for each first night.

_made: dict[date, associations.Association] = {}


def copy(house: House, *, first_night: date) -> associations.Association:
    """Put a fresh copy of the association in place, and return what is known of it."""
    name = f"chaos_{first_night:%Y%m%d}"
    if first_night not in _made:
        house.make(name, like="chaos_migrated")
        house.use(name)
        _made[first_night] = associations.make(first_night=first_night)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    house.make(house.database, like=name)
    house.use(house.database)
    return _made[first_night]
