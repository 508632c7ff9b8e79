# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The way to a cluster: parameters, a kubeconfig or a pod's own account, as settings of the ``kubernetes`` package."""

from __future__ import annotations

import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError


def connection_settings(auth: t.Mapping[str, t.Any]) -> t.Any:
    """Return a ``kubernetes.client.Configuration`` from the parameters of ``_kube.adapter.AUTH_SPEC``.

    What they leave open comes from ``KUBECONFIG``, ``~/.kube/config`` or the pod's service account. No request is sent.

    :raises TuningError: when the ``kubernetes`` package or every way to the cluster is missing.
    """
    try:
        from kubernetes import client, config
    except ImportError as error:
        raise TuningError(f"The Python package kubernetes is missing on this host ({error}); install it.") from error
    settings = client.Configuration()
    try:
        _load(config, settings, auth)
    except (config.ConfigException, OSError, TypeError, ValueError) as error:
        wanted = auth.get("kubeconfig") or "KUBECONFIG, ~/.kube/config or the pod's service account"
        raise TuningError(f"No way to a cluster was found in {wanted}: {error}") from error
    if auth.get("host"):
        settings.host = auth["host"]
    if auth.get("api_key"):
        settings.api_key = {"authorization": f"Bearer {auth['api_key']}"}
    if auth.get("ca_cert"):
        settings.ssl_ca_cert = auth["ca_cert"]
    if auth.get("validate_certs") is not None:
        settings.verify_ssl = auth["validate_certs"]
    return settings


def _load(config: t.Any, settings: t.Any, auth: t.Mapping[str, t.Any]) -> None:
    """Fill the settings from a kubeconfig or the pod's service account, unless the host alone says where to go."""
    if auth.get("host") and not auth.get("kubeconfig"):
        return
    try:
        config.load_kube_config(
            config_file=auth.get("kubeconfig"), context=auth.get("context"), client_configuration=settings
        )
    except config.ConfigException:
        if auth.get("kubeconfig") or auth.get("context"):
            raise
        config.load_incluster_config(client_configuration=settings)
