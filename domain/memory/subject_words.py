"""The nouns by which statements are understood, in English and Russian."""

from __future__ import annotations

import re

from domain.orchestrator.words import stem

_words = re.compile(r"\S+").findall

ATTRIBUTES = frozenset(
    _words("""
    address age alias anniversary bedtime birthday branch browser capital city codename colour command country currency
    domain editor email employer endpoint extension font framework handle headquarters height host hostname iban id ide
    ip key keyboard language link locale location login mascot motto name namespace nickname number owner passcode
    passphrase passport password path phone pin port postcode profession pronouns region repo repository salary shoe-size
    size slogan street surname timezone title token url username venue version zone адрес ветка возраст город девиз домен
    должность зарплата имя ключ логин название никнейм номер отчество пароль пин пин-код порт почта пояс профессия размер
    регион роль рост ссылка столица таймзона телефон токен фамилия хост ip-адрес
    """)
)
"""Of these a thing has one: a cat may be black and fat, but it has one name."""

OFTEN_JUDGED = frozenset(
    _words("""
    account balance budget capacity code company database date deadline diet floor goal group home job licence limit
    margin model office plan platform price priority project quota rate rent role room schedule school score server
    shift slot stack status target tariff team temperature theme threshold time timeout topic velocity weight бюджет
    валюта вес версия группа дата дедлайн код команда лимит марка модель офис порог приоритет проект рейс срок статус
    тариф тема цель цена школа этаж
    """)
)
"""Of these as well, but they are also good, late or broken: only a number, a name or a day says which."""

_RELATIONS = _words(
    "wife husband spouse partner girlfriend boyfriend fiance fiancee boss manager supervisor mentor doctor dentist "
    "therapist landlord accountant lawyer coach mother father mum mom dad dog cat puppy kitten parrot hamster rabbit "
    "horse flatmate roommate cto ceo жена муж начальник начальница руководитель шеф врач стоматолог мама папа мать "
    "отец собака пес пса отца щенок щенка котенок котенка кот кошка попугай хомяк хомяка кролик лошадь тренер юрист "
    "бухгалтер наставник сосед соседка девушка парень парня"
)
RELATIONS = {stem(word): stem(word) for word in _RELATIONS} | {
    stem(other): stem(word)
    for other, word in (
        ("пса", "пес"),
        ("отца", "отец"),
        ("щенка", "щенок"),
        ("котенка", "котенок"),
        ("парня", "парень"),
        ("mom", "mother"),
        ("mum", "mother"),
        ("dad", "father"),
    )
}
"""People and animals of whom there is one in a life, by the stem of each form."""

EVENTS = frozenset(
    stem(word)
    for word in _words(
        "meeting appointment flight interview exam wedding party standup release demo launch review train lesson "
        "class concert match trip vacation surgery retro workshop conference presentation встреча прием вылет "
        "собеседование экзамен свадьба вечеринка стендап релиз демо запуск созвон поезд урок занятие концерт матч "
        "поездка отпуск операция ретро воркшоп конференция презентация защита"
    )
)
"""What takes place at one time."""

_TRANSLATED = (
    ("цвет", "colour"),
    ("фильм", "film"),
    ("кино", "film"),
    ("movie", "film"),
    ("color", "colour"),
    ("книга", "book"),
    ("еда", "food"),
    ("блюдо", "dish"),
    ("песня", "song"),
    ("язык", "language"),
    ("город", "city"),
    ("напиток", "drink"),
    ("спорт", "sport"),
    ("животное", "animal"),
    ("игра", "game"),
    ("сериал", "series"),
    ("писатель", "writer"),
    ("группа", "band"),
    ("имя", "name"),
    ("возраст", "age"),
    ("адрес", "address"),
    ("телефон", "phone"),
    ("почта", "email"),
    ("e-mail", "email"),
    ("фамилия", "surname"),
    ("профессия", "profession"),
    ("должность", "job"),
    ("пароль", "password"),
    ("ключ", "key"),
    ("дедлайн", "deadline"),
    ("бюджет", "budget"),
    ("порт", "port"),
    ("версия", "version"),
)
SAME_WORDS = {stem(word): stem(other) for word, other in _TRANSLATED}
"""Stems that stand for one thing, so that a fact replaces itself in the other language and spelling."""
