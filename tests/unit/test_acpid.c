/* acpid's events and actions: the built-in ones, and files of them. */
#include <linux/input.h>

#include "str.h"
#include "table.h"
#include "tap.h"

/* The description of a row; NULL: none. */
static const char *described(const struct table *t, ssize_t row)
{
	return row < 0 ? NULL : t->events[row].description;
}

static void test_builtin(void)
{
	static const struct {
		uint16_t type, code;
		int32_t value;
		const char *description, *hook;
	} rows[] = {
		{ EV_KEY, KEY_POWER, 1, "button/power PWRF 00000080", "PWRF/00000080" },
		{ EV_KEY, KEY_SLEEP, 1, "button/sleep SLPB 00000080", "SLPB/00000080" },
		{ EV_SW, SW_LID, 1, "button/lid LID0 00000080", "LID/00000080" },
		{ EV_KEY, KEY_POWER, 0, NULL, NULL },
		{ EV_KEY, KEY_POWER, 2, NULL, NULL },
		{ EV_KEY, KEY_A, 1, NULL, NULL },
		{ EV_SW, SW_LID, 0, NULL, NULL },
		{ EV_REL, KEY_POWER, 1, NULL, NULL },
	};
	_cleanup_table_ struct table t = { 0 };

	ok(table_events_default(&t, NULL) == 0 && table_actions_default(&t, NULL) == 0, "the built-in rows");
	for (size_t i = 0; i < array_len(rows); i++) {
		const char *description = described(&t, table_event(&t, rows[i].type, rows[i].code, rows[i].value));

		ok_str(description, rows[i].description, "an event");
		if (description)
			ok_str(table_action(&t, description), rows[i].hook, "its hook");
	}
	ok_str(described(&t, table_event_text(&t, "button/power PWRF 00000080 00000003")), "button/power PWRF 00000080",
	       "a line");
	ok_str(described(&t, table_event_text(&t, "button/power PWRB 00000080 00000000")), "button/power PWRB 00000080",
	       "another one");
	ok_str(table_action(&t, "button/power PWRB 00000080"), "PWRF/00000080", "both power buttons have one hook");
	ok(table_event_text(&t, "ac_adapter AC 00000080 00000001") < 0, "of no interest");
	ok(table_event_text(&t, "") < 0 && table_event_text(&t, " ") < 0 && table_event_text(&t, " x") < 0,
	   "nothing in a line");
}

static void test_files(void)
{
	static const char map[] = "# buttons\n"
				  "EV_KEY 0x01 KEY_POWER 116 1 button/power PWRF 00000080\n"
				  "\n"
				  "\tEV_SW\t05\tSW_LID 0 0 button/lid LID open  # opened\r\n"
				  "EV_KEY 1 KEY_F1 59 1 a key";
	static const char actions[] = "PWRF my/power hook\nLID lid\n";
	_cleanup_table_ struct table t = { 0 };

	ok(table_events_parse(&t, map, sizeof(map) - 1, NULL) == 0 && t.event_count == 3, "a map");
	ok(table_actions_parse(&t, actions, sizeof(actions) - 1, NULL) == 0 && t.action_count == 2, "actions");
	ok_str(described(&t, table_event(&t, EV_SW, SW_LID, 0)), "button/lid LID open",
	       "a description of several words");
	ok_str(described(&t, table_event(&t, EV_KEY, KEY_F1, 1)), "a key", "a last line without its end");
	ok(table_event(&t, EV_KEY, KEY_SLEEP, 1) < 0, "the built-in rows are not there");
	ok_str(table_action(&t, "button/power PWRF 00000080"), "my/power hook", "a hook with a blank");
	ok_str(table_action(&t, "button/lid LID open"), "lid", "another hook");
	ok(!table_action(&t, "a key"), "an event without one");
}

static void test_refused(void)
{
	static const struct {
		const char *text, *message;
	} maps[] = {
		{ "EV_KEY 0x01 KEY_POWER 116 1",
		  "line 1: six fields are wanted: TYPE HEX-TYPE CODE CODE-NUMBER VALUE DESCRIPTION" },
		{ "\nEV_KEY 0x20 X 1 1 x", "line 2: type 0x20: a hexadecimal number up to 0x1f is wanted" },
		{ "EV_KEY -1 X 1 1 x", "line 1: type -1: a hexadecimal number up to 0x1f is wanted" },
		{ "EV_KEY 1 X 768 1 x", "line 1: code 768: a number up to 767 is wanted" },
		{ "EV_KEY 1 X 1 one x", "line 1: value one: this is no number" },
	}, actions[] = {
		{ "PWRF", "line 1: two fields are wanted: WORD PATH" },
		{ "PWRF /bin/sh", "line 1: /bin/sh: a path below the folder of hooks is wanted" },
		{ "PWRF ../x", "line 1: ../x: a path below the folder of hooks is wanted" },
		{ "PWRF a/../../x", "line 1: a/../../x: a path below the folder of hooks is wanted" },
		{ "PWRF a/..", "line 1: a/..: a path below the folder of hooks is wanted" },
	};
	char large[600];

	for (size_t i = 0; i < array_len(maps); i++) {
		_cleanup_table_ struct table t = { 0 };
		_cleanup_error_ struct error err = { 0 };

		ok(table_events_parse(&t, maps[i].text, strlen(maps[i].text), &err) == -1, "a map: %s", maps[i].text);
		ok_str(err.msg, maps[i].message, "its message");
	}
	for (size_t i = 0; i < array_len(actions); i++) {
		_cleanup_table_ struct table t = { 0 };
		_cleanup_error_ struct error err = { 0 };

		ok(table_actions_parse(&t, actions[i].text, strlen(actions[i].text), &err) == -1, "actions: %s",
		   actions[i].text);
		ok_str(err.msg, actions[i].message, "their message");
	}
	memset(large, 'a', sizeof(large));
	large[3] = ' ';
	{
		_cleanup_table_ struct table t = { 0 };

		ok(table_actions_parse(&t, large, sizeof(large), NULL) == -1, "a line that is too long");
		ok(table_actions_parse(&t, "a\0b c", 5, NULL) == -1, "a NUL");
	}
}

int main(void)
{
	test_builtin();
	test_files();
	test_refused();
	return tap_done();
}
