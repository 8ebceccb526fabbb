"""What RFC 8621 says a server must do about emails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.jmap import JmapInstance

RAW = (
    b"From: =?utf-8?q?J=C3=B6rg?= <j@example.org>, Group: a@example.org, B <b@example.org>;\r\n"
    b"To: undisclosed-recipients:;\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n folded\r\n"
    b"Date: Tue, 1 Jul 2025 10:00:00 +0700\r\n"
    b"Message-ID: <one@example.org>\r\n"
    b"References: <a@x> <b@x>\r\n"
    b"X-Twice: first\r\nX-Twice:  second\r\n"
    b"List-Post: <mailto:l@example.org>, <https://example.org/l>\r\n"
    b"X-When: Tue, 1 Jul 2025 10:00:00 +0000\r\nX-Bad-Date: tomorrow\r\n"
    b"Content-Type: multipart/mixed; boundary=m\r\n\r\n"
    b"--m\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    b"--a\r\nContent-Type: text/plain; charset=utf-8\r\nX-Part: yes\r\n\r\nH\xc3\xa9llo text\r\n"
    b"--a\r\nContent-Type: multipart/related; boundary=r\r\n\r\n"
    b"--r\r\nContent-Type: text/html\r\n\r\n<p>Hello <b>html</b></p>\r\n"
    b"--r\r\nContent-Type: image/png\r\nContent-ID: <pic@x>\r\nContent-Disposition: inline\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n--r--\r\n"
    b"--a--\r\n"
    b'--m\r\nContent-Type: application/pdf; name="a.pdf"\r\n'
    b"Content-Disposition: attachment\r\nContent-Language: en, id\r\n"
    b"Content-Location: https://example.org/a.pdf\r\n\r\npdf\r\n"
    b"--m--\r\n"
)


async def ask(jmap: JmapInstance, method: str, **arguments: Any) -> Any:
    return await jmap.call(method, accountId=jmap.account, **arguments)


async def only(jmap: JmapInstance, **arguments: Any) -> Any:
    """The one email of an account."""
    ids = (await ask(jmap, "Email/query"))["ids"]
    told = await ask(jmap, "Email/get", ids=ids, **arguments)
    assert len(told["list"]) == 1, told
    return told["list"][0]


async def test_header_fields_have_every_form(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    people = [
        {"name": "J\u00f6rg", "email": "j@example.org"},
        {"name": None, "email": "a@example.org"},
        {"name": "B", "email": "b@example.org"},
    ]
    wanted = {
        "from": people,
        "to": [],
        "subject": "Gr\u00fc\u00dfe folded",
        "sentAt": "2025-07-01T10:00:00+07:00",
        "messageId": ["one@example.org"],
        "references": ["a@x", "b@x"],
        "inReplyTo": None,
        "cc": None,
        "header:From:asAddresses": people,
        "header:From:asGroupedAddresses": [
            {"name": None, "addresses": people[:1]},
            {"name": "Group", "addresses": people[1:]},
        ],
        "header:To:asGroupedAddresses": [{"name": "undisclosed-recipients", "addresses": []}],
        "header:subject": " =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n folded",
        "header:SUBJECT:asText": "Gr\u00fc\u00dfe folded",
        "header:X-Twice": "  second",
        "header:X-Twice:all": [" first", "  second"],
        "header:X-Twice:asText:all": ["first", "second"],
        "header:X-None": None,
        "header:X-None:asText:all": [],
        "header:List-Post:asURLs": ["mailto:l@example.org", "https://example.org/l"],
        "header:X-When:asDate": "2025-07-01T10:00:00Z",
        "header:X-Bad-Date:asDate": None,
        "header:X-Twice:asMessageIds": None,
        "header:X-Twice:asURLs": None,
        "header:Message-ID:asMessageIds": ["one@example.org"],
        "header:Date:asRaw": " Tue, 1 Jul 2025 10:00:00 +0700",
    }
    told = await only(jmap, properties=list(wanted))
    told.pop("id")
    assert told == wanted
    whole = (await only(jmap, properties=["headers"]))["headers"]
    assert whole[0]["name"] == "From"
    assert [one["value"] for one in whole if one["name"] == "X-Twice"] == [" first", "  second"]


@pytest.mark.parametrize(
    "name",
    [
        "header:",
        "header:From:asText", "header:Subject:asAddresses", "header:Date:asMessageIds",
        "header:From:asDate", "header:Received:asURLs", "header:X:asNonsense",
        "header:X:all:asText", "header:X:all:all", "header:X Y", "nonsense",
    ],
)  # fmt: skip
async def test_a_form_that_a_field_cannot_have_is_refused(jmap: JmapInstance, name: str) -> None:
    for arguments in ({"properties": [name]}, {"bodyProperties": [name]}):
        told = await ask(jmap, "Email/get", ids=[], **arguments)
        assert told["type"] == "invalidArguments"


async def test_a_body_is_told_as_parts_and_values(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    told = await only(
        jmap, properties=["bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues",
                          "hasAttachment", "preview", "size"],
        bodyProperties=["partId", "blobId", "size", "type", "charset", "name", "disposition",
                        "cid", "language", "location", "header:X-Part:asText", "subParts"],
        fetchAllBodyValues=True,
    )  # fmt: skip
    root = told["bodyStructure"]
    assert (root["type"], root["partId"], root["blobId"]) == ("multipart/mixed", None, None)
    alternative, pdf = root["subParts"]
    plain, related = alternative["subParts"]
    html, picture = related["subParts"]
    assert plain["header:X-Part:asText"] == "yes"
    assert (plain["charset"], html["charset"], picture["charset"]) == ("utf-8", "us-ascii", None)
    assert (plain["subParts"], plain["size"]) == (None, 11)
    assert (picture["cid"], picture["disposition"], picture["size"]) == ("pic@x", "inline", 3)
    assert (pdf["name"], pdf["language"]) == ("a.pdf", ["en", "id"])
    assert pdf["location"] == "https://example.org/a.pdf"
    assert [one["partId"] for one in told["textBody"]] == [plain["partId"]]
    assert [one["partId"] for one in told["htmlBody"]] == [html["partId"]]
    assert [one["partId"] for one in told["attachments"]] == [picture["partId"], pdf["partId"]]
    assert told["hasAttachment"] is True
    assert "text" in told["preview"]
    assert told["bodyValues"] == {
        plain["partId"]: {
            "value": "H\u00e9llo text", "isEncodingProblem": False, "isTruncated": False,
        },
        html["partId"]: {
            "value": "<p>Hello <b>html</b></p>", "isEncodingProblem": False, "isTruncated": False,
        },
    }  # fmt: skip


async def test_values_are_fetched_as_asked_and_cut_between_characters(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    for wanted, count in (
        ({}, 0),
        ({"fetchTextBodyValues": True}, 1),
        ({"fetchHTMLBodyValues": True}, 1),
        ({"fetchTextBodyValues": True, "fetchHTMLBodyValues": True}, 2),
    ):
        told = await only(jmap, properties=["bodyValues"], **wanted)
        assert len(told["bodyValues"]) == count
    told = await only(
        jmap, properties=["bodyValues"], fetchTextBodyValues=True, maxBodyValueBytes=2
    )
    [value] = told["bodyValues"].values()
    assert (value["value"], value["isTruncated"]) == ("H", True)
    for wrong in ({"maxBodyValueBytes": -1}, {"fetchTextBodyValues": "yes"}):
        told = await ask(jmap, "Email/get", ids=[], **wrong)
        assert told["type"] == "invalidArguments"


TEXT = {"type": "text/plain", "partId": "1"}
HTML = {"type": "text/html", "partId": "2"}
VALUES = {"1": {"value": "one"}, "2": {"value": "<p>two</p>"}}


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"mailboxIds": {}}, "mailboxIds"),
        ({"mailboxIds": {"F99": True}}, "mailboxIds"),
        ({"mailboxIds": {"F1": False}}, "mailboxIds"),
        ({"keywords": {"a b": True}}, "keywords"),
        ({"keywords": {"$seen": False}}, "keywords"),
        ({"keywords": {"(": True}}, "keywords"),
        ({"receivedAt": "yesterday"}, "receivedAt"),
        ({"id": "x"}, "id"),
        ({"threadId": "x"}, "threadId"),
        ({"blobId": "x"}, "blobId"),
        ({"size": 1}, "size"),
        ({"preview": "x"}, "preview"),
        ({"hasAttachment": True}, "hasAttachment"),
        ({"headers": []}, "headers"),
        ({"nonsense": 1}, "nonsense"),
        ({"from": "a@example.org"}, "from"),
        ({"from": [{"name": "x"}]}, "from"),
        ({"subject": 1}, "subject"),
        ({"sentAt": "2025-07-01"}, "sentAt"),
        ({"messageId": "x"}, "messageId"),
        ({"header:From:asText": "x"}, "header:From:asText"),
        ({"header:X:asNonsense": "x"}, "header:X:asNonsense"),
        ({"header:X": "a\r\nB: c"}, "header:X"),
        ({"subject": "a", "header:Subject": " b"}, "header:Subject"),
        ({"header:X": " a", "header:x:asText": "b"}, "header:x:asText"),
        ({"header:X:all": "x"}, "header:X:all"),
        ({"header:Content-Type": " text/plain"}, "header:Content-Type"),
        ({"bodyStructure": TEXT, "textBody": [TEXT], "bodyValues": VALUES}, "textBody"),
        ({"bodyStructure": TEXT, "attachments": [], "bodyValues": VALUES}, "attachments"),
        ({"textBody": [TEXT, TEXT], "bodyValues": VALUES}, "textBody"),
        ({"textBody": [HTML], "bodyValues": VALUES}, "textBody"),
        ({"htmlBody": [TEXT], "bodyValues": VALUES}, "htmlBody"),
        ({"textBody": [{**TEXT, "partId": "9"}], "bodyValues": VALUES}, "textBody"),
        ({"textBody": [{**TEXT, "blobId": "x"}], "bodyValues": VALUES}, "textBody"),
        ({"textBody": [{"type": "text/plain"}]}, "textBody"),
        ({"textBody": [{**TEXT, "charset": "utf-8"}], "bodyValues": VALUES}, "textBody"),
        ({"textBody": [{**TEXT, "size": 3}], "bodyValues": VALUES}, "textBody"),
        (
            {
                "textBody": [{**TEXT, "header:Content-Transfer-Encoding": " 7bit"}],
                "bodyValues": VALUES,
            },
            "textBody",
        ),
        ({"textBody": [{**TEXT, "headers": []}], "bodyValues": VALUES}, "textBody"),
        (
            {"textBody": [TEXT], "bodyValues": {"1": {"value": "x", "isTruncated": True}}},
            "bodyValues",
        ),
        (
            {"textBody": [TEXT], "bodyValues": {"1": {"value": "x", "isEncodingProblem": True}}},
            "bodyValues",
        ),
        ({"bodyStructure": {"type": "multipart/mixed", "partId": "1"}}, "bodyStructure"),
    ],
)
async def test_an_email_that_cannot_be_names_what_is_wrong(
    jmap: JmapInstance, properties: dict[str, Any], named: str
) -> None:
    told = await ask(jmap, "Email/set", create={"k": {"mailboxIds": {"F1": True}, **properties}})
    assert told["created"] is None
    error = told["notCreated"]["k"]
    assert error["type"] == "invalidProperties"
    assert named in error["properties"]


async def test_an_email_is_made_as_it_was_described(jmap: JmapInstance) -> None:
    email = {
        "mailboxIds": {"F1": True}, "keywords": {"$Draft": True, "$SEEN": True},
        "receivedAt": "2025-01-02T03:04:05Z", "sentAt": "2025-01-01T00:00:00+07:00",
        "from": [{"name": "Ana", "email": "ana@example.org"}], "to": [{"email": "b@example.org"}],
        "subject": "Gr\u00fc\u00dfe", "messageId": ["m@x"], "inReplyTo": ["p@x"],
        "header:X-Mine:asText": "h\u00e9", "header:X-More:asURLs:all": [["https://a"], ["https://b"]],
        "textBody": [TEXT], "htmlBody": [HTML],
        "bodyValues": {**VALUES, "1": {"value": "one\ntwo \u2026", "isTruncated": False}},
    }  # fmt: skip
    told = await ask(jmap, "Email/set", create={"k": email})
    assert told["notCreated"] is None
    assert told["created"]["k"].keys() == {"id", "blobId", "threadId", "size"}
    names = [name for name in email if name not in ("textBody", "htmlBody", "bodyValues")]
    got = await only(
        jmap, properties=[*names, "textBody", "htmlBody", "bodyValues", "bodyStructure"],
        fetchAllBodyValues=True, bodyProperties=["type", "partId", "subParts"],
    )  # fmt: skip
    assert got["keywords"] == {"$draft": True, "$seen": True}
    assert {name: got[name] for name in names if name not in ("keywords", "to")} == {
        name: email[name] for name in names if name not in ("keywords", "to")
    }
    assert got["to"] == [{"name": None, "email": "b@example.org"}]
    assert got["bodyStructure"]["type"] == "multipart/alternative"
    values = got["bodyValues"]
    assert values[got["textBody"][0]["partId"]]["value"] == "one\ntwo \u2026"
    assert values[got["htmlBody"][0]["partId"]]["value"] == "<p>two</p>"
    missing = {"type": "image/png", "blobId": "U99"}
    told = await ask(
        jmap, "Email/set", create={"k": {"mailboxIds": {"F1": True}, "attachments": [missing]}}
    )
    error = told["notCreated"]["k"]
    assert (error["type"], error["notFound"]) == ("blobNotFound", ["U99"])


async def test_only_mailboxes_and_keywords_of_an_email_change(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW, keywords="work")
    id_ = (await only(jmap))["id"]
    for patch, error in (
        ({"keywords/$Flagged": True}, None),
        ({"keywords/WORK": None}, None),
        ({"keywords": {"$seen": True, "$Forwarded": True}}, None),
        ({"keywords/$seen": False}, "invalidProperties"),
        ({"keywords/a b": True}, "invalidProperties"),
        ({"mailboxIds": {}}, "invalidProperties"),
        ({"mailboxIds/F1": None}, "invalidProperties"),
        ({"mailboxIds/F99": True}, "invalidProperties"),
        ({"mailboxIds/F2": True}, None),
        ({"subject": "another"}, "invalidProperties"),
        ({"receivedAt": "2025-01-02T03:04:05Z"}, "invalidProperties"),
        ({"nonsense": 1}, "invalidProperties"),
        ({"keywords": {}, "keywords/$seen": True}, "invalidPatch"),
    ):
        told = await ask(jmap, "Email/set", update={id_: patch})
        if error is None:
            assert told["updated"] == {id_: None}, told
        else:
            assert told["notUpdated"][id_]["type"] == error, patch
    got = await only(jmap, properties=["keywords", "mailboxIds"])
    assert got["keywords"] == {"$seen": True, "$forwarded": True}
    assert got["mailboxIds"] == {"F1": True, "F2": True}


async def test_imports_and_parses_say_what_they_cannot(jmap: JmapInstance) -> None:
    await jmap.deliver(RAW)
    email = await only(jmap, properties=["blobId", "attachments"], bodyProperties=["blobId"])
    blob = email["blobId"]
    good = {"blobId": blob, "mailboxIds": {"F2": True}, "keywords": {"$Seen": True},
            "receivedAt": "2025-01-02T03:04:05Z"}  # fmt: skip
    told = await ask(jmap, "Email/import", emails={
        "good": good, "blob": {**good, "blobId": "U99"}, "box": {**good, "mailboxIds": {}},
        "other": {**good, "mailboxIds": {"F99": True}}, "more": {**good, "subject": "x"},
        "word": {**good, "keywords": {"a b": True}}, "none": {"mailboxIds": {"F1": True}},
        "pdf": {**good, "blobId": email["attachments"][1]["blobId"]},
    })  # fmt: skip
    assert told["created"]["good"].keys() == {"id", "blobId", "threadId", "size"}
    errors = {name: error["type"] for name, error in told["notCreated"].items()}
    assert errors.pop("pdf") == "invalidEmail"
    assert set(errors) == {"blob", "box", "other", "more", "word", "none"}
    assert set(errors.values()) == {"invalidProperties"}
    made = await ask(jmap, "Email/get", ids=[told["created"]["good"]["id"]])
    assert made["list"][0]["keywords"] == {"$seen": True}
    assert made["list"][0]["receivedAt"] == "2025-01-02T03:04:05Z"
    state = await ask(jmap, "Email/import", ifInState="0", emails={"good": good})
    assert state["type"] == "stateMismatch"
    told = await ask(
        jmap, "Email/parse", blobIds=[blob, "U99", email["attachments"][1]["blobId"]],
        properties=["id", "mailboxIds", "keywords", "receivedAt", "threadId", "subject", "blobId"],
    )  # fmt: skip
    assert told["notFound"] == ["U99"]
    assert told["notParsable"] == [email["attachments"][1]["blobId"]]
    parsed = told["parsed"][blob]
    assert (parsed["subject"], parsed["blobId"]) == ("Gr\u00fc\u00dfe folded", blob)
    fixed = ("id", "mailboxIds", "keywords", "receivedAt", "threadId")
    assert [parsed[name] for name in fixed] == [None] * 5


async def test_an_email_is_copied_to_another_account_only(jmap: JmapInstance) -> None:
    copy = {"fromAccountId": jmap.account, "create": {}}
    assert (await ask(jmap, "Email/copy", **copy))["type"] == "invalidArguments"
    copy["fromAccountId"] = "u99"
    assert (await ask(jmap, "Email/copy", **copy))["type"] == "fromAccountNotFound"
    told = await jmap.call("Email/copy", accountId="u99", fromAccountId=jmap.account, create={})
    assert told["type"] == "accountNotFound"


async def test_snippets_mark_and_escape(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Subject: a <b> & hello\r\n\r\nfirst hello & <last>\r\n")
    id_ = (await only(jmap))["id"]
    told = await ask(
        jmap, "SearchSnippet/get", filter={"text": "hello"}, emailIds=[id_, "M99", id_]
    )
    assert told["notFound"] == ["M99"]
    assert told["list"] == [{
        "emailId": id_, "subject": "a &lt;b&gt; &amp; <mark>hello</mark>",
        "preview": "first <mark>hello</mark> &amp; &lt;last&gt;",
    }]  # fmt: skip
    for filter_ in (None, {"hasKeyword": "x"}, {"subject": "absent"}):
        told = await ask(jmap, "SearchSnippet/get", filter=filter_, emailIds=[id_])
        assert told["list"] == [{"emailId": id_, "subject": None, "preview": None}]
    told = await ask(jmap, "SearchSnippet/get", filter={"nonsense": 1}, emailIds=[])
    assert told["type"] == "unsupportedFilter"


@pytest.mark.parametrize(
    ("filter_", "found"),
    [
        ({"from": "j@example.org"}, True),
        ({"from": "j\u00f6rg"}, True),
        ({"from": "nobody"}, False),
        ({"subject": "GR\u00dcSSE"}, True),
        ({"subject": '"gr\u00fc\u00dfe folded"'}, True),
        ({"body": "text"}, True),
        ({"body": "gr\u00fc\u00dfe"}, False),
        ({"text": "gr\u00fc\u00dfe"}, True),
        ({"header": ["X-Twice"]}, True),
        ({"header": ["x-twice", "second"]}, True),
        ({"header": ["x-twice", "third"]}, False),
        ({"header": ["X-None"]}, False),
        ({"hasAttachment": True}, True),
        ({"hasAttachment": False}, False),
        ({"minSize": 100, "maxSize": 100_000}, True),
        ({"maxSize": 100}, False),
        ({"before": "2000-01-01T00:00:00Z"}, False),
        ({"after": "2000-01-01T00:00:00Z"}, True),
        ({"inMailbox": "F1"}, True),
        ({"inMailbox": "F2"}, False),
        ({"inMailboxOtherThan": ["F1"]}, False),
        ({"inMailboxOtherThan": ["F2", "F3"]}, True),
        ({"hasKeyword": "$FLAGGED"}, True),
        ({"notKeyword": "$flagged"}, False),
        ({"allInThreadHaveKeyword": "$flagged"}, True),
        ({"someInThreadHaveKeyword": "$seen"}, False),
        ({"noneInThreadHaveKeyword": "$seen"}, True),
        ({"operator": "NOT", "conditions": [{"from": "nobody"}, {"from": "noone"}]}, True),
        ({"operator": "NOT", "conditions": [{"from": "nobody"}, {"from": "j"}]}, False),
        ({"operator": "AND", "conditions": [{"from": "j"}, {"subject": "none"}]}, False),
        ({"operator": "OR", "conditions": [{"from": "j"}, {"subject": "none"}]}, True),
        ({"operator": "OR", "conditions": []}, False),
        ({"operator": "AND", "conditions": []}, True),
        ({}, True),
        (None, True),
    ],
)
async def test_every_condition_of_an_email(
    jmap: JmapInstance, filter_: dict[str, Any] | None, found: bool
) -> None:
    await jmap.deliver(RAW, keywords="$flagged")
    told = await ask(jmap, "Email/query", filter=filter_)
    assert bool(told["ids"]) is found


async def test_a_submission_updates_and_destroys_its_email(jmap: JmapInstance) -> None:
    [identity] = (await ask(jmap, "Identity/get"))["list"]
    draft = {
        "mailboxIds": {"F2": True}, "keywords": {"$draft": True}, "subject": "x",
        "from": [{"email": identity["email"]}], "to": [{"email": identity["email"]}],
    }  # fmt: skip
    made = (await ask(jmap, "Email/set", create={"d": draft}))["created"]["d"]["id"]
    submission = {"identityId": identity["id"], "emailId": made}
    responses = await jmap.request((
        "EmailSubmission/set",
        {
            "accountId": jmap.account, "create": {"s": submission},
            "onSuccessUpdateEmail": {"#s": {"keywords/$draft": None, "mailboxIds": {"F3": True}}},
        },
        "0",
    ))  # fmt: skip
    assert [one[0] for one in responses] == ["EmailSubmission/set", "Email/set"]
    assert responses[1][1]["updated"] == {made: None}
    told = responses[0][1]["created"]["s"]
    assert told["undoStatus"] == "final"
    for wrong, named in (
        ({"emailId": "M99"}, "emailId"),
        ({"identityId": "I99"}, "identityId"),
        ({"nonsense": 1}, "nonsense"),
        ({"envelope": {"mailFrom": {}}}, "envelope"),
        ({"sendAt": "2025-01-02T03:04:05Z"}, "sendAt"),
    ):
        told = await ask(jmap, "EmailSubmission/set", create={"s": {**submission, **wrong}})
        error = told["notCreated"]["s"]
        assert (error["type"], error["properties"]) == ("invalidProperties", [named])
    nobody = {"mailFrom": {"email": identity["email"]}, "rcptTo": []}
    for envelope, type_ in (
        (nobody, "noRecipients"),
        ({**nobody, "rcptTo": [{"email": "not an address"}]}, "invalidRecipients"),
        ({**nobody, "mailFrom": {"email": "x@elsewhere.example"}}, "forbiddenMailFrom"),
    ):
        told = await ask(
            jmap, "EmailSubmission/set", create={"s": {**submission, "envelope": envelope}}
        )
        assert told["notCreated"]["s"]["type"] == type_


async def test_there_is_one_vacation_response_and_no_other(jmap: JmapInstance) -> None:
    told = await ask(jmap, "VacationResponse/get", ids=["singleton", "other"])
    assert ([one["id"] for one in told["list"]], told["notFound"]) == (["singleton"], ["other"])
    told = await ask(
        jmap, "VacationResponse/set", create={"k": {"isEnabled": True}},
        update={"singleton": {"isEnabled": True, "textBody": "away", "toDate": None},
                "other": {"isEnabled": True}},
        destroy=["third"],
    )  # fmt: skip
    assert told["notCreated"]["k"]["type"] == "singleton"
    assert told["notDestroyed"]["third"]["type"] == "notFound"
    gone = await ask(jmap, "VacationResponse/set", destroy=["singleton"])
    assert gone["notDestroyed"]["singleton"]["type"] == "singleton"
    assert told["notUpdated"]["other"]["type"] == "notFound"
    assert told["updated"] == {"singleton": None}


async def test_header_values_are_read_by_the_letter(jmap: JmapInstance) -> None:
    """RFC 8621 4.1.2.1 to 4.1.2.3."""
    await jmap.deliver(
        b'From: "John Smith"@example.org, "J. S." <"j s"@example.org>, js@example.org\r\n'
        b"Subject:  \t Re:=?utf-8?q?=C3=A4?= =?utf-8?q?a=00=07b?= end \r\n"
        b"X-Nul: a\0b\xff\r\n\r\nhello\r\n"
    )
    one = await only(jmap, properties=["from", "subject", "header:X-Nul", "headers"])
    assert one["from"] == [
        {"name": None, "email": '"John Smith"@example.org'},
        {"name": "J. S.", "email": '"j s"@example.org'},
        {"name": None, "email": "js@example.org"},
    ]
    assert one["subject"] == "Re:=?utf-8?q?=C3=A4?= ab end "
    assert one["header:X-Nul"] == " ab\ufffd"
    assert one["headers"][2]["value"] == " ab\ufffd"


@pytest.mark.parametrize("most", range(1, 40))
async def test_a_value_is_not_cut_within_a_tag(jmap: JmapInstance, most: int) -> None:
    whole = '<p>\u00e9 1 < 2 <a href="https://example.org/">link</a></p>\n'
    await jmap.deliver(
        b"Content-Type: text/html; charset=utf-8\r\n\r\n" + whole.encode().replace(b"\n", b"\r\n")
    )
    one = await only(
        jmap, properties=["bodyValues"], fetchHTMLBodyValues=True, maxBodyValueBytes=most
    )
    told = one["bodyValues"]["0"]
    assert told["isTruncated"]
    assert len(told["value"].encode()) <= most
    assert whole.startswith(told["value"])
    assert told["value"].rpartition("<")[1:] != ("<", "")
    assert "<a" not in told["value"] or ">" in told["value"].partition("<a")[2]


async def test_a_content_id_is_told_without_comments(jmap: JmapInstance) -> None:
    await jmap.deliver(b"Content-ID: (c) <a@b> (d)\r\n\r\nhello\r\n")
    one = await only(jmap, properties=["bodyStructure"], bodyProperties=["cid"])
    assert one["bodyStructure"]["cid"] == "a@b"


async def test_a_draft_may_have_recipients_that_are_none_yet(jmap: JmapInstance) -> None:
    """RFC 8621 4.6: it is checked when it is sent."""
    to = [{"name": None, "email": "john smith at home"}, {"name": "B", "email": "b@"}]
    draft = {"mailboxIds": {"F2": True}, "to": to, "cc": [], "inReplyTo": [], "references": []}
    made = (await ask(jmap, "Email/set", create={"k": draft}))["created"]["k"]
    told = await ask(
        jmap, "Email/get", ids=[made["id"]], properties=["to", "cc", "inReplyTo", "headers"]
    )
    [one] = told["list"]
    assert (one["to"], one["cc"], one["inReplyTo"]) == (to, None, None)
    assert not {"cc", "in-reply-to"} & {field["name"].lower() for field in one["headers"]}


@pytest.mark.parametrize(
    ("text", "is_found"),
    [("'brown fox'", True), ("'fox brown'", False), ('"brown fox" quick', True), ("don't", True)],
)
async def test_a_phrase_in_either_quotes_is_found_and_marked(
    jmap: JmapInstance, text: str, is_found: bool
) -> None:
    await jmap.deliver(b"Subject: x\r\n\r\nthe quick brown fox, don't\r\n")
    found = (await ask(jmap, "Email/query", filter={"body": text}))["ids"]
    assert bool(found) == is_found
    if is_found:
        told = await ask(jmap, "SearchSnippet/get", emailIds=found, filter={"body": text})
        word = text.strip("'").partition('" ')[0].strip('"')
        assert f"<mark>{word}</mark>" in told["list"][0]["preview"]


async def test_a_name_has_as_many_octets_as_are_told(jmap: JmapInstance) -> None:
    for name, is_made in (("a" * 200, True), ("a" * 201, False), ("\u00e9" * 101, False)):
        told = await ask(jmap, "Mailbox/set", create={"k": {"name": name}})
        assert bool(told["created"]) == is_made


@pytest.mark.parametrize(
    ("method", "argument"),
    [("Email/get", "ids"), ("Email/parse", "blobIds"), ("SearchSnippet/get", "emailIds"),
     ("Email/set", "destroy")],
)  # fmt: skip
async def test_an_id_that_is_asked_for_often_counts_as_often(
    jmap: JmapInstance, method: str, argument: str
) -> None:
    told = await ask(jmap, method, **{argument: ["M1"] * 1001})
    assert told["type"] == "requestTooLarge"
