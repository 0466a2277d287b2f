/* What to say of a dataset that is not in the file: what is there instead, and the nearest name. */
#define _POSIX_C_SOURCE 200809L
#include "host/dataset/hdf5_missing.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { LIST_SIZE = 512, NAME_SIZE = 128, NAMES_SHOWN = 12 };

struct search {
  const char *name;
  char list[LIST_SIZE];
  size_t used;
  int64_t found;
  char nearest[NAME_SIZE];
  int distance;
};

static int least(int a, int b, int c) {
  int ab = a < b ? a : b;
  return ab < c ? ab : c;
}

/* Edits (insert, delete, replace, without regard to case) that turn one name into the other. */
static int edit_distance(const char *a, const char *b) {
  int row[NAME_SIZE + 1];
  size_t length = strlen(b);
  if (length > NAME_SIZE || strlen(a) > NAME_SIZE) {
    return NAME_SIZE;
  }
  for (size_t j = 0; j <= length; j++) {
    row[j] = (int)j;
  }
  for (size_t i = 0; a[i]; i++) {
    int diagonal = row[0];
    row[0] = (int)i + 1;
    for (size_t j = 0; j < length; j++) {
      char pair[2][2] = {{a[i], '\0'}, {b[j], '\0'}};
      int replace = diagonal + (strcasecmp(pair[0], pair[1]) != 0);
      diagonal = row[j + 1];
      row[j + 1] = least(row[j] + 1, row[j + 1] + 1, replace);
    }
  }
  return row[length];
}

static herr_t collect(hid_t group, const char *name, const H5L_info_t *info, void *context) {
  (void)group;
  (void)info;
  struct search *search = context;
  int distance = edit_distance(search->name, name);
  if (distance < search->distance) {
    search->distance = distance;
    snprintf(search->nearest, sizeof search->nearest, "%s", name);
  }
  if (search->found++ < NAMES_SHOWN && search->used < LIST_SIZE) {
    int length = snprintf(search->list + search->used, LIST_SIZE - search->used, "%s/%s",
                          search->used ? ", " : "", name);
    search->used += length > 0 ? (size_t)length : 0;
  }
  return 0;
}

enum diva_status diva_h5_fail_missing(const struct diva_h5_file *file, const char *what,
                                      const char *name, struct diva_error *error) {
  int length = (int)strlen(name);
  struct search search = {.name = name, .distance = length / 3 + 2};
  H5Literate(file->id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, collect, &search);
  char more[32] = "";
  if (search.found > NAMES_SHOWN) {
    snprintf(more, sizeof more, " and %lld more", (long long)(search.found - NAMES_SHOWN));
  }
  char hint[NAME_SIZE + 32] = "";
  if (search.nearest[0]) {
    snprintf(hint, sizeof hint, " (did you mean /%s?)", search.nearest);
  }
  return diva_error_set(error, DIVA_ERROR_INPUT, "%s: there is no %s%s; the file has %s%s",
                        file->path, what, hint, search.found ? search.list : "nothing at all",
                        more);
}
