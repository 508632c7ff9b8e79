# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""How many placement groups (PGs) a pool should have, by a rounding rule that has a name.

``raw = target_pgs_per_osd x osds x data_share / replicas`` is common to all; the published tools round it
differently. ``nearest`` is the reference architecture's 2**round(log2(x)); ``pgcalc`` is ceph's
doc/_static/js/pgcalc.js; ``autoscaler`` is ceph's mgr module pg_autoscaler; ``up`` is ceph's manual rule.
All arithmetic is exact: a count at a rule's cut must not depend on a binary float.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass
from fractions import Fraction

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue, TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._numbers import parse_decimal, parse_int

# Far above any cluster: keeps a mistyped number from turning into hours of arithmetic.
_MOST = 10**9
_AUTOSCALER_MIN_PGS = 32


def _floor_power(x: Fraction) -> int:
    """The largest power of two that is at most x, for x >= 1."""
    return 1 << (int(x).bit_length() - 1)


def round_nearest(x: Fraction) -> int:
    """2**round(log2(x)), at least 1: the cut lies at sqrt(2) x 2**k, so 2*x**2 decides without a logarithm."""
    if x <= 1:
        return 1
    low = _floor_power(x)
    return low if x * x < 2 * low * low else 2 * low


def round_up(x: Fraction) -> int:
    """The next power of two; exact powers stay."""
    if x <= 1:
        return 1
    low = _floor_power(x)
    return low if x == low else 2 * low


