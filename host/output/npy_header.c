/** The header of a .npy file: what numpy calls the dtype, the order and the shape of an array. */
#include "npy.h"

#include "host/core/core.h"

#include <stdio.h>
#include <string.h>

/* A Python literal being read; the bytes end at `end` whatever they say. */
struct cursor {
  const char *at;
  const char *end;
};

bool diva_machine_big_endian(void) {
  const uint16_t probe = 1;
  unsigned char first;
  memcpy(&first, &probe, 1);
  return first == 0;
}

int64_t diva_npy_rows(const struct diva_npy *npy) {
  return npy->rank > 0 ? npy->shape[0] : 1;
}

int64_t diva_npy_row_elements(const struct diva_npy *npy) {
  int64_t product = 1;
  for (int i = 1; i < npy->rank; i++) {
    product *= npy->shape[i];
  }
  return product;
}

const char *diva_npy_type_name(const struct diva_npy *npy, char scratch[64]) {
  const int bits = (int)(npy->item_size * 8);
  switch (npy->kind) {
  case 'f':
    snprintf(scratch, 64, "float%d", bits);
    break;
  case 'i':
    snprintf(scratch, 64, "int%d", bits);
    break;
  case 'u':
    snprintf(scratch, 64, "uint%d", bits);
    break;
  case 'b':
    snprintf(scratch, 64, "bool");
    break;
  default:
    snprintf(scratch, 64, "text of %lld characters",
             (long long)(npy->kind == 'U' ? npy->item_size / 4 : npy->item_size));
    break;
  }
  return scratch;
}

void diva_npy_header_append(const struct diva_npy *npy, struct diva_text *out) {
  enum { ALIGNMENT = 64 };
  struct diva_text body = {0};
  const int64_t count = npy->kind == 'U' ? npy->item_size / 4 : npy->item_size;
  const char order = npy->item_size == 1 || npy->kind == 'S' ? '|' : npy->big_endian ? '>' : '<';
  const char type[] = {order, npy->kind};
  diva_text_string(&body, "{'descr': '");
  diva_text_append(&body, type, 2);
  diva_text_integer(&body, count);
  diva_text_string(&body, "', 'fortran_order': False, 'shape': (");
  for (int i = 0; i < npy->rank; i++) {
    diva_text_integer(&body, npy->shape[i]);
    diva_text_string(&body, npy->rank == 1 ? "," : i + 1 < npy->rank ? ", " : "");
  }
  diva_text_string(&body, "), }");
  while ((DIVA_NPY_PREFIX + DIVA_NPY_LENGTH_V1 + body.length + 1) % ALIGNMENT != 0) {
    diva_text_append(&body, " ", 1);
    if (body.failed) {
      break;
    }
  }
  diva_text_append(&body, "\n", 1);
  const char prefix[] = {'\x93',
                         'N',
                         'U',
                         'M',
                         'P',
                         'Y',
                         '\x01',
                         '\x00',
                         (char)(body.length & 0xff),
                         (char)(body.length >> 8 & 0xff)};
  diva_text_append(out, prefix, (int64_t)sizeof prefix);
  diva_text_append(out, body.data, body.length);
  out->failed |= body.failed;
  diva_text_free(&body);
}

static void skip_spaces(struct cursor *cursor) {
  while (cursor->at < cursor->end && *cursor->at && strchr(" \t\r\n", *cursor->at)) {
    cursor->at++;
  }
}

static bool accept(struct cursor *cursor, char expected) {
  skip_spaces(cursor);
  if (cursor->at < cursor->end && *cursor->at == expected) {
    cursor->at++;
    return true;
  }
  return false;
}

static bool accept_word(struct cursor *cursor, const char *word) {
  skip_spaces(cursor);
  const size_t length = strlen(word);
  if ((size_t)(cursor->end - cursor->at) < length || memcmp(cursor->at, word, length) != 0) {
    return false;
  }
  cursor->at += length;
  return true;
}

/* A quoted string without escapes, which no numpy header needs, cut to the room there is. */
static bool accept_string(struct cursor *cursor, char *out, size_t size) {
  skip_spaces(cursor);
  if (cursor->at >= cursor->end || (*cursor->at != '\'' && *cursor->at != '"')) {
    return false;
  }
  const char quote = *cursor->at++;
  size_t length = 0;
  for (; cursor->at < cursor->end && *cursor->at != quote; cursor->at++) {
    if (length + 1 < size) {
      out[length++] = *cursor->at;
    }
  }
  out[length] = '\0';
  return accept(cursor, quote);
}

static bool accept_number(struct cursor *cursor, int64_t *out) {
  skip_spaces(cursor);
  const char *const start = cursor->at;
  int64_t value = 0;
  while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9') {
    if (__builtin_mul_overflow(value, 10, &value) ||
        __builtin_add_overflow(value, *cursor->at - '0', &value)) {
      return false;
    }
    cursor->at++;
  }
  const bool found = cursor->at > start;
  if (found && cursor->at < cursor->end && *cursor->at == 'L') {
    cursor->at++; /* a long integer of Python 2 */
  }
  *out = value;
  return found;
}

