"""What a statement says something about, by rules of English and Russian grammar."""

from __future__ import annotations

import re
from collections.abc import Callable

from domain.folding import composed, folded
from domain.memory.subject_words import ATTRIBUTES, EVENTS, OFTEN_JUDGED, RELATIONS, SAME_WORDS
from domain.orchestrator.words import stem

MAX_STATEMENT = 300
"""Characters; a longer sentence says more than one thing."""


def subject_of(text: str) -> str | None:
    """What a text states something about, as a folded key; None when it states nothing of which there is one.

    Two texts with one key contradict each other unless they say the same: people have one name, home or
    favourite colour, but like many things. None as well for questions, conditions, denials, the past, what
    others say, and for several sentences at once: a new text replaces an old one whole.
    """
    if len(text) > 2 * MAX_STATEMENT:
        return None
    plain = composed(" ".join(text.split())).replace("’", "'").replace("ё", "е").replace("Ё", "Е")
    statement = _INTRODUCTION.sub("", plain)
    if len(statement) > MAX_STATEMENT or _SEVERAL.search(statement) or _NO_STATEMENT.search(statement):
        return None
    for pattern, key_of in _RULES if statement == plain else _NOTED_RULES:
        if (match := pattern.fullmatch(statement)) and (key := key_of(match)):
            return None if _says_more(match["value"]) else key
    return None


def _says_more(value: str) -> bool:
    """Whether what is stated denies, or goes on with another clause."""
    return _DENIAL.match(value) is not None or _CLAUSE.search(value) is not None


def _user(what: str) -> _Key:
    return lambda _: f"user {_key(what)}"


def _key(words: str) -> str:
    """A noun phrase as a key: no articles, one spelling, no endings, in whatever order."""
    stems = [stem(word) for word in re.findall(r"[\w/&-]+", folded(words).replace("'s", ""))]
    return " ".join(sorted({SAME_WORDS.get(each, each) for each in stems if each not in _UNSAID}))


def _whose(match: re.Match[str], what: str) -> str | None:
    """A noun by itself is about whatever is spoken of just then: it needs an owner or another word."""
    if match["my"]:
        return f"user {what}"
    return what if match["our"] or " " in what else None


def _attribute(match: re.Match[str]) -> str | None:
    """The same for "the name of my team" and "my team's name": in English the noun is the last word."""
    noun, _, owner = folded(match["noun"]).replace(" for ", " of ").partition(" of ")
    last = noun.split()[-1].replace("color", "colour")
    return _whose(match, _key(f"{owner} {noun}")) if _tells(match["value"], of=[last]) else None


def _russian_attribute(match: re.Match[str]) -> str | None:
    """In Russian the noun is the first word, or the second after an adjective; what follows says whose it is."""
    noun = folded(match["noun"])
    return _whose(match, _key(noun)) if _tells(match["value"], of=noun.split()[:2]) else None


def _tells(value: str, *, of: list[str]) -> bool:
    """Whether a value says which one it is, and not just how it is."""
    if ATTRIBUTES.intersection(of):
        return _JUDGEMENT.match(value) is None
    return bool(OFTEN_JUDGED.intersection(of)) and (
        any(c.isdigit() or c.isupper() for c in value) or _DAY.search(folded(value)) is not None
    )


def _favourite(match: re.Match[str]) -> str:
    return f"user favourite {_key(match['noun'])}"


def _named(match: re.Match[str]) -> str | None:
    relation = RELATIONS.get(stem(folded(match["noun"])))
    return f"user {relation} name" if relation else None


def _event(match: re.Match[str]) -> str | None:
    """A time and a day do not contradict each other."""
    nouns = _key(match["noun"])
    if not EVENTS.intersection(nouns.split()):
        return None
    value = folded(match["value"])
    if _TIME.match(value):
        return f"{nouns} time"
    return f"{nouns} day" if _DAY.search(value) else None


def _born(match: re.Match[str]) -> str:
    return _user("birthday" if re.search(r"\d", match["value"]) else "birthplace")(match) or ""


_Key = Callable[[re.Match[str]], str | None]

