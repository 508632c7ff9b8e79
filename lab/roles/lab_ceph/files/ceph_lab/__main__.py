# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the lab's Ceph cluster up, or take it down.

A memory-backed OSD forgets what it held when it stops. The supervisor starts it again and its peers fill it like a
new disk, but when more hosts died than a pool has copies to spare, PGs are lost. So there are only two cases: the
cluster runs and needs waiting for at most, or it is made anew.
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

import layout
import rados
from cluster import Cluster, CommandFailed, Progress
from daemons import Supervisor, kill_strays
from make import Plan, make, make_pools

# A cluster that has shown no change for so long waits for something that will not come by itself.
_STUCK_AFTER_S = 120.0
_LOOK_EVERY_S = 2.0
_SAY_EVERY_S = 10.0
_ANSWER_TIMEOUT_S = 15
_NOTICED_WITHIN_S = 10.0
# Three copies of everything, or two coding chunks.
_HOSTS_TO_SPARE = 2


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
    made_from = f"{plan}\n{plan.conf.read_text()}"
    note = plan.root / "made.json"
    restarted = _restarted(note, made_from, supervisor)
    if restarted is not None and _hosts_of(restarted, plan) <= _HOSTS_TO_SPARE:
        try:
            # The monitors need a moment to notice what has just died.
            changed = _settle(options, say, hold_s=_NOTICED_WITHIN_S if restarted else 0.0)
            _write_note(note, made_from, supervisor)
            return changed
        except (Stuck, rados.Error) as problem:
            say(f"the cluster does not recover: {problem}")
    say("making a new cluster")
    _down(options, supervisor)
    make(plan, supervisor, say, workers=2 * (os.cpu_count() or 1))
    _settle(options, say, hold_s=0.0)
    _write_note(note, made_from, supervisor)
    return True


def _write_note(note: pathlib.Path, made_from: str, supervisor: Supervisor) -> None:
    """Keep what a healthy cluster was made from and which processes are in it."""
    unfinished = note.with_suffix(".new")
    unfinished.write_text(json.dumps({"made_from": made_from, "processes": supervisor.process_ids()}))
    unfinished.replace(note)


def _restarted(note: pathlib.Path, made_from: str, supervisor: Supervisor) -> set[str] | None:
    """Names of the processes that died since the wanted cluster was last seen healthy; None if there is none."""
    try:
        seen = json.loads(note.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    processes = supervisor.process_ids()
    if seen["made_from"] != made_from or processes.keys() != seen["processes"].keys():
        return None
    return {name for name, process_id in processes.items() if process_id != seen["processes"][name]}


def _hosts_of(processes: set[str], plan: Plan) -> int:
    hosts = [{f"ceph-osd:osd.{osd}" for osd in osds} for osds in layout.host_osds(plan.hosts, plan.osds)]
    return sum(not processes.isdisjoint(host) for host in hosts)


def _down(options: argparse.Namespace, supervisor: Supervisor) -> bool:
    running = supervisor.process_ids()
    if running:
        supervisor.stop()
    return bool(kill_strays(str(options.conf)) or running)


def _settle(options: argparse.Namespace, say: t.Callable[[str], None], hold_s: float) -> bool:
    """Wait until all OSDs are up, make missing pools, wait for health; whether pools were made."""
    with Cluster(str(options.conf), _ANSWER_TIMEOUT_S) as cluster:
        _wait(cluster, say, lambda seen: seen.osds_up == seen.osds, hold_s=0.0)
        made = make_pools(cluster, options.pools)
        if made:
            say(f"pools made: {', '.join(made)}")
        # A ramp that the tuning has started goes on for minutes, whoever waits for it.
        say(str(_wait(cluster, say, lambda seen: seen.ready or (seen.ramping and not made), hold_s)))
    return bool(made)


def _wait(
    cluster: Cluster, say: t.Callable[[str], None], reached: t.Callable[[Progress], bool], hold_s: float
) -> Progress:
    """Wait until something is reached and holds, as long as anything changes.

    :raises Stuck: with what was seen last
    """
    last: Progress | None = None
    changed_at = said_at = reached_at = time.monotonic()
    while True:
        seen = cluster.progress()
        now = time.monotonic()
        changed_at = now if seen != last else changed_at
        if not reached(seen):
            reached_at = now
        elif now - reached_at >= hold_s:
            return seen
        if now - changed_at > _STUCK_AFTER_S:
            raise Stuck(str(seen))
        if now - said_at > _SAY_EVERY_S and seen != last:
            say(str(seen))
            said_at = now
        last = seen
        time.sleep(_LOOK_EVERY_S)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
