# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nova.conf: our lines come and go, and everything else stays to the byte."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.keep import keep_conf
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.marks import Assignment, Marks
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.oslo_ini import Document
from ansible_collections.virtscale.tuning.plugins.module_utils._nova.release import read_release
from hypothesis import given
from hypothesis import strategies as st
from pci_tree import Host

ALIAS = {"vendor_id": "144d", "product_id": "a820", "device_type": "type-PCI", "name": "nvme"}
DEVICE = {"address": "0000:06:00.0", "vendor_id": "144d", "product_id": "a820"}
CONF = "etc/nova/nova.conf"

# What people have: comments, a repeated option, a list over several lines, a section that comes twice, no order.
LIVED_IN = """\
# Written by hand. Do not touch!
[DEFAULT]
debug = true
  ; indented text behind a value continues it
log_dir=/var/log/nova

[filter_scheduler]
# our filters
enabled_filters = AvailabilityZoneFilter,
  ComputeFilter,
  NUMATopologyFilter

[pci]
alias = {"name": "gpu", "vendor_id": "10de", "product_id": "20b0", "device_type": "type-PF"}
#alias = {"name": "old"}
alias = { "name":"nic", "vendor_id":"8086", "product_id":"1572", "device_type":"type-VF" }
passthrough_whitelist = [{"vendor_id": "10de", "product_id": "20b0"}, {"devname": "eth4"}]
[libvirt]
virt_type: kvm
[pci]
report_in_placement = false
"""


class Nova:
    """A host with a nova.conf, an installed nova, and services under systemd."""

    def __init__(self, root: Path, conf: str = LIVED_IN, device_spec: bool = True) -> None:
        self.host, self.root = Host(root), root
        self.host.write(CONF, conf)
        self.install("26.2.2", device_spec)
        self.units: dict[str, int] = {}
        self.host.write("proc/stat", "cpu 1 2\nbtime 1700000000\n")

    def install(self, version: str, device_spec: bool) -> None:
        """Put nova's own definitions of its options there."""
        packages = "usr/lib/python3/dist-packages"
        self.host.directory(f"{packages}/nova-{version}.egg-info")
        self.host.write(
            f"{packages}/nova/conf/scheduler.py",
            'opts = [cfg.ListOpt("enabled_filters", default=["ComputeFilter", "ImagePropertiesFilter"],\n'
            '    deprecated_name="scheduler_default_filters", deprecated_group="DEFAULT", help="""x"""),\n'
            '    cfg.MultiStrOpt("available_filters", default=[f"{x}"])]\n',
        )
        name = "device_spec" if device_spec else "passthrough_whitelist"
        self.host.write(f"{packages}/nova/conf/pci.py", f"o = [cfg.MultiStrOpt('{name}', default=[])]\n")

    def start(self, unit: str, seconds: int) -> None:
        """Let a service run since so many seconds after 1700000000."""
        pid = 100 + len(self.units)
        self.units[unit] = pid
        self.host.write(f"proc/{pid}/stat", f"{pid} (nova api) S {' '.join(['0'] * 18)} {seconds * 100} 0\n")

    def run(self, arguments: t.Sequence[str]) -> str:
        asked = arguments[arguments.index("--") + 1 :]
        blocks = []
        for unit in asked:
            pid = self.units.get(unit, 0)
            blocks.append(f"MainPID={pid}\nId={unit}.service\nActiveState={'active' if pid else 'inactive'}\n")
        return "\n".join(blocks)

    def keep(self, check_mode: bool = False, **params: t.Any) -> dict[str, t.Any]:
        """Run the module as on a host that is both."""
        given: dict[str, t.Any] = {"name": "nvme", "conf": f"/{CONF}", "where": "h", "state": "present"}
        given.update(scheduler=True, alias=ALIAS, devices=[DEVICE], device_option="auto", filters=[])
        given.update(services=["nova-api", "nova-compute"])
        return keep_conf({**given, **params}, check_mode, self.run, str(self.root))

    @property
    def conf(self) -> str:
        return (self.root / CONF).read_text()

    def values(self, section: str, key: str) -> list[str]:
        return [option.value for option in Document(self.conf, CONF).all((section, key))]


@pytest.fixture
def nova(tmp_path: Path) -> Nova:
    return Nova(tmp_path)


def statuses(result: dict[str, t.Any]) -> dict[str, str]:
    return {line["what"]: line["status"] for line in result["rows"]}


def test_what_is_there_stays_and_ours_comes_behind_it(nova: Nova) -> None:
    assert nova.keep()["changed"]
    assert nova.values("filter_scheduler", "enabled_filters") == [
        "AvailabilityZoneFilter,ComputeFilter,NUMATopologyFilter,PciPassthroughFilter"
    ]
    assert [json.loads(value)["name"] for value in nova.values("pci", "alias")] == ["gpu", "nic", "nvme"]
    assert [json.loads(value) for value in nova.values("pci", "device_spec")] == [DEVICE]
    assert nova.values("pci", "report_in_placement") == ["false"]
    left = [line for line in nova.conf.splitlines(keepends=True) if line in LIVED_IN.splitlines(keepends=True)]
    gone = ["enabled_filters = AvailabilityZoneFilter,\n", "  ComputeFilter,\n", "  NUMATopologyFilter\n"]
    assert left == [line for line in LIVED_IN.splitlines(keepends=True) if line not in gone]


