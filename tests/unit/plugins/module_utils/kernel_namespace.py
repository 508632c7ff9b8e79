# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A kernel's own network namespace, with empty sysctl directories, to try on what a tree of files cannot show."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

import pytest
from child_process import environment

_PRELUDE = """
import json, os, subprocess, sys
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.flow import run

def sh(command):
    return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout

def apply(files, **options):
    params = {"files": [{"name": name, "settings": settings} for name, settings in files.items()],
              "state": "present", "never_lower": [], "arp_without_source_routing": "refuse", "peers": [],
              "peer_interface": None, "peer_timeout_s": 1, "where": "host", **options}
    try:
        return run(params, False)
    except TuningError as error:
        return {"error": str(error), "rows": error.details.get("rows")}

def kernel(key):
    with open("/proc/sys/" + key.replace(".", "/")) as stream:
        return " ".join(stream.read().split())

for directory in ("/etc/sysctl.d", "/usr/lib/sysctl.d"):
    sh(f"mount -t tmpfs none {directory}")
# What /sys/class/net shows belongs to the namespace that it was mounted in.
sh("mount -t sysfs none /sys")
sh("ip link set lo up")
"""

needs_namespaces = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a network namespace")


def in_namespace(script: str) -> t.Any:
    """Run a script in namespaces of its own and return what it assigns to ``result``."""
    done = subprocess.run(
        ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-"],
        input=f"{_PRELUDE}\n{script}\nprint(json.dumps(result))",
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
