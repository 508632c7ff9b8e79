# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Whether a pool's target was rendered from what is asked for now, without remembering what was before.

``spec.configuration`` follows a change only after the generators were accepted and five seconds went by, and
the pool says Updated all the while. So nothing is concluded from that: the names of the sources and the content
of their files are compared with the rendered configuration itself. A run that was killed and started again comes
to the same answer.
"""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._rollout.facts import (
    Generator,
    Pool,
    Snapshot,
    Source,
)


def refused_generators(snapshot: Snapshot, pool: Pool) -> list[Generator]:
    """Return the generators that failed and thereby stop all rendering of the pool, while it says Updated."""
    return [
        generator
        for generator in snapshot.generators_of(pool)
        if generator.current and not generator.accepted and not generator.deleting
    ]


def awaited(snapshot: Snapshot, pool: Pool, expected: t.AbstractSet[str] = frozenset()) -> str | None:
    """Return what the pool's target still waits for, or None when it is rendered from all that is there.

    :param expected: names of MachineConfigs that must be among the sources, whether they exist yet or not.
    """
    if not pool.target:
        return "its new configuration to be rendered"
    for generator in snapshot.generators_of(pool):
        if generator.deleting:
            return f"{generator} to be deleted"
        if not generator.current or not generator.accepted:
            return f"{generator} to be accepted"
    sources = snapshot.sources_of(pool)
    leaving = sorted(name for name, source in sources.items() if source.deleting)
    if leaving:
        return f"MachineConfig {leaving[0]} to be deleted"
    missing = sorted((expected | _generated(snapshot, pool) | set(sources)) - pool.sources)
    if missing:
        return f"{missing[0]} to be rendered"
    stale = sorted(pool.sources - set(sources))
    if stale:
        return f"a rendering without {stale[0]}"
    files = snapshot.rendered.get(pool.target)
    if files is None:
        return pool.target
    return _content_awaited(list(sources.values()), files)


def _generated(snapshot: Snapshot, pool: Pool) -> set[str]:
    """Return the MachineConfigs that the generators say they made for this pool."""
    names = {name for generator in snapshot.generators_of(pool) for name in generator.generates}
    return {name for name in names if name.startswith(f"99-{pool.name}-generated-")}


def _content_awaited(sources: t.Sequence[Source], rendered: t.Mapping[str, str]) -> str | None:
    """Return the first source whose files are not what the rendered configuration holds.

    Of several sources with one file the last one wins: by name alone before 4.15, the worker's before all others
    since then. Either winner is right here.
    """
    by_name = sorted(sources, key=lambda source: source.name)
    by_role = sorted(by_name, key=lambda source: not source.for_workers)
    for path in {path for source in sources for path in source.files}:
        holders = [[source for source in order if path in source.files][-1] for order in (by_role, by_name)]
        contents = [holder.files[path] for holder in holders]
        if all(contents) and rendered.get(path) not in contents:
            return f"the new {path} of {holders[0].name} to be rendered"
    return None
