/* Finding wrong labels where there is hardly anything to find them by, and refusals. */
#include "blobs.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Tiny sets, classes of few rows, classes of none, one class that is nearly all: a decision or one
 * clear line, by every refit. */
Test(clean_edges, tiny_sets) {
  static const struct blobs_recipe recipes[] = {
      {.rows = 12, .columns = 2, .classes = 2, .every = 6, .distance = 3.0},
      {.rows = 4, .columns = 2, .classes = 2, .distance = 3.0},
      {.rows = 3, .columns = 1, .classes = 2, .distance = 3.0},
      {.rows = 9, .columns = 20, .classes = 3, .every = 4, .distance = 3.0},
      {.rows = 200, .columns = 6, .classes = 3, .outputs = 5, .every = 10, .distance = 3.0},
      {.rows = 60, .columns = 12, .classes = 12, .every = 5, .distance = 0.0},
      {.rows = 300, .columns = 4, .classes = 2, .every = 2, .distance = 2.0},
  };
  for (size_t r = 0; r < sizeof recipes / sizeof *recipes; r++) {
    struct blobs blobs;
    blobs_open(&recipes[r], &blobs);
    for (int refit = DIVA_REFIT_AUTO; refit <= DIVA_REFIT_BOTH; refit++) {
      struct blobs_verdict verdict;
      struct diva_clean_options options;
      const struct diva_analysis_options analysis = blobs_analysis();
      diva_clean_options_init(&options);
      options.refit = (enum diva_refit)refit;
      blobs_clean(&blobs, &analysis, &options, &verdict);
      cr_expect(verdict.status == DIVA_OK || verdict.status == DIVA_ERROR_INPUT ||
                    verdict.status == DIVA_ERROR_NUMERICAL,
                "set %zu: %s", r, verdict.error.message);
      cr_expect(!strchr(verdict.error.message, '\n'));
      blobs_forget(&verdict);
    }
    blobs_close(&blobs);
  }
}

/* A class without a row is suggested for no flagged row. */
Test(clean_edges, class_without_a_row) {
  static const struct blobs_recipe recipe = {
      .rows = 300, .columns = 6, .classes = 3, .outputs = 5, .every = 10, .distance = 4.0};
  struct blobs blobs;
  struct blobs_verdict verdict;
  const struct diva_analysis_options analysis = blobs_analysis();
  blobs_open(&recipe, &blobs);
  blobs_clean(&blobs, &analysis, NULL, &verdict);
  cr_assert(verdict.status == DIVA_OK, "%s", verdict.error.message);
  cr_expect(verdict.columns.classes_emptied == 0 && verdict.noise.flagged > 20);
  for (int64_t i = 0; i < recipe.rows; i++) {
    cr_expect(!verdict.columns.is_label_issue[i] || verdict.columns.suggested_label[i] < 3);
  }
  blobs_forget(&verdict);
  blobs_close(&blobs);
}

/* Features that tell nothing make a suspect of every row: it must not fail for want of rows. */
Test(clean_edges, nothing_but_suspects) {
  static const struct blobs_recipe recipe = {
      .rows = 300, .columns = 6, .classes = 3, .every = 10, .distance = 0.0};
  struct blobs blobs;
  struct blobs_verdict verdict;
  const struct diva_analysis_options analysis = blobs_analysis();
  blobs_open(&recipe, &blobs);
  for (int refit = DIVA_REFIT_AUTO; refit <= DIVA_REFIT_BOTH; refit++) {
    struct diva_clean_options options;
    diva_clean_options_init(&options);
    options.refit = (enum diva_refit)refit;
    blobs_clean(&blobs, &analysis, &options, &verdict);
    cr_expect(verdict.status == DIVA_OK, "%s", verdict.error.message);
    blobs_forget(&verdict);
  }
  blobs_close(&blobs);
}

/* Options out of range are refused in one line that says which. */
Test(clean_edges, refusals) {
  static const struct blobs_recipe recipe = {
      .rows = 40, .columns = 4, .classes = 2, .every = 10, .distance = 3.0};
  static const struct {
    int64_t count;
    double precision;
    int refit;
    const char *needle;
  } bad[] = {
      {40, (double)NAN, 0, "cannot flag 40 rows"},
      {4, 0.5, 0, "cannot both"},
      {INT64_MAX, (double)NAN, 0, "cannot flag"},
      {-1, 0.0, 0, "precision"},
      {-1, 1.0, 0, "precision"},
      {-1, -3.0, 0, "precision"},
      {-1, 0.5, DIVA_REFIT_BOTH + 1, "refit"},
  };
  struct blobs blobs;
  const struct diva_analysis_options analysis = blobs_analysis();
  blobs_open(&recipe, &blobs);
  for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
    struct diva_clean_options options;
    struct blobs_verdict verdict;
    diva_clean_options_init(&options);
    options.count = bad[b].count;
    options.precision = bad[b].precision;
    options.refit = (enum diva_refit)bad[b].refit;
    blobs_clean(&blobs, &analysis, &options, &verdict);
    cr_expect(verdict.status == DIVA_ERROR_USAGE, "case %zu", b);
    cr_expect(strstr(verdict.error.message, bad[b].needle), "%s", verdict.error.message);
    blobs_forget(&verdict);
  }
  struct diva_clean_options newer;
  struct blobs_verdict verdict;
  diva_clean_options_init(&newer);
  newer.version = 1000;
  blobs_clean(&blobs, &analysis, &newer, &verdict);
  cr_expect(verdict.status == DIVA_ERROR_USAGE);
  blobs_close(&blobs);
}

/* Targets have no labels that could be wrong. */
Test(clean_edges, targets_are_refused) {
  static const float features[] = {1.0F, 2.0F, 3.0F, 5.0F};
  static const double targets[] = {0.5, 1.0, 1.5, 2.0};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_analysis *analysis = NULL;
  struct diva_decision *decision = NULL;
  struct diva_clean_options options;
  struct diva_error error = {0};
  const struct diva_analysis_options plain = blobs_analysis();
  diva_clean_options_init(&options);
  diva_dataset_arrays_init(&arrays);
  arrays.rows = 4;
  arrays.columns = arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.targets = targets;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  cr_expect(diva_clean(dataset, NULL, &plain, &options, &analysis, &decision, &error) ==
            DIVA_ERROR_USAGE);
  cr_expect(!analysis && !decision && strstr(error.message, "targets"), "%s", error.message);
  diva_dataset_close(dataset);
}
