/* Rows by their ids. */
#include "row_ids.h"

#include <diva/suggest.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cli_row_id {
  const char *id; /* borrowed from the dataset */
  int64_t row;
};

static int compare_ids(const void *a, const void *b) {
  return strcmp(((const struct cli_row_id *)a)->id, ((const struct cli_row_id *)b)->id);
}

enum diva_status cli_row_ids_open(struct cli_row_ids *ids, const struct diva_dataset *dataset,
                                  struct diva_error *error) {
  struct diva_dataset_info info;
  char scratch[DIVA_ID_SCRATCH_SIZE];
  diva_dataset_describe(dataset, &info);
  *ids = (struct cli_row_ids){.dataset = dataset, .rows = info.rows};
  if (!info.has_ids) {
    return DIVA_OK;
  }
  ids->sorted = malloc((size_t)info.rows * sizeof *ids->sorted);
  if (!ids->sorted) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for the ids of %lld rows",
                          (long long)info.rows);
  }
  for (int64_t i = 0; i < info.rows; i++) {
    ids->sorted[i] = (struct cli_row_id){diva_dataset_id(dataset, i, scratch), i};
  }
  qsort(ids->sorted, (size_t)info.rows, sizeof *ids->sorted, compare_ids);
  return DIVA_OK;
}

/* A row number as it is written: no sign, no leading zero. */
static int64_t find_number(const struct cli_row_ids *ids, const char *id) {
  enum { MOST_DIGITS = 18 };
  const size_t length = strlen(id);
  if (!length || length > MOST_DIGITS || id[strspn(id, "0123456789")] ||
      (*id == '0' && length > 1)) {
    return -1;
  }
  const int64_t row = strtoll(id, NULL, 10);
  return row < ids->rows ? row : -1;
}

int64_t cli_row_ids_find(const struct cli_row_ids *ids, const char *id) {
  if (!ids->sorted) {
    return find_number(ids, id);
  }
  const struct cli_row_id wanted = {.id = id};
  const struct cli_row_id *found =
      bsearch(&wanted, ids->sorted, (size_t)ids->rows, sizeof *ids->sorted, compare_ids);
  return found ? found->row : -1;
}

const char *cli_row_ids_hint(const struct cli_row_ids *ids, const char *id,
                             char out[CLI_HINT_SIZE]) {
  enum { MOST_COMPARED = 1 << 20 };
  const char *near = NULL;
  if (!ids->sorted) {
    snprintf(out, CLI_HINT_SIZE, "; they have no ids but their numbers, 0 to %lld",
             (long long)ids->rows - 1);
    return out;
  }
  for (int64_t i = 0; i < ids->rows && i < MOST_COMPARED; i++) {
    const char *const pair[] = {near ? near : ids->sorted[i].id, ids->sorted[i].id, NULL};
    near = diva_suggest(id, pair);
  }
  if (near) {
    snprintf(out, CLI_HINT_SIZE, " (did you mean '%.100s'?)", near);
  } else {
    snprintf(out, CLI_HINT_SIZE, "; ids are such as '%.60s' and '%.60s'", ids->sorted[0].id,
             ids->sorted[ids->rows - 1].id);
  }
  return out;
}

void cli_row_ids_close(struct cli_row_ids *ids) {
  free(ids->sorted);
  *ids = (struct cli_row_ids){0};
}
