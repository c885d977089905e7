/* The shim's parsers: URIs, configurations, options, states of libcontainer, control groups, start parameters,
 * runtimes' messages, mount options of overlays. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootstrap.pb-c.h"
#include "bundle.h"
#include "cgroups.h"
#include "command.h"
#include "exit_record.h"
#include "idmap.h"
#include "io.h"
#include "job.h"
#include "libcontainer.h"
#include "mountformat.h"
#include "oom.h"
#include "pod.h"
#include "pod_sandbox.pb-c.h"
#include "rootfs.h"
#include "runc_options.pb-c.h"
#include "str.h"
#include "tap.h"
#include "uri.h"

static void test_uri(void)
{
	static const struct {
		const char *text;
		int scheme; /* -1: refused */
		const char *path, *args;
	} rows[] = {
		{ "/run/fifo", URI_PATH, "/run/fifo", NULL },
		{ "/a?b%20c", URI_PATH, "/a?b%20c", NULL },
		{ "/odd://name", URI_PATH, "/odd://name", NULL },
		{ "fifo:///run/f", URI_PATH, "/run/f", NULL },
		{ "file:///var/log/a%20b", URI_FILE, "/var/log/a b", NULL },
		{ "binary:///bin/log?id=1&name=a+b%26c", URI_BINARY, "/bin/log", "id|1|name|a b&c" },
		{ "binary:///bin/log?flag&&x=#frag", URI_BINARY, "/bin/log", "flag||x|#frag" },
		{ "binary-v2:///bin/log", URI_BINARY_V2, "/bin/log", NULL },
		{ "http://host/x", -1, NULL, NULL },
		{ "file://relative", -1, NULL, NULL },
		{ "relative", -1, NULL, NULL },
		{ "", -1, NULL, NULL },
		{ "file:///a%0", -1, NULL, NULL },
		{ "file:///a%zz", -1, NULL, NULL },
		{ "file:///a%00b", -1, NULL, NULL },
		{ "binary:///b?k=%", -1, NULL, NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_uri_ struct uri u = { 0 };
		_cleanup_error_ struct error e = { 0 };
		int r = uri_parse(rows[i].text, &u, &e);
		_cleanup_free_ char *args = u.args ? strv_join(u.args, "|") : NULL;

		if (rows[i].scheme < 0) {
			ok(r < 0 && e.msg && !u.path, "\"%s\" is refused: %s", rows[i].text, error_text(&e));
			continue;
		}
		ok(r == 0 && (int)u.scheme == rows[i].scheme && u.path && str_eq(u.path, rows[i].path), "%s",
		   rows[i].text);
		ok_str(args, rows[i].args, "its arguments");
	}
}

static void test_config(void)
{
	static const struct {
		const char *json;
		bool own_pid, hooks;
		const char *group, *cgroup;
	} rows[] = {
		{ "{}", false, false, NULL, NULL },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"pid\"}],\"cgroupsPath\":\"/a/b\"}}",
		  true, false, NULL, "/a/b" },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"/proc/1/ns/pid\"}]}}", false, false, NULL,
		  NULL },
		{ "{\"linux\":{\"namespaces\":[{\"type\":\"pid\",\"path\":\"\"}]}}", true, false, NULL, NULL },
		{ "{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"k\",\"io.containerd.runc.v2.group\":\"g\"}}",
		  false, false, "g", NULL },
		{ "{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"k\"}}", false, false, "k", NULL },
		{ "{\"hooks\":{\"prestart\":[{\"path\":\"/x\"}]}}", false, false, NULL, NULL },
		{ "{\"hooks\":{\"poststop\":[{\"path\":\"/x\"}]}}", false, true, NULL, NULL },
		{ "{\"hooks\":{\"poststart\":[]},\"linux\":null,\"annotations\":[1]}", false, false, NULL, NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_bundle_config_ struct bundle_config c = { 0 };

		ok(bundle_config_parse(rows[i].json, strlen(rows[i].json), &c, NULL) == 0 &&
			   c.own_pid_namespace == rows[i].own_pid && c.hooks == rows[i].hooks,
		   "%s", rows[i].json);
		ok_str(c.group, rows[i].group, "its group");
		ok_str(c.cgroups_path, rows[i].cgroup, "its control group");
	}
	for (size_t i = 0; i < 3; i++) {
		static const char *const bad[] = { "", "[]", "{\"a\":" };
		struct bundle_config c;

		ok(bundle_config_parse(bad[i], strlen(bad[i]), &c, NULL) < 0, "no configuration: %s", bad[i]);
	}
}

