/* Which model is chosen where something is left open. */
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <diva/analysis.h>
#include <math.h>
#include <string.h>

enum { ROWS = 400, COLUMNS = 2 };

/* Two classes of two features: a ring around a ring. */
static struct diva_dataset *open_rings(int64_t rows, float *features, int32_t *labels) {
  struct reference_random random = {4711};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  for (int64_t i = 0; i < rows; i++) {
    const double x = reference_normal(&random);
    const double y = reference_normal(&random);
    const double radius = 1.0 + (double)(i % 2) + 0.1 * reference_normal(&random);
    labels[i] = (int32_t)(i % 2);
    features[2 * i] = (float)(x * radius / sqrt(x * x + y * y));
    features[2 * i + 1] = (float)(y * radius / sqrt(x * x + y * y));
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = rows;
  arrays.columns = COLUMNS;
  arrays.outputs = 2;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, &error) == DIVA_OK, "%s", error.message);
  return dataset;
}

static struct diva_analysis_options open_options(void) {
  struct diva_analysis_options options;
  diva_analysis_options_init(&options);
  options.scale = DIVA_SCALE_AUTO;
  options.kernel = DIVA_KERNEL_AUTO;
  options.threads = 1;
  return options;
}

static void choose(struct diva_dataset *dataset, struct diva_analysis_options *options) {
  struct diva_error error = {0};
  cr_assert(diva_model_choose(dataset, options, &error) == DIVA_OK, "%s", error.message);
}

