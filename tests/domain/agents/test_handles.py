"""Handles are derived, compared and found as the specification says."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.agents import handles
from domain.agents.handles import MAX_HANDLE, Mention
from domain.errors import Invalid
from domain.fields import Fields
from domain.folding import folded

ALLOWED = st.characters(categories=["L", "Nd"], include_characters="_-")
VALID = (
    st.text(ALLOWED, min_size=1, max_size=MAX_HANDLE)
    .map(lambda t: unicodedata.normalize("NFC", t))
    .filter(handles.is_handle)
)


@pytest.mark.parametrize(
    ("name", "handle"),
    [
        ("Мой кодер", "Мой_кодер"),
        ("CodeAssistant", "CodeAssistant"),
        ("  Data \t Analyst 2 ", "Data_Analyst_2"),
        ("C++ expert!", "C_expert"),
        ("e\u0301clair", "éclair"),
        ("well-known_bot", "well-known_bot"),
        ("--- 🤖 ---", "agent"),
        ("", "agent"),
        ("x" * 80, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
        ("数据 分析", "数据_分析"),
    ],
)
def test_a_handle_is_derived_from_the_display_name(name: str, handle: str) -> None:
    assert handles.derived(name) == handle


@given(st.text())
def test_whatever_the_name_what_is_derived_is_a_handle(name: str) -> None:
    assert handles.is_handle(handles.derived(name))


@given(VALID, st.integers(min_value=0, max_value=30))
def test_a_taken_handle_gets_the_first_free_number(handle: str, others: int) -> None:
    taken: set[str] = set()
    for _ in range(others + 1):
        free = handles.unique(handle, taken)
        assert handles.is_handle(free)
        assert folded(free) not in taken
        taken.add(folded(free))


def test_numbers_begin_at_two_and_fit_into_the_longest_handle() -> None:
    assert handles.unique("bot", {"bot"}) == "bot_2"
    assert handles.unique("Bot", {"bot", "bot_2"}) == "Bot_3"
    assert handles.unique("x" * 40, {"x" * 40}) == "x" * 38 + "_2"


@given(VALID)
def test_handles_are_compared_after_composition_and_case_folding(handle: str) -> None:
    assert handles.sought(handle) == folded(handle)
    assert handles.sought(f" @{unicodedata.normalize('NFC', handle.upper())} ") in {
        folded(handle.upper()),
        None,
    }
    assert folded(folded(handle)) == folded(handle)


@given(st.text())
def test_folding_is_stable_and_blind_to_the_form_of_composition(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(unicodedata.normalize("NFD", text)) == folded(text)


@pytest.mark.parametrize("target", ["", "@", "no spaces", "nul\0", "x" * 41, "half \ud800", "@@twice", "²"])
def test_what_can_be_no_handle_is_not_looked_for(target: str) -> None:
    assert handles.sought(target) is None


@pytest.mark.parametrize("chosen", ["", "two words", "x" * 41, "dot.dot", "@", "👍"])
def test_a_chosen_handle_that_breaks_the_rule_is_refused_by_its_path(chosen: str) -> None:
    fields = Fields()

    handles.checked(chosen, fields)

    with pytest.raises(Invalid) as refused:
        fields.check()
    assert [field.path for field in refused.value.fields] == [("handle",)]


def test_a_chosen_handle_loses_its_at_sign_and_is_composed() -> None:
    assert handles.checked(" @cafe\u0301 ", Fields()) == "café"


@pytest.mark.parametrize(
    ("content", "mention"),
    [
        ("@CodeAssistant what is 2+2", Mention("CodeAssistant", "what is 2+2")),
        ("\n @Мой_кодер: привет", Mention("Мой_кодер", "привет")),
        ("@bot, hello", Mention("bot", "hello")),
        ("@bot", Mention("bot", "")),
        ("@bot\n\nfirst\nsecond", Mention("bot", "first\nsecond")),
        ("hello @bot", None),
        ("@ bot", None),
        ("@@bot", None),
        ("@me@example.org wrote", None),
        ("", None),
    ],
)
def test_a_leading_mention_is_found(content: str, mention: Mention | None) -> None:
    assert handles.leading(content) == mention


@given(VALID, st.text())
def test_every_handle_is_found_where_a_message_begins_with_it(handle: str, rest: str) -> None:
    found = handles.leading(f"@{handle} {rest}")

    assert found is not None
    assert handles.sought(found.handle) == folded(handle)


@given(st.text())
def test_looking_for_a_mention_never_fails(content: str) -> None:
    found = handles.leading(content)

    assert found is None or found.handle
