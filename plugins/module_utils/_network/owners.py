# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""Who else sets a host's sysctls: cephadm's tuned profiles, TuneD, and files of other people."""

from __future__ import annotations

import configparser
import os
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._files import below
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.dropin import parse_dropin
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.files import (
    CEPHADM_SUFFIX,
    BootSettings,
    read_text,
)
from ansible_collections.virtscale.tuning.plugins.module_utils._sysctl.keys import key_name, key_path

_ACTIVE_PROFILE = "/etc/tuned/active_profile"
_TUNED_MAIN = "/etc/tuned/tuned-main.conf"
_PROFILE_DIRECTORIES = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")


class Owner(t.NamedTuple):
    """Somebody who sets some of our keys."""

    who: str
    keys: list[str]
    advice: str


def find_owners(keys: t.Iterable[str], boot: BootSettings, root: str = "/") -> list[Owner]:
    """Return who else sets any of ``keys`` (paths below /proc/sys)."""
    wanted = set(keys)
    owners = _files(wanted, boot, root)
    tuned = _tuned(wanted, root)
    return [*owners, tuned] if tuned else owners


def _files(wanted: set[str], boot: BootSettings, root: str) -> list[Owner]:
    per_file: dict[str, list[str]] = {}
    for setting in [*boot.dropins, *boot.sysctl_conf]:
        if setting.path in wanted and setting.value is not None:
            per_file.setdefault(setting.file, []).append(key_name(setting.path))
    owners = []
    for file, names in per_file.items():
        if file.endswith(CEPHADM_SUFFIX):
            advice = "cephadm writes it again: change the profile with `ceph orch tuned-profile`"
            owners.append(Owner(f"cephadm tuned profile {file}", names, advice))
        elif parse_dropin(read_text(below(root, file)) or "") is None:
            owners.append(Owner(file, names, "a file of its own; the last name in sysctl.d wins"))
    return owners


def _tuned(wanted: set[str], root: str) -> Owner | None:
    active = (read_text(below(root, _ACTIVE_PROFILE)) or "").split()
    set_by_tuned: set[str] = set()
    for profile in active:
        set_by_tuned |= _profile_keys(profile, root, seen=set())
    common = sorted(key_name(path) for path in set_by_tuned & wanted)
    if not common:
        return None
    reapply = _ini(read_text(below(root, _TUNED_MAIN)) or "", header="[main]\n").get("main", {}).get("reapply_sysctl")
    if (reapply or "1").strip().lower() in ("0", "false", "no"):
        advice = "reapply_sysctl is off, so TuneD wins over files in /etc/sysctl.d whenever it starts"
    else:
        advice = "TuneD applies /etc/sysctl.d after its profile, so our files win; stopping it puts its originals back"
    return Owner(f"TuneD profile {' '.join(active)}", common, advice)


def _profile_keys(profile: str, root: str, seen: set[str]) -> set[str]:
    """Return the sysctls of a profile and of those that it includes."""
    if profile in seen or "/" in profile:
        return set()
    seen.add(profile)
    for directory in _PROFILE_DIRECTORIES:
        text = read_text(below(root, os.path.join(directory, profile, "tuned.conf")))
        if text is not None:
            sections = _ini(text)
            keys = {key_path(key) for key in sections.get("sysctl", {})}
            includes = sections.get("main", {}).get("include") or ""
            for include in includes.replace(",", " ").split():
                keys |= _profile_keys(include.lstrip("-"), root, seen)
            return keys
    return set()


def _ini(text: str, header: str = "") -> dict[str, dict[str, str | None]]:
    parser = configparser.RawConfigParser(allow_no_value=True, strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(header + text)
    except configparser.Error:
        return {}
    return {section: dict(parser.items(section)) for section in parser.sections()}
