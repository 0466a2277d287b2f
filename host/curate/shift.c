/* Importances from target rows without labels. */
#include "shift.h"

#include "host/core/core.h"
#include "host/dataset/view.h"
#include "label_shift.h"
#include "principal.h"
#include "row_sample.h"
#include "score_table.h"
#include "ulsif.h"

#include <math.h>
#include <stdlib.h>

enum { SAMPLE_ROWS = 10240, CENTRES = 200, COMPONENTS = 20, FOLDS = DIVA_LABEL_SHIFT_FOLDS };

/* Samples of both sets, and what is fitted to them. */
struct work {
  const struct diva_shift_request *request;
  struct diva_shift_answer *answer;
  struct diva_dataset_info info; /* of train */
  int threads;
  struct diva_row_sample train, target;
  struct diva_dataset *pair;       /* the one sample, then the other */
  struct diva_principal principal; /* of the pair */
  struct diva_ulsif ratio;
  double *projected;        /* rows of the pair x components (owned) */
  double *fold_proportions; /* FOLDS x outputs (owned) */
  double *rival;            /* (1 + FOLDS) x training sample: what label shift says of it (owned) */
};

static enum diva_status draw(struct work *work, struct diva_error *error) {
  const struct diva_shift_request *request = work->request;
  const uint64_t seed = request->options->seed;
  const bool labelled = !work->info.has_targets;
  enum diva_status status = diva_row_sample_draw(request->train, request->trained, labelled,
                                                 SAMPLE_ROWS, seed, &work->train, error);
  if (status == DIVA_OK) {
    status = diva_row_sample_draw(request->target, NULL, false, SAMPLE_ROWS, seed + 1,
                                  &work->target, error);
    if (status != DIVA_OK) {
      diva_error_prefix(error, "target: ");
    }
  }
  return status == DIVA_OK
             ? diva_view_open(work->train.dataset, work->target.dataset, NULL, &work->pair, error)
             : status;
}

/* Equal weight in sum to every class of the training sample, none to the target rows. */
static enum diva_status balance(const struct work *work, double **out, struct diva_error *error) {
  const int64_t rows = work->train.rows + work->target.rows;
  int64_t *count = NULL;
  int64_t present = 0;
  enum diva_status status = diva_allocate(rows, sizeof **out, "weights", (void **)out, error);
  if (status == DIVA_OK) {
    status = diva_allocate(work->info.outputs, sizeof *count, "classes", (void **)&count, error);
  }
  for (int64_t i = 0; i < work->train.rows && status == DIVA_OK; i++) {
    present += count[work->train.labels[i]]++ == 0;
  }
  for (int64_t i = 0; i < work->train.rows && status == DIVA_OK; i++) {
    (*out)[i] = (double)work->train.rows / (double)present / (double)count[work->train.labels[i]];
  }
  free(count);
  return status;
}

/* Scores of the pair, left out those of training, and the temperature that makes them
 * probabilities. */
static enum diva_status score(const struct work *work, struct diva_score_table *table,
                              double *temperature, struct diva_error *error) {
  struct diva_analysis_options options = *work->request->options;
  struct diva_analysis *analysis = NULL;
  struct diva_summary summary;
  double *weights = NULL;
  enum diva_status status = balance(work, &weights, error);
  options.temperature = 0.0;
  options.derivative = options.removal = false;
  options.weights = options.importance = weights;
  options.validation_importance = NULL;
  options.groups = NULL;
  options.scores = diva_score_table_take;
  options.scores_context = table;
  if (status == DIVA_OK) {
    status = diva_analysis_run(work->pair, NULL, &options, &analysis, error);
  }
  if (status == DIVA_OK) {
    diva_analysis_summary(analysis, &summary);
    *temperature = summary.temperature;
  }
  diva_analysis_destroy(analysis);
  free(weights);
  return status;
}

/* softmax(t F), row by row. */
static void soften(const struct diva_score_table *table, double temperature, double *out) {
  const int64_t k = table->classes;
  for (int64_t i = 0; i < table->rows; i++) {
    const float *scores = table->scores + i * k;
    double largest = (double)scores[0];
    double sum = 0.0;
    for (int64_t c = 1; c < k; c++) {
      largest = fmax(largest, (double)scores[c]);
    }
    for (int64_t c = 0; c < k; c++) {
      out[i * k + c] = exp(temperature * ((double)scores[c] - largest));
      sum += out[i * k + c];
    }
    for (int64_t c = 0; c < k; c++) {
      out[i * k + c] /= sum;
    }
  }
}

