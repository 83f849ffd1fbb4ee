"""From the POST of a fact to the item in the queue, with the processes that ``up`` starts.

Web server, worker and beat run as for anybody, on servers of their own. A fact is timed from
the moment its answer has come, by which it is committed, to the moment another connection sees
the item.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

from django.conf import settings
from django.db import connection

from members.enums import Role
from members.models import Member, User
from members.services.api_access import create_token
from success.enums import QueueClass, StartKind, VersionStatus
from success.models import Play, PlayStep, PlayVersion

FACTS = 200
BURST = 200
SENDERS = 4
KIND = "bench.happened"
FACTS_ADDRESS = "/api/v1/facts/"
QUEUE_ADDRESS = "/api/v1/interventions/?page_size=200"
LOOK_EVERY = 0.002
PATIENCE = 180.0
SEEN = "SELECT member_id FROM success_intervention WHERE play_id = %s AND member_id = ANY (%s)"


@dataclass
class Took:
    """Seconds, fact by fact: until the answer had come, and from there to the item."""

    answer: list[float] = field(default_factory=list)
    item: list[float] = field(default_factory=list)


@contextmanager
def own_servers(state: Path) -> Iterator[None]:
    """Work on a PostgreSQL and a Valkey in a folder of their own, and go back afterwards."""
    if settings.WAYMARK_EMBEDDED is None:
        raise ValueError("Servers of its own are the embedded ones, and here are none.")
    servers = replace(settings.WAYMARK_EMBEDDED, state=state, postgres=True, redis=True)
    before = {name: connection.settings_dict[name] for name in servers.database()}
    connection.close()
    servers.use()
    connection.settings_dict.update(servers.database())
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
        servers.leave()


def measure(*, state: Path, on: date, at: datetime) -> str:
    """Return the table of an association that is there and whose night of ``on`` is done."""
    play = _play(on=on)
    members = list(
        Member.objects.filter(known__standing="in_force")
        .order_by("pk")
        .values_list("pk", "public_id")[: FACTS + BURST + 1]
    )
    secret = _secret(at=at)
    with _up(state, on=on) as port:
        said = [(pk, str(public_id)) for pk, public_id in members]
        _one_by_one(said[:1], play=play, port=port, secret=secret, on=on)  # what starts, starts
        singly = _one_by_one(said[1 : FACTS + 1], play=play, port=port, secret=secret, on=on)
        burst = _at_once(said[FACTS + 1 :], play=play, port=port, secret=secret, on=on)
        listed = _listed(port=port, secret=secret, title=play.title)
    if listed != len(said):
        raise ValueError(f"{listed} items stand in the queue instead of {len(said)}.")
    rows = {
        "one at a time: the answer": singly.answer,
        "one at a time: from the answer to the item": singly.item,
        f"{BURST} from {SENDERS} senders at once: the answer": burst.answer,
        f"{BURST} from {SENDERS} senders at once: from the answer to the item": burst.item,
    }
    lines = [
        "| | median, ms | 95th of 100, ms | slowest, ms |",
        "|---|---:|---:|---:|",
        *(
            f"| {name} | {1000 * median(each):.0f} | {1000 * _p95(each):.0f} |"
            f" {1000 * max(each):.0f} |"
            for name, each in rows.items()
        ),
    ]
    return "\n".join(lines) + "\n"


def _play(*, on: date) -> Play:
    """A play that waits for the facts and has a person act upon each of them."""
    play = Play.objects.create(key="bench-trigger", title="Something happened")
    play.current = PlayVersion.objects.create(
        play=play,
        number=1,
        status=VersionStatus.PUBLISHED,
        aim="They hear from us",
        start_kind=StartKind.TRIGGER,
        start={"kind": KIND},
        audience={"fact": "standing", "op": "eq", "value": "in_force"},
        queue_class=QueueClass.STALLED,
        effective_from=on - timedelta(days=1),
        salt=play.key,
    )
    play.save(update_fields=["current"])
    PlayStep.objects.create(
        version=play.current, position=1, act="Ring them", minutes=10, due_days=3
    )
    return play


def _secret(*, at: datetime) -> str:
    user = User.objects.create(
        email="sources@bench.example", name="Sources", role=Role.OPERATIONS
    )
    _token, secret = create_token(
        user=user,
        name="bench",
        scopes=["engagement.fact.record", "success.queue.view"],
        at=at,
        expires_at=at + timedelta(days=365),
    )
    return secret


@contextmanager
def _up(state: Path, *, on: date) -> Iterator[int]:
    """Serve the association as anybody would; yield the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "up"],
        cwd=settings.BASE_DIR,
        env={
            **os.environ,
            "WAYMARK_STATE": str(state),
            "WAYMARK_TODAY": on.isoformat(),
            "WAYMARK_API_RATE": "1000000",
            "PORT": str(port),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            link.request("GET", "/api/docs/", headers={"Host": "localhost"})
            link.getresponse().read()
            return
        time.sleep(0.1)
    raise ValueError("The site did not come up.")


def _one_by_one(
    members: Sequence[tuple[int, str]], *, play: Play, port: int, secret: str, on: date
) -> Took:
    """Post a fact, wait for its item, then post the next."""
    took = Took()
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for pk, public_id in members:
        answer, answered_at = _post(link, public_id, secret=secret, on=on)
        took.answer.append(answer)
        took.item.append(_seen(play, [pk])[pk] - answered_at)
    return took


def _at_once(
    members: Sequence[tuple[int, str]], *, play: Play, port: int, secret: str, on: date
) -> Took:
    """Post a fact of each from several senders as fast as they are taken, then wait for all."""
    answered: dict[int, float] = {}
    took = Took()

    def send(share: Sequence[tuple[int, str]]) -> None:
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        for pk, public_id in share:
            answer, answered[pk] = _post(link, public_id, secret=secret, on=on)
            took.answer.append(answer)

    with ThreadPoolExecutor(SENDERS) as senders:
        sent = [senders.submit(send, members[number::SENDERS]) for number in range(SENDERS)]
        seen = _seen(play, [pk for pk, _ in members])
        for each in sent:
            each.result()
    took.item = [seen[pk] - answered[pk] for pk, _ in members]
    return took


def _post(
    link: http.client.HTTPConnection, public_id: str, *, secret: str, on: date
) -> tuple[float, float]:
    """Return how long the answer took, and when it had come."""
    said = {
        "id": f"bench-{public_id}",
        "member": public_id,
        "kind": KIND,
        "occurred_on": on.isoformat(),
    }
    began = time.perf_counter()
    link.request(
        "POST",
        FACTS_ADDRESS,
        body=json.dumps({"source": "bench", "facts": [said]}),
        headers=_headers(secret) | {"Content-Type": "application/json"},
    )
    answer = link.getresponse()
    words = answer.read()
    ended = time.perf_counter()
    if answer.status != HTTPStatus.CREATED:
        raise ValueError(f"{FACTS_ADDRESS} answered {answer.status}: {words!r}")
    return ended - began, ended


def _seen(play: Play, members: Sequence[int]) -> dict[int, float]:
    """Return when each of the members' items was seen first, asking every two milliseconds."""
    seen: dict[int, float] = {}
    deadline = time.monotonic() + PATIENCE
    while missing := [pk for pk in members if pk not in seen]:
        with connection.cursor() as cursor:
            cursor.execute(SEEN, [play.pk, missing])
            found = cursor.fetchall()
        now = time.perf_counter()
        seen |= {pk: now for (pk,) in found}
        if time.monotonic() > deadline:
            raise ValueError(f"{len(missing)} items did not come.")
        time.sleep(LOOK_EVERY)
    return seen


def _listed(*, port: int, secret: str, title: str) -> int:
    """Return how many items of a play the queue lists over REST."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    listed, address = 0, QUEUE_ADDRESS
    while address:
        link.request("GET", address, headers=_headers(secret))
        page: dict[str, Any] = json.loads(link.getresponse().read())
        listed += sum(title in json.dumps(row) for row in page["results"])
        cursor = page["next"]
        address = f"{QUEUE_ADDRESS}&cursor={cursor}" if cursor else ""
    return listed


def _headers(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}", "Host": "localhost"}


def _p95(seconds: Sequence[float]) -> float:
    return sorted(seconds)[-(-95 * len(seconds) // 100) - 1]
