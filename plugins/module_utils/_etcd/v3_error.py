# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""What the v3 API answers when it refuses."""

from __future__ import annotations

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


class V3Error(TuningError):
    """``code`` is gRPC's, None where none was told; ``gateway_fails``: the gateway itself, not etcd, said no."""

    def __init__(self, message: str, code: int | None, *, gateway_fails: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.gateway_fails = gateway_fails
