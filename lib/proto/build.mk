test_grpc.deps := nghttp2
fuzz_grpc.deps := nghttp2