static void test_options(void)
{
	Containerd__Runc__V1__Options o = CONTAINERD__RUNC__V1__OPTIONS__INIT;
	_cleanup_bundle_options_ struct bundle_options given = { 0 }, loaded = { 0 }, none = { 0 }, junk = { 0 };
	char dir[] = "/tmp/pith-options.XXXXXX";
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	uint8_t packed[256];

	o.binary_name = (char *)"/opt/\"odd\"/runc";
	o.root = (char *)"/run/some/root";
	o.systemd_cgroup = true;
	o.io_uid = 1000;
	any.type_url = (char *)"containerd.runc.v1.Options";
	any.value = (ProtobufCBinaryData){ .data = packed, .len = containerd__runc__v1__options__pack(&o, packed) };
	ok(bundle_options_read(&any, "ns", &given, NULL, NULL) == 0 && str_eq(given.root, "/run/some/root/ns") &&
		   given.systemd_cgroup && given.io_uid == 1000,
	   "options of a request");
	ok(mkdtemp(dir) && bundle_options_save(dir, &given, NULL) == 0 &&
		   bundle_options_load(dir, "ns", &loaded, NULL) == 0,
	   "are kept and read again");
	ok_str(loaded.binary, given.binary, "the runtime");
	ok_str(loaded.root, given.root, "its root");
	ok(loaded.systemd_cgroup, "systemd's control groups");
	ok(bundle_options_load("/nonexistent", "ns", &none, NULL) == 0 && str_eq(none.binary, "runc") &&
		   str_eq(none.root, "/run/containerd/runc/ns"),
	   "without the files: the defaults");
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\xff\xff", .len = 2 };
	ok(bundle_options_read(&any, "ns", &junk, NULL, NULL) < 0, "junk is refused");
	ok(dir_remove(dir, NULL) == 0, "the folder goes");
}

static void test_state(void)
{
#define STATE(pid, config, more) "{\"init_process_pid\":" pid ",\"config\":{" config "}" more "}"
#define GROUPS                   "\"cgroups\":{\"Systemd\":false,\"Rootless\":false}"
#define PATHS                    ",\"cgroup_paths\":{\"\":\"/sys/fs/cgroup/unified/a/b\",\"pids\":\"/sys/fs/cgroup/pids/a/b\"}"
	static const struct {
		const char *json, *what;
		int pid; /* 0: not a state */
		bool private, hooks, managed;
	} rows[] = {
		{ STATE("77", "\"namespaces\":[{\"type\":\"NEWPID\",\"path\":\"\"}]," GROUPS, PATHS), "a container", 77,
		  true, false, false },
		{ STATE("77", "\"namespaces\":[{\"type\":\"NEWPID\",\"path\":\"/x\"}]," GROUPS, PATHS),
		  "a joined PID namespace", 77, false, false, false },
		{ STATE("77", "\"namespaces\":null," GROUPS, PATHS), "the host's", 77, false, false, false },
		{ STATE("77", GROUPS ",\"Hooks\":{\"poststop\":[{\"path\":\"/x\"}]}", PATHS), "hooks", 77, false, true,
		  false },
		{ STATE("77", GROUPS ",\"Hooks\":{\"poststop\":null,\"poststart\":[]}", PATHS), "no hooks", 77, false,
		  false, false },
		{ STATE("77", "\"cgroups\":{\"Systemd\":true}", PATHS), "systemd", 77, false, false, true },
		{ STATE("77", "\"cgroups\":{\"systemd\":true}", PATHS), "systemd, as newer ones write it", 77, false,
		  false, true },
		{ STATE("77", GROUPS, PATHS ",\"intel_rdt_path\":\"/sys/fs/resctrl/x\""), "resctrl", 77, false, false,
		  true },
		{ STATE("77", GROUPS, PATHS ",\"rootless\":true"), "rootless", 77, false, false, true },
		{ STATE("77", GROUPS, ",\"cgroup_paths\":{\"pids\":\"/sys/fs/cgroup/pids/../../etc\"}"),
		  "a path that leaves", 77, false, false, true },
		{ STATE("77", GROUPS, ",\"cgroup_paths\":{\"pids\":\"/etc/x\"}"), "a path elsewhere", 77, false, false,
		  true },
		{ STATE("77", GROUPS, ",\"cgroup_paths\":{\"pids\":\"/sys/fs/cgroup/\"}"), "the root", 77, false, false,
		  true },
		{ STATE("77", GROUPS, ""), "no paths", 77, false, false, true },
		{ STATE("1", GROUPS, PATHS), "PID 1", 0, false, false, false },
		{ STATE("-5", GROUPS, PATHS), "a negative PID", 0, false, false, false },
		{ STATE("77", "", PATHS), "no configuration of groups", 0, false, false, false },
		{ "{\"pid\":77,\"bundle\":\"/x\"}", "crun's", 0, false, false, false },
		{ "[]", "a list", 0, false, false, false },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_libcontainer_state_ struct libcontainer_state s = { 0 };
		int r = libcontainer_state_parse(rows[i].json, strlen(rows[i].json), &s, NULL);

		ok(rows[i].pid ? r == 0 && s.pid == rows[i].pid && s.private_pids == rows[i].private &&
				   s.hooks == rows[i].hooks && s.managed == rows[i].managed
			       : r < 0,
		   "%s", rows[i].what);
	}
}

