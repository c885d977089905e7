# bytes in and out: streams, sinks, compression, output files
host/stream.sees := host/progress
stream.srcs := $(addprefix host/stream/,stream.c unzip.c sink.c zip.c gzip.c zstd.c guard.c outfile.c outlock.c toollog.c tool.c) $(progress.srcs)
pith.srcs += $(stream.srcs)
pith.deps += crypto z zstd

test_stream.srcs := $(stream.srcs)
test_stream.deps := crypto z zstd
