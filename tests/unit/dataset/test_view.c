/* Two datasets seen as one: rows at the seam, labels, types, and who a row is. */
#include "host/dataset/view.h"

#include "tests/support/reference.h"

#include <criterion/criterion.h>

enum { COLUMNS = 2, OUTPUTS = 2, AHEAD = 3, BEHIND = 2, ROWS = AHEAD + BEHIND };

static const int32_t ahead_labels[AHEAD] = {0, 1, -1};
static const int32_t behind_labels[BEHIND] = {1, 0};
static const double base[AHEAD * OUTPUTS] = {0, 1, 2, 3, 4, 5};
static const double values[ROWS][COLUMNS] = {
    {0.0, -1.5}, {2.0, 0x1p-24}, {-65504.0, 6.103515625e-05}, {10.0, 0.25}, {0.5, -3.0}};

static double stored_value(enum diva_dtype type, const void *stored, int64_t i) {
  switch (type) {
  case DIVA_FLOAT16:
    return reference_half_value(((const uint16_t *)stored)[i]);
  case DIVA_BFLOAT16:
    return reference_bfloat_value(((const uint16_t *)stored)[i]);
  case DIVA_FLOAT32:
    return (double)((const float *)stored)[i];
  default:
    return ((const double *)stored)[i];
  }
}

static void store_value(enum diva_dtype type, double value, void *stored, int64_t i) {
  switch (type) {
  case DIVA_FLOAT16:
    ((uint16_t *)stored)[i] = reference_half_bits(value);
    break;
  case DIVA_BFLOAT16:
    ((uint16_t *)stored)[i] = reference_bfloat_bits(value);
    break;
  case DIVA_FLOAT32:
    ((float *)stored)[i] = (float)value;
    break;
  default:
    ((double *)stored)[i] = value;
  }
}

