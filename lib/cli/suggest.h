/* The word that was meant. */
#pragma once

/* The word of a NULL-terminated list that is nearest to a wrong one; NULL: none is near. */
const char *word_suggest(const char *wrong, const char *const *words);
