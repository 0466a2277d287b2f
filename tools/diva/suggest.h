/**
 * @file suggest.h
 * The known word nearest to a misspelt one.
 */
#ifndef DIVA_CLI_SUGGEST_H
#define DIVA_CLI_SUGGEST_H

/**
 * The candidate (NULL at the end) that `word` most likely meant: the least number of letters
 * inserted, deleted, replaced or swapped, at most a third of the word; NULL where none is near.
 */
const char *cli_suggest(const char *word, const char *const *candidates);

#endif
