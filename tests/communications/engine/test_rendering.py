import pytest

from communications.engine import rendering

ADDRESS = "https://a.example/x?b=1&amp;c=2"
SEE = f'See <a href="{ADDRESS}">{ADDRESS}</a>.'


def test_names_come_once_in_the_order_of_their_use():
    assert rendering.names_in("{{ b }} {{a}}", "{{ a }} {{c_1}} { { d } }") == ("b", "a", "c_1")


def test_null_and_blank_are_no_value_and_nought_is():
    values = {"a": None, "b": " ", "c": 0, "d": False}

    assert rendering.missing(*(f"{{{{ {n} }}}}" for n in "abcde"), variables=values) == (
        "a",
        "b",
        "e",
    )


def test_fill_puts_a_value_in_as_it_stands():
    assert rendering.fill("<{{ a }}>", values={"a": r"{{ b }} \1"}) == r"<{{ b }} \1>"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ()),
        ("one\ntwo\n\n\nthree\n", ("one<br>two", "three")),
        ("a < b & c", ("a &lt; b &amp; c",)),
        ("<script>x</script>", ("&lt;script&gt;x&lt;/script&gt;",)),
        (
            "See https://a.example/x?b=1&c=2.",
            (SEE,),
        ),
        ("javascript:alert(1)", ("javascript:alert(1)",)),
        (
            'https://a.example/"onclick="x',
            ('<a href="https://a.example/">https://a.example/</a>&quot;onclick=&quot;x',),
        ),
    ],
)
def test_paragraphs_are_escaped_and_addresses_become_links(text, expected):
    assert rendering.paragraphs(text) == expected