static void test_cgroups(void)
{
	_cleanup_cgroups_ struct cgroups one = { 0 }, two = { 0 }, root = { 0 }, same = { 0 };

	ok(cgroups_parse("7:cpu,cpuacct:/a/b\n3:name=systemd:/a\n1:pids:/\n0::/x\nbad line\n2:memory:/../up\n", false,
			 &one, NULL) == 0,
	   "version 1");
	ok_str(cgroups_dir(&one, "cpuacct"), "/sys/fs/cgroup/cpuacct/a/b", "a controller mounted with another");
	ok_str(cgroups_dir(&one, "systemd"), "/sys/fs/cgroup/systemd/a", "a named one");
	ok_str(cgroups_dir(&one, "pids"), "/sys/fs/cgroup/pids", "a root");
	ok(!cgroups_dir(&one, "memory") && !cgroups_dir(&one, "unified") && !cgroups_dir(&one, ""),
	   "none of what leads elsewhere");
	ok(cgroups_parse("0::/a/b\n", true, &two, NULL) == 0, "version 2");
	ok_str(cgroups_dir(&two, "memory"), "/sys/fs/cgroup/a/b", "any controller is in the one directory");
	cgroups_parse("0::/\n", true, &root, NULL);
	cgroups_parse("0::/a/b/c\n", true, &same, NULL);
	ok(cgroups_apart(&two, &root), "a group below ours is the container's own");
	ok(!cgroups_apart(&root, &two) && !cgroups_apart(&two, &two) && !cgroups_apart(&two, &same),
	   "ours, or one above, is not");
	ok(!cgroups_path_is_safe("/sys/fs/cgroup/") && !cgroups_path_is_safe("/sys/fs/cgroup") &&
		   !cgroups_path_is_safe("/sys/fs/cgroup/a/../b") && !cgroups_path_is_safe("/sys/fs/cgroup/a/..") &&
		   !cgroups_path_is_safe("/etc") && cgroups_path_is_safe("/sys/fs/cgroup/a/b"),
	   "paths that may be removed");
}

