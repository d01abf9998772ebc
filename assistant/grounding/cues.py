"""The words by which English denies, hedges, plans and passes on what others say: patterns, and nothing else."""

import re


def _any(*lines: str, flags: re.RegexFlag = re.I) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(lines)})\b", flags)


#: What denies in so many words. "Non-profit" is a kind of body and denies nothing.
DENIAL = re.compile(
    r"\b(?:not(?! (?:only|just|merely|least|quite)\b)|never|no longer|no(?! (?:fewer|less|more|doubt)\b)|none|nor"
    r"|neither|nobody|nothing|without|cannot|hardly|barely)\b|n't\b|\bnon-(?!profit)",
    re.I,
)
#: What denies by its meaning: it may carry what another text denies with "not".
LOSS = _any(
    r"den(?:y|ies|ied)|refuse[sd]?|reject(?:s|ed)?|fail\w*|unable|unlikely|rather than|instead of|in place of",
    r"(?:shut|left|leav\w+|kept|keep\w*|rul\w+|stay(?:s|ed)?) out|kept (?:private|secret)|(?:has|have|had) yet to",
    r"undecided|undisclosed|unknown|unpublished|unconfirmed|unverified|unresolved|unavailable|unclear|unaware",
    r"unaffected|unchanged|unfinished|unanimous(?:ly)?|lack\w*|wrong|false|untrue|except(?:ed|ing|s)?|exclud\w+",
    r"forb\w+|barred|prohibit\w*|prevent\w*|bann?(?:ed|s)?|declin\w+|overstat\w+|too far|stopped|ceased|abandon\w*",
    r"secret|withheld|withhold\w*|impossible|contrary|misleading|only|private|outside|ended|ends|lost|expired|left",
    r"leav(?:es|ing)|quit|(?:gave|gives?|given|giving) up|resign\w*|depart\w*|dropp?(?:ed|s)?|against|withdr[ae]w\w*",
    r"separate\w*|differ\w*|independent(?:ly)?|unlike|falls? away|lapsed?|as (?:it|they) (?:is|are|was|were)",
    r"scrap\w*|cancel\w*|halt\w*|shelv\w*|call(?:ed|s|ing)? off|walk(?:ed|s|ing)? away|terminat\w*|revok\w*",
    r"\w+-free|rid|limit(?:ed|s)|absent|missing|short of|free of|anything but",
)
#: Among these, what often denies nothing.
VAGUE = frozenset({"only", "private"})
#: A denied denial.
DOUBLE = re.compile(
    rf"(?:{DENIAL.pattern})\s?(?:\w+\s){{0,2}}?(?!(?:only|outside|ended|ends|lost|left|private|against)\b)"
    rf"(?:{LOSS.pattern})",
    re.I,
)
#: "Undisclosed": what is undone is the group.
UNDONE = re.compile(r"\b[Uu]n(\w{3,}ed|known|paid|told|able|clear|changed|likely)\b")

#: What leaves open whether something is so. "Could not" leaves nothing open.
POSSIBLE = re.compile(
    r"\b(?:may|might|could(?! not)|possibl[ey]|perhaps|potentially|probably|likel\w+|appears?|appeared|seems?|seemed)\b"
)
_OPEN = (
    POSSIBLE.pattern,
    r"can|would|if|free to|allow\w*|permit\w*|able to|rights? to|expected|risks?|chance|potential|should|open to",
    r"entitle\w*|lets?|look(?:s|ed)|apparently|doubt\w*|uncertain",
)
#: What keeps it open.
POSSIBLE_SAID = _any(*_OPEN, r"agree[sd]?|consent\w*|grant\w*|approv\w*")
#: What has been wanted, offered or begun, but not done.
PLAN = _any(
    r"considering|considered|weighing|weighed|exploring|explored|lean(?:s|ed|ing)? towards?|inclined",
    r"in (?:\w+ )?talks|talks (?:on|to|that)|under discussion|discuss(?:ed|ing|es)|negotiating|thinking of",
    r"offer(?:ed|s|ing)? to|had offered|want(?:s|ed)?|prepared to|ready to|threaten(?:ed|s|ing)?|proposed|proposal",
    r"expect(?:ed|s)?|plan(?:s|ned|ning)?|intend(?:s|ed)?|aim(?:s|ed)? to|hop(?:es|ed) to|seeks? to|sought to",
    r"asked (?:to|for)",
)
#: What keeps it undone.
PLAN_SAID = _any(
    PLAN.pattern, *_OPEN, r"talks|offer\w*|propos\w*|want\w*|wish\w*|pledg\w*|ask\w*|threat\w*|set on|motives?|reasons?"
)
#: What is still to be done, and how it is told as done.
TO_DO = re.compile(r"\b(?:(?:is|are|was|were) to|will) (?=[a-z])")
DONE = re.compile(r"\b(?:has|have|had)\b(?! to)")
#: What goes on: the verb is the group.
GOING_ON = re.compile(r"\b(?:is|are|was|were|been) (\w{4,})ing\b")

_PRESS = (
    r"(?:[A-Z][\w.]* )*(?:Times|Journal|Post|News\w*|Herald|Tribune|Gazette|Guardian|Reuters|Bloomberg|CNBC|BBC|CNN|AP"
    r"|Fortune|Axios|Semafor|Forbes|Wired|Verge|TechCrunch|TechRadar|Information|Insider|Economist|Futurism|Telegraph"
    r"|Observer|Week)"
)
_SOURCE = (
    rf"(?:{_PRESS}|(?:\w+ )?(?:press|reports?|accounts?|sources?|newspapers?|outlets?|digest|article|people familiar))"
)
#: What is told on the word of others who report it, mostly the press. What somebody says of himself is not meant.
HEARSAY = re.compile(
    r"\b(?:[Rr]eportedly|[Aa]llegedly|alleged|rumou?red|(?:has|have) been reported|as reported|[Tt]he reported"
    r"|(?:is|are|was|were|been|be) (?:said|reported|believed|thought|understood) to|if (?:the )?press)\b"
    r"|'s reported (?=[a-z])|\bknown to (?:have|be)\b|[Pp]ress (?:accounts|figures|reports)"
    rf"|\b[Aa]ccording to (?:\w+ )?(?:the |The |one |an? )?{_SOURCE}"
    r"|\b[Bb]y (?:that|this|one|some) (?:account|report)|, by (?:reports|accounts)\b|article's account"
    rf"|\b{_PRESS} (?:also )?(?:reported|reports|said|says|wrote|put|printed|has it)\b"
    r"|\b(?:reports|accounts) (?:say|said|put)\b|\barticle (?:says|sees|calls|repeats|credits|reads)"
)
#: What says that it is so told, or leaves it open at all.
HEARSAY_SAID = _any(
    r"reportedly|report\w*|according|said|says|account\w*|wrote|written|press (?:figures?|accounts?|reports?)|alleg\w*",
    r"rumou?r\w*|claim\w*|credit\w*|tells|told|estimate\w*|quoted|apparently|supposedly|believed|article|piece|warns?",
    r"reads|cites?|argues?|may|might|confirm\w*|verif\w*|as far as (?:is|we|anyone)",
)
