"""The words that mutations are made with: names by role, negations, hedges, units."""

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
NUMBER_WORDS = dict(
    zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True)
)
# A unit and the one that takes its place, in the singular.
UNITS = {
    "billion": "million",
    "bn": "m",
    "million": "billion",
    "trillion": "billion",
    "gigawatt": "megawatt",
    "GW": "MW",
    "year": "month",
    "month": "week",
    "week": "day",
    "day": "week",
    "hour": "minute",
    "model": "chip",
    "subscriber": "company",
}
# Names that can stand for one another without the sentence becoming nonsense.
ROLES = (
    ("Sam Altman", "Satya Nadella", "Elon Musk", "Mustafa Suleyman", "Greg Brockman", "Masayoshi Son", "Andy Jassy"),
    ("Altman", "Nadella", "Musk", "Suleyman", "Brockman"),
    ("Mira Murati", "Emmett Shear", "Ilya Sutskever", "Karen Simonyan", "Dee Templeton", "Jacob Andreou"),
    ("Bret Taylor", "Larry Summers", "Adam D'Angelo", "Reid Hoffman", "Kevin Scott", "Michael Wetter"),
    ("The Information", "Reuters", "Bloomberg", "Semafor", "CNBC", "Business Insider", "Futurism"),
    ("Financial Times", "New York Times", "Wall Street Journal"),
    ("SoftBank", "Nvidia", "Thrive", "MGX", "Apple"),
    ("Oracle", "CoreWeave", "Google", "Amazon"),
    ("Oracle", "CoreWeave", "Google", "AWS"),
    ("Anthropic", "xAI", "Meta", "DeepSeek", "Inflection", "Cognition", "Inception", "Cursor"),
    ("CMA", "FTC", "SEC"),
    ("California", "Delaware", "Texas"),
    ("GPT-3", "GPT-4", "ChatGPT", "Codex"),
    ("Windsurf", "Inflection", "Cursor", "Inception"),
    ("MAI-Voice-1", "MAI-1-preview", "MAI-Thinking-1"),
    ("Copilot", "Bing", "Frontier"),
)
# A surname that stands alone.
NO_FORENAME = r"(?<!Sam )(?<!Satya )(?<!Elon )(?<!Mustafa )(?<!Greg )"
SPEAKERS = (
    ("Sam Altman", "Satya Nadella", "Elon Musk", "Mustafa Suleyman", "Denise Dresser", "Kevin Scott", "Michael Wetter"),
    ("Altman", "Nadella", "Musk", "Suleyman", "Brockman", "Wetter"),
    ("Microsoft", "OpenAI", "Amazon", "Nvidia", "SoftBank", "Oracle"),
    ("Futurism", "Reuters", "Semafor"),
)
SPEECH = "said|told|wrote|called|admitted|testified|stated|spoke|worried|describes|saw|calls(?! the shots)|says(?! no)"
# What makes a sentence as true of the one as of the other, or says both at once.
SYMMETRIC = (
    r"\b(?:OpenAI(?:'s)? (?:and|or|nor) Microsoft|Microsoft(?:'s)? (?:and|or|nor) OpenAI|Microsoft-OpenAI"
    r"|both|between|partners?|partnership|together|against|case|lawsuit|contract|dispute|relation\w*)\b"
)
NEGATIVE = r"\b(?:not|never|no|none|nor|neither|nothing|nobody|without|only|whether|if|unless)\b|n't|\bnon-[be]"
SUBORDINATE = "the day|until|after|before|when|once|because|since|while|where"
# What leaves a sentence in doubt.
DOUBT = r"\breport|[Aa]ccording|\bsaid\b|\bsays\b|account|estimate|\bmay\b|confirm|verified|credits"
_PARTICIPLE = r"(?=been\b|\w{3,}ed\b|given|taken|become|made|put|sold|said|held|paid|told|risen|spoken|lost|won|begun)"
# The past tense that "did not" asks to be put back, by verb.
_PAST = {
    "announced": "announce",
    "signed": "sign",
    "agreed": "agree",
    "gave": "give",
    "took": "take",
    "raised": "raise",
    "released": "release",
    "reported": "report",
    "joined": "join",
    "led": "lead",
    "paid": "pay",
    "removed": "remove",
    "hired": "hire",
    "committed": "commit",
    "became": "become",
    "closed": "close",
    "resigned": "resign",
    "launched": "launch",
    "bought": "buy",
    "adopted": "adopt",
    "received": "receive",
    "appeared": "appear",
    "allowed": "allow",
}
_PRESENT = {
    "keeps": "keep",
    "owns": "own",
    "holds": "hold",
    "stays": "stay",
    "remains": "remain",
    "pays": "pay",
    "gives": "give",
    "lasts": "last",
    "leads": "lead",
    "continues": "continue",
}
NEGATIONS_ADDED = (
    (r"\b(is|was|were|are)\b (?!to be|said|therefore|thus|still|also|yet)", r"\1 not "),
    (rf"\b(has|have|had) {_PARTICIPLE}", r"\1 not "),
    (r"\bcan (?=\w)", "cannot "),
    (r"\bmay (?!have|be)(?=[a-z])", "may not "),
    (r"(?<!what )\b(will|would|must) (?=[a-z])", r"\1 not "),
    *((rf"(?<=[\w,)]) {past} (?!in\b|by\b|on\b|at\b|from\b)", f" did not {verb} ") for past, verb in _PAST.items()),
    *((rf"(?<=\w) {present} ", f" does not {verb} ") for present, verb in _PRESENT.items()),
)
NEGATIONS_REMOVED = (
    (r"\bdid not take part\b", "took part"),
    (r"\bdid not find\b", "found"),
    (r"\bdid not rule\b", "ruled"),
    (r"\bwould not oppose\b", "would oppose"),
    (r"\b(did|do|does) not (?=[a-z])", r"\1 "),
    (r"\b(is|was|are|were|has|have|had|could|would|will|should) not (?!only\b|just\b|merely\b)", r"\1 "),
    (r"\bcannot\b", "can"),
    (r"\b[Nn]either company has\b(?: ever)?", "Both companies have"),
    (r"\b(has|have|had) never (?=[a-z]+ed|been|made)", r"\1 "),
    (r"\bno longer\b", "still"),
    (r"\b[Nn]either ([\w' ]+?) nor ([\w' ]+?) (?:has|have)\b(?: ever)?", r"Both \1 and \2 have"),
    (r"\b[Nn]one of\b", "all of"),
    (r"\bnon-binding\b", "binding"),
    (r"\bnon-exclusive\b", "exclusive"),
    (r"\ban undisclosed\b", "a disclosed"),
    (r"\bwithout (?=a vote)", "with "),
)
PLANS = (
    (r"\b(?:is leaning|leans) towards waiting\b", "has decided to wait"),
    (r"\bis inclined to wait\b", "has decided to wait"),
    (r"\b(?:has been|was) considering legal action\b", "took legal action"),
    (r"\bwas thinking of legal steps\b", "took legal steps"),
    (r"\bis expected to shrink\b", "has shrunk"),
    (r"\bwas prepared to walk away from the talks and rely\b", "had walked away from the talks and relied"),
    (r"\bwas ready to abandon the talks and fall back\b", "had abandoned the talks and fallen back"),
    (r"\bwas prepared to abandon\b", "had abandoned"),
    (r"\b(?:are|were) in advanced talks\b", "have agreed on terms"),
    (r"\btalks were well advanced on\b", "an agreement had been signed on"),
    (r"\b(?:is|was) under discussion\b", "has been agreed"),
    (r"\bhad offered to (?:part with|give up)\b", "had given up"),
    (r"\boffered to (?:part with|give up)\b", "gave up"),
    (r"\bhad offered Microsoft about\b", "had sold Microsoft about"),
    (r"\bOpenAI wanted to (?:buy|acquire)\b", "OpenAI bought"),
    (r"\bhad wanted Windsurf\b", "had bought Windsurf"),
    (r"\bsignalled up to\b", "paid"),
    (r"\bthreatened to leave\b", "left"),
    (r"\bis (?:to put|to invest) up to\b", "has paid"),
    (r"\bundertook to invest up to\b", "paid"),
    (r"\bis to provide\b", "has provided"),
    (r"\bhad discussed (?:accusing)\b", "had accused"),
    (r"\b(?:had|were) rewriting\b", "had rewritten"),
    (r"\bwas in talks with\b", "had bought"),
    (r"\bcould be daunting\b", "will be daunting"),
    (r"\bmight undo\b", "will undo"),
    (r"\bcould (?=backfire|redraw|unsettle|strengthen|speed)", "will "),
    (r"\bmay depend\b", "depends"),
    (r"\bmay have gravely strained\b", "has gravely strained"),
    (r"\bmay have underestimated\b", "has underestimated"),
    (r"\b(?:can|could) (?=(?:cut|reduce) its)", "will "),
)
HEDGES = (
    (r"\b[Rr]eportedly ", ""),
    (r"\b(is|are) reported to be\b", r"\1"),
    (r"\bis reported to have\b", "has"),
    (r"\b(is|are) said to be\b", r"\1"),
    (r"\bare said to have been\b", "have been"),
    (r"\bis said to come\b", "comes"),
    (r"\bseem set on\b", "are set on"),
    (r"\bappears unwilling\b", "is unwilling"),
    (r"\bprobably comes\b", "comes"),
    (r"\bhas been reported as\b", "is"),
    (r", as reported,", ""),
    (r"\b([Tt])he reported terms\b", r"\1he terms"),
    (r"\breported (?=threat|plan|\$)", ""),
    (r"\b(?:[Ii]f press figures hold|[Aa]s far as is known), ", ""),
)
_OUTLET = (
    r"(?:[Tt]he )?(?:Information|Reuters|Bloomberg|Financial Times|New York Times|Wall Street Journal|CNBC|Fortune"
    r"|Business Insider|Futurism|Semafor|undated article|Indus Business Journal)"
)
ATTRIBUTIONS = (
    (rf"^(?:According to|By) {_OUTLET}(?: and Fortune)?, ", ""),
    (rf", according to (?:{_OUTLET}(?:'s account)?|one report, by \w+|one digest of its filing)(?=\.|,(?! which))", ""),
    (rf", {_OUTLET} (?:reported|said|says|has it)(?: (?:on|in) [^,.]+)?(?=\.$)", ""),
    (rf"^{_OUTLET} (?:reported|said|wrote)(?: (?:on|in) [\w ]+?)? that ", ""),
    (rf"^(?:On|In) [\w ]+ (?:{_OUTLET}) reported that ", ""),
    (r"^Press accounts put (.+?) at ", r"\1 was "),
)
