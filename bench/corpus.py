"""Messages made from a number, the same everywhere: threads, attachments, about 3 KB on average."""

from __future__ import annotations

import random
import re
from pathlib import Path

from merpati.wire.trace import date_time

SYLLABLES = re.findall("..", "kalominerusatovibadefogihujepaqiresituwexoyazu")

_chance = random.Random(11)
WORDS = sorted({"".join(_chance.choices(SYLLABLES, k=_chance.randint(2, 4))) for _ in range(20000)})
PEOPLE = [
    f"{first.title()} {last.title()} <{first}.{last}@example.{top}>"
    for first, last, top in zip(
        WORDS[5:8000:16], WORDS[9:8000:16], ["com", "org", "net"] * 400, strict=False
    )
]
LINES = [" ".join(_chance.choices(WORDS, k=9)) for _ in range(20000)]
ATTACHMENT = "\r\n".join(
    ["QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5"] * 60
)


def message(number: int, size: int = 0) -> bytes:
    """A message as it lies in a mailbox; of about `size` bytes, or as long as mail usually is."""
    chance = random.Random(number)
    text = _text(chance, size or min(20_000, int(chance.lognormvariate(7.3, 0.8))))
    head = _header(number, chance)
    if number % 10 != 3:
        head.append("Content-Type: text/plain; charset=utf-8")
        return "\r\n".join([*head, "", text, ""]).encode()
    boundary = f"b{number}x"
    name = f"r{number}.pdf"
    letter = f"Content-Type: text/plain; charset=utf-8\r\n\r\n{text}"
    report = (
        f'Content-Type: application/pdf; name="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment; filename="{name}"\r\n\r\n{ATTACHMENT}'
    )
    head.append(f'Content-Type: multipart/mixed; boundary="{boundary}"')
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in (letter, report))
    return "\r\n".join([*head, "", f"{body}--{boundary}--", ""]).encode()


def _header(number: int, chance: random.Random) -> list[str]:
    date = date_time(1_735_689_600 + 60 * number)
    is_reply = number > 10 and chance.random() < 0.5
    subject = " ".join(chance.choices(WORDS, k=chance.randint(2, 8)))
    head = [
        f"Return-Path: <bounce{number}@example.com>",
        f"Received: from mx{number % 7}.example.com (mx.example.com [192.0.2.{number % 250}])",
        f"\tby mail.example.org with ESMTPS id q{number}; {date}",
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s1;",
        f"\th=from:to:subject:date; bh={'x' * 43}=; b={'y' * 170}",
        f"Date: {date}",
        f"From: {chance.choice(PEOPLE)}",
        f"To: {chance.choice(PEOPLE)}",
        f"Subject: {'Re: ' if is_reply else ''}{subject}",
        f"Message-ID: <m{number}@example.com>",
        "MIME-Version: 1.0",
    ]
    if number % 5 == 0:
        head.append("Cc: " + ", ".join(chance.choices(PEOPLE, k=3)))
    if is_reply:
        earlier = max(0, number - chance.randint(1, 40))
        first = max(0, earlier - 3)
        head.append(f"In-Reply-To: <m{earlier}@example.com>")
        head.append(f"References: <m{first}@example.com> <m{earlier}@example.com>")
    return head


def _text(chance: random.Random, size: int) -> str:
    count = max(1, size // 66)
    start = chance.randrange(len(LINES))
    lines = LINES[start : start + count]
    while len(lines) < count:
        lines += LINES[: count - len(lines)]
    return "\r\n".join(lines)


def submission(path: Path, size: int, author: str = "alice@example.net") -> Path:
    """A file with a message of `size` bytes as DATA sends it; `{n}` becomes another number each."""
    head = (
        "Received: from mail.example.net (mail.example.net [192.0.2.7])\r\n"
        "\tby mx.example.org with ESMTPS id {n}\r\n"
        "\tfor <user@example.org>; Mon, 2 Nov 2026 10:11:12 +0000\r\n"
        "Date: Mon, 2 Nov 2026 10:11:12 +0000\r\n"
        f"From: Alice Example <{author}>\r\n"
        "To: Bob Example <bob@example.org>\r\n"
        "Subject: quarterly report {n}\r\n"
        "Message-ID: <{n}.bench@example.net>\r\n"
        "MIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n"
    )
    text = _text(random.Random(7), size)
    path.write_bytes(f"{head}{text}\r\n.\r\n".encode())
    return path
