from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.kernel.conditions import (
    DEEPEST,
    MOST_LEAVES,
    BadCondition,
    Fact,
    FactRegistry,
    Kind,
    Op,
    compile_sql,
    evaluate,
    explain,
    facts_in,
    in_a_sentence,
    in_words,
    parse,
    to_data,
    turns,
)

AS_OF = date(2026, 7, 29)
FACTS = FactRegistry()
for fact in (
    Fact(name="tier", kind=Kind.TEXT, label="tier", explain="tier is {value}"),
    Fact(name="people", kind=Kind.INTEGER, label="people", explain="{value} people"),
    Fact(name="score", kind=Kind.DECIMAL, label="score", explain="score of {value}"),
    Fact(
        name="last_seen_on",
        kind=Kind.DATE,
        label="last sign of life",
        explain="last seen on {value}, {ago}",
    ),
    Fact(name="promised", kind=Kind.BOOLEAN, label="promise", explain="promise open: {value}"),
    Fact(
        name="dues",
        kind=Kind.DECIMAL,
        label="Yearly dues",
        explain="pays {value}",
        financial=True,
    ),
):
    FACTS.register(fact)

UNKNOWN = dict.fromkeys(("tier", "people", "score", "last_seen_on", "promised", "dues"))
COLUMNS = {
    "tier": "text",
    "people": "bigint",
    "score": "numeric",
    "last_seen_on": "date",
    "promised": "boolean",
}


def leaf(fact, op, value=None):
    data = {"fact": fact, "op": op}
    return data if value is None else data | {"value": value}


def answer(data, **facts):
    tree = parse(data, registry=FACTS, allow_financial=True)
    return evaluate(tree, UNKNOWN | facts, as_of=AS_OF)


TRUE = leaf("promised", "not_null")
FALSE = leaf("promised", "eq", False)
UNSURE = leaf("tier", "eq", "Gold")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"all": []}, True),
        ({"all": [TRUE, UNSURE]}, None),
        ({"all": [FALSE, UNSURE]}, False),
        ({"any": [TRUE, UNSURE]}, True),
        ({"any": [FALSE, UNSURE]}, None),
        ({"any": [FALSE, FALSE]}, False),
        ({"not": UNSURE}, None),
        ({"not": FALSE}, True),
        ({"not": {"all": [FALSE, UNSURE]}}, True),
        ({"any": [UNSURE, {"not": UNSURE}]}, None),
    ],
)
def test_evaluate_keeps_unknown_apart_from_false(data, expected):
    assert answer(data, promised=True) is expected


@pytest.mark.parametrize(
    ("data", "facts", "expected"),
    [
        (leaf("tier", "in", ["Gold", "Silver"]), {"tier": "Silver"}, True),
        (leaf("tier", "not_in", ["Gold", "Silver"]), {"tier": "Silver"}, False),
        (leaf("tier", "not_in", ["Gold"]), {}, None),
        (leaf("tier", "is_null"), {}, True),
        (leaf("tier", "not_null"), {}, False),
        (leaf("people", "ge", 3), {"people": 3}, True),
        (leaf("score", "lt", "0.3"), {"score": Decimal("0.30")}, False),
        (leaf("dues", "gt", 100), {"dues": Decimal(101)}, True),
        (leaf("last_seen_on", "lt", "2026-07-01"), {"last_seen_on": date(2026, 6, 30)}, True),
    ],
)
def test_evaluate_answers_each_kind_of_question(data, facts, expected):
    assert answer(data, **facts) is expected


@pytest.mark.parametrize(
    ("op", "held"),
    [
        ("older_than_days", [-11]),
        ("within_last_days", [-10, -1, 0]),
        ("within_next_days", [0, 1, 10]),
        ("later_than_days", [11]),
    ],
)
def test_evaluate_counts_days_from_the_day_it_is_asked_for(op, held):
    offsets = [-11, -10, -1, 0, 1, 10, 11]

    found = [
        days
        for days in offsets
        if answer(leaf("last_seen_on", op, 10), last_seen_on=AS_OF + timedelta(days=days))
    ]

    assert found == held


def test_evaluate_raises_where_a_fact_was_not_loaded():
    with pytest.raises(KeyError, match="tier"):
        evaluate(parse(UNSURE, registry=FACTS), {}, as_of=AS_OF)


