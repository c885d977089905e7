#include "skopeo.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "io.h"
#include "progress.h"
#include "reach.h"
#include "spawn.h"
#include "str.h"
#include "toollog.h"

/* A transfer that makes no progress is skopeo's to end; this only keeps a hung one from hanging us for ever. */
enum { OUTPUT_MAX = OCI_JSON_MAX + 4096 };
#define TRANSFER_TIMEOUT_US (3600ULL * 1000000)

/* Starts it and waits, with what it has put into a directory as progress. */
static int wait_copy(const struct spawn *s, char *directory, struct error *err)
{
	pid_t pid = spawn(s, err);
	int status;

	if (pid < 0)
		return -1;
	progress_wait(pid, TRANSFER_TIMEOUT_US, progress_directory, directory);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set(err, errno, "skopeo");
	return status;
}

/* Runs skopeo: either to copy into a directory, or for what it prints on standard output, which is appended to *output
 * (both NULL: dropped). Its messages are told when it fails. */
static int skopeo_once(char *const *argv, char *directory, struct buf *output, struct error *err)
{
	_cleanup_close_ int log = toollog_open(err);
	struct spawn_fd fds[] = { { log, 2 } };
	struct spawn s = {
		.path = "skopeo", .argv = argv, .fds = fds, .fd_count = 1, .stdout_only = true, .death_signal = SIGTERM
	};
	_cleanup_free_ char *reason = NULL;
	_cleanup_buf_ struct buf unused = { 0 };
	struct error why = { 0 };
	int status;

	if (log < 0)
		return -1;
	status = directory ? wait_copy(&s, directory, &why)
			   : spawn_wait(&s, output ? output : &unused, OUTPUT_MAX, TRANSFER_TIMEOUT_US, &why);
	if (status < 0) {
		if (why.code != ENOENT)
			return error_move(err, &why);
		error_clear(&why);
		return error_say(
			err, 0, "skopeo is not installed (Debian package skopeo): registries are spoken to through it");
	}
	if (status == 0)
		return 0;
	reason = toollog_reason(log);
	return error_say(err, 0, "skopeo failed (%s)%s%s", spawn_status_text(status), reason ? ": " : "",
			 reason ? reason : "");
}

/* --- registries without TLS --- */

enum registry_place registry_place(const char *reference)
{
	_cleanup_free_ char *host = strndup(reference, strcspn(reference, "/"));
	char *port = host ? strrchr(host, ':') : NULL;
	struct in_addr in;
	uint32_t address;

	if (!host)
		return PLACE_ANYWHERE;
	if (port && !strchr(port, ']'))
		*port = '\0';
	if (strcasecmp(host, "localhost") == 0 || str_eq(host, "[::1]"))
		return PLACE_HERE;
	if (inet_pton(AF_INET, host, &in) != 1)
		return PLACE_ANYWHERE;
	address = ntohl(in.s_addr);
	if (address >> 24 == 127)
		return PLACE_HERE;
	return address >> 24 == 10 || address >> 20 == 0xac1 || address >> 16 == 0xc0a8 ? PLACE_PRIVATE
											: PLACE_ANYWHERE;
}

static const char registry_transport[] = "docker://";
enum { ARGS_MAX = 20 };

/* The option that takes plain HTTP and any certificate for argv[i], a registry's reference. */
static char *insecure_option(char *const *argv, size_t i)
{
	if (str_eq(argv[1], "inspect"))
		return "--tls-verify=false";
	for (i++; argv[i]; i++)
		if (str_starts(argv[i], "dir:") || str_starts(argv[i], registry_transport))
			return "--src-tls-verify=false";
	return "--dest-tls-verify=false";
}

/* The arguments, with TLS not asked for at registries that are at `from` or nearer; whether there is any. */
static bool without_tls(char *const *argv, enum registry_place from, char **out)
{
	bool any = false;
	size_t n = 0;

	for (size_t i = 0; argv[i] && n + 2 < ARGS_MAX; i++) {
		bool registry = str_starts(argv[i], registry_transport);

		if (registry && registry_place(argv[i] + strlen(registry_transport)) >= from) {
			out[n++] = insecure_option(argv, i);
			any = true;
		}
		out[n++] = argv[i];
	}
	out[n] = NULL;
	return any;
}

