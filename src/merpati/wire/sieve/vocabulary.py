"""Every command and test, with the arguments each takes and the extension each needs.

The compiler reads scripts by these tables alone: what is not in them is an error, and so is
an argument of another type than they name. A new extension begins here.
"""

from __future__ import annotations

from typing import Final, NamedTuple

EXTENSIONS: Final = frozenset(
    {
        "body",  # RFC 5173
        "comparator-i;ascii-casemap",  # RFC 4790
        "comparator-i;ascii-numeric",
        "comparator-i;octet",
        "comparator-i;unicode-casemap",  # RFC 5051
        "copy",  # RFC 3894
        "date",  # RFC 5260
        "duplicate",  # RFC 7352
        "editheader",  # RFC 5293
        "enclose",  # RFC 5703
        "encoded-character",  # RFC 5228 2.4.2.4
        "enotify",  # RFC 5435, with mailto of RFC 5436
        "envelope",  # RFC 5228 5.4
        "envelope-deliverby",  # RFC 6009
        "envelope-dsn",
        "environment",  # RFC 5183
        "ereject",  # RFC 5429
        "extlists",  # RFC 6134
        "extracttext",  # RFC 5703
        "fcc",  # RFC 8580
        "fileinto",  # RFC 5228 4.1
        "foreverypart",  # RFC 5703
        "ihave",  # RFC 5463
        "imap4flags",  # RFC 5232
        "imapsieve",  # RFC 6785
        "include",  # RFC 6609
        "index",  # RFC 5260
        "mailbox",  # RFC 5490
        "mailboxid",  # RFC 9042
        "mboxmetadata",  # RFC 5490
        "mime",  # RFC 5703
        "redirect-deliverby",  # RFC 6009
        "redirect-dsn",
        "regex",  # draft-ietf-sieve-regex
        "reject",  # RFC 5429
        "relational",  # RFC 5231
        "replace",  # RFC 5703
        "servermetadata",  # RFC 5490
        "spamtest",  # RFC 5235
        "spamtestplus",
        "special-use",  # RFC 8579
        "subaddress",  # RFC 5233
        "vacation",  # RFC 5230
        "vacation-seconds",  # RFC 6131
        "variables",  # RFC 5229
        "virustest",  # RFC 5235
    }
)
"""What a script may name in `require`."""

IMPLIED: Final = {
    "spamtestplus": ("spamtest",),  # RFC 5235 3.3
    "vacation-seconds": ("vacation",),  # RFC 6131 2
}
"""Extensions that bring others with them."""

NOTIFY_METHODS: Final = ("mailto",)
"""What ManageSieve says in NOTIFY (RFC 5804 1.7)."""

ALWAYS: Final = frozenset({"comparator-i;octet", "comparator-i;ascii-casemap"})
"""What may be used without a `require` (RFC 5228 2.7.3)."""


class Tag(NamedTuple):
    """A tagged argument.

    Attributes:
        name: without its colon.
        value: type of what follows it: "", "number", "string" or "strings".
        needs: the extension that has to be required; empty: the command's own.
        group: of the tags of one group, a command takes only one.
        check: what its value must be, a key of `checks.CHECKS`.
        after: a tag without which it has no meaning.
    """

    name: str
    value: str = ""
    needs: str = ""
    group: str = ""
    check: str = ""
    after: str = ""


class Argument(NamedTuple):
    """A positional argument; if any are `optional`, all of these may be left out together."""

    type: str
    check: str = ""
    optional: bool = False


class Word(NamedTuple):
    """A command or a test.

    Attributes:
        needs: extensions of which one has to be required; empty: part of the base.
        arguments: the positional ones, in order.
        tags: in any order, before them.
        tests: "" none, "one", or "many".
        block: it is followed by a block.
    """

    needs: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()
    tags: tuple[Tag, ...] = ()
    tests: str = ""
    block: bool = False


_STRING: Final = Argument("string")
_STRINGS: Final = Argument("strings")
_KEYS: Final = Argument("strings", "key")
_HEADERS: Final = Argument("strings")  # any: RFC 5228 2.4.2.2

