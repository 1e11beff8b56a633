"""What the role without an owner may do on PostgreSQL."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from persistence.unowned import TABLES
from tests.persistence.databases import Stored

pytestmark = pytest.mark.postgres

_GRANTED = "SELECT table_name, privilege_type FROM information_schema.role_table_grants WHERE grantee = 'codelab_unowned'"


async def test_the_role_is_granted_exactly_what_its_statements_need(postgres: Stored) -> None:
    rows = await postgres.database.write(lambda c: c.exec_driver_sql(_GRANTED).fetchall(), user_id=None)

    needed = {(table, privilege) for table, privileges in TABLES.items() for privilege in privileges}
    assert {(table, privilege) for table, privilege in rows} == needed


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO users (user_id) VALUES (gen_random_uuid())",
        "UPDATE users SET password_hash = 'mine'",
        "UPDATE sign_ins SET revoked_at = NULL",
        "UPDATE sign_in_links SET redeemed_at = NULL",
        "SELECT * FROM preferences",
        "SELECT * FROM steps",
    ],
)
async def test_the_role_may_do_nothing_else(postgres: Stored, statement: str) -> None:
    def work(connection: sa.Connection) -> None:
        connection.exec_driver_sql(statement)

    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        await postgres.database.write(work, user_id=None)