static struct diva_summary run(struct diva_dataset *dataset,
                               const struct diva_analysis_options *options) {
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  struct diva_error error = {0};
  const enum diva_status status = diva_analysis_run(dataset, NULL, options, &analysis, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  diva_analysis_summary(analysis, &summary);
  diva_analysis_destroy(analysis);
  return summary;
}

/* Nothing is left open, an analysis takes it, and no other kind of model has a lower LOO loss. */
static void expect_best(struct diva_dataset *dataset, const struct diva_analysis_options *chosen) {
  static const enum diva_scale scales[] = {DIVA_SCALE_STANDARDIZE, DIVA_SCALE_L2};
  static const enum diva_kernel kernels[] = {DIVA_KERNEL_LINEAR, DIVA_KERNEL_RBF};
  cr_expect(chosen->scale != DIVA_SCALE_AUTO && chosen->kernel != DIVA_KERNEL_AUTO);
  cr_expect(chosen->kernel != DIVA_KERNEL_RBF || chosen->rbf_bandwidth > 0.0);
  const double loss = run(dataset, chosen).loo.loss;
  for (int s = 0; s < 2; s++) {
    for (int k = 0; k < 2; k++) {
      struct diva_analysis_options other = *chosen;
      other.scale = scales[s];
      other.kernel = kernels[k];
      cr_expect(loss <= run(dataset, &other).loo.loss * 1.02, "%s %s is better",
                diva_scale_name(other.scale), diva_kernel_name(other.kernel));
    }
  }
}

Test(model_choice, takes_what_predicts_best) {
  float features[ROWS * COLUMNS];
  int32_t labels[ROWS];
  struct diva_dataset *dataset = open_rings(ROWS, features, labels);
  struct diva_analysis_options options = open_options();
  choose(dataset, &options);
  cr_expect(options.kernel == DIVA_KERNEL_RBF && options.scale == DIVA_SCALE_STANDARDIZE);
  expect_best(dataset, &options);
  cr_expect(run(dataset, &options).loo.error < 0.02);
  diva_dataset_close(dataset);
}

/* Few rows do not pay for a kernel, even where it would be right. */
Test(model_choice, few_rows) {
  enum { FEW = 100 };
  float features[FEW * COLUMNS];
  int32_t labels[FEW];
  struct diva_dataset *dataset = open_rings(FEW, features, labels);
  struct diva_analysis_options options = open_options();
  choose(dataset, &options);
  cr_expect(options.kernel == DIVA_KERNEL_LINEAR && options.scale != DIVA_SCALE_AUTO);
  diva_dataset_close(dataset);
}

/* Where the chance of a class is linear in the features, there is nothing left for a kernel. */
Test(model_choice, linear_problem) {
  enum { WIDTH = 8 };
  float features[ROWS * WIDTH];
  int32_t labels[ROWS];
  struct reference_random random = {99};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  for (int64_t i = 0; i < ROWS; i++) {
    double sum = 0.0;
    for (int64_t j = 0; j < WIDTH; j++) {
      const double x = reference_uniform(&random);
      features[i * WIDTH + j] = (float)x;
      sum += x;
    }
    labels[i] = 0.5 + sum / (2.0 * WIDTH) > 0.5 + 0.5 * reference_uniform(&random) ? 1 : 0;
  }
  diva_dataset_arrays_init(&arrays);
  arrays.rows = ROWS;
  arrays.columns = WIDTH;
  arrays.outputs = 2;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.labels = labels;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  struct diva_analysis_options options = open_options();
  choose(dataset, &options);
  cr_expect(options.kernel == DIVA_KERNEL_LINEAR, "%s", diva_kernel_name(options.kernel));
  expect_best(dataset, &options);
  diva_dataset_close(dataset);
}

/* What is given stays, and only what is open is filled in. */
Test(model_choice, honours_what_is_given) {
  float features[ROWS * COLUMNS];
  int32_t labels[ROWS];
  struct diva_dataset *dataset = open_rings(ROWS, features, labels);
  struct diva_analysis_options options = open_options();
  options.kernel = DIVA_KERNEL_LINEAR;
  options.scale = DIVA_SCALE_L2;
  struct diva_analysis_options before = options;
  choose(dataset, &options);
  cr_expect(memcmp(&before, &options, sizeof options) == 0, "nothing was open");
  options.scale = DIVA_SCALE_AUTO;
  choose(dataset, &options);
  cr_expect(options.kernel == DIVA_KERNEL_LINEAR && options.scale != DIVA_SCALE_AUTO);
  options = open_options();
  options.scale = DIVA_SCALE_NONE;
  options.rbf_bandwidth = 0.31;
  options.lambda = 2.0;
  options.loss = DIVA_LOSS_CROSS_ENTROPY;
  options.derivative = true;
  choose(dataset, &options);
  cr_expect(options.scale == DIVA_SCALE_NONE && options.kernel == DIVA_KERNEL_RBF);
  cr_expect(options.rbf_bandwidth == 0.31 && options.lambda == 2.0 && options.rbf_features == 0);
  cr_expect(options.loss == DIVA_LOSS_CROSS_ENTROPY && options.derivative);
  options = open_options();
  options.scale = DIVA_SCALE_NONE;
  options.kernel = DIVA_KERNEL_RBF;
  choose(dataset, &options);
  cr_expect(options.kernel == DIVA_KERNEL_RBF && options.rbf_bandwidth > 0.0);
  diva_dataset_close(dataset);
}

Test(model_choice, refuses_targets) {
  static const float features[] = {1.0F, 2.0F, 3.0F, 5.0F};
  static const double targets[] = {0.5, 1.0, 1.5, 2.0};
  struct diva_dataset_arrays arrays;
  struct diva_dataset *dataset = NULL;
  struct diva_error error = {0};
  diva_dataset_arrays_init(&arrays);
  arrays.rows = 4;
  arrays.columns = arrays.outputs = 1;
  arrays.feature_type = DIVA_FLOAT32;
  arrays.features = features;
  arrays.targets = targets;
  cr_assert(diva_dataset_from_arrays(&arrays, &dataset, NULL) == DIVA_OK);
  struct diva_analysis_options options = open_options();
  cr_expect(diva_model_choose(dataset, &options, &error) == DIVA_ERROR_USAGE);
  cr_expect(strstr(error.message, "targets") && !strchr(error.message, '\n'), "%s", error.message);
  options.scale = DIVA_SCALE_NONE;
  options.kernel = DIVA_KERNEL_LINEAR;
  cr_expect(diva_model_choose(dataset, &options, NULL) == DIVA_OK);
  diva_dataset_close(dataset);
}
