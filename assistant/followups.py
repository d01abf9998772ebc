"""History and question to a question that stands alone, by rules; facts of earlier answers never come along."""

import re
from collections.abc import Callable, Sequence

from assistant.answer import Turn

_CONNECTIVE = re.compile(r"^(?:and|but|so|or|ok(?:ay)?|then|also)\b[\s,]*", re.I)
_ABOUT = re.compile(r"^(?:what|how) about\s+(?P<what>.+?)\??$", re.I)
_BARE = re.compile(
    r"^(?:why(?: not)?|when|where|who|how|how so|how much|how many|how come|since when|until when|by whom|which ones?"
    r"|what else|anything else|who else|tell me more|more|go on|really|are you sure|explain|and then"
    r"|what happened(?: next| then)?)\s*[?.!]*$",
    re.I,
)
_PERSON = re.compile(r"\b(he|she|him|her|his|hers)\b", re.I)
_THING = re.compile(r"\b(it|its|they|them|their|theirs)\b", re.I)
_DEMONSTRATIVE = re.compile(
    r"\b(?:this|that|these|those|the (?:same|deal|company|firm|agreement|case|suit|former|latter))\b", re.I
)
_ENDS_BACK = re.compile(r"\b(?:this|that|these|those|him|her|it|them)\s*[?.!]*$", re.I)
_NAME = re.compile(r"[A-Z][\w’'-]*[^\W_]|[a-z]+[A-Z]\w*")
_NOT_NAMES = frozenset(
    """what who when where why how which did does do is are was were has have had can could will would should may might
    the a an and or but in on at to of for from by with if since until according tell name list give please as
    i""".split()
)
_POSSESSIVE = frozenset(("his", "its", "their", "theirs", "hers"))


def standalone_question(question: str, history: Sequence[Turn]) -> str:
    """The question with what it leaves to the conversation put in; unchanged where it stands alone.

    Only earlier *questions* are drawn on, so that the topic carries over and an earlier answer's facts do not.
    """
    question = question.strip()
    if not history:
        return question
    topic = _topic(history)
    core = _CONNECTIVE.sub("", question)
    if _BARE.match(core):
        return f"{topic.rstrip('?!. ')} – {_lower_first(core)}"
    about = _ABOUT.match(core)
    elliptic = about is not None or (core != question and len(core.split()) <= 4 and not _has_verb(core))
    if elliptic:
        what = (about["what"] if about else core).rstrip("?!. ")
        return _substituted(topic, what) or f"{topic.rstrip('?!. ')} – what about {what}?"
    resolved = _resolve_pronouns(core, topic)
    if resolved != core:
        return resolved[:1].upper() + resolved[1:]
    leans = _PERSON.search(core) or _THING.search(core) or _DEMONSTRATIVE.search(core)
    if (leans and not _names(core)) or _ENDS_BACK.search(core):
        return f"{core.rstrip('?!. ')} ({topic.rstrip('?!. ')})?"
    return question


def _topic(history: Sequence[Turn]) -> str:
    """The last question, itself made to stand alone by what came before it."""
    topic = history[0].question.strip()
    for place in range(1, len(history)):
        topic = standalone_question(history[place].question, [Turn(question=topic, answer="")])
    return topic


def _names(text: str) -> list[str]:
    """Names in order, neighbours joined: "Sam Altman", "OpenAI"; the question words that begin sentences are none."""
    names: list[str] = []
    end = -2
    for match in _NAME.finditer(text):
        word = re.sub(r"[’']s$", "", match.group())
        if word.casefold() in _NOT_NAMES:
            continue
        if names and match.start() == end + 1 and text[end] == " ":
            names[-1] += f" {word}"
        else:
            names.append(word)
        end = match.end()
    return names


def _has_verb(text: str) -> bool:
    return bool(
        re.search(r"\b(?:is|are|was|were|did|does|do|has|have|had|can|could|will|would|should|may|might)\b", text, re.I)
    )


def _substituted(topic: str, what: str) -> str | None:
    """The topic with its one fitting name replaced by `what`; nothing where it is not plain which."""
    new = _names(what)
    if len(new) != 1 or new[0] != what.removeprefix("the "):
        years = re.findall(r"\b(?:19|20)\d\d\b", topic)
        year = re.fullmatch(r"(?:in )?((?:19|20)\d\d)", what)
        return topic.replace(years[0], year[1]) if year and len(years) == 1 else None
    others = [name for name in _names(topic) if name != what]
    if len(others) == 1:
        return re.sub(rf"\b{re.escape(others[0])}\b", what, topic)
    # "How much did Microsoft invest in OpenAI?", "and Amazon?": the one who acts comes first.
    return re.sub(rf"\b{re.escape(others[0])}\b", what, topic, count=1) if others and what not in topic else None


def _resolve_pronouns(question: str, topic: str) -> str:
    names = [name for name in _names(topic) if name not in question]
    people = [name for name in names if " " in name]

    def put(name: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            word = match.group().casefold()
            possessive = word in _POSSESSIVE or (word == "her" and re.match(r"\s+[a-z]", question[match.end() :]))
            return f"{name}'s" if possessive else name

        return replace

    # Only where it is plain who is meant; else the topic is given along.
    if _PERSON.search(question) and len(people) == 1:
        return _PERSON.sub(put(people[0]), question, count=1)
    if _THING.search(question) and not _names(question) and len(names) == 1:
        return _THING.sub(put(names[0]), question, count=1)
    return question


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]
