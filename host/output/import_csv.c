/** A dataset file from CSV: one pass counts rows and collects labels, a second reads the numbers.
 */
#define _GNU_SOURCE
#include "import.h"

#include "host/core/core.h"
#include "host/output/csv_reader.h"

#include <errno.h>
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the header line says. */
struct csv_layout {
  struct diva_csv header; /* only its fields are of use */
  int64_t fields;
  int64_t features;
  int64_t label; /* field, or -1 */
  int64_t id;    /* field, or -1 */
};

/* What the first pass finds. */
struct csv_survey {
  struct diva_name_set names; /* distinct texts of the label column */
  int32_t *codes;             /* of each row in names */
  int64_t rows;
  int64_t capacity;
  int64_t longest_id;
};

/* The second pass: a block of rows on its way to the file. */
struct csv_block {
  float *features;
  struct diva_text ids;
  const char **id_pointers;
  int64_t rows; /* room for */
  locale_t numbers;
  hid_t feature_set;
  hid_t id_set;
};

static const char *column_name(const struct csv_layout *layout, int64_t field) {
  return diva_csv_field(&layout->header, field);
}

/* The field of a name; -1 where there is none, which is an error for a name that was asked for. */
static enum diva_status find_column(const struct csv_layout *layout, const char *path,
                                    const char *asked, const char *standard, int64_t *field,
                                    struct diva_error *error) {
  *field = -1;
  for (int64_t i = 0; i < layout->fields; i++) {
    if (strcmp(column_name(layout, i), asked ? asked : standard) == 0) {
      if (*field >= 0) {
        return diva_error_set(error, DIVA_ERROR_INPUT, "%s: two columns are named '%s'", path,
                              column_name(layout, i));
      }
      *field = i;
    }
  }
  if (*field < 0 && asked) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: has no column '%s'", path, asked);
  }
  return DIVA_OK;
}

/* Takes the header line over from the reader, which goes on without it. */
static enum diva_status read_layout(struct diva_csv *csv,
                                    const struct diva_convert_options *options,
                                    struct csv_layout *layout, struct diva_error *error) {
  bool found;
  enum diva_status status = diva_csv_next(csv, &found, error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!found) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: is empty; a header line comes first",
                          csv->path);
  }
  layout->header = *csv;
  layout->header.file = NULL;
  layout->fields = csv->fields;
  csv->bytes = (struct diva_text){0};
  csv->starts = NULL;
  csv->capacity = 0;
  status = find_column(layout, csv->path, options->labels, "label", &layout->label, error);
  if (status == DIVA_OK) {
    status = find_column(layout, csv->path, options->ids, "id", &layout->id, error);
  }
  layout->features = layout->fields - (layout->label >= 0) - (layout->id >= 0);
  if (status == DIVA_OK && layout->features < 1) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: has no column of features", csv->path);
  }
  return status;
}

/* The next record, checked to be as wide as the header. */
static enum diva_status next_row(struct diva_csv *csv, const struct csv_layout *layout, bool *found,
                                 struct diva_error *error) {
  const enum diva_status status = diva_csv_next(csv, found, error);
  if (status == DIVA_OK && *found && csv->fields != layout->fields) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: line %lld: has %lld field%s, the header has %lld", csv->path,
                          (long long)csv->record_line, (long long)csv->fields,
                          diva_plural(csv->fields), (long long)layout->fields);
  }
  return status;
}

static bool remember_label(struct csv_survey *survey, const char *text) {
  if (survey->rows == survey->capacity) {
    const int64_t capacity = survey->capacity == 0 ? 1024 : 2 * survey->capacity;
    int32_t *const codes = realloc(survey->codes, (size_t)capacity * sizeof *codes);
    if (!codes) {
      return false;
    }
    survey->codes = codes;
    survey->capacity = capacity;
  }
  int64_t number;
  if (!diva_name_set_add(&survey->names, text, &number) || number > INT32_MAX) {
    return false;
  }
  survey->codes[survey->rows] = (int32_t)number;
  return true;
}

static enum diva_status survey_rows(struct diva_csv *csv, const struct csv_layout *layout,
                                    struct csv_survey *survey, struct diva_error *error) {
  bool found = true;
  enum diva_status status = DIVA_OK;
  while (status == DIVA_OK) {
    status = next_row(csv, layout, &found, error);
    if (status != DIVA_OK || !found) {
      break;
    }
    if (layout->id >= 0) {
      const int64_t length = (int64_t)strlen(diva_csv_field(csv, layout->id));
      survey->longest_id = length > survey->longest_id ? length : survey->longest_id;
    }
    if (layout->label >= 0 && !remember_label(survey, diva_csv_field(csv, layout->label))) {
      return diva_error_set(error, DIVA_ERROR_RESOURCE, "%s: out of memory for labels", csv->path);
    }
    survey->rows++;
  }
  if (status == DIVA_OK && survey->rows == 0) {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: has a header and no rows", csv->path);
  }
  return status;
}