@pytest.mark.parametrize(
    ("data", "path", "reason"),
    [
        ([], "", "a condition is an object with all, any, not or fact"),
        ({}, "", "expected one of all, any, not or fact, found nothing"),
        ({"none": []}, "", "expected one of all, any, not or fact, found none"),
        ({"all": [], "any": []}, "", "expected one of all, any, not or fact, found all, any"),
        ({"all": {}}, "all", "expected a list of conditions"),
        ({"any": []}, "any", "any needs at least one part, or nobody fits"),
        ({"all": [TRUE, {"not": leaf("x", "eq", 1)}]}, "all[1].not.fact", "there is no fact called 'x'"),
        (leaf(["tier"], "eq"), "fact", "there is no fact called ['tier']"),
        (TRUE | {"why": 1}, "", "a question has fact, op and value, not why"),
        (leaf("tier", "lt", "a"), "op", "tier can be asked eq, ne, in, not_in, is_null, not_null, not 'lt'"),
        ({"fact": "promised"}, "op", "promise can be asked eq, ne, is_null, not_null, not None"),
        (leaf("promised", ["eq"]), "op", "promise can be asked eq, ne, is_null, not_null, not ['eq']"),
        (leaf("tier", "eq"), "value", "expected text, found None"),
        (leaf("tier", "eq", "a\0"), "value", "expected text that a database can hold"),
        (leaf("tier", "eq", "\ud800"), "value", "expected text that a database can hold"),
        (leaf("tier", "in", []), "value", "in takes a list of at least one value"),
        (leaf("tier", "in", ["a", None]), "value[1]", "expected text, found None"),
        (leaf("tier", "is_null", 1), "value", "is_null takes no value"),
        (leaf("people", "eq", True), "value", "expected a whole number, found True"),
        (leaf("people", "eq", 1.5), "value", "expected a whole number, found 1.5"),
        (leaf("people", "eq", 2**63), "value", "that number is too large"),
        (leaf("score", "eq", "much"), "value", "expected a number, found 'much'"),
        (leaf("score", "eq", "NaN"), "value", "expected a number, found 'NaN'"),
        (leaf("score", "eq", True), "value", "expected a number, found True"),
        (leaf("score", "eq", "1e99"), "value", "numbers have at most 30 digits"),
        (leaf("promised", "eq", 1), "value", "expected true or false, found 1"),
        (leaf("last_seen_on", "eq", "May"), "value", "expected a date such as 2026-07-29, found 'May'"),
        (leaf("last_seen_on", "older_than_days", -1), "value", "days are between 0 and 36500"),
        (leaf("last_seen_on", "older_than_days", "9"), "value", "expected a whole number, found '9'"),
        (
            {"not": leaf("dues", "gt", 1)},
            "not.fact",
            ("Yearly dues is about money and cannot be used here: coverage is decided by the "
            "experience a member needs, never by what they pay"),
        ),
    ],
)  # fmt: skip
def test_parse_says_where_and_why_a_condition_is_refused(data, path, reason):
    with pytest.raises(BadCondition) as caught:
        parse(data, registry=FACTS)

    assert (caught.value.path, caught.value.reason) == (path, reason)


def test_parse_refuses_what_is_too_deep_or_too_long():
    deep = TRUE
    for _ in range(DEEPEST + 1):
        deep = {"not": deep}

    for data in (deep, {"all": [TRUE] * (MOST_LEAVES + 1)}):
        with pytest.raises(BadCondition, match="at most"):
            parse(data, registry=FACTS)


def test_parse_allows_money_where_it_is_asked_to():
    data = leaf("dues", "gt", "100.50")

    assert to_data(parse(data, registry=FACTS, allow_financial=True)) == data


def test_registry_refuses_another_fact_by_a_known_name():
    with pytest.raises(ValueError, match="already is a fact 'tier'"):
        FACTS.register(Fact(name="tier", kind=Kind.TEXT, label="level", explain="{value}"))


@pytest.mark.parametrize("changes", [{"name": "Tier"}, {"kind": "colour"}])
def test_fact_refuses_a_bad_name_or_kind(changes):
    with pytest.raises(ValueError, match=r"Tier|colour"):
        Fact(**({"name": "tier", "kind": "text", "label": "", "explain": ""} | changes))


def test_facts_in_a_condition_are_named():
    tree = parse({"any": [UNSURE, {"not": {"all": [TRUE, UNSURE]}}]}, registry=FACTS)

    assert facts_in(tree) == {"tier", "promised"}


