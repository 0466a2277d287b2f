/** How a state lies in a file: its datasets, its header, its digest. */
#include "state_format.h"

#include "host/core/core.h"

#include <jansson.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void diva_state_list_fields(struct diva_state_content *content,
                            struct diva_state_field out[DIVA_STATE_FIELDS]) {
  struct diva_state *state = content->state;
  struct diva_sums *sums = &state->sums;
  const struct diva_state_info *info = &state->info;
  const int64_t d = info->columns;
  const int64_t k = info->outputs;
  const int64_t n = info->rows;
  const bool targets = info->has_targets || info->has_base_outputs;
  const int64_t scores = info->has_scores ? n : 0;
  const struct diva_state_field fields[DIVA_STATE_FIELDS] = {
      {"sums/mean", DIVA_STATE_REAL, d, (void **)&sums->mean},
      {"sums/scatter", DIVA_STATE_REAL, diva_sums_triangle(d), (void **)&sums->scatter},
      {"sums/target", DIVA_STATE_REAL, k, (void **)&sums->target},
      {"sums/cross", DIVA_STATE_REAL, k * d, (void **)&sums->cross},
      {"sums/row_mean", DIVA_STATE_REAL, d, (void **)&sums->row_mean},
      {"sums/row_square", DIVA_STATE_REAL, d, (void **)&sums->row_square},
      {"rows/label", DIVA_STATE_INT32, info->has_targets ? 0 : n, (void **)&state->label},
      {"rows/weight", DIVA_STATE_REAL, n, (void **)&state->weight},
      {"rows/group", DIVA_STATE_INT32, info->has_groups ? n : 0, (void **)&state->group},
      {"rows/hash", DIVA_STATE_UINT64, n, (void **)&state->hash},
      {"rows/target_hash", DIVA_STATE_UINT64, targets ? n : 0, (void **)&state->target_hash},
      {"rows/loo_loss", DIVA_STATE_REAL, scores, (void **)&state->loo_loss},
      {"rows/suggested_label", DIVA_STATE_INT32, scores, (void **)&state->suggested_label},
      {"names/ids", DIVA_STATE_BYTES, content->bytes[DIVA_STATE_IDS],
       (void **)&content->texts[DIVA_STATE_IDS]},
      {"names/classes", DIVA_STATE_BYTES, content->bytes[DIVA_STATE_CLASS_NAMES],
       (void **)&content->texts[DIVA_STATE_CLASS_NAMES]},
      {"names/groups", DIVA_STATE_BYTES, content->bytes[DIVA_STATE_GROUP_NAMES],
       (void **)&content->texts[DIVA_STATE_GROUP_NAMES]},
      {"provenance", DIVA_STATE_BYTES, content->bytes[DIVA_STATE_PROVENANCE],
       (void **)&content->texts[DIVA_STATE_PROVENANCE]},
  };
  memcpy(out, fields, sizeof fields);
}

int64_t diva_state_field_size(enum diva_state_field_type type) {
  switch (type) {
  case DIVA_STATE_BYTES:
    return 1;
  case DIVA_STATE_INT32:
    return (int64_t)sizeof(int32_t);
  default:
    return (int64_t)sizeof(double);
  }
}

hid_t diva_state_field_memory(enum diva_state_field_type type) {
  switch (type) {
  case DIVA_STATE_BYTES:
    return H5T_NATIVE_UINT8;
  case DIVA_STATE_INT32:
    return H5T_NATIVE_INT32;
  case DIVA_STATE_UINT64:
    return H5T_NATIVE_UINT64;
  default:
    return H5T_NATIVE_DOUBLE;
  }
}

hid_t diva_state_field_stored(enum diva_state_field_type type) {
  switch (type) {
  case DIVA_STATE_BYTES:
    return H5T_STD_U8LE;
  case DIVA_STATE_INT32:
    return H5T_STD_I32LE;
  case DIVA_STATE_UINT64:
    return H5T_STD_U64LE;
  default:
    return H5T_IEEE_F64LE;
  }
}

