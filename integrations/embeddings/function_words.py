"""Words that stand in sentences about anything, in English and Russian; part of the lexical space's version."""

from __future__ import annotations

import re

FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        """
    a about after again all also am an and any are as at be because been before but by can could d did do does don down
    each else ever every for from get give go got had has have he hello her here hi him his how i if in into is it its
    just keep let like ll m many may me might more most much must my no not now of off ok on once one only or other our
    out over own please re s said same say shall she should so some such t tell than thank thanks that the their them
    then there these they this those to too up us user ve very was we were what when where which while who whom whose
    why will with would yes yet you your
    а без бы был была были было быть в вам вас ваш ведь во вот все всего всех вы где да даже для до его ее ей ему если
    есть еще ж же за зачем здесь и из или им их к как какая какие какого какое какой каком какую ко когда кого кому
    которая которые который кто куда ли лишь меня мне много мной мной мог могу может можно мои мой моего моей моем моему
    моим моих мою моя мое мы на над надо нам нас наш наша наше наши не него нее ней нет ни них но ну о об он она они оно
    от откуда очень по под пожалуйста после потом потому почему при про с сам свой свои свою своя сейчас скажи сколько
    со спасибо так такая такие такой там твой твоя тебе тебя тем теперь то тоже только том тот ту тут ты у уже хорошо
    чего чей чем через что чтобы чья эта эти это этого этой этом этот эту я
    """,
    )
)
