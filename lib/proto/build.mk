test_grpc.deps := nghttp2
fuzz_grpc.deps := nghttp2
test_oci.deps := jansson
fuzz_oci.deps := jansson
test_ttrpc.deps := protobuf-c
fuzz_ttrpc.deps := protobuf-c
test_policy.deps := jansson
fuzz_policy.deps := jansson
