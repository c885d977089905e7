# what a machine's image is made of: packages and files, as SPDX and CycloneDX
host/sbom.sees := host/stream host/tree
sbom.srcs := $(wildcard host/sbom/*.c)
pith.srcs += $(sbom.srcs)
pith.deps += crypto
sbom-parsers := $(addprefix host/sbom/,dpkg.c apk.c stanza.c os_release.c rpm_header.c rpm_ndb.c rpm_sqlite.c)
sbom-licences := $(addprefix host/sbom/,licence.c licence_names.c copyright.c stanza.c)
# recursive: what the tree needs is said in a later fragment
test_sbom.srcs = $(sbom.srcs) $(images.srcs)
test_sbom.deps = $(images.deps)
fuzz_packages.srcs := $(sbom-parsers)
fuzz_licence.srcs := $(sbom-licences)
