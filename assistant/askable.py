"""Questions made from an article's own sentences.

A sentence is turned round only where rules for English are sure of it: a named subject, a verb of a known form, and a
date, an amount, a reason or a description. Whatever is doubtful makes no question.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from assistant.articles import Article
from assistant.lexical import STOP_WORDS
from assistant.passages import split_passages
from assistant.reading.question import MONTHS

_LONGEST, _SHORTEST_WORDS = 110, 5
_LONGEST_SENTENCE = 400

# Verbs of the news, past form and base; both the past tense and the participle where they are the same.
_PAST = dict(
    pair.split(":")
    for pair in """accepted:accept acquired:acquire added:add adopted:adopt agreed:agree announced:announce
    appointed:appoint approved:approve asked:ask awarded:award backed:back banned:ban bought:buy blocked:block
    borrowed:borrow broke:break brought:bring built:build cancelled:cancel canceled:cancel changed:change chose:choose
    claimed:claim closed:close committed:commit completed:complete confirmed:confirm created:create cut:cut
    decided:decide declined:decline delayed:delay dismissed:dismiss donated:donate dropped:drop earned:earn
    ended:end expanded:expand extended:extend filed:file fired:fire founded:found gained:gain gave:give
    granted:grant halted:halt hired:hire increased:increase introduced:introduce invested:invest
    issued:issue joined:join launched:launch leased:lease left:leave lent:lend licensed:license lost:lose
    made:make met:meet merged:merge missed:miss moved:move named:name offered:offer opened:open
    ordered:order paid:pay passed:pass pledged:pledge postponed:postpone presented:present promised:promise
    proposed:propose published:publish pulled:pull purchased:purchase quit:quit raised:raise
    received:receive recorded:record reduced:reduce refused:refuse registered:register rejected:reject
    released:release removed:remove renewed:renew replaced:replace reported:report requested:request
    resigned:resign restored:restore retired:retire returned:return reversed:reverse revealed:reveal
    sacked:sack secured:secure sent:send settled:settle shipped:ship shut:shut signed:sign sold:sell
    spent:spend started:start stopped:stop sued:sue suspended:suspend switched:switch terminated:terminate
    took:take transferred:transfer turned:turn unveiled:unveil voted:vote warned:warn withdrew:withdraw
    won:win""".split()
)
# Third person of the present of the same verbs and of a few that need no past form here.
_PRESENT = {
    base[:-1] + "ies"
    if re.search(r"[^aeiou]y$", base)
    else base + ("es" if re.search(r"(?:[sxz]|[cs]h)$", base) else "s"): base
    for base in {*_PAST.values(), *"own hold employ owe charge get run cost need want allow keep let forbid".split()}
}
_PARTICIPLES = frozenset(_PAST) - {"broke", "chose", "gave", "took", "withdrew", "quit", "shut", "left", "resigned"} | {
    "broken", "chosen", "given", "taken", "withdrawn"
}  # fmt: skip

_NAME = r"[A-Z][\w&’'-]*[^\W_](?:\.\d+)?"
_JOINED = r"(?:(?:of|for|de|van|von|the) )"
_NAMES = rf"{_NAME}(?: {_JOINED}?{_NAME})*"
_OF = rf"(?: (?:against|with|of|to|in|on) {_NAMES}(?: and {_NAMES})?)"
_SUBJECT = rf"(?P<subject>{_NAMES}(?:['’]s(?: [a-z]+){{1,2}}{_OF}?)?(?: and {_NAMES})?)"
_MONTH = "|".join(sorted({month.capitalize() for month in MONTHS if len(month) > 3 or month == "may"}))
_DATE = (
    rf"(?:on (?:[A-Z][a-z]+day )?\d{{1,2}} (?:{_MONTH}) \d{{4}}|on (?:{_MONTH}) \d{{1,2}}, \d{{4}}"
    rf"|in (?:early |late )?(?:{_MONTH}) \d{{4}}|in \d{{4}})"
)
_FIRST = rf"(?:(?P<first>{_DATE.replace('on ', '[Oo]n ').replace('in ', '[Ii]n ')}),? )?"
_ABOUT = r"(?:about|around|roughly|nearly|almost|over|more than|at least|up to|some|another)"
_MONEY = rf"(?:{_ABOUT} )?(?:an? )?(?:US)?[$€£]\d[\d.,]*(?: (?:thousand|million|billion|trillion))?"
_SHARE = rf"(?:an? )?(?:{_ABOUT} )?\d[\d.]*(?:%|[ -]per ?cent)"
_VERB = rf"(?P<verb>{'|'.join(sorted(_PAST, key=len, reverse=True))})"
_DID = re.compile(rf"^{_FIRST}{_SUBJECT} {_VERB}(?P<rest>(?: .*)?)\.$")
_WAS = re.compile(
    rf"^{_FIRST}{_SUBJECT} (?P<be>was|were) "
    rf"(?P<verb>{'|'.join(sorted(_PARTICIPLES, key=len, reverse=True))})(?P<rest>(?: .*)?)\.$"
)
_DOES = re.compile(rf"^{_SUBJECT} (?P<verb>{'|'.join(sorted(_PRESENT, key=len, reverse=True))})(?P<rest> .*)\.$")
_HAS = re.compile(
    rf"^{_SUBJECT} (?P<be>has|have) (?P<verb>{'|'.join(sorted(_PARTICIPLES, key=len, reverse=True))})(?P<rest> .*)\.$"
)
_IS = re.compile(rf"^{_SUBJECT} (?P<be>is|are|was|were)(?P<rest> .*)\.$")
# "NAME, a maker of things," and "NAME is a maker of things".
_IS_A = re.compile(
    rf"(?:^|(?P<before>\w+) )(?P<subject>{_NAMES})(?:, (?P<apart>an?|the) | is (?:an?|the) )"
    r"(?P<what>[a-z][^,;:.()]{8,90})[,.]"
)
_PEOPLE = re.compile(
    r"^(?:\w+ )?(?:man|woman|chief|head|founder|co-founder|judge|lawyer|president|chair\w*|professor|minister"
    r"|executive|director|analyst|engineer|researcher|writer|journalist|spokes\w+|senator|governor|mayor|economist|scientist)\b"
)
# Where a clause ends; what comes behind it is another statement.
_CLAUSE = re.compile(
    r"\s*(?:[,;:(—–]|--| (?:but|while|whereas|when|after|before|which|who|whose|because|since|so that|although|though"
    r"|under which|in which|where|until|unless|if|as|than|that|and then|saying|including|with(?! [A-Z])|without|despite"
    r"|according|following|bringing|making|leaving|giving|meaning|alongside)(?= ))"
)
# Between two statements that stand side by side.
_SEAM = re.compile(rf"(?:, (?:and|but|while|whereas)|;|:) (?={_NAMES}(?:['’]s [a-z]+)? [a-z])")
# Words that lean on what was said before, or make a statement of another kind out of the clause.
_LEANS = frozenset(
    """it they he she him them this that these those such same also too then there here however instead former latter
    latest both neither either each one ones other others another again not never no nor only already still even yet
    itself himself herself themselves earlier later first second third last next previous above below more most less
    said says would could should might will can may did does do had has have having been be""".split()
)
_POSSESSIVE = frozenset("its their his her".split())
# A thing that is "the …" is known to whoever read the article; a question must say which one is meant.
_KNOWN = re.compile(r"\bthe (?=[a-z])", re.I)
_KNOWN_BY = re.compile(r"[a-z][\w-]*(?: [a-z][\w-]*)? of (?!the\b)")
_RARE = 5  # occurrences in its article up to which a name may need an introduction


@dataclass(frozen=True)
class Candidate:
    """A question and the sentence that it was made from."""

    question: str
    kind: str
    article_id: str
    start: int
    end: int


def candidates(article: Article) -> list[Candidate]:
    """The questions that can be made from an article's sentences, in their order; none for other languages."""
    if not article.language.casefold().startswith("en"):
        return []
    out: list[Candidate] = []
    for passage in split_passages(article):
        for span in passage.sentences:
            sentence = span.of(article.text)
            if len(sentence) <= _LONGEST_SENTENCE and "\n" not in sentence:
                out += [
                    Candidate(question, kind, article.id, span.start, span.end)
                    for kind, question in _questions(sentence, article.text)
                ][:1]
    return out