_UNSAID = frozenset(re.findall(r"\w+", "the a an my our your this новый нов мо наш для от к в на"))
_JUDGEMENT = re.compile(
    r"(?:too|so|very|really|quite|wrong|broken|invalid|missing|empty|ready|great|good|bad|fine|nice|ugly|long|short"
    r"|busy|open|closed|down|up|here|there|slow|fast|important|secret|known|required|optional|correct|done"
    r"|odd|even|small|big|large|high|low|old|new|same|different|a bit|a little|to|in|on|at|under|from|by|with|up to"
    r"|\w+(?:ing|ed|less|able|ible)|слишком|очень|готов\w*|хорош\w*|плох\w*|долг\w*|важн\w*|занят\w*|закрыт\w*"
    r"|открыт\w*|пуст\w*|сломан\w*|неверн\w*)\b",
    re.IGNORECASE,
)
_TIME = re.compile(r"\d{1,2}(?:[:.]\d\d|\s*(?:am|pm|o'clock|h\b|час|утра|вечера|дня))|noon|midnight|полдень")
_DAY = re.compile(
    r"\d(?!\d*\s*%)|(?:mon|tues|wednes|thurs|fri|satur|sun)day|tomorrow|today|next"
    r"|(?:понедельник|вторник|сред|четверг|пятниц|суббот|воскресень|завтра|сегодня|следующ)|(?:january|february|march|april|may|june|july|august|september"
    r"|october|november|december)\b|(?:январ|феврал|март|апрел|ма[йя]|июн|июл|август|сентябр|октябр|ноябр|декабр)"
)
_INTRODUCTION = re.compile(
    r"^(?:(?:@[\w-]+|hi|hello|hey|ok|okay|oh|well|so|by the way|btw|fyi|actually|please|now|from now on|for the record"
    r"|(?:just )?(?:to )?(?:let you know|remind you)|just so you know|correction|update"
    r"|(?:can|could|would) you (?:please )?remember|(?:i want you|i'd like you) to (?:remember|know)"
    r"|(?:remember|note|keep in mind|be aware|don't forget|save|memori[sz]e)"
    r"(?: this| for me| for later| the following)?"
    r"|recently|currently|недавно|теперь|сейчас|привет|здравствуй(?:те)?|ладно|кстати|вообще-то|на самом деле"
    r"|к слову|пожалуйста|ну|так"
    r"|(?:запомни|запиши|учти|помни|имей|знай|сохрани|не забудь)(?:те)?(?: в виду| себе| на будущее| вот что| это)?"
    r"|хочу,? чтобы (?:ты знал|вы знали)|поправка|уточнение|обновление)"
    r"(?:\s*[,:.!—–]+\s*|\s+-\s+|\s+)(?:(?:that|что)\s+)?)+",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"[.!;…]+\s+\S")
_NO_STATEMENT = re.compile(
    r"\?|^(?:what|who|whom|whose|which|when|where|why|how|is|are|am|do|does|did|can|could|will|would|should|shall"
    r"|may|has|have|had|if|unless|suppose|supposing|imagine|assume|assuming|let's|pretend|maybe|perhaps"
    r"|что|кто|кого|кому|чей|чья|чье|какой|какая|какое|какие|когда|где|куда|откуда|почему|зачем|как|сколько|разве"
    r"|неужели|если|представь(?:те)?|допустим|предположим|пусть|может|возможно|наверное)\b|\b(?:ли|бы)\b",
    re.IGNORECASE,
)
_DENIAL = re.compile(
    r"(?:not?|never|none|nothing|unknown|no longer|не|нет|ни|никогда|неизвест\w*)\b", re.IGNORECASE
)
_CLAUSE = re.compile(
    r"\b(?:i|i'm|we|my|our|he|she|they|я|мы|мой|моя|мое|мои|мне|меня|он|она|они)\b"
    r"|\b(?:but|because|although|unless|if|or|но|потому|хотя|если|или)\b"
    r"|\b(?:and|и|а)\s+(?:the|works?|study|have|has|am|is|was|live|love|like|работаю|учусь|люблю|живу|играю)\b",
    re.IGNORECASE,
)

_VALUE = r"(?P<value>\S.*?)[\s.!)]*"
_BE = r"(?: is| are| will be| has changed to| changed to| became|'s)(?: now| actually| currently| still)?"
_NOUN = r"(?P<noun>[\w'/&-]+(?: [\w'/&-]+){0,4}?)"
_PROPER = r"(?P<value>(?-i:[A-ZА-Я\d]).*?)[\s.!)]*"
_NAME = r"(?P<value>(?-i:[A-ZА-Я])[\w'-]+(?: (?-i:[A-ZА-Я])[\w'-]+)?)[\s.!]*"
_RU_BE = r"(?: (?:теперь|сейчас))?(?:\s*[—–]\s*| - | (?:это|теперь|сейчас|будет|стал[аио]?|называется) )"
_NOW = r"(?: (?:now|currently|still|just|recently))*"
_RU_NOW = r"(?: (?:теперь|сейчас|уже|недавно))*"
_FAVOURITE = r"(?:all-time |very )?favou?rite "
_RU_FAVOURITE = r"мо(?:й|я|е) (?:сам(?:ый|ая|ое) )?любим(?:ый|ая|ое) (?P<noun>\w+(?: \w+)?)"

