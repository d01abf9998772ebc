"""History and question to a question that stands alone, by rules.

The topic carries over from earlier questions. Of an earlier answer only the name of the person comes along whom "he" or
"she" means: it tells what to search for, and facts are read from the articles anew.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence

from assistant.answer import Turn
from assistant.lexical import stems

# What people say before they ask.
_FILLER = re.compile(
    r"^(?:(?:i see|interesting|yes|no|ok(?:ay)?|sure|thanks|thank you|great|good|cool|wow|alright|all right|right"
    r"|hm+|well|now|please)\b[\s,.!;:–-]+)+",
    re.I,
)
_REQUEST = re.compile(
    r"^(?:(?:please|can|could|would)\s+(?:you\s+)?(?:please\s+)?)?"
    r"(?:(?:further\s+)?(?:tell|let|give|show|explain|describe)(?:\s+me)?(?:\s+know)?"
    r"|i(?:['’]d| would)?\s+(?:like|love|want|wish)\s+to\s+(?:know|hear|learn)|i(?:\s+am|['’]m)\s+interested\s+in)\b",
    re.I,
)
# Words of questions that name no topic.
_GENERAL = frozenset(
    stems(
        """tell know more like interested kind type example want hear learn please thing explain anything something
        lot many way people name different various exactly detail become happen say make use get first last still now
        much"""
    )
)
_TOPIC_WORDS = 3
_SHORT = 3  # content words; a question with more of them rarely leaves its topic to the conversation
# A name behind one of these says where or when, not what the question is about: "the varieties in Italy".
_MODIFIES = re.compile(r"\b(?:in|from|at|during|within|among)\s+(?:the\s+)?$", re.I)

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
# "That" points back behind a verb or a preposition; behind a noun it begins a clause.
_DEMONSTRATIVE = re.compile(
    r"\b(?:this|these|those|(?:is|was|did|does|of|in|on|to|about|after|before|over|by|for|with|from|than) that"
    r"|the (?:rest|remainder|others?|same|deal|company|firm|agreement|case|suit|former|latter))\b",
    re.I,
)
_NOW = re.compile(r"(?:now|nowadays|today|currently|at present|these days)", re.I)
_DATED = re.compile(r",?\s*\b(?:in|of|since|by|until|during|from)\s+(?:[A-Z][a-z]+\s+)?(?:19|20)\d\d\b")
_ASKS_A_THING = re.compile(
    r"(?:what|which)\s+(?!is|was|are|were|did|do|does|has|have|had|will|would|can|became)\w+", re.I
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

    INSCIT's lesson is that pasting the conversation in ruins the search: a question that stands alone, or turns to
    another topic, gets nothing.
    """
    question = question.strip()
    if not history:
        return question
    topic = _topic(history)
    bare = _FILLER.sub("", question)
    core = _CONNECTIVE.sub("", bare)
    if not core:
        return question
    if _BARE.match(core):
        return f"{topic.rstrip('?!. ')} – {_lower_first(core)}"
    about = _ABOUT.match(core)
    leans = _PERSON.search(core) or _THING.search(core) or _DEMONSTRATIVE.search(core)
    short = core != bare and len(core.split()) <= 4 and not _has_verb(core) and not leans
    if about or short:
        what = (about["what"] if about else core).rstrip("?!. ")
        if _NOW.fullmatch(what):
            return f"{_DATED.sub('', topic).rstrip('?!. ')} now?"
        return _substituted(topic, what) or f"{topic.rstrip('?!. ')} – what about {what}?"
    resolved = _resolve_pronouns(core, topic, history[-1].answer)
    if resolved != core:
        return _upper_first(resolved)
    if (leans and not _names(core)) or _ENDS_BACK.search(core):
        return _with_topic(core, topic.rstrip("?!. "))
    if subject := _missing_subject(core, topic, history):
        return _with_topic(core, subject)
    return question if bare == question else _upper_first(bare)


def _with_topic(question: str, topic: str) -> str:
    flat = re.sub(r"\s*\((.*)\)", r", \1", topic)  # the topic may itself have been given one
    return f"{_upper_first(question).rstrip('?!. ')} ({flat})?"


