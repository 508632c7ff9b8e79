# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Who logs in and how, and whether the server must prove who it is."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._ssh.errors import import_asyncssh

# The options of one login, in the argument spec of a module.
LOGIN_SPEC: dict[str, dict[str, t.Any]] = {
    "user": {"type": "str", "default": "root"},
    "key_file": {"type": "path"},
    "password": {"type": "str", "no_log": True},
    "known_hosts": {"type": "path"},
}


@dataclass(frozen=True)
class Credentials:
    """A user with a private key, a password or both.

    Without ``known_hosts`` any host key is taken: a freshly cloned machine has made its own a moment ago.
    """

    user: str
    # An asyncssh.SSHKey; read once, because a thousand logins would read the file a thousand times.
    key: t.Any = None
    password: str | None = None
    known_hosts: str | None = None

    @classmethod
    def of(cls, options: t.Mapping[str, t.Any]) -> Credentials:
        """Read the options of ``LOGIN_SPEC``.

        :raises TuningError: for a key that cannot be read or needs a passphrase, a file that is missing, or when there
            is neither a key nor a password.
        """
        key_file, password, known_hosts = (options.get(name) for name in ("key_file", "password", "known_hosts"))
        if not key_file and not password:
            raise InvalidValue("key_file", key_file, "the file of a private key, unless a password is given")
        if known_hosts and not Path(known_hosts).is_file():
            raise InvalidValue("known_hosts", known_hosts, "a file")
        return cls(str(options["user"]), _read(key_file) if key_file else None, password, known_hosts)


def _read(key_file: str) -> t.Any:
    asyncssh = import_asyncssh()
    try:
        return asyncssh.read_private_key(str(Path(key_file).expanduser()))
    except (OSError, asyncssh.KeyImportError) as error:
        raise TuningError(f"The private key {key_file} cannot be read: {str(error).rstrip('.')}.") from error
