/* Blobs with wrong labels, and what holds of every decision on them. */
#include "blobs.h"

#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static void make_rows(struct blobs *blobs) {
  const struct blobs_recipe *recipe = &blobs->recipe;
  struct reference_random random = {12345};
  for (int64_t i = 0; i < recipe->rows; i++) {
    const int64_t own = reference_below(&random, recipe->classes);
    const bool wrong = recipe->every > 0 && i % recipe->every == recipe->every / 2;
    const int64_t drawn = 1 + reference_below(&random, recipe->classes - 1);
    const int64_t shift = recipe->round ? 1 : drawn;
    for (int64_t j = 0; j < recipe->columns; j++) {
      const double centre = j % recipe->classes == own ? recipe->distance : 0.0;
      blobs->features[i * recipe->columns + j] = (float)(centre + reference_normal(&random));
    }
    blobs->truth[i] = (int32_t)own;
    blobs->labels[i] = (int32_t)(wrong ? (own + shift) % recipe->classes : own);
  }
}

/* Each 20th row has no label; in the pool the labels are nonsense, which nobody may learn from. */
static void add_oddments(struct blobs *blobs) {
  for (int64_t i = 0; i < blobs->recipe.rows; i++) {
    blobs->weights[i] = i % 3 == 0 ? 2.0 : 1.0;
    if (i % 20 == 4) {
      blobs->labels[i] = -1;
    } else if (i % 5 == 1) {
      blobs->weights[i] = 0.0;
      blobs->labels[i] = 0;
    }
  }
}

