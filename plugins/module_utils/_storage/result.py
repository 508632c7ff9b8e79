# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What is told of golden images: rows, the result, and the refusal to take another object for one."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row
from ansible_collections.virtscale.tuning.plugins.module_utils._storage.imports import Course


def refuse_others(courses: t.Sequence[Course]) -> None:
    """Refuse to take an object for an image that it is not.

    :raises TuningError: naming each.
    """
    others = [
        f"{course.image.kind} {course.image.where}: {'; '.join(course.now.differs)}"
        for course in courses
        if course.now.differs
    ]
    if others:
        raise TuningError(
            f"Of these names there are other golden images already: {' | '.join(others)}. "
            "Choose other names, or take those away first.",
            rows=rows(courses, check_mode=True),
        )


def rows(courses: t.Sequence[Course], *, check_mode: bool, absent: bool = False) -> list[Row]:
    """Return a row for each image."""
    return [_gone(course, check_mode) if absent else _imported(course, check_mode) for course in courses]


def _imported(course: Course, check_mode: bool) -> Row:
    image = course.image
    status, why = "ok", course.now.words
    if course.now.differs:
        status, why = "refused", "; ".join(course.now.differs)
    elif course.failure:
        status, why = "failed", course.failure
    elif check_mode and course.now.main is None:
        status, why = "would_change", "would be imported"
    elif check_mode and not course.now.ready:
        status, why = "note", f"would be waited for: {course.now.words}"
    elif course.seconds is not None:
        status, why = "changed", f"imported in {course.seconds:.0f} s"
    elif not course.before.ready:
        why = "somebody else imported it; it was waited for"
    return row(
        f"{image.kind} {image.where}",
        "golden image",
        before=course.before.words,
        wanted=image.origin,
        effective=image.origin if course.now.ready and not course.now.differs else course.now.words,
        status=status,
        why=why,
    )


def _gone(course: Course, check_mode: bool) -> Row:
    before, image = course.before, course.image
    status, why = "ok", ""
    if before.main is not None and not before.ours:
        status, why = "note", "left: this collection did not make it"
    elif course.failure:
        status, why = "failed", course.failure
    elif before.main is not None:
        status = "would_change" if check_mode else "changed"
    return row(
        f"{image.kind} {image.where}",
        "golden image",
        before=before.words,
        effective=course.now.words,
        status=status,
        why=why,
    )


def result(courses: t.Sequence[Course], lines: t.Sequence[Row]) -> dict[str, t.Any]:
    """Return the return values.

    :raises TuningError: with the same as details, when an image failed.
    """
    told = {
        "changed": any(line["status"] in ("changed", "would_change") for line in lines)
        or any(course.made for course in courses),
        "images": [_image(course) for course in courses],
        "rows": list(lines),
    }
    failed = [f"{course.image.where}: {course.failure}" for course in courses if course.failure]
    if failed:
        raise TuningError(f"{len(failed)} of {len(courses)} golden images failed. {' | '.join(failed)}", **told)
    return told


def _image(course: Course) -> dict[str, t.Any]:
    return {
        "name": course.image.name,
        "namespace": course.image.namespace,
        "source": dataclasses.asdict(course.image.source()),
        "ready": course.now.ready,
        "state": course.now.words,
        "seconds": None if course.seconds is None else round(course.seconds, 1),
        "failure": course.failure,
    }
