test_confine.deps := cap
