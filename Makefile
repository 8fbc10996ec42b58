# Every target works on a fresh clone with Go and make. What needs root and Debian packages says so (tests/needs).
COMMANDS := $(patsubst %/main.go,%,$(wildcard */main.go))
PAGES    := $(patsubst man/%.md,bin/man/%,$(wildcard man/*.[0-9].md))
GOFLAGS  := -trimpath
export CGO_ENABLED := 0

all: build man

build:
	go build $(GOFLAGS) -ldflags "-s -w" -o bin/ $(addprefix ./,$(COMMANDS)) ./debootstrap/fetch

man: $(PAGES)

bin/man/%: man/%.md
	@mkdir -p bin/man
	go tool go-md2man -in $< -out $@

# A test that fails is run once more: some measure time, and the machine may be busy. Both runs are shown.
GOTEST = go tool gotestsum --format pkgname --rerun-fails=1 --rerun-fails-max-failures=8

# The race detector makes tests several times slower: it watches what starts goroutines or shares something with them. All else
# runs without.
RACE = $$(git grep -lE '^\s*go (func|[a-z.]+\()|\.Go\(|remote\.Each|"sync' -- 'lib/*.go' | xargs -n1 dirname | sort -u | sed 's|^|gantry/|')

# The quick checks: no root, no network, no lab.
check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	CGO_ENABLED=1 $(GOTEST) --packages "$(RACE)" -- -race -timeout 40m
	$(GOTEST) --packages "$$(go list ./... | grep -vxF "$(RACE)")" -- -timeout 40m

# Everything: the quick checks and what runs in the lab, two packages at a time: they wait more than they compute.
LABTESTS = ./debootstrap/... ./lib/backup ./lib/bridge ./lib/kvm ./lib/osdef $$(go list ./tests/... | grep -v -e /htools -e /tests/vm)
test: check all needs
	GANTRY_LAB=1 $(GOTEST) --packages "$(LABTESTS)" -- -p 2 -count=1 -timeout 60m
	$(MAKE) test-vm

# What needs virtual machines: LVM, DRBD, VLANs, Open vSwitch. Builds their image if there is none yet.
test-vm: all needs
	GANTRY_LAB=1 $(GOTEST) --packages "./tests/vmlab ./tests/vm/..." -- -p 1 -count=1 -timeout 60m

# Kills runners at every point, cuts networks, starts nodes anew; the short form of it is part of test.
test-faults: all needs
	GANTRY_LAB=1 GANTRY_FAULTS=all go test -count=1 -v -timeout 4h -p 1 ./debootstrap ./tests/faults ./tests/load ./tests/vm/...

needs:
	tests/needs

lint:
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.6.2 run ./...

lab: all needs
	go run ./tests/lab/cmd/lab playground

# The same as virtual machines.
vmlab: all needs
	go run ./tests/vmlab/cmd/vmlab playground

demo: all needs
	go run ./tests/demo

bench: all needs
	go run ./tests/bench

install: all
	install -d $(DESTDIR)/usr/sbin $(DESTDIR)/usr/bin $(DESTDIR)/usr/lib/ganeti $(DESTDIR)/usr/share/man/man7 $(DESTDIR)/usr/share/man/man8
	for c in $(COMMANDS); do case $$c in h*) d=bin;; *) d=sbin;; esac; install -m 755 bin/$$c $(DESTDIR)/usr/$$d/; done
	install -d $(DESTDIR)/usr/lib/ganeti/iallocators
	ln -sf ../../../bin/hail $(DESTDIR)/usr/lib/ganeti/iallocators/hail
	install -m 755 bin/fetch $(DESTDIR)/usr/lib/ganeti/debootstrap-fetch
	for p in bin/man/*; do install -m 644 $$p $(DESTDIR)/usr/share/man/man$${p##*.}/; done
	$(MAKE) -C debootstrap install DESTDIR=$(abspath $(DESTDIR))
	install -D -m 644 packaging/completion.bash $(DESTDIR)/usr/share/bash-completion/completions/ganeti
	install -D -m 644 packaging/ganeti.cron $(DESTDIR)/etc/cron.d/ganeti
	install -D -m 644 packaging/ganeti-boot.service $(DESTDIR)/usr/lib/systemd/system/ganeti-boot.service

clean:
	rm -rf bin

.PHONY: all build man check test test-vm test-faults needs lint lab vmlab demo bench install clean