def test_a_second_run_changes_nothing(nova: Nova) -> None:
    nova.keep()
    written = nova.conf
    again = nova.keep()
    assert (again["changed"], again["diff"], nova.conf) == (False, [], written)
    assert set(statuses(again).values()) == {"ok"}


def test_absent_gives_the_file_back_to_the_byte(nova: Nova) -> None:
    nova.keep()
    assert nova.keep(state="absent")["changed"]
    assert nova.conf == LIVED_IN
    assert not nova.keep(state="absent")["changed"]


def test_check_mode_says_what_then_happens(nova: Nova) -> None:
    predicted = nova.keep(check_mode=True)
    assert nova.conf == LIVED_IN
    done = nova.keep()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.sub(moment, "", predicted["diff"][0]["after"]) == re.sub(moment, "", done["diff"][0]["after"])
    assert done["diff"][0]["after"] == nova.conf
    assert [{**line, "effective": None, "status": None} for line in predicted["rows"]] == [
        {**line, "effective": None, "status": None} for line in done["rows"]
    ]
    assert statuses(predicted)["[pci] alias"] == "would_change"


def test_the_mode_and_the_link_of_the_file_stay(nova: Nova) -> None:
    real = nova.root / "etc/nova/real.conf"
    (nova.root / CONF).rename(real)
    (nova.root / CONF).symlink_to("real.conf")
    real.chmod(0o640)
    nova.keep()
    assert (nova.root / CONF).is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640


def test_without_a_list_the_releases_own_is_taken(tmp_path: Path) -> None:
    nova = Nova(tmp_path, "[DEFAULT]\n")
    nova.keep()
    assert nova.values("filter_scheduler", "enabled_filters") == [
        "ComputeFilter,ImagePropertiesFilter,PciPassthroughFilter"
    ]
    nova.keep(state="absent")
    assert nova.conf == "[DEFAULT]\n"


def test_the_old_name_of_the_list_counts_where_the_release_knows_it(tmp_path: Path) -> None:
    nova = Nova(tmp_path, "[DEFAULT]\nscheduler_default_filters = RamFilter,ComputeFilter\n")
    nova.keep()
    assert nova.values("filter_scheduler", "enabled_filters") == ["RamFilter,ComputeFilter,PciPassthroughFilter"]


def test_a_distributions_list_counts(tmp_path: Path) -> None:
    nova = Nova(tmp_path, "[DEFAULT]\n")
    nova.host.write("usr/share/nova/nova-dist.conf", "[filter_scheduler]\nenabled_filters=DiskFilter\n")
    nova.keep()
    assert nova.values("filter_scheduler", "enabled_filters") == ["DiskFilter,PciPassthroughFilter"]


def test_a_later_file_that_wins_is_named(nova: Nova) -> None:
    nova.host.write(f"{CONF}.d/50-site.conf", "[filter_scheduler]\nenabled_filters=ComputeFilter\n")
    row = next(line for line in nova.keep()["rows"] if "enabled_filters" in (line["what"] or ""))
    assert row["status"] == "overridden"
    assert "/etc/nova/nova.conf.d/50-site.conf" in row["why"]


def test_a_list_that_leaves_the_filter_out_gets_one_more(tmp_path: Path) -> None:
    nova = Nova(tmp_path, "[filter_scheduler]\navailable_filters = my.filters.mine\n")
    nova.keep()
    assert nova.values("filter_scheduler", "available_filters") == [
        "my.filters.mine",
        "nova.scheduler.filters.all_filters",
    ]


def test_before_zed_devices_have_the_old_name(tmp_path: Path) -> None:
    nova = Nova(tmp_path, device_spec=False)
    nova.keep()
    assert json.loads(nova.values("pci", "passthrough_whitelist")[-1]) == DEVICE
    assert nova.values("pci", "device_spec") == []


@pytest.mark.parametrize(
    "line",
    [
        'device_spec = {"address": "0000:06:00.0"}',
        'passthrough_whitelist = [{"devname": "eth0"}, {"product_id": "a820", "vendor_id": "144d"}]',
    ],
)
def test_a_device_that_is_listed_is_not_listed_again(tmp_path: Path, line: str) -> None:
    nova = Nova(tmp_path, f"[pci]\n{line}\n")
    nova.keep()
    assert json.dumps(DEVICE) not in nova.conf


def test_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    text = '[pci]\nalias = {"name": "nvme", "vendor_id": "8086", "product_id": "0a54"}\n'
    nova = Nova(tmp_path, text)
    with pytest.raises(TuningError, match="already gives the name nvme"):
        nova.keep()
    assert nova.conf == text


