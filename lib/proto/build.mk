test_grpc.deps := nghttp2
fuzz_grpc.deps := nghttp2
test_ttrpc.deps := protobuf-c
fuzz_ttrpc.deps := protobuf-c
