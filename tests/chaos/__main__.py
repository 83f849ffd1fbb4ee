"""``python -m tests.chaos``: the trials, a table, and 1 if anything was lost or doubled."""

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.chaos.house import House
    from tests.chaos.ledger import Result

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".waymark" / "chaos"
PROOF_ITEMS = 400
HEADS = ("trials", "hurt", "occurrences", "sent", "unknown", "lost", "twice", "against", "else")


def main() -> int:
    given = _arguments()
    if given.nice:
        os.nice(given.nice)
    # told to end, it takes its workers and servers along
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    house = _house(given.state.resolve())
    try:
        house.start()
        return _run(house, given)
    finally:
        house.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--trials", type=int, help="of all kinds together; 224 without it")
    parser.add_argument("--seed", default="1", help="another seed, other moments")
    parser.add_argument("--only", metavar="KIND", help="trials of this kind alone")
    parser.add_argument("--number", type=int, help="with --only: this trial alone")
    parser.add_argument("--skip-proof", action="store_true", help="without breaking anything")
    parser.add_argument("--skip-pool", action="store_true", help="without the eight claimers")
    parser.add_argument("--nice", type=int, default=5)
    parser.add_argument("--state", type=Path, default=STATE, help="the folder of the servers")
    return parser.parse_args()


def _house(state: Path) -> "House":
    """Start servers of our own and migrate a database; nothing of the site is touched."""
    from tests.chaos.shared import Shared
    from tests.chaos.sink import Sink

    state.mkdir(parents=True, exist_ok=True)
    sink = Sink()
    for name in ("DATABASE_URL", "REDIS_URL", "EMAIL_BACKEND", "WAYMARK_TODAY"):
        os.environ.pop(name, None)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "WAYMARK_STATE": str(state),
        "WAYMARK_CHAOS": str(state / "shared"),
        "WAYMARK_THROW_AWAY": "off",  # what is committed has to outlive a crash
        "DEBUG": "on",
        "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
        "EMAIL_TIMEOUT": "3",
        "LOG_LEVEL": "ERROR",
        "PYTHONWARNINGS": "ignore",
    }
    import django

    django.setup()
    from django.core.management import call_command

    from config import embedded
    from tests.chaos import broken
    from tests.chaos import shared as sharing
    from tests.chaos.house import House

    # Processes are killed here, never the machine: what was written reaches the disk some time,
    # and waiting for that would take most of a trial. A commit still waits for its log.
    embedded.POSTGRES_OPTIONS |= {"fsync": "off"}
    embedded.ensure()
    shared = Shared(state / "shared")
    shared.zone, shared.broken = "UTC", ""
    sharing.install(shared)
    broken.install(shared)
    house = House(state=state, shared=shared, sink=sink)
    if "chaos_migrated" not in _left_over(house):
        house.make("chaos_migrated")
    house.use("chaos_migrated")
    call_command("migrate", verbosity=0, interactive=False)
    house.use(house.database)
    return house


def _left_over(house: "House") -> set[str]:
    """Return what another run left that is of use; drop the rest."""
    from django.db import connection

    connection.close()
    with connection._nodb_cursor() as cursor:  # noqa: SLF001  # as Django's own test runner
        cursor.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'chaos\_%'")
        left = {name for (name,) in cursor.fetchall()}
    for name in left - {"chaos_migrated"}:
        house.sql(f'DROP DATABASE "{name}" WITH (FORCE)')
    return left


def _run(house: "House", given: argparse.Namespace) -> int:
    from tests.chaos import claiming

    began = time.monotonic()
    told: dict[str, list[Result]] = {}
    for kind, number in _plan(given):
        seed = f"{given.seed}/{number}"
        result = _one(house, kind, seed=seed, number=number)
        told.setdefault(kind, []).append(result)
    if not given.skip_pool and not given.only:
        house.shared.broken = ""
        _say("8 claimers, 10,000 items")
        told["8 claimers, 10,000 items"] = [claiming.run(house=house, seed=given.seed)]
    seen = True
    if not given.skip_proof and not given.only:
        seen = _prove(house, seed=given.seed)
    _say(f"\n{_table(told)}")
    violations = [v for results in told.values() for r in results for v in r.violations]
    minutes = (time.monotonic() - began) / 60
    trials = sum(map(len, told.values()))
    verdict = f"{len(violations)} violations" if violations else "nothing lost, nothing twice"
    _say(f"\n{trials} trials in {minutes:.1f} minutes, seed {given.seed}: {verdict}")
    return 0 if seen and not violations else 1