def round_pgcalc(x: Fraction, osds: int, replicas: int) -> int:
    """As pgcalc.js computes it, whose minimum (about the number of OSDs) is stronger than its text says."""
    minimum = _pgcalc_nearest(osds // replicas + 1)
    if minimum < osds:
        minimum *= 2
    return max(minimum, _pgcalc_nearest(int(x)))


def _pgcalc_nearest(count: int) -> int:
    if count < 1:
        return 1
    power = round_nearest(Fraction(count))
    return power * 2 if 4 * power < 3 * count else power


def round_autoscaler(x: Fraction) -> int:
    """Truncated for its upper bound, arithmetic nearest, ties up, at least 32."""
    count = int(x)
    if count < 1:
        return _AUTOSCALER_MIN_PGS
    upper = 1 << count.bit_length()
    lower = upper >> 1
    power = lower if (upper - x) > (x - lower) else upper
    return max(_AUTOSCALER_MIN_PGS, power)


@dataclass(frozen=True)
class Cluster:
    """The OSDs under the pools' CRUSH rule, and what they may carry."""

    osds: int
    target_pgs_per_osd: int
    max_pgs_per_osd: int
    osds_per_host: int
    other_pg_replicas: int

    def raw_pgs(self, data_share: Fraction, replicas: int) -> Fraction:
        return self.target_pgs_per_osd * self.osds * data_share / replicas

    def pgs_per_osd(self, pg_replicas: int) -> Fraction:
        return Fraction(pg_replicas + self.other_pg_replicas, self.osds)

    def pgs_per_osd_one_host_out(self, pg_replicas: int) -> Fraction | None:
        if self.osds_per_host == 0:
            return None
        return Fraction(pg_replicas + self.other_pg_replicas, self.osds - self.osds_per_host)


@dataclass(frozen=True)
class Pool:
    """A pool's share of the data, and how many OSDs each of its PGs sits on (replicas, or k+m)."""

    name: str | None
    replicas: int
    data_share: Fraction


def plan_placement_groups(
    *,
    osds: t.Any,
    replicas: t.Any = None,
    target_pgs_per_osd: t.Any = 100,
    data_share: t.Any = None,
    rounding: str = "nearest",
    pools: list[dict[str, t.Any]] | None = None,
    max_pgs_per_osd: t.Any = 250,
    osds_per_host: t.Any = 0,
    other_pg_replicas: t.Any = 0,
) -> dict[str, t.Any]:
    """Return the PG counts, what they put on each OSD, and the evidence.

    ``within_limit`` compares unrounded numbers, with one host out when ``osds_per_host`` is given.

    :raises TuningError: for input that no cluster can have.
    """
    cluster = _parse_cluster(osds, target_pgs_per_osd, max_pgs_per_osd, osds_per_host, other_pg_replicas)
    rule = _rounding(rounding, cluster.osds)
    planned_pools = _parse_pools(pools, replicas, data_share, cluster.osds)

    counts = []
    lines = []
    for pool in planned_pools:
        raw = cluster.raw_pgs(pool.data_share, pool.replicas)
        pg_num = rule(raw, pool.replicas)
        counts.append((pool, raw, pg_num))
        label = "" if pool.name is None else f"{pool.name}: "
        lines.append(
            f"{label}{cluster.target_pgs_per_osd} PGs x {cluster.osds} OSDs x {float(pool.data_share):g} of the data "
            f"/ {pool.replicas} replicas = {float(raw):.1f}, {rounding} -> {pg_num}"
        )

    replicas_placed = sum(pg_num * pool.replicas for pool, _raw, pg_num in counts)
    per_osd = cluster.pgs_per_osd(replicas_placed)
    one_host_out = cluster.pgs_per_osd_one_host_out(replicas_placed)
    worst = per_osd if one_host_out is None else one_host_out
    within_limit = worst <= cluster.max_pgs_per_osd
    lines.append(_load_line(cluster, per_osd, one_host_out, within_limit))

    single = pools is None
    return {
        "pg_num": counts[0][2] if single else None,
        "raw": float(counts[0][1]) if single else float(sum(raw for _pool, raw, _pg_num in counts)),
        "pools": []
        if single
        else [
            {"name": pool.name, "replicas": pool.replicas, "raw": float(raw), "pg_num": pg_num}
            for pool, raw, pg_num in counts
        ],
        "pgs_per_osd": round(float(per_osd), 1),
        "pgs_per_osd_one_host_out": None if one_host_out is None else round(float(one_host_out), 1),
        "within_limit": within_limit,
        "evidence": "; ".join(lines),
    }


def _rounding(name: str, osds: int) -> t.Callable[[Fraction, int], int]:
    rules: dict[str, t.Callable[[Fraction, int], int]] = {
        "nearest": lambda raw, _replicas: round_nearest(raw),
        "pgcalc": lambda raw, replicas: round_pgcalc(raw, osds, replicas),
        "autoscaler": lambda raw, _replicas: round_autoscaler(raw),
        "up": lambda raw, _replicas: round_up(raw),
    }
    if name not in rules:
        raise InvalidValue("rounding", name, f"one of {', '.join(rules)}")
    return rules[name]


def _parse_cluster(osds: t.Any, target: t.Any, limit: t.Any, osds_per_host: t.Any, other_pg_replicas: t.Any) -> Cluster:
    cluster = Cluster(
        osds=parse_int("osds", osds, maximum=_MOST),
        target_pgs_per_osd=parse_int("target_pgs_per_osd", target, maximum=_MOST),
        max_pgs_per_osd=parse_int("max_pgs_per_osd", limit, maximum=_MOST),
        osds_per_host=parse_int("osds_per_host", osds_per_host, minimum=0, maximum=_MOST),
        other_pg_replicas=parse_int("other_pg_replicas", other_pg_replicas, minimum=0, maximum=_MOST),
    )
    if cluster.osds_per_host >= cluster.osds:
        raise InvalidValue("osds_per_host", osds_per_host, f"less than osds, which is {cluster.osds}")
    return cluster


def _parse_pools(pools: list[dict[str, t.Any]] | None, replicas: t.Any, data_share: t.Any, osds: int) -> list[Pool]:
    if pools is None:
        share = "0.85" if data_share is None else data_share
        return [_parse_pool("", None, 3 if replicas is None else replicas, share, osds)]
    if replicas is not None or data_share is not None:
        raise TuningError("pools is given together with replicas or data_share: give these per pool.")
    if not pools:
        raise TuningError("pools is empty: name at least one pool, or leave it out.")
    parsed = []
    for index, pool in enumerate(pools):
        name = pool.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidValue(f"pools[{index}].name", name, "the name of a pool")
        of_pool = 3 if pool.get("replicas") is None else pool["replicas"]
        if pool.get("data_share") is None:
            raise TuningError(f"pools[{index}].data_share is missing: say which share of the data {name} holds.")
        parsed.append(_parse_pool(f"pools[{index}].", name, of_pool, pool["data_share"], osds))
    names = [pool.name for pool in parsed]
    twice = sorted({name for name in names if name is not None and names.count(name) > 1})
    if twice:
        raise TuningError(f"pools names {', '.join(twice)} more than once: each pool may stand there once.")
    total = sum(pool.data_share for pool in parsed)
    if total > 1:
        raise TuningError(f"The data_share of the pools sums to {float(total):g}, but must be at most 1.")
    return parsed


def _parse_pool(prefix: str, name: str | None, replicas: t.Any, data_share: t.Any, osds: int) -> Pool:
    count = parse_int(f"{prefix}replicas", replicas, maximum=_MOST)
    if count > osds:
        raise InvalidValue(f"{prefix}replicas", replicas, f"at most osds, which is {osds}")
    share = parse_decimal(f"{prefix}data_share", data_share, above=0, maximum=1)
    return Pool(name, count, Fraction(share))


def _load_line(cluster: Cluster, per_osd: Fraction, one_host_out: Fraction | None, within_limit: bool) -> str:
    line = f"{float(per_osd):.1f} PG replicas per OSD"
    if one_host_out is not None:
        line += f", {float(one_host_out):.1f} with one host out"
    if cluster.other_pg_replicas:
        line += f" (with {cluster.other_pg_replicas} of other pools)"
    verdict = "within" if within_limit else "ABOVE"
    return f"{line}: {verdict} the limit of {cluster.max_pgs_per_osd}"
