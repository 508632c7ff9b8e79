# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Everything that one look at an etcd host gives; what cannot be told becomes null and a note."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd import api_server, placement, schema, storage
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.configuration import (
    Configuration,
    NoEtcd,
    access,
    read,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Json, Unreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.look import Look, as_member, look
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v2 import MemberV2
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import Row, row

_LONGEST_WINDOW_S = 3600

# How each module that asks a member is told which one.
ARGUMENTS: dict[str, dict[str, t.Any]] = {
    "endpoint": {"type": "str"},
    "data_dir": {"type": "path"},
    "ca_file": {"type": "path"},
    "cert_file": {"type": "path"},
    "key_file": {"type": "path"},
    "timeout_s": {"type": "raw", "default": 5},
}


def way_to(params: t.Mapping[str, t.Any], root: str = "/") -> tuple[Configuration | None, Access]:
    """Return this host's configuration of etcd and the way to the member that the parameters mean.

    Beside an ``endpoint`` no configuration is needed: the member may be on another host.

    :raises NoEtcd: when neither tells of a member.
    """
    timeout_s = float(parse_decimal("timeout_s", params["timeout_s"], above=0, maximum=300))
    files = {name: params[name] for name in ("ca_file", "cert_file", "key_file")}
    endpoint = params["endpoint"]
    try:
        configuration = read(root, params["data_dir"])
    except TuningError:
        # No etcd, or several: the endpoint says which one is meant, and the files are given with it.
        if not endpoint:
            raise
        return None, access(None, url=endpoint, timeout_s=timeout_s, **files)
    way = access(configuration, url=endpoint, timeout_s=timeout_s, **files)
    own = [*configuration.urls("ETCD_ADVERTISE_CLIENT_URLS"), *configuration.urls("ETCD_LISTEN_CLIENT_URLS")]
    return configuration if not endpoint or endpoint.rstrip("/") in own else None, way


def measure(params: t.Mapping[str, t.Any], root: str = "/") -> Json:
    """Return the result of the ``etcd_info`` module for its parameters.

    :raises TuningError: for bad parameters.
    """
    window_s = float(parse_decimal("window_s", params["window_s"], minimum=0, maximum=_LONGEST_WINDOW_S))
    platform, where = params["platform_version"] or None, params["where"]
    wanted = schema.facts(platform)
    subset = params["gather_subset"]
    servers = api_server.find(root) if "api_servers" in subset else []
    told: Json = {
        "running": None,
        "configuration": None,
        "member": None,
        "etcd": None,
        "schema": {"in_use": None, "v2_keys": None, "v3_keys": None, "expected": wanted},
        "quorum": None,
        "api_servers": [api_server.facts(server) for server in servers],
        "placement": None,
        "notes": [],
        "rows": [],
    }
    if "member" in subset:
        told.update(_member(params, root, window_s, platform, servers))
        told["schema"]["expected"] = wanted
    rows = [*told["rows"], *api_server.judge(where, servers, platform)]
    return {**told, "rows": rows, "lines": [_line(each) for each in rows if each["status"] == "note"]}


def _line(told: Row) -> str:
    what = f"{told['what']}: {told['effective']}" if told["effective"] else str(told["what"])
    return f"{what} ({told['why']})"


def _member(
    params: t.Mapping[str, t.Any], root: str, window_s: float, platform: str | None, servers: list[api_server.ApiServer]
) -> Json:
    where = params["where"]
    try:
        configuration, way = way_to(params, root)
    except NoEtcd as error:
        return _silent(where, None, "none on this host", error)
    try:
        found = look(way)
    except Unreachable as error:
        return _silent(where, configuration, "does not answer", error)
    with MemberV2(way) as member:
        watched = storage.watch(configuration, member.metrics, window_s, found.notes)
    rows = [*_member_rows(where, found), *storage.judge(where, watched, found), _schema_row(where, found, platform)]
    rows += _quorum_rows(where, found)
    placed = None
    if configuration is not None:
        placed = placement.find(way.url, configuration.urls("ETCD_INITIAL_ADVERTISE_PEER_URLS"), servers)
        rows.append(placement.judge(where, placed))
    rows += [row(where, "not told", status="note", why=" ".join(note.split())) for note in found.notes[:1]]
    return {
        "running": True,
        "configuration": _configuration(configuration, way),
        "member": as_member(found),
        "etcd": {"members": found.members, "storage": watched},
        "schema": {"in_use": found.schema, "v2_keys": found.v2_keys, "v3_keys": found.v3_keys},
        "quorum": found.quorum,
        "placement": placed,
        "notes": found.notes,
        "rows": rows,
    }


def _silent(where: str, configuration: Configuration | None, what: str, error: TuningError) -> Json:
    return {
        "running": False,
        "configuration": _configuration(configuration, None),
        "notes": [str(error)],
        "rows": [row(where, "member", wanted="well", effective=what, status="note", why=str(error))],
    }


def _configuration(configuration: Configuration | None, way: Access | None) -> Json | None:
    if configuration is None:
        return None
    return {
        "source": configuration.source,
        "data_dir": configuration.data_dir,
        "client_url": way.url if way else configuration.client_url,
        "enable_v2": configuration.values.get("ETCD_ENABLE_V2", "").lower() == "true",
    }


def _member_rows(where: str, found: Look) -> list[Row]:
    ill = [str(each["name"] or each["id"]) for each in found.members if not each["healthy"]]
    role = "leader" if found.status and found.status.leads else "follower"
    why = f"etcd {found.version}, {role} of {len(found.members)} members"
    well = "well" if found.healthy else "not well"
    rows = [row(where, "member", wanted="well", effective=well, status="ok" if found.healthy else "note", why=why)]
    if ill:
        why = f"of {len(found.members)} members, {', '.join(ill)} did not answer this one's host as well"
        rows.append(row(where, "cluster", wanted="all well", effective="not all", status="note", why=why))
    return rows


def _schema_row(where: str, found: Look, platform: str | None) -> Row:
    status, why = schema.judge(found.schema, found.version, platform)
    wanted = " or ".join(schema.expected(platform).schemas) if platform else None
    return row(where, "storage schema", wanted=wanted, effective=found.schema, status=status, why=why)


def _quorum_rows(where: str, found: Look) -> list[Row]:
    read = found.quorum["linearizable"]
    if read["ok"]:
        why = f"linearizable in {read['ms']:g} ms, without a quorum in {found.quorum['serializable']['ms']:g} ms"
        return [row(where, "quorum read", wanted="answered", effective="answered", status="ok", why=why)]
    stale = found.quorum["serializable"]["ok"]
    why = f"{read['error']}; without a quorum it {'still answers, with what may be old' if stale else 'is silent too'}"
    return [row(where, "quorum read", wanted="answered", effective="not answered", status="note", why=why)]
