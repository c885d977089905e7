# Tests, lint, fuzzing.

.PHONY: test test-run test-long lint rooms format fuzz bench
# As in run.mk, what the set-up brings comes before a make that asks for it. The tests boot the tuned kernel, which is
# compiled once a machine; KERNEL=debian boots the distribution's, and passes over what only the tuned one can do.
test: KERNEL := $(or $(KERNEL),tuned)
test:  ## install what is lacking, build everything, run every test (T="NAME...": those with NAME in their name)
	$(remake) KERNEL=$(KERNEL) all unit-tests asan-programs images
	@$(MAKE) --no-print-directory KERNEL=$(KERNEL) test-run
test-run:
	tests/run $(T)
test-long: KERNEL := $(or $(KERNEL),tuned)
test-long:  ## those that take minutes each: a Docker engine in a machine, verified roots
	$(remake) KERNEL=$(KERNEL) all images
	tests/run --long $(T)

.PHONY: unit-tests asan-programs
unit-tests: $(addprefix $(B)/tests/,$(unit-tests))

# What another architecture can show here: a machine under emulation, and, where `make ARCH=... unit-tests` has built
# them, the unit tests by QEMU's user emulation.
.PHONY: test-arm64 foreign-test-run
test-arm64:  ## build for arm64, and boot a machine of it under emulation
	@mk/setup && mk/setup cross-arm64
	@$(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc)) ARCH=arm64 all images
	@$(MAKE) --no-print-directory ARCH=arm64 foreign-test-run
foreign-test-run:
	PITH_TEST_ARCH=$(arch) EMULATOR="$(emulator)" tests/run $(T)

# Lint, sanitizers and fuzzing install what they lack as well, and go on in a make that finds it.
.PHONY: lint-run lint-form lint-cppcheck lint-house lint-shell fuzz-run asan asan-run
remake = @mk/setup && $(MAKE) --no-print-directory $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
lint:  ## clang-format, cppcheck, layering, rooms, shellcheck
	$(remake) lint-run
asan:  ## everything with sanitizers; runs the unit tests
	$(remake) asan-run
fuzz:  ## each fuzz target for FUZZ_SECONDS (10), from its corpus
	$(remake) fuzz-run

c-files = $(shell git ls-files '*.c' '*.h')
lint-run: lint-form lint-cppcheck lint-house lint-shell
lint-form:
	@case "$$(clang-format --version)" in \
	*version\ 14.*) clang-format --dry-run -Werror $(c-files) ;; \
	*) echo "lint: the form is that of clang-format 14 (Debian 12), and is not checked here" >&2 ;; esac
lint-cppcheck:
	@cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --error-exitcode=1 --suppressions-list=mk/cppcheck.txt \
		-j 2 --max-configs=4 -D__linux__ -D__x86_64__ $(filter %.c,$(c-files))
# The programs are built: what calls what is read from their objects.
lint-house: all
	@mk/check-layers
	@mk/check-opens
	@mk/rooms check
	@mk/rooms picture
	@mk/check-house dashes words checks circles
lint-shell:
	@shellcheck $$(git grep -lE '^#!/bin/(ba)?sh' -- ':!*.bats')
rooms:  ## draw docs/rooms.svg, the picture of the rooms, anew
	mk/rooms svg >docs/rooms.svg
format:  ## put all C sources into the project's form
	clang-format -i $(c-files)

FUZZ_SECONDS ?= 10
# as many at a time as make's -j says
fuzz-run: $(addprefix run-,$(fuzzers))
.PHONY: $(addprefix run-,$(fuzzers))
$(addprefix run-,$(fuzzers)): run-%: $(B)/fuzz/%
	@echo "# $*"; mkdir -p $(B)/fuzz-corpus/$*; seeds=tests/fuzz/corpus/$(*:fuzz_%=%); [ -d $$seeds ] || seeds=; \
	$(B)/fuzz/$* -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -print_final_stats=0 -verbosity=0 \
		-artifact_prefix=$(B)/fuzz/ $(B)/fuzz-corpus/$* $$seeds

bench: all images  ## every claim's measurement
	@set -e; for b in $$(find bench -maxdepth 1 -type f -perm -u+x | sort); do echo "# $$b"; $$b; done
