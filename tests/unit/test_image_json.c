#include <errno.h>

#include "buf.h"
#include "image_json.h"
#include "str.h"
#include "tap.h"

static bool fine; /* of the last call: its error is looked at in the same ok() */

#define A64        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DESC(type) "{\"mediaType\":\"" type "\",\"digest\":\"sha256:" A64 "\",\"size\":7}"

static const struct {
	const char *what, *json, *message;
} bad_manifests[] = {
	{ "no JSON", "{", "is no JSON" },
	{ "an array", "[]", "is no JSON object" },
	{ "duplicate keys", "{\"config\":1,\"config\":2}", "duplicate" },
	{ "no config", "{\"layers\":[]}", "no config" },
	{ "no layers", "{\"config\":" DESC("x") "}", "no layers" },
	{ "layers of another type", "{\"config\":" DESC("x") ",\"layers\":{}}", "layers is no list" },
	{ "a layer of another type", "{\"config\":" DESC("x") ",\"layers\":[" DESC("x") ",3]}",
	  "layers[1]: is no object" },
	{ "a config without a digest", "{\"config\":{\"mediaType\":\"x\",\"size\":1},\"layers\":[]}",
	  "config: has no valid digest" },
	{ "a digest that leads elsewhere",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:../../etc/passwd\",\"size\":1},\"layers\":[]}",
	  "valid digest" },
	{ "a negative size",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" A64 "\",\"size\":-1},\"layers\":[]}", "valid size" },
	{ "a size that is no integer",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" A64 "\",\"size\":1.5},\"layers\":[]}", "valid size" },
	{ "an annotation that is no string",
	  "{\"config\":{\"mediaType\":\"x\",\"digest\":\"sha256:" A64
	  "\",\"size\":1,\"annotations\":{\"a\":1}},\"layers\":[]}",
	  "annotations.a" },
	{ "Docker's schema 1", "{\"schemaVersion\":1,\"fsLayers\":[]}", "schema 1" },
};

static void test_manifests(void)
{
	static const char good[] = "{\"schemaVersion\":2,\"mediaType\":\"" DOCKER_MANIFEST "\",\"config\":" DESC(
		DOCKER_CONFIG) ",\"layers\":[" DESC(DOCKER_LAYER_GZIP) "," DESC(OCI_LAYER_ZSTD) "],\"unknown\":[1,2]}";
	_cleanup_manifest_ struct oci_manifest m = { 0 };
	_cleanup_error_ struct error err = { 0 };

	fine = oci_manifest_parse(good, strlen(good), &m, &err) == 0;
	ok(fine, "a manifest is read (%s)", error_text(&err));
	ok(m.layer_count == 2 && m.layers[1].size == 7 && str_eq(m.config.media_type, DOCKER_CONFIG),
	   "with what is in it");
	for (size_t i = 0; i < array_len(bad_manifests); i++) {
		struct oci_manifest none;

		fine = oci_manifest_parse(bad_manifests[i].json, strlen(bad_manifests[i].json), &none, &err) < 0 &&
			strstr(error_text(&err), bad_manifests[i].message);
		ok(fine, "%s is refused: %s", bad_manifests[i].what, error_text(&err));
	}
}

static void test_indexes(void)
{
	static const char good[] =
		"{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" A64
		"\",\"size\":3,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"},"
		"\"annotations\":{\"k\":\"v\"}},"
		"{\"mediaType\":\"" OCI_MANIFEST "\",\"digest\":\"sha256:" A64
		"\",\"size\":3,\"platform\":{\"os\":\"li nux\",\"architecture\":7}}]}";
	_cleanup_index_ struct oci_index x = { 0 };
	_cleanup_error_ struct error err = { 0 };
	struct platform arm, arm7;
	_cleanup_free_ char *text = NULL;
	json_t *json;

	fine = oci_index_parse(good, strlen(good), &x, &err) == 0 && x.count == 2;
	ok(fine, "an index is read (%s)", error_text(&err));
	platform_parse("linux/arm64", &arm, &err);
	platform_parse("linux/arm64/v7", &arm7, &err);
	ok(platform_match(&arm, &x.manifests[0].platform), "a platform without variant matches any variant");
	ok(!platform_match(&arm7, &x.manifests[0].platform), "one with another variant does not");
	ok(!platform_match(&arm, &x.manifests[1].platform) && !x.manifests[1].platform.os[0],
	   "a strange platform matches nothing");
	ok(oci_index_lacks(&x, &arm7, &err) < 0 && err.code == ENXIO, "an index that lacks a platform");
	ok_str(error_text(&err), "no image for linux/arm64/v7 in it, which has linux/arm64/v8", "says which it has");
	error_clear(&err);
	ok_str(oci_descriptor_annotation(&x.manifests[0], "k"), "v", "annotations are read");
	json = oci_descriptor_json(&x.manifests[0]);
	text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
	json_decref(json);
	ok_str(text,
	       "{\"annotations\":{\"k\":\"v\"},\"digest\":\"sha256:" A64 "\",\"mediaType\":\"" OCI_MANIFEST
	       "\",\"platform\":{\"architecture\":\"arm64\",\"os\":\"linux\",\"variant\":\"v8\"},\"size\":3}",
	       "and a descriptor is written as it was");
	ok(oci_index_parse("{}", 2, &(struct oci_index){ 0 }, &err) < 0, "an index without manifests is refused");
}

