from datetime import timedelta

import pytest

from communications.engine.machines import Touch, is_program, likely_machine
from tests.factories import MORNING

CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/126.0.0.0 Safari/537.36"
)


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("", False),
        (CHROME, False),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.10; rv:31.0) Gecko/20100101 Firefox/31.0", False),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", False),
        ("Mozilla/5.0", True),  # Apple's proxy
        ("Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", True),
        ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", True),
        ("Mozilla/5.0 (compatible; Barracuda Sentinel)", True),
        ("Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)", True),
        ("Microsoft Office Existence Discovery", True),
        ("python-requests/2.31.0", True),
        ("curl/8.5.0", True),
        ("Go-http-client/1.1", True),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/126.0", True),
        ("Amazon CloudFront", True),
    ],
)  # fmt: skip
def test_program_is_known_by_what_it_calls_itself(user_agent, expected):
    assert is_program(user_agent) is expected


def after(seconds, link=""):
    return Touch(at=MORNING + timedelta(seconds=seconds), link=link)


@pytest.mark.parametrize(
    ("touches", "delivered", "expected"),
    [
        ([], MORNING, ()),
        ([after(0)], MORNING, (True,)),
        ([after(5)], MORNING, (True,)),
        ([after(5.001)], MORNING, (False,)),
        ([after(-3)], MORNING, (True,)),  # events may be dated before the delivery
        ([after(0)], None, (False,)),
        # a filter follows every link; a person two at once at most
        ([after(90, "a"), after(90.3, "b"), after(90.9, "c")], MORNING, (True, True, True)),
        ([after(90, "a"), after(90.3, "b")], MORNING, (False, False)),
        ([after(90, "a"), after(90.1, "a"), after(90.2, "a")], MORNING, (False, False, False)),
        ([after(90, "a"), after(90, "b"), after(91, "c")], MORNING, (False, False, False)),
        # an opening in that second may well be of a person
        ([after(90, "a"), after(90), after(90, "b"), after(90, "c")], None, (True, False, True, True)),
        # one person, later, beside a filter
        ([after(1, "a"), after(3600, "a")], MORNING, (True, False)),
    ],
)  # fmt: skip
def test_moment_gives_a_program_away(touches, delivered, expected):
    assert likely_machine(touches, delivered_at=delivered) == expected
    # whatever the order in which they come in
    assert likely_machine(touches[::-1], delivered_at=delivered) == expected[::-1]
