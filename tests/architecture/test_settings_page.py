"""Every setting is documented, and the page of settings is what the code says."""

import pytest

from graphql_api.app.setting_types import Unit
from graphql_api.app.settings import Settings, variable
from graphql_api.app.settings_page import PAGE, default_text, metadata, settings_page


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_says_what_it_means_and_counts(name: str) -> None:
    field = Settings.model_fields[name]

    assert (field.description or "").endswith(".")
    assert default_text(field)
    number = {int, float} & {field.annotation}
    assert bool(number) == (metadata(field, Unit) is not None)


def test_the_page_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text() == settings_page(), "run `codelab settings --write`"
    assert all(f"`{variable(name)}`" in settings_page() for name in Settings.model_fields)