enum diva_status diva_state_header_make(const struct diva_state_content *content, char **out,
                                        struct diva_error *error) {
  const struct diva_state_info *info = &content->state->info;
  json_t *header = json_pack(
      "{s:I s:I s:I s:I s:I s:s s:b s:b s:b s:b s:b s:b s:s s:b s:s s:f s:b s:f s:[I,I,I,I]}",
      "rows", (json_int_t)info->rows, "columns", (json_int_t)info->columns, "outputs",
      (json_int_t)info->outputs, "groups", (json_int_t)content->state->group_names.count,
      "moment_rows", (json_int_t)content->state->sums.rows, "feature_type",
      diva_dtype_name(info->feature_type), "targets", info->has_targets, "ids", info->has_ids,
      "weights", info->has_weights, "base_outputs", info->has_base_outputs, "group_codes",
      info->has_groups, "scores", info->has_scores, "scale", diva_scale_name(info->scale),
      "intercept", info->intercept, "loss", diva_loss_name(info->loss), "lambda", info->lambda,
      "lambda_given", info->lambda_given, "weight", content->state->sums.weight, "text_bytes",
      (json_int_t)content->bytes[DIVA_STATE_IDS],
      (json_int_t)content->bytes[DIVA_STATE_CLASS_NAMES],
      (json_int_t)content->bytes[DIVA_STATE_GROUP_NAMES],
      (json_int_t)content->bytes[DIVA_STATE_PROVENANCE]);
  if (header && info->factor) {
    json_object_set_new(header, "factor", json_string(info->factor)); /* left out if not UTF-8 */
  }
  *out = header ? json_dumps(header, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
  json_decref(header);
  return *out ? DIVA_OK
              : diva_error_set(error, DIVA_ERROR_RESOURCE,
                               "out of memory for the header of a state");
}

/* What a header says before it is believed. */
struct header {
  json_int_t rows, columns, outputs, groups, moment_rows;
  json_int_t bytes[DIVA_STATE_TEXTS];
  const char *feature_type, *scale, *loss;
  const char *factor; /* NULL: without groups, or unknown */
  int targets, ids, weights, base_outputs, group_codes, scores, intercept, lambda_given;
  double lambda, weight;
};

static bool find_feature_type(const char *name, enum diva_dtype *out) {
  const enum diva_dtype types[] = {DIVA_FLOAT16, DIVA_BFLOAT16, DIVA_FLOAT32, DIVA_FLOAT64};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    if (strcmp(name, diva_dtype_name(types[i])) == 0) {
      *out = types[i];
      return true;
    }
  }
  return false;
}

static bool find_scale(const char *name, enum diva_scale *out) {
  const enum diva_scale scales[] = {DIVA_SCALE_NONE, DIVA_SCALE_L2, DIVA_SCALE_STANDARDIZE};
  for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
    if (strcmp(name, diva_scale_name(scales[i])) == 0) {
      *out = scales[i];
      return true;
    }
  }
  return false;
}

static bool find_loss(const char *name, enum diva_loss *out) {
  const enum diva_loss losses[] = {DIVA_LOSS_SQUARED, DIVA_LOSS_CROSS_ENTROPY};
  for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
    if (strcmp(name, diva_loss_name(losses[i])) == 0) {
      *out = losses[i];
      return true;
    }
  }
  return false;
}

/* Sizes that a file on this machine can have, so that no product of two of them overflows. */
static bool is_sane(const struct header *header) {
  const json_int_t most_rows = (json_int_t)1 << 40;
  const json_int_t most_columns = (json_int_t)1 << 30;
  bool sane = header->rows >= 1 && header->rows <= most_rows && header->columns >= 1 &&
              header->columns <= most_columns && header->outputs >= 1 &&
              header->outputs <= most_columns && header->groups >= 0 &&
              header->groups <= header->rows && header->moment_rows >= 0 &&
              header->moment_rows <= header->rows && header->lambda >= 0.0 && header->weight >= 0.0;
  for (int i = 0; i < DIVA_STATE_TEXTS; i++) {
    sane = sane && header->bytes[i] >= 0 && header->bytes[i] <= most_rows;
  }
  return sane;
}

