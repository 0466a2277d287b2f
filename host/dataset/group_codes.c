/* Codes in place of the texts that say which rows belong together. */
#include "host/dataset/group_codes.h"

#include "host/core/core.h"

#include <stdlib.h>
#include <string.h>

enum diva_status diva_group_codes_make(struct diva_string_table *names, int32_t **codes,
                                       struct diva_error *error) {
  const int64_t rows = names->count;
  struct diva_string_table kept = {0};
  int64_t *first = NULL;
  void *memory = NULL;
  *codes = NULL;
  enum diva_status status =
      diva_allocate(rows, (int64_t)sizeof *first, "groups", (void **)&first, error);
  if (!status) {
    status = diva_allocate(rows, (int64_t)sizeof **codes, "groups", &memory, error);
    *codes = memory;
  }
  if (!status) {
    status = diva_string_table_first(names, first, error);
  }
  if (!status) {
    status = diva_string_table_init(&kept, rows, names->budget, error);
  }
  for (int64_t i = 0; !status && i < rows; i++) {
    const char *name = diva_string_table_get(names, i);
    if (first[i] < i) {
      (*codes)[i] = (*codes)[first[i]];
    } else if (!*name) {
      (*codes)[i] = -1;
    } else if (kept.count == INT32_MAX) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "more than %d groups", INT32_MAX);
    } else {
      (*codes)[i] = (int32_t)kept.count;
      status = diva_string_table_append(&kept, name, (int64_t)strlen(name), error);
    }
  }
  free(first);
  if (status) {
    diva_string_table_free(&kept);
    return status;
  }
  diva_string_table_free(names);
  *names = kept;
  return DIVA_OK;
}