def test_compile_sql_is_one_parametrised_predicate():
    registry = FactRegistry()
    registry.register(
        Fact(name="seen", kind=Kind.DATE, label="", explain="", column="facts.last_seen_on")
    )
    data = {"not": {"any": [leaf("seen", "older_than_days", 60), leaf("seen", "is_null")]}}

    compiled = compile_sql(parse(data, registry=registry), as_of=AS_OF)

    assert compiled == (
        "(NOT (((facts.last_seen_on) < %s::date) OR ((facts.last_seen_on) IS NULL))) IS TRUE",
        [date(2026, 5, 30)],
    )


@pytest.mark.parametrize("value", ["'; drop table x; --", "100%", "%s", "\\", "O'Hara", "Ü🙂"])
@pytest.mark.django_db
def test_compile_sql_takes_any_text_as_a_value(value):
    sql, params = compile_sql(
        parse(
            {"all": [leaf("tier", "eq", value), leaf("tier", "in", [value])]}, registry=FACTS
        ),
        as_of=AS_OF,
    )

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {sql} FROM (VALUES (%s::text)) AS row (tier)", [*params, value])
        assert cursor.fetchall() == [(True,)]


# Small ranges, so that values meet, and their edges.
TEXTS = st.sampled_from(["Gold", "gold", "Silver", "", "Gold ", "Größe"])
NUMBERS = st.one_of(st.integers(-2, 2), st.sampled_from([2**63 - 1, -(2**63) + 1]))
DECIMALS = st.decimals(-1, 1, places=1) | st.sampled_from([Decimal("1.00"), Decimal("1e20")])
DATES = st.integers(-4, 4).map(lambda days: AS_OF + timedelta(days=days))
VALUES = {
    Kind.TEXT: TEXTS,
    Kind.INTEGER: NUMBERS,
    Kind.DECIMAL: DECIMALS,
    Kind.DATE: DATES,
    Kind.BOOLEAN: st.booleans(),
}


def written(value):
    """Return ``value`` as JSON would bring it."""
    return str(value) if isinstance(value, date | Decimal) else value


@st.composite
def leaf_data(draw):
    fact = draw(st.sampled_from([f for f in FACTS if not f.financial]))
    op = draw(st.sampled_from(fact.operators))
    data = {"fact": fact.name, "op": op.value}
    values = VALUES[fact.kind].map(written)
    if op in {Op.IN, Op.NOT_IN}:
        data["value"] = draw(st.lists(values, min_size=1, max_size=3))
    elif op.value.endswith("_days"):
        data["value"] = draw(st.integers(0, 4) | st.just(36_500))
    elif op not in {Op.IS_NULL, Op.NOT_NULL}:
        data["value"] = draw(values)
    return data


TREES = st.recursive(
    leaf_data(),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3).map(lambda listed: {"all": listed}),
        st.lists(parts, min_size=1, max_size=3).map(lambda listed: {"any": listed}),
        parts.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {f.name: st.none() | VALUES[f.kind] for f in FACTS if not f.financial}
    ),
    min_size=1,
    max_size=12,
)


def judged_by_database(tree, rows):
    sql, params = compile_sql(tree, as_of=AS_OF)
    cells = ", ".join(f"%s::{kind}" for kind in COLUMNS.values())
    values = ", ".join(f"(%s::int, {cells})" for _ in rows)
    row_params = [
        value for i, row in enumerate(rows) for value in (i, *(row[name] for name in COLUMNS))
    ]
    statement = (
        f"SELECT {sql} FROM (VALUES {values}) AS facts (i, {', '.join(COLUMNS)}) ORDER BY i"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, *row_params])
        return [held for (held,) in cursor.fetchall()]


@pytest.mark.django_db
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=TREES, rows=ROWS)
def test_compiled_sql_agrees_with_evaluate(data, rows):
    tree = parse(data, registry=FACTS)

    expected = [evaluate(tree, row, as_of=AS_OF) is True for row in rows]

    assert judged_by_database(tree, rows) == expected


@settings(max_examples=200, deadline=None)
@given(data=TREES, rows=ROWS, days=st.integers(0, 6))
def test_answers_change_only_where_the_calendar_is_said_to_turn(data, rows, days):
    tree, after = parse(data, registry=FACTS), AS_OF - timedelta(days=days)
    found = turns(tree, after=after, as_of=AS_OF)

    for row in rows:
        if evaluate(tree, row, as_of=AS_OF) != evaluate(tree, row, as_of=after):
            day = row["last_seen_on"]
            assert any(turn.first <= day <= turn.last for turn in found)


