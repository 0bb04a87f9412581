# tidegate: every target installs what it needs from Debian's packages first, is safe to repeat, and says what it does.
#
#   make run     the main job, live: a demo service that sleeps until a request comes (README.md has the request)
#   make build   the release binary, build/tidegate
#   make test    every check and every test
#   make bench   the measurements of docs/performance.md
#   make lint    formatting, and clang-tidy of everything, the tests included;  make format  puts the formatting right
#   make clean   removes build/

JOBS ?= $(shell nproc)
.DEFAULT_GOAL := build
.PHONY: help packages build run test bench lint format clean

help:
	@sed -n 's/^#   //p' Makefile

packages:
	@tools/packages

build: packages
	@echo "== building the release binary"
	@cmake --preset release >build/configure-release.log 2>&1 || { cat build/configure-release.log; exit 1; }
	@ninja -C build/release -j $(JOBS) --quiet tidegate
	@cmp -s build/release/src/tidegate build/tidegate || install -m 755 build/release/src/tidegate build/tidegate
	@echo "== build/tidegate is there"

run: build
	@echo "== tidegate run -c examples/demo.yaml (Ctrl-C ends it); in another terminal:"
	@echo "==   curl http://127.0.0.1:8000/"
	@echo "==   curl http://127.0.0.1:8080/api/stats"
	@exec build/tidegate run -c examples/demo.yaml

test: build
	@tools/test

bench: build
	@cmake --build build/release -j $(JOBS) --target bench_tools
	@bench/run

lint: packages
	@tools/format --check
	@cmake --preset asan >/dev/null
	@ninja -C build/asan -j $(JOBS) layers tidy tidy_tests

format:
	@tools/format

clean:
	rm -rf build
