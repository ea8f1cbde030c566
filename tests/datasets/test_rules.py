"""Invariant: a rule gives every text one value, and no expression can hold the page up."""

import time

import pytest

from core.datasets.errors import DataError
from core.datasets.rules import KeywordRule, RegexRule, apply_rule

GENDER = KeywordRule((("woman", ("she", "her")), ("man", ("he", "his"))), otherwise="neither")


def test_keywords_by_whole_word():
    texts = ["She left.", "The party", "His art", "he told her", "HE"]
    values, several = apply_rule(GENDER, texts)
    assert values == ["woman", "neither", "man", "woman", "man"]  # the first group counts where both are there
    assert several == 1


def test_keywords_within_words_and_by_case():
    rule = KeywordRule((("yes", ("he",)),), whole_word=False, match_case=True)
    assert apply_rule(rule, ["the", "THE"])[0] == ["yes", "none"]


def test_keywords_are_no_expressions():
    rule = KeywordRule((("cpp", ("C++",)), ("net", (".NET", "New  York"))))
    assert apply_rule(rule, ["use C++.", "use C", "a.net b", "is .NET", "in New\tYork"])[0] == [
        *("cpp", "none", "none", "net", "net")
    ]


def test_words_of_other_alphabets():
    assert apply_rule(KeywordRule((("x", ("straße", "שלום")),)), ["Die STRASSE", "Die Straße", "שלום!"])[0] == [
        *("none", "x", "x")
    ]


def test_regex():
    assert apply_rule(RegexRule("^a.*z$", otherwise="other"), ["abz", "ABZ", "b"])[0] == ["match", "match", "other"]
    assert apply_rule(RegexRule("a", match_case=True), ["A"])[0] == ["no match"]


def test_regex_whose_group_is_the_value():
    rule = RegexRule(r"^(?P<value>Positive|Negative) |(\d+)")
    assert apply_rule(rule, ["Positive . x", "Negative . y", "17", "none"])[0] == [
        *("Positive", "Negative", "no match", "no match")
    ]


def test_many_texts():
    values, _ = apply_rule(GENDER, ["she"] * 12_001)
    assert values == ["woman"] * 12_001


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (RegexRule("(a"), "the regular expression is not valid at character 1"),
        (RegexRule(""), "the regular expression is empty"),
        (RegexRule("a" * 1001), "more than 1,000 characters"),
        (RegexRule("(" * 900 + ")" * 900), "more than 1,000 characters"),
        (RegexRule("a{99999999999999999999}"), "repeats too often"),
        (KeywordRule(()), "the keyword rule has no group"),
        (KeywordRule((("a", (" ",)),)), "the confound value “a” has no keyword"),
        (KeywordRule(((" ", ("x",)),)), "A confound value of the rule has no name"),
        (KeywordRule((("a", tuple(map(str, range(501)))),)), "more than 500 keywords"),
        (KeywordRule((("a", ("x" * 201,)),)), "has more than 200 characters"),
    ],
)
def test_faulty_rules(rule, sentence):
    with pytest.raises(DataError) as caught:
        apply_rule(rule, ["text"])
    assert sentence in str(caught.value)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a?){40}b"])
def test_catastrophic_expressions_are_stopped(pattern):
    start = time.perf_counter()
    with pytest.raises(DataError, match=r"took longer than 0\.5 seconds"):
        apply_rule(RegexRule(pattern), ["a" * 60 + "!"], seconds=0.5)
    assert time.perf_counter() - start < 8


def test_expressions_that_eat_memory_are_stopped():
    with pytest.raises(DataError, match=r"memory|longer|too often"):
        apply_rule(RegexRule("(((a{1,900}){1,900}){1,900}){1,900}x"), ["a" * 900], seconds=2, memory=200 * 2**20)