@settings(max_examples=200, deadline=None)
@given(data=TREES, rows=ROWS)
def test_neither_a_condition_nor_its_negation_holds_for_the_unknown(data, rows):
    tree, negated = (parse(d, registry=FACTS) for d in (data, {"not": data}))

    for row in rows:
        both = (evaluate(tree, row, as_of=AS_OF), evaluate(negated, row, as_of=AS_OF))
        assert both in {(True, False), (False, True), (None, None)}


@settings(max_examples=200, deadline=None)
@given(data=TREES)
def test_to_data_gives_back_what_was_parsed(data):
    tree = parse(data, registry=FACTS)

    assert parse(to_data(tree), registry=FACTS) == tree


@settings(max_examples=200, deadline=None)
@given(data=TREES, rows=ROWS)
def test_explain_speaks_only_where_the_condition_holds(data, rows):
    tree = parse(data, registry=FACTS)

    for row in rows:
        if explain(tree, row, as_of=AS_OF):
            assert evaluate(tree, row, as_of=AS_OF) is True


def test_explain_names_each_leaf_that_held_with_its_date():
    data = {
        "all": [
            leaf("last_seen_on", "older_than_days", 60),
            {"any": [leaf("tier", "in", ["Gold", "Silver"]), leaf("people", "gt", 1000)]},
            {"not": leaf("promised", "eq", True)},
            leaf("score", "is_null"),
            leaf("people", "lt", 5000),
        ]
    }
    row = UNKNOWN | {
        "last_seen_on": date(2026, 5, 3),
        "tier": "Bronze",
        "people": 1204,
        "promised": False,
    }

    lines = explain(parse(data, registry=FACTS), row, as_of=AS_OF)

    assert lines == [
        (
            "On 29 July 2026: last seen on 3 May 2026, 87 days before "
            "(asked: last sign of life is more than 60 days ago)"
        ),
        "On 29 July 2026: 1,204 people (asked: people is more than 1,000)",
        "On 29 July 2026: promise open: no (asked: not promise is yes)",
        "On 29 July 2026: score is not known yet (asked: score is not known)",
        "On 29 July 2026: 1,204 people (asked: people is less than 5,000)",
    ]


@pytest.mark.parametrize(
    ("day", "ago"),
    [
        (AS_OF, "the same day"),
        (AS_OF - timedelta(days=1), "1 day before"),
        (AS_OF + timedelta(days=2), "2 days ahead"),
    ],
)
def test_explain_says_how_far_a_date_is(day, ago):
    tree = parse(leaf("last_seen_on", "not_null"), registry=FACTS)

    lines = explain(tree, UNKNOWN | {"last_seen_on": day}, as_of=AS_OF)

    assert lines == [
        (
            f"On 29 July 2026: last seen on {day.day} July 2026, {ago} "
            "(asked: last sign of life is known)"
        )
    ]


def test_explain_of_what_does_not_hold_is_empty():
    assert explain(parse(UNSURE, registry=FACTS), UNKNOWN, as_of=AS_OF) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"all": []}, "everybody"),
        ({"fact": "people", "op": "ge", "value": 3}, "people is at least 3"),
        ({"not": {"fact": "tier", "op": "eq", "value": "Gold"}}, "not (tier is Gold)"),
        (
            {
                "all": [
                    {"fact": "people", "op": "ge", "value": 3},
                    {
                        "any": [
                            {"fact": "tier", "op": "eq", "value": "Gold"},
                            {"fact": "last_seen_on", "op": "older_than_days", "value": 9},
                        ]
                    },
                ]
            },
            "people is at least 3 and (tier is Gold or last sign of life is more than 9 days ago)",
        ),
    ],
)
def test_a_condition_is_said_in_words(data, said):
    assert in_words(parse(data, registry=FACTS)) == said


def test_values_are_said_by_their_names_and_those_without_as_they_are():
    facts = FactRegistry()
    facts.register(Fact(name="tier", kind=Kind.TEXT, label="Tier", explain="Tier: {value}"))
    facts.name_values("tier", lambda: in_a_sentence([("in_force", "In force"), ("vip", "VIP")]))
    tree = parse(leaf("tier", "in", ["in_force", "vip", "gone"]), registry=facts)

    assert in_words(tree) == "Tier is one of in force, VIP, gone"
    assert explain(tree, {"tier": "in_force"}, as_of=AS_OF) == [
        "On 29 July 2026: Tier: in force (asked: Tier is one of in force, VIP, gone)"
    ]
    assert evaluate(tree, {"tier": "in_force"}, as_of=AS_OF) is True
