#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: golden_images
version_added: 0.1.0
short_description: Import the disk images that virtual machines are cloned from
description:
  - Imports several images at once with CDI, shows how far each is, and ends when all are ready or have failed.
  - An image from a URL becomes a DataVolume, whose claim is cloned. An image from a registry becomes a DataImportCron,
    which imports it again when it changes and keeps a DataSource at the newest.
  - CDI tries a failed import again for ever. Here it has failed after O(attempts), with CDI's own message, and is left
    as it is. CDI may still succeed, and running this again then finds it ready.
  - A claim whose finished DataVolume CDI took away, as older releases do, counts as imported.
  - Before anything is made, an object of the same name that asks for something else is refused.
  - An action plugin, which runs on the controller with the controller's Python.
extends_documentation_fragment:
  - virtscale.tuning.attributes
  - virtscale.tuning.kube
author: The virtscale.tuning maintainers (@virtscale)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
options:
  images:
    description: The images.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the DataVolume and its claim, or of the DataImportCron and its DataSource.
        type: str
        required: true
      namespace:
        description: Their namespace, which must be there.
        type: str
        default: default
      url:
        description: Where CDI downloads the image from over HTTP. Either this or O(images[].registry) is required.
        type: str
      registry:
        description: The container disk, as C(docker://registry/name:tag).
        type: str
      schedule:
        description: When CDI looks whether the registry has a newer image, as a cron expression.
        type: str
        default: 0 */12 * * *
      imports_to_keep:
        description: How many imports of the registry's image are kept, at least 1.
        type: raw
        default: 3
      size:
        description: Size of the disk, as a quantity of Kubernetes; at least the virtual size of the image.
        type: str
        default: 40Gi
      storage_class:
        description: StorageClass of the disk.
        type: str
        default: ocs-external-storagecluster-ceph-rbd
      access_mode:
        description: Access mode of the disk. Only V(ReadWriteMany) can be migrated live.
        type: str
        choices: [ReadWriteMany, ReadWriteOnce, ReadWriteOncePod]
        default: ReadWriteMany
      volume_mode:
        description: Volume mode of the disk.
        type: str
        choices: [Block, Filesystem]
        default: Block
  state:
    description: V(absent) takes away those of O(images) that this module made, with their disks.
    type: str
    choices: [present, absent]
    default: present
  attempts:
    description: How often the importer of an image may fail, at least 1.
    type: raw
    default: 3
  timeout_s:
    description: Seconds for all images together, above 0.
    type: raw
    default: 3600
seealso:
  - module: virtscale.tuning.storage_profile
"""

EXAMPLES = r"""
- name: Import the images of the reference architecture
  virtscale.tuning.golden_images:
    images:
      - name: rhel-dv
        url: http://internal.server.com/ISO/rhel8.qcow2
      - name: win10-dv
        url: http://internal.server.com/ISO/win10.qcow2

- name: Keep a Fedora at the newest
  virtscale.tuning.golden_images:
    images:
      - name: fedora
        registry: docker://quay.io/containerdisks/fedora:latest
        size: 10Gi
"""

RETURN = r"""
images:
  description: What became of each image, in the order of O(images).
  returned: when the objects of these names are what is asked for
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace.
      type: str
    source:
      description: What machines clone - C(pvc) or C(datasource), with its name and namespace.
      type: dict
    ready:
      description: Whether it can be cloned.
      type: bool
    state:
      description: Where it is, in CDI's words.
      type: str
    seconds:
      description: How long its import took; null where it was there, or was not waited for.
      type: float
    failure:
      description: Why it failed, with CDI's message.
      type: str
  sample:
    - {"name": "rhel-dv", "namespace": "default", "ready": true, "state": "Succeeded", "seconds": 41.2, "failure": null,
       "source": {"kind": "pvc", "name": "rhel-dv", "namespace": "default"}}
rows:
  description: A row for each image.
  returned: always
  type: list
  elements: dict
"""
