/** A dataset file being read for another format: each HDF5 dataset seen as a numpy array. */
#define _POSIX_C_SOURCE 200809L
#include "export.h"

#include "host/core/core.h"
#include "host/dataset/hdf5_type.h"
#include "host/dataset/sizes.h"
#include "host/output/hdf5_out.h"

#include <stdlib.h>
#include <string.h>

enum diva_status diva_export_open(struct diva_export *export, const char *from,
                                  const struct diva_convert_options *options,
                                  struct diva_error *error) {
  struct diva_h5_source *const source = &export->source;
  export->options = options;
  for (int i = 0; i < DIVA_PARTS; i++) {
    source->parts[i] = diva_h5_dataset_none();
  }
  source->feature_memory_type = H5I_INVALID_HID;
  enum diva_status status = diva_h5_file_open(&source->file, from, false, error);
  if (status == DIVA_OK) {
    status = diva_h5_dataset_find(&source->file, "labels", false, &source->parts[DIVA_PART_LABELS],
                                  error);
  }
  if (status == DIVA_OK) {
    status =
        diva_h5_dataset_find(&source->file, "ids", false, &source->parts[DIVA_PART_IDS], error);
  }
  return status == DIVA_OK ? diva_h5_class_names_read(source, error) : status;
}

void diva_export_close(struct diva_export *export) {
  if (export->options) {
    diva_h5_source_close(&export->source);
  }
  *export = (struct diva_export){0};
}

enum diva_status diva_export_check_memory(const struct diva_h5_dataset *dataset, int64_t count,
                                          int64_t size, const char *what,
                                          struct diva_error *error) {
  const struct diva_memory_limit limit = diva_memory_limit_make(0);
  int64_t bytes;
  if (!diva_size_multiply(count, size, 1, &bytes)) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error, "its size overflows");
  }
  const enum diva_status status = diva_memory_check(bytes, what, &limit, error);
  if (status != DIVA_OK) {
    diva_h5_dataset_prefix(dataset, error);
  }
  return status;
}

enum diva_status diva_export_check_row(const struct diva_h5_dataset *dataset, int64_t item_size,
                                       struct diva_error *error) {
  enum { MOST_CHUNKS = 1 << 18 };
  int64_t bytes = 0;
  int64_t across = 0;
  if (!diva_h5_dataset_chunk(dataset, &bytes, &across) || across > MOST_CHUNKS) {
    return diva_h5_dataset_fail(dataset, DIVA_ERROR_INPUT, error,
                                "a row is spread over %lld chunks (limit %d)", (long long)across,
                                MOST_CHUNKS);
  }
  return diva_export_check_memory(dataset, diva_h5_dataset_width(dataset), item_size, "one row",
                                  error);
}

static bool is_boolean(hid_t type) {
  char name[16] = "";
  const signed char no = 0;
  return H5Tget_class(type) == H5T_ENUM && H5Tget_size(type) == 1 && H5Tget_nmembers(type) == 2 &&
         H5Tenum_nameof(type, &no, name, sizeof name) >= 0 && strcmp(name, "FALSE") == 0;
}

/* A little-endian integer of the same width. An enumeration keeps its own type: HDF5 converts none
 * to integers, and its bytes are those of its base. */
static hid_t integer_type(hid_t type, const struct diva_npy *npy) {
  if (H5Tget_class(type) == H5T_ENUM) {
    return H5Tcopy(type);
  }
  const hid_t result = H5Tcopy(npy->kind == 'i' ? H5T_STD_I8LE : H5T_STD_U8LE);
  H5Tset_size(result, (size_t)npy->item_size);
  H5Tset_precision(result, (size_t)npy->item_size * 8);
  return result;
}