_MATCH: Final = (
    Tag("comparator", "string", check="comparator"),
    Tag("is", group="match type"),
    Tag("contains", group="match type"),
    Tag("matches", group="match type"),
    Tag("count", "string", "relational", "match type", "relation"),
    Tag("value", "string", "relational", "match type", "relation"),
    Tag("regex", "", "regex", "match type"),
    Tag("list", "", "extlists", "match type"),
)
_ADDRESS_PART: Final = (
    Tag("all", group="part of the address"),
    Tag("localpart", group="part of the address"),
    Tag("domain", group="part of the address"),
    Tag("user", "", "subaddress", "part of the address"),
    Tag("detail", "", "subaddress", "part of the address"),
)
_INDEX: Final = (
    Tag("index", "number", "index", check="positive"),
    Tag("last", "", "index", after="index"),
)
_CHILDREN: Final = (Tag("mime", "", "mime"), Tag("anychild", "", "mime", after="mime"))
_MIME: Final = (
    *_CHILDREN,
    Tag("type", "", "mime", "part of the field", after="mime"),
    Tag("subtype", "", "mime", "part of the field", after="mime"),
    Tag("contenttype", "", "mime", "part of the field", after="mime"),
    Tag("param", "strings", "mime", "part of the field", after="mime"),
)
_FLAGS: Final = Tag("flags", "strings", "imap4flags")
_MAILBOX: Final = (
    Tag("create", "", "mailbox"),
    Tag("specialuse", "string", "special-use", "mailbox", "use"),
    Tag("mailboxid", "string", "mailboxid", "mailbox"),
)
_FCC: Final = (
    Tag("fcc", "string", "fcc", check="mailbox"),
    *(tag._replace(after="fcc") for tag in (_FLAGS, *_MAILBOX)),
)
_ZONE: Final = Tag("zone", "string", group="zone", check="zone")
_MODIFIERS: Final = (  # groups are the precedences of RFC 5229 4.1
    Tag("lower", group="40"),
    Tag("upper", group="40"),
    Tag("lowerfirst", group="30"),
    Tag("upperfirst", group="30"),
    Tag("quotewildcard", group="20"),
    Tag("quoteregex", "", "regex", "20"),
    Tag("encodeurl", "", "enotify", "15"),
    Tag("length", group="10"),
)
_FLAG_ARGUMENTS: Final = (
    Argument("string", "variable", optional=True),
    Argument("strings"),
)

COMMANDS: Final[dict[str, Word]] = {
    # RFC 5228 3 and 4
    "require": Word(arguments=(_STRINGS,)),
    "if": Word(tests="one", block=True),
    "elsif": Word(tests="one", block=True),
    "else": Word(block=True),
    "stop": Word(),
    "keep": Word(tags=(_FLAGS,)),
    "discard": Word(),
    "fileinto": Word(
        ("fileinto",),
        (Argument("string", "mailbox"),),
        (Tag("copy", "", "copy"), _FLAGS, *_MAILBOX),
    ),
    "redirect": Word(
        arguments=(Argument("string", "recipient"),),
        tags=(
            Tag("copy", "", "copy"),
            Tag("list", "", "extlists"),
            Tag("notify", "string", "redirect-dsn", check="dsn-notify"),
            Tag("ret", "string", "redirect-dsn", check="dsn-ret"),
            Tag("bytimerelative", "number", "redirect-deliverby", "time"),
            Tag("bytimeabsolute", "string", "redirect-deliverby", "time", "moment"),
            Tag("bymode", "string", "redirect-deliverby", check="by-mode"),
            Tag("bytrace", "", "redirect-deliverby"),
        ),
    ),
    "reject": Word(("reject",), (_STRING,)),
    "ereject": Word(("ereject",), (_STRING,)),
    "vacation": Word(
        ("vacation",),
        (_STRING,),
        (
            Tag("days", "number", group="interval"),
            Tag("seconds", "number", "vacation-seconds", "interval"),
            Tag("subject", "string"),
            Tag("from", "string", check="address"),
            Tag("addresses", "strings", check="address"),
            Tag("mime"),
            Tag("handle", "string"),
            *_FCC,
        ),
    ),
    # RFC 5435 3
    "notify": Word(
        ("enotify",),
        (Argument("string", "method"),),
        (
            Tag("from", "string", check="address"),
            Tag("importance", "string", check="importance"),
            Tag("options", "strings", check="option"),
            Tag("message", "string"),
            *_FCC,
        ),
    ),
    # RFC 5232 3
    "setflag": Word(("imap4flags",), _FLAG_ARGUMENTS),
    "addflag": Word(("imap4flags",), _FLAG_ARGUMENTS),
    "removeflag": Word(("imap4flags",), _FLAG_ARGUMENTS),
    # RFC 5229 4
    "set": Word(("variables",), (Argument("string", "variable"), _STRING), _MODIFIERS),
    # RFC 5293 4 and 5
    "addheader": Word(
        ("editheader",), (Argument("string", "header"), Argument("string")), (Tag("last"),)
    ),
    "deleteheader": Word(
        ("editheader",),
        (Argument("string", "header"), _KEYS._replace(optional=True)),
        (Tag("index", "number", check="positive"), Tag("last", after="index"), *_MATCH),
    ),
    # RFC 5703
    "foreverypart": Word(("foreverypart",), tags=(Tag("name", "string"),), block=True),
    "break": Word(("foreverypart",), tags=(Tag("name", "string"),)),
    "replace": Word(
        ("replace",),
        (_STRING,),
        (Tag("mime"), Tag("subject", "string"), Tag("from", "string", check="mailbox-list")),
    ),
    "enclose": Word(
        ("enclose",), (_STRING,), (Tag("subject", "string"), Tag("headers", "strings"))
    ),
    "extracttext": Word(
        ("extracttext",), (Argument("string", "variable"),), (Tag("first", "number"), *_MODIFIERS)
    ),
    # RFC 6609 3
    "include": Word(
        ("include",),
        (Argument("string", "script"),),
        (
            Tag("personal", group="place"),
            Tag("global", group="place"),
            Tag("once"),
            Tag("optional"),
        ),
    ),
    "return": Word(("include",)),
    "global": Word(("include",), (Argument("strings", "global"),)),
    # RFC 5463 5
    "error": Word(("ihave",), (_STRING,)),
}

