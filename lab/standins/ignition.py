# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the kubelet's configuration out of a rendered MachineConfig."""

from __future__ import annotations

import base64
import gzip
import typing as t
import urllib.parse

import yaml

KUBELET_CONF = "/etc/kubernetes/kubelet.conf"
KUBELET_DEFAULT_PODS = 110


class BadConfig(Exception):
    """A node cannot run this configuration; the message becomes the node's reason."""


def kubelet_conf(machine_config: t.Mapping[str, t.Any]) -> str:
    """The text of kubelet.conf in a rendered MachineConfig."""
    name = machine_config["metadata"]["name"]
    files = machine_config["spec"]["config"].get("storage", {}).get("files", [])
    for entry in reversed(files):
        if entry["path"] == KUBELET_CONF:
            text = decode(entry["contents"])
            if not isinstance(yaml.safe_load(text), dict):
                raise BadConfig(f"{KUBELET_CONF} of {name} is not a KubeletConfiguration")
            return text
    raise BadConfig(f"{name} has no {KUBELET_CONF}")


def decode(contents: t.Mapping[str, t.Any]) -> str:
    """The text that an Ignition file's contents (a data URL, perhaps compressed) stand for."""
    header, comma, data = contents["source"].partition(",")
    if not header.startswith("data:") or not comma:
        raise BadConfig(f"Only data URLs can be read, not {header[:40]}")
    raw = base64.b64decode(data) if header.endswith(";base64") else urllib.parse.unquote_to_bytes(data)
    if contents.get("compression") == "gzip":
        raw = gzip.decompress(raw)
    return raw.decode()


def max_pods(text: str) -> int:
    """The number of pods that a kubelet with this configuration reports as its capacity."""
    return int(yaml.safe_load(text).get("maxPods") or KUBELET_DEFAULT_PODS)
