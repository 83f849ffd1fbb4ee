import pytest

from coverage.services.segments import DEFAULT_SEGMENTS
from success.engine.ladder import Rung, ThirdTry, Way, ways


def rungs(*changes, has_template=True, asks=None):
    said = asks or ["Ask what stands in the way"] * len(changes)
    return [
        Rung(
            position=number,
            intent="ask",
            changes=change,
            has_template=has_template,
            ask=ask,
        )
        for number, (change, ask) in enumerate(zip(changes, said, strict=True), start=1)
    ]


def way(found):
    return [(each.channel, each.hand) for each in found]


FOUR = rungs("channel", "channel", "channel", "channel")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (
            "task_force",
            [
                ("meeting", "person"),
                ("call", "person"),
                ("group", "person"),
                ("email", "person"),
            ],
        ),
        (
            "inbound",
            [
                ("email", "system"),
                ("portal", "system"),
                ("chat", "person"),
                ("group", "person"),
            ],
        ),
        (
            "synchronous",
            [
                ("call", "person"),
                ("meeting", "person"),
                ("email", "person"),
                ("chat", "person"),
            ],
        ),
        (
            "asynchronized",
            [("email", "system"), ("video", "person"), ("chat", "person"), ("call", "person")],
        ),
    ],
)
def test_channels_come_in_the_order_of_the_segment(key, expected):
    [segment] = [each for each in DEFAULT_SEGMENTS if each["key"] == key]

    found = ways(FOUR, channels=segment["channels"], delivery=segment["delivery"])

    assert way(found) == expected
    assert [each.is_last for each in found] == [False, False, False, True]


def test_last_step_of_several_is_a_person_even_where_the_system_could():
    found = ways(rungs("channel", "channel"), channels=("chat", "email"), delivery="message")

    assert way(found) == [("chat", "person"), ("email", "person")]


def test_step_alone_may_be_a_message():
    assert ways(rungs("channel"), channels=(), delivery="message") == (
        Way(position=1, channel="email", hand="system", is_last=False),
    )


def test_step_without_words_takes_a_person():
    found = ways(rungs("channel", has_template=False), channels=(), delivery="message")

    assert way(found) == [("email", "person")]


def test_refused_channels_are_skipped():
    found = ways(
        FOUR[:3], channels=("email", "portal", "chat", "call"), delivery="message",
        refused={"email", "chat"},
    )  # fmt: skip

    assert way(found) == [("portal", "system"), ("call", "person"), ("portal", "person")]


def test_member_who_refuses_every_channel_is_left_to_a_person():
    found = ways(FOUR[:1], channels=("email",), delivery="message", refused={"email"})

    assert way(found) == [("", "person")]


def test_change_of_the_person_has_one_where_the_system_was_and_then_another():
    found = ways(
        rungs("channel", "person", "person", "ask", asks=["a", "a", "a", "b"]),
        channels=("email",),
        delivery="message",
    )

    assert way(found) == [("email", "system"), *[("email", "person")] * 3]
    assert [each.is_other for each in found] == [False, False, True, False]


def test_change_of_the_ask_stays_on_its_channel():
    found = ways(
        rungs("channel", "ask", "ask", asks=["a", "b", "c"]),
        channels=("email", "call"),
        delivery="message",
    )

    assert way(found) == [("email", "system"), ("email", "system"), ("email", "person")]


def test_third_try_of_one_kind_is_refused():
    three = rungs("channel", "ask", "ask", "channel")

    with pytest.raises(ThirdTry, match="Step 3") as caught:
        ways(three, channels=("email", "call"), delivery="message")

    assert caught.value.position == 3


def test_second_try_is_not_refused_and_the_same_words_later_are():
    asks = ["a", "b", "a"]
    two_of_a = rungs("channel", "ask", "ask", asks=asks)
    with_another = rungs("channel", "ask", "ask", "ask", "channel", asks=[*asks, "a", "a"])

    assert len(ways(two_of_a, channels=("email",), delivery="message")) == 3
    with pytest.raises(ThirdTry, match="Step 4"):
        ways(with_another, channels=("email",), delivery="message")


def test_where_no_other_channel_is_left_another_hand_takes_over():
    found = ways(FOUR[:3], channels=("call",), delivery="person")

    assert way(found) == [("call", "person")] * 3
    assert [each.is_other for each in found] == [False, True, True]
