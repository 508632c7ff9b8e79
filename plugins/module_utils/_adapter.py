# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The one place where the modules meet Ansible: parameters in, a result or one sentence out."""

from __future__ import annotations

import socket
import typing as t

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError

# From a module's parameters and check mode to its return values.
Compute = t.Callable[[t.Dict[str, t.Any], bool], t.Dict[str, t.Any]]


def run_module(compute: Compute, argument_spec: dict[str, t.Any], **rules: t.Any) -> None:
    """Run ``compute(params, check_mode)`` as an Ansible module.

    :param rules: further arguments of AnsibleModule, such as ``required_if``.
    """
    module = AnsibleModule(argument_spec=argument_spec, supports_check_mode=True, **rules)
    try:
        result = compute(module.params, module.check_mode)
    except TuningError as error:
        module.fail_json(msg=str(error), **error.details)
    diff = result.pop("diff", None)
    if diff is not None and module._diff:
        result["diff"] = diff
    module.exit_json(**result)


def run_host_module(compute: Compute, argument_spec: dict[str, t.Any]) -> None:
    """Run ``compute`` as a module that works on one host, whose name in the rows is its parameter ``where``."""

    def compute_here(params: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
        return compute({**params, "where": params["where"] or socket.gethostname()}, check_mode)

    run_module(compute_here, {**argument_spec, "where": {"type": "str"}})
