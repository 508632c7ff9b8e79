# Everything made here lies in VIRTSCALE_CACHE; the checkout holds sources and artifacts/ only.
export VIRTSCALE_CACHE ?= /var/cache/virtscale
VENV := $(VIRTSCALE_CACHE)/venv
export PATH := $(VENV)/bin:$(PATH)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg

.DEFAULT_GOAL := help
.PHONY: help setup lab-up lab-down lab-reset openstack-up openstack-down site verify rollback report

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup:  ## Install Ansible and the tools into the cache
	@lab/bootstrap

lab-up: setup  ## Build and start the embedded lab (again: continue)
	@ansible-playbook -i localhost, lab/up.yml

lab-down: setup  ## Stop the lab: no process, namespace or mount is left
	@ansible-playbook -i localhost, lab/down.yml

lab-reset: setup  ## Stop the lab and remove its files: the next lab-up begins anew
	@ansible-playbook -i localhost, lab/down.yml -e lab_down_forget=true

openstack-up: setup  ## Start the lab's compute host, and the virtual machine beside it
	@ansible-playbook -i localhost, lab/up.yml --tags lab_compute

openstack-down: setup  ## Stop them; their disks are as new the next time
	@ansible-playbook -i localhost, lab/openstack_down.yml

site: lab-up  ## The main job: lab up, tune everything, report
	@ansible-playbook site.yml

verify: setup  ## Audit the lab: every value of site against what is effective now
	@ansible-playbook playbooks/verify.yml

rollback: setup  ## Give back what site changed on the lab
	@ansible-playbook playbooks/rollback.yml

report: setup  ## Draw the report of the newest run again
	@ansible-playbook playbooks/report.yml

include tests/tests.mk
