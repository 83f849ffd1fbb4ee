import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from config.kernel import public_id
from config.kernel.public_id import uuid7

ROOT = Path(__file__).resolve().parents[2]


def test_uuid7_has_the_version_and_variant_of_rfc_9562():
    made = uuid7()

    assert (made.version, made.variant) == (7, "specified in RFC 4122")


def test_uuid7_begins_with_the_millisecond():
    before = time.time_ns() // 1_000_000
    millisecond = uuid7().int >> 80
    after = time.time_ns() // 1_000_000

    assert before - 1 <= millisecond <= after + 1


def test_uuid7_rises_within_a_process_and_never_repeats():
    made = [uuid7() for _ in range(20_000)]

    assert made == sorted(set(made))


def test_uuid7_does_not_repeat_across_threads():
    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(lambda _: [uuid7() for _ in range(500)], range(8)))

    assert len({made for batch in batches for made in batch}) == 4000


def test_sequence_rises_where_the_clock_falls_back_or_the_random_part_is_used_up():
    sequence = public_id._Sequence()  # noqa: SLF001  # no public way to turn the clock back
    sequence._millisecond = 1000  # noqa: SLF001
    sequence._random = public_id.LARGEST_RANDOM  # noqa: SLF001

    overflowed = sequence.following(400)
    fallen = sequence.following(900)

    assert overflowed[0] == 1001
    assert overflowed < fallen


def test_uuid7_differs_between_a_process_and_its_fork():
    program = (
        "import os; from config.kernel.public_id import uuid7; uuid7(); r, w = os.pipe()\n"
        "if os.fork() == 0: os.write(w, uuid7().bytes); os._exit(0)\n"
        "print(os.read(r, 16) != uuid7().bytes)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )

    assert done.stdout == "True\n"
