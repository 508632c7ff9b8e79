# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What becomes of one machine, as its VirtualMachine and DataVolumes tell it; a few numbers are all that is kept.

KubeVirt's words are ``status.printableStatus`` (``pkg/virt-controller/watch/vm``). CDI's: a clone that cannot be made
is hardly ever ``Failed``; it stays in its phase with the condition Running False, reason Error, and is tried again.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from ansible_collections.virtscale.tuning.plugins.module_utils._kube.objects import Object

CREATE, CLONE, START = "create", "clone", "start"
# KubeVirt tries again in all of these.
_TROUBLE = (
    "CrashLoopBackOff",
    "DataVolumeError",
    "ErrImagePull",
    "ErrorPvcNotFound",
    "ErrorUnschedulable",
    "ImagePullBackOff",
)
_CLONE_TROUBLE = ("DataVolumeError", "ErrorPvcNotFound")
_NO_RUN = ("Stopped",)
# Says nothing but that it does not run.
_NO_INSTANCE = "VMINotExists"
# Reached only with every disk in place.
_HAS_DISKS = ("Starting", "Running", "Paused", "Migrating", "Stopping")


@dataclass(frozen=True)
class Failure:
    """Where a machine stopped, and the cluster's own reason."""

    stage: str
    reason: str


class Machine:
    """One machine; moments are seconds on the engine's clock, None where they were not or not yet seen."""

    __slots__ = (
        "_done",
        "_reached",
        "_since",
        "_trouble",
        "asked",
        "cloned",
        "clones",
        "created",
        "failure",
        "gone",
        "group",
        "is_cloned",
        "is_running",
        "name",
        "namespace",
        "number",
        "running",
        "runs",
        "status",
        "there",
        "times",
        "uid",
    )

    def __init__(self, name: str, namespace: str, group: str, number: int, *, clones: int, runs: bool | None) -> None:
        self.name, self.namespace, self.group, self.number = name, namespace, group, number
        # How many data volumes it clones, and whether it is to run; None where that is left as it is.
        self.clones, self.runs = clones, runs
        self.asked: float | None = None
        self.created: float | None = None
        self.cloned: float | None = None
        self.running: float | None = None
        self.there = False
        # On its way out; its name is not free yet.
        self.gone = False
        self.uid = ""
        self.is_cloned = not clones
        self.is_running = False
        self.status = ""
        self.failure: Failure | None = None
        # "seen" by this program, or from the API's own timestamps where nobody looked.
        self.times = "seen"
        self._done: frozenset[str] = frozenset()
        # What it has reached, be the moment known or not (yet).
        self._reached: frozenset[str] = frozenset()
        self._trouble: Failure | None = None
        self._since = 0.0

    @property
    def vm(self) -> str:
        """Return namespace and name."""
        return f"{self.namespace}/{self.name}"

    @property
    def measured(self) -> bool:
        """Return whether this deployment made it, so that its times mean something."""
        return self.asked is not None

    @property
    def settled(self) -> bool:
        """Return whether nothing more is to come of it."""
        if self.failure:
            return True
        if not (self.there and self.is_cloned):
            return False
        if self.runs is None:
            return True
        return self.is_running if self.runs else self.status in _NO_RUN

    @property
    def has_disks(self) -> bool:
        """Return whether it is done as far as its clones go: made, or failed."""
        return self.failure is not None or (self.there and self.is_cloned)

    def see_machine(self, vm: Object, now: float, *, late: bool) -> list[str]:
        """Take in a VirtualMachine; return which of created, cloned and running are news.

        :param late: it may have come to this some time ago, so that the API's own times are better than ``now``.
        """
        meta, status = vm["metadata"], vm.get("status") or {}
        if meta.get("deletionTimestamp"):
            self.gone, self.there, self.is_running = True, False, False
            return []
        news = []
        self.namespace, self.uid, self.gone = meta["namespace"], meta.get("uid", ""), False
        if not self.there:
            self.there = True
            if self.failure and self.failure.stage == CREATE:
                self.failure = None
            news += self._reach("created", meta.get("creationTimestamp"), now, late)
        self.status = status.get("printableStatus") or ""
        self.is_running = self.status == "Running"
        if self.is_running:
            news += self._reach("running", _since(status, "Ready"), now, late)
        if not self.is_cloned and self.status in _HAS_DISKS:
            self.is_cloned = True
            news += self._reach("cloned", None, now, late)
        if self.status in _TROUBLE:
            stage = CLONE if self.status in _CLONE_TROUBLE else START
            if stage == START or self._trouble is None:
                # Of a clone the DataVolume itself says why.
                self._in_trouble(Failure(stage, _reason(status, self.status)), now)
        elif self._trouble and self._trouble.stage == START:
            self._out_of_trouble()
        return news

    def see_clone(self, volume: Object, now: float, *, late: bool) -> list[str]:
        """Take in one of its DataVolumes; return ``["cloned"]`` when that was the last to be done."""
        meta, status = volume["metadata"], volume.get("status") or {}
        if status.get("phase") == "Succeeded":
            self._done |= {meta["name"]}
            if self._trouble and self._trouble.stage == CLONE:
                self._out_of_trouble()
            if self.clones and len(self._done) >= self.clones:
                self.is_cloned = True
                return self._reach("cloned", _since(status, "Ready"), now, late)
            return []
        running = _condition(status, "Running")
        if status.get("phase") == "Failed" or (running.get("status") == "False" and running.get("reason") == "Error"):
            told = (running, _condition(status, "Ready"), _condition(status, "Bound"))
            reason = next((one["message"] for one in told if one.get("message")), "")
            self._in_trouble(Failure(CLONE, _with(status.get("phase", ""), reason)), now)
        elif self._trouble and self._trouble.stage == CLONE:
            self._out_of_trouble()
        return []

    def ask(self, now: float) -> None:
        """Note that it is asked for now; what was known of an earlier one of its name is void."""
        self.asked, self.times = now, "seen"
        self.created = self.cloned = self.running = self.failure = self._trouble = None
        self.is_cloned, self._done, self._reached = not self.clones, frozenset(), frozenset()

    def recall(self, what: str, at: float | None, times: str) -> None:
        """Take over from an earlier run what it had reached."""
        setattr(self, what, at)
        self.times, self._reached = times, self._reached | {what}
        self.is_cloned = self.is_cloned or what == "cloned"

    def answer(self, now: float) -> list[str]:
        """Note that the API has taken it; return what is news."""
        self.there = True
        return self._reach("created", None, now, late=False)

    def vanish(self) -> None:
        """Note that the object is no longer there."""
        self.there = self.gone = self.is_running = False
        self.status, self.uid = "", ""

    def judge(self, now: float, failing_s: float) -> bool:
        """Let trouble that lasted become a failure; return whether it did just now."""
        if self.failure or not self._trouble or now - self._since < failing_s:
            return False
        self.failure = self._trouble
        return True

    def give_up(self, why: str) -> None:
        """Make a failure of not being done: the trouble that it is in, or where it is stuck."""
        stage = CREATE if not self.there else (START if self.is_cloned else CLONE)
        self.failure = self._trouble or Failure(stage, f"{why}; its status is {self.status or 'not told'}")

    def _reach(self, what: str, told: str | None, now: float, late: bool) -> list[str]:
        """Note when something was reached, unless that is known or nobody asked for it.

        :param told: the API's own timestamp of it; of an object that was listed it may follow later.
        """
        known = what in self._reached
        if self.asked is None or getattr(self, what) is not None or (known and not told):
            return []
        self._reached |= {what}
        at: float | None = now
        if late or known:
            # The API's times are whole seconds, so they may lie before the request.
            self.times, at = "api", parse_time(told)
            at = None if at is None else min(max(at, self.asked), now)
        setattr(self, what, at)
        return [what]

    def _in_trouble(self, trouble: Failure, now: float) -> None:
        if self._trouble is None or self._trouble.stage != trouble.stage:
            self._since = now
        self._trouble = trouble
        if self.failure:
            self.failure = trouble

    def _out_of_trouble(self) -> None:
        self._trouble = self.failure = None


def parse_time(text: str | None) -> float | None:
    """Return the seconds since 1970 of a timestamp of the API."""
    if not text:
        return None
    form = "%Y-%m-%dT%H:%M:%S.%fZ" if "." in text else "%Y-%m-%dT%H:%M:%SZ"
    return datetime.datetime.strptime(text, form).replace(tzinfo=datetime.timezone.utc).timestamp()


def _condition(status: Object, kind: str) -> Object:
    return next((one for one in status.get("conditions") or [] if one.get("type") == kind), {})


def _since(status: Object, kind: str) -> str | None:
    condition = _condition(status, kind)
    return condition.get("lastTransitionTime") if condition.get("status") == "True" else None


def _reason(status: Object, printable: str) -> str:
    """Return what the conditions say about a machine in trouble."""
    for kind, bad in (("Failure", "True"), ("PodScheduled", "False"), ("Synchronized", "False"), ("Ready", "False")):
        condition = _condition(status, kind)
        if condition.get("status") == bad and condition.get("message") and condition.get("reason") != _NO_INSTANCE:
            return _with(printable, condition["message"])
    return printable


def _with(word: str, message: str) -> str:
    text = " ".join(message.split()).rstrip(".")
    return f"{word}: {text}" if word and text else word or text
