"""The shape of the schema: what every client may rely on."""

from graphql import GraphQLInterfaceType, GraphQLUnionType, get_named_type

from graphql_api.schema import build_schema

CORE = build_schema()._schema


def unions() -> dict[str, GraphQLUnionType]:
    """The result of every mutation."""
    root = CORE.mutation_type
    assert root is not None
    found = {name: get_named_type(field.type) for name, field in root.fields.items()}
    return {name: union for name, union in found.items() if isinstance(union, GraphQLUnionType)}


def test_every_mutation_answers_with_its_payload_or_a_problem() -> None:
    assert CORE.mutation_type is not None
    assert set(unions()) == set(CORE.mutation_type.fields)

    problem = CORE.type_map["Problem"]
    assert isinstance(problem, GraphQLInterfaceType)
    for union in unions().values():
        assert len([member for member in union.types if problem not in member.interfaces]) == 1
