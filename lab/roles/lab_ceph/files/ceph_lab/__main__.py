# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the lab's Ceph cluster up, or take it down.

A memory-backed OSD forgets what it held when it stops, so there are only two cases: the cluster runs and only
needs waiting for, or it is made anew. One OSD that was restarted is filled again by its peers like a new disk.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shlex
import sys
import time
import typing as t

import rados
from cluster import Cluster, CommandFailed, Progress
from daemons import Supervisor, kill_strays
from make import Plan, make, make_pools

# A cluster that has shown no change for so long waits for something that will not come by itself.
_STUCK_AFTER_S = 120.0
_LOOK_EVERY_S = 2.0
_SAY_EVERY_S = 10.0
_ANSWER_TIMEOUT_S = 15


class Stuck(Exception):
    """The cluster does not come up by itself."""


def main(arguments: t.Sequence[str]) -> int:
    """Run one of the two verbs; the last line of the output is a JSON object."""
    options = _options(arguments)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    supervisor = Supervisor(shlex.split(options.supervisorctl))
    try:
        changed = _down(options, supervisor) if options.verb == "down" else _up(options, supervisor, say)
    except (CommandFailed, RuntimeError, Stuck, rados.Error) as problem:
        print(f"The lab's Ceph is not up: {problem}", file=sys.stderr)
        return 1
    print(json.dumps({"changed": changed, "seconds": round(time.monotonic() - started, 1)}))
    return 0


def _options(arguments: t.Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("verb", choices=("up", "down"))
    parser.add_argument("--conf", required=True, type=pathlib.Path, help="the cluster's ceph.conf, in its directory")
    parser.add_argument("--supervisorctl", required=True, help="the command that reaches the supervisor")
    parser.add_argument("--fsid", default="")
    parser.add_argument("--mon-address", default="", help="host:port")
    parser.add_argument("--prometheus-port", type=int, default=0)
    parser.add_argument("--hosts", type=int, default=0)
    parser.add_argument("--osds", type=int, default=0)
    parser.add_argument("--osd-weight", type=float, default=1.0)
    parser.add_argument("--pools", type=json.loads, default=[])
    return parser.parse_args(arguments)


def _up(options: argparse.Namespace, supervisor: Supervisor, say: t.Callable[[str], None]) -> bool:
    plan = Plan(
        conf=options.conf,
        fsid=options.fsid,
        mon_address=options.mon_address,
        prometheus_port=options.prometheus_port,
        hosts=options.hosts,
        osds=options.osds,
        osd_weight=options.osd_weight,
    )
    # The marker holds what the cluster was made from. Two daemons run beside the OSDs.
    wanted = f"{plan}\n{plan.conf.read_text()}"
    marker = plan.root / "made"
    whole = marker.exists() and marker.read_text() == wanted and supervisor.running() == plan.osds + 2
    if whole:
        try:
            return _settle(options, say)
        except (Stuck, rados.Error) as problem:
            say(f"the cluster will not recover ({problem}): making it anew")
    _down(options, supervisor)
    make(plan, supervisor, say, workers=2 * (os.cpu_count() or 1))
    marker.write_text(wanted)
    _settle(options, say)
    return True


def _down(options: argparse.Namespace, supervisor: Supervisor) -> bool:
    running = supervisor.running()
    if running:
        supervisor.stop()
    return bool(kill_strays(str(options.conf)) or running)


def _settle(options: argparse.Namespace, say: t.Callable[[str], None]) -> bool:
    """Wait until all OSDs are up, make missing pools, wait for health; whether pools were made."""
    with Cluster(str(options.conf), _ANSWER_TIMEOUT_S) as cluster:
        _wait(cluster, say, lambda seen: seen.osds_up == seen.osds)
        made = make_pools(cluster, options.pools)
        if made:
            say(f"pools made: {', '.join(made)}")
        # A ramp that the tuning has started goes on for minutes, whoever waits for it.
        _wait(cluster, say, lambda seen: seen.ready or (seen.ramping and not made))
    return bool(made)


def _wait(cluster: Cluster, say: t.Callable[[str], None], reached: t.Callable[[Progress], bool]) -> None:
    """Wait while something changes.

    :raises Stuck: with what was seen last
    """
    last: Progress | None = None
    changed_at = said_at = time.monotonic()
    while True:
        seen = cluster.progress()
        now = time.monotonic()
        if seen != last:
            changed_at = now
        if reached(seen):
            say(str(seen))
            return
        if now - changed_at > _STUCK_AFTER_S:
            raise Stuck(str(seen))
        if now - said_at > _SAY_EVERY_S and seen != last:
            say(str(seen))
            said_at = now
        last = seen
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