def test_the_same_alias_in_another_order_is_there_already(tmp_path: Path) -> None:
    nova = Nova(tmp_path, f"[pci]\nalias = {json.dumps(dict(reversed(ALIAS.items())))}\n")
    assert statuses(nova.keep())["[pci] alias"] == "ok"


def test_devices_come_and_go(nova: Nova) -> None:
    nova.keep()
    other = {**DEVICE, "address": "0000:07:00.0"}
    result = nova.keep(devices=[other])
    assert [json.loads(value) for value in nova.values("pci", "device_spec")] == [other]
    assert ("line of nova.conf", json.dumps(DEVICE)) in [(line["what"], line["before"]) for line in result["rows"]]
    nova.keep(state="absent")
    assert nova.conf == LIVED_IN


def test_two_names_share_a_file(nova: Nova) -> None:
    nova.keep()
    one = nova.conf
    nova.keep(name="second", alias={**ALIAS, "name": "second", "product_id": "a824"}, devices=[])
    assert not nova.keep()["changed"]
    nova.keep(name="second", state="absent")
    assert nova.conf == one


def test_a_line_of_ours_that_somebody_changed_is_left_to_them(nova: Nova) -> None:
    nova.keep()
    theirs = nova.conf.replace("NUMATopologyFilter,Pci", "NUMATopologyFilter,MyFilter,Pci")
    nova.host.write(CONF, theirs)
    nova.keep()
    assert "MyFilter" in nova.values("filter_scheduler", "enabled_filters")[0]
    nova.keep(state="absent")
    assert "MyFilter" in nova.values("filter_scheduler", "enabled_filters")[0]
    assert "Managed by" not in nova.conf


def test_services_that_run_are_restarted_and_no_others(nova: Nova) -> None:
    nova.start("openstack-nova-compute", 5)
    assert nova.keep()["restart"] == ["openstack-nova-compute"]


def test_a_killed_run_is_finished_by_restarting(nova: Nova) -> None:
    nova.start("nova-api", 5)
    nova.keep()
    again = nova.keep()
    assert (again["changed"], again["restart"], again["diff"]) == (True, ["nova-api"], [])
    nova.start("nova-api", 4_000_000_000 - 1_700_000_000)
    assert nova.keep()["changed"] is False


def test_without_nova_its_version_must_be_given(tmp_path: Path) -> None:
    nova = Nova(tmp_path, "[DEFAULT]\n")
    (nova.root / "usr/lib/python3").rename(nova.root / "usr/lib/elsewhere")
    with pytest.raises(TuningError, match="give filters"):
        nova.keep()
    with pytest.raises(TuningError, match="set device_option"):
        nova.keep(scheduler=False)
    nova.keep(filters=["ComputeFilter"], device_option="device_spec")
    assert nova.values("filter_scheduler", "enabled_filters") == ["ComputeFilter,PciPassthroughFilter"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[pci\n", "line 1 is no section"),
        ("[]\n", "line 1 is no section"),
        ("[pci]\nnonsense\n", "line 2 is no assignment"),
        ("key = 1\n", "line 1 stands before any section"),
        ("[pci]\n\n  dangling\n", "line 3 continues nothing"),
    ],
)
def test_what_nova_would_refuse_is_refused(tmp_path: Path, text: str, why: str) -> None:
    nova = Nova(tmp_path, text)
    with pytest.raises(TuningError, match=re.escape(why)):
        nova.keep()
    assert nova.conf == text


def test_a_missing_file_is_named(nova: Nova) -> None:
    with pytest.raises(TuningError, match=r"/etc/kolla/nova\.conf is not here"):
        nova.keep(conf="/etc/kolla/nova.conf")


def test_the_release_is_read_from_its_source(nova: Nova) -> None:
    release = read_release(str(nova.root))
    assert release is not None
    assert (release.version, release.device_option) == ("26.2.2", "device_spec")
    assert release.filters == ["ComputeFilter", "ImagePropertiesFilter"]


_LINE = st.sampled_from(
    [
        "# comment",
        "",
        "a = 1",
        "a = 2",
        "b: 3,\n  4",
        "[pci]",
        "[DEFAULT]",
        "[filter_scheduler]",
        "alias = {}",
        ";x",
        "c =",
    ]
)


@given(st.lists(_LINE, max_size=12), st.booleans())
def test_whatever_we_add_can_be_taken_away(lines: list[str], replaces: bool) -> None:
    text = "".join(f"{line}\n" for line in ["[DEFAULT]", *lines])
    document = Document(text, "f")
    marks = Marks("x")
    replaced = document.last(("pci", "a")) if replaces else None
    wanted = [
        Assignment("pci", "alias", "{1}"),
        Assignment("pci", "a", "9", replaced),
        Assignment("new", "k", "v"),
        Assignment("new", "k", "w"),
    ]
    added = marks.applied(text, "f", wanted, "2026-01-01T00:00:00Z")
    assert marks.settled(added, "f", wanted, document)
    assert not marks.settled(added, "f", wanted[:-1], document)
    found = [(option.section, option.key, option.value) for option in Document(added, "f").options]
    assert all((one.section, one.key, one.value) in found for one in wanted)
    assert marks.undone(added, "f") == text
