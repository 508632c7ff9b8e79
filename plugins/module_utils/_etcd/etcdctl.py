# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Private to virtscale.tuning: no promise is made to other collections.
"""The v3 API by the program etcdctl, in the JSON of the gateway."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import typing as t

from ansible_collections.virtscale.tuning.plugins.module_utils._errors import TuningError
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.http_client import Access, Json, Unreachable
from ansible_collections.virtscale.tuning.plugins.module_utils._etcd.v3_error import V3Error

_SILENT = ("context deadline exceeded", "connection refused", "no available endpoint", "failed to dial")


class Etcdctl:
    """Calls of one member."""

    def __init__(self, access: Access, program: str) -> None:
        self.access = access
        self._program = program

    def check(self, why: str) -> None:
        """Look for the program.

        :param why: what made it necessary.
        :raises TuningError: when it is not there.
        """
        if shutil.which(self._program) is None:
            raise TuningError(f"{why} {self._program}, which would do instead, is not installed.")

    def call(self, service: str, body: Json, timeout_s: float | None = None) -> Json:
        """Carry out what the gateway's service of this name would.

        :raises V3Error: when etcd refuses; :raises Unreachable: when the member does not answer.
        """
        arguments, value = _arguments(service, body)
        told = self._run(arguments, value, timeout_s or self.access.timeout_s)
        if service == "maintenance/defragment":
            return {}
        answer = json.loads(told)
        if service == "lease/timetolive":
            return {"TTL": answer["ttl"]}
        return t.cast(Json, answer[0]["Status"] if service == "maintenance/status" else answer)

    def _run(self, arguments: list[str], value: bytes | None, timeout_s: float) -> bytes:
        access = self.access
        command = [self._program, f"--endpoints={access.url}", f"--command-timeout={timeout_s}s"]
        command += [f"--dial-timeout={access.timeout_s}s", "--write-out=json"]
        for flag, file in (("cacert", access.ca_file), ("cert", access.cert_file), ("key", access.key_file)):
            command += [f"--{flag}={file}"] if file else []
        # A profile's own ETCDCTL_ variables would contradict these flags, which etcdctl takes as an error.
        environment = {name: text for name, text in os.environ.items() if not name.startswith("ETCDCTL_")}
        done = subprocess.run(
            [*command, *arguments],
            env={**environment, "ETCDCTL_API": "3"},
            input=value or b"",
            capture_output=True,
            timeout=timeout_s + 2 * access.timeout_s + 5,
            check=False,
        )
        if done.returncode:
            raise _error(access.url, done.stderr.decode("utf-8", "replace"))
        return done.stdout


def _arguments(service: str, body: Json) -> tuple[list[str], bytes | None]:
    if service == "maintenance/status":
        return ["endpoint", "status"], None
    if service == "maintenance/defragment":
        return ["defrag"], None
    if service == "maintenance/alarm" and body.get("action") == "GET":
        return ["alarm", "list"], None
    if service == "cluster/member/list":
        return ["member", "list"], None
    if service == "lease/grant":
        return ["lease", "grant", str(body["TTL"])], None
    if service == "lease/timetolive":
        return ["lease", "timetolive", f"{int(body['ID']):x}"], None
    if service == "kv/txn":
        return ["txn"], _transaction(body)
    if service == "kv/range":
        return _range(body), None
    if service == "kv/put":
        lease = [f"--lease={int(body['lease']):x}"] if body.get("lease") else []
        return ["put", *lease, "--", _text(body["key"])], base64.b64decode(body["value"])
    raise TuningError(f"etcdctl has no {service} here.")


def _range(body: Json) -> list[str]:
    key, end = base64.b64decode(body["key"]), base64.b64decode(body.get("range_end") or "")
    arguments = ["get", f"--consistency={'s' if body.get('serializable') else 'l'}"]
    for flag, name in (("limit", "limit"), ("rev", "revision")):
        arguments += [f"--{flag}={body[name]}"] if body.get(name) else []
    # count_only came with 3.5's etcdctl; without values a listing is the nearest that all have.
    arguments += ["--keys-only"] if body.get("keys_only") or body.get("count_only") else []
    arguments += ["--limit=1"] if body.get("count_only") else []
    if end == b"\0":
        # No argument can hold a zero byte; the empty key stands for the first of all.
        return [*arguments, "--from-key", "--", "" if key == b"\0" else _text(body["key"])]
    return [*arguments, "--", _text(body["key"]), *([_text(body["range_end"])] if end else [])]


def _transaction(body: Json) -> bytes:
    """Return what etcdctl reads on its input: keys that must not have changed, and leases that are put on them."""
    lines = [f'mod({_quoted(each["key"])}) = "{int(each["mod_revision"])}"' for each in body["compare"]]
    lines.append("")
    for put in (each["request_put"] for each in body["success"]):
        lines.append(f"put --ignore-value --lease={int(put['lease']):x} -- {_quoted(put['key'])}")
    return os.fsencode("\n".join([*lines, "", "", ""]))


def _quoted(encoded: str) -> str:
    return json.dumps(_text(encoded), ensure_ascii=False)


def _text(encoded: str) -> str:
    return os.fsdecode(base64.b64decode(encoded))


def _error(url: str, said: str) -> TuningError:
    lines = [line for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "etcdctl failed and said nothing"
    with contextlib.suppress(ValueError, AttributeError):
        last = str(json.loads(last).get("error") or last)
    message = last.replace("Error: ", "", 1)
    if any(words in message for words in _SILENT):
        return Unreachable(f"{url} does not answer: {message}.")
    return V3Error(f"{url}: {message}.", None)
