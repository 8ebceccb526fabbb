"""The administration in a browser: its journeys, on a desk and a phone, in both languages."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.administration import BOSSES, Admin, headquarters, published
from tests.scenarios.webmail import by_imap, findings, keep, letter, need_pages
from tests.support.browser import Browser
from tests.support.dns import DnsServer, answering
from tests.support.instance import Installation
from tests.support.programs import need

pytestmark = [pytest.mark.scenario, pytest.mark.timeout(300)]

SCREENS: Final = (
    "guide", "dashboard", "accounts", "accounts/budi%40a.id", "domains", "domains/a.id", "aliases",
    "lists", "lists/warga%40a.id", "shared", "queue", "guard", "trace", "reports", "doctor",
    "audit", "backup", "configuration", "programs", "settings",
)  # fmt: skip
GUIDE_SECONDS: Final = 600  # for somebody who has never done it; a script has to be far below
WITHIN: Final = "(text => document.querySelector('dialog').innerText.includes(text))"
REPORT: Final = """<?xml version="1.0"?>
<feedback>
<report_metadata><org_name>besar.example</org_name><email>d@besar.example</email>
<report_id>1</report_id><date_range><begin>{begin}</begin><end>{end}</end></date_range>
</report_metadata>
<policy_published><domain>a.id</domain><p>none</p></policy_published>
<record><row><source_ip>192.0.2.7</source_ip><count>12</count><policy_evaluated>
<disposition>none</disposition><dkim>fail</dkim><spf>fail</spf></policy_evaluated></row>
<identifiers><header_from>a.id</header_from></identifiers><auth_results>
<spf><domain>lain.example</domain><result>pass</result></spf></auth_results></record>
<record><row><source_ip>192.0.2.1</source_ip><count>88</count><policy_evaluated>
<disposition>none</disposition><dkim>pass</dkim><spf>pass</spf></policy_evaluated></row>
<identifiers><header_from>a.id</header_from></identifiers><auth_results>
<spf><domain>a.id</domain><result>pass</result></spf></auth_results></record>
</feedback>
"""


@pytest.fixture(scope="module")
def names() -> Iterator[DnsServer]:
    with answering(DnsServer()) as server:
        for domain in ("far.test", "jauh.test"):
            server.set(domain, "MX", f"10 mx.{domain}.")
            server.set(f"mx.{domain}", "A", "127.9.9.9")
        yield server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, names: DnsServer) -> Iterator[Installation]:
    need_pages()
    folder: Path = tmp_path_factory.mktemp("admin")
    with headquarters(
        folder, "ani@a.id", "sari@a.id", "budi@a.id",
        dns={"nameservers": f'["127.0.0.1:{names.port}"]'},
        backup={"target": f'"{folder / "backup"}"'},
        alerts={"every": '"1s"', "doctor": "false"},
    ) as made:  # fmt: skip
        made.run("list", "create", "warga@a.id")
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with Browser(need("chromium")) as made:
        yield made


@pytest.fixture(scope="module", params=BOSSES)
def boss(server: Installation, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Admin]:
    made = Admin.arrive(browser, f"https://127.0.0.1:{server.port('https')}", request.param)
    yield made
    assert not made.page.faults()


@pytest.fixture
def admin(boss: Admin) -> Admin:
    boss.begin_again()
    return boss


@pytest.fixture
def mine(admin: Admin) -> str:
    """A name that the other way does not use."""
    return "meja" if admin.language == "en" else "ponsel"


def test_the_first_steps_are_walked(
    server: Installation, admin: Admin, names: DnsServer, mine: str
) -> None:
    for record in server.json("dns", "a.id")["records"]:
        names.remove(record["name"])
    began = time.monotonic()
    admin.go("guide")
    admin.sees("guide.dnsLead")
    admin.sees("domains.marks.missing")
    published(server, names)
    admin.press("domains.check")
    admin.sees("guide.certificateBad")  # a step that is done makes room for the next
    admin.press("guide.next", "accounts.new")
    admin.fill("address", f"{mine}1@a.id")
    admin.press("add")
    admin.page.wait("document.querySelector('[data-secret]')")
    admin.close()
    admin.press("accounts.import")
    table = f"address,name\n{mine}2@a.id,Dua\nnobody@elsewhere.test,X\n"
    admin.fill("accounts.importText", table)
    admin.press("accounts.importTry")
    admin.press("=" + admin.name("accounts.importDo", 1))
    admin.sees("accounts.importDone", 1)
    admin.close()
    admin.press("guide.next")
    admin.fill("guide.letterTo", "budi@a.id")
    admin.press("guide.letterSend")
    admin.sees("guide.letterOut")
    answer = "Subject: Re: A test letter\n\nIt came.\n"
    server.sendmail("-f", "budi@a.id", admin.address, text=answer)
    admin.sees("guide.letterIn")
    admin.press("guide.next", "backup.now")
    admin.sees("guide.progress", 5, 6)  # the certificate is the one of `merpati init`
    seconds = time.monotonic() - began
    print(f"first steps: {seconds:.1f} s")
    assert seconds < GUIDE_SECONDS / 5
    made = {one["address"] for one in server.json("account", "list")}
    assert made >= {f"{mine}1@a.id", f"{mine}2@a.id"}


def test_a_domain_is_added_gets_a_second_name_and_a_limit_and_goes(
    server: Installation, admin: Admin, mine: str
) -> None:
    domain = f"{mine}.test"
    admin.go("domains")
    admin.fill("domains.new", domain)
    admin.press("add")
    admin.page.wait(f"document.querySelector('main h1').innerText === '{domain}'")
    admin.sees("=mail.a.id")
    admin.fill("domains.addSecond", f"www.{domain}")
    admin.press("add")
    admin.sees(f"=www.{domain}")
    admin.fill("quota", "2")
    admin.press("save")
    admin.sees("saved")
    found = next(one for one in server.json("domain", "list") if one["name"] == domain)
    assert found["aliases"] == [f"www.{domain}"]
    admin.quiet()
    admin.press("remove")  # the last one is the domain's
    admin.fill(f"={domain}", domain)
    admin.press("remove")
    admin.page.wait("location.pathname === '/admin/domains'")
    admin.gone(domain)


def test_an_account_is_made_renamed_disabled_let_in_again_and_erased(
    server: Installation, admin: Admin, mine: str
) -> None:
    admin.go("accounts")
    admin.press("accounts.new")
    admin.fill("address", f"{mine}.wati@a.id")
    admin.fill("name", "Wati")
    admin.press("add")
    admin.page.wait("document.querySelector('[data-secret]')")
    admin.press("guide.open")
    admin.fill("accounts.rename", f"{mine}.hartati@a.id")
    admin.fill("quota", "1,5")
    admin.press("save")
    admin.page.wait(f"document.querySelector('main h1').innerText === '{mine}.hartati@a.id'")
    admin.settle()
    found = server.json("account", "show", f"{mine}.wati@a.id")  # it still leads there
    assert found["address"] == f"{mine}.hartati@a.id"
    assert found["quota"] == 1.5 * 2**30
    admin.press("accounts.disable")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("accounts.disable")
    admin.page.wait("document.querySelector('main .badge.warn')")
    assert server.json("account", "show", f"{mine}.hartati@a.id")["disabled"]
    admin.press("accounts.enable")
    admin.page.wait("!document.querySelector('main .badge.warn')")
    admin.press("accounts.newPassword")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("accounts.newPassword")
    admin.page.wait("document.querySelector('[data-secret]')")
    admin.close()
    admin.press("accounts.erase")
    admin.fill(f"={mine}.hartati@a.id", f"{mine}.hartati@a.id")
    admin.press("accounts.erase")
    admin.page.wait("location.pathname === '/admin/accounts'")
    admin.fill("search", f"{mine}.")
    admin.sees("nothingFound")


def test_what_somebody_removed_comes_back(server: Installation, admin: Admin, mine: str) -> None:
    owner = "ani@a.id" if admin.language == "en" else "sari@a.id"
    keep(server, letter(f"Penting {mine}"), who=owner)
    with by_imap(server, owner) as imap:
        imap.select("INBOX")
        imap.store("1:*", "+FLAGS", r"(\Deleted)")
        imap.expunge()
    admin.go(f"accounts/{owner}")
    admin.press("accounts.restore")
    admin.sees("accounts.restored", 1)
    admin.sees("accounts.nothingRemoved")
    with by_imap(server, owner) as imap:
        imap.select("INBOX")
        assert imap.search(None, "SUBJECT", f'"Penting {mine}"')[1] != [b""]


def test_an_alias_is_made_changed_and_removed(
    server: Installation, admin: Admin, mine: str
) -> None:
    alias = f"{mine}.info@a.id"
    admin.go("aliases")
    admin.press("aliases.new")
    admin.fill("address", alias)
    admin.fill("aliases.targets", "ani@a.id")
    admin.press("save")
    admin.sees(f"={alias}")
    admin.page.wait("!document.querySelector('dialog')")
    admin.press(f"={admin.word('save', part=3)}: {alias}")
    admin.fill("aliases.targets", "ani@a.id\nbudi@a.id")
    admin.press("save")
    admin.sees("=ani@a.id, budi@a.id")
    assert alias in {one["address"] for one in server.json("alias", "list")}
    admin.press(f"={admin.word('remove', part=3)}: {alias}", "remove")
    admin.gone(alias)


def test_a_list_gets_members_and_a_post_that_waits_is_let_go(
    server: Installation, admin: Admin, mine: str
) -> None:
    address = f"{mine}.tim@a.id"
    admin.go("lists")
    admin.press("lists.new")
    admin.fill("address", address)
    admin.press("add")
    admin.page.wait(f"document.querySelector('main h1').innerText === '{address}'")
    admin.press("lists.moderated")
    admin.sees("saved")
    admin.quiet()
    admin.fill("lists.addMembers", "ani@a.id budi@a.id")
    admin.page.click("form:has(textarea) button")
    admin.sees("lists.count", 2)
    server.sendmail("-f", "budi@a.id", address, text="From: budi@a.id\nSubject: Rapat\n\nSenin?\n")
    admin.page.until(lambda: server.json("list", "held", address) != [])
    admin.go("lists")
    admin.go(f"lists/{address}")
    admin.sees("=Rapat")
    admin.press("lists.approve")
    admin.gone("Rapat")
    admin.select("domain", "main .row:nth-of-type(2) select")  # a group: whoever is of the domain
    admin.page.until(lambda: server.json("list", "show", address)["audience"] == "domain")


def test_a_shared_mailbox_gets_and_loses_a_member(
    server: Installation, admin: Admin, mine: str
) -> None:
    address = f"{mine}.jual@a.id"
    admin.go("shared")
    admin.press("shared.new")
    admin.fill("address", address)
    admin.fill("name", f"Penjualan {mine}")
    admin.press("add")
    admin.sees(f"={address}")
    admin.page.wait("!document.querySelector('dialog')")
    card = (
        "[...document.querySelectorAll('main section')]"
        f".find(one => one.innerText.includes('{address}'))"
    )
    admin.page.click_at_once(f"{card}.querySelector('button')")
    admin.fill("shared.member", "budi@a.id")
    admin.select("as", "dialog label:nth-of-type(2) select")
    admin.press("save")
    admin.page.wait(f"{card}.innerText.includes('budi@a.id')")
    members = server.json("shared", "show", address)["members"]
    assert [one["member"] for one in members] == ["budi@a.id"]
    admin.page.click_at_once(f"{card}.querySelector('td button')")
    admin.press("remove")
    admin.page.wait(f"!{card}.innerText.includes('budi@a.id')")


def test_a_delegate_sees_the_screens_of_their_rights(
    server: Installation, admin: Admin, browser: Browser
) -> None:
    who = "ani@a.id" if admin.language == "en" else "sari@a.id"
    admin.go("settings")
    admin.select("a.id", "main select")
    admin.fill("address", who)
    admin.press("settings.rights.lists", "settings.rights.reports", "settings.addDelegate")
    admin.sees(f"={who} · a.id")
    way = next(way for way, boss in BOSSES.items() if boss == admin.address)
    base = admin.page.run("location.origin")
    theirs = Admin.arrive(browser, base, way, who)
    shown = theirs.page.run("[...document.querySelectorAll('#nav a')].map((one) => one.pathname)")
    assert [path.rpartition("/")[2] for path in shown] == [
        "accounts", "domains", "aliases", "shared", "trace", "audit",
    ]  # fmt: skip
    theirs.go("queue")
    theirs.sees("notAllowed")


def test_a_message_is_held_released_and_followed(
    server: Installation, admin: Admin, mine: str
) -> None:
    there = "x@far.test" if admin.language == "en" else "x@jauh.test"
    server.sendmail("-f", "ani@a.id", there, text=f"Subject: Pesanan {mine}\n\nhalo\n")
    admin.go("queue")
    row = (
        f"[...document.querySelectorAll('tbody tr')].find(one => one.innerText.includes('{there}'))"
    )
    admin.page.wait(f"{row}?.querySelector('input')")
    admin.page.click_at_once(f"{row}.querySelector('input')")
    admin.press("queue.acts.hold")
    admin.page.wait("document.querySelector('dialog')")
    admin.fill("queue.reason", f"tanya Ani {mine}")
    admin.press("queue.acts.hold")
    admin.page.wait(f"{row}.innerText.includes('tanya Ani {mine}')")
    admin.page.click_at_once(f"{row}.querySelector('input')")
    admin.press("queue.acts.release")
    admin.page.wait(f"!{row}.innerText.includes('tanya Ani {mine}')")
    admin.page.click_at_once(f"{row}.querySelector('input')")
    admin.press("queue.acts.retry")
    admin.sees("queue.done", 1)
    admin.go("trace")
    admin.fill("trace.what", f"pesanan {mine}")
    admin.press("trace.find")
    english = admin.language == "en"
    admin.sees(f"={'queued for' if english else 'masuk antrean untuk'} {there}")
    admin.go("audit")
    admin.sees("=" + admin.word("audit.actions['queue.hold']", part=3))
    admin.fill("search", "queue.hold")
    admin.sees(f"={admin.address}")
    admin.go("queue")
    admin.page.wait(f"{row}?.querySelector('input')")
    admin.page.click_at_once(f"{row}.querySelector('input')")
    admin.press("queue.acts.delete")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("queue.acts.delete")
    admin.page.wait(f"!{row}")


def test_an_account_is_stopped_from_sending_and_let_go(server: Installation, admin: Admin) -> None:
    who = "budi@a.id"  # who gets a new password by this
    server.run("guard", "freeze", who, "--reason", "uji")
    admin.go("guard")
    admin.sees(f"={who}")
    admin.press("guard.release")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("guard.release")
    admin.page.until(lambda: server.json("guard", "list") == [])


def test_what_others_report_is_told_in_sentences(
    server: Installation, admin: Admin, tmp_path: Path
) -> None:
    now = int(time.time())
    file = tmp_path / "besar.example!a.id!1!2.xml"
    file.write_text(REPORT.format(begin=now - 2 * 86_400, end=now - 86_400))
    read = server.run("report", "read", file)
    assert read.returncode == 0, read.stderr
    admin.go("reports")
    admin.sees("=192.0.2.7")
    admin.page.wait("document.querySelector('main figure svg desc')")


def test_the_doctor_says_what_to_do(admin: Admin) -> None:
    admin.go("doctor")
    admin.page.wait("document.querySelector('main article')", 60)
    admin.sees("doctor.do")
    admin.press("doctor.run")
    admin.page.wait("document.querySelector('main article')", 60)


def test_a_folder_is_brought_back_from_a_backup(
    server: Installation, admin: Admin, mine: str
) -> None:
    owner = "ani@a.id" if admin.language == "en" else "sari@a.id"
    with by_imap(server, owner) as imap:
        imap.create(f"Arsip-{mine}")
    keep(server, letter("Kontrak"), mailbox=f"Arsip-{mine}", who=owner)
    admin.go("backup")
    admin.press("backup.now")
    admin.sees("backup.running")
    admin.gone(admin.name("backup.running"))
    with by_imap(server, owner) as imap:
        imap.delete(f"Arsip-{mine}")
    admin.go("guide")
    admin.go("backup")
    admin.fill("address", owner)
    admin.press("backup.look")
    admin.select(f"Arsip-{mine}", "main label:nth-of-type(2) select")
    admin.press("backup.bring")
    admin.sees("backup.brought", 1, 0)
    with by_imap(server, owner) as imap:
        assert imap.select(f"Arsip-{mine}")[1] == [b"1"]


def test_a_configuration_is_compared_applied_and_taken_back(
    server: Installation, admin: Admin, mine: str
) -> None:
    alias = f"{mine}.kantor@a.id"
    for one in server.json("alias", "list"):  # of the journeys before
        server.run("alias", "remove", one["address"])
    who = f"{mine}.wakil@a.id"
    server.add_account(who)
    admin.go("configuration")
    admin.press("configuration.now")
    text = admin.page.wait(
        "(one => one.includes('ani@a.id') && one)(document.querySelector('main textarea').value)"
    )
    rule = f'[[rule]]\nrecipient = "*@{mine}.test"\nreason = "{mine}"\n'
    room = f"{mine}.papan@a.id"
    more = f'[shared."{room}"]\nmembers = ["ani@a.id write as"]\n'
    delegate = f'[delegate."{who}"]\n"a.id" = ["trace"]\n'
    more = f'[alias]\n"{alias}" = ["ani@a.id"]\n{more}{delegate}{rule}'
    admin.fill("configuration.text", f"{text}\n{more}")
    admin.press("configuration.compare")
    admin.sees("configuration.would")
    word = "add the" if admin.language == "en" else "tambah aturan"
    admin.sees(f"={word}")
    admin.shot("configuration-plan")
    assert server.json("alias", "list") == []
    admin.press("configuration.apply")
    admin.sees("configuration.applied")
    assert [one["address"] for one in server.json("alias", "list")] == [alias]
    [shared] = [one for one in server.json("shared", "list") if one["address"] == room]
    assert shared["members"] == [{"member": "ani@a.id", "rights": "lrswipkte", "send": "as"}]
    assert mine in [one["reason"] for one in server.json("queue", "rules", "list")]
    admin.fill("configuration.text", text)
    admin.press("configuration.remove", "configuration.removeAccounts", "configuration.compare")
    admin.sees("configuration.would")
    admin.press("configuration.apply")
    admin.sees("configuration.applied")
    left = str([server.json(*what) for what in (("alias", "list"), ("shared", "list"))])
    assert alias not in left
    assert room not in left
    assert mine not in [one["reason"] for one in server.json("queue", "rules", "list")]


def test_what_is_wrong_stands_on_the_dashboard_with_the_next_step(
    server: Installation, admin: Admin
) -> None:
    server.run("guard", "freeze", "budi@a.id", "--reason", "uji")

    def stands() -> bool:
        admin.go("queue")
        admin.go("dashboard")
        found = "[...document.querySelectorAll('main [role=alert]')]"
        said = f"{found}.some(one => one.innerText.includes('budi@a.id'))"
        return bool(admin.page.run(f"{said} && !!{found}[0].querySelector('p + p')"))

    admin.page.until(stands)
    server.run("guard", "release", "budi@a.id")
    for n in range(6):
        admin.select(str(n), "select#span")
        admin.settle()
        assert admin.page.run(
            "[...document.querySelectorAll('figure svg')].every(one =>"
            " one.querySelector('desc') && one.getAttribute('aria-labelledby'))"
        )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("way", BOSSES)
def test_every_screen_is_for_everybody(
    server: Installation, browser: Browser, way: str, dark: bool
) -> None:
    base = f"https://127.0.0.1:{server.port('https')}"
    admin = Admin.arrive(browser, base, way, dark=dark)
    theme = "dark" if dark else "light"
    wrong: list[str] = []
    for screen in SCREENS:
        admin.go(screen)
        wrong += [] if admin.fits() else [f"{screen} is too wide"]
        failed = json.dumps(admin.name("failed", "").strip())
        wrong += (
            [f"{screen} failed"]
            if admin.page.run(f"document.body.innerText.includes({failed})")
            else []
        )
        wrong += [f"{screen}: {one}" for one in findings(admin.page)]
        admin.shot(f"{theme}-{screen}")
    assert not wrong


def test_a_change_is_looked_at_and_taken_back(
    server: Installation, admin: Admin, mine: str
) -> None:
    def begin(number: int) -> None:
        rows = "[...document.querySelectorAll('main li')]"
        row = f"{rows}.find(one => one.innerText.startsWith('{number} '))"
        admin.page.wait(f"{row}?.querySelector('button')")
        admin.page.click_at_once(f"{row}.querySelector('button')")

    server.run("account", "set", "budi@a.id", "--name", f"Budi {mine}")
    server.run("account", "set", "budi@a.id", "--name", f"Bedu {mine}")
    second, first = (one["id"] for one in server.json("audit", "list", "budi@a.id")[:2])
    admin.go("audit")
    begin(second)
    admin.page.wait(f"document.querySelector('dialog ins')?.innerText === 'Budi {mine}'")
    admin.shot("audit-undo")
    admin.press("audit.undo")
    admin.sees("audit.undone")
    assert server.json("account", "show", "budi@a.id")["name"] == f"Budi {mine}"
    admin.sees("audit.undoneBy", second + 1)
    server.run("account", "set", "budi@a.id", "--name", "Budi")
    admin.quiet()
    begin(first)
    word = "name is Budi now" if admin.language == "en" else "name kini Budi"
    admin.page.wait(f"document.querySelector('dialog')?.innerText.includes('{word}')")
    admin.shot("audit-changed-since")
    admin.close()


def test_an_account_is_handed_over_and_taken_back(
    server: Installation, admin: Admin, mine: str
) -> None:
    who, heir = f"{mine}.pergi@a.id", f"{mine}.ganti@a.id"
    server.add_account(heir)
    server.add_account(who, "--name", f"Pergi {mine}")
    server.run("alias", "add", f"{mine}.kontak@a.id", who)
    admin.go(f"accounts/{who}")
    admin.press("handOver.title")
    admin.fill("handOver.to", heir)
    admin.press("handOver.look")
    admin.page.wait(f"document.querySelector('dialog li') && {WITHIN}('{mine}.kontak@a.id')")
    assert not findings(admin.page)
    admin.shot("hand-over")
    assert server.json("account", "show", who)["kind"] == "person"
    admin.press("handOver.act")
    admin.page.wait("location.pathname === '/admin/shared'")
    admin.sees(f"=Pergi {mine}")
    [shared] = [one for one in server.json("shared", "list") if one["address"] == who]
    assert [one["member"] for one in shared["members"]] == [heir]
    contact = f"{mine}.kontak@a.id"
    [alias] = [one for one in server.json("alias", "list") if one["address"] == contact]
    assert alias["targets"] == [heir]
    admin.quiet()
    admin.shot("handed-over")
    admin.press("handOver.back")
    admin.page.wait("document.querySelector('dialog')")
    admin.press("handOver.back")
    admin.sees("handOver.isBack", who)
    found = server.json("account", "show", who)
    assert (found["kind"], found["name"]) == ("person", f"Pergi {mine}")
    with by_imap(server, who) as imap:  # with the password it had
        assert imap.select("INBOX")[0] == "OK"
