# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's own API on loopback, over an SQLite file: run with the Python that has nova.

    nova_api.py PORT DIRECTORY

Nobody has to log in (nova's noauth2, the token is admin:admin), and what it would send to other services goes nowhere.
Flavors need neither: they live in the API's database alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from wsgiref.simple_server import make_server

import nova.conf
from nova import config, objects, rpc
from nova.db import migration
from paste import deploy

port, directory = int(sys.argv[1]), Path(sys.argv[2])
(directory / "policy.yaml").write_text(
    '"os_compute_api:os-flavor-manage:create": "@"\n'
    + "".join(
        f'"os_compute_api:os-flavor-extra-specs:{verb}": "@"\n' for verb in ("index", "create", "update", "delete")
    )
)
(directory / "nova.conf").write_text(f"""\
[DEFAULT]
transport_url = fake://
my_ip = 127.0.0.1
host = lab
state_path = {directory}
[api]
auth_strategy = noauth2
[database]
connection = sqlite:///{directory}/nova.sqlite
[api_database]
connection = sqlite:///{directory}/nova_api.sqlite
[oslo_policy]
policy_file = {directory}/policy.yaml
policy_dirs = {directory}/none
""")
config.parse_args(["nova-api", "--config-file", str(directory / "nova.conf")])
migration.db_sync(database="api")
migration.db_sync(database="main")
objects.register_all()
rpc.init(nova.conf.CONF)
application = deploy.loadapp("config:/usr/share/nova-common/api-paste.ini", name="osapi_compute")
make_server("127.0.0.1", port, application).serve_forever()
