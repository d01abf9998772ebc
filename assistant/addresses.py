"""The address under which a page is known: one page has one, however it was come by."""

import re
from urllib.parse import urlsplit, urlunsplit

# Parameters that say who sent the reader, by their exact names: one too many would make one article of two.
_TRACKING = re.compile(
    r"(utm_\w+|mtm_\w+|pk_(campaign|kwd|source|medium)|_?gcl(id|src|_au)|gbraid|wbraid|dclid|fbclid|msclkid|twclid|yclid|"
    r"ttclid|igshid|igsh|mc_[ce]id|mkt_tok|vero_(id|conv)|oly_(enc|anon)_id|_hs(enc|mi)|_g[al]|s_kwcid|ncid|cmpid|"
    r"at_(medium|campaign)|xtor|wt\.mc_id|__twitter_impression|ocid)",
    re.I,
)


def clean(url: str) -> str:
    """The address without what only tells who sent the reader: tracking parameters, the fragment, the usual port."""
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if parts.scheme.lower() not in ("http", "https") or not host:
        return url
    netloc = f"[{host}]" if ":" in host else host
    if port not in (None, {"http": 80, "https": 443}[parts.scheme.lower()]):
        netloc += f":{port}"
    kept = [item for item in parts.query.split("&") if item and not _TRACKING.fullmatch(item.partition("=")[0])]
    return urlunsplit((parts.scheme.lower(), netloc, parts.path or "/", "&".join(kept), ""))


def canonical(claimed: str | None, url: str | None) -> str | None:
    """The address of a page found at `url` that says of itself it is at `claimed`.

    A page may not claim another site's address, nor that of its site's front page, which careless pages all do.
    """
    if not claimed or not re.match(r"https?://", claimed, re.I):
        return clean(url) if url else None
    try:
        theirs, ours = urlsplit(claimed), urlsplit(url or claimed)
        same = (theirs.hostname or "").removeprefix("www.") == (ours.hostname or "").removeprefix("www.")
    except ValueError:
        return clean(url) if url else None
    front = not theirs.path.strip("/") and not theirs.query and ours.path.strip("/")
    return clean(claimed if same and not front else url or claimed)