void blobs_open(const struct blobs_recipe *recipe, struct blobs *out) {
  struct diva_dataset_arrays arrays;
  struct diva_error error = {0};
  *out = (struct blobs){.recipe = *recipe};
  out->features = reference_allocate(recipe->rows * recipe->columns, sizeof *out->features);
  out->truth = reference_allocate(recipe->rows, sizeof *out->truth);
  out->labels = reference_allocate(recipe->rows, sizeof *out->labels);
  make_rows(out);
  if (recipe->oddments) {
    out->weights = reference_allocate(recipe->rows, sizeof *out->weights);
    add_oddments(out);
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = recipe->rows;
  arrays.columns = recipe->columns;
  arrays.outputs = recipe->outputs ? recipe->outputs : recipe->classes;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = out->features;
  arrays.labels = out->labels;
  arrays.weights = out->weights;
  const enum diva_status status = diva_dataset_from_arrays(&arrays, &out->dataset, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
}

void blobs_close(struct blobs *blobs) {
  diva_dataset_close(blobs->dataset);
  free(blobs->features);
  free(blobs->truth);
  free(blobs->labels);
  free(blobs->weights);
  *blobs = (struct blobs){0};
}

bool blobs_belongs(const struct blobs *blobs, int64_t row) {
  return blobs->labels[row] >= 0 && (!blobs->weights || blobs->weights[row] > 0.0);
}

struct diva_analysis_options blobs_analysis(void) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.scale = DIVA_SCALE_STANDARDIZE;
  options.threads = 1;
  return options;
}

/* What is done about a row follows from its probabilities, by the header. */
static enum diva_action expected_action(const struct blobs_verdict *verdict, int64_t i) {
  const struct diva_decision_columns *columns = &verdict->columns;
  const double probability = columns->issue_probability[i];
  if (!columns->is_label_issue[i]) {
    return probability >= 0.25 && verdict->noise.features_tell ? DIVA_ACTION_REVIEW
                                                               : DIVA_ACTION_KEEP;
  }
  if (columns->suggested_probability[i] >= 0.9) {
    return DIVA_ACTION_RELABEL;
  }
  return probability > 0.5 ? DIVA_ACTION_DROP : DIVA_ACTION_REVIEW;
}

static void expect_row(const struct blobs *blobs, const struct blobs_verdict *verdict, int64_t i) {
  const struct diva_decision_columns *columns = &verdict->columns;
  const double probability = columns->issue_probability[i];
  const int32_t suggested = columns->suggested_label[i];
  cr_expect(columns->keep[i] == !columns->is_label_issue[i]);
  cr_expect(blobs_belongs(blobs, i) || columns->keep[i], "row %lld is not in the set and dropped",
            (long long)i);
  cr_expect(columns->action[i] == expected_action(verdict, i), "row %lld: action %d", (long long)i,
            columns->action[i]);
  if (blobs->labels[i] < 0) {
    cr_expect(isnan(probability) && isnan(columns->label_quality[i]));
    cr_expect(isnan(columns->suggested_probability[i]) && suggested == -1);
    return;
  }
  cr_expect(probability >= 0.0 && probability <= 1.0);
  cr_expect(columns->label_quality[i] == 1.0 - probability);
  cr_expect(suggested >= 0 && suggested != blobs->labels[i]);
  cr_expect(columns->suggested_probability[i] >= 0.0 &&
            columns->suggested_probability[i] <= probability + 1e-12);
}

static void expect_counts(const struct blobs *blobs, const struct blobs_verdict *verdict) {
  const struct diva_decision_columns *columns = &verdict->columns;
  int64_t kept = 0;
  for (int64_t i = 0; i < blobs->recipe.rows; i++) {
    if (columns->keep[i]) {
      cr_expect(kept < columns->kept_rows && columns->kept[kept] == i);
      kept++;
    }
  }
  cr_expect(columns->rows == blobs->recipe.rows && columns->kept_rows == kept);
  cr_expect(columns->dropped_rows == blobs->recipe.rows - kept);
  cr_expect(verdict->noise.flagged == columns->dropped_rows);
}

/* The flagged rows are the likeliest, and what is expected of them is the sum of probabilities. */
static void expect_expectations(const struct blobs *blobs, const struct blobs_verdict *verdict) {
  const struct diva_decision_columns *columns = &verdict->columns;
  double wrong = 0.0;
  double found = 0.0;
  double rows = 0.0;
  double least_flagged = 1.0;
  double most_kept = 0.0;
  for (int64_t i = 0; i < blobs->recipe.rows; i++) {
    if (blobs_belongs(blobs, i)) {
      const double probability = columns->issue_probability[i];
      wrong += probability;
      rows += 1.0;
      if (columns->is_label_issue[i]) {
        found += probability;
        least_flagged = fmin(least_flagged, probability);
      } else {
        most_kept = fmax(most_kept, probability);
      }
    }
  }
  const double flagged = (double)verdict->noise.flagged;
  const double precision = verdict->noise.expected_precision;
  cr_expect(least_flagged >= most_kept, "%g is flagged, %g is kept", least_flagged, most_kept);
  /* Where the features cannot tell, no rate is given. */
  cr_expect(isnan(verdict->noise.rate) ? !verdict->noise.features_tell
                                       : fabs(verdict->noise.rate - wrong / rows) < 1e-9,
            "rate %g, mean %g", verdict->noise.rate, wrong / rows);
  cr_expect((double)verdict->noise.rows == rows);
  cr_expect(flagged > 0.0 ? fabs(precision - found / flagged) < 1e-12 : isnan(precision));
  cr_expect(fabs(verdict->noise.expected_recall - found / wrong) < 1e-12);
}

static void expect_transition(const struct blobs_verdict *verdict, int64_t outputs) {
  const struct diva_noise_summary *noise = &verdict->noise;
  cr_assert(noise->transition && noise->classes == outputs);
  for (int64_t c = 0; c < outputs; c++) {
    double sum = 0.0;
    for (int64_t y = 0; y < outputs; y++) {
      cr_expect(noise->transition[c * outputs + y] >= 0.0);
      sum += noise->transition[c * outputs + y];
    }
    cr_expect(fabs(sum - 1.0) < 1e-12, "row %lld sums to %g", (long long)c, sum);
  }
}

void blobs_clean(const struct blobs *blobs, const struct diva_analysis_options *analysis,
                 const struct diva_clean_options *options, struct blobs_verdict *out) {
  struct diva_clean_options defaults;
  struct diva_dataset_info info;
  diva_clean_options_init(&defaults);
  *out = (struct blobs_verdict){0};
  out->status = diva_clean(blobs->dataset, NULL, analysis, options ? options : &defaults,
                           &out->analysis, &out->decision, &out->error);
  if (out->status != DIVA_OK) {
    cr_expect(!out->analysis && !out->decision);
    cr_expect(out->error.message[0], "an error without a message");
    return;
  }
  diva_dataset_describe(blobs->dataset, &info);
  diva_decision_columns(out->decision, &out->columns);
  diva_decision_noise(out->decision, &out->noise);
  cr_expect(out->analysis && out->noise.refit != DIVA_REFIT_AUTO);
  for (int64_t i = 0; i < blobs->recipe.rows; i++) {
    expect_row(blobs, out, i);
  }
  expect_counts(blobs, out);
  expect_expectations(blobs, out);
  expect_transition(out, info.outputs);
}

void blobs_forget(struct blobs_verdict *verdict) {
  diva_analysis_destroy(verdict->analysis);
  diva_decision_destroy(verdict->decision);
  *verdict = (struct blobs_verdict){0};
}
