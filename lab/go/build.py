#!/usr/bin/env python3
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the lab's Go programs from their modules, each version once.

    build.py --cache DIR [component ...]      build what is missing (all, in the order they are needed)
    build.py --cache DIR --paths              print where each component lies, as JSON

A component lies in DIR/bin/<component>-<version>-<hash of its recipe>. It is built under another name and
renamed when complete, and a second build of the same one waits for the first: killed at any moment, a new
run continues. Sources come through the Go module proxy, verified against the go.sum beside each go.mod. The
last line of a build is a JSON object that says what was built.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEARTBEAT_SECONDS = 15.0


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What is taken from the modules that one go.mod pins."""

    module: str
    """The module whose version names the component."""
    programs: tuple[str, ...] = ()
    """Packages to build; a program is named like the last part of its package that is not a version."""
    ldflags: str = ""
    """Linker flags; {version} is the module's version."""
    tags: str = ""
    files: tuple[tuple[str, str, str], ...] = ()
    """(module, glob in it, directory to copy to)."""
    printed: tuple[tuple[str, str], ...] = ()
    """(program, file that takes what it prints when it is run without arguments)."""


_KUBERNETES_VERSION = "k8s.io/component-base/version"
_OPENSHIFT_CRDS = "payload-manifests/crds/0000_"

RECIPES: dict[str, Recipe] = {
    "etcd": Recipe("go.etcd.io/etcd/server/v3", programs=("go.etcd.io/etcd/server/v3",)),
    "kubernetes": Recipe(
        "k8s.io/kubernetes",
        programs=(
            "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            "k8s.io/kubernetes/cmd/kube-scheduler",
        ),
        # Without a version clients complain about "v0.0.0-master+$Format:%H$".
        ldflags=f"-X {_KUBERNETES_VERSION}.gitVersion={{version}} -X {_KUBERNETES_VERSION}.gitMajor=1"
        f" -X {_KUBERNETES_VERSION}.gitMinor=32",
    ),
    "kwok": Recipe(
        "sigs.k8s.io/kwok",
        programs=("sigs.k8s.io/kwok/cmd/kwok",),
        files=(
            ("sigs.k8s.io/kwok", "kustomize/stage/node/fast/node-initialize.yaml", "stages"),
            ("sigs.k8s.io/kwok", "kustomize/stage/node/heartbeat-with-lease/node-*.yaml", "stages"),
            ("sigs.k8s.io/kwok", "kustomize/stage/pod/fast/pod-*.yaml", "stages"),
        ),
    ),
    "kubevirt": Recipe(
        "kubevirt.io/kubevirt",
        programs=(
            "./cmd/kubevirt-manifests",
            "kubevirt.io/kubevirt/cmd/virt-api",
            "kubevirt.io/kubevirt/cmd/virt-controller",
        ),
        ldflags="-X kubevirt.io/client-go/version.gitVersion={version}",
        printed=(("kubevirt-manifests", "crds.yaml"),),
    ),
    "hyperconverged-crds": Recipe(
        "github.com/kubevirt/hyperconverged-cluster-operator",
        files=(("github.com/kubevirt/hyperconverged-cluster-operator", "deploy/crds/hco00.crd.yaml", "crds"),),
    ),
    "storage-crds": Recipe(
        "github.com/kubernetes-csi/external-snapshotter/client/v8",
        files=(
            (
                "github.com/kubernetes-csi/external-snapshotter/client/v8",
                "config/crd/snapshot.storage.k8s.io_*.yaml",
                "crds",
            ),
            (
                "github.com/k8snetworkplumbingwg/network-attachment-definition-client",
                "artifacts/networks-crd.yaml",
                "crds",
            ),
        ),
    ),
    "machine-config-controller": Recipe(
        "github.com/openshift/machine-config-operator",
        programs=("github.com/openshift/machine-config-operator/cmd/machine-config-controller",),
        # The controller works only on objects that carry its own version.
        ldflags="-X github.com/openshift/machine-config-operator/pkg/version.Raw={version}",
        tags="containers_image_openpgp exclude_graphdriver_btrfs exclude_graphdriver_devicemapper"
        " containers_image_ostree_stub",
        files=(
            ("github.com/openshift/machine-config-operator", "templates", "."),
            *(
                ("github.com/openshift/api", f"{_OPENSHIFT_CRDS}{name}.crd.yaml", "crds")
                for name in (
                    "10_config-operator_01_apiservers",
                    "10_config-operator_01_featuregates",
                    "10_config-operator_01_imagecontentsourcepolicies",
                    "10_config-operator_01_imagedigestmirrorsets",
                    "10_config-operator_01_images-Default",
                    "10_config-operator_01_imagetagmirrorsets",
                    "10_config-operator_01_infrastructures-Default",
                    "10_config-operator_01_networks",
                    "10_config-operator_01_nodes-Default",
                    "10_config-operator_01_schedulers-Default",
                    "80_machine-config_01_containerruntimeconfigs",
                    "80_machine-config_01_controllerconfigs-Default",
                    "80_machine-config_01_kubeletconfigs",
                    "80_machine-config_01_machineconfigpools-Default",
                    "80_machine-config_01_machineconfigs",
                    "80_machine-config_01_machineconfigurations",
                )
            ),
            (
                "github.com/openshift/api",
                "config/v1/zz_generated.crd-manifests/*_clusterversions-Default.crd.yaml",
                "crds",
            ),
            ("github.com/openshift/api", "config/v1/zz_generated.crd-manifests/*_clusteroperators.crd.yaml", "crds"),
        ),
    ),
}


