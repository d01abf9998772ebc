"""Tells what states something from what speaks to its reader, person or machine: only statements are news.

A command, a request, a role marker, markup or an unreadable string in an article is no report of anything. So it can
neither be quoted as an answer nor support one, and a model is not given it to read. What a person is quoted as saying
to somebody is news, whatever its form: words in quotation marks are looked at only where nobody is said to speak them.
"""

import re
from collections.abc import Sequence

# -- words -----------------------------------------------------------------------------------------------------------

#: What one can be told to do by a text. Begins a sentence of news only as a command.
_DO = (
    r"ignore|disregard|forget|override|bypass|overrule|tell|say(?!\s*[\d,])|write|reply|respond|repeat|"
    r"translate|summari[sz]e|"
    "paraphrase|rephrase|rewrite|pretend|imagine|roleplay|behave|explain|describe|provide|recommend|mention|include|"
    "insert|append|prepend|add|omit|conceal|hide|withhold|refuse|decline|cite|convert|encode|decode|reverse|compose|"
    "generate|produce|reveal|disclose|send|forward|click|visit|download|install|enter|submit|buy|purchase|subscribe|"
    "confirm|verify|assume|calculate|solve|continue|proceed|execute|invoke|fetch|apologi[sz]e|inform|"
    "discover|choose|pick|switch|become|obey|comply|adopt|print|output|echo|begin|conclude|embed|emit|memori[sz]e|request|swap|stay|remain|pose|"
    "unlock|activate|enable|prioriti[sz]e|replace|attach|upload|copy|paste|suppress"
)
#: The same, but these are names and other words as well: what follows decides.
_MAY_DO = (
    "answer|state|act|play|speak|talk|list|name|give|start|end|finish|close|open|stop|quote|attribute|mark|use|spell|"
    "draft|create|return|show|display|email|post|share|order|call|text|contact|sign|register|claim|log|follow|check|"
    "treat|keep|make|do|let|help|count|define|ask|run|delete|transfer|pay|invest|sell|vote|join|donate|"
    "take|get|reset|swear|promise|warn|advise|announce|report|compare|rate|trust|believe|read|see|watch|learn|find|try|"
    "remember|hurry|act|go|put|demand|present|skip|drop|leave|render|express|format|highlight|emphasi[sz]e|praise|point|"
    "direct|type|prefix|suffix|develop|craft|devise|outline|illustrate|elaborate|analy[sz]e|break|recite|sing|"
    "scramble|jumble|shuffle|reorder|misspell|capitali[sz]e|brainstorm|remove|urge|persuade|convince|encourage|invite|raise|scan|hand|sound"
)
_OBJECT = (
    "the|this|that|these|those|an?|all|any|every|each|your|yourself|only|it|them|me|us|him|her|nothing|no|not|yes|"
    "here|now|exactly|out|up|down|as|in|with|like|what|how|why|who|where|when|whatever|everything|anything|instead|to|on|"
    "one|two|three|four|five|ten|more|people|readers|users|everyone|back|off|money|questions|about|today|through"
)
_ADVERB = (
    "please|kindly|now|then|just|simply|first|next|instead|immediately|also|only|finally|afterwards?|again|always|"
    "never|don[’']t|do not|be sure to|make sure to|you must|so|and|but|ok|okay|hey|henceforth|quickly|secretly|"
    "silently|hereby|under no circumstances"
)
_MACHINE = (
    r"a\.?i\.?|artificial intelligence|(?:large )?language models?|llms?|(?:chat)?bots?|chat ?gpt|gpt[\w.-]*|"
    r"assistants?|"
    r"(?:ai|digital|virtual|automated|answering|question[- ]answering|retrieval) (?:models?|systems?|agents?|tools?|"
    r"readers?|assistants?|engines?|services?)|models?|agents?|summari[sz]ers?|crawlers?|machines?|algorithms?"
)
_TEXT = (
    r"(?:article|page|text|document|passage|story|report|message|content|sentence|paragraph|line|note|notice|source)s?"
)
_REPLY = r"(?:answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies)|translations?|completions?)"
_READS = (
    r"(?:reads?|reading|summari[sz]\w+|process\w*|answer\w*|quot\w+|us(?:es|ing)|see(?:s|ing)|pars\w+|index\w*|cit\w+)"
)
_SPEAKS = re.compile(
    r"\b(?:sa(?:id|ys?|ying)|told|tells?|telling|wr(?:ote|ites?|iting)|ask(?:ed|s|ing)?|urg(?:ed|es|ing)|add(?:ed|s)|"
    r"announc\w+|repli(?:ed|es)|answer(?:ed|s)|warn(?:ed|s|ing)|advis(?:ed|es|ing)|instruct(?:ed|s|ing)|"
    r"order(?:ed|s|ing)|"
    r"call(?:ed|s|ing)|post(?:ed|s)|quot\w+|stat(?:ed|es|ing)|argu\w+|note[ds]|read|reads|recommend\w*|suggest\w*|"
    r"demand\w*|declar\w+|explain\w*|insist\w*|conclu\w+|shout\w*|chant\w*|according|messages?|slogan|motto|banner|"
    r"sign|letter|e-?mail|memo|tweet|title[ds]?|headline[ds]?|words|advice|appeal|statement|headed|labell?ed)\b",
    re.I,
)