static bool accept_shape(struct cursor *cursor, struct diva_npy *npy) {
  if (!accept(cursor, '(')) {
    return false;
  }
  npy->rank = 0;
  while (!accept(cursor, ')')) {
    if (npy->rank == DIVA_NPY_MAX_RANK || !accept_number(cursor, &npy->shape[npy->rank])) {
      return false;
    }
    npy->rank++;
    if (!accept(cursor, ',')) {
      return accept(cursor, ')');
    }
  }
  return true;
}

static bool known_type(const struct diva_npy *npy) {
  const int64_t size = npy->item_size;
  switch (npy->kind) {
  case 'f':
    return size == 2 || size == 4 || size == 8;
  case 'i':
  case 'u':
    return size == 1 || size == 2 || size == 4 || size == 8;
  case 'b':
    return size == 1;
  default:
    return npy->kind == 'U' || npy->kind == 'S';
  }
}

/* "<f4", "|b1", "=i8", ">U12" */
static bool parse_type(const char *type, struct diva_npy *npy) {
  const char *rest = type;
  npy->big_endian = diva_machine_big_endian();
  if (*rest && strchr("<>=|", *rest)) {
    npy->big_endian = *rest == '>' || (*rest != '<' && npy->big_endian);
    rest++;
  }
  npy->kind = *rest == 'a' ? 'S' : *rest;
  if (!*rest) {
    return false;
  }
  struct cursor cursor = {.at = rest + 1, .end = rest + strlen(rest)};
  int64_t count;
  if (!accept_number(&cursor, &count) || cursor.at != cursor.end) {
    return false;
  }
  return diva_size_multiply(count, npy->kind == 'U' ? 4 : 1, 1, &npy->item_size) && known_type(npy);
}

/* The product leaves zeros out for the check: that of the other dimensions must be sane as well. */
static enum diva_status measure(struct diva_npy *npy, const char *source,
                                struct diva_error *error) {
  int longer_than_one = 0;
  bool fits = true;
  bool empty = false;
  int64_t product = 1;
  for (int i = 0; i < npy->rank; i++) {
    longer_than_one += npy->shape[i] > 1;
    empty = empty || npy->shape[i] == 0;
    fits = fits && (npy->shape[i] == 0 || diva_size_multiply(product, npy->shape[i], 1, &product));
  }
  if (!fits || !diva_size_multiply(product, npy->item_size, 1, &npy->bytes)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: the shape in its header overflows 64-bit sizes", source);
  }
  npy->elements = empty ? 0 : product;
  npy->bytes = empty ? 0 : npy->bytes;
  npy->fortran = npy->fortran && longer_than_one > 1;
  return DIVA_OK;
}

/* The value of 'descr': a type, or the list of a structured one. */
static enum diva_status read_type(struct cursor *cursor, const char *source, struct diva_npy *npy,
                                  bool *good, struct diva_error *error) {
  char type[32];
  if (accept(cursor, '[')) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: holds structured records; plain arrays of numbers, bool or text are "
                          "read",
                          source);
  }
  *good = accept_string(cursor, type, sizeof type);
  if (*good && !parse_type(type, npy)) {
    return diva_error_set(error, DIVA_ERROR_INPUT,
                          "%s: element type '%s' is not read; float16/32/64, integers, bool and "
                          "text are",
                          source, type);
  }
  return DIVA_OK;
}

static bool read_order(struct cursor *cursor, struct diva_npy *npy) {
  npy->fortran = accept_word(cursor, "True");
  return npy->fortran || accept_word(cursor, "False");
}

enum diva_status diva_npy_header_parse(const char *text, int64_t length, const char *source,
                                       struct diva_npy *out, struct diva_error *error) {
  struct cursor cursor = {.at = text, .end = text + length};
  bool have_type = false, have_order = false, have_shape = false;
  bool good = accept(&cursor, '{');
  *out = (struct diva_npy){0};
  while (good && !accept(&cursor, '}')) {
    char key[16] = "";
    enum diva_status status = DIVA_OK;
    good = accept_string(&cursor, key, sizeof key) && accept(&cursor, ':');
    if (good && strcmp(key, "descr") == 0) {
      status = read_type(&cursor, source, out, &good, error);
      have_type = good;
    } else if (good && strcmp(key, "fortran_order") == 0) {
      have_order = good = read_order(&cursor, out);
    } else if (good && strcmp(key, "shape") == 0) {
      have_shape = good = accept_shape(&cursor, out);
    } else {
      good = false;
    }
    if (status != DIVA_OK) {
      return status;
    }
    if (good && !accept(&cursor, ',')) {
      good = accept(&cursor, '}');
      break;
    }
  }
  if (!good || !have_type || !have_order || !have_shape) {
    return diva_error_set(error, DIVA_ERROR_INPUT, "%s: malformed .npy header (byte %lld)", source,
                          (long long)(cursor.at - text));
  }
  return measure(out, source, error);
}
