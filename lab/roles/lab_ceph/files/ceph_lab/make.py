# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A new cluster: monitor store, keys, OSD directories, CRUSH map, manager modules, pools."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import pathlib
import shutil
import subprocess
import tempfile
import typing as t
import uuid

import layout
from cluster import Cluster
from daemons import Supervisor

_MGR_OPTIONS = {
    "mgr/prometheus/server_addr": "127.0.0.1",
    # There are no disks to watch.
    "mgr/devicehealth/enable_monitoring": "false",
    # Both move or count PGs by themselves; the lab's pools move when the tuning says so.
    "mgr/balancer/active": "false",
    "mgr/progress/enabled": "false",
}
_CONNECT_TIMEOUT_S = 60


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to make, and where."""

    conf: pathlib.Path
    fsid: str
    mon_address: str
    prometheus_port: int
    hosts: int
    osds: int
    osd_weight: float

    @property
    def root(self) -> pathlib.Path:
        """Directory that holds everything of the cluster."""
        return self.conf.parent


def make(plan: Plan, supervisor: Supervisor, say: t.Callable[[str], None], workers: int) -> None:
    """Make the cluster from nothing and start its daemons; what was there before is thrown away."""
    _clear(plan.root)
    keys = _make_keys(plan)
    _make_monitor(plan)
    supervisor.start("ceph-mon")
    say("monitor started")
    with Cluster(str(plan.conf), _CONNECT_TIMEOUT_S) as cluster:
        cluster.command("mgr module enable", module="prometheus", force="--force")
        for name, value in {**_MGR_OPTIONS, "mgr/prometheus/server_port": str(plan.prometheus_port)}.items():
            cluster.command("config set", who="mgr", name=name, value=value, force=True)
        supervisor.start("ceph-mgr")
        say("manager started")
        uuids = [str(uuid.uuid4()) for _ in range(plan.osds)]
        for osd, osd_uuid in enumerate(uuids):
            if cluster.command("osd new", uuid=osd_uuid)["osdid"] != osd:
                raise RuntimeError(f"the monitor did not give id {osd} to the next OSD")
        cluster.command("osd setcrushmap", data=_compiled(layout.crush_map(plan.hosts, plan.osds, plan.osd_weight)))
    say(f"CRUSH map set: {plan.hosts} hosts, {plan.osds} OSDs")
    _make_osds(plan, keys, uuids, say, workers)
    supervisor.start("ceph-osd")


def make_pools(cluster: Cluster, pools: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """Make the pools that do not exist yet; the names of those made."""
    existing = {pool["poolname"] for pool in cluster.command("osd lspools")}
    made = []
    for pool in pools:
        name = pool["name"]
        if name in existing:
            continue
        if "k" in pool:
            profile = [f"k={pool['k']}", f"m={pool['m']}", "crush-failure-domain=host"]
            cluster.command("osd erasure-code-profile set", name=name, profile=profile)
            kind = {"pool_type": "erasure", "erasure_code_profile": name}
        else:
            kind = {"pool_type": "replicated", "size": pool["size"]}
        cluster.command("osd pool create", pool=name, pg_num=pool["pg_num"], **kind)
        cluster.command("osd pool application enable", pool=name, app=pool["application"])
        made.append(name)
    return made


def _clear(root: pathlib.Path) -> None:
    for name in ("mon", "mgr", "osd", "run", "crash", "made.json"):
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in ("mon", "mgr", "osd", "run", "crash"):
        (root / name).mkdir(mode=0o750)


def _make_keys(plan: Plan) -> list[str]:
    """Write every keyring; the monitor is seeded with all of them, so no daemon has to be registered later."""
    osd_keys = [layout.new_key() for _ in range(plan.osds)]
    admin = layout.keyring_entry("client.admin", layout.new_key(), layout.ADMIN_CAPS)
    mgr = layout.keyring_entry("mgr.x", layout.new_key(), layout.MGR_CAPS)
    mon = layout.keyring_entry("mon.", layout.new_key(), layout.MON_CAPS)
    osds = [layout.keyring_entry(f"osd.{osd}", key, layout.OSD_CAPS) for osd, key in enumerate(osd_keys)]
    _secret(plan.root / "ceph.client.admin.keyring", admin)
    _secret(plan.root / "mgr" / "keyring", mgr)
    _secret(plan.root / "mon.seed.keyring", "".join([mon, admin, mgr, *osds]))
    return osd_keys


def _make_monitor(plan: Plan) -> None:
    seed = plan.root / "mon.seed.keyring"
    monmap = plan.root / "monmap"
    address = f"[v2:{plan.mon_address}]"
    _run("monmaptool", "--create", "--clobber", "--fsid", plan.fsid, "--addv", "a", address, str(monmap))
    made_from = ("--monmap", str(monmap), "--keyring", str(seed))
    _run("ceph-mon", "--conf", str(plan.conf), "-i", "a", "--mkfs", *made_from)
    seed.unlink()


def _compiled(crush_map: str) -> bytes:
    with tempfile.TemporaryDirectory() as scratch:
        text, binary = pathlib.Path(scratch, "crush.txt"), pathlib.Path(scratch, "crush.bin")
        text.write_text(crush_map, encoding="ascii")
        _run("crushtool", "-c", str(text), "-o", str(binary))
        return binary.read_bytes()


def _make_osds(
    plan: Plan, keys: t.Sequence[str], uuids: t.Sequence[str], say: t.Callable[[str], None], workers: int
) -> None:
    """Make the OSDs' directories, several at once; the monitor is not asked."""

    def make_one(osd: int) -> None:
        directory = plan.root / "osd" / str(osd)
        directory.mkdir(mode=0o750)
        _secret(directory / "keyring", layout.keyring_entry(f"osd.{osd}", keys[osd], layout.OSD_CAPS))
        _run(
            *("ceph-osd", "--conf", str(plan.conf), "-i", str(osd), "--mkfs", "--osd-uuid", uuids[osd]),
            *("--monmap", str(plan.root / "monmap"), "--no-mon-config"),
        )

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done, _made in enumerate(pool.map(make_one, range(plan.osds)), start=1):
            if done % 20 == 0 or done == plan.osds:
                say(f"OSD directories {done}/{plan.osds}")


def _secret(path: pathlib.Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[:1])} failed: {done.stderr.strip() or done.stdout.strip()}")
