"""Words as routing compares them: folded, without endings, grouped by what they are about.

English and Russian endings are cut by simple rules: enough to bring "charts" and "charting" or
"таблица" and "таблицы" together, and without a dictionary.
"""

from __future__ import annotations

import re
from functools import lru_cache

from domain.folding import folded

_WORD = re.compile(r"[^\W\d_]+(?:\+\+|#)?")
_CAMEL = re.compile(r"(?<=[^\W\d_])(?=[A-ZА-ЯЁ][a-zа-яё])|(?<=[a-zа-яё])(?=[A-ZА-ЯЁ])")

_STOP = frozenset(
    _WORD.findall("""
    a about agent all also am an and any are as ask assistant at be been but by can could do does down for from get
    give had has have help helper her here him his how i if in into is it its just let like make many may me more most
    much my need new no not of off on one only or other our out over please she should show so some such tell than
    that the their them then there these they this those to too up us use user very want was we were what when where
    which while who why will with would you your
    агент ассистент без бы был была были было быть в вам вас ваш все всё вы где да даже для до его ее её если есть еще
    ещё же за и из или им их к как какая какие какой когда кто ли лучше меня мне много может можно мой моя мы на над
    надо нам нас наш не него нее неё нет ни них но ну о об один он она они от очень по под покажи помоги помощник
    пожалуйста после при про с сделай со так такой там те тебя тем то тоже только том ты у уже хочу что чтобы эта эти
    это этот я
    """)
)

_ENDINGS_EN = tuple(
    _WORD.findall(
        "izations ization ations ation ements ement ments ment ingly ings ing edly ions ion ers er ies ied ed es s ly"
    )
)
_ENDINGS_RU = tuple(
    sorted(
        _WORD.findall("""
        иями ями ами иях ого его ому ему ыми ими ться тся ешь ишь ете ите ать ять еть ить ает яет ует ают яют уют ют ут
        ят ат ый ий ой ая яя ое ее ые ие ую юю ов ев ей ам ям ом ем ах ях ия ию ии ией ием а я о е ы и у ю ь й
        """),
        key=len,
        reverse=True,
    )
)
_MIN_STEM = 3

_TOPICS = tuple(
    (topic, re.compile(rf"(?:{'|'.join(patterns.split())})"))
    for topic, patterns in {
        "code": r"""cod(?:e|es|ed|er|ers|ing)\b program script\w* python javascript typescript java\b rust\b golang c\+\+
            c\# sql\b html css\b bug debug function method\b class(?:es)?\b compil refactor exception traceback error
            algorithm regex api\b test(?:s|ing|ed)?\b unit\b git\b commit deploy backend frontend implement develop
            software код(?:а|у|ом|е|ы|ов|ить)?\b кодер кодир програм скрипт питон пайтон джава баг отлад отлаж функци
            метод класс компил рефактор исключени ошибк алгоритм регуляр тест\w* разработ реализ""",
        "data": r"""data\b dataset datas chart graph plot diagram histogram table spreadsheet excel csv\b statist analy[sz]
            average median\b mean\b percent correlat regress trend forecast predict metric number calculat compute sum\b
            данн датасет таблиц табличк график диаграмм гистограмм статисти анализ аналит средн медиан процент
            корреляц регресс тренд прогноз метрик числ вычисл посчита рассчита сумм эксель""",
        "text": r"""writ(?:e|es|er|ing|ten)\b wrote document letter essay article text email mail\b report summar translat
            edit(?:s|ed|ing|or)?\b proofread draft blog post\b poem story rewrite paraphras format grammar headline
            напи[сш] пиш писа письм документ стать текст эссе отчет резюм перев[оеё]д перескаж реферат редакт
            вычит чернов блог стих рассказ формат граммат заголов сочин""",
        "search": r"""search web\b internet online google find\b lookup news website browse source
            поиск найди найти интернет гугл новост сайт источник""",
        "plan": r"""plan(?:s|ning|ner)?\b schedul roadmap milestone task deadline organiz manag project
            план распис дорожн задач срок организ управл проект""",
        "image": r"""image picture photo draw\b paint illustrat logo design изображ картин фото рису логотип дизайн""",
        "law": r"""law(?:s|yer)?\b legal contract licen[sc]e\b юрид юрист закон договор лиценз""",
        "general": r"""general\b generalist anything everything universal all-round общ(?:ий|ие|ая|его)\b универсал
            любы[ехм]""",
    }.items()
)
"""What words are about; a word may belong to several topics."""

_WEAK = re.compile(
    r"writ|wrote|напи[сш]|пиш|писа|find|найти|найди|creat|созда|explain|объясн|check|провер|show|list\b"
)
"""Verbs that go with any subject: "write" says less about a request than "letter" or "function"."""


def words(text: str) -> list[str]:
    """The words of a text, folded, ё as е, in order; a CamelCase word gives its parts."""
    return [folded(word).replace("ё", "е") for word in _WORD.findall(_CAMEL.sub(" ", text))]


def is_meaningful(word: str) -> bool:
    """Whether a word says anything about the subject."""
    return word not in _STOP and (len(word) > 1 or not word.isalpha())


def weight(word: str) -> float:
    """How much a folded word says about the subject."""
    return 0.5 if _WEAK.match(word) else 1.0


@lru_cache(maxsize=8_192)
def stem(word: str) -> str:
    """A folded word without its ending."""
    if "а" <= word[-1] <= "я":
        return _cut(word, _ENDINGS_RU)
    root = _cut(word, _ENDINGS_EN)
    if len(root) > _MIN_STEM and root[-1] == root[-2] and root[-1] not in "ls":
        root = root[:-1]  # planning, debugging
    return root[:-1] if len(root) > _MIN_STEM and root[-1] in "ey" else root


@lru_cache(maxsize=8_192)
def topics(word: str) -> frozenset[str]:
    """What a folded word is about."""
    return frozenset(topic for topic, pattern in _TOPICS if pattern.match(word))


def is_russian(text: str) -> bool:
    """Whether most letters of the text are Cyrillic."""
    cyrillic = sum("\u0400" <= c <= "\u04ff" for c in text)
    return cyrillic > sum(c.isascii() and c.isalpha() for c in text)


def _cut(word: str, endings: tuple[str, ...]) -> str:
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= _MIN_STEM:
            return word.removesuffix(ending)
    return word