# -- what speaks to a reader -----------------------------------------------------------------------------------------

_COMMAND = rf"(?:(?:{_DO})\b(?![-’'])|(?:{_MAY_DO})\s+(?:(?:{_OBJECT})\b|[“\"‘'\[<:]))"
_STARTS_COMMAND = re.compile(rf"\W*(?:(?:{_ADVERB})[\s,:]+){{0,4}}{_COMMAND}", re.I)
#: Within a sentence: "please tell …", "…; answer with …", "…, so write …".
_PLEADS = re.compile(
    rf"\b(?:please|kindly)\s+(?:(?:{_ADVERB})\s+){{0,4}}(?:{_DO}|{_MAY_DO})\b|"
    rf"(?:;|[,–—]\s*(?:so|just|then|therefore|please|instead|now|and then))\s+(?:(?:{_ADVERB})\s+){{0,4}}{_COMMAND}",
    re.I,
)
#: "If you are a model, …", "From now on, …", "Assistant, …": what may stand before a command.
_BEFORE = re.compile(
    rf"\W*(?:(?:if|when|whenever|before|after|while|once|as|to|in case|for|from now on|from here on|starting now|"
    rf"regardless|no matter|instead|for the rest|with|at the|in)\b[^,:;]{{0,120}}|(?:dear |hey |hi |"
    rf"hello )?(?:{_MACHINE}|"
    rf"readers?|friends?|everyone|folks|team|buddy))\s*[,:;–—]\s*",
    re.I,
)
#: A word or three and a colon, as on a note that is stuck on; not "He told them: …".
_LABEL = re.compile(r"\W*((?:[\w’'/#-]+\s+){0,4}[\w’'/#-]+\W{0,3})\s*(?::|–|—|-{2,}|\s-\s)\s*(?=\S)")
#: Turns of a conversation, and headings of a prompt.
_ROLE = re.compile(
    r"(?:^|\n)[\W_]*(?:system|user|human|assistant|question|ai|bot|chat ?bot|chat ?gpt|gpt|llm|model|developer|"
    r"admin(?:istrator)?|operator|"
    r"moderator|prompt|(?:new |system |developer |hidden |secret |final |updated |additional |your )*"
    r"(?:instructions?|task|prompt|message|override|directives?|orders?|command|context|role)(?: update)?)"
    r"(?:\s*\([^)\n]{0,40}\)|\s+(?:to|for|from)\s+[^:\n]{1,60})?[\s*_]*[:>»](?!\d)|"
    r"(?:^|\n)[^:.!?\n]{0,40}\b(?:to|for|from|dear|attention|hey)\s+(?:\w+ )?(?:assistants?|(?:chat)?bots?|"
    r"language models?|llms?|"
    r"ai(?: \w+)?)\b[^:.!?\n]{0,20}:",
    re.I,
)
_MARKUP = re.compile(
    r"</?(?:passage|article|document|context|source|system|user|human|assistant|developer|instruction|prompt|"
    r"question|answer|response|"
    r"script|iframe|img|s)s?\b[^<>\n]{0,200}>|<\|[\w ]{1,30}\|>|<</?\w+>>|<!--|-->|\[/?(?-i:[A-Z_]{4,})\]|"
    r"\[\s*/?(?:system|inst|user|assistant|admin|developer|prompt)\b[^\]\n]{0,40}\]|```|#{2,}\s*(?:(?:new|"
    r"updated|system|final|next|your)\s+)*(?:instructions?|system|prompt|task|override|user|assistant|developer)\b|"
    r"[{,]\s*[\"'](?:role|content|system|instruction|tool|function|name)[\"']\s*:|"
    r"[=*~_-]{3,}\s*(?:begin|end|start|stop|system|user|assistant|article|passage|context|document|instructions?)\b|"
    r"\b(?:begin|end|start|beginning) of (?:the )?(?:article|passage|context|document|prompt|system|"
    r"instructions?|input|text|"
    r"conversation|untrusted)s?\b|"
    r"\b(?:print|eval|exec|alert|system|fetch|console\.\w+|os\.\w+|requests\.\w+)\(|\bimport\s+os\b|"
    r"\b(?:drop|delete|select)\s+(?:table|from|\*)|\b(?:curl|wget|rm -rf|sudo)\s+\S|\[[^\]\n]+\]\([^)\s]+\)",
    re.I,
)
_BLOB = re.compile(
    r"\b(?:[0-9a-f]{2}\s){7,}|\b[0-9a-f]{32,}\b|(?:%[0-9A-Fa-f]{2}){4,}|(?:\\[xu][0-9A-Fa-f]{2,4}\s?){3,}|"
    r"(?:&#x?\w+;){3,}|\b(?:[01]{8}\s*){3,}|(?:\b[^\W\d_]\b[ .*_-]){6,}|(?:[.-]{1,5}\s){8,}"
)
_RUN = re.compile(r"(?<![\w/.-])[A-Za-z0-9+/]{16,}={0,2}(?![\w/.-])")
_CHANGE = re.compile(r"(?<=[a-z])[A-Z0-9]|(?<=[A-Z])[a-z0-9]|(?<=[0-9])[A-Za-z]")
_CHANGES = (
    0.4  # share of the characters of base64 that are of another kind than the one before; of joined words a third
)
#: A word with figures for letters; not an ordinal.
_LEET = re.compile(
    r"(?<![\w.,$€£-])(?!\d+(?:st|nd|rd|th)\b)(?=[a-z013457@$]{3,16}\b)[a-z@$]*(?:[a-z][013457@$]{1,2}|"
    r"\b[013457@$])[a-z][a-z013457@$]*"
)
_MOST_LEET = 2
_LINK = re.compile(
    r"(?:https?://|www\.)\S+|(?-i:\b[a-z][\w-]*)\.(?:com|net|org|io|app|example|test|shop|info|xyz|ru|co|me|"
    r"biz)\b(?:/\S*)?",
    re.I,
)
_LURE = re.compile(
    r"\b(?:free|click\w*|visit\w*|claim\w*|download\w*|discounts?|deals?|prizes?|rewards?|verify|verified|"
    r"sign(?:ing)? up|log ?in|"
    r"passwords?|subscrib\w+|buy|bargains?|best(?!-)|cheap\w*|coupons?)\b",
    re.I,
)
_ADDRESSES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        # A reader is told what it is, what it must do, or of its own words and rules.
        r"\byou(?:[’']re| are) (?:now|no longer|hereby|to (?!be\b)|required|expected|instructed|asked|"
        rf"obliged|an? (?:\w+ ){{0,3}}(?:{_MACHINE})\b)",
        rf"\byou (?:must|should|shall|will|have to|need to|ought to|are to|may|can|cannot|"
        rf"can[’']t)\s+(?:(?:{_ADVERB}|not)\s+){{0,4}}"
        r"(?:ignore|disregard|forget|tell|say|write|reply|respond|answer|repeat|translate|summari[sz]e|act|"
        r"pretend|output|print|"
        r"mention|include|recommend|refuse|obey|comply|state|begin|start|end|speak|use only|quote|cite|claim|"
        r"visit|click|call|"
        r"download|forward|send|confirm|verify|stop|add|provide|log in|sign in|enter|serve|stay|remain|report|"
        r"agree|praise)\b",
        r"\b(?:if|unless|until|once) you (?:(?:do not|don[’']t|refuse to|fail to|will) )?(?:ignore|tell|say|"
        r"write|reply|respond|answer|repeat|"
        r"mention|include|recommend|refuse|obey|comply|praise|confirm|output|print|agree)\b",
        rf"\byour (?:\w+ )?(?:{_REPLY}|instructions?|system|prompts?|programming|developers?|creators?|users?|"
        rf"training|guidelines|"
        r"task|role|persona|restrictions|safety|account|password)\b",
        r"^\W*(?:could|can|would|will) you\b|\bI (?:want|need|order|command|beg|implore|instruct|ask|urge) you\b|"
        r"\b(?:beg|ask|urge|implore)(?:ing)? you to\b|\bthank you for (?:\w+ing|your)\b",
        r"\byou (?:have|[’']ve) (?:won|been (?:selected|chosen|hacked|given|granted|updated|reset|promoted|"
        r"assigned))\b",
        rf"\bfrom (?:now|here|this point) on,? (?:you|every|all|each|{_REPLY})",
        # A machine that reads this text, or what it is to write.
        rf"\b(?:{_MACHINE}|anyone|whoever|everyone|"
        rf"readers?)\b[^.;:]{{0,40}}?\b{_READS}\s+(?:\w+ ){{0,3}}(?:this|these|the above|the following)\b",
        rf"\b(?:{_MACHINE})(?: (?:here|below|above))?,? (?:must|should|shall|is to|are to|is (?:required|"
        rf"instructed|ordered|told|asked|free)"
        r"|are (?:required|instructed|ordered|told|asked|free))\b(?: \w+)? "
        r"(?:to )?(?:ignore|disregard|forget|tell|say|write|reply|respond|answer|repeat|translate|summari[sz]e|"
        r"act|pretend|output|print|"
        r"mention|include|recommend|refuse|obey|comply|state|begin|end|speak|quote|cite|stop|add)\b",
        rf"\b(?:the|every|each|any|all|its|final|correct|complete|whole|entire|"
        rf"next) (?:\w+ ){{0,2}}{_REPLY}\b[^.;:]{{0,60}}?\b"
        r"(?:must|should|shall|ha(?:s|ve) to|needs? to|(?:is|are) to|will|may)\s+(?:(?:now|only|always|never|"
        r"not|also|instead)\s+)*"
        r"(?:be (?:in|written|given|exactly|only|as|replaced|prefixed|followed|preceded|signed|limited|"
        r"translated|a|an|one|the|“|\")|"
        r"begin|start|end|contain|include|say|state|read|mention|recommend|consist|carry|point|use|open|close|"
        r"link|quote)\b",
        rf"\b{_REPLY} to (?:this|any|every|all) (?:\w+ )?(?:question|quer(?:y|ies)|prompt|"
        rf"user)s?\b[^.;]{{0,40}}\b(?:is|are|must|should|be)\b",
        r"\b(?:all|any|the|your|these|those)?\s*(?:previous|prior|preceding|above|foregoing|earlier|original|"
        r"existing) (?:\w+ )?"
        r"(?:instructions?|prompts?|system messages?|directives?)\b(?!\s+(?:of|by|to|from|for)\b)",
        r"\b(?:(?:system|developer|hidden|initial|secret) (?:prompts?|instructions?)|(?:system|"
        r"developer) (?:messages?|mode))\b|\b(?:system|developer|admin\w*|operator|root) (?:override|privileges)\b",
        r"\b(?:developer|debug|admin|maintenance|jailbreak|god|unrestricted|DAN|sudo) mode\b|"
        r"\bjailbreak(?:ed)?\b|\bdo anything now\b",
        r"\b(?:this|the) (?:conversation|chat|session|user)(?:[’']s)? (?:\w+ ){0,3}(?:begins?|starts?|ends?|"
        r"asks?|asked|wants?|reset|authori[sz]ed"
        r"|over|must|should)\b",
        r"\b(?:cite|cited|citing|citation) (?:as |only |number |passage )*[\[(]?\d+\b|\b(?:as )?(?:passage|"
        r"citation) (?:number )?[\[(]?\d+[\])]? "
        r"(?:says|states|confirms|proves|supports)\b",
        # The same in other languages.
        r"^\W*(?:(?:bitte|por favor|s[’']il (?:vous|te) pla[iî]t|per favore)[\s,]+)?(?:ignorier\w*|vergiss|"
        r"vergessen sie|antworte[nt]?|schreib\w*|"
        r"übersetz\w*|ignore[rz]|oublie[zr]?|répond\w*|écri[st]\w*|tradui\w*|ignora\w*|olvid\w*|responde\w*|"
        r"escrib\w*|tradu[cz]\w*|"
        r"rispond\w*|scriv\w*|dimentic\w*|negeer|vergeet|antwoord|svara|zignoruj|odpowiedz)\b",
        r"игнориру|отвеча(?:й|йте)|ответь|忽略|请用|回答|無視して|答えて|تجاهل",
    )
)
#: A command about what is asked, read or written: it is a model that is commanded.
_OF_A_MODEL = re.compile(
    rf"\b(?:{_REPLY}|instructions?|prompts?|passages?|questions?|asked|told|given|rules?|guidelines?|"
    rf"conversation|context|"
    r"above|previous|this (?:article|page|text))\b",
    re.I,
)