/* Kind, size and memory type of numbers; false for what is no number of numpy's. */
static bool describe_numbers(hid_t type, struct diva_npy *npy, hid_t *memory_type) {
  enum diva_dtype real;
  if (diva_h5_float_classify(type, &real)) {
    npy->kind = 'f';
    npy->item_size = real == DIVA_BFLOAT16 ? 4 : diva_dtype_size(real);
    *memory_type = real == DIVA_FLOAT16   ? diva_h5_out_half(false)
                   : real == DIVA_FLOAT64 ? H5Tcopy(H5T_IEEE_F64LE)
                                          : H5Tcopy(H5T_IEEE_F32LE);
    return true;
  }
  if (!diva_h5_is_integer(type)) {
    return false;
  }
  npy->kind = is_boolean(type) ? 'b' : diva_h5_is_unsigned(type) ? 'u' : 'i';
  npy->item_size = (int64_t)H5Tget_size(type);
  const int64_t size = npy->item_size;
  if (size != 1 && size != 2 && size != 4 && size != 8) {
    return false;
  }
  npy->big_endian = H5Tget_class(type) == H5T_ENUM && H5Tget_order(type) == H5T_ORDER_BE;
  *memory_type = integer_type(type, npy);
  return true;
}

static int64_t characters(const char *string) {
  int64_t count = 0;
  for (; *string; count++) {
    const int length = diva_utf8_length(string);
    string += length > 0 ? length : 1;
  }
  return count;
}

static void describe_strings(const struct diva_string_table *strings, struct diva_npy *npy) {
  int64_t longest = 0;
  for (int64_t i = 0; i < strings->count; i++) {
    const int64_t length = characters(diva_string_table_get(strings, i));
    longest = length > longest ? length : longest;
  }
  npy->kind = 'U';
  npy->item_size = 4 * (longest > 0 ? longest : 1);
}

/* Strings are held while they are written, as ids are everywhere in DIVA. */
static enum diva_status read_strings(struct diva_export *export, struct diva_export_array *array,
                                     struct diva_error *error) {
  struct diva_h5_source view = {.file = export->source.file, .rows = array->dataset.dims[0]};
  view.parts[DIVA_PART_IDS] = array->dataset;
  enum { BYTES_A_STRING = 16 }; /* offset, terminator and a few characters */
  enum diva_status status =
      diva_export_check_memory(&array->dataset, view.rows, BYTES_A_STRING, "text", error);
  if (status == DIVA_OK) {
    status = diva_string_table_init(&array->strings, view.rows, INT64_MAX, error);
  }
  if (status == DIVA_OK) {
    status = diva_h5_ids_read(&view, &array->strings, error);
  }
  if (status == DIVA_OK) {
    describe_strings(&array->strings, &array->npy);
  }
  return status;
}

static void take_shape(const struct diva_h5_dataset *dataset, struct diva_npy *npy) {
  npy->rank = dataset->rank;
  for (int i = 0; i < dataset->rank; i++) {
    npy->shape[i] = dataset->dims[i];
  }
}

static enum diva_status measure(struct diva_export_array *array, const char *path, const char *name,
                                struct diva_error *error) {
  struct diva_npy *const npy = &array->npy;
  npy->elements = 1;
  bool fits = true;
  for (int i = 0; i < npy->rank; i++) {
    fits = fits && diva_size_multiply(npy->elements, npy->shape[i], 1, &npy->elements);
  }
  if (!fits || !diva_size_multiply(npy->elements, npy->item_size, 1, &npy->bytes)) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: /%s: its size overflows", path, name);
  }
  return DIVA_OK;
}

