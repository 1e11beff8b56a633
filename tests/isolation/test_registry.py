"""Nothing can be added to the schema without saying how it is kept apart."""

from tests.isolation.registry import CASES, SUBSCRIPTIONS, Reference, Text
from tests.isolation.surface import arguments, fields, schema


def test_every_field_that_takes_something_has_a_case() -> None:
    missing = [path for path, _ in fields(schema()) if path not in CASES]

    assert not missing, f"these fields need a case in tests/isolation/registry.py: {', '.join(missing)}"


def test_every_argument_that_could_name_something_has_a_meaning() -> None:
    missing = [
        f"{path}({argument}: {type_})"
        for path, field in fields(schema())
        for argument, type_ in arguments(field).items()
        if argument not in CASES[path].arguments
    ]

    assert not missing, f"these arguments need a meaning in tests/isolation/registry.py: {', '.join(missing)}"


def test_an_id_is_always_a_reference() -> None:
    wrong = [
        f"{path}({argument})"
        for path, field in fields(schema())
        for argument, type_ in arguments(field).items()
        if type_ == "ID" and not isinstance(CASES[path].arguments[argument], Reference)
    ]

    assert not wrong, f"these ids are not checked: {', '.join(wrong)}"


def test_a_lists_cursors_are_checked() -> None:
    wrong = [
        f"{path}({argument})"
        for path, field in fields(schema())
        for argument in arguments(field)
        if argument in ("after", "before")
        and CASES[path].arguments[argument] is not (Text.POSITION if path in SUBSCRIPTIONS else Text.CURSOR)
    ]

    assert not wrong, f"these cursors are not checked: {', '.join(wrong)}"


def test_no_case_has_outlived_its_field() -> None:
    known = {path: arguments(field) for path, field in fields(schema())}
    stale = [
        f"{path}({argument})"
        for path, case in CASES.items()
        for argument in (*case.arguments, None)
        if path not in known or (argument is not None and argument not in known[path])
    ]

    assert not stale, f"these cases are of nothing: {', '.join(stale)}"