static bool parse_integer(const char *text, int64_t *out) {
  char *end;
  errno = 0;
  const long long value = strtoll(text, &end, 10);
  *out = value;
  return end != text && *end == '\0' && errno == 0;
}

/* Whether every label is an integer (or absent); their values by number of the name. */
static bool integer_labels(const struct diva_name_set *names, int64_t *values) {
  for (int64_t i = 0; i < names->count; i++) {
    const char *const text = diva_name_set_get(names, i);
    values[i] = -1;
    if (*text && !parse_integer(text, &values[i])) {
      return false;
    }
  }
  return true;
}

static enum diva_status write_integer_labels(struct diva_import *import,
                                             const struct csv_survey *survey, const int64_t *values,
                                             struct diva_error *error) {
  hid_t dataset = H5I_INVALID_HID;
  bool narrow = true;
  for (int64_t i = 0; i < survey->names.count; i++) {
    narrow = narrow && values[i] >= INT32_MIN && values[i] <= INT32_MAX;
  }
  void *labels;
  enum diva_status status = diva_allocate(survey->rows, 8, "labels", &labels, error);
  for (int64_t i = 0; status == DIVA_OK && i < survey->rows; i++) {
    ((int64_t *)labels)[i] = values[survey->codes[i]];
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_dataset(&import->out, "labels", narrow ? H5T_STD_I32LE : H5T_STD_I64LE, 1,
                                 &survey->rows, &dataset, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_h5_out_rows(&import->out, dataset, H5T_NATIVE_INT64, 0, survey->rows, labels, error);
  }
  diva_h5_close_id(&dataset);
  free(labels);
  return status;
}

static enum diva_status write_named_labels(struct diva_import *import, struct csv_survey *survey,
                                           struct diva_error *error) {
  void *codes;
  enum diva_status status =
      diva_allocate(survey->names.count, sizeof(int32_t), "class names", &codes, error);
  for (int64_t i = 0; status == DIVA_OK && i < survey->names.count; i++) {
    status = diva_import_label_code(import, diva_name_set_get(&survey->names, i),
                                    &((int32_t *)codes)[i], error);
  }
  for (int64_t i = 0; status == DIVA_OK && i < survey->rows; i++) {
    survey->codes[i] = ((const int32_t *)codes)[survey->codes[i]];
  }
  if (status == DIVA_OK) {
    status = diva_import_label_codes(import, survey->codes, survey->rows, error);
  }
  free(codes);
  return status;
}

static enum diva_status write_labels(struct diva_import *import, struct csv_survey *survey,
                                     struct diva_error *error) {
  void *values;
  enum diva_status status = diva_allocate(survey->names.count, 8, "labels", &values, error);
  if (status == DIVA_OK) {
    status = integer_labels(&survey->names, values)
                 ? write_integer_labels(import, survey, values, error)
                 : write_named_labels(import, survey, error);
  }
  free(values);
  return status;
}

/* A decimal number, blanks around it allowed; not the hexadecimal, nan and inf of strtod. */
static bool parse_real(const char *text, locale_t numbers, double *out) {
  char *end;
  *out = strtod_l(text, &end, numbers);
  const bool consumed = end != text && end[strspn(end, " \t")] == '\0';
  return consumed && isfinite(*out) && !strpbrk(text, "xX");
}

static enum diva_status parse_features(const struct diva_csv *csv, const struct csv_layout *layout,
                                       locale_t numbers, float *out, struct diva_error *error) {
  int64_t written = 0;
  for (int64_t i = 0; i < layout->fields; i++) {
    if (i == layout->label || i == layout->id) {
      continue;
    }
    const char *const text = diva_csv_field(csv, i);
    double value;
    if (!parse_real(text, numbers, &value) || fabs(value) > FLT_MAX) {
      return diva_error_set(error, DIVA_ERROR_INPUT,
                            "%s: line %lld, column '%s': '%.60s' is not a finite number%s",
                            csv->path, (long long)csv->record_line, column_name(layout, i), text,
                            *text ? " of float32" : " (the cell is empty)");
    }
    out[written++] = (float)value;
  }
  return DIVA_OK;
}

static enum diva_status write_block(const struct diva_import *import,
                                    const struct csv_layout *layout, struct csv_block *block,
                                    int64_t first, int64_t count, struct diva_error *error) {
  enum diva_status status = diva_h5_out_rows(&import->out, block->feature_set, H5T_NATIVE_FLOAT,
                                             first, count, block->features, error);
  if (status == DIVA_OK && block->ids.failed) {
    status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for ids");
  }
  if (status == DIVA_OK && layout->id >= 0) {
    const char *at = block->ids.data;
    for (int64_t i = 0; i < count; i++) {
      block->id_pointers[i] = at;
      at += strlen(at) + 1;
    }
    status =
        diva_h5_out_strings(&import->out, block->id_set, first, count, block->id_pointers, error);
  }
  block->ids.length = 0;
  return status;
}

static enum diva_status read_block(struct diva_csv *csv, const struct csv_layout *layout,
                                   struct csv_block *block, int64_t count,
                                   struct diva_error *error) {
  enum diva_status status = DIVA_OK;
  for (int64_t i = 0; i < count && status == DIVA_OK; i++) {
    bool found;
    status = next_row(csv, layout, &found, error);
    if (status == DIVA_OK && !found) {
      status = diva_error_set(error, DIVA_ERROR_INPUT, "%s: changed while it was read", csv->path);
    }
    if (status == DIVA_OK) {
      status = parse_features(csv, layout, block->numbers, block->features + i * layout->features,
                              error);
    }
    if (status == DIVA_OK && layout->id >= 0) {
      const char *const id = diva_csv_field(csv, layout->id);
      diva_text_append(&block->ids, id, (int64_t)strlen(id) + 1);
    }
  }
  return status;
}

static enum diva_status prepare_block(struct diva_import *import, const struct csv_layout *layout,
                                      const struct csv_survey *survey, struct csv_block *block,
                                      struct diva_error *error) {
  enum { BLOCK_VALUES = 2 << 20, BLOCK_ROWS = 8192 };
  const int64_t shape[] = {survey->rows, layout->features};
  const int64_t rows = BLOCK_VALUES / (layout->features > 0 ? layout->features : 1);
  void *memory = NULL;
  block->rows = rows < 1 ? 1 : rows < BLOCK_ROWS ? rows : BLOCK_ROWS;
  enum diva_status status = diva_allocate(block->rows * layout->features, sizeof(float),
                                          "a block of rows", &memory, error);
  block->features = memory;
  if (status == DIVA_OK) {
    status = diva_allocate(block->rows, sizeof(char *), "a block of ids", &memory, error);
    block->id_pointers = status == DIVA_OK ? memory : NULL;
  }
  if (status == DIVA_OK) {
    block->numbers = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!block->numbers) {
      status = diva_error_set(error, DIVA_ERROR_RESOURCE, "out of memory for a locale");
    }
  }
  if (status == DIVA_OK) {
    status = diva_h5_out_dataset(&import->out, "features", H5T_IEEE_F32LE, 2, shape,
                                 &block->feature_set, error);
  }
  if (status == DIVA_OK && layout->id >= 0) {
    hid_t type = diva_h5_out_string(survey->longest_id);
    status =
        diva_h5_out_dataset(&import->out, "ids", type, 1, &survey->rows, &block->id_set, error);
    diva_h5_close_id(&type);
  }
  return status;
}

