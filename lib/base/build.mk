test_sha256.srcs :=
