"""What plain Python says can be said in another language, in its own order."""

from datetime import date

import pytest
from django.utils import translation

from config.kernel import words
from config.kernel.conditions import (
    BadCondition,
    Fact,
    FactRegistry,
    Kind,
    explain,
    in_a_sentence,
    in_words,
    parse,
)
from tests.languages import catalogue

AS_OF = date(2026, 7, 29)
FACTS = FactRegistry()
FACTS.register(Fact(name="tier", kind=Kind.TEXT, label="Tier", explain="Tier: {value}"))
FACTS.register(
    Fact(
        name="last_on",
        kind=Kind.DATE,
        label="Last heard of",
        explain="Last heard of on {value}, {ago}",
    )
)
QUIET_GOLD = {
    "all": [
        {"fact": "last_on", "op": "older_than_days", "value": 60},
        {"fact": "tier", "op": "in", "value": ["gold", "silver"]},
    ]
}
# German puts the verb elsewhere in a clause that follows, and keeps its capitals.
GERMAN = {
    "Tier": "Stufe",
    "Last heard of": "Letztes Zeichen",
    "Last heard of on {value}, {ago}": "{ago}, am {value}, das letzte Zeichen",
    "%(fact)s is one of %(value)s": "eins von %(value)s ist %(fact)s",
    "%(fact)s is more than %(count)s day ago\0%(fact)s is more than %(count)s days ago": (
        "vor mehr als %(count)s Tag war %(fact)s\0vor mehr als %(count)s Tagen war %(fact)s"
    ),
    "%(first)s, %(next)s": "%(first)s oder %(next)s",
    "%(first)s and %(next)s": "%(next)s und %(first)s",
    "whether labels begin with a small letter inside a sentence\4yes": "no",
    "%(day)s %(month)s %(year)s": "%(day)s. %(month)s %(year)s",
    "alt. month\4May": "Mai",
    "alt. month\4July": "Juli",
    "%(count)s day before\0%(count)s days before": "%(count)s Tag davor\0%(count)s Tage davor",
    "On %(day)s: %(about)s (asked: %(question)s)": "%(about)s (%(question)s), am %(day)s",
    "there is no fact called %(name)s": "%(name)s gibt es nicht",
}


@pytest.fixture
def german(settings, tmp_path):
    """What is said in German, for as long as the block lasts."""
    settings.LOCALE_PATHS = [catalogue(tmp_path, language="de", messages=GERMAN)]
    settings.LANGUAGES = [("en", "English"), ("de", "Deutsch")]
    return translation.override("de")


def test_a_condition_is_said_in_the_order_of_the_language(german):
    tree = parse(QUIET_GOLD, registry=FACTS)

    with german:
        said = in_words(tree)

    assert said == (
        "eins von gold oder silver ist Stufe und vor mehr als 60 Tagen war Letztes Zeichen"
    )
    assert (
        in_words(tree)
        == "Last heard of is more than 60 days ago and tier is one of gold, silver"
    )


def test_a_count_takes_the_form_that_the_language_has_for_it(german):
    tree = parse({"fact": "last_on", "op": "older_than_days", "value": 1}, registry=FACTS)

    with german:
        said = in_words(tree)

    assert said == "vor mehr als 1 Tag war Letztes Zeichen"
    assert in_words(tree) == "Last heard of is more than 1 day ago"


def test_why_it_holds_is_said_in_the_order_of_the_language(german):
    tree = parse({"fact": "last_on", "op": "older_than_days", "value": 60}, registry=FACTS)

    with german:
        said = explain(tree, {"last_on": date(2026, 5, 3)}, as_of=AS_OF)

    assert said == [
        (
            "87 Tage davor, am 3. Mai 2026, das letzte Zeichen "
            "(vor mehr als 60 Tagen war Letztes Zeichen), am 29. Juli 2026"
        )
    ]


def test_what_is_wrong_with_a_condition_is_said_in_the_language(german):
    with german, pytest.raises(BadCondition) as refused:
        parse({"fact": "colour", "op": "is_null"}, registry=FACTS)

    assert refused.value.reason == "'colour' gibt es nicht"


def test_labels_keep_their_capitals_where_the_language_does(german):
    with german:
        assert in_a_sentence([("in_force", "In force")]) == {"in_force": "In force"}
    assert in_a_sentence([("in_force", "In force")]) == {"in_force": "in force"}


def test_one_text_is_listed_as_it_is_and_none_is_blank():
    assert [words.listed([]), words.listed(["a"]), words.listed("abc")] == ["", "a", "a, b, c"]


def test_a_message_nobody_translated_is_said_as_written(german):
    with german:
        assert words.gettext("Nothing of that sort") == "Nothing of that sort"
        assert words.ngettext("%s thing", "%s things", 2) == "%s things"