#: "The answer is: 5." cannot be checked, since it does not say of what.
_BARE_ANSWER = re.compile(
    r"^\W*(?:the )?(?:(?:final|correct) )?answer(?: to (?:this|the) question)?(?: is)?\b\s*:?\s*", re.I
)
_FEWEST = 5  # words of a statement behind such an opening
_HEADING_WORDS = 5  # a line of so few words without a full stop is none; models leave out the last one

# -- quotations ------------------------------------------------------------------------------------------------------

_QUOTED = re.compile(
    r"“[^“”]*(?:”|\Z)|(?:^|(?<=[\s(—–]))\"[^\"]*(?:\"|\Z)|„[^“”„]*(?:[“”]|\Z)|«[^«»]*(?:»|\Z)|(?:^|"
    r"(?<=\s))‘[^‘’]{3,}’(?=[\s,.;:]|$)"
)


def addresses(paragraph: str, ranges: Sequence[tuple[int, int]]) -> list[bool]:
    """For each of the sentences of a paragraph, given as (start, end), whether it speaks to its reader."""
    seen = _without_quotations(paragraph, ranges)
    out: list[bool] = []
    to_model = False
    for start, end in ranges:
        text = seen[start:end]
        speaks = to_model or _speaks_to_reader(text)
        to_model = to_model or (speaks and _speaks_to_model(text))
        out.append(speaks)
    return out