static void free_block(struct csv_block *block) {
  diva_h5_close_id(&block->id_set);
  diva_h5_close_id(&block->feature_set);
  if (block->numbers) {
    freelocale(block->numbers);
  }
  diva_text_free(&block->ids);
  free(block->id_pointers);
  free(block->features);
}

/* The second pass, from the header line on. */
static enum diva_status copy_rows(struct diva_csv *csv, const struct csv_layout *layout,
                                  const struct csv_survey *survey, struct diva_import *import,
                                  struct diva_error *error) {
  struct csv_block block = {.feature_set = H5I_INVALID_HID, .id_set = H5I_INVALID_HID};
  bool found;
  enum diva_status status = diva_csv_next(csv, &found, error);
  if (status == DIVA_OK) {
    status = prepare_block(import, layout, survey, &block, error);
  }
  for (int64_t first = 0; first < survey->rows && status == DIVA_OK; first += block.rows) {
    const int64_t left = survey->rows - first;
    const int64_t count = left < block.rows ? left : block.rows;
    status = read_block(csv, layout, &block, count, error);
    if (status == DIVA_OK) {
      status = write_block(import, layout, &block, first, count, error);
    }
    if (status == DIVA_OK) {
      status = diva_progress_report(&import->options->progress, "features", first + count,
                                    survey->rows, error);
    }
  }
  free_block(&block);
  return status;
}

enum diva_status diva_import_csv(const char *from, struct diva_import *import,
                                 struct diva_error *error) {
  struct csv_layout layout = {0};
  struct csv_survey survey = {0};
  struct diva_csv csv = {0};
  enum diva_status status = diva_csv_open(from, &csv, error);
  if (status == DIVA_OK) {
    status = read_layout(&csv, import->options, &layout, error);
  }
  if (status == DIVA_OK) {
    status = survey_rows(&csv, &layout, &survey, error);
  }
  diva_csv_close(&csv);
  if (status == DIVA_OK) {
    status = diva_csv_open(from, &csv, error);
  }
  if (status == DIVA_OK) {
    status = copy_rows(&csv, &layout, &survey, import, error);
  }
  if (status == DIVA_OK && layout.label >= 0) {
    status = write_labels(import, &survey, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "%s: column '%s': ", from, column_name(&layout, layout.label));
    }
  }
  diva_csv_close(&csv);
  diva_csv_close(&layout.header);
  diva_name_set_free(&survey.names);
  free(survey.codes);
  return status;
}
