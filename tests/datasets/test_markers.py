"""A version of a text differs in its confound and in nothing else; where that cannot be, the reason is said."""

import pandas as pd
import pytest

from core.datasets.mapping import ColumnMapping
from core.datasets.markers import Marker, NotEditable, Version, find_marker
from core.datasets.rules import KeywordRule, RegexRule
from core.datasets.samples import SAMPLES


def sample(key: str) -> pd.DataFrame:
    return pd.concat([pd.read_csv(path) for path in SAMPLES[key].files.values()], ignore_index=True)


def known(*confounds: str) -> pd.DataFrame:
    return pd.DataFrame({"text": "a", "text_b": None, "label": "x", "confound": list(confounds)})


def marker(mapping: ColumnMapping, frame: pd.DataFrame) -> Marker:
    found = find_marker(mapping, frame)
    assert not isinstance(found, NotEditable), found.reason
    return found


COLUMN = ColumnMapping(text="text", label="label", confound="confound")


def test_the_prefix_of_textlen_is_found_swapped_and_taken_away() -> None:
    frame = sample("textlen")
    found = marker(COLUMN, frame)
    for text, confound in zip(frame["text"].head(50), frame["confound"].head(50), strict=True):
        assert found.value_of(text) == confound
        versions = {one.value: one.text for one in found.versions(text)}
        other = {"positive": "negative", "negative": "positive"}[confound]
        assert set(versions) == {other, None}
        assert versions[other] == text.replace(confound.capitalize(), other.capitalize(), 1)
        assert versions[None] == text.removeprefix(f"{confound.capitalize()} . ")
        assert Version(confound, text) in found.versions(versions[other])
    assert found.value_of("no prefix") is None
    assert [one.text for one in found.versions("no prefix")] == ["Positive . no prefix", "Negative . no prefix"]


def test_the_control_has_nothing_to_swap_and_a_word_order_is_no_word() -> None:
    without, order = (find_marker(COLUMN, sample(key)) for key in ("textlen_nospurious", "grammar"))
    assert isinstance(without, NotEditable)
    assert "No words were found" in without.reason
    assert isinstance(order, NotEditable)
    assert "shows further on as well" in order.reason


def test_keywords_take_each_others_place() -> None:
    rule = KeywordRule(groups=(("neg", ("bad", "awful")), ("pos", ("good",))))
    found = marker(ColumnMapping(confound_rule=rule), known("neg", "pos", "none"))
    assert found.value_of("A Bad film , awful !") == "neg"
    assert found.versions("A Bad film , awful !") == [Version("pos", "A Good film , !"), Version("none", "A film , !")]
    assert found.versions("a film") == [Version("neg", "bad a film"), Version("pos", "good a film")]
    assert found.versions("<script>good</script>")[0] == Version("neg", "<script>bad</script>")


def test_merged_values_have_the_names_of_the_data_set() -> None:
    rule = KeywordRule(groups=(("a", ("one",)), ("b", ("two",)), ("c", ("three",))))
    mapping = ColumnMapping(confound_rule=rule, confound_merge={"a": "low", "b": "low"})
    found = marker(mapping, known("low", "c"))
    assert found.value_of("two apples") == "low"
    assert found.versions("two apples") == [Version("c", "three apples")]  # "none" is no value of this data set


def test_a_pattern_with_a_value_is_swapped_and_one_without_is_cut_out() -> None:
    named = marker(
        ColumnMapping(confound_rule=RegexRule(r"^(?P<value>Good|Bad) ", otherwise="none")), known("Good", "Bad", "none")
    )
    assert named.versions("Good film") == [Version("Bad", "Bad film"), Version("none", "film")]
    assert named.versions("film") == []
    plain = marker(ColumnMapping(confound_rule=RegexRule(r"!+", "loud", "calm")), known("loud", "calm"))
    assert plain.versions("yes!! no!") == [Version("calm", "yes no")]


def test_a_confound_in_the_second_text_is_changed_there() -> None:
    rule = KeywordRule(groups=(("pos", ("good",)),), column="second")
    found = marker(ColumnMapping(text_b="second", confound_rule=rule), known("pos", "none"))
    assert found.column == "text_b"
    away = find_marker(ColumnMapping(confound_rule=rule), known("pos", "none"))
    assert isinstance(away, NotEditable)
    assert "which the model does not read" in away.reason


@pytest.mark.parametrize("text", ["", " ", "word " * 10_000, "هذا نص", "👩‍👩‍👧‍👦", "<b>x</b>\n\ttab"])
def test_hostile_texts_are_only_texts(text: str) -> None:
    for found in (
        marker(COLUMN, sample("textlen")),
        marker(ColumnMapping(confound_rule=KeywordRule(groups=(("pos", ("good",)),))), known("pos", "none")),
        marker(ColumnMapping(confound_rule=RegexRule("^(?P<value>a|b)", otherwise="none")), known("a", "b", "none")),
    ):
        assert all(isinstance(one.text, str) for one in found.versions(text))
