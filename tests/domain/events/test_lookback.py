"""Looking back learns what was, and nothing that is still to be sent."""

from __future__ import annotations

from domain.events.kinds import SessionRenamed
from domain.events.lookback import LookBack
from domain.events.session_log import SessionLog
from domain.events.texts import OpenTexts
from tests.domain.events.fakes import KEY, ListLog, created, message
from tests.virtual_time import run_virtually


def test_facts_after_the_start_are_left_to_others() -> None:
    log, texts = ListLog(), OpenTexts()
    log.commit(SessionRenamed("a"), created(message(1)), created(message(2)))
    look_back = LookBack(SessionLog(KEY, log=log, timeout_s=1), texts, start=2, oldest=1)

    run_virtually(look_back.until_known(message(2)))

    assert texts.is_open(message(1))
    assert not texts.is_known(message(2))
