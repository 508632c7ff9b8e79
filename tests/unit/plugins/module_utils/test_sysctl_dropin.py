# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.dropin import Dropin, parse_dropin
from hypothesis import given
from hypothesis import strategies as st

KEYS = st.from_regex(r"net/[a-z0-9_]{1,8}(/[a-z0-9_.-]{1,8}){1,3}", fullmatch=True)
VALUES = st.lists(st.from_regex(r"[0-9a-z_]{1,6}", fullmatch=True), min_size=1, max_size=3).map(" ".join)
ANY_BYTES = st.binary(max_size=200).map(lambda data: data.decode("utf-8", "surrogateescape"))
REPLACED = st.none() | st.fixed_dictionaries({"mode": st.integers(0, 0o777), "text": ANY_BYTES})


@given(st.dictionaries(KEYS, st.tuples(VALUES, VALUES), max_size=5), REPLACED)
def test_what_is_written_is_what_is_read(pairs: dict[str, tuple[str, str]], replaced: dict[str, object] | None) -> None:
    dropin = Dropin(
        {key: value for key, (value, _before) in pairs.items()},
        {key: before for key, (_value, before) in pairs.items()},
        replaced,
    )
    assert parse_dropin(dropin.render()) == dropin


@given(ANY_BYTES)
def test_a_file_of_somebody_else_is_not_ours(text: str) -> None:
    assert parse_dropin(text) is None


def test_the_file_that_people_see() -> None:
    text = Dropin({"net/core/rmem_max": "5242880"}, {"net/core/rmem_max": "212992"}, None).render()
    assert text == (
        "# Managed by virtscale.tuning.sysctl_dropins; changes made here by hand are overwritten.\n"
        "# The lines that follow are what was here before; rollback gives it back.\n"
        "# before: net.core.rmem_max = 212992\n"
        "net.core.rmem_max = 5242880\n"
    )


def test_a_line_added_by_hand_above_the_title_does_not_lose_the_record() -> None:
    text = Dropin({"net/core/rmem_max": "5"}, {"net/core/rmem_max": "1"}, None).render()
    parsed = parse_dropin("# a person was here\n" + text)
    assert parsed is not None
    assert parsed.before == {"net/core/rmem_max": "1"}