static void test_start_params(void)
{
	Containerd__Runtime__Bootstrap__V1__BootstrapParams b =
		CONTAINERD__RUNTIME__BOOTSTRAP__V1__BOOTSTRAP_PARAMS__INIT;
	Containerd__Runtime__Bootstrap__V1__Extension extension = CONTAINERD__RUNTIME__BOOTSTRAP__V1__EXTENSION__INIT;
	Containerd__Runtime__Bootstrap__V1__Extension *extensions[] = { &extension };
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct start_params p;
	uint8_t packed[512], options[256];
	size_t n, m;

	any.type_url = (char *)"containerd.runc.v1.Options";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\x32\x04runc", .len = 6 };
	extension.value = &any;
	b.instance_id = (char *)"one";
	b.namespace_ = (char *)"ns";
	b.log_level = -8;
	b.socket_dir = (char *)"/s";
	b.n_extensions = 1;
	b.extensions = extensions;
	n = containerd__runtime__bootstrap__v1__bootstrap_params__pack(&b, packed);
	m = google__protobuf__any__pack(&any, options);
	ok(start_params_parse(packed, n, "one", "ns", &p, NULL) == 0 && p.bootstrap && p.debug && p.options &&
		   str_eq(p.socket_dir, "/s"),
	   "bootstrap parameters");
	start_params_clear(&p);
	ok(start_params_parse(packed, n, NULL, NULL, &p, NULL) == 0 && p.bootstrap && str_eq(p.id, "one") &&
		   str_eq(p.namespace, "ns"),
	   "without flags beside them");
	start_params_clear(&p);
	ok(start_params_parse(packed, n, "other", "ns", &p, NULL) == 0 && !p.bootstrap && str_eq(p.id, "other"),
	   "for somebody else they are none");
	start_params_clear(&p);
	ok(start_params_parse(options, m, "one", "ns", &p, NULL) == 0 && !p.bootstrap && p.options, "options");
	start_params_clear(&p);
	ok(start_params_parse("", 0, "one", "ns", &p, NULL) == 0 && !p.bootstrap && !p.options, "nothing");
	start_params_clear(&p);
	ok(start_params_parse("\xff\xff\xff", 3, "one", "ns", &p, NULL) < 0, "junk");
	start_params_clear(&p);
}

static void test_message(void)
{
	static const struct {
		const char *said, *message;
	} rows[] = {
		{ "", NULL },
		{ "\n \n", NULL },
		{ "plain\n", "plain" },
		{ "first\nsecond", "second" },
		{ "{\"level\":\"error\",\"msg\":\" reason \"}\nlater text\n", "reason" },
		{ "{\"level\":\"error\",\"msg\":\"one\"}\n{\"level\":\"error\",\"msg\":\"two\"}\n{\"level\":\"info\","
		  "\"msg\":\"three\"}\n",
		  "two" },
		{ "{\"level\":\"warning\",\"msg\":\"w\"}\n", NULL },
		{ "{\"level\":\"error\"}\n{broken\n", "{broken" },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *m = job_message(rows[i].said, strlen(rows[i].said));

		ok(m && rows[i].message ? str_eq(m, rows[i].message) : !m && !rows[i].message,
		   "what output %zu gives as the reason: %s", i, m ? m : "nothing");
	}
}

static void test_compact(void)
{
	char *options[] = { (char *)"index=off", (char *)"upperdir=/s/9/fs", (char *)"workdir=/s/9/work",
			    (char *)"lowerdir=/var/s/12/fs:/var/s/13/fs:/var/s/1/fs", NULL };
	char *apart[] = { (char *)"lowerdir=/a/fs:/b/fs", NULL },
	     *escaped[] = { (char *)"lowerdir=/a/b\\:c:/a/d", NULL };
	_cleanup_strv_ char **shorter = NULL, **none = NULL;
	_cleanup_free_ char *dir = NULL, *no_dir = NULL;

	ok(rootfs_compact(options, &dir, &shorter, NULL) == 0 && shorter, "paths with something in common");
	ok_str(dir, "/var/s/", "that");
	ok_str(shorter ? shorter[3] : NULL, "lowerdir=12/fs:13/fs:1/fs", "and what is left");
	ok_str(shorter ? shorter[1] : NULL, "upperdir=/s/9/fs", "others stay");
	ok(rootfs_compact(apart, &no_dir, &none, NULL) == 0 && !no_dir, "nothing in common");
	ok(rootfs_compact(escaped, &no_dir, &none, NULL) == 0 && !no_dir, "escaped colons are left alone");
}

