# What `make test` runs, and what it leaves out because it takes long.
.PHONY: test unit static lint sanity artifact molecule integration rollout-test fleet-test openstack-test bench full-scale kill-test upgrade-test etcd-test

# One after the other: all of them use every core, and the last two share the lab.
.NOTPARALLEL:

test: unit static lint sanity artifact lab-reset integration molecule  ## Every test; makes the lab anew for the last two

unit: setup  ## Unit tests (no lab)
	@echo "== unit tests"
	@pytest tests/unit -n auto --dist loadfile

static: setup  ## Types and style of the Python code
	@echo "== types and style"
	@ruff check .
	@ruff format --check --quiet .
	@mypy plugins/module_utils plugins/plugin_utils plugins/action

lint: setup  ## ansible-lint (production), yamllint, documentation
	@echo "== lint"
	@yamllint --strict .
	@ansible-lint --profile production --offline -q
	@antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=dependent .

sanity: setup  ## ansible-test sanity, without ignores
	@echo "== sanity"
	@tests/sanity

artifact: setup  ## Build the collection, import and install it
	@echo "== artifact"
	@tests/artifact

molecule: lab-up  ## Each role by itself on the lab
	@echo "== molecule"
	@molecule test --all --exclude etcd_migrate --exclude ocp_kubelet --exclude openstack_pci --report

integration: lab-up  ## The playbooks, modules and gates on the lab
	@echo "== integration"
	@pytest tests/integration -m "not long" --durations=10

rollout-test: lab-up  ## A rollout watched and disturbed: pauses, kills, API restarts (not part of `make test`)
	@pytest tests/integration/openshift --durations=10
	@molecule test --scenario-name ocp_kubelet

upgrade-test: setup  ## Both upgrades on a small cluster of their own, disturbed (not part of `make test`)
	@pytest tests/integration/upgrade --durations=10

fleet-test: lab-up  ## Fleets deployed and stormed, killed ten times, the API restarted (not part of `make test`)
	@pytest tests/integration/fleet --durations=10

openstack-test: setup  ## NVMe devices for virtual machines: real kernels, grub and nova (not part of `make test`)
	@ansible-playbook -i localhost, lab/up.yml --tags lab_compute -e lab_compute_nova=true
	@pytest tests/integration/openstack --durations=10
	@molecule test --scenario-name openstack_pci

etcd-test: lab-up  ## A migration of etcd refused for each reason, killed in each step, forward and back (not part of `make test`)
	@pytest tests/integration/etcd --durations=10
	@molecule test --scenario-name etcd_migrate

bench: lab-up  ## Benchmarks (not part of `make test`)
	@tests/bench/run

full-scale: lab-up  ## 3,000 virtual machines and 21,400 pods on the lab (not part of `make test`)
	@tests/bench/full_scale

kill-test: lab-up  ## site killed at ten random moments (not part of `make test`)
	@tests/integration/site/kill_series
