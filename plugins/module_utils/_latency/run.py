# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""A whole measurement: the files, then cell after cell, each kept as soon as it is known."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, field

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._journal import Journal, NoJournal
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.cells import (
    AFTER,
    ALONE,
    DURING,
    Cell,
    Json,
    result_of,
    vm_results,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.crew import Crew, Say
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Settings
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.targets import Target
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.wave import Wave

JOURNAL_FILE = "latency.jsonl"
# What a cell takes beside its runtime and ramp: to agree on a moment, to write and to fetch the reports.
_AROUND_S = 8.0


class Moves(t.Protocol):
    """What is needed of a cluster to measure during migrations."""

    async def wave(self, targets: t.Sequence[Target]) -> Wave:
        """Migrate each machine once, and return when all have ended."""

    async def locate(self) -> list[Target]:
        """Return where machines are now."""


@dataclass
class Measurement:
    """What was measured so far."""

    cells: list[Json] = field(default_factory=list)
    machines: list[Json] = field(default_factory=list)
    # One for each cell during migrations: profile, direction, pool, and what Wave.result() says.
    waves: list[Json] = field(default_factory=list)
    laid_out: bool = False

    @property
    def moved(self) -> bool:
        """Whether any machine was migrated."""
        return any(wave["run"]["count"] for wave in self.waves)


def seconds_of(cells: t.Sequence[Cell], settings: Settings) -> float:
    """Return how long cells take, without their files and without migrations."""
    return len(cells) * (settings.ramp_s + settings.runtime_s + _AROUND_S)


async def measure(
    cells: t.Sequence[Cell],
    settings: Settings,
    crew: Crew,
    journal: Journal | NoJournal,
    say: Say,
    moves: Moves | None = None,
) -> Measurement:
    """Measure every cell that the journal does not have yet.

    :param moves: needed for cells during migrations.
    :raises TuningError: when nothing can be measured.
    """
    done = Measurement()
    known = {tuple(entry["key"]): entry for entry in journal.entries if entry["kind"] == "cell"}
    done.laid_out = await crew.lay_out()
    for vm, why in crew.lost.items():
        say(f"{vm} is left out: {why}")
    for number, cell in enumerate(cells, start=1):
        kept = known.get(tuple(cell.key))
        if kept is None or not _usable(cell, known):
            say(f"{number} of {len(cells)}: {cell.words(settings.iops[cell.profile])}")
            kept = await _measured(cell, settings, crew, moves)
            journal.append({"kind": "cell", "key": cell.key, **kept})
            journal.sync(now=True)
            say("  " + told(kept["cell"]))
        done.cells.append(kept["cell"])
        done.machines += kept["machines"]
        if kept["wave"] is not None:
            done.waves.append(kept["wave"])
    return done


def told(cell: Json) -> str:
    """Return what came of a cell, in a line."""
    if not cell["vms_measured"]:
        return f"no machine measured anything; {cell['failed'][0]['vm']}: {cell['failed'][0]['reason']}"
    parts = [
        f"mean {milliseconds(cell['mean_us'])}, p50 {milliseconds(cell['p50_us'])}, p99 {milliseconds(cell['p99_us'])}",
        f"{cell['iops_per_vm']:,.1f} IOPS per VM",
        f"started within {cell['start_spread_s']:.2f} s",
    ]
    if cell["slow"]:
        parts.append(f"{len(cell['slow']):,} below their rate")
    if cell["failed"]:
        parts.append(f"{len(cell['failed']):,} failed")
    return ", ".join(parts)


def milliseconds(microseconds: float | None) -> str:
    """Return a latency as a person reads it."""
    return "-" if microseconds is None else f"{microseconds / 1000:,.3f} ms"


async def _measured(cell: Cell, settings: Settings, crew: Crew, moves: Moves | None) -> Json:
    wave: Wave | None = None

    async def migrate() -> None:
        nonlocal wave
        if moves is None:
            raise TuningError("Nothing can migrate these machines.")
        wave = await moves.wave([target for target in cell.step.targets if target.vm not in crew.lost])
        # An address may have changed with the node.
        crew.move(await moves.locate())

    outcome = await crew.measure(cell, migrate if cell.phase == DURING else None)
    head = {"profile": cell.profile, "direction": cell.direction, "pool": cell.pool.name}
    return {
        "cell": result_of(cell, outcome, settings),
        "machines": vm_results(cell, outcome),
        "wave": None if wave is None else {**head, **wave.result()},
    }


def _usable(cell: Cell, known: t.Mapping[tuple[t.Any, ...], Json]) -> bool:
    """Return whether what is known of a cell can be kept: of before, during and after, all or nothing."""
    if cell.phase == ALONE:
        return True
    return (AFTER, *cell.key[1:]) in known
