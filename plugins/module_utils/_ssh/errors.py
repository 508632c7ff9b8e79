# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How an attempt over SSH fails: the stage that it reached, and one sentence for a person."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# What had not succeeded: the way to the port, the server's version line, the handshake, the login, a command.
CONNECT, BANNER, HANDSHAKE, LOGIN, COMMAND = "connect", "banner", "handshake", "login", "command"


class SshError(TuningError):
    """An attempt failed; ``stage`` is the first thing that did not succeed.

    ``of_machine`` is False where the way failed, so that nothing is known of the machine.
    """

    def __init__(self, stage: str, message: str, *, of_machine: bool = True) -> None:
        super().__init__(message)
        self.stage = stage
        self.of_machine = of_machine


def import_asyncssh() -> t.Any:
    """Return the package asyncssh.

    :raises TuningError: where it is missing.
    """
    try:
        import asyncssh
    except ImportError as error:
        raise TuningError(f"The Python package asyncssh is missing on this host ({error}); install it.") from error
    return asyncssh
