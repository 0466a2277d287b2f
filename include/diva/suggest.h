/**
 * @file suggest.h
 * The known word nearest to a misspelt one.
 */
#ifndef DIVA_SUGGEST_H
#define DIVA_SUGGEST_H

#include <diva/api.h>

DIVA_BEGIN_DECLARATIONS

/**
 * The candidate (NULL at the end) that `word` most likely meant: the least number of letters
 * inserted, deleted, replaced or swapped, at most a third of the word; NULL where none is near.
 */
DIVA_API const char *diva_suggest(const char *word, const char *const *candidates);

DIVA_END_DECLARATIONS

#endif