static void test_mount_values(void)
{
	const struct mount_made made[] = { { (char *)"/dev/sda", (char *)"", (char *)"/p/0" },
					   { (char *)"b", (char *)"t", (char *)"/p/1" },
					   { (char *)"c", (char *)"", (char *)"/p/2" } };
	static const struct {
		const char *text, *result; /* NULL: refused */
	} rows[] = {
		{ "", "" },
		{ "plain } {", "plain } {" },
		{ "{{ mount 0 }}/upper", "/p/0/upper" },
		{ "{{mount 2}}:{{ source 0 }}:{{\ttarget 1 }}", "/p/2:/dev/sda:t" },
		{ "lowerdir={{ overlay 0 2 }}", "lowerdir=/p/0:/p/1:/p/2" },
		{ "{{ overlay 2 1 }}", "/p/2:/p/1" },
		{ "{{ overlay 1 1 }}", "/p/1" },
		{ "{{ mount 3 }}", NULL },
		{ "{{ mount -1 }}", NULL },
		{ "{{ mount }}", NULL },
		{ "{{ mount 99999999999999999999 }}", NULL },
		{ "{{ mount 0", NULL },
		{ "{{ mount 0 }", NULL },
		{ "{{ mounts 0 }}", NULL },
		{ "{{", NULL },
		{ "{{ overlay 0 }}", NULL },
		{ "{{ overlay 0 3 }}", NULL },
		{ "{{ mount 0 1 }}", NULL },
	};
	char dir[] = "/tmp/pith-mkdir.XXXXXX";
	_cleanup_free_ char *wanted = NULL, *below = NULL;
	struct stat st;

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_free_ char *text = mount_format(rows[i].text, made, array_len(made), NULL);

		if (rows[i].result)
			ok(text && str_eq(text, rows[i].result), "value, row %zu", i);
		else
			ok(!text, "no value, row %zu", i);
	}
	ok(mount_mkdir("lowerdir=/x", NULL) == 0, "another option");
	ok(mount_mkdir("X-containerd.mkdir.size=1", NULL) < 0, "an unknown one");
	ok(mount_mkdir("X-containerd.mkdir.path=relative", NULL) < 0, "a relative path");
	ok(mount_mkdir("X-containerd.mkdir.path=/tmp/../x", NULL) < 0, "a path that leads up");
	ok(mount_mkdir("X-containerd.mkdir.path=/tmp/x:8", NULL) < 0, "a mode that is no octal number");
	ok(mount_mkdir("X-containerd.mkdir.path=/tmp/x:0755:1", NULL) < 0, "half an owner");
	wanted = mkdtemp(dir) ? str_format("X-containerd.mkdir.path=%s/d:0751", dir) : NULL;
	below = str_format("%s/d", dir);
	ok(wanted && mount_mkdir(wanted, NULL) == 1 && stat(below, &st) == 0 && (st.st_mode & 07777) == 0751,
	   "a directory");
	ok(wanted && mount_mkdir(wanted, NULL) == 1, "one that is there");
	rmdir(below);
	rmdir(dir);
}

static void test_mapped_owners(void)
{
	static const struct {
		const char *mapping, *file; /* NULL: refused */
	} rows[] = {
		{ "0:100000:65536", "0 100000 65536\n" },
		{ "0:1000:1,1:100000:65535", "0 1000 1\n1 100000 65535\n" },
		{ "4294967294:0:1", "4294967294 0 1\n" },
		{ "4294967295:0:1", NULL },
		{ "0:0:4294967295", "0 0 4294967295\n" },
		{ "0:1:4294967295", NULL },
		{ "0:4294967296:1", NULL },
		{ "0:99999999999999999999999:1", NULL },
		{ "0:0:0", NULL },
		{ "", NULL },
		{ "0:0", NULL },
		{ "0:0:1:", NULL },
		{ "0:0:1,", NULL },
		{ ",0:0:1", NULL },
		{ "-1:0:1", NULL },
		{ "0: 0:1", NULL },
		{ "0:0:1\n5 5 5", NULL },
	};
	_cleanup_buf_ struct buf many = { 0 }, out = { 0 };

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_buf_ struct buf file = { 0 };
		int r = idmap_format(rows[i].mapping, &file, NULL);

		ok(rows[i].file ? r == 0 && str_eq(buf_text(&file), rows[i].file) : r < 0, "mapping, row %zu: %s", i,
		   rows[i].mapping);
	}
	for (int i = 0; i < IDMAP_RANGES; i++)
		buf_addf(&many, "%s%d:%d:1", i ? "," : "", i, i);
	ok(idmap_format(buf_text(&many), &out, NULL) == 0, "as many ranges as the kernel takes");
	buf_addstr(&many, ",999:999:1");
	ok(idmap_format(buf_text(&many), &out, NULL) < 0, "one more");
}