/* skopeo_once(), with plain HTTP where that is meant. */
static int skopeo(char *const *argv, char *directory, struct buf *output, struct error *err)
{
	char *near[ARGS_MAX], *private[ARGS_MAX];
	struct error why = { 0 };

	without_tls(argv, PLACE_HERE, near);
	if (skopeo_once(near, directory, output, &why) == 0)
		return 0;
	if (!strstr(error_text(&why), "server gave HTTP response to HTTPS client") ||
	    !without_tls(argv, PLACE_PRIVATE, private))
		return error_move(err, &why);
	error_clear(&why);
	return skopeo_once(private, directory, output, err);
}

/* --- mirrors ------------------------------------------------------------------------------------------------------ */

/* Whether an entry of $LINUXKIT_MIRROR, [REGISTRY=]URL, is for this registry. *url: where its URL begins. */
static bool is_mirror_of(const char *entry, const char *registry, size_t n, bool any, const char **url)
{
	const char *equals = strchr(entry, '=');
	size_t k = equals ? (size_t)(equals - entry) : 0;

	*url = equals ? equals + 1 : entry;
	if (k && equals[-1] == '/')
		k--;
	return equals ? k == n && strncmp(entry, registry, n) == 0 : any;
}

/* The URL of the registry's mirror, the last one that is named; NULL: none. list: the words of $LINUXKIT_MIRROR. */
static const char *mirror_of(char *const *list, const char *registry, size_t n)
{
	const char *found = NULL, *url;

	for (size_t i = 0; list && list[i]; i++)
		if (is_mirror_of(list[i], registry, n, true, &url) && !strchr(list[i], '='))
			found = url;
	for (size_t i = 0; list && list[i]; i++)
		if (is_mirror_of(list[i], registry, n, false, &url))
			found = url;
	return found;
}

/* A name as it is pulled: with its mirror's host instead of its registry's, or as it is. *plain: by http. */
static char *mirrored(const char *name, bool *plain, struct error *err)
{
	const char *all = getenv("LINUXKIT_MIRROR"), *path = strchr(name, '/'), *url, *host;
	_cleanup_strv_ char **list = all ? strv_split(all, ", ") : NULL;
	size_t n;
	char *out;

	url = path ? mirror_of(list, name, (size_t)(path - name)) : NULL;
	*plain = url && str_starts(url, "http://");
	if (!url) {
		out = strdup(name);
	} else if (!*plain && !str_starts(url, "https://")) {
		error_say(err, 0, "LINUXKIT_MIRROR: \"%s\" must begin with http:// or https://", url);
		return NULL;
	} else {
		host = strstr(url, "://") + 3;
		n = strlen(host);
		while (n && host[n - 1] == '/')
			n--;
		out = str_format("%.*s%s", (int)n, host, path);
	}
	if (!out)
		error_set(err, ENOMEM, "%s", name);
	return out;
}

/* The manifest or index that a registry has for a reference, as it is. */
static int fetch_raw(const char *reference, bool plain, struct buf *out, struct error *err)
{
	_cleanup_free_ char *remote = str_format("docker://%s", reference);
	char *const argv[] = { "skopeo", "inspect", "--raw", remote, plain ? "--tls-verify=false" : NULL, NULL };

	if (!remote)
		return error_set(err, ENOMEM, "%s", reference);
	return skopeo(argv, NULL, out, err);
}

/* --- what skopeo has copied into a directory (its dir: transport): files named by the digits of their digest ------ */

static int take_blob(struct store *s, const char *dir, const struct oci_descriptor *d, struct error *err)
{
	_cleanup_free_ char *from = str_format("%s/%s", dir, d->digest + 7);
	_cleanup_stream_ struct stream *file = NULL;
	_cleanup_blob_writer_ struct blob_writer w = BLOB_WRITER_INIT;
	_cleanup_descriptor_ struct oci_descriptor stored = { 0 };
	_cleanup_free_ uint8_t *chunk = malloc(64 << 10);
	ssize_t r;

	if (!from || !chunk)
		return error_set(err, ENOMEM, "pulling");
	if (store_good_blob(s, d->digest, d->size))
		return 0;
	file = stream_from_file(from, err);
	file = file ? stream_verify(file, d->digest, d->size, d->digest, err) : NULL;
	if (!file || blob_begin_as(s, &w, d->digest, err) < 0)
		return -1;
	while ((r = file->read(file, chunk, 64 << 10, err)) > 0)
		if (sink_write(w.sink, chunk, (size_t)r, err) < 0)
			return -1;
	if (r < 0 || blob_commit(&w, &stored, err) < 0)
		return -1;
	unlink(from); /* the disk need not hold it twice for longer than this */
	return 0;
}

