# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations


class ModuleDocFragment:
    """The way to a cluster, under the names that P(kubernetes.core.k8s#module) uses."""

    DOCUMENTATION = r"""
options:
  kubeconfig:
    description:
      - The kubeconfig file of the cluster.
      - E(KUBECONFIG), C(~/.kube/config) or the service account of the pod serve when neither this nor O(host) is given.
      - If not given, the value of E(K8S_AUTH_KUBECONFIG) is used.
    type: path
  context:
    description:
      - The context of the kubeconfig.
      - If not given, the value of E(K8S_AUTH_CONTEXT) is used, and then the current context.
    type: str
  host:
    description:
      - The URL of the API server, in place of that of the kubeconfig.
      - If not given, the value of E(K8S_AUTH_HOST) is used.
    type: str
  api_key:
    description:
      - The bearer token to authenticate with.
      - If not given, the value of E(K8S_AUTH_API_KEY) is used.
    type: str
  ca_cert:
    description:
      - The file of the certificate authority that signed the API server's certificate.
      - If not given, the value of E(K8S_AUTH_SSL_CA_CERT) is used.
    type: path
  validate_certs:
    description:
      - Whether the API server's certificate must be valid.
      - If not given, the value of E(K8S_AUTH_VERIFY_SSL) is used, and then that of the kubeconfig.
    type: bool
requirements:
  - kubernetes >= 28.1
"""