static void test_pod(void)
{
	Runtime__V1__PodSandboxConfig c = RUNTIME__V1__POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__LinuxPodSandboxConfig l = RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__INIT;
	Runtime__V1__LinuxSandboxSecurityContext s = RUNTIME__V1__LINUX_SANDBOX_SECURITY_CONTEXT__INIT;
	Runtime__V1__NamespaceOption n = RUNTIME__V1__NAMESPACE_OPTION__INIT;
	Runtime__V1__UserNamespace u = RUNTIME__V1__USER_NAMESPACE__INIT;
	Runtime__V1__IDMapping range = RUNTIME__V1__IDMAPPING__INIT, *ranges[] = { &range, &range };
	Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry sysctl =
		RUNTIME__V1__LINUX_POD_SANDBOX_CONFIG__SYSCTLS_ENTRY__INIT;
	Runtime__V1__LinuxPodSandboxConfig__SysctlsEntry *sysctls[] = { &sysctl };
	static const struct {
		const char *name;
		bool host_network, own;
	} rows[] = {
		{ "net.ipv4.ip_forward", false, true },
		{ "net.ipv4.ip_forward", true, false },
		{ "kernel.shm_rmid_forced", true, true },
		{ "kernel.msgmax", true, true },
		{ "kernel.sem", true, true },
		{ "fs.mqueue.msg_max", true, true },
		{ "kernel.domainname", true, true },
		{ "kernel.panic", false, false },
		{ "vm.swappiness", false, false },
		{ "", false, false },
		{ "fs.file-max", false, false },
	};
	Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
	struct pod p;
	uint8_t packed[512];

#define READ(host_network)                                                                 \
	(any.value.len = runtime__v1__pod_sandbox_config__pack(&c, packed), pod_clear(&p), \
	 pod_read(&any, (host_network), &p, NULL))
	p = (struct pod){ 0 };
	any.type_url = (char *)"runtime.v1.PodSandboxConfig";
	any.value.data = packed;
	ok(READ(false) == 0 && !p.hostname && !p.uids && !p.sysctls && !p.host_pid && !p.host_ipc && !p.host_uts,
	   "a pod of which nothing is said");
	c.hostname = (char *)"a.b";
	c.linux_config = &l;
	l.security_context = &s;
	s.namespace_options = &n;
	n.userns_options = &u;
	n.pid = RUNTIME__V1__NAMESPACE_MODE__NODE;
	range.host_id = 100000;
	range.length = 65536;
	u.uids = u.gids = ranges;
	u.n_uids = u.n_gids = 1;
	ok(READ(false) == 0 && p.hostname && str_eq(p.hostname, "a.b") && p.host_pid && !p.host_ipc, "a pod");
	ok_str(p.uids, "0:100000:65536", "its users");
	n.network = RUNTIME__V1__NAMESPACE_MODE__NODE;
	ok(READ(true) == 0 && p.host_uts && !p.hostname, "with the host's network goes the host's name");
	u.n_uids = 2;
	ok(READ(true) == 0 && str_eq(p.uids, "0:100000:65536,0:100000:65536"), "ranges are the kernel's to judge");
	u.n_uids = 0;
	ok(READ(true) < 0, "a user namespace without ranges");
	u.mode = RUNTIME__V1__NAMESPACE_MODE__CONTAINER;
	ok(READ(true) < 0, "a container's user namespace");
	u.mode = RUNTIME__V1__NAMESPACE_MODE__NODE;
	ok(READ(true) == 0 && !p.uids, "the host's users");
	n.network = RUNTIME__V1__NAMESPACE_MODE__POD;
	l.sysctls = sysctls;
	l.n_sysctls = 1;
	for (size_t i = 0; i < array_len(rows); i++) {
		sysctl.key = (char *)rows[i].name;
		sysctl.value = (char *)"1";
		ok((READ(rows[i].host_network) == 0) == rows[i].own, "sysctl \"%s\"", rows[i].name);
	}
	sysctl.key = (char *)"net.../../x";
	ok(READ(false) == 0 && !strstr(p.sysctls[0], ".."), "a name that would lead up does not");
	any.type_url = (char *)"something.Else";
	ok(READ(false) == 0 && !p.hostname, "another message says nothing");
	any.type_url = (char *)"runtime.v1.PodSandboxConfig";
	any.value = (ProtobufCBinaryData){ .data = (uint8_t *)"\xff\xff", .len = 2 };
	ok(pod_read(&any, false, &p, NULL) < 0, "junk is refused");
	c.hostname = (char *)"0123456789012345678901234567890123456789012345678901234567890123x";
	l.n_sysctls = 0;
	any.value.data = packed;
	ok(READ(false) < 0, "a name that is too long");
#undef READ
}

