"""The HTML of a message made safe to show: nothing of it runs, loads or leaves.

Three walls, of which each would do alone: this one, on the server (nh3, a parser of the HTML
standard, and lists of what may stay); DOMPurify in the browser; and a sandboxed frame of an
origin of its own whose policy allows no script and no address but `data:`.

Images are taken out and numbered: `src="mp-image:3"`. The browser puts in what it got for the
number: a part of the message, or, when the person asks for it, what our server fetched. So no
address of a sender's server is ever in what is shown.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import nh3

from merpati.services import safe_css

MAX_HTML: Final = 2_000_000  # characters that are looked at
# Tags that are looked at: trees that a parser of the HTML standard needs quadratic time for cost
# two seconds with so many (measured), in a thread that holds up nobody else.
MAX_TAGS: Final = 20_000
MAX_IMAGES: Final = 500
MAX_URL: Final = 4_000
MAX_DATA: Final = 1_000_000  # characters of an image in the text itself
PLACE: Final = "mp-image:"

TAGS: Final = frozenset(
    "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col"  # noqa: SIM905 -- shorter to read
    " colgroup dd del details dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6"
    " header hr i img ins kbd li main mark menu nav ol p pre q rp rt ruby s samp section small"
    " span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var"
    " wbr".split()
)
# Their content goes with them: what is in them was not meant to be read as text.
DROPPED: Final = frozenset(
    "script style template noscript noembed noframes iframe frameset object applet svg math title"  # noqa: SIM905 -- shorter to read
    " xmp select option textarea canvas audio video portal".split()
)
ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    "*": frozenset({"align", "class", "dir", "id", "lang", "style", "title", "valign"}),
    "a": frozenset({"href", "name"}),
    "img": frozenset({"src", "alt", "width", "height", "border", "hspace", "vspace"}),
    "table": frozenset({
        "bgcolor", "border", "cellpadding", "cellspacing", "width", "height", "summary",
    }),
    "tr": frozenset({"bgcolor", "height"}),
    "td": frozenset({
        "bgcolor", "colspan", "rowspan", "width", "height", "nowrap", "abbr", "headers", "scope",
    }),
    "th": frozenset({
        "bgcolor", "colspan", "rowspan", "width", "height", "nowrap", "abbr", "headers", "scope",
    }),
    "col": frozenset({"span", "width"}),
    "colgroup": frozenset({"span", "width"}),
    "font": frozenset({"color", "face", "size"}),
    "hr": frozenset({"color", "noshade", "size", "width"}),
    "li": frozenset({"type", "value"}),
    "ol": frozenset({"reversed", "start", "type"}),
    "ul": frozenset({"type"}),
    "q": frozenset(),
    "time": frozenset({"datetime"}),
    "details": frozenset({"open"}),
}  # fmt: skip
SCHEMES: Final = frozenset({"http", "https", "mailto", "tel", "cid", "data"})

# Who is told when an image of theirs is loaded, by the end of the host's name.
TRACKERS: Final[Mapping[str, str]] = {
    "list-manage.com": "Mailchimp", "mandrillapp.com": "Mailchimp", "sendgrid.net": "SendGrid",
    "awstrack.me": "Amazon SES", "mailgun.org": "Mailgun", "pstmrk.it": "Postmark",
    "hubspotemail.net": "HubSpot", "hubspotlinks.com": "HubSpot", "exct.net": "Salesforce",
    "exacttarget.com": "Salesforce", "pardot.com": "Salesforce", "klclick.com": "Klaviyo",
    "klaviyomail.com": "Klaviyo", "createsend.com": "Campaign Monitor", "cmail19.com":
    "Campaign Monitor", "rs6.net": "Constant Contact", "emltrk.com": "Litmus", "yesware.com":
    "Yesware", "mixmax.com": "Mixmax", "superhuman.com": "Superhuman", "mailtrack.io": "Mailtrack",
    "mailsuite.com": "Mailtrack", "sparkpostmail.com": "SparkPost", "mjt.lu": "Mailjet",
    "sendibt2.com": "Brevo", "sendibt3.com": "Brevo", "activehosted.com": "ActiveCampaign",
    "iterable.com": "Iterable", "customeriomail.com": "Customer.io", "intercom-mail.com":
    "Intercom", "mktoweb.com": "Marketo", "en25.com": "Oracle Eloqua", "bananatag.com":
    "Bananatag", "getnotify.com": "GetNotify", "cirrusinsight.com": "Cirrus Insight",
    "google-analytics.com": "Google Analytics", "doubleclick.net": "Google", "demdex.net": "Adobe",
    "facebook.com": "Facebook", "linkedin.com": "LinkedIn", "braze.com": "Braze",
    "vtrack.me": "Vtrack", "streak.com": "Streak", "mailbutler.io": "Mailbutler",
}  # fmt: skip

_DATA_IMAGE: Final = re.compile(r"data:image/(?:png|gif|jpe?g|webp);base64,[A-Za-z0-9+/=\s]+")
_IMAGE: Final = re.compile(r'<img((?:\s+[\w-]+="[^"]*")*)>')
_ATTRIBUTE: Final = re.compile(r'([\w-]+)="([^"]*)"')
_TINY: Final = re.compile(r"[0-2](?:px)?")
_TINY_STYLE: Final = re.compile(r"(?:^|;)(?:width|height|max-height|max-width):\s*[01](?:px)?\b")
_TAG: Final = re.compile(r"</?[A-Za-z]")
_WHITE: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]+")


class Image(NamedTuple):
    """An image that was taken out.

    Attributes:
        cid: of the part that it is; "" when it lies elsewhere.
        url: https, where it lies; "" when it is a part.
        tracker: whom its loading would tell that the message is read; "" when nobody known.
    """

    cid: str
    url: str
    tracker: str = ""


class Safe(NamedTuple):
    """What can be shown.

    Attributes:
        html: of the body, with `src="mp-image:N"`.
        css: of its style sheets.
        images: by their numbers.
        is_cut: whether there was more than is looked at.
    """

    html: str
    css: str
    images: list[Image]
    is_cut: bool


def clean(markup: str) -> Safe:
    """The HTML of a message, without what could do harm."""
    given = len(markup)
    markup = _bounded(markup)
    is_cut = len(markup) < given
    images: dict[tuple[str, str], int] = {}

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "style":
            return safe_css.declarations(value) or None
        if name in ("class", "id"):
            return None if safe_css.OWN_PREFIX in value.lower() else value
        if name == "href":
            return _link(value)
        if name == "src" and tag == "img":
            return _image(value, images)
        return value

    safe = nh3.clean(
        markup,
        tags=set(TAGS),
        clean_content_tags=set(DROPPED),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        attribute_filter=keep,
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )
    found = [Image(cid, url) for cid, url in images]
    return Safe(safe, safe_css.sheet(_sheets(markup)), _named(safe, found), is_cut)


def _bounded(markup: str) -> str:
    """The beginning of it that is looked at."""
    markup = markup[:MAX_HTML]
    if markup.count("<") > MAX_TAGS:
        for n, tag in enumerate(_TAG.finditer(markup)):
            if n == MAX_TAGS:
                return markup[: tag.start()]
    return markup


def _link(value: str) -> str | None:
    """Where a link may lead: away, to a letter, to a telephone, or within the message."""
    value = _WHITE.sub("", value)
    if value.startswith("#"):
        return value if len(value) <= MAX_URL else None
    scheme = value.partition(":")[0].lower()
    if scheme not in ("http", "https", "mailto", "tel") or len(value) > MAX_URL:
        return None
    if scheme in ("http", "https") and not value[len(scheme) + 1 :].startswith("//"):
        return None
    return value


def _image(value: str, images: dict[tuple[str, str], int]) -> str | None:
    """The place of an image; images of the text itself stay."""
    value = value.strip()
    if len(value) <= MAX_DATA and _DATA_IMAGE.fullmatch(value) is not None:
        return _WHITE.sub("", value)
    value = _WHITE.sub("", value)
    lower = value[:8].lower()
    if lower.startswith("cid:"):
        key = (value[4:].strip("<>"), "")
    elif lower.startswith(("https://", "http://")):
        key = ("", "https://" + value.partition("//")[2])
    elif lower.startswith("//"):
        key = ("", "https:" + value)
    else:
        return None
    if len(value) > MAX_URL or (key not in images and len(images) >= MAX_IMAGES):
        return None
    return f"{PLACE}{images.setdefault(key, len(images))}"


def _named(safe: str, images: list[Image]) -> list[Image]:
    """The images, with the trackers among them: known ones, and those too small to be seen."""
    found = list(images)
    for n, one in enumerate(found):
        if one.url:
            found[n] = one._replace(tracker=_known(one.url))
    for match in _IMAGE.finditer(safe):
        given = dict(_ATTRIBUTE.findall(match[1]))
        place = given.get("src", "")
        if not place.startswith(PLACE):
            continue
        n = int(place.removeprefix(PLACE))
        sizes = (given.get("width", ""), given.get("height", ""))
        tiny = any(_TINY.fullmatch(size.strip()) for size in sizes if size)
        tiny = tiny or _TINY_STYLE.search(html.unescape(given.get("style", ""))) is not None
        if tiny and found[n].url and not found[n].tracker:
            found[n] = found[n]._replace(tracker=_host(found[n].url))
    return found


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _known(url: str) -> str:
    labels = _host(url).split(".")
    for n in range(len(labels) - 1):
        if (name := TRACKERS.get(".".join(labels[n:]))) is not None:
            return name
    return ""


def _sheets(markup: str) -> str:
    """What is in the style elements, as far as a plain look finds them."""
    lower = markup.lower()
    if len(lower) != len(markup):  # a few letters grow: places would not match
        lower = markup
    found, at, size = [], 0, 0
    while size < safe_css.MAX_SHEET:
        start = lower.find("<style", at)
        opened = lower.find(">", start) if start >= 0 else -1
        end = lower.find("</style", opened) if opened >= 0 else -1
        if end < 0:
            break
        found.append(markup[opened + 1 : end])
        size += end - opened
        at = end
    return "\n".join(found)
