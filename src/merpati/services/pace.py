"""How much is sent to a destination at once: as much as it takes gladly, and no more.

Theory. Additive increase, multiplicative decrease, as in TCP. A worker begins with the
connections that the setting allows. When the destination says that this is too much (421,
"too many connections", "rate limited"), it halves them and leaves a pause between two
messages, which doubles each time; what goes well shortens the pause by a tenth and, once
there is none, adds connections again, one for every `STEP` messages taken. Lanes that are
all told the same at once count as one: after a refusal, others are not heard for a while.
"""

from __future__ import annotations

from typing import Final

from merpati.model.delivery import Outcome, Result
from merpati.wire.dsn_advice import Advice, classify_status

PAUSE_FIRST: Final = 0.5  # seconds between two messages, after the first refusal
PAUSE_MAX: Final = 60.0
PAUSE_MIN: Final = 0.05  # below it there is none
PAUSE_DECAY: Final = 0.9
STEP: Final = 10  # messages taken for one connection more
DEAF: Final = 1.0  # seconds after a refusal in which others say nothing new
GIVE_UP: Final = 5  # refusals without a message taken between them: leave it alone


class Pace:
    """What one worker may do to one destination now.

    Attributes:
        most: Connections that the setting allows.
        lanes: Connections at once now.
        pause: Seconds between the beginnings of two messages, over all lanes.
        refusals: In a row, without a message taken between them.
    """

    __slots__ = ("_deaf_until", "_next", "_taken", "lanes", "most", "pause", "refusals")

    def __init__(self, most: int) -> None:
        self.most = most
        self.lanes = most
        self.pause = 0.0
        self.refusals = 0
        self._taken = 0
        self._next = 0.0
        self._deaf_until = 0.0

    @property
    def is_free(self) -> bool:
        """Whether nothing is known against sending as much as is allowed."""
        return self.lanes >= self.most and not self.pause

    @property
    def exhausted(self) -> bool:
        """Whether even the slowest pace is too much for it."""
        return self.refusals >= GIVE_UP

    def turn(self, now: float) -> float:
        """Seconds to wait before the next message; on a clock that never goes back."""
        if not self.pause:
            return 0.0
        start = max(now, self._next)
        self._next = start + self.pause
        return start - now

    def taken(self) -> None:
        """A message went well."""
        self.refusals = 0
        if self.is_free:
            return
        if self.pause:
            self.pause *= PAUSE_DECAY
            if self.pause < PAUSE_MIN:
                self.pause = 0.0
            return
        self._taken += 1
        if self._taken >= STEP:
            self._taken = 0
            self.lanes += 1

    def refused(self, now: float) -> bool:
        """It says that this is too much; whether that changes anything."""
        if now < self._deaf_until:
            return False
        self._deaf_until = now + DEAF
        self._taken = 0
        self.refusals += 1
        self.lanes = max(1, self.lanes // 2)
        self.pause = min(PAUSE_MAX, max(PAUSE_FIRST, self.pause * 2))
        return True


def is_too_much(result: Result) -> bool:
    """Whether a server says that we send too much, or too often."""
    if result.outcome is not Outcome.TEMPORARY or not result.code:
        return False
    if result.code == 421:
        return True
    if result.status == "4.5.3":  # too many recipients: of one message
        return False
    return classify_status(result.status, result.text, result.code) is Advice.RATE
