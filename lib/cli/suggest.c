#include "suggest.h"

#include <stddef.h>
#include <string.h>

#include "str.h"

enum { TOO_FAR = 3 };

/* How far a word is from what was typed. A beginning of the word is nearest. */
static size_t word_distance(const char *typed, const char *word)
{
	size_t n = strlen(typed);

	if (n > 1 && str_starts(word, typed))
		return 0;
	return n > 2 || strlen(word) < 3 ? str_distance(typed, word, TOO_FAR - 1) : TOO_FAR;
}

const char *word_suggest(const char *wrong, const char *const *words)
{
	size_t best = TOO_FAR, d;
	const char *found = NULL;

	for (; *words; words++) {
		d = word_distance(wrong, *words);
		if (d < best && d < strlen(*words) && strlen(*words) > 1) {
			best = d;
			found = *words;
		}
	}
	return found;
}
