/* The tables of LinuxKit's YAML. */
#include "fields.h"

#include "cleanup.h"

#define INT64  .type = FIELD_INT, .min = INT64_MIN, .max = INT64_MAX
#define BYTES  INT64, .flags = FIELD_BYTES
#define UINT64 .type = FIELD_INT, .max = UINT64_MAX
#define UINT32 .type = FIELD_INT, .max = UINT32_MAX
#define UINT16 .type = FIELD_INT, .max = UINT16_MAX
/* of fields without effect: LinuxKit checks no range there */
#define ANYINT .type = FIELD_INT, .min = INT64_MIN, .max = UINT64_MAX
#define ALWAYS (FIELD_YAML_ALWAYS | FIELD_JSON_ALWAYS)
#define RECORD(id, label, count)                                                          \
	const struct record id##_record = { label, id##_fields, array_len(id##_fields) }; \
	static_assert(array_len(id##_fields) == (count), "every number has its field")

#include <assert.h>

static const struct field id_mapping_fields[] = {
	{ "containerID", ANYINT, .flags = FIELD_DROPPED | ALWAYS, .yaml = "containerid",
	  .help = "First id in the container." },
	{ "hostID", ANYINT, .flags = FIELD_DROPPED | ALWAYS, .yaml = "hostid", .help = "First id outside." },
	{ "size", UINT32, .flags = ALWAYS, .help = "Number of ids.", .example = "65536" },
};
const struct record id_mapping_record = { "idmapping", id_mapping_fields, array_len(id_mapping_fields) };

static const struct field mount_fields[] = {
	[MOUNT_DESTINATION] = { "destination", FIELD_STRING, ALWAYS, .example = "/data",
				.help = "Where it is mounted in the container; has a default for proc, devpts, sysfs, "
					"cgroup and mqueue." },
	[MOUNT_TYPE] = { "type", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "bind",
			 .help = "File system type, or bind." },
	[MOUNT_SOURCE] = { "source", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "/var/data",
			   .help = "Device, directory or, for a bind, the name of a volume; the type by default." },
	[MOUNT_OPTIONS] = { "options", FIELD_STRINGS, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "[rw, bind]",
			    .help = "Mount options." },
	[MOUNT_UID_MAPPINGS] = { "uidmappings", FIELD_RECORDS, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, &id_mapping_record,
				 .json = "uidMappings", .help = "Ids of an idmapped mount." },
	[MOUNT_GID_MAPPINGS] = { "gidmappings", FIELD_RECORDS, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, &id_mapping_record,
				 .json = "gidMappings", .help = "Group ids of an idmapped mount." },
};
RECORD(mount, "mount", MOUNT_COUNT);

static const struct field device_fields[] = {
	[DEVICE_PATH] = { "path", FIELD_STRING, ALWAYS, .example = "/dev/console",
			  .help = "Device node in the container, or \"all\" to allow every device of the type." },
	[DEVICE_TYPE] = { "type", FIELD_STRING, ALWAYS, .example = "c",
			  .help = "b (block), c or u (character), p (fifo)." },
	[DEVICE_MAJOR] = { "major", INT64, .flags = ALWAYS, .example = "5", .help = "Major number." },
	[DEVICE_MINOR] = { "minor", INT64, .flags = ALWAYS, .example = "1", .help = "Minor number." },
	[DEVICE_MODE] = { "mode", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "\"0666\"",
			  .help = "Permissions, octal digits in quotes; needed unless path is all." },
};
RECORD(device, "device", DEVICE_COUNT);

/* --- resources ------------------------------------------------------------------------------------------------ */

static const struct field device_cgroup_fields[] = {
	{ "allow", FIELD_BOOL, ALWAYS, .example = "false", .help = "Allow or deny." },
	{ "type", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "c", .help = "a, b or c." },
	{ "major", INT64, .example = "1", .help = "Major number, all when left out." },
	{ "minor", INT64, .example = "3", .help = "Minor number, all when left out." },
	{ "access", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "rwm",
	  .help = "Any of r (read), w (write), m (mknod)." },
};
static const struct record device_cgroup_record = { "devicecgroup", device_cgroup_fields,
						    array_len(device_cgroup_fields) };

static const struct field memory_fields[] = {
	{ "limit", BYTES, .example = "100M", .help = "Memory, in bytes or as a size (100M)." },
	{ "reservation", BYTES, .example = "50M", .help = "Memory kept under pressure, in bytes or as a size." },
	{ "swap", BYTES, .example = "-1", .help = "Memory and swap together, in bytes or as a size." },
	{ "kernel", BYTES, .help = "Bytes of kernel memory (cgroup 1)." },
	{ "kernelTCP", ANYINT, .flags = FIELD_DROPPED, .help = "No effect." },
	{ "swappiness", UINT64, .example = "10", .help = "0 to 100 (cgroup 1)." },
	{ "disableOOMKiller", FIELD_BOOL, FIELD_DROPPED, .help = "No effect." },
};
static const struct record memory_record = { "memory", memory_fields, array_len(memory_fields) };

static const struct field cpu_fields[] = {
	{ "shares", UINT64, .example = "512", .help = "Relative weight." },
	{ "quota", INT64, .example = "50000", .help = "Microseconds per period." },
	{ "period", UINT64, .example = "100000", .help = "Microseconds." },
	{ "realtimeRuntime", ANYINT, .flags = FIELD_DROPPED, .help = "No effect." },
	{ "realtimePeriod", ANYINT, .flags = FIELD_DROPPED, .help = "No effect." },
	{ "cpus", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "\"0-3,7\"",
	  .help = "CPUs to run on." },
	{ "mems", FIELD_STRING, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, .example = "\"0\"",
	  .help = "Memory nodes to use." },
};
static const struct record cpu_record = { "cpu", cpu_fields, array_len(cpu_fields) };

static const struct field pids_fields[] = {
	{ "limit", INT64, .flags = ALWAYS, .example = "64", .help = "Number of processes and threads." },
};
static const struct record pids_record = { "pids", pids_fields, array_len(pids_fields) };

static const struct field weight_device_fields[] = {
	{ "major", ANYINT, .help = "No effect." },
	{ "minor", ANYINT, .help = "No effect." },
	{ "weight", ANYINT, .help = "No effect." },
	{ "leafWeight", ANYINT, .help = "No effect." },
};
static const struct record weight_device_record = { "weightdevice", weight_device_fields,
						    array_len(weight_device_fields) };

static const struct field throttle_device_fields[] = {
	{ "major", ANYINT, .help = "No effect." },
	{ "minor", ANYINT, .help = "No effect." },
	{ "rate", ANYINT, .help = "No effect." },
};
static const struct record throttle_device_record = { "throttledevice", throttle_device_fields,
						      array_len(throttle_device_fields) };

#define DROPPED_LIST (FIELD_DROPPED | FIELD_YAML_ALWAYS)
static const struct field blockio_fields[] = {
	{ "weight", UINT16, .example = "300", .help = "Relative weight, 10 to 1000." },
	{ "leafWeight", ANYINT, .flags = FIELD_DROPPED, .help = "No effect." },
	{ "weightDevice", FIELD_RECORDS, DROPPED_LIST, &weight_device_record, .yaml = "weightdevice",
	  .help = "No effect." },
	{ "throttleReadBpsDevice", FIELD_RECORDS, DROPPED_LIST, &throttle_device_record,
	  .yaml = "throttlereadbpsdevice", .help = "No effect." },
	{ "throttleWriteBpsDevice", FIELD_RECORDS, DROPPED_LIST, &throttle_device_record,
	  .yaml = "throttlewritebpsdevice", .help = "No effect." },
	{ "throttleReadIOPSDevice", FIELD_RECORDS, DROPPED_LIST, &throttle_device_record,
	  .yaml = "throttlereadiopsdevice", .help = "No effect." },
	{ "throttleWriteIOPSDevice", FIELD_RECORDS, DROPPED_LIST, &throttle_device_record,
	  .yaml = "throttlewriteiopsdevice", .help = "No effect." },
};
static const struct record blockio_record = { "blockio", blockio_fields, array_len(blockio_fields) };

static const struct field hugepage_limit_fields[] = {
	{ "pageSize", ANYINT, .help = "No effect." },
	{ "limit", ANYINT, .help = "No effect." },
};
static const struct record hugepage_limit_record = { "hugepagelimit", hugepage_limit_fields,
						     array_len(hugepage_limit_fields) };

static const struct field interface_priority_fields[] = {
	{ "name", FIELD_STRING, ALWAYS, .example = "eth0", .help = "Network interface." },
	{ "priority", UINT32, .flags = ALWAYS, .example = "5", .help = "Priority of what the container sends." },
};
static const struct record interface_priority_record = { "interfacepriority", interface_priority_fields,
							 array_len(interface_priority_fields) };

static const struct field network_fields[] = {
	{ "classID", ANYINT, .flags = FIELD_DROPPED, .help = "No effect." },
	{ "priorities", FIELD_RECORDS, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, &interface_priority_record,
	  .help = "Priorities of interfaces (cgroup 1)." },
};
static const struct record network_record = { "network", network_fields, array_len(network_fields) };

static const struct field resources_fields[] = {
	[RESOURCES_DEVICES] = { "devices", FIELD_RECORDS, FIELD_YAML_ALWAYS | FIELD_OMIT_EMPTY, &device_cgroup_record,
				.example = "[{allow: false, access: rwm}]", .help = "Access to devices, in order." },
	[RESOURCES_MEMORY] = { "memory", FIELD_RECORD, 0, &memory_record, .help = "Memory limits." },
	[RESOURCES_CPU] = { "cpu", FIELD_RECORD, 0, &cpu_record, .help = "CPU time and placement." },
	[RESOURCES_PIDS] = { "pids", FIELD_RECORD, 0, &pids_record, .help = "Number of processes." },
	[RESOURCES_BLOCKIO] = { "blockio", FIELD_RECORD, 0, &blockio_record, .json = "blockIO",
				.help = "Block devices." },
	[RESOURCES_HUGEPAGE_LIMITS] = { "hugepageLimits", FIELD_RECORDS, DROPPED_LIST, &hugepage_limit_record,
					.yaml = "hugepagelimits", .help = "No effect." },
	[RESOURCES_NETWORK] = { "network", FIELD_RECORD, 0, &network_record, .help = "Network priorities (cgroup 1)." },
};
RECORD(resources, "resources", RESOURCES_COUNT);

/* --- runtime --------------------------------------------------------------------------------------------------- */

static const struct field interface_fields[] = {
	{ "name", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "eth1",
	  .help = "Interface that is moved into the container, or created when add is set." },
	{ "add", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "wireguard", .help = "Type of link to create." },
	{ "peer", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "veth0-host", .help = "Other end of a veth pair." },
	{ "createInRoot", FIELD_BOOL, ALWAYS, .example = "true",
	  .help = "Create it in the root namespace, then move it." },
};
const struct record interface_record = { "interface", interface_fields, array_len(interface_fields) };

static const struct field bind_ns_fields[] = {
	[BIND_NS_CGROUP] = { "cgroup", FIELD_STRING, .example = "/run/cgroupns/x", .help = "Cgroup namespace." },
	[BIND_NS_IPC] = { "ipc", FIELD_STRING, .example = "/run/ipcns/x", .help = "IPC namespace." },
	[BIND_NS_MNT] = { "mnt", FIELD_STRING, .example = "/run/mntns/x", .help = "Mount namespace." },
	[BIND_NS_NET] = { "net", FIELD_STRING, .example = "/run/netns/x", .help = "Network namespace." },
	[BIND_NS_PID] = { "pid", FIELD_STRING, .example = "/run/pidns/x", .help = "PID namespace." },
	[BIND_NS_USER] = { "user", FIELD_STRING, .example = "/run/userns/x", .help = "User namespace." },
	[BIND_NS_UTS] = { "uts", FIELD_STRING, .example = "/run/utsns/x", .help = "UTS namespace." },
};
RECORD(bind_ns, "namespaces", BIND_NS_COUNT);

static const struct field runtime_fields[] = {
	[RUNTIME_CGROUPS] = { "cgroups", FIELD_STRINGS, 0, .example = "[system]",
			      .help = "Cgroups made before the container starts." },
	[RUNTIME_MOUNTS] = { "mounts", FIELD_RECORDS, 0, &mount_record,
			     .help = "Mounts made outside, before the start." },
	[RUNTIME_MKDIR] = { "mkdir", FIELD_STRINGS, 0, .example = "[/var/lib/x]",
			    .help = "Directories made outside, before the start." },
	[RUNTIME_INTERFACES] = { "interfaces", FIELD_RECORDS, 0, &interface_record,
				 .help = "Network interfaces moved into or created in the container." },
	[RUNTIME_BIND_NS] = { "bindNS", FIELD_RECORD, FIELD_OMIT_EMPTY | FIELD_JSON_ALWAYS, &bind_ns_record,
			      .help = "Files that the container's namespaces are bound to." },
	[RUNTIME_NAMESPACE] = { "namespace", FIELD_STRING, 0, .example = "other",
				.help = "containerd namespace of a service." },
};
RECORD(runtime, "runtime", RUNTIME_COUNT);

/* --- containers ------------------------------------------------------------------------------------------------- */

static const struct field container_fields[] = {
	[CONTAINER_NAME] = { "name", FIELD_STRING, FIELD_REQUIRED | ALWAYS, .example = "web",
			     .help = "Name of the container; unique among services." },
	[CONTAINER_IMAGE] = { "image", FIELD_STRING, FIELD_REQUIRED | ALWAYS, .example = "docker.io/library/nginx:1.27",
			      .help = "OCI image, or \"@pkg:DIRECTORY\"." },
	[CONTAINER_CAPABILITIES] = { "capabilities", FIELD_STRINGS, 0, .example = "[CAP_NET_BIND_SERVICE]",
				     .help = "Capabilities, or all, or none." },
	[CONTAINER_CAPABILITIES_ADD] = { "capabilities.add", FIELD_STRINGS, 0, .example = "[CAP_SYS_TIME]",
					 .help = "Capabilities added to those of the image's label." },
	[CONTAINER_AMBIENT] = { "ambient", FIELD_STRINGS, 0, .example = "[CAP_NET_RAW]",
				.help = "Ambient capabilities, or all, or none." },
	[CONTAINER_MOUNTS] = { "mounts", FIELD_RECORDS, 0, &mount_record, .help = "Mounts in the container." },
	[CONTAINER_BINDS] = { "binds", FIELD_STRINGS, 0, .example = "[\"/etc/x:/etc/x:ro\"]",
			      .help = "Bind mounts, SOURCE:DESTINATION[:OPTIONS]; the source may be a volume." },
	[CONTAINER_BINDS_ADD] = { "binds.add", FIELD_STRINGS, 0, .example = "[\"/etc/x:/etc/x:ro\"]",
				  .help = "Bind mounts added to those of the image's label." },
	[CONTAINER_DEVICES] = { "devices", FIELD_RECORDS, 0, &device_record,
				.help = "Device nodes made in the container." },
	[CONTAINER_TMPFS] = { "tmpfs", FIELD_STRINGS, 0, .example = "[\"/tmp:size=10m,mode=1777\"]",
			      .help = "tmpfs mounts, DESTINATION[:OPTIONS]." },
	[CONTAINER_COMMAND] = { "command", FIELD_STRINGS, 0, .example = "[\"/bin/server\", \"-v\"]",
				.help = "Program and arguments; the image's entrypoint and command by default." },
	[CONTAINER_ENV] = { "env", FIELD_STRINGS, 0, .example = "[\"KEY=value\"]",
			    .help = "Environment; the image's by default." },
	[CONTAINER_CWD] = { "cwd", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "/srv",
			    .help = "Working directory; the image's by default." },
	[CONTAINER_NET] = { "net", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "new",
			    .help = "Network namespace: host (default), new, none, or a path." },
	[CONTAINER_PID] = { "pid", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "host",
			    .help = "PID namespace: new (default), host, or a path." },
	[CONTAINER_IPC] = { "ipc", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "new",
			    .help = "IPC namespace: host (default), new, or a path." },
	[CONTAINER_UTS] = { "uts", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "new",
			    .help = "UTS namespace: host (default), new, or a path." },
	[CONTAINER_USERNS] = { "userns", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "new",
			       .help = "User namespace: host (default), new, or a path." },
	[CONTAINER_HOSTNAME] = { "hostname", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "web1",
				 .help = "Host name in a new UTS namespace." },
	[CONTAINER_READONLY] = { "readonly", FIELD_BOOL, 0, .example = "true", .help = "Read-only root file system." },
	[CONTAINER_MASKED_PATHS] = { "maskedPaths", FIELD_STRINGS, 0, .example = "[/proc/kcore]",
				     .help = "Hidden paths." },
	[CONTAINER_READONLY_PATHS] = { "readonlyPaths", FIELD_STRINGS, 0, .example = "[/proc/sys]",
				       .help = "Paths made read-only." },
	[CONTAINER_UID] = { "uid", FIELD_ID, 0, .example = "1000",
			    .help = "User: a number, or the name of a container." },
	[CONTAINER_GID] = { "gid", FIELD_ID, 0, .example = "1000",
			    .help = "Group: a number, or the name of a container." },
	[CONTAINER_ADDITIONAL_GIDS] = { "additionalGids", FIELD_IDS, 0, .example = "[10, 20]",
					.help = "Further groups." },
	[CONTAINER_NO_NEW_PRIVILEGES] = { "noNewPrivileges", FIELD_BOOL, 0, .example = "true",
					  .help = "setuid and file capabilities have no effect." },
	[CONTAINER_OOM_SCORE_ADJ] = { "oomScoreAdj", INT64, .example = "-900", .help = "-1000 to 1000." },
	[CONTAINER_ROOTFS_PROPAGATION] = { "rootfsPropagation", FIELD_STRING, 0, .example = "shared",
					   .help = "Mount propagation of the root: shared, slave, private, "
						   "unbindable." },
	[CONTAINER_CGROUPS_PATH] = { "cgroupsPath", FIELD_STRING, 0, .example = "/web", .help = "Path of the cgroup." },
	[CONTAINER_RESOURCES] = { "resources", FIELD_RECORD, 0, &resources_record, .help = "Resource limits." },
	[CONTAINER_SYSCTL] = { "sysctl", FIELD_TEXTS, 0, .example = "{net.ipv4.ip_forward: \"1\"}",
			       .help = "Kernel parameters of the container's namespaces." },
	[CONTAINER_RLIMITS] = { "rlimits", FIELD_STRINGS, 0, .example = "[\"nofile,1024,4096\"]",
				.help = "Limits, NAME,SOFT,HARD." },
	[CONTAINER_UID_MAPPINGS] = { "uidMappings", FIELD_RECORDS, 0, &id_mapping_record,
				     .help = "Ids of a new user namespace." },
	[CONTAINER_GID_MAPPINGS] = { "gidMappings", FIELD_RECORDS, 0, &id_mapping_record,
				     .help = "Group ids of a new user namespace." },
	[CONTAINER_ANNOTATIONS] = { "annotations", FIELD_TEXTS, 0, .example = "{org.pith.restart: always}",
				    .help = "OCI annotations; org.pith.* say how the container is run." },
	[CONTAINER_RUNTIME] = { "runtime", FIELD_RECORD, 0, &runtime_record,
				.help = "What is done outside the container when it starts." },
};
/* Docker's compose files have these. */
static const struct key_elsewhere container_elsewhere[] = {
	{ "ports", "ports are published when the machine is run: `pith run --publish 8080:80`" },
	{ "expose", "ports are published when the machine is run: `pith run --publish 8080:80`" },
	{ "volumes", "`binds` gives a container a directory of the machine, or a volume of the top level by its name" },
	{ "environment", "`env` is a list of NAME=VALUE" },
	{ "entrypoint", "`command` is the whole command line, the program included" },
	{ "restart", "the annotation org.pith.restart says when a service is restarted" },
	{ "depends_on", "the annotation org.pith.after names the services that must be ready first" },
	{ "healthcheck", "the annotation org.pith.ready says when a service is ready" },
	{ "stop_signal", "the annotation org.pith.stop-signal has it" },
	{ "stop_grace_period", "the annotation org.pith.stop-timeout has it" },
	{ "privileged", "`capabilities: [all]` and `devices` give a container rights" },
	{ "cap_add", "`capabilities` lists all that a container has" },
	{ "mem_limit", "`resources: {memory: {limit: 64M}}` limits memory" },
	{ "working_dir", "`cwd` is the working directory" },
	{ "user", "`uid` and `gid` are the user, or the annotation org.pith.user: image" },
	{ "build", "`image: \"@pkg:DIRECTORY\"` is built from a package" },
	{ "network_mode", "`net` is the network namespace: host, none, new or a path" },
	{ NULL, NULL },
};

const struct record container_record = { "image", container_fields, array_len(container_fields),
					 .elsewhere = container_elsewhere };
static_assert(array_len(container_fields) == CONTAINER_COUNT, "every number has its field");

const struct record label_record = { "label", container_fields, CONTAINER_COUNT, .partial = true };

/* --- the file ----------------------------------------------------------------------------------------------------- */

static const struct field kernel_fields[] = {
	[KERNEL_IMAGE] = { "image", FIELD_STRING, ALWAYS, .example = "pith/kernel:latest",
			   .help = "Image with the kernel." },
	[KERNEL_CMDLINE] = { "cmdline", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "console=ttyS0",
			     .help = "Kernel command line." },
	[KERNEL_BINARY] = { "binary", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "kernel",
			    .help = "Kernel file in the image; \"kernel\" by default." },
	[KERNEL_TAR] = { "tar", FIELD_STRING, 0, .example = "kernel.tar",
			 .help = "Archive in the image that is unpacked into the root; \"kernel.tar\" by default, "
				 "\"none\" for none." },
	[KERNEL_UCODE] = { "ucode", FIELD_STRING, 0, .example = "intel-ucode.cpio",
			   .help = "Microcode archive in the image, put in front of the initrd." },
};
RECORD(kernel, "kernel", KERNEL_COUNT);

static const struct field file_fields[] = {
	[FILE_PATH] = { "path", FIELD_STRING, ALWAYS, .example = "etc/motd", .help = "Path in the image." },
	[FILE_DIRECTORY] = { "directory", FIELD_BOOL, ALWAYS, .example = "true", .help = "Make a directory." },
	[FILE_SYMLINK] = { "symlink", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "/run/x",
			   .help = "Make a symbolic link to this target." },
	[FILE_CONTENTS] = { "contents", FIELD_STRING, 0, .example = "\"hello\\n\"", .help = "Content of the file." },
	[FILE_SOURCE] = { "source", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "./motd",
			  .help = "File to copy; relative to the working directory, ~/ is the home directory." },
	[FILE_METADATA] = { "metadata", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "yaml",
			    .help = "The whole merged configuration, as yaml or json." },
	[FILE_OPTIONAL] = { "optional", FIELD_BOOL, ALWAYS, .example = "true", .help = "Leave out a missing source." },
	[FILE_MODE] = { "mode", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "\"0644\"",
			.help = "Permissions, octal digits in quotes; 0600, directories 0700 by default." },
	[FILE_UID] = { "uid", FIELD_ID, 0, .example = "0", .help = "Owner: a number, or the name of a container." },
	[FILE_GID] = { "gid", FIELD_ID, 0, .example = "0", .help = "Group: a number, or the name of a container." },
};
RECORD(file, "file", FILE_COUNT);

static const char *const volume_formats[] = { "oci", "filesystem", NULL };
static const struct field volume_fields[] = {
	[VOLUME_NAME] = { "name", FIELD_STRING, ALWAYS, .example = "data", .help = "Name, of a-z, 0-9, - and _." },
	[VOLUME_IMAGE] = { "image", FIELD_STRING, FIELD_OMIT_EMPTY, .example = "docker.io/library/busybox:1",
			   .help = "Image with the content; empty by default." },
	[VOLUME_READONLY] = { "readonly", FIELD_BOOL, FIELD_OMIT_EMPTY, .example = "true",
			      .help = "Containers may only mount it read-only." },
	[VOLUME_FORMAT] = { "format", FIELD_CHOICE, FIELD_OMIT_EMPTY, .choices = volume_formats, .example = "oci",
			    .help = "filesystem (default), or oci: an image layout." },
	[VOLUME_PLATFORMS] = { "platforms", FIELD_STRINGS, FIELD_OMIT_EMPTY, .example = "[linux/arm64]",
			       .help = "Platforms that a volume of format oci holds; all by default." },
};
RECORD(volume, "volume", VOLUME_COUNT);

static const struct field trust_fields[] = {
	{ "image", FIELD_STRINGS, 0, .help = "No effect." },
	{ "org", FIELD_STRINGS, 0, .help = "No effect." },
};
static const struct record trust_record = { "trust", trust_fields, array_len(trust_fields) };

static const struct field config_fields[] = {
	[CONFIG_KERNEL] = { "kernel", FIELD_RECORD, 0, &kernel_record, .help = "The kernel." },
	[CONFIG_INIT] = { "init", FIELD_STRINGS, 0, .example = "[pith/init:latest, pith/runc:latest]",
			  .help = "Images unpacked over each other into the root." },
	[CONFIG_ONBOOT] = { "onboot", FIELD_RECORDS, 0, &container_record,
			    .help = "Containers run one after another at boot." },
	[CONFIG_ONSHUTDOWN] = { "onshutdown", FIELD_RECORDS, 0, &container_record,
				.help = "Containers run one after another at shutdown." },
	[CONFIG_SERVICES] = { "services", FIELD_RECORDS, 0, &container_record,
			      .help = "Containers that keep running." },
	[CONFIG_FILES] = { "files", FIELD_RECORDS, 0, &file_record, .help = "Files added to the root." },
	[CONFIG_VOLUMES] = { "volumes", FIELD_RECORDS, 0, &volume_record, .help = "Directories shared by containers." },
	[CONFIG_TRUST] = { "trust", FIELD_RECORD, FIELD_IGNORED, &trust_record, .help = "Obsolete, without effect." },
};
RECORD(config, "config", CONFIG_COUNT);
