from __future__ import annotations

from merpati.base.faults import Fault, Kind
from merpati.model.mailing_list import MailingList
from merpati.servers.web import leave
from tests.servers.web.conftest import Opener, Site

LIST = MailingList(id=1, domain_id=1, local="sales", domain="a.test", name="Sales <&> co")


class Lists:
    """Tokens that are good, and those that were used."""

    def __init__(self) -> None:
        self.left: list[str] = []

    async def leave(self, token: str) -> MailingList | None:
        if token == "broken":
            raise Fault(Kind.UNAVAILABLE, "the disk is full")
        if token != "good":
            return None
        self.left.append(token)
        return LIST


async def post(site: Site, path: str, language: str = "en") -> tuple[int, str]:
    body = "List-Unsubscribe=One-Click"
    answer = await site.raw(
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        f"Accept-Language: {language}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    return int(answer.split()[1]), answer.decode()


async def test_one_click_leaves_and_looking_does_not(serve: Opener) -> None:
    lists = Lists()
    async with serve(leave.routes(lists.leave)) as site:
        status, kind, body = await site.get("/lists/leave/good")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b'<form method="post">' in body
        assert lists.left == []
        status, text = await post(site, "/lists/leave/good")
        assert status == 200
        assert lists.left == ["good"]
        assert "You have left Sales &lt;&amp;&gt; co." in text


async def test_a_link_that_is_unknown_or_cannot_be_served_says_so(serve: Opener) -> None:
    lists = Lists()
    async with serve(leave.routes(lists.leave)) as site:
        assert (await post(site, "/lists/leave/other"))[0] == 404
        assert (await post(site, "/lists/leave/broken"))[0] == 503
        assert (await post(site, "/lists/leave/" + "x" * 4000))[0] in {404, 414}
        assert lists.left == []


async def test_the_page_speaks_indonesian_to_who_wants_it(serve: Opener) -> None:
    async with serve(leave.routes(Lists().leave)) as site:
        _, text = await post(site, "/lists/leave/good", "id-ID,id;q=0.9,en;q=0.8")
        assert "Anda telah keluar dari" in text
        assert '<html lang="id">' in text
        _, text = await post(site, "/lists/leave/good", "en-US,en;q=0.9,id;q=0.2")
        assert "You have left" in text
