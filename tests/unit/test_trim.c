/* Docker's events and Go's durations, as trim-after-delete reads them. */
#include "event.h"

#include "str.h"
#include "tap.h"

static void test_events(void)
{
	static const struct {
		const char *json;
		int result;
		const char *what;
	} rows[] = {
		{ "{\"Type\":\"image\",\"Action\":\"delete\",\"id\":\"x\"}", 1, "image" },
		{ "{\"status\":\"destroy\",\"Type\":\"container\",\"Action\":\"destroy\"}", 1, "container" },
		{ "{\"Type\":\"volume\",\"Action\":\"destroy\"}", 1, "volume" },
		{ "{\"Type\":\"builder\",\"Action\":\"prune\"}", 1, "builder" },
		{ "{\"Type\":\"image\",\"Action\":\"prune\"}", 1, "image" },
		{ "{\"Type\":\"image\",\"Action\":\"untag\"}", 0, NULL },
		{ "{\"Type\":\"network\",\"Action\":\"destroy\"}", 0, NULL },
		{ "{\"Type\":\"container\",\"Action\":\"delete\"}", 0, NULL },
		{ "{}", 0, NULL },
		{ "{\"Type\":1,\"Action\":null}", 0, NULL },
		{ "[]", -1, NULL },
		{ "{\"Type\":", -1, NULL },
		{ "", -1, NULL },
	};

	for (size_t i = 0; i < array_len(rows); i++) {
		_cleanup_error_ struct error err = { 0 };
		const char *what = NULL;

		ok(event_deletes(rows[i].json, strlen(rows[i].json), &what, &err) == rows[i].result, "event %s",
		   rows[i].json);
		ok_str(what, rows[i].what, "what it deletes");
		ok(rows[i].result >= 0 || err.msg, "with a message where it is none");
	}
}

static void test_durations(void)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {
		{ "0", 0 },
		{ "10s", 10000000 },
		{ "500ms", 500000 },
		{ "1m30s", 90000000 },
		{ "1.5h", 5400000000 },
		{ "0.25s", 250000 },
		{ "100us", 100 },
		{ "1500ns", 1 },
		{ ".5s", 500000 },
		{ "1h1m1s1ms", 3661001000 },
		{ "8784h", 31622400000000 },
	};
	static const char *const bad[] = { "",    "10", "s",   "10x",   "-1s",
					   "1s2", ".s", "1 s", "8785h", "99999999999999999999h" };
	uint64_t us;

	for (size_t i = 0; i < array_len(good); i++)
		ok(duration_parse(good[i].text, &us) == 0 && us == good[i].us, "duration %s", good[i].text);
	for (size_t i = 0; i < array_len(bad); i++)
		ok(duration_parse(bad[i], &us) < 0, "no duration: \"%s\"", bad[i]);
}

int main(void)
{
	test_events();
	test_durations();
	return tap_done();
}
