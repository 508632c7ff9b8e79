# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Who may log in to a guest, in cloud-init's words.

Field names: cloud-init's modules "Set Passwords" (password, chpasswd, ssh_pwauth), "SSH" (ssh_authorized_keys) and
"Runcmd". The reference architecture wrote ``Password`` and put ``runCmd`` beside the user data, where neither is read.
"""

from __future__ import annotations

import json
import re
import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue

# KubeVirt refuses more than this in a manifest (cloudInitUserMaxLen of its admission).
LONGEST_USER_DATA_BYTES = 2048

_KEY = re.compile(r"(ssh|ecdsa|sk-ssh|sk-ecdsa)-[a-z0-9@.-]+ [A-Za-z0-9+/]+={0,3}( .*)?")

# Fedora's sshd is told twice, as in the reference architecture: cloud-init's own key does not reach every image's sshd.
_ALLOW_PASSWORDS = (
    ["sed", "-i", "-e", "s/PasswordAuthentication.*/PasswordAuthentication yes/", "/etc/ssh/sshd_config"],
    ["systemctl", "restart", "sshd"],
)


@dataclass(frozen=True)
class Login:
    """The password and the SSH keys of the image's own user (``fedora``, ``cloud-user``).

    :param password: None leaves no password.
    """

    # Not in tracebacks and messages.
    password: str | None = field(default=None, repr=False)
    ssh_public_keys: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.password and not self.ssh_public_keys:
            raise InvalidValue("login", self.summary(), "a password, SSH public keys or both")
        if self.password is not None and ("\n" in self.password or not self.password.isprintable()):
            raise InvalidValue("password", "not shown", "one line of printable characters")
        for key in self.ssh_public_keys:
            if not _KEY.fullmatch(key):
                raise InvalidValue("ssh_public_keys", f"{key[:20]}...", "public keys of OpenSSH, one line each")

    def summary(self) -> str:
        """Return what there is, without the secret."""
        password = "a password" if self.password else "no password"
        return f"{password} and {len(self.ssh_public_keys)} SSH keys"


REFERENCE_LOGIN = Login(password="password")


def user_data(login: Login) -> str:
    """Return the user data of a cloud-init volume.

    :raises InvalidValue: when KubeVirt would refuse it for its length.
    """
    lines = ["#cloud-config"]
    if login.password:
        lines += [f"password: {_yaml(login.password)}", "chpasswd: { expire: False }", "ssh_pwauth: True"]
    if login.ssh_public_keys:
        lines.append("ssh_authorized_keys:")
        lines += [f"  - {_yaml(key)}" for key in login.ssh_public_keys]
    if login.password:
        lines.append("runcmd:")
        lines += [f"  - {_yaml(command)}" for command in _ALLOW_PASSWORDS]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) > LONGEST_USER_DATA_BYTES:
        allowed = f"short enough for {LONGEST_USER_DATA_BYTES} bytes of cloud-init user data, which KubeVirt allows"
        raise InvalidValue("login", f"{len(text.encode())} bytes", allowed)
    return text


def _yaml(value: t.Any) -> str:
    """Return a value in YAML's flow style, which JSON without its own escapes of characters is."""
    return json.dumps(value, ensure_ascii=False)