/* Importances of the training sample by class proportions, of mean 1. */
static void follow_proportions(const struct work *work, const double *proportions, double *out) {
  const double *training = work->request->training;
  double sum = 0.0;
  for (int64_t i = 0; i < work->train.rows; i++) {
    const int32_t label = work->train.labels[i];
    out[i] = proportions[label] / training[label];
    sum += out[i];
  }
  for (int64_t i = 0; i < work->train.rows && sum > 0.0; i++) {
    out[i] *= (double)work->train.rows / sum;
  }
}

/* What label shift says, to be held against covariate shift. */
static enum diva_status make_rival(struct work *work, struct diva_error *error) {
  const int64_t n = work->train.rows;
  const enum diva_status status = diva_allocate((1 + FOLDS) * n, sizeof *work->rival, "importances",
                                                (void **)&work->rival, error);
  if (status == DIVA_OK) {
    follow_proportions(work, work->answer->proportions, work->rival);
  }
  for (int64_t fold = 0; fold < FOLDS && status == DIVA_OK; fold++) {
    follow_proportions(work, work->fold_proportions + fold * work->info.outputs,
                       work->rival + (1 + fold) * n);
  }
  return status;
}

static enum diva_status fit_label_shift(struct work *work, const double *probabilities,
                                        struct diva_error *error) {
  const int64_t k = work->info.outputs;
  const struct diva_shift_answer *answer = work->answer;
  const struct diva_label_shift_problem problem = {.train = probabilities,
                                                   .labels = work->train.labels,
                                                   .target = probabilities + work->train.rows * k,
                                                   .training = work->request->training,
                                                   .train_rows = work->train.rows,
                                                   .target_rows = work->target.rows,
                                                   .classes = k,
                                                   .seed = work->request->options->seed};
  enum diva_status status = diva_allocate(FOLDS * k, sizeof *work->fold_proportions, "proportions",
                                          (void **)&work->fold_proportions, error);
  struct diva_label_shift shift = {.proportions = answer->proportions,
                                   .standard_errors = answer->standard_errors,
                                   .fold_proportions = work->fold_proportions};
  if (status == DIVA_OK) {
    status = diva_label_shift_fit(&problem, &shift, error);
  }
  answer->summary->kept = shift.kept;
  return status == DIVA_OK ? make_rival(work, error) : status;
}

static enum diva_status try_label_shift(struct work *work, struct diva_error *error) {
  struct diva_score_table table;
  double *probabilities = NULL;
  double temperature = 1.0;
  const int64_t rows = work->train.rows + work->target.rows;
  enum diva_status status = diva_score_table_create(&table, rows, work->info.outputs, error);
  if (status == DIVA_OK) {
    status = score(work, &table, &temperature, error);
  }
  if (status == DIVA_OK) {
    status = diva_allocate(rows * work->info.outputs, sizeof *probabilities, "probabilities",
                           (void **)&probabilities, error);
  }
  if (status == DIVA_OK) {
    soften(&table, temperature, probabilities);
    status = fit_label_shift(work, probabilities, error);
  }
  diva_score_table_free(&table);
  free(probabilities);
  return status;
}

static enum diva_status keep_projected(void *context, int64_t first, int64_t count,
                                       const float *values, struct diva_error *error) {
  struct work *work = context;
  const int64_t p = work->principal.components;
  (void)error;
  for (int64_t i = 0; i < count * p; i++) {
    work->projected[first * p + i] = (double)values[i];
  }
  return DIVA_OK;
}

static enum diva_status project(struct work *work, struct diva_error *error) {
  const struct diva_analysis_options *options = work->request->options;
  const struct diva_principal_request request = {.dataset = work->pair,
                                                 .most = COMPONENTS,
                                                 .scale = options->scale,
                                                 .backend = options->backend,
                                                 .threads = work->threads,
                                                 .progress = &options->progress,
                                                 .phase = "density ratio"};
  enum diva_status status = diva_principal_open(&request, &work->principal, error);
  if (status == DIVA_OK) {
    status = diva_allocate((work->train.rows + work->target.rows) * work->principal.components,
                           sizeof *work->projected, "components", (void **)&work->projected, error);
  }
  return status == DIVA_OK ? diva_principal_each(&work->principal, work->pair, request.phase,
                                                 keep_projected, work, error)
                           : status;
}

