# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Several golden images at once: made, waited for with live progress, or taken away."""

from __future__ import annotations

import time
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._kube.client import (
    KubeClient,
    KubeError,
    Resource,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import FIELD_MANAGER
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.images import CLAIMS, Image
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.look import Look, latest_warning, look_at

NAMESPACES = Resource("v1", "namespaces")

_LOOK_AGAIN_S = 2.0
# A line when something changed, but not more often than this; a line anyway after the longer one.
_FASTEST_LINE_S = 5.0
_SLOWEST_LINE_S = 60.0


@dataclass(frozen=True)
class Patience:
    """When waiting ends.

    :param timeout_s: for all images together.
    :param attempts: how often one's importer may fail; CDI itself tries for ever.
    """

    timeout_s: float
    attempts: int


@dataclass
class Course:
    """One image on its way."""

    image: Image
    before: Look
    now: Look
    made: bool = False
    seconds: float | None = None
    failure: str | None = None

    @property
    def over(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.now.ready or self.failure is not None


@dataclass
class Imports:
    """The images of one run; ``say`` shows a line to a person."""

    client: KubeClient
    images: t.Sequence[Image]
    say: t.Callable[[str], None]
    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], None] = time.sleep
    _line: str = ""
    _line_at: float = field(default=float("-inf"))

    def look(self) -> list[Course]:
        """Return where each image is now.

        :raises TuningError: when a namespace or CDI is missing.
        :raises KubeError: when the API does not answer.
        """
        for namespace in sorted({image.namespace for image in self.images}):
            if self.client.get(NAMESPACES, namespace) is None:
                raise TuningError(f"There is no namespace {namespace} for golden images: make it first.")
        found = [look_at(self.client, image) for image in self.images]
        return [Course(image, seen, seen) for image, seen in zip(self.images, found)]

    def make(self, courses: t.Sequence[Course], patience: Patience) -> None:
        """Make what is missing, and wait until each image is ready, or has failed."""
        began = self.clock()
        for course in courses:
            if course.now.main is None:
                self._create(course)
        while not all(course.over for course in courses):
            self._refresh(courses, began, patience)
            self._tell(courses, self.clock() - began)
            if all(course.over for course in courses):
                break
            if self.clock() - began > patience.timeout_s:
                self._give_up(courses, patience)
                break
            self.sleep(_LOOK_AGAIN_S)

    def remove(self, courses: t.Sequence[Course], timeout_s: float) -> None:
        """Take away what this collection made, and wait until it is gone."""
        began = self.clock()
        for course in courses:
            if course.before.ours:
                self._delete(course)
        while any(course.before.ours and course.now.main and not course.failure for course in courses):
            if self.clock() - began > timeout_s:
                for course in courses:
                    if course.before.ours and course.now.main:
                        course.failure = f"it is still there after {timeout_s:g} s"
                break
            self.sleep(_LOOK_AGAIN_S)
            for course in courses:
                course.now = self._look(course)

    def _create(self, course: Course) -> None:
        try:
            self.client.create(course.image.resource, course.image.manifest(), field_manager=FIELD_MANAGER)
            course.made = True
        except KubeError as error:
            # Made by another run in between: then it is waited for like any that was there.
            if error.status != 409:
                course.failure = str(error)

    def _delete(self, course: Course) -> None:
        main = course.before.main or {}
        resource = CLAIMS if main.get("kind") == "PersistentVolumeClaim" else course.image.resource
        meta = main["metadata"]
        try:
            self.client.delete(resource, meta["name"], meta["namespace"], uid=meta["uid"])
        except KubeError as error:
            if error.status != 404:
                course.failure = str(error)

    def _refresh(self, courses: t.Sequence[Course], began: float, patience: Patience) -> None:
        for course in courses:
            if course.over:
                continue
            course.now = self._look(course)
            if course.now.ready:
                course.seconds = self.clock() - began if course.made else None
            elif course.now.complaint and (course.now.lost or course.now.failures >= patience.attempts):
                tried = f" after {course.now.failures} attempts" if course.now.failures else ""
                course.failure = f"{course.now.words}{tried}: {course.now.complaint}"

    def _look(self, course: Course) -> Look:
        """Return a new look, or the last one while the API does not answer."""
        try:
            return look_at(self.client, course.image)
        except KubeError as error:
            if not error.transient:
                raise
            return course.now

    def _give_up(self, courses: t.Sequence[Course], patience: Patience) -> None:
        for course in courses:
            if not course.over:
                said = course.now.complaint or self._warning(course.image)
                told = f"; {said}" if said else ""
                course.failure = f"not ready after {patience.timeout_s:g} s: {course.now.words}{told}"

    def _warning(self, image: Image) -> str | None:
        try:
            return latest_warning(self.client, image)
        except KubeError:
            return None

    def _tell(self, courses: t.Sequence[Course], seconds: float) -> None:
        words = ", ".join(f"{course.image.name} {_words(course)}" for course in courses)
        age = self.clock() - self._line_at
        if age < _FASTEST_LINE_S or (words == self._line and age < _SLOWEST_LINE_S):
            return
        self._line, self._line_at = words, self.clock()
        ready = sum(course.now.ready for course in courses)
        self.say(f"golden images: {ready} of {len(courses)} ready after {seconds:.0f} s; {words}")


def _words(course: Course) -> str:
    if course.failure:
        return "failed"
    if course.now.ready:
        return "ready"
    trouble = f" ({course.now.complaint})" if course.now.complaint else ""
    return f"{course.now.words}{trouble}"
