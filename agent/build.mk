# The agent in the guest: what the host's pith exec and its like talk to.
guest-programs += pith-agent
pith-agent.srcs := $(wildcard agent/*.c)
pith-agent.layers := base sys proto
test_agent.srcs := agent/user.c
fuzz_agent.srcs := agent/user.c