static struct diva_dataset *make(int64_t first, int64_t rows, enum diva_dtype type, void *stored,
                                 const int32_t *labels, const char *const *ids) {
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error;
  for (int64_t i = 0; i < rows * COLUMNS; i++) {
    store_value(type, values[first + i / COLUMNS][i % COLUMNS], stored, i);
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = COLUMNS;
  arrays.outputs = OUTPUTS;
  arrays.feature_type = type;
  arrays.features = stored;
  arrays.labels = labels;
  arrays.base_outputs = base;
  arrays.ids = ids;
  cr_assert_eq(diva_dataset_from_arrays(&arrays, &dataset, &error), DIVA_OK, "%s", error.message);
  return dataset;
}

/* Every range of rows, for every pair of types: what each set holds, to the last bit. */
Test(view, rows_of_both) {
  for (int pair = 0; pair < 16; pair++) {
    double memory[2][AHEAD * COLUMNS];
    double rows[ROWS * COLUMNS];
    double outputs[ROWS * OUTPUTS];
    const enum diva_dtype types[] = {(enum diva_dtype)(pair % 4), (enum diva_dtype)(pair / 4)};
    struct diva_dataset *ahead = make(0, AHEAD, types[0], memory[0], ahead_labels, NULL);
    struct diva_dataset *behind = make(AHEAD, BEHIND, types[1], memory[1], behind_labels, NULL);
    struct diva_dataset *view = NULL;
    struct diva_dataset_info info;
    cr_assert_eq(diva_view_open(ahead, behind, NULL, &view, NULL), DIVA_OK);
    diva_dataset_describe(view, &info);
    const enum diva_dtype want = types[0] == types[1] ? types[0] : DIVA_FLOAT64;
    cr_assert(info.rows == ROWS && info.columns == COLUMNS && info.feature_type == want);
    cr_expect(info.outputs == OUTPUTS && info.has_base_outputs && info.labelled_rows == 4);
    for (int64_t first = 0; first < ROWS; first++) {
      for (int64_t count = 1; first + count <= ROWS; count++) {
        cr_assert_eq(diva_dataset_read_features(view, first, count, rows, NULL), DIVA_OK);
        cr_assert_eq(diva_dataset_read_base_outputs(view, first, count, outputs, NULL), DIVA_OK);
        for (int64_t i = 0; i < count * COLUMNS; i++) {
          const int64_t at = first * COLUMNS + i;
          const int set = at >= AHEAD * COLUMNS;
          const double stored =
              stored_value(types[set], memory[set], at - (set ? AHEAD * COLUMNS : 0));
          cr_expect(stored_value(want, rows, i) - stored == 0.0, "types %d, row %lld", pair,
                    (long long)(first + i / COLUMNS));
          cr_expect(outputs[i] - base[at - (set ? AHEAD * OUTPUTS : 0)] == 0.0);
        }
      }
    }
    diva_dataset_close(view);
    diva_dataset_close(behind);
    diva_dataset_close(ahead);
  }
}

Test(view, labels_and_ids) {
  const char *const ids[2][AHEAD] = {{"a", "b", "c"}, {"x", "y"}};
  const int32_t changed[AHEAD] = {1, -1, 0};
  const int32_t want[ROWS] = {1, -1, 0, 1, 0};
  double memory[2][AHEAD * COLUMNS];
  char scratch[DIVA_ID_SCRATCH_SIZE];
  int64_t row;
  struct diva_dataset *view = NULL;
  struct diva_dataset *over = NULL;
  struct diva_dataset *ahead = make(0, AHEAD, DIVA_FLOAT64, memory[0], ahead_labels, ids[0]);
  struct diva_dataset *behind = make(AHEAD, BEHIND, DIVA_FLOAT64, memory[1], behind_labels, ids[1]);
  cr_assert_eq(diva_view_open(ahead, behind, changed, &view, NULL), DIVA_OK);
  cr_expect_arr_eq(diva_dataset_labels(view), want, sizeof want);
  cr_expect_str_eq(diva_dataset_id(view, 2, scratch), "c");
  cr_expect_str_eq(diva_dataset_id(view, 3, scratch), "x");
  cr_expect_str_eq(diva_dataset_id(view, ROWS, scratch), "5");
  cr_expect(diva_dataset_row_path(view, 4, &row) == NULL && row == 1);
  cr_expect_null(diva_dataset_path(view, 0));
  cr_assert_eq(diva_view_open(view, NULL, NULL, &over, NULL), DIVA_OK);
  cr_expect_str_eq(diva_dataset_id(over, 4, scratch), "y");
  cr_expect_arr_eq(diva_dataset_labels(over), want, sizeof want);
  diva_dataset_close(over);
  diva_dataset_close(view);
  diva_dataset_close(behind);
  diva_dataset_close(ahead);
}

Test(view, weights_of_its_own) {
  const double given[BEHIND] = {3.0, 0.5};
  const double own[ROWS] = {1.0, 0.0, 2.0, 0.25, 0.0};
  double memory[2][AHEAD * COLUMNS];
  struct diva_dataset *view = NULL;
  struct diva_dataset_info info;
  struct diva_dataset *ahead = make(0, AHEAD, DIVA_FLOAT64, memory[0], ahead_labels, NULL);
  struct diva_dataset *behind = make(AHEAD, BEHIND, DIVA_FLOAT64, memory[1], behind_labels, NULL);
  cr_assert_eq(diva_view_weigh(behind, given, NULL), DIVA_OK);
  cr_assert_eq(diva_view_open(ahead, behind, NULL, &view, NULL), DIVA_OK);
  cr_expect_null(diva_dataset_weights(view));
  cr_assert_eq(diva_view_weigh(view, own, NULL), DIVA_OK);
  diva_dataset_describe(view, &info);
  cr_expect(info.has_weights);
  cr_expect_arr_eq(diva_dataset_weights(view), own, sizeof own);
  cr_expect_arr_eq(diva_dataset_weights(behind), given, sizeof given);
  diva_dataset_close(view);
  diva_dataset_close(behind);
  diva_dataset_close(ahead);
}
