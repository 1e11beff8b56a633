"""Facts survive being written down, and old ones are raised to what is written today."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from types import NoneType
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.conversations.entities import AgentRef, Author, Citation, MessageStatus, Usage
from domain.events.kinds import VERSION, Fact, FactBody, MessageCompleted, SessionRenamed
from persistence import fact_codec
from persistence.fact_codec import UnreadableFact

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

st.register_type_strategy(str, st.text(st.characters(exclude_categories=["Cs"])))
st.register_type_strategy(int, st.integers(-(2**53), 2**53))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
bodies: st.SearchStrategy[FactBody] = st.one_of(*(st.from_type(kind) for kind in get_args(FactBody)))
facts = st.builds(Fact, seq=st.integers(1, 2**53), at=st.datetimes(timezones=st.just(UTC)), body=bodies)


@given(facts)
def test_every_fact_survives_being_encoded(fact: Fact) -> None:
    encoded = fact_codec.encode(fact)

    assert fact_codec.decode(encoded) == fact
    assert fact_codec.decode(encoded.decode()) == fact


@given(bodies)
def test_every_body_survives_a_row(body: FactBody) -> None:
    kind, version, data = fact_codec.to_row(body)

    assert (kind, version) == (type(body).__name__, VERSION)
    assert fact_codec.from_row(kind, version, json.loads(json.dumps(data))) == body


def test_a_row_holds_plain_names_and_values() -> None:
    body = MessageCompleted(
        UUID(int=1),
        2,
        MessageStatus.COMPLETE,
        "4",
        Usage(1, 2, 3, 4, 0.5),
        (Citation(UUID(int=5), 0.25),),
        None,
    )

    assert fact_codec.to_row(body) == (
        "MessageCompleted",
        1,
        {
            "message_id": "00000000-0000-0000-0000-000000000001",
            "generation": 2,
            "status": "COMPLETE",
            "content": "4",
            "usage": {
                "input_tokens": 1,
                "output_tokens": 2,
                "cost_micro_usd": 3,
                "model_calls": 4,
                "seconds": 0.5,
            },
            "citations": [
                {
                    "memory_id": "00000000-0000-0000-0000-000000000005",
                    "score": 0.25,
                }
            ],
            "problem": None,
        },
    )


def test_a_whole_number_is_a_fraction_where_one_is_meant() -> None:
    usage = fact_codec.decoder(Usage)(
        {"input_tokens": 1, "output_tokens": 2, "cost_micro_usd": 3, "model_calls": 4, "seconds": 5}
    )

    assert isinstance(usage, Usage)
    assert isinstance(usage.seconds, float)


def test_old_data_is_raised_step_by_step() -> None:
    upcasters = {
        ("SessionRenamed", 1): lambda data: {"name": f"{data['n']}!"},
        ("SessionRenamed", 3): lambda data: {"title": f"{data['name']}?"},
        ("HeadMoved", 1): lambda _data: pytest.fail("another kind"),
    }

    def read(version: int, data: dict[str, object]) -> FactBody:
        return fact_codec.from_row("SessionRenamed", version, data, upcasters=upcasters, version=4)

    assert read(1, {"n": "one"}) == SessionRenamed("one!?")
    assert read(2, {"name": "two"}) == SessionRenamed("two?")
    assert read(3, {"name": "three"}) == SessionRenamed("three?")
    assert read(4, {"title": "four"}) == SessionRenamed("four")


@pytest.mark.parametrize(
    ("kind", "version", "data"),
    [
        ("SessionRenamed", VERSION + 1, {"title": "from the future"}),
        ("Unheard", VERSION, {}),
        ("SessionRenamed", VERSION, {}),
        ("HeadMoved", VERSION, {"head_id": "not an id"}),
        ("HeadMoved", VERSION, {"head_id": 7}),
        ("RunStatusChanged", VERSION, {"run_id": str(UUID(int=1)), "status": "DANCING"}),
    ],
)
def test_what_is_unknown_is_refused(kind: str, version: int, data: dict[str, object]) -> None:
    with pytest.raises(UnreadableFact):
        fact_codec.from_row(kind, version, data)


@pytest.mark.parametrize(
    "written",
    [b"", b"{", b"\xff", b"[]", b"7", b"{}", b'{"seq":1,"at":"today","kind":"HeadMoved","v":1,"data":{}}'],
)
def test_what_is_not_a_fact_is_refused(written: bytes) -> None:
    with pytest.raises(UnreadableFact):
        fact_codec.decode(written)


def test_a_refusal_does_not_repeat_the_data() -> None:
    with pytest.raises(UnreadableFact) as refusal:
        fact_codec.from_row("HeadMoved", VERSION, {"head_id": "secret words"})

    assert "secret" not in str(refusal.value)


@dataclass
class _Strange:
    by_name: dict[str, int]


@pytest.mark.parametrize("hint", [_Strange, bytes, str | int, tuple[int, str], NoneType | int | str])
def test_a_shape_without_a_rule_is_refused_when_it_is_first_met(hint: object) -> None:
    with pytest.raises(TypeError, match="no rule"):
        fact_codec.decoder(hint)


def test_nested_shapes_are_read() -> None:
    agents = fact_codec.decoder(tuple[AgentRef | None, ...])

    one = {"id": str(UUID(int=1)), "name": "Мой кодер", "handle": "Мой_кодер", "version": 3}
    assert agents([one, None]) == (AgentRef(UUID(int=1), "Мой кодер", "Мой_кодер", 3), None)
    assert fact_codec.decoder(datetime | None)("2026-01-02T03:04:05.678901+00:00") == AT
    assert fact_codec.decoder(Author)("USER") is Author.USER
