/* The files that the arguments of a dataset name: files, glob patterns, lists. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/paths.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static enum diva_status out_of_memory(struct diva_error *error) {
  return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the names of files");
}

/* Appends folder (its first `folder_length` bytes) and name as one path. */
static enum diva_status append_path(struct diva_path_list *list, const char *folder,
                                    size_t folder_length, const char *name,
                                    struct diva_error *error) {
  if (list->count == list->size) {
    int64_t size = list->size * 2 + 8;
    char **paths = realloc(list->paths, (size_t)size * sizeof *paths);
    if (!paths) {
      return out_of_memory(error);
    }
    list->paths = paths;
    list->size = size;
  }
  size_t name_size = strlen(name) + 1;
  char *path = malloc(folder_length + name_size);
  if (!path) {
    return out_of_memory(error);
  }
  if (folder_length) {
    memcpy(path, folder, folder_length);
  }
  memcpy(path + folder_length, name, name_size);
  list->paths[list->count++] = path;
  return DIVA_OK;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum diva_status append_matches(struct diva_path_list *list, const char *pattern,
                                       struct diva_error *error) {
  glob_t found = {0};
  enum diva_status status = DIVA_OK;
  int result = glob(pattern, GLOB_NOSORT, NULL, &found);
  if (result == GLOB_NOMATCH) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: no file matches", pattern);
  } else if (result == GLOB_NOSPACE) {
    status = out_of_memory(error);
  } else if (result) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: its folder cannot be read", pattern);
  } else {
    /* glob() sorts by the locale; the order of rows must not depend on it. */
    qsort(found.gl_pathv, found.gl_pathc, sizeof *found.gl_pathv, compare_names);
  }
  for (size_t i = 0; !status && i < found.gl_pathc; i++) {
    status = append_path(list, NULL, 0, found.gl_pathv[i], error);
  }
  globfree(&found);
  return status;
}

static enum diva_status append_lines(struct diva_path_list *list, FILE *file, const char *name,
                                     struct diva_error *error) {
  const char *slash = strrchr(name, '/');
  size_t folder_length = slash ? (size_t)(slash - name) + 1 : 0;
  char *line = NULL;
  size_t size = 0;
  enum diva_status status = DIVA_OK;
  int64_t before = list->count;
  while (!status && getline(&line, &size, file) >= 0) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0]) {
      status = append_path(list, name, line[0] == '/' ? 0 : folder_length, line, error);
    }
  }
  if (!status && ferror(file)) {
    status =
        diva_error_set(error, DIVA_ERROR_INPUT, "%s: cannot be read: %s", name, strerror(errno));
  } else if (!status && list->count == before) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: the list names no file", name);
  }
  free(line);
  return status;
}

static enum diva_status append_list(struct diva_path_list *list, const char *name,
                                    struct diva_error *error) {
  FILE *file = fopen(name, "re");
  if (!file) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: the list cannot be opened: %s", name,
                          strerror(errno));
  }
  enum diva_status status = append_lines(list, file, name, error);
  fclose(file);
  return status;
}

static enum diva_status append_argument(struct diva_path_list *list, const char *argument,
                                        struct diva_error *error) {
  struct stat facts;
  if (!*argument) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "the name of a file is empty");
  }
  if (!stat(argument, &facts)) {
    return append_path(list, NULL, 0, argument, error);
  }
  if (argument[0] == '@') {
    return append_list(list, argument + 1, error);
  }
  if (strpbrk(argument, "*?[")) {
    return append_matches(list, argument, error);
  }
  return append_path(list, NULL, 0, argument, error);
}

struct identity {
  dev_t device;
  ino_t inode;
  const char *path;
};

static int compare_identities(const void *a, const void *b) {
  const struct identity *one = a;
  const struct identity *other = b;
  if (one->device != other->device) {
    return one->device < other->device ? -1 : 1;
  }
  return (one->inode > other->inode) - (one->inode < other->inode);
}

/* A shard given twice would count its rows twice, and no result would show it. Files that are not
 * there are left to the opening, which says so better. */
static enum diva_status refuse_repeats(const struct diva_path_list *list,
                                       struct diva_error *error) {
  struct identity *files = calloc((size_t)list->count + 1, sizeof *files);
  if (!files) {
    return out_of_memory(error);
  }
  size_t count = 0;
  for (int64_t i = 0; i < list->count; i++) {
    struct stat facts;
    if (!stat(list->paths[i], &facts)) {
      files[count++] = (struct identity){facts.st_dev, facts.st_ino, list->paths[i]};
    }
  }
  qsort(files, count, sizeof *files, compare_identities);
  enum diva_status status = DIVA_OK;
  for (size_t i = 1; !status && i < count; i++) {
    if (!compare_identities(&files[i - 1], &files[i])) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: the same file as %s, given twice",
                              files[i].path, files[i - 1].path);
    }
  }
  free(files);
  return status;
}

enum diva_status diva_path_list_expand(struct diva_path_list *list, const char *const *arguments,
                                       int64_t count, struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; !status && i < count; i++) {
    status = append_argument(list, arguments[i], error);
  }
  if (!status && !list->count) {
    status = diva_error_set(error, DIVA_ERROR_USAGE, "no file was given");
  }
  return status ? status : refuse_repeats(list, error);
}

void diva_path_list_free(struct diva_path_list *list) {
  for (int64_t i = 0; i < list->count; i++) {
    free(list->paths[i]);
  }
  free(list->paths);
  *list = (struct diva_path_list){0};
}
