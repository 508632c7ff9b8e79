# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """Which release is asked for, and what is overridden for it; mirrors _upgrade.target.WANTED_SPEC."""

    DOCUMENTATION = r"""
options:
  to:
    description:
      - The version to upgrade to. It must be among the updates that the cluster is offered.
      - One of O(to) and O(image) is required.
    type: str
    default: ""
  image:
    description:
      - The release image to upgrade to, in the place of the one that is offered for O(to). With both, the release in
        the image must be of the version O(to).
      - It is named by its digest. A tag needs O(force), because the cluster cannot verify it.
    type: str
    default: ""
  channel:
    description:
      - The channel to take the update from, such as V(candidate-4.10).
      - It is set first, and the target is awaited there.
      - If empty, the channel stays as it is.
    type: str
    default: ""
  allow_explicit_channel:
    description: Whether O(channel) may be one that the current release is not known to be in.
    type: bool
    default: false
  allow_explicit_upgrade:
    description:
      - Whether O(image) may be a release that is not among the updates that are offered.
      - It has no effect without O(image). The cluster takes a version only from what it is offered.
    type: bool
    default: false
  allow_not_recommended:
    description:
      - Whether an update with known issues that concern this cluster is taken (C(conditionalUpdates)).
      - Without it such an update is refused, and its risks are shown.
    type: bool
    default: false
  allow_upgrade_with_warnings:
    description:
      - Whether to go on although the cluster fails to reconcile its release, updates to another one already, or one of
        its operators is degraded or not available.
    type: bool
    default: false
  force:
    description:
      - Handed to the cluster as C(spec.desiredUpdate.force). It then takes a release that it cannot verify, and passes
        over its own gates - C(Upgradeable=False), and acknowledgements that nobody has given.
      - What was passed over stands in the history of the ClusterVersion for good.
    type: bool
    default: false
"""
