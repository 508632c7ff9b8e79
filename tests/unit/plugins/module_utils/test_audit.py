# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._audit import Audit, audit, junit, table
from ansible_collections.virtscale.tuning.plugins.module_utils._record import Run, host_entry
from ansible_collections.virtscale.tuning.plugins.module_utils._report.model import view_run
from ansible_collections.virtscale.tuning.plugins.module_utils._rows import STATUSES, row

OK = row("ceph01", "net.core.rmem_max", before=5242880, wanted=5242880, effective=5242880, status="ok")
DRIFTED = row(
    *("ceph02", "net.core.rmem_max"),
    before=4194304,
    wanted=5242880,
    status="overridden",
    why="/etc/sysctl.d/99.9-local.conf sets it, of package nobody\x07",
)


@pytest.fixture
def found(tmp_path: Path) -> Audit:
    site = Run(tmp_path, "20260801T120000Z-site")
    site.begin(check_mode=False)
    site.add("ceph_network", "apply", {"ceph01": host_entry(rows=[OK])})
    verify = Run(tmp_path, "20260802T120000Z-verify")
    verify.begin(check_mode=True)
    verify.add("ceph_network", "apply", {"ceph01": host_entry(rows=[OK]), "ceph02": host_entry(rows=[DRIFTED])})
    return audit(view_run(verify), view_run(site))


def test_the_table_names_where_what_want_have_and_who(found: Audit) -> None:
    text = "\n".join(table(found))
    for part in ("ceph02", "net.core.rmem_max", "overridden", "5242880", "4194304", "99.9-local.conf"):
        assert part in text
    assert "2 values checked, 1 not as they are wanted." in text


def test_a_host_that_site_never_saw_is_new(found: Audit) -> None:
    assert found.new == {"ceph_network": ["ceph02"]}
    assert "New since 20260801T120000Z-site, ceph_network: ceph02" in table(found)


def test_a_role_that_site_never_ran_makes_nothing_new(tmp_path: Path, found: Audit) -> None:
    other = Run(tmp_path, "20260801T130000Z-site")
    other.begin(check_mode=False)
    other.add("ceph_pools", "apply", {"admin": host_entry(rows=[OK])})
    assert audit(found.view, view_run(other)).new == {}
    assert audit(found.view, None).new == {}


def test_junit_has_a_case_for_each_value_and_says_what_failed(found: Audit) -> None:
    (suite,) = ElementTree.fromstring(junit(found).split("\n", 1)[1])
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")
    failures = [case for case in suite if len(case)]
    assert [case.get("classname") for case in failures] == ["ceph_network.ceph02"]
    assert "wanted 5242880, have 4194304" in str(failures[0][0].get("message"))


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_which_statuses_are_drift(tmp_path: Path, status: str) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=True)
    run.add("ceph_pools", "apply", {"admin": host_entry(rows=[row("pool vms", "pg_num", status=status)])})
    assert bool(audit(view_run(run), None).drift) == (status not in ("ok", "note"))


def test_nothing_drifted_is_said_in_one_line(tmp_path: Path) -> None:
    run = Run(tmp_path, "r")
    run.begin(check_mode=True)
    run.add("ceph_network", "apply", {"ceph01": host_entry(rows=[OK])})
    assert table(audit(view_run(run), None)) == ["1 values checked, none drifted."]