static void test_configs(void)
{
	static const char good[] =
		"{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Entrypoint\":[\"/a\",\"b\"],\"Cmd\":null,"
		"\"Env\":[\"X=1\"],\"WorkingDir\":\"\",\"User\":\"1:2\",\"Labels\":{\"l\":\"v\"}},\"rootfs\":{\"diff_"
		"ids\":[\"x\"]}}";
	static const struct {
		const char *json, *message;
	} bad[] = {
		{ "{\"config\":[]}", "config is no object" },
		{ "{\"config\":{\"Cmd\":\"x\"}}", "Cmd is no list" },
		{ "{\"config\":{\"Env\":[1]}}", "Env[0] is no string" },
		{ "{\"config\":{\"User\":5}}", "User is no string" },
		{ "{\"config\":{\"Labels\":{\"a\":{}}}}", "Labels.a is no string" },
	};
	_cleanup_config_ struct image_config c = { 0 }, empty = { 0 };
	_cleanup_error_ struct error err = { 0 };

	fine = image_config_parse(good, strlen(good), &c, &err) == 0;
	ok(fine, "a configuration is read (%s)", error_text(&err));
	ok(strv_len(c.entrypoint) == 2 && !c.cmd && str_eq(c.env[0], "X=1") && !c.workdir && str_eq(c.user, "1:2"),
	   "with what is in it");
	ok(image_config_parse("{\"config\":null}", 15, &empty, &err) == 0 && json_object_size(empty.labels) == 0,
	   "an empty one is fine");
	for (size_t i = 0; i < array_len(bad); i++) {
		struct image_config none;

		fine = image_config_parse(bad[i].json, strlen(bad[i].json), &none, &err) < 0 &&
			strstr(error_text(&err), bad[i].message);
		ok(fine, "refused: %s", error_text(&err));
	}
}

static void test_bounds(void)
{
	_cleanup_index_ struct oci_index index = { 0 };
	_cleanup_config_ struct image_config config = { 0 };
	_cleanup_error_ struct error err = { 0 };
	_cleanup_buf_ struct buf b = { 0 };
	int i;

	buf_addstr(&b, "{\"manifests\":[");
	for (i = 0; i < 5000; i++)
		buf_addf(&b, "%s{\"mediaType\":\"m\",\"size\":1,\"digest\":\"sha256:%064d\"}", i ? "," : "", i);
	buf_addstr(&b, "]}");
	fine = oci_index_parse(buf_bytes(&b), b.len, &index, &err) < 0;
	ok(fine && strstr(error_text(&err), "5000 manifests: more than 4096"), "%s", error_text(&err));
	ok(oci_names_parse(buf_bytes(&b), b.len, &index, &err) == 0 && index.count == 5000,
	   "the names of a cache have no such bound");
	buf_clear(&b);
	buf_addstr(&b, "{\"x\":[");
	for (i = 0; i < 140000; i++)
		buf_addstr(&b, "{},");
	buf_addstr(&b, "1]}");
	fine = image_config_parse(buf_bytes(&b), b.len, &config, &err) < 0;
	ok(fine && strstr(error_text(&err), "more than 262144 values"), "%s", error_text(&err));
	buf_clear(&b);
	buf_addstr(&b, "{\"x\":\"\\\"");
	for (i = 0; i < 300000; i++)
		buf_addstr(&b, "{,");
	buf_addstr(&b, "\"}");
	ok(image_config_parse(buf_bytes(&b), b.len, &config, &err) == 0, "what is inside of text does not count");
}

static void test_platforms(void)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "arm64", "linux/arm64" },
		{ "x86_64", "linux/amd64" },
		{ "linux/aarch64", "linux/arm64" },
		{ "linux/arm/v7", "linux/arm/v7" },
		{ "", NULL },
		{ "/", NULL },
		{ "linux/", NULL },
		{ "a/b/c/d", NULL },
		{ "lin ux/amd64", NULL },
		{ "linux/averyveryverylongarchitecture", NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		struct platform p;
		int r = platform_parse(rows[i].text, &p, NULL);

		ok_str(r < 0 ? NULL : platform_text(&p), rows[i].want, rows[i].text);
	}
}

int main(void)
{
	test_manifests();
	test_indexes();
	test_configs();
	test_bounds();
	test_platforms();
	return tap_done();
}
