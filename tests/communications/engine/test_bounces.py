import pytest

from communications.engine.bounces import enhanced_code, is_permanent


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("smtp;550 5.1.1 The email account that you tried to reach does not exist", "5.1.1"),
        ("550-5.7.26 Unauthenticated email is not accepted", "5.7.26"),
        ("452 4.2.2 Mailbox full", "4.2.2"),
        ("250 2.0.0 OK", "2.0.0"),
        ("refused by 5.6.7.8 for now", ""),
        ("550 no such user", ""),
        ("Version 15.1.1 refuses", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_enhanced_code_is_found_in_words(text, expected):
    assert enhanced_code(text) == expected


@pytest.mark.parametrize(
    ("code", "reason", "expected"),
    [
        ("5.1.1", "bounced", True),
        ("5.1.10", "bounced", True),
        ("5.2.1", "bounced", True),  # disabled
        ("5.4.4", "", True),  # no such host
        ("5.2.2", "bounced", False),  # full
        ("5.3.4", "", False),  # too long
        ("5.6.0", "", False),  # content
        ("5.7.1", "bounced", False),  # policy
        ("4.2.2", "bounced", False),
        ("", "bounced", False),
        ("", "invalid", True),
        ("", "", False),
    ],
)
def test_bounce_is_for_good_only_where_it_is_about_the_address(code, reason, expected):
    assert is_permanent(code=code, reason=reason) is expected