/* manifest.json and the blobs it names; the manifest's descriptor into *out. */
static int take_directory(struct store *s, const char *dir, struct oci_descriptor *out, struct error *err)
{
	_cleanup_free_ char *path = str_format("%s/manifest.json", dir);
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_manifest_ struct oci_manifest m = { 0 };

	if (!path)
		return error_set(err, ENOMEM, "pulling");
	if (file_read(path, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_manifest_parse(buf_bytes(&text), text.len, &m, err) < 0 || take_blob(s, dir, &m.config, err) < 0)
		return -1;
	for (size_t i = 0; i < m.layer_count; i++)
		if (take_blob(s, dir, &m.layers[i], err) < 0)
			return -1;
	free(out->media_type);
	out->media_type = strdup(m.media_type ? m.media_type : OCI_MANIFEST);
	if (!out->media_type)
		return error_set(err, ENOMEM, "pulling");
	return store_add_blob(s, buf_bytes(&text), text.len, out, err);
}

/* option: one more of skopeo's, with its value; NULL: none. */
static int copy_from(struct store *s, const char *source, const char *option, const char *value,
		     struct oci_descriptor *out, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *target = NULL;

	/* on the cache's own file system, which is meant to hold it */
	if (temp_dir_make(&dir, store_path(s), err) < 0)
		return -1;
	target = str_format("dir:%s", dir.path);
	if (!target)
		return error_set(err, ENOMEM, "pulling");

	char *const argv[] = { "skopeo", "copy",         "--preserve-digests", (char *)source,
			       target,   (char *)option, (char *)value,        NULL };

	if (skopeo(argv, dir.path, NULL, err) < 0)
		return -1;
	return take_directory(s, dir.path, out, err);
}

static int copy_in(struct store *s, const char *source, bool plain, struct oci_descriptor *out, struct error *err)
{
	return copy_from(s, source, plain ? "--src-tls-verify=false" : NULL, NULL, out, err);
}

static int missing_blob(void *data, const struct oci_descriptor *blob, struct error *err)
{
	return store_has_blob(data, blob->digest) ? 0 : error_say(err, ENOENT, "%s", blob->digest);
}

static bool complete(struct store *s, const struct oci_descriptor *d)
{
	return reach_walk(s, d, NULL, missing_blob, s, NULL) == 0;
}

static int pull_instance(struct store *s, const char *repository, bool plain, const struct oci_descriptor *d,
			 struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor got = { 0 };
	_cleanup_free_ char *source = str_format("docker://%s@%s", repository, d->digest);

	if (!source)
		return error_set(err, ENOMEM, "pulling");
	if (reach_whole(s, d, NULL))
		return 0;
	if (copy_in(s, source, plain, &got, err) < 0)
		return -1;
	if (!str_eq(got.digest, d->digest))
		return error_say(err, EBADMSG, "the registry gave %s for %s", got.digest, d->digest);
	return 0;
}

static bool named_before(const struct oci_index *index, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(index->manifests[k].digest, index->manifests[i].digest))
			return true;
	return false;
}

static int pull_index(struct store *s, const char *repository, bool plain, const struct oci_index *index,
		      const struct platform *platform, struct error *err)
{
	size_t found = 0;

	for (size_t i = 0; i < index->count; i++) {
		const struct oci_descriptor *d = &index->manifests[i];

		if (oci_kind(d->media_type) != OCI_KIND_MANIFEST || str_eq(d->platform.os, "unknown") ||
		    (platform && !platform_match(platform, &d->platform)))
			continue;
		if (!named_before(index, i) && pull_instance(s, repository, plain, d, err) < 0)
			return -1;
		found++;
		if (platform)
			break; /* the first is the one that image_load() takes */
	}
	if (!found)
		return platform ? error_say(err, ENXIO, "the registry has it, but not for %s", platform_text(platform))
				: error_say(err, ENXIO, "no image in the index");
	return 0;
}

static int set_name(struct store *s, const char *name, const struct oci_descriptor *d, const char *origin,
		    struct error *err)
{
	struct store_change change = { .name = name, .desc = d };
	int r = store_set_names(s, &change, 1, origin, CLAIM_ANY, err);

	free(change.was);
	return r;
}

static int pull(struct store *s, const struct ref *ref, const char *name, const struct platform *platform,
		struct error *err)
{
	_cleanup_buf_ struct buf raw = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	bool plain;
	_cleanup_free_ char *from = mirrored(name, &plain, err), *repository = NULL;

