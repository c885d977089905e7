/* What dockerd gets as its settings: the user's, and where those and the command line say nothing, the machine's. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

#include "str.h"
#include "tap.h"

static const char all[] = "{\n"
			  "    \"hosts\": [\n"
			  "        \"unix:///run/docker.sock\",\n"
			  "        \"unix:///run/dockerd/docker.sock\"\n"
			  "    ],\n"
			  "    \"containerd\": \"/run/containerd/containerd.sock\",\n"
			  "    \"storage-driver\": \"overlay2\",\n"
			  "    \"pidfile\": \"/run/dockerd/docker.pid\",\n"
			  "    \"cgroup-parent\": \"/moby\",\n"
			  "    \"userland-proxy-path\": \"/proxy\"\n"
			  "}";

static char *merge(const char *text, char *const *words, struct error *err)
{
	struct buf out = { 0 };

	if (settings_merge(text, text ? strlen(text) : 0, words, "/proxy", &out, err) == 0)
		return buf_steal_text(&out);
	buf_free(&out);
	return NULL;
}

static void merged(const char *text, char *const *words, const char *want, const char *what)
{
	struct error err = { 0 };
	char *got = merge(text, words, &err);

	ok_str(got ? got : error_text(&err), want, what);
	free(got);
	error_clear(&err);
}

static void has(const char *text, char *const *words, const char *want, const char *lacks, const char *what)
{
	struct error err = { 0 };
	char *got = merge(text, words, &err);

	ok(got && strstr(got, want) && (!lacks || !strstr(got, lacks)), "%s", what);
	free(got);
	error_clear(&err);
}

static void refused(const char *text, const char *want)
{
	struct error err = { 0 };
	char *got = merge(text, NULL, &err);

	ok(!got && strstr(error_text(&err), want), "refused: %s: %s", text, error_text(&err));
	free(got);
	error_clear(&err);
}

static void words_are(char *const *words, const char *want, const char *what)
{
	_cleanup_strv_ char **argv = NULL;
	_cleanup_error_ struct error err = { 0 };
	_cleanup_free_ char *got = settings_words(words, &argv, &err) == 0 && argv ? strv_join(argv, " ") : NULL;

	ok_str(got ? got : "", want, what);
}

int main(void)
{
	char *driver[] = { "--storage-driver=vfs", "--debug", NULL };
	char *letter[] = { "-s", "vfs", NULL };
	char *host[] = { "-Htcp://127.0.0.1:1", NULL };
	char *own[] = { "-H", "unix:///run/docker.sock", "-D", NULL };
	char *longer[] = { "--containerd-namespace=x", "--host-gateway-ip=1.2.3.4", NULL };

	merged(NULL, NULL, all, "no file: the machine's settings");
	merged("{}", NULL, all, "an empty one: the same");
	has("{\"debug\": true, \"dns\": [\"1.1.1.1\"]}", NULL, "\"dns\": [\"1.1.1.1\"],", NULL,
	    "a setting of the user's");
	has("{\"storage-driver\": \"btrfs\"}", NULL, "\"storage-driver\": \"btrfs\"", "overlay2",
	    "in the place of ours");
	has("{\"hosts\": [\"tcp://127.0.0.1:2375\", \"unix:///run/docker.sock\"]}", NULL,
	    "\"tcp://127.0.0.1:2375\",\n        \"unix:///run/docker.sock\",\n        "
	    "\"unix:///run/dockerd/docker.sock\"\n",
	    NULL, "hosts of the user's, and ours beside them, none twice");
	has(NULL, driver, "hosts", "storage-driver", "what the command line says is not in the file");
	has(NULL, letter, "hosts", "storage-driver", "also by its letter");
	has(NULL, host, "containerd", "hosts", "hosts of the command line");
	words_are(driver, "--storage-driver=vfs --debug", "words are dockerd's options");
	words_are(host, "--host=unix:///run/docker.sock --host=unix:///run/dockerd/docker.sock -Htcp://127.0.0.1:1",
		  "the machine's sockets beside those of the command line");
	words_are(own, "--host=unix:///run/dockerd/docker.sock -H unix:///run/docker.sock -D", "none twice");
	words_are((char *[]){ NULL }, "", "no words");
	has(NULL, longer, "\"containerd\"", NULL, "an option whose name is longer is another one");
	has(NULL, longer, "\"hosts\"", NULL, "likewise");
	refused("", "JSON");
	refused("[]", "no JSON object");
	refused("{\"hosts\": \"tcp://1\"}", "hosts is no list");
	refused("{\"debug\": yes}", "byte");
	return tap_done();
}