static void take_header(const struct header *header, struct diva_state_content *out) {
  struct diva_state_info *info = &out->state->info;
  info->rows = header->rows;
  info->columns = header->columns;
  info->outputs = header->outputs;
  info->groups = header->groups;
  info->has_targets = header->targets;
  info->has_ids = header->ids;
  info->has_weights = header->weights;
  info->has_base_outputs = header->base_outputs;
  info->has_class_names = header->bytes[DIVA_STATE_CLASS_NAMES] > 0;
  info->has_groups = header->group_codes;
  info->has_scores = header->scores;
  info->intercept = header->intercept;
  info->lambda = header->lambda;
  info->lambda_given = header->lambda_given;
  info->weight = header->weight;
  out->state->sums.rows = header->moment_rows;
  for (int i = 0; i < DIVA_STATE_TEXTS; i++) {
    out->bytes[i] = header->bytes[i];
  }
}

enum diva_status diva_state_header_parse(const char *header, int64_t length,
                                         struct diva_state_content *out, struct diva_error *error) {
  struct header said = {0};
  json_error_t fault;
  json_t *root = json_loadb(header, (size_t)length, JSON_REJECT_DUPLICATES, &fault);
  const bool complete =
      root &&
      json_unpack_ex(root, &fault, JSON_STRICT,
                     "{s:I s:I s:I s:I s:I s:s s:b s:b s:b s:b s:b s:b s:s s:b s:s s:F s:b s:F "
                     "s:[I,I,I,I!] s?:s}",
                     "rows", &said.rows, "columns", &said.columns, "outputs", &said.outputs,
                     "groups", &said.groups, "moment_rows", &said.moment_rows, "feature_type",
                     &said.feature_type, "targets", &said.targets, "ids", &said.ids, "weights",
                     &said.weights, "base_outputs", &said.base_outputs, "group_codes",
                     &said.group_codes, "scores", &said.scores, "scale", &said.scale, "intercept",
                     &said.intercept, "loss", &said.loss, "lambda", &said.lambda, "lambda_given",
                     &said.lambda_given, "weight", &said.weight, "text_bytes",
                     &said.bytes[DIVA_STATE_IDS], &said.bytes[DIVA_STATE_CLASS_NAMES],
                     &said.bytes[DIVA_STATE_GROUP_NAMES], &said.bytes[DIVA_STATE_PROVENANCE],
                     "factor", &said.factor) == 0;
  const bool valid = complete && is_sane(&said) &&
                     find_feature_type(said.feature_type, &out->state->info.feature_type) &&
                     find_scale(said.scale, &out->state->info.scale) &&
                     find_loss(said.loss, &out->state->info.loss);
  enum diva_status status = DIVA_OK;
  if (valid) {
    take_header(&said, out);
    status = diva_state_set_factor(out->state, said.factor, error);
  } else {
    status = diva_error_set(error, DIVA_ERROR_INPUT, "the header of the state is damaged%s%s",
                            complete ? "" : ": ", complete ? "" : fault.text);
  }
  json_decref(root);
  return status;
}

static bool digest_field(EVP_MD_CTX *digest, const struct diva_state_field *field) {
  const int64_t bytes = field->count * diva_state_field_size(field->type);
  char label[96];
  const int length =
      snprintf(label, sizeof label, "%s %lld;", field->name, (long long)field->count);
  return EVP_DigestUpdate(digest, label, (size_t)length) &&
         (bytes == 0 || EVP_DigestUpdate(digest, *field->data, (size_t)bytes));
}

enum diva_status diva_state_digest(const char *header, int64_t length,
                                   const struct diva_state_field fields[DIVA_STATE_FIELDS],
                                   char out[DIVA_SHA256_SIZE], struct diva_error *error) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  bool done = digest && EVP_DigestInit_ex(digest, EVP_sha256(), NULL) &&
              EVP_DigestUpdate(digest, header, (size_t)length);
  for (int i = 0; i < DIVA_STATE_FIELDS && done; i++) {
    done = digest_field(digest, &fields[i]);
  }
  done = done && EVP_DigestFinal_ex(digest, bytes, NULL);
  EVP_MD_CTX_free(digest);
  if (!done) {
    return diva_error_set(error, DIVA_ERROR_RESOURCE, "OpenSSL offers no SHA-256");
  }
  for (int64_t i = 0; i < (DIVA_SHA256_SIZE - 1) / 2; i++) {
    snprintf(out + 2 * i, 3, "%02x", bytes[i]);
  }
  return DIVA_OK;
}