def _missing_subject(question: str, topic: str, history: Sequence[Turn]) -> str:
    """The conversation's topic in a few words, where the question is short and has no subject of its own; else nothing.

    A question that shares a word with the conversation, or names what it is about, stands alone.
    """
    own = set(_topic_stems(question))
    latest = _topic_stems(topic)
    said = [*(_topic_stems(turn.question) for turn in history[:-1]), latest]
    if len(own) > _SHORT or own & {stem for words in said for stem in words}:
        return ""
    if _subjects(_REQUEST.sub("", question).removeprefix(" about")):
        return ""
    counts = Counter(stem for words in said for stem in set(words))
    repeated = [stem for stem in latest if counts[stem] > 1] or [stem for stem, count in counts.items() if count > 1]
    texts = (*(turn.question for turn in history), topic)
    words = {stem: word for text in texts for word in text.split() for stem in stems(word)}
    named = [words[stem].strip("?!.,;:()“”\"'") for stem in (repeated or latest)[:_TOPIC_WORDS]]
    return " ".join(dict.fromkeys(named))


def _subjects(text: str) -> list[str]:
    """The names that tell what a text is about, not where or when."""
    return [name for name in _names(text) if not _MODIFIES.search(text[: text.find(name)])]


def _topic_stems(question: str) -> list[str]:
    """The content words of a question, stemmed, without those that only ask."""
    asked = _REQUEST.sub("", _FILLER.sub("", question))
    return [stem for stem in dict.fromkeys(stems(asked)) if stem not in _GENERAL]


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
    # "… in Italy?", "and in France?": the like place or time.
    if place := re.fullmatch(r"(in|at|from|during) (.+)", what):
        for name in _names(topic):
            like = rf"\b{place[1]} (?:the )?{re.escape(name)}(?!\w)"
            if new and re.search(like, topic):
                return re.sub(like, what, topic)
    if len(new) != 1 or new[0] != what.removeprefix("the "):
        years = re.findall(r"\b(?:19|20)\d\d\b", topic)
        year = re.fullmatch(r"(?:in )?((?:19|20)\d\d)", what)
        return topic.replace(years[0], year[1]) if year and len(years) == 1 else None
    others = [name for name in _names(topic) if name != what]
    if len(others) == 1:
        return re.sub(rf"\b{re.escape(others[0])}\b", what, topic)
    # "How much did Microsoft invest in OpenAI?", "and Amazon?": the one who acts comes first.
    return re.sub(rf"\b{re.escape(others[0])}\b", what, topic, count=1) if others and what not in topic else None


def _resolve_pronouns(question: str, topic: str, answer: str) -> str:
    names = [name for name in _subjects(topic) if name not in question]
    people = [name for name in names if _is_person(name)]
    if _PERSON.search(question) and not people:
        people = list(dict.fromkeys(name for name in _names(answer) if _is_person(name) and name not in question))

    def put(name: str) -> Callable[[re.Match[str]], str]:
        def replace(match: re.Match[str]) -> str:
            word = match.group().casefold()
            possessive = word in _POSSESSIVE or (word == "her" and re.match(r"\s+[a-z]", question[match.end() :]))
            return f"{name}'s" if possessive else name

        return replace

    # Only where it is plain who is meant; else the topic is given along.
    if _PERSON.search(question) and len(people) == 1:
        return _PERSON.sub(put(people[0]), question, count=1)
    # "What stake did Microsoft get?", "What is it worth?": it is the stake.
    if _THING.search(question) and not _names(question) and len(names) == 1 and not _ASKS_A_THING.match(topic):
        return _THING.sub(put(names[0]), question, count=1)
    return question


def _is_person(name: str) -> bool:
    """Whether a name is of two or three words as people's are: "Sam Altman", not "Microsoft AI"."""
    words = name.split()
    return 2 <= len(words) <= 3 and all(
        re.fullmatch(r"[A-Z][a-z’'-]+(?:[A-Z][a-z]+)?|[A-Z]\.?", word) for word in words
    )


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
