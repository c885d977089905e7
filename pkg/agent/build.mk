# The agent in the guest: what the host's pith exec and its like talk to.
guest-programs += pith-agent
pkg/agent.sees :=
pith-agent.srcs := $(wildcard pkg/agent/*.c)
pith-agent.layers := base cli sys bundle proto
test_agent.srcs := pkg/agent/user.c pkg/agent/claims.c
fuzz_agent.srcs := $(test_agent.srcs)
test_ports.srcs := pkg/agent/keeper.c pkg/agent/claims.c