def version(component: str) -> str:
    """The version that the component's go.mod requires of its module."""
    text = (HERE / component / "go.mod").read_text()
    module = re.escape(RECIPES[component].module)
    found = re.search(rf"^(?:require\s+|\s+){module} (v\S+)", text, re.MULTILINE)
    if not found:
        raise SystemExit(f"lab/go/{component}/go.mod does not require {RECIPES[component].module}.")
    return found[1]


def target(component: str, bin_dir: Path) -> Path:
    """The directory of this component's version and recipe."""
    digest = hashlib.sha256(repr(RECIPES[component]).encode())
    for source in sorted(path for path in (HERE / component).rglob("*") if path.is_file()):
        digest.update(source.read_bytes())
    return bin_dir / f"{component}-{version(component)}-{digest.hexdigest()[:8]}"


def program_name(component: str, package: str) -> str:
    """How a built package's file is called."""
    return package.rsplit("/", 1)[-1] if "/cmd/" in package else component


class GoError(Exception):
    """A go command failed; the message is what it said last."""


def go(component: str, cache: Path, *arguments: str) -> str:
    """Run one go command in the component's directory and return what it printed; say now and then that it runs."""
    environment = os.environ | {
        "GOCACHE": str(cache / "go/build"),
        "GOMODCACHE": str(cache / "go/mod"),
        "GOPATH": str(cache / "go/path"),
        "GOFLAGS": "-buildvcs=false -trimpath",
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "auto",
        # By this the lab finds its processes when it is taken down.
        "VIRTSCALE_LAB": str(cache / "lab"),
    }
    program = shutil.which("go") or str(cache / "go/toolchain/bin/go")
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            [program, *arguments], cwd=HERE / component, env=environment, stdout=output, stderr=errors
        ) as process:
            started = time.monotonic()
            while process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=HEARTBEAT_SECONDS)
                    break
                say(f"{component} {version(component)}: building for {time.monotonic() - started:.0f} s")
        errors.seek(0)
        output.seek(0)
        if process.returncode:
            raise GoError("\n".join(errors.read().strip().splitlines()[-10:]) or f"go ended with {process.returncode}")
        return output.read()


@contextlib.contextmanager
def only_one(component: str, bin_dir: Path) -> t.Iterator[None]:
    """Let a second build of the component wait for the first, and say so."""
    with (bin_dir / f".{component}.lock").open("w") as lock:
        started = time.monotonic()
        told = 0.0
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited >= told:
                    say(f"{component} {version(component)}: waiting {waited:.0f} s for the build in the background")
                    told = waited + HEARTBEAT_SECONDS
                time.sleep(1)
        yield


def build(component: str, cache: Path) -> bool:
    """Build one component unless it is there; returns whether it was built."""
    bin_dir = cache / "bin"
    bin_dir.mkdir(parents=True, exist_ok=True)
    final = target(component, bin_dir)
    if final.exists():
        return False
    with only_one(component, bin_dir):
        if final.exists():
            return False
        started = time.monotonic()
        for leftover in bin_dir.glob(f".{component}-*.new"):
            shutil.rmtree(leftover)
        new = bin_dir / f".{final.name}.new"
        new.mkdir()
        compile_programs(component, cache, new)
        copy_files(component, cache, new)
        new.rename(final)
        say(f"{component} {version(component)}: built in {time.monotonic() - started:.0f} s")
        return True


def say(line: str) -> None:
    """Show how it goes."""
    print(line, flush=True)


def compile_programs(component: str, cache: Path, into: Path) -> None:
    """Build the programs of a component, and keep what some of them print."""
    recipe = RECIPES[component]
    ldflags = "-s -w " + recipe.ldflags.format(version=version(component))
    for package in recipe.programs:
        output = str(into / program_name(component, package))
        go(component, cache, "build", "-tags", recipe.tags, "-ldflags", ldflags, "-o", output, package)
    for program, file_name in recipe.printed:
        with (into / file_name).open("wb") as output_file:
            subprocess.run([into / program], stdout=output_file, check=True)


def copy_files(component: str, cache: Path, into: Path) -> None:
    """Copy what a component takes from its modules' sources."""
    for module, pattern, directory in RECIPES[component].files:
        go(component, cache, "mod", "download", module)
        source = Path(go(component, cache, "list", "-m", "-f", "{{.Dir}}", module).strip())
        found = sorted(source.glob(pattern))
        if not found:
            raise GoError(f"{module} has no file {pattern}.")
        (into / directory).mkdir(parents=True, exist_ok=True)
        for path in found:
            if path.is_dir():
                shutil.copytree(path, into / directory / path.name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(path, into / directory / path.name)


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the lab's Go programs from their modules, each version once.")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--paths", action="store_true", help="print where each component lies, as JSON")
    parser.add_argument("components", nargs="*", metavar="component", help=", ".join(RECIPES))
    arguments = parser.parse_args()
    if arguments.paths:
        print(json.dumps({name: str(target(name, arguments.cache / "bin")) for name in RECIPES}))
        return 0
    os.nice(10)  # what the person waits for in the foreground goes first
    built = []
    for component in arguments.components or RECIPES:
        try:
            if build(component, arguments.cache):
                built.append(component)
        except GoError as error:
            print(f"{component} cannot be built: {error}", file=sys.stderr)
            return 1
    print(json.dumps({"changed": bool(built), "built": built}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