def _questions(sentence: str, text: str) -> Iterator[tuple[str, str]]:
    """Kind and wording of what a sentence can be asked for, the first clause's first."""
    for clause in _SEAM.split(sentence.removesuffix(".")):
        yield from _of_clause(f"{clause}.", text)
    for match in _IS_A.finditer(sentence):
        if _is_told(match, text):
            yield "what", f"{'Who' if _PEOPLE.match(match['what']) else 'What'} is {match['subject']}?"


def _of_clause(sentence: str, text: str) -> Iterator[tuple[str, str]]:
    for pattern, make in ((_DID, _did), (_WAS, _was), (_DOES, _does), (_HAS, _has), (_IS, _is)):
        if (match := pattern.match(sentence)) and _is_name(match["subject"], text):
            for kind, question in make(match):
                if _good(question, match["subject"]):
                    yield kind, question


def _did(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    start = f"did {match['subject']} {_PAST[match['verb']]}"
    yield from _why(start, match["rest"])
    yield from _amount(start, match["rest"], match["first"])
    yield from _when(start, match["rest"], match["first"])


def _was(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    start = f"{match['be']} {match['subject']} {match['verb']}"
    yield from _why(start, match["rest"])
    yield from _when(start, match["rest"], match["first"])


def _does(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    start = f"does {match['subject']} {_PRESENT[match['verb']]}"
    if " and " not in match["subject"]:
        yield from _why(start, match["rest"])
        yield from _amount(start, match["rest"], None)


def _has(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    start = f"{match['be']} {match['subject']} {match['verb']}"
    yield from _why(start, match["rest"])
    yield from _amount(start, match["rest"], None)


def _is(match: re.Match[str]) -> Iterator[tuple[str, str]]:
    yield from _why(f"{match['be']} {match['subject']}", match["rest"])


def _why(start: str, rest: str) -> Iterator[tuple[str, str]]:
    said, because, reason = rest.partition(" because ")
    said = re.sub(rf",? {_DATE}$", "", said.rstrip(","))
    if because and len(reason.split()) > 2 and not _CLAUSE.search(said):
        yield "why", f"Why {start}{said}?"


def _when(start: str, rest: str, first: str | None) -> Iterator[tuple[str, str]]:
    if first:
        said = _clause(rest)
        if said.strip() and not re.search(_DATE, said):
            yield "when", f"When {start}{said}?"
    elif found := re.search(rf" (?P<date>{_DATE})(?P<after>.*)$", rest):
        said = rest[: found.start()]
        if not _CLAUSE.search(said) and not re.search(r"\d{4}", said) and not re.match(r" to \d", found["after"]):
            yield "when", f"When {start}{said}?"


def _amount(start: str, rest: str, first: str | None) -> Iterator[tuple[str, str]]:
    day = f" {first[0].lower()}{first[1:]}" if first else ""
    if found := re.match(rf" {_MONEY}(?P<after>(?: (?:in|to|into|for|on|from)\b.*)?)$", rest):
        yield "amount", f"How much money {start}{_dated(found['after'], day)}?"
    elif found := re.match(
        rf" {_SHARE}(?: (?:stake|share|interest))?(?: of| in) (?P<whole>{_NAMES})(?P<after>.*)$", rest
    ):
        yield "amount", f"What share of {found['whole']} {start}{day}?"
    elif found := re.match(rf" (?:{_ABOUT} )?\d[\d,]* (?P<what>[a-z]+s)(?P<after>.*)$", rest):
        yield "amount", f"How many {found['what']} {start}{_dated(found['after'], day)}?"


def _dated(rest: str, day: str) -> str:
    """The rest of a clause without "in a deal", which says nothing; with the day, unless it names one itself."""
    said = re.sub(r" (?:in|as part of) an? [a-z-]+(?: [a-z-]+)?$", "", _clause(rest))
    return said if re.search(r"\d{4}", said) else said + day


def _clause(rest: str) -> str:
    """The words of the clause after its verb, as far as they certainly belong to it."""
    end = _CLAUSE.search(rest)
    said = rest[: end.start()] if end else rest
    # "and" may join two names, and anything else may begin behind it.
    cut = re.search(rf" and (?!{_NAME}(?:$| (?:in|on|to|for|of|from)\b))", said)
    return said[: cut.start()] if cut else said


def _is_name(subject: str, text: str) -> bool:
    """Whether the capitalised words at the beginning are a name: they stand so within sentences too, and not small."""
    name = re.split(r"['’]s\b| (?:and|of|for) ", subject)[0].split()
    if name[0].casefold() in STOP_WORDS or name[0] in {month.capitalize() for month in MONTHS}:
        return False
    inside = any(re.search(rf"[\w,] {re.escape(word)}\b", text) for word in name)
    return inside and not re.search(rf"\b{re.escape(name[0].lower())}\b", text)


def _is_told(match: re.Match[str], text: str) -> bool:
    """Whether the words behind a name tell what it is, and it is not what the whole article is about."""
    name, what = match["subject"], match["what"]
    before = (match["before"] or "").casefold()
    if before in ("in", "at", "from", "on", "and", "or", "to", "near", "of") or "'s" in name or "’s" in name:
        return False
    if match["apart"] and not match.group().endswith((",", ".")):
        return False
    empty = {"different", "case", "matter", "question", "thing", "separate", "similar", "part", "kind", "sort", "name"}
    verbs = set(what.split()) & (empty | _LEANS | _PAST.keys() | {"is", "are", "was", "were"} | _PRESENT.keys())
    return text.count(name) <= _RARE and not verbs and _is_name(name, f"x {text}")


def _good(question: str, subject: str) -> bool:
    """Whether a question can stand alone: long enough, nothing in it leans on what the article said before."""
    words = re.findall(r"[\w$%’'-]+", question)
    rest = question.replace(subject, "", 1)
    loose = {word.casefold() for word in re.findall(r"[^\W\d_]+", rest)} - {
        "did",
        "does",
        "has",
        "have",
        "much",
        "many",
    }
    if not len(words) >= _SHORTEST_WORDS or len(question) > _LONGEST or loose & _LEANS:
        return False
    if re.search(r"[“\"]|\b(?:and|or|of|to|the|an?|in|on|for|by|from|at|with)\?$|\ban? [A-Z][\w-]*\?$", question):
        return False
    last = words[-1].casefold()
    if last in _PARTICIPLES and not question.startswith(("When was", "When were", "Why was", "Why were")):
        return False
    # "Its" is the subject's where there is one subject before it.
    if loose & _POSSESSIVE and " and " in subject:
        return False
    if (
        question.startswith("When")
        and " and " not in subject
        and not re.search(r"[A-Z\d]|\b(?:its|their|his|her)\b", rest[4:])
    ):
        return False
    return all(_KNOWN_BY.match(rest, found.end()) for found in _KNOWN.finditer(rest))