_SENTENCES: tuple[tuple[str, _Key], ...] = (
    (rf"(?:my (?:first )?name{_BE}|i(?:'m| am) called) {_VALUE}", _user("name")),
    (rf"(?:(?:you can )?call me|(?:зови|называй)(?:те)? меня) {_NAME}", _user("name")),
    (rf"(?:меня зовут|зовут меня) {_VALUE}", _user("name")),
    (rf"мое имя(?:{_RU_BE}|: ){_VALUE}", _user("name")),
    (rf"(?:i|we){_NOW} live{_NOW} (?:in|at|near) {_PROPER}", _user("home")),
    (
        rf"(?:i|we)(?:'ve|'m|'re| have| am| are)?{_NOW} (?:moved|relocated|living|based) (?:to|in) {_PROPER}",
        _user("home"),
    ),
    (
        rf"(?:(?:я|мы){_RU_NOW} )?(?:живу|живем|переехал[аи]?){_RU_NOW} (?:в|во|на|под) (?:городе? )?{_PROPER}",
        _user("home"),
    ),
    (r"i(?:'m| am)(?: now)? (?P<value>\d{1,3}|[a-z-]+) years? old[\s.!]*", _user("age")),
    (rf"мне{_RU_NOW} (?P<value>[\w-]+(?: [\w-]+)?) (?:лет|года?)[\s.!]*", _user("age")),
    (rf"my birthday{_BE} {_VALUE}", _user("birthday")),
    (rf"i was born (?:in|on) {_VALUE}", _born),
    (rf"я родил(?:ся|ась) (?:(?:в|на) )?{_VALUE}", _born),
    (rf"(?:мой день рождения|день рождения у меня)(?:{_RU_BE}|:? ){_VALUE}", _user("birthday")),
    (rf"i{_NOW} work{_NOW} (?:at|for) {_PROPER}", _user("employer")),
    (rf"i{_NOW} work{_NOW} as {_VALUE}", _user("job")),
    (rf"я{_RU_NOW} работаю{_RU_NOW} (?:в|во|на) {_PROPER}", _user("employer")),
    (rf"я{_RU_NOW} работаю{_RU_NOW} (?P<value>[\w-]+(?:ом|ем|ой|ей))[\s.!]*", _user("job")),
    (rf"i{_NOW} study{_NOW} (?:at|in) {_PROPER}", _user("school")),
    (rf"я{_RU_NOW} учусь{_RU_NOW} (?:в|во|на) {_PROPER}", _user("school")),
    (rf"my {_FAVOURITE}{_NOUN}{_BE} {_VALUE}", _favourite),
    (rf"(?P<value>.+?) (?:is|are) my {_FAVOURITE}{_NOUN}[\s.!]*", _favourite),
    (rf"{_RU_FAVOURITE}(?:{_RU_BE}|: ){_VALUE}", _favourite),
    (rf"(?P<value>.+?)(?:\s*[—–]\s*| - )(?:это )?{_RU_FAVOURITE}[\s.!]*", _favourite),
    (rf"(?:my|our) (?P<noun>\w+)(?: is (?:called|named)|'s name{_BE}) {_VALUE}", _named),
    (rf"the name of (?:my|our) (?P<noun>\w+){_BE} {_VALUE}", _named),
    (rf"(?:my|our) (?P<noun>\w+){_BE} {_NAME}", _named),
    (rf"(?:мою|моего|нашу|нашего) (?P<noun>\w+) зовут {_VALUE}", _named),
    (rf"(?:мо[йяе]|наша?) (?P<noun>\w+){_RU_BE}{_NAME}", _named),
    (
        (
            rf"(?:my|our|the) {_NOUN}(?: is| starts| begins| leaves| takes place| will be| moved"
            rf"| (?:was|is|got|has been) (?:moved|rescheduled|postponed))(?: now)? (?:on|at|to) {_VALUE}"
        ),
        _event,
    ),
    (
        (
            rf"(?:(?:мой|моя|мое|наш|наша) )?{_NOUN}(?: (?:будет|начинается|начнется|состоится|перенесли"
            rf"|перенесен[ао]?|теперь))*(?: | - |\s*[—–]\s*)(?:в|во|на) {_VALUE}"
        ),
        _event,
    ),
    (rf"(?:(?P<my>my)|(?P<our>our)|the) {_NOUN}: {_VALUE}", _attribute),
    (rf"(?:(?P<my>мо[йяе])|(?P<our>наш[ае]?)) {_NOUN}: {_VALUE}", _russian_attribute),
    (rf"(?:(?P<my>my) |(?P<our>our) |the |(?=[\w-]+'s )){_NOUN}{_BE} {_VALUE}", _attribute),
    (rf"(?:(?P<my>мо[йяе]) |(?P<our>наш[ае]?) )?{_NOUN}{_RU_BE}{_VALUE}", _russian_attribute),
)
"""What is understood; the first sentence that fits and gives a key decides."""

_NOTES: tuple[tuple[str, _Key], ...] = (
    (rf"(?P<my>)(?P<our>){_NOUN}: {_VALUE}", _attribute),
    (rf"(?P<my>)(?P<our>){_NOUN}: {_VALUE}", _russian_attribute),
)
"""What is understood when asked to remember it; otherwise "file name: x" is a part of some task."""


def _compiled(sentences: tuple[tuple[str, _Key], ...]) -> tuple[tuple[re.Pattern[str], _Key], ...]:
    return tuple((re.compile(pattern, re.IGNORECASE), key_of) for pattern, key_of in sentences)


_RULES = _compiled(_SENTENCES)
_NOTED_RULES = (*_RULES, *_compiled(_NOTES))