	repository = from ? mirrored(ref->name, &plain, err) : NULL;
	if (!repository || fetch_raw(from, plain, &raw, err) < 0)
		return -1;
	if (oci_index_parse(buf_bytes(&raw), raw.len, &index, NULL) < 0) {
		_cleanup_free_ char *source = str_format("docker://%s", from);
		_cleanup_manifest_ struct oci_manifest m = { 0 };

		if (!source)
			return error_set(err, ENOMEM, "pulling");
		if (oci_manifest_parse(buf_bytes(&raw), raw.len, &m, err) < 0 ||
		    copy_in(s, source, plain, &root, err) < 0)
			return -1;
	} else {
		if (pull_index(s, repository, plain, &index, platform, err) < 0)
			return -1;
		root.media_type = strdup(index.media_type ? index.media_type : OCI_INDEX);
		if (!root.media_type)
			return error_set(err, ENOMEM, "pulling");
		if (store_add_blob(s, buf_bytes(&raw), raw.len, &root, err) < 0)
			return -1;
	}
	if (ref->digest && !str_eq(root.digest, ref->digest))
		return error_say(err, EBADMSG, "the registry gave %s instead", root.digest);
	return set_name(s, name, &root, ORIGIN_REGISTRY, err);
}

int image_pull(struct store *s, const char *text, const struct platform *platform, struct error *err)
{
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;

	if (ref_parse(text, &ref, err) < 0)
		return -1;
	if (ref.digest) { /* registries take a tag or a digest; the digest says more */
		free(ref.tag);
		ref.tag = NULL;
	}
	name = ref_cache_name(&ref);
	if (!name)
		return error_set(err, ENOMEM, "pulling");
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "pulling %s", name);
	return pull(s, &ref, name, platform, err) < 0 ? error_wrap(err, "pulling %s", name) : 0;
}

