# One program for everything that /usr/bin/service is called as.
guest-programs += service
service.srcs := services/main.c $(onboot.srcs)
service.layers := base sys proto
service.deps := jansson
