from uuid import UUID

import pytest

from communications.engine.replies import (
    address_for,
    is_automatic,
    name_in_address,
    names_of_ours,
    shown,
)

OURS = UUID("0190a3d2-0000-7000-8000-0000000000a1")
OTHER = UUID("0190a3d2-0000-7000-8000-0000000000b2")
REPLIES = "replies@waymark.example"


def test_address_asks_for_the_answer_to_one_message():
    address = address_for(OURS, reply_address=REPLIES)

    assert address == f"replies+{OURS.hex}@waymark.example"
    assert name_in_address(address.upper(), reply_address=REPLIES) == OURS
    assert address_for(OURS, reply_address="") == ""


@pytest.mark.parametrize(
    "address",
    [
        "replies@waymark.example",
        f"replies+{OURS.hex}@elsewhere.example",
        f"other+{OURS.hex}@waymark.example",
        "replies+nonsense@waymark.example",
        "",
    ],
)
def test_other_addresses_name_no_message(address):
    assert name_in_address(address, reply_address=REPLIES) is None
    assert name_in_address(address, reply_address="") is None


def test_messages_of_ours_are_named_in_order_and_once():
    said = [f"<{OURS}@waymark.example>", f"<x@y> <{OTHER}@localhost> <{OURS}@waymark.example>"]

    assert names_of_ours(said) == (OURS, OTHER)


@pytest.mark.parametrize(
    ("headers", "subject", "expected"),
    [
        ({}, "Re: Your next step", False),
        ({"auto-submitted": "no"}, "Re: x", False),
        ({"auto-submitted": "auto-replied; owner-email=x"}, "Re: x", True),
        ({"precedence": "bulk"}, "Re: x", True),
        ({"precedence": "first-class"}, "Re: x", False),
        ({"x-auto-response-suppress": "DR, OOF, AutoReply"}, "x", True),
        ({"x-auto-response-suppress": "All"}, "x", True),
        ({"x-auto-response-suppress": "DR, RN"}, "x", False),
        ({"x-autoreply": "yes"}, "x", True),
        ({"return-path": "<>"}, "x", True),
        ({}, "Automatic reply: Your next step", True),
        ({}, "Out of Office Re: Your next step", True),
        ({}, "Automatische Antwort: Weiter", True),
        ({}, "Abwesenheitsnotiz", True),
        ({}, "Re: out of the office furniture", False),
    ],
)
def test_answers_of_programs_are_known(headers, subject, expected):
    assert is_automatic(headers=headers, subject=subject) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, please.", "Yes, please."),
        ("Yes.\n\nOn Wed, 29 Jul 2026 at 10:00, Waymark <x@y.example> wrote:\n> Hello\n> you", "Yes."),
        ("Yes.\r\n\r\nOn Wed, 29 Jul 2026 at 10:00, A Very Long Name of Somebody\r\n<x@y.example> wrote:\r\n> Hello", "Yes."),
        ("Gern.\n\nAm 29.07.2026 um 10:00 schrieb Waymark:\n> Hallo", "Gern."),
        ("Yes.\n-----Original Message-----\nFrom: x", "Yes."),
        ("Yes.\n________________________________\nFrom: Waymark <x@y.example>", "Yes."),
        ("Yes.\nFrom: Waymark <x@y.example>\nSent: Wednesday\nHello", "Yes."),
        ("From: the bottom of my heart @ home\nthanks", "From: the bottom of my heart @ home\nthanks"),
        ("> When?\nOn Friday.\n> Where?\nHere.", "On Friday.\nHere."),
        ("On Monday we wrote: it works", "On Monday we wrote: it works"),
        ("> only quoted", "> only quoted"),
        ("", ""),
    ],
)  # fmt: skip
def test_what_is_quoted_is_left_out(text, expected):
    assert shown(text) == expected