def asks(sentence: str) -> bool:
    """Whether a sentence is a question, not one that somebody is quoted as asking."""
    return _QUOTED.sub(" ", sentence).rstrip(" \"'”’»)").endswith(("?", "？"))


def states(sentence: str) -> bool:
    """Whether a sentence that a model wrote states something by itself.

    It neither asks nor speaks to its reader, is no heading, and names more than what would fill a gap in the question.
    """
    said = _BARE_ANSWER.sub("", sentence, count=1).strip()
    words = len(re.findall(r"\w[\w’'.,%-]*", said))
    ends = re.search(r"[.!?…。？][\"'”’»)\]]*$", said)
    if (
        said.endswith(":")
        or words < (_FEWEST if said != sentence.strip() else 2)
        or (not ends and words <= _HEADING_WORDS)
    ):
        return False
    return not asks(said) and not addresses(sentence, [(0, len(sentence))])[0]


def name_stated(name: str) -> str:
    """A title or an outlet's name, or nothing where it speaks to its reader."""
    return "" if addresses(name, [(0, len(name))])[0] else name


def _speaks_to_model(text: str) -> bool:
    """Whether it is a model that is spoken to: then so is what follows in the paragraph, whatever its form."""
    if any(pattern.search(text) for pattern in (_ROLE, _MARKUP, *_ADDRESSES)):
        return True
    return bool(_OF_A_MODEL.search(text)) and _is_command(text.strip())


