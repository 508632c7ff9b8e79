# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Configuration files read and replaced in one step, with the owner and the mode that they have."""

from __future__ import annotations

import contextlib
import os
import stat

# A reader that takes every file of a directory passes over one that begins with a dot.
_TEMPORARY = ".virtscale-new"


def below(root: str, file: str) -> str:
    """Return where an absolute path lies below ``root``."""
    return os.path.join(root, file.lstrip("/"))


def read_file(path: str) -> str | None:
    """Return a file's text with its bytes intact, or None where there is none.

    :raises OSError: when there is one that cannot be read.
    """
    try:
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def write_file(path: str, text: str | None, mode: int = 0o644) -> None:
    """Replace a file whole, or remove it where ``text`` is None; a link stays one, and its target is replaced.

    :param mode: of a file that is new; one that was there keeps its owner and mode.
    """
    path = os.path.realpath(path)
    directory = os.path.dirname(path)
    if text is None:
        if os.path.lexists(path):
            os.unlink(path)
            _sync(directory)
        return
    os.makedirs(directory, mode=0o755, exist_ok=True)
    temporary = os.path.join(directory, f".{os.path.basename(path)}{_TEMPORARY}")
    try:
        with open(temporary, "w", encoding="utf-8", errors="surrogateescape", newline="") as stream:
            _keep_owner(stream.fileno(), path, mode)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    _sync(directory)


def _keep_owner(descriptor: int, path: str, mode: int) -> None:
    try:
        known = os.stat(path)
    except FileNotFoundError:
        os.fchmod(descriptor, mode)
        return
    os.fchmod(descriptor, 0o600)
    os.fchown(descriptor, known.st_uid, known.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(known.st_mode))


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
