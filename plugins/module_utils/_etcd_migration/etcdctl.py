# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Runs of etcdctl on a store, which take as long as the store is large."""

from __future__ import annotations

import os
import subprocess
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

_WORDS = 500


def work_on_store(arguments: t.Sequence[str], api: int, timeout_s: float, succeeded: t.Callable[[str], bool]) -> None:
    """Run etcdctl to its end; its exit status is 0 for some failures too.

    :param arguments: the program, what it is to do, and with what.
    :param succeeded: what it must have come to, given what it said.
    :raises TuningError: when it does not come to that.
    """
    what = f"etcdctl {arguments[1]}"
    try:
        done = subprocess.run(
            arguments,
            env={**os.environ, "ETCDCTL_API": str(api)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
            check=False,
            # It holds the journal until it ends, whatever becomes of this process.
            close_fds=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TuningError(f"{what} did not come to its end: {error}.") from error
    if done.returncode or not succeeded(done.stdout):
        last = done.stdout.strip().splitlines()[-1:] or ["nothing"]
        raise TuningError(f"{what} failed. It ended with {done.returncode} and: {last[0][:_WORDS]}")