int image_pull_docker(struct store *s, const char *text, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor d = { 0 };
	const char *host = getenv("DOCKER_HOST");
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL, *source = NULL;

	if (ref_parse(text, &ref, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	source = name ? str_format("docker-daemon:%s", name) : NULL;
	if (!source)
		return error_set(err, ENOMEM, "pulling");
	/* skopeo does not look at Docker's own variable */
	if (copy_from(s, source, host && *host ? "--src-daemon-host" : NULL, host, &d, err) < 0 ||
	    set_name(s, name, &d, ORIGIN_DOCKER, err) < 0)
		return error_wrap(err, "image %s from Docker", name);
	return 0;
}

/* --- to registries --- */

char *registry_digest(const char *text, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;
	_cleanup_buf_ struct buf raw = { 0 };
	_cleanup_sink_ struct sink *digest = NULL;

	if (ref_parse(text, &ref, err) < 0)
		return NULL;
	name = ref_cache_name(&ref);
	if (!name || fetch_raw(name, false, &raw, err) < 0)
		return NULL;
	digest = sink_digest(NULL, err);
	if (!digest || sink_write(digest, buf_bytes(&raw), raw.len, err) < 0 || sink_finish(digest, err) < 0)
		return NULL;
	return strdup(sink_digest_text(digest));
}

int registry_copy(const char *from, const char *to, struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 }, target = { 0 };
	_cleanup_free_ char *source = NULL, *name = NULL, *destination = NULL, *target_name = NULL;

	if (ref_parse(from, &ref, err) < 0 || ref_parse(to, &target, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	target_name = ref_cache_name(&target);
	source = name ? str_format("docker://%s", name) : NULL;
	destination = target_name ? str_format("docker://%s", target_name) : NULL;
	if (!source || !destination)
		return error_set(err, ENOMEM, "%s", to);

	char *const argv[] = { "skopeo", "copy", "--all", "--preserve-digests", source, destination, NULL };

	return skopeo(argv, NULL, NULL, err) < 0 ? error_wrap(err, "copying %s to %s", name, target_name) : 0;
}

/* From a layout of its own that borrows the cache's blobs: the cache may hold names that skopeo cannot parse. whole: an
 * index with all its platforms, and nothing may be converted; else this machine's platform of it. */
static int push_descriptor(struct store *s, const struct oci_descriptor *d, const char *transport, const char *remote,
			   bool whole, struct error *err)
{
	_cleanup_temp_dir_ struct temp_dir dir = TEMP_DIR_INIT;
	_cleanup_free_ char *source = NULL, *target = str_format("%s%s", transport, remote), *index = NULL,
			    *layout = NULL;
	_cleanup_free_ char *shared = str_format("%s/blobs", store_path(s)), *text = NULL;
	static const char version[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	const char *daemon = getenv("DOCKER_HOST"); /* which skopeo does not look at itself */
	json_t *root = json_pack("{s:i, s:[o]}", "schemaVersion", 2, "manifests", oci_descriptor_json(d));

	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (temp_dir_make(&dir, NULL, err) < 0)
		return -1;
	source = str_format("oci:%s", dir.path);
	index = str_format("%s/index.json", dir.path);
	layout = str_format("%s/oci-layout", dir.path);
	if (!text || !source || !target || !index || !layout || !shared)
		return error_set(err, ENOMEM, "pushing");
	if (file_write(index, text, strlen(text), 0644, err) < 0 ||
	    file_write(layout, version, strlen(version), 0644, err) < 0)
		return -1;

	char *argv[12] = { "skopeo", "copy", "--src-shared-blob-dir", shared };
	size_t n = 4;

	if (whole) {
		argv[n++] = "--all";
		argv[n++] = "--preserve-digests";
	} else if (daemon && *daemon) {
		argv[n++] = "--dest-daemon-host";
		argv[n++] = (char *)daemon;
	}
	argv[n++] = source;
	argv[n++] = target;

	return skopeo(argv, NULL, NULL, err);
}

static int push_arch_tags(struct store *s, const struct oci_descriptor *root, const char *remote, struct error *err)
{
	_cleanup_buf_ struct buf text = { 0 };
	_cleanup_index_ struct oci_index index = { 0 };

	if (store_read_blob(s, root->digest, root->size, OCI_JSON_MAX, &text, err) < 0 ||
	    oci_index_parse(buf_bytes(&text), text.len, &index, err) < 0)
		return -1;
	for (size_t i = 0; i < index.count; i++) {
		const struct oci_descriptor *d = &index.manifests[i];
		_cleanup_free_ char *name = str_format("%s-%s", remote, d->platform.arch);

		if (oci_kind(d->media_type) != OCI_KIND_MANIFEST || !d->platform.arch[0] ||
		    str_eq(d->platform.arch, "unknown"))
			continue;
		if (!name)
			return error_set(err, ENOMEM, "pushing");
		if (push_descriptor(s, d, "docker://", name, true, err) < 0)
			return -1;
	}
	return 0;
}

int image_push(struct store *s, const char *text, const char *remote, unsigned what, bool override, bool *skipped,
	       struct error *err)
{
	_cleanup_ref_ struct ref ref = { 0 }, to = { 0 };
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_free_ char *name = NULL;
	int r;

	*skipped = false;
	if (ref_parse(text, &ref, err) < 0 || ref_parse(remote ? remote : text, &to, err) < 0 ||
	    store_find(s, &ref, &root, err) < 0)
		return -1;
	name = ref_cache_name(&to);
	if (!name)
		return error_set(err, ENOMEM, "pushing");
	if (to.digest)
		return error_say(err, EINVAL, "%s: an image is pushed under a tag, not under a digest", name);
	if (!complete(s, &root))
		return error_say(err, ENOENT,
				 "%s: the cache does not hold all its platforms: pull it with --platform all", name);
	if (!override) {
		_cleanup_free_ char *there = registry_digest(name, NULL);

		if (there) {
			*skipped = true;
			return 0;
		}
	}
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "pushing %s", name);
	r = what & PUSH_IMAGE ? push_descriptor(s, &root, "docker://", name, true, err) : 0;
	if (r == 0 && (what & PUSH_ARCHES) && oci_kind(root.media_type) == OCI_KIND_INDEX)
		r = push_arch_tags(s, &root, name, err);
	return r < 0 ? error_wrap(err, "pushing %s", name) : 0;
}

int image_push_docker(struct store *s, const char *text, struct error *err)
{
	_cleanup_descriptor_ struct oci_descriptor root = { 0 };
	_cleanup_progress_ struct progress progress = { 0 };
	_cleanup_ref_ struct ref ref = { 0 };
	_cleanup_free_ char *name = NULL;

	if (ref_parse(text, &ref, err) < 0 || store_find(s, &ref, &root, err) < 0)
		return -1;
	name = ref_cache_name(&ref);
	if (!name)
		return error_set(err, ENOMEM, "loading into Docker");
	progress_begin(&progress, PROGRESS_ANNOUNCE, 0, "loading %s into Docker", name);
	return push_descriptor(s, &root, "docker-daemon:", name, false, err) < 0
		? error_wrap(err, "loading %s into Docker", name)
		: 0;
}
