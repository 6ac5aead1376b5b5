"""The target grammar of options.md §4, its errors, and how lists are walked."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.routing import Agent, TargetError, TargetType, TargetWalk, parse_single, parse_target

T0 = datetime(2026, 3, 2, 16, tzinfo=UTC)


def agent(**skills):
    return Agent("a1", "Ann Lee", "sip:1001@127.0.0.1", skills)


def at(seconds):
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "matching"),
    [
        ("a1@StatServer.A", True),
        ("Ann Lee@StatServer.A", True),
        ("a2@StatServer.A", False),
        ("Desk 7@StatServer.AP", True),
        ("Desk 8@StatServer.AP", False),
        ("Billing@StatServer.GA", True),
        ("Sales@StatServer.GA", False),
        ("Floor 1@StatServer.GP", True),
        ("Billing@StatServer.GP", False),
        ("Autumn@StatServer.GC", True),
        ("Billing@StatServer.GC", False),
        ("?:Billing@StatServer.GA", True),
        (" Billing @ StatServer . GA ", True),
        ("R&D@StatServer.GA", False),
    ],
)
def test_a_named_target_matches_by_its_type(text, matching):
    ann = Agent(
        "a1",
        "Ann Lee",
        "sip:1001@127.0.0.1",
        groups=frozenset({"Billing"}),
        place="Desk 7",
        place_groups=frozenset({"Floor 1"}),
        campaign_groups=frozenset({"Autumn"}),
    )
    assert parse_target(text).matches(ann) is matching


@pytest.mark.parametrize(
    ("expression", "matching"),
    [
        ("English=20", True),
        ("English!=20", False),
        ("English>19", True),
        ("English>20", False),
        ("English>=20", True),
        ("English<20", False),
        ("English<=20", True),
        ("French=0", True),
        ("French>0", False),
        ("English=20&Loans=2", True),
        ("English=20 &amp; Loans=2", True),
        ("English=20&Loans=3", False),
        ("English=20|Loans=3", True),
        ("French>0 & English>0 | Loans=2", True),
        ("French>0 & (English>0 | Loans=2)", False),
        ('"Home Loans">5', True),
        ('"Home Loans" > 5 & ((English=20))', True),
    ],
)
@pytest.mark.parametrize("form", ["?:{}@StatServer.GA", "{}", "  ?: {} @StatServer.GA"])
def test_a_skill_expression_matches_by_level_and_ampersand_binds_stronger(expression, matching, form):
    ann = Agent("a1", "Ann", "sip:1001@127.0.0.1", {"English": 20, "Loans": 2, "Home Loans": 6})
    assert parse_target(form.format(expression)).matches(ann) is matching


@pytest.mark.parametrize(
    ("text", "problem", "position"),
    [
        ("", "a target is missing", 0),
        ("   ", "a target is missing", 0),
        ("?:English>@StatServer.GA", "'@' stands where a level 0..100 was expected", 10),
        ("?:English>=101@StatServer.GA", "level 101 is above 100", 11),
        ("?:English>=5 & @StatServer.GA", "'@' stands where a skill", 15),
        ("?:English=>5@StatServer.GA", "'>' stands where a level", 10),
        ("?:(English>5@StatServer.GA", "'@' stands where \")\" was expected", 12),
        ("?:English>5)@StatServer.GA", "')' stands where", 11),
        ('?:"English>5@StatServer.GA', "a quote is not closed", 2),
        ("?:English~5@StatServer.GA", "'~' has no meaning here", 9),
        ("?:English 5@StatServer.GA", "'5' stands where a comparison", 10),
        ("English>=5 Sales>0", "'Sales' stands where", 11),
        ("English>", "the text ends where a level", 8),
        ("Billing@StatServer", "the text ends where", 18),
        ("Billing@StatServer.", "the text ends where a target type", 19),
        ("Billing@StatServer.GX", "'GX' is not a target type (A, AP, GA, GP, GC)", 19),
        ("Billing@StatServer.ga", "'ga' is not a target type", 19),
        ("Billing@.GA", "'.' stands where the name of the statistics server", 8),
        ("Billing@Stat Server.GA", "'Server' stands where", 13),
        ("Bill@ing@StatServer.GA", 'a name must not contain "@"', 4),
        ("@StatServer.GA", 'a name is missing before "@"', 0),
        ("English>5@StatServer.GA", 'a skill expression needs "?:" before it', 0),
    ],
)
def test_an_error_names_the_position_and_what_was_expected(text, problem, position):
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert problem in caught.value.problem
    assert caught.value.position == position
    assert f"column {position + 1}" in str(caught.value)


def test_a_target_keeps_its_server_and_type():
    single = parse_single("?:English>5@Stat-1.GC")
    assert (single.server, single.type) == ("Stat-1", TargetType.CAMPAIGN_GROUP)
    assert parse_single("English>5").server == "StatServer"


def listed(*items):
    return json.dumps([{"target": item} if isinstance(item, str) else item for item in items])


def test_a_list_takes_numbers_digits_and_flags():
    text = listed(
        {
            "target": "a1@StatServer.A",
            "timeout": "30",
            "clear": False,
            "stat_to_check": "RStatCallsInQueue",
            "stat_operator": ">",
            "stat_value": "10",
        },
        {"target": "?:Sales>0@StatServer.GA", "timeout": 60.5, "clear": "true"},
        "Sales@StatServer.GA",
    )
    first, second, third = parse_target(text).items
    assert (first.timeout_s, first.clear, first.condition.value) == (30, False, 10)
    assert (second.timeout_s, second.clear, second.condition) == (60.5, True, None)
    assert (third.timeout_s, third.clear) == (None, True)


@pytest.mark.parametrize(
    ("text", "problem", "item"),
    [
        ("[]", "1 to 15 items, not 0", None),
        (listed(*[{"target": "a@S.A", "timeout": 1}] * 16), "1 to 15 items, not 16", None),
        ('[{"target": "a@S.A"', "not a JSON list", None),
        ("[3]", "an item is an object", 1),
        (listed({"targt": "a@S.A"}), "unknown key 'targt', did you mean 'target'?", 1),
        (listed({"timeout": 3}), "the key target is missing", 1),
        (listed({"target": "a@S.A", "timeout": 1}, {"target": "a@S.B"}), "'B' is not a target type", 2),
        (listed("a@S.A", "b@S.A"), "without a timeout item 2 is never reached", 1),
        (listed({"target": "a@S.A", "timeout": "soon"}), "timeout is a number, not 'soon'", 1),
        (listed({"target": "a@S.A", "timeout": -1}), "timeout must be 0 or more", 1),
        (listed({"target": "a@S.A", "timeout": True}), "timeout is a number", 1),
        (listed({"target": "a@S.A", "timeout": "nan"}), "timeout is a number", 1),
        (listed({"target": "a@S.A", "clear": "maybe"}), "clear is true or false", 1),
        (listed({"target": "a@S.A", "stat_to_check": "RStatOldestCall"}), "belong together", 1),
        (
            listed({"target": "?:a>1@S.GA", "stat_to_check": "RStatOldestCall", "stat_operator": ">", "stat_value": 1}),
            "unknown statistic 'RStatOldestCall'",
            1,
        ),
        (
            listed({"target": "a@S.A", "stat_to_check": "RStatOldestCall", "stat_operator": ">=", "stat_value": 1}),
            'stat_operator is "<" or ">"',
            1,
        ),
    ],
)
def test_a_bad_list_is_refused_with_the_item(text, problem, item):
    with pytest.raises(TargetError) as caught:
        parse_target(text)
    assert problem in caught.value.problem
    assert caught.value.item == item


def test_fifteen_items_are_allowed():
    items = [{"target": f"a{n}@S.A", "timeout": 10} for n in range(15)]
    target = parse_target(listed(*items))
    assert len(target.items) == 15
    assert target.timeout_sum_s == 150
    assert target.is_single_persons


def test_a_list_with_a_group_is_not_individual_and_has_no_sum_without_the_last_timeout():
    target = parse_target(listed({"target": "a@S.A", "timeout": 5}, "G@S.GA"))
    assert not target.is_single_persons
    assert target.timeout_sum_s is None


def test_a_walk_replaces_or_adds_items_as_their_time_comes():
    items = [
        {"target": "English>0", "timeout": 10, "clear": False},
        {"target": "French>0", "timeout": 10},
        {"target": "German>0"},
    ]
    walk = TargetWalk(parse_target(listed(*items)), T0)
    english, french, german = agent(English=1), agent(French=1), agent(German=1)

    def open_now():
        return [walk.matches(english), walk.matches(french), walk.matches(german)]

    assert open_now() == [True, False, False]
    assert walk.advance(at(9.9)) is False
    assert walk.advance(at(10)) is True
    assert open_now() == [True, True, False]
    assert walk.advance(at(20)) is True
    assert open_now() == [False, False, True]
    assert walk.switch_at is None
    assert walk.advance(at(10_000)) is False


def test_a_walk_that_slept_through_several_items_arrives_at_the_right_one():
    items = [{"target": f"S{n}>0", "timeout": 10} for n in range(4)]
    walk = TargetWalk(parse_target(listed(*items)), T0)
    walk.advance(at(25))
    assert walk.index == 2
    assert walk.switch_at == at(30)


def conditioned(skill, statistic, op, value, **more):
    condition = {"stat_to_check": statistic, "stat_operator": op, "stat_value": value}
    return {"target": f"{skill}>0", "timeout": 10, **condition, **more}


def test_an_item_whose_condition_is_met_is_skipped_when_it_becomes_current():
    items = [conditioned("S0", "RStatAgentsReady", "<", 1), {"target": "S1>0", "timeout": 10}, {"target": "S2>0"}]
    walk = TargetWalk(parse_target(listed(*items)), T0, lambda _name, _single: 0)
    assert walk.index == 1
    walk = TargetWalk(parse_target(listed(*items)), T0, lambda _name, _single: 1)
    assert walk.index == 0


def test_the_last_item_is_never_skipped():
    items = [conditioned("S0", "RStatAgentsTotal", "<", 5), conditioned("S1", "RStatAgentsTotal", "<", 5)]
    walk = TargetWalk(parse_target(listed(*items)), T0, lambda _name, _single: 0)
    assert walk.index == 1


def test_an_unknown_statistic_skips_nothing():
    walk = TargetWalk(
        parse_target(listed(conditioned("S0", "RStatAgentsTotal", "<", 5), {"target": "S1>0"})), T0, lambda *_: None
    )
    assert walk.index == 0


skills = st.sampled_from(["English", "Sales", "Home Loans"])
comparisons = st.builds(
    lambda skill, op, level: (f'"{skill}"{op}{level}', skill, op, level),
    skills,
    st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
    st.integers(0, 100),
)
PYTHON_OP = {"=": "=="}


@given(
    st.recursive(
        comparisons.map(lambda c: (c[0], f"(s[{c[1]!r}] {PYTHON_OP.get(c[2], c[2])} {c[3]})")),
        lambda inner: st.tuples(inner, st.sampled_from("&|"), inner).map(
            lambda t: (f"({t[0][0]} {t[1]} {t[2][0]})", f"({t[0][1]} {'and' if t[1] == '&' else 'or'} {t[2][1]})")
        ),
        max_leaves=12,
    ),
    st.fixed_dictionaries(
        {"English": st.integers(0, 100), "Sales": st.integers(0, 100), "Home Loans": st.integers(0, 100)}
    ),
)
def test_any_expression_means_what_python_says_it_means(pair, levels):
    text, python = pair
    expected = eval(python, {"__builtins__": {}}, {"s": levels})
    single = parse_single(f"?:{text}@StatServer.GA")
    assert single.matches(agent(**levels)) is expected
    assert parse_single(str(single)).matches(agent(**levels)) is expected


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_with_a_position_inside_it(text):
    try:
        parse_target(text)
    except TargetError as error:
        assert 0 <= error.position <= len(error.text)  # noqa: PT017 - most texts are refused, some are targets