static void test_small(void)
{
	ok(oom_kills_parse("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3, "version 1's count of kills");
	ok(oom_kills_parse("low 0\nhigh 0\nmax 9\noom 1\noom_kill 12\noom_group_kill 0\n") == 12, "version 2's");
	ok(oom_kills_parse("oom_kill \n") == -1 && oom_kills_parse("") == -1 && oom_kills_parse("x oom_kill 3") == -1,
	   "none");
}

static void test_exit_record(void)
{
	static const struct {
		const char *text;
		int pid; /* 0: refused */
		unsigned status;
		time_t seconds;
		long nanoseconds;
	} rows[] = {
		{ "{\"Timestamp\":\"2026-11-30T05:27:01.5Z\",\"Pid\":12,\"Status\":3}", 12, 3, 1796016421, 500000000 },
		{ "{\"Pid\":12,\"Status\":255,\"Timestamp\":\"2026-11-30T07:27:01.123456789+02:00\",\"ID\":\"x\"}", 12,
		  255, 1796016421, 123456789 },
		{ "{\"Pid\":12,\"Status\":0,\"Timestamp\":\"2026-11-29T23:57:01-05:30\"}", 12, 0, 1796016421, 0 },
		{ "{\"Pid\":12,\"Status\":256,\"Timestamp\":\"2026-11-30T05:27:01Z\"}", 0 },
		{ "{\"Pid\":0,\"Status\":1,\"Timestamp\":\"2026-11-30T05:27:01Z\"}", 0 },
		{ "{\"Pid\":12,\"Timestamp\":\"2026-11-30T05:27:01Z\"}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timestamp\":\"2026-11-30 05:27:01Z\"}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timestamp\":\"2026-11-30T05:27:01\"}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timestamp\":\"2026-13-30T05:27:01Z\"}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timestamp\":\"2026-11-30T05:27:01.Z\"}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timestamp\":1796016421}", 0 },
		{ "{\"Pid\":12,\"Status\":1,\"Timest", 0 },
		{ "", 0 },
	};
	char dir[] = "/tmp/pith-end.XXXXXX";
	const struct exit_record end = { .pid = 77, .status = 9, .at = { 1796016421, 7 } };
	struct exit_record r = { 0 };
	_cleanup_free_ char *file = mkdtemp(dir) ? str_format("%s/" EXIT_RECORD_FILE, dir) : NULL;
	_cleanup_error_ struct error e = { 0 };

	for (size_t i = 0; i < array_len(rows); i++) {
		int got = exit_record_parse(rows[i].text, strlen(rows[i].text), &r, NULL);

		ok(rows[i].pid ? got == 0 && r.pid == rows[i].pid && r.status == rows[i].status &&
				   r.at.tv_sec == rows[i].seconds && r.at.tv_nsec == rows[i].nanoseconds
			       : got < 0,
		   "end of a process, row %zu", i);
	}
	ok(exit_record_load(dir, &r, &e) < 0 && e.code == ENOENT, "no record");
	ok(exit_record_save(dir, &end, NULL) == 0 && exit_record_load(dir, &r, NULL) == 0 && r.pid == 77 &&
		   r.status == 9 && r.at.tv_sec == end.at.tv_sec && r.at.tv_nsec == 7,
	   "what was saved is loaded");
	exit_record_forget(dir);
	ok(file && access(file, F_OK) < 0 && rmdir(dir) == 0, "forgotten: nothing is left");
}

int main(void)
{
	test_exit_record();
	test_uri();
	test_config();
	test_options();
	test_state();
	test_cgroups();
	test_start_params();
	test_message();
	test_compact();
	test_mount_values();
	test_mapped_owners();
	test_pod();
	test_small();
	return tap_done();
}