def _plan(given: argparse.Namespace) -> list[tuple[str, int]]:
    """Return the trials in turn, kinds mixed, so that one leaves its traces to another."""
    from tests.chaos.trials import KINDS

    kinds = {kind: count for kind, (_, count) in KINDS.items()}
    if given.only:
        kinds = {given.only: given.trials or kinds[given.only]}
    elif given.trials is not None:
        share = given.trials / sum(kinds.values())
        kinds = {kind: round(count * share + 0.4) for kind, count in kinds.items()}
    if given.only and given.number is not None:
        return [(given.only, given.number)]
    turns = [
        ((number + 0.5) / count, kind, number)
        for kind, count in kinds.items()
        for number in range(count)
    ]
    return [(kind, number) for _, kind, number in sorted(turns)]


def _one(house: "House", kind: str, *, seed: str, number: int) -> "Result":
    from tests.chaos import trials

    began = time.monotonic()
    result = trials.run(kind, house=house, seed=seed)
    _say(
        f"{kind} {number}: {result.occurrences} due, {result.sent} sent, "
        f"{result.unknown} unknown, hurt {result.hurt}, {time.monotonic() - began:.1f} s"
    )
    for violation in result.violations[:10]:
        _say(f"    VIOLATION {violation}")
    return result


# Proof that the trials would see it: a safeguard is taken out, and they have to fail.

TRIES = 12


def _prove(house: "House", *, seed: str) -> bool:
    from tests.chaos import claiming
    from tests.chaos.trials import PROOF, run

    def of(kind: str) -> "Callable[[str], Result]":
        return lambda seed: run(kind, house=house, seed=seed)

    proofs: tuple[tuple[str, str, str, Callable[[str], Result]], ...] = (
        ("stuck", "twice", "what was left half sent is sent again", of("sending killed")),
        ("guard", "against", "the reason is not asked for again", of("sending killed")),
        ("step", "lost", "a step's mark goes before its work", of(PROOF)),
        (
            "claim",
            "twice",
            "a claim looks first and writes then",
            lambda seed: claiming.run(house=house, items=PROOF_ITEMS, seed=seed),
        ),
    )
    _say("\nWith a safeguard taken out, the trials have to fail:")
    all_seen = True
    for name, column, words, trial in proofs:
        house.shared.broken = name
        tries = 0
        found: list[str] = []
        while not found and tries < TRIES:
            tries += 1
            found = getattr(trial(f"{seed}/proof {tries}"), column)
        house.shared.broken = ""
        outcome = f"seen in trial {tries}: {found[0]}" if found else f"not seen in {tries}"
        _say(f"  {words}: {outcome}")
        all_seen = all_seen and bool(found)
    return all_seen


def _table(told: "dict[str, list[Result]]") -> str:
    lines = [
        f"| kind of fault | {' | '.join(HEADS)} |",
        f"|---|{'---:|' * len(HEADS)}",
    ]
    sums = [0] * len(HEADS)
    for kind, results in told.items():
        row = [
            len(results),
            sum(r.hurt for r in results),
            sum(r.occurrences for r in results),
            sum(r.sent for r in results),
            sum(r.unknown for r in results),
            sum(len(r.lost) for r in results),
            sum(len(r.twice) for r in results),
            sum(len(r.against) for r in results),
            sum(len(r.other) for r in results),
        ]
        sums = [total + value for total, value in zip(sums, row, strict=True)]
        lines.append(f"| {kind} | {' | '.join(f'{value:,}' for value in row)} |")
    lines.append(f"| all | {' | '.join(f'{value:,}' for value in sums)} |")
    return "\n".join(lines)


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  # a command's own words


if __name__ == "__main__":
    sys.exit(main())