TESTS: Final[dict[str, Word]] = {
    # RFC 5228 5
    "address": Word(
        arguments=(Argument("strings", "address-header"), _KEYS),
        tags=(*_MATCH, *_ADDRESS_PART, *_INDEX, *_CHILDREN),
    ),
    "allof": Word(tests="many"),
    "anyof": Word(tests="many"),
    "envelope": Word(
        ("envelope",),
        (Argument("strings", "envelope"), _KEYS),
        (*_MATCH, *_ADDRESS_PART, Tag("zone", "string", "envelope-deliverby", check="zone")),
    ),
    "exists": Word(arguments=(_HEADERS,), tags=_CHILDREN),
    "false": Word(),
    "header": Word(arguments=(_HEADERS, _KEYS), tags=(*_MATCH, *_INDEX, *_MIME)),
    "not": Word(tests="one"),
    "size": Word(
        arguments=(Argument("number"),),
        tags=(Tag("over", group="side"), Tag("under", group="side")),
    ),
    "true": Word(),
    # RFC 5229 5
    "string": Word(("variables",), (_STRINGS, _KEYS), _MATCH),
    # RFC 5232 4
    "hasflag": Word(
        ("imap4flags",), (Argument("strings", "variable", optional=True), _KEYS), _MATCH
    ),
    # RFC 5173 3
    "body": Word(
        ("body",),
        (_KEYS,),
        (
            *_MATCH,
            Tag("raw", group="view of the body"),
            Tag("content", "strings", group="view of the body"),
            Tag("text", group="view of the body"),
        ),
    ),
    # RFC 5260 4
    "date": Word(
        ("date",),
        (_STRING, Argument("string", "date-part"), _KEYS),
        (*_MATCH, _ZONE, Tag("originalzone", group="zone"), *_INDEX),
    ),
    "currentdate": Word(("date",), (Argument("string", "date-part"), _KEYS), (*_MATCH, _ZONE)),
    # RFC 5490, RFC 8579, RFC 9042
    "mailboxexists": Word(("mailbox",), (_STRINGS,)),
    "metadata": Word(("mboxmetadata",), (_STRING, Argument("string", "annotation"), _KEYS), _MATCH),
    "metadataexists": Word(("mboxmetadata",), (_STRING, Argument("strings", "annotation"))),
    "servermetadata": Word(("servermetadata",), (Argument("string", "annotation"), _KEYS), _MATCH),
    "servermetadataexists": Word(("servermetadata",), (Argument("strings", "annotation"),)),
    "specialuse_exists": Word(
        ("special-use",), (Argument("string", "mailbox", optional=True), Argument("strings", "use"))
    ),
    "mailboxidexists": Word(("mailboxid",), (_STRINGS,)),
    # RFC 7352 3
    "duplicate": Word(
        ("duplicate",),
        tags=(
            Tag("handle", "string"),
            Tag("header", "string", group="id"),
            Tag("uniqueid", "string", group="id"),
            Tag("seconds", "number"),
            Tag("last"),
        ),
    ),
    # RFC 5435 4 and 5
    "valid_notify_method": Word(("enotify",), (_STRINGS,)),
    "notify_method_capability": Word(("enotify",), (_STRING, _STRING, _KEYS), _MATCH),
    # RFC 5183 4
    "environment": Word(("environment",), (_STRING, _KEYS), _MATCH),
    # RFC 5463 4
    "ihave": Word(("ihave",), (_STRINGS,)),
    # RFC 5235 3
    "spamtest": Word(
        ("spamtest",), (Argument("string", "key"),), (*_MATCH, Tag("percent", "", "spamtestplus"))
    ),
    "virustest": Word(("virustest",), (Argument("string", "key"),), _MATCH),
    # RFC 6134 2.8
    "valid_ext_list": Word(("extlists",), (_STRINGS,)),
}