enum diva_status diva_export_array_open(struct diva_export *export, struct diva_h5_dataset *dataset,
                                        struct diva_export_array *out, bool *known,
                                        struct diva_error *error) {
  *out = (struct diva_export_array){.dataset = *dataset, .memory_type = H5I_INVALID_HID};
  *dataset = diva_h5_dataset_none();
  const bool text = H5Tget_class(out->dataset.type) == H5T_STRING && out->dataset.rank == 1;
  *known = text || (H5Tget_class(out->dataset.type) != H5T_STRING &&
                    describe_numbers(out->dataset.type, &out->npy, &out->memory_type));
  if (!*known) {
    return DIVA_OK;
  }
  enum { CHUNK_CACHE = 256 << 20 };
  enum diva_status status = DIVA_OK;
  take_shape(&out->dataset, &out->npy);
  if (text) {
    status = read_strings(export, out, error);
  } else {
    status = diva_export_check_row(&out->dataset, out->npy.item_size, error);
  }
  if (status == DIVA_OK && !text) {
    status = diva_h5_dataset_cache_chunks(&out->dataset, CHUNK_CACHE, error);
  }
  return status == DIVA_OK ? measure(out, export->source.file.path, out->dataset.name, error)
                           : status;
}

enum diva_status diva_export_names_open(struct diva_export *export, struct diva_export_array *out,
                                        struct diva_error *error) {
  const struct diva_string_table *const names = &export->source.class_names;
  *out =
      (struct diva_export_array){.dataset = diva_h5_dataset_none(), .memory_type = H5I_INVALID_HID};
  enum diva_status status = diva_string_table_init(&out->strings, names->count, INT64_MAX, error);
  for (int64_t i = 0; i < names->count && status == DIVA_OK; i++) {
    const char *const name = diva_string_table_get(names, i);
    status = diva_string_table_append(&out->strings, name, (int64_t)strlen(name), error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  out->npy.rank = 1;
  out->npy.shape[0] = names->count;
  describe_strings(&out->strings, &out->npy);
  return measure(out, export->source.file.path, "class_names", error);
}

int64_t diva_export_block_rows(const struct diva_npy *npy) {
  const int64_t block_bytes = 8 << 20;
  const int64_t total = diva_npy_rows(npy);
  const int64_t row_bytes = total > 0 ? npy->bytes / total : 0;
  const int64_t rows = row_bytes > 0 ? block_bytes / row_bytes : block_bytes;
  const int64_t limited = rows < total ? rows : total;
  return limited > 0 ? limited : 1;
}

/* One code point of UTF-8; bytes that are none count as U+FFFD, one each. */
static uint32_t decode(const char *string, int *length) {
  static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
  *length = diva_utf8_length(string);
  if (*length == 0) {
    *length = 1;
    return 0xfffd;
  }
  uint32_t point = (unsigned char)string[0] & masks[*length];
  for (int i = 1; i < *length; i++) {
    point = point << 6 | ((unsigned char)string[i] & 0x3f);
  }
  return point;
}

static void write_text(const char *string, unsigned char *out, int64_t size) {
  memset(out, 0, (size_t)size);
  while (*string) {
    int length;
    const uint32_t point = decode(string, &length);
    for (int i = 0; i < 4; i++) {
      *out++ = (unsigned char)(point >> (8 * i) & 0xff);
    }
    string += length;
  }
}

enum diva_status diva_export_array_read(struct diva_export_array *array, int64_t first,
                                        int64_t count, void *out, struct diva_error *error) {
  if (array->npy.rank == 0) {
    const bool good =
        H5Dread(array->dataset.id, array->memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
    return good ? DIVA_OK
                : diva_h5_dataset_fail(&array->dataset, DIVA_ERROR_INPUT, error, "cannot be read");
  }
  if (array->npy.kind != 'U') {
    return diva_h5_dataset_read_rows(&array->dataset, array->memory_type, first, count, out, error);
  }
  for (int64_t i = 0; i < count; i++) {
    write_text(diva_string_table_get(&array->strings, first + i),
               (unsigned char *)out + i * array->npy.item_size, array->npy.item_size);
  }
  return DIVA_OK;
}

void diva_export_array_close(struct diva_export_array *array) {
  diva_string_table_free(&array->strings);
  diva_h5_close_id(&array->memory_type);
  diva_h5_dataset_close(&array->dataset);
}
