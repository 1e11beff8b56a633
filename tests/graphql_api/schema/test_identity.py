"""Identity over GraphQL."""

from dataclasses import replace

from tests.graphql_api.schema.api import LOG_IN, PROBLEM, REFRESH, REGISTER, Api

ADA = {"email": "ada@example.com", "password": "correct horse"}
ME = "{ me { id email createdAt preferences { language theme sendKey autoApproveLowRisk approvalTimeoutSeconds } } }"


async def test_who_is_not_signed_in_is_nobody(nobody: Api) -> None:
    assert await nobody.data(ME) is None
    assert await nobody.code('{ project(id: "prj_x") { id } }') == "UNAUTHENTICATED"


async def test_a_new_person_is_signed_in_at_once(nobody: Api) -> None:
    signed_in = await nobody.data(REGISTER, input=ADA)

    me = await replace(nobody, token=signed_in["accessToken"]).data(ME)
    assert me["email"] == "ada@example.com"
    assert me["id"] == signed_in["user"]["id"]
    assert me["id"].startswith("usr_")
    assert me["preferences"]["language"] == "EN"


async def test_an_address_is_taken_once(api: Api) -> None:
    answer = await api.data(REGISTER, input={**ADA, "email": "ADA@example.com"})

    assert answer["__typename"] == "Conflict"


async def test_bad_credentials_are_named_field_by_field(nobody: Api) -> None:
    answer = await nobody.data(REGISTER, input={"email": "nobody", "password": "short"})

    assert answer["__typename"] == "Invalid"
    assert [field["path"] for field in answer["fields"]] == [["email"], ["password"]]


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(api: Api) -> None:
    wrong = await api.data(LOG_IN, input={**ADA, "password": "wrong horse"})
    unknown = await api.data(LOG_IN, input={"email": "eve@example.com", "password": "wrong horse"})

    assert wrong == unknown
    assert wrong["__typename"] == "Invalid"
    assert (await api.data(LOG_IN, input=ADA))["__typename"] == "SignedIn"


async def test_the_refresh_token_is_also_a_cookie_that_no_script_reads(nobody: Api) -> None:
    body = {"query": REGISTER, "variables": {"input": ADA}}
    response = await nobody.http.post("/graphql", json=body)
    cookie = response.headers["set-cookie"].lower()

    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/graphql" in cookie
    refreshed = await nobody.data(REFRESH)
    assert refreshed["__typename"] == "SignedIn"
    assert refreshed["user"]["email"] == "ada@example.com"


async def test_refresh_tokens_rotate(nobody: Api) -> None:
    first = await nobody.data(REGISTER, input=ADA)

    second = await nobody.data(REFRESH, token=first["refreshToken"])

    assert second["refreshToken"] != first["refreshToken"]
    assert (await nobody.data(REFRESH, token="nonsense"))["__typename"] == "Invalid"


async def test_signing_out_everywhere_ends_every_sign_in(api: Api) -> None:
    again = await api.data(LOG_IN, input=ADA)
    assert (
        len((await api.data("{ me { signIns { id client current createdAt lastUsedAt } } }"))["signIns"]) == 2
    )

    out = f"mutation {{ logOut(everywhere: true) {{ {PROBLEM} ... on LoggedOut {{ count }} }} }}"
    assert (await api.data(out))["count"] == 2

    other = replace(api, token=again["accessToken"])
    assert (await other.send(ME))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_new_password_ends_the_other_sign_ins(api: Api) -> None:
    again = await api.data(LOG_IN, input=ADA)
    change = f"""
    mutation ($old: String!, $new: String!) {{
        changePassword(current: $old, new: $new) {{ {PROBLEM} ... on PasswordChanged {{ user {{ email }} }} }} }}"""

    refused = await api.data(change, old="wrong", new="staple battery")
    changed = await api.data(change, old="correct horse", new="staple battery")

    assert refused["__typename"] == "Invalid"
    assert changed["user"]["email"] == "ada@example.com"
    assert "errors" in await replace(api, token=again["accessToken"]).send(ME)
    assert (await api.data(ME))["email"] == "ada@example.com"


async def test_preferences_change_field_by_field(api: Api) -> None:
    update = f"""
    mutation ($input: PreferencesInput!) {{ updatePreferences(input: $input) {{
        {PROBLEM} ... on PreferencesUpdated {{ preferences {{ language theme sendKey approvalTimeoutSeconds }} }} }} }}"""

    changed = await api.data(update, input={"language": "RU", "approvalTimeoutSeconds": 120})
    refused = await api.data(update, input={"approvalTimeoutSeconds": 1})

    assert changed["preferences"] == {
        "language": "RU",
        "theme": "SYSTEM",
        "sendKey": "ENTER",
        "approvalTimeoutSeconds": 120,
    }
    assert refused["fields"][0]["path"] == ["approvalTimeoutSeconds"]


async def test_a_link_signs_in_once(nobody: Api) -> None:
    link = await nobody.parts.identity.make_link()
    redeem = f"""
    mutation ($token: String!) {{ redeemSignInLink(token: $token) {{
        {PROBLEM} ... on SignedIn {{ user {{ projects {{ nodes {{ name }} }} }} }} }} }}"""

    first = await nobody.data(redeem, token=link.token)
    second = await nobody.data(redeem, token=link.token)

    assert first["user"]["projects"]["nodes"] == [{"name": "Starter"}]
    assert second["__typename"] == "Invalid"


async def test_a_closed_server_registers_nobody(nobody: Api) -> None:
    object.__setattr__(nobody.parts.services.identity, "registration_open", False)

    answer = await nobody.data(REGISTER, input=ADA)

    assert answer["__typename"] == "Invalid"
    assert "closed" in answer["problem"]


async def test_the_rate_limit_and_the_system_tell_about_themselves(api: Api) -> None:
    limit = await api.data("{ rateLimit { limit remaining resetsAt cost } }")
    system = await api.data("{ system { version offline model } }")

    assert limit["limit"] == 100_000
    assert limit["remaining"] < 100_000
    assert limit["cost"] == 1
    assert system == {"version": "0.1.0", "offline": True, "model": "offline-1"}
