/**
 * @file paths.h
 * The files that the arguments of a dataset name: files, glob patterns, lists.
 */
#ifndef DIVA_PATHS_H
#define DIVA_PATHS_H

#include <diva/error.h>

/** Zeroed: empty. */
struct diva_path_list {
  char **paths;
  int64_t count, size;
};

/**
 * Expands arguments in order. A file that exists is itself, whatever characters it has; '@LIST' is
 * the lines of LIST, relative to its folder, empty ones skipped; else a pattern with * ? or [ is
 * the files it matches, by name.
 * @return DIVA_ERROR_INPUT for a pattern or list that gives nothing, or a file named twice
 */
enum diva_status diva_path_list_expand(struct diva_path_list *list, const char *const *arguments,
                                       int64_t count, struct diva_error *error);

/** Frees what it holds; a zeroed list is fine. */
void diva_path_list_free(struct diva_path_list *list);

#endif
