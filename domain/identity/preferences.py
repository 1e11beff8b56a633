"""What a user chose: changing some of it."""

from __future__ import annotations

from dataclasses import dataclass

from domain.fields import Fields
from domain.identity.entities import Language, Preferences, SendKey, Theme
from domain.scopes import UserScope, UserTx
from domain.unset import UNSET, Unset, given

MIN_APPROVAL_TIMEOUT_S = 10
MAX_APPROVAL_TIMEOUT_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class PreferencesInput:
    """The fields that were given; `approval_timeout_s` None goes back to the risk's own default."""

    language: Language | Unset = UNSET
    theme: Theme | Unset = UNSET
    send_key: SendKey | Unset = UNSET
    auto_approve_low_risk: bool | Unset = UNSET
    approval_timeout_s: int | Unset | None = UNSET


async def update_preferences(scope: UserScope, wanted: PreferencesInput) -> Preferences:
    """Change the fields that were given; the others stay, also when two changes come at once.

    Raises:
        Invalid: the approval timeout is out of bounds.
        Unavailable: the database does not answer.
    """
    fields = Fields()
    if isinstance(wanted.approval_timeout_s, int):
        fields.number(
            wanted.approval_timeout_s,
            "approvalTimeoutSeconds",
            at_least=MIN_APPROVAL_TIMEOUT_S,
            at_most=MAX_APPROVAL_TIMEOUT_S,
        )
    fields.check()

    def work(tx: UserTx) -> Preferences:
        tx.identity.lock()
        changed = _changed(tx.identity.preferences(), wanted)
        tx.identity.save_preferences(changed)
        return changed

    return await scope.write(work)


def _changed(present: Preferences, wanted: PreferencesInput) -> Preferences:
    return Preferences(
        language=given(wanted.language, present.language),
        theme=given(wanted.theme, present.theme),
        send_key=given(wanted.send_key, present.send_key),
        auto_approve_low_risk=given(wanted.auto_approve_low_risk, present.auto_approve_low_risk),
        approval_timeout_s=given(wanted.approval_timeout_s, present.approval_timeout_s),
    )
