# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The process that long work is done in: the playbook that began it, the files it may open, the memory it took."""

from __future__ import annotations

import multiprocessing
import os
import resource

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# One that is forwarded has a socket at each end of a pair beside the API's own.
_FILES_PER_CONNECTION = 3
# Requests to the API, journals, what Python holds.
_FILES_BESIDE = 400


class Playbook:
    """The playbook that began this process: killing Ansible does not end the processes of its tasks.

    Nobody would see what they do any more, and the next run would meet them at the same objects.
    """

    def __init__(self, work: str) -> None:
        """Remember who it is.

        :param work: what the process does, in a word: ``rollout``, ``storm``.
        """
        self._work = work
        self._began_under = _forked_by()

    def killed(self) -> str | None:
        """Return that it was killed and what to do then, or None while it runs."""
        if os.getppid() == self._began_under:
            return None
        return f"The playbook that began this {self._work} was killed. Run it again to go on."

    def check(self) -> None:
        """Go on while it runs.

        :raises TuningError: when it was killed.
        """
        killed = self.killed()
        if killed:
            raise TuningError(killed)


def _forked_by() -> int:
    """Return the process that began this one, which may have been killed before anybody asked."""
    forked_by = multiprocessing.parent_process()
    return forked_by.pid if forked_by and forked_by.pid else os.getppid()


def allow_connections(number: int) -> None:
    """Let this process open the files for as many connections to machines, or as many as it may have at all."""
    wanted = _FILES_PER_CONNECTION * number + _FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def peak_memory_bytes() -> int:
    """Return the most memory that this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
