# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a ClusterVersion, and what is asked for by it."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.virtscale.tuning.plugins.module_utils._errors import InvalidValue
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.facts import minor_of, parse_cluster_version
from ansible_collections.virtscale.tuning.plugins.module_utils._upgrade.target import (
    WANTED_SPEC,
    Wanted,
    check_channel,
    choose,
    client_guards,
)
from hypothesis import given
from hypothesis import strategies as st
from upgrade_objects import cluster_version, condition, conditional, entry, image, parsed, release

NONE = {name: spec["default"] for name, spec in WANTED_SPEC.items()}
BY_DIGEST = "quay.io/mirror/release@sha256:00004923"


def wanted(**given: t.Any) -> Wanted:
    return Wanted.parse({**NONE, **({} if "image" in given else {"to": "4.9.23"}), **given})


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99), st.sampled_from(["", "-rc.1", "+x", "-ec.2+y"]))
def test_the_minor_version_is_the_first_two_numbers(major: int, minor: int, patch: int, rest: str) -> None:
    assert minor_of(f"{major}.{minor}.{patch}{rest}") == (major, minor)


@pytest.mark.parametrize("text", ["4.9", "v4.9.1", "4.9.1.2", "", "latest", "4.9.x"])
def test_what_is_no_version(text: str) -> None:
    with pytest.raises(InvalidValue, match="a semantic version such as"):
        minor_of(text)


def test_a_cluster_that_says_nothing_yet() -> None:
    version = parse_cluster_version({"metadata": {"name": "version"}, "spec": {"clusterID": "x"}})
    assert (version.current, version.before, version.progress, version.available) == ("", "", None, None)


def test_a_partial_update_is_not_the_current_version() -> None:
    history = [entry("4.9.23", "Partial"), entry("4.9.15"), entry("4.9.9")]
    message = "Working towards 4.9.23: 569 of 738 done (77% complete), waiting on kube-apiserver"
    version = parsed(conditions=[condition("Progressing", "True", message)], history=history)
    assert (version.current, version.before, version.newest.version) == ("4.9.15", "4.9.15", "4.9.23")
    assert version.progress == (569, 738)
    assert version.newest.ended is None


def test_an_update_comes_from_the_last_one_that_was_completed() -> None:
    history = [entry("4.9.23"), entry("4.9.19", "Partial"), entry("4.9.15")]
    assert parsed(history=history).before == "4.9.15"


def test_the_run_is_that_of_its_version() -> None:
    item = cluster_version()
    item["metadata"]["annotations"] = {"tuning.virtscale/upgrade": "4.9.23/20260801T120000Z-upgrade"}
    version = parse_cluster_version(item)
    assert version.run_of("4.9.23") == "20260801T120000Z-upgrade"
    assert version.run_of("4.10.9") is None


def test_an_offered_version_is_asked_for_with_its_image() -> None:
    choice = choose(parsed(availableUpdates=[release("4.9.19"), release("4.9.23")]), wanted())
    assert choice.update == {"version": "4.9.23", "image": image("4.9.23")}
    assert (choice.refused, choice.overridden) == ("", [])


def test_a_mirror_is_known_by_its_digest() -> None:
    found = {**release("4.9.23"), "image": "quay.io/ocp/release@sha256:00004923"}
    choice = choose(parsed(availableUpdates=[found]), wanted(image=BY_DIGEST))
    assert choice.update == {"version": "4.9.23", "image": BY_DIGEST}


@pytest.mark.parametrize(
    "more, why",
    [
        ({}, "stable-4.9 offers nothing to 4.9.15"),
        ({"availableUpdates": [release("4.9.19")]}, "stable-4.9 offers 4.9.19, and not 4.9.23"),
        (
            {"conditions": [condition("RetrievedUpdates", "False", "not in the channel.", "VersionNotFound")]},
            "the updates of stable-4.9 cannot be retrieved: VersionNotFound, not in the channel",
        ),
    ],
)
def test_what_is_not_offered_may_come_yet(more: dict[str, t.Any], why: str) -> None:
    choice = choose(parsed(**more), wanted(allow_explicit_upgrade=True))
    assert choice.waits == why
    assert choice.refused.startswith(f"{why}; set a channel that offers it, or name its image")
    assert choice.update == {}


def test_known_risks_are_shown_and_accepted_only_when_asked() -> None:
    version = parsed(conditionalUpdates=[conditional("4.9.23")])
    choice = choose(version, wanted())
    assert "not recommended for this cluster: SlowDrains: Drains may take long (https://issues/1)" in choice.refused
    assert (choice.update, choice.waits) == ({}, "")
    accepted = choose(version, wanted(allow_not_recommended=True))
    assert accepted.update["version"] == "4.9.23"
    assert "SlowDrains" in accepted.overridden[0]


def test_risks_that_do_not_concern_this_cluster() -> None:
    assert choose(parsed(conditionalUpdates=[conditional("4.9.23", "True")]), wanted()).update["version"] == "4.9.23"


def test_an_image_that_is_not_offered_needs_the_flag() -> None:
    assert "set allow_explicit_upgrade" in choose(parsed(), wanted(image=BY_DIGEST)).refused
    choice = choose(parsed(), wanted(image=BY_DIGEST, allow_explicit_upgrade=True, force=True))
    assert choice.update == {"image": BY_DIGEST, "force": True}
    assert len(choice.overridden) == 2


@pytest.mark.parametrize(
    "given_options, words",
    [
        ({"to": ""}, "the version to upgrade to"),
        ({"to": "4.10"}, "a semantic version"),
        ({"image": "4.9.23"}, "a pull spec such as"),
        ({"image": "quay.io/ocp/release"}, "a pull spec such as"),
        ({"image": "quay.io/ocp/release:4.9.23"}, "a tag cannot be verified without force"),
    ],
)
def test_what_oc_does_not_take_either(given_options: dict[str, t.Any], words: str) -> None:
    with pytest.raises(InvalidValue, match=words):
        wanted(**given_options)


def test_a_tag_with_force() -> None:
    assert wanted(image="quay.io/ocp/release:4.9.23", force=True).force


def test_a_channel_that_the_release_is_not_in() -> None:
    version = parsed()
    assert "set allow_explicit_channel" in check_channel(version, wanted(channel="candidate-4.10")).refused
    explicit = check_channel(version, wanted(channel="candidate-4.10", allow_explicit_channel=True))
    assert (explicit.refused, len(explicit.overridden)) == ("", 1)
    for known in ("", "stable-4.9", "candidate-4.9"):
        assert check_channel(version, wanted(channel=known)).refused == ""


def test_channels_that_nobody_knows_cannot_be_checked() -> None:
    version = parsed(desired={"channels": []})
    found = check_channel(version, wanted(channel="candidate-4.10"))
    assert (found.refused, len(found.overridden)) == ("", 1)


def test_what_keeps_a_client_from_asking() -> None:
    assert client_guards(parsed()) == []
    told = client_guards(
        parsed(
            conditions=[
                condition("Invalid", "True", "bad image"),
                condition("Failing", "True", "etcd is down"),
                condition("Progressing", "True", "Working towards 4.9.19"),
            ]
        )
    )
    assert told == [
        "the ClusterVersion is invalid: bad image",
        "the cluster fails to reconcile 4.9.15: etcd is down",
        "an upgrade is under way: Working towards 4.9.19",
    ]