static enum diva_status try_covariate_shift(struct work *work, struct diva_error *error) {
  const struct diva_analysis_options *options = work->request->options;
  struct diva_target_summary *summary = work->answer->summary;
  enum diva_status status = project(work, error);
  const int64_t p = work->principal.components;
  const struct diva_ulsif_problem problem = {
      .train = work->projected,
      .target = work->projected + work->train.rows * p,
      .train_rows = work->train.rows,
      .target_rows = work->target.rows,
      .stride = p,
      .columns = p,
      .centres = CENTRES,
      .rival = work->rival,
      .rival_folds = work->rival ? work->rival + work->train.rows : NULL,
      .folds = FOLDS,
      .seed = options->seed,
      .backend = options->backend,
      .threads = work->threads,
      .progress = &options->progress};
  if (status == DIVA_OK) {
    status = diva_ulsif_fit(&problem, &work->ratio, error);
  }
  if (status == DIVA_OK) {
    summary->covariate_criterion = work->ratio.criterion;
    summary->label_criterion = work->ratio.rival_criterion;
    summary->criterion_error = work->ratio.rival_error;
  }
  return status;
}

static enum diva_status weigh_tile(void *context, int64_t first, int64_t count, const float *values,
                                   struct diva_error *error) {
  const struct work *work = context;
  const struct diva_shift_request *request = work->request;
  const int64_t p = work->principal.components;
  (void)error;
#pragma omp parallel for num_threads(work->threads)
  for (int64_t i = 0; i < count; i++) {
    double row[COMPONENTS];
    const int64_t at = first + i;
    /* Rows behind the training rows are of the target sample. */
    if (at < work->info.rows && request->trained[at]) {
      for (int64_t j = 0; j < p; j++) {
        row[j] = (double)values[i * p + j];
      }
      work->answer->importance[at] = diva_ulsif_ratio(&work->ratio, row);
    }
  }
  return DIVA_OK;
}

/* All training rows with the target sample behind them, so that values are of the pair's type, and
 * without an answer, which the sample does not have. */
static enum diva_status open_rows(const struct work *work, struct diva_dataset **out,
                                  struct diva_error *error) {
  int32_t *labels = NULL;
  enum diva_status status =
      diva_allocate(work->info.rows, sizeof *labels, "unlabelled rows", (void **)&labels, error);
  for (int64_t i = 0; i < work->info.rows && status == DIVA_OK; i++) {
    labels[i] = -1;
  }
  if (status == DIVA_OK) {
    status = diva_view_open(work->request->train, work->target.dataset, labels, out, error);
  }
  free(labels);
  return status;
}

static enum diva_status weigh_rows(struct work *work, struct diva_error *error) {
  struct diva_target_summary *summary = work->answer->summary;
  struct diva_dataset *rows = NULL;
  enum diva_status status = open_rows(work, &rows, error);
  if (status == DIVA_OK) {
    status = diva_principal_each(&work->principal, rows, "density ratio", weigh_tile, work, error);
  }
  diva_dataset_close(rows);
  summary->sigma = work->ratio.sigma;
  summary->ridge = work->ratio.ridge;
  summary->centres = work->ratio.centres;
  summary->components = work->principal.components;
  return status;
}

static enum diva_status decide(struct work *work, struct diva_error *error) {
  struct diva_target_summary *summary = work->answer->summary;
  const enum diva_shift asked = work->request->shift;
  const bool classes = !work->info.has_targets;
  enum diva_status status = DIVA_OK;
  if (classes && asked != DIVA_SHIFT_COVARIATE) {
    status = try_label_shift(work, error);
  }
  if (status == DIVA_OK && (!classes || asked != DIVA_SHIFT_LABEL)) {
    status = try_covariate_shift(work, error);
  }
  if (status != DIVA_OK) {
    return status;
  }
  const bool label =
      isnan(summary->covariate_criterion) ||
      summary->label_criterion <= summary->covariate_criterion + summary->criterion_error;
  summary->method = label ? DIVA_TARGET_LABEL_SHIFT : DIVA_TARGET_COVARIATE_SHIFT;
  return label ? DIVA_OK : weigh_rows(work, error);
}

enum diva_status diva_shift_find(const struct diva_shift_request *request,
                                 struct diva_shift_answer *answer, struct diva_error *error) {
  const int asked = request->options->threads;
  struct work work = {
      .request = request, .answer = answer, .threads = asked > 0 ? asked : diva_cores_available()};
  diva_dataset_describe(request->train, &work.info);
  enum diva_status status = draw(&work, error);
  if (status == DIVA_OK) {
    answer->summary->target_rows = work.target.rows;
    status = decide(&work, error);
  }
  diva_ulsif_free(&work.ratio);
  diva_principal_close(&work.principal);
  free(work.projected);
  free(work.fold_proportions);
  free(work.rival);
  diva_dataset_close(work.pair);
  diva_row_sample_free(&work.train);
  diva_row_sample_free(&work.target);
  return status;
}
