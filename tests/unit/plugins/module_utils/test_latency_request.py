# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.request import LATENCY_SPEC, parse_request
from ansible_collections.virtscale.tuning.plugins.module_utils._latency.settings import Dataset
from hypothesis import given
from hypothesis import strategies as st

_HOST = {"name": "db1", "address": "127.0.0.1", "port": 22, "node": None, "group": None}


def _options(**given_ones: object) -> dict[str, object]:
    options = {name: spec.get("default") for name, spec in LATENCY_SPEC.items()}
    shape = {name: spec["default"] for name, spec in LATENCY_SPEC["dataset"]["options"].items()}
    return {**options, "dataset": shape, "password": "secret", "fleet": "reference", **given_ones}


def test_defaults_are_those_of_the_paper():
    request = parse_request(_options())
    settings = request.settings
    assert (settings.vms_per_node, settings.iops) == (15, {"baseline": 1, "load": 1000})
    assert (settings.directions, settings.block_kib) == (("read", "write"), 4)
    assert settings.dataset == Dataset(30, 8, 20)
    assert settings.dataset.total_bytes == 5_033_164_800
    assert not request.pending


def test_the_papers_own_dataset_is_larger_than_its_disk():
    assert Dataset(300, 8, 20).total_bytes / 1024**3 == pytest.approx(46.875)
    assert Dataset(300, 8, 20).needed_bytes(0) > 40 * 1024**3


@given(st.integers(0, 240))
def test_files_that_are_there_need_no_space(present):
    whole = Dataset()
    assert whole.needed_bytes(240) == 0
    assert whole.needed_bytes(present) >= (240 - present) * whole.file_bytes


@pytest.mark.parametrize(
    ("given_ones", "says"),
    [
        ({"vms_per_node": 0}, "vms_per_node is 0"),
        ({"vms_per_node": True}, "vms_per_node is True"),
        ({"runtime_s": "nan"}, "runtime_s is 'nan'"),
        ({"ramp_s": -1}, "ramp_s is -1"),
        ({"load_iops": 1.5}, "load_iops is 1.5"),
        ({"load_iops": 1}, "above baseline_iops, which is 1"),
        ({"nodes": [4, 2]}, "ascending"),
        ({"nodes": [2, 2]}, "ascending"),
        ({"nodes": [0]}, "nodes is 0"),
        ({"directions": []}, "directions is []"),
        ({"measure": ["series", "series"]}, "measure is"),
        ({"directory": "relative"}, "directory is 'relative'"),
        ({"directory": "/"}, "directory is '/'"),
        ({"directory": "/srv/../etc"}, "directory is '/srv/../etc'"),
        ({"directory": "/srv/$(reboot)"}, "directory is '/srv/$(reboot)'"),
        ({"dataset": {"directories": 0, "files": 8, "file_mib": 20}}, "dataset.directories is 0"),
        ({"dataset": {"directories": 1, "files": 1, "file_mib": "x"}}, "dataset.file_mib is 'x'"),
        ({"migration_limit_s": 0}, "migration_limit_s is 0"),
        ({"time_factor": 0}, "time_factor is 0"),
        ({"password": None}, "key_file is None"),
        ({"fleet": None}, "Either fleet or targets"),
        ({"targets": [_HOST]}, "Either fleet or targets"),
        ({"fleet": None, "targets": [_HOST, _HOST]}, "different names"),
        ({"fleet": None, "targets": [{**_HOST, "port": 0}]}, "targets.port is 0"),
        ({"fleet": None, "targets": [{**_HOST, "address": "no such host"}]}, "The address of target db1"),
        ({"fleet": None, "targets": [_HOST], "measure": ["migration"]}, "hosts do not migrate"),
        ({"fleet": None, "targets": [_HOST], "via": "portforward"}, "reached by their addresses"),
        ({"pools": [{"name": "vms"}]}, "either group or storage_class"),
        ({"pools": [{"name": "vms", "group": "a", "storage_class": "b"}]}, "either group or storage_class"),
        ({"pools": [{"name": "a", "group": "a"}, {"name": "a", "group": "b"}]}, "different names"),
        ({"pools": [{"name": "a", "group": "a", "replicas": 11}]}, "pools.replicas is 11"),
    ],
)
def test_bad_input_is_one_sentence(given_ones, says):
    with pytest.raises(TuningError) as failure:
        parse_request(_options(**given_ones))
    assert says in str(failure.value)


def test_migrations_are_left_out_unless_they_may_be():
    asked = _options(measure=["series", "migration"])
    request = parse_request(asked)
    assert request.pending and request.settings.measure == ("series",)
    allowed = parse_request({**asked, "allow_disruption": True})
    assert not allowed.pending and allowed.settings.measure == ("series", "migration")


def test_only_the_same_measurement_is_continued():
    same = parse_request(_options()).identity
    assert parse_request(_options(password="another")).identity == same
    for other in ({"runtime_s": 61}, {"fleet": "other"}, {"groups": ["rhel"]}, {"nodes": [1]}):
        assert parse_request(_options(**other)).identity != same