def _speaks_to_reader(text: str) -> bool:
    """Whether what is left of a sentence without its quotations speaks to a reader."""
    bare = text.strip()
    if not re.search(r"\w", bare):
        return False
    if any(pattern.search(bare) for pattern in (_ROLE, _MARKUP, _PLEADS, *_ADDRESSES)):
        return True
    without_links = _LINK.sub(" ", bare)
    if without_links != bare and _LURE.search(without_links):
        return True
    return _unreadable(without_links) or _is_command(bare)


def _unreadable(text: str) -> bool:
    """Whether part of it is encoded."""
    runs = (run.group() for run in _RUN.finditer(text))
    encoded = any(len(_CHANGE.findall(run)) > _CHANGES * len(run) for run in runs)
    return encoded or bool(_BLOB.search(text)) or len(_LEET.findall(text.lower())) > _MOST_LEET


def _is_command(text: str) -> bool:
    if _STARTS_COMMAND.match(text):
        return True
    before = _BEFORE.match(text)
    if before and _STARTS_COMMAND.match(text[before.end() :]):
        return True
    label = _LABEL.match(text)
    return bool(label and not _SPEAKS.search(label[1]) and _STARTS_COMMAND.match(text[label.end() :]))


def _without_quotations(paragraph: str, ranges: Sequence[tuple[int, int]]) -> str:
    """The paragraph with blanks for what somebody is quoted as saying.

    A quotation has a speaker where words outside of it stand in one of its sentences, or where the sentence before
    quotes too.
    """
    out = paragraph
    for match in _QUOTED.finditer(paragraph):
        touched = [place for place, (start, end) in enumerate(ranges) if start < match.end() and match.start() < end]
        if not touched:
            continue
        first, last = ranges[touched[0]][0], ranges[touched[-1]][1]
        around = _QUOTED.sub(" ", paragraph[first:last])
        before = paragraph[ranges[touched[0] - 1][0] : first] if touched[0] else ""
        if re.search(r"\w", around) or _QUOTED.search(before):
            out = out[: match.start()] + " " * (match.end() - match.start()) + out[match.end() :]
    return out
