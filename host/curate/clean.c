/* Finding wrong labels: the model, the refit, the last look, and what to do about each row. */
#include "decision.h"
#include "host/engine/model_choice.h"
#include "opinions.h"
#include "refit_choice.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* From the first on, the suggestion is worth taking as it is; above the second a flagged row is
 * likelier wrong than right; from the third on a kept row deserves a look. */
static const double RELABEL_PROBABILITY = 0.9;
static const double DROP_PROBABILITY = 0.5;
static const double REVIEW_PROBABILITY = 0.25;

/* Planted wrong labels that are told from right ones no better than this are hardly told. */
static const double TELLING_AUROC = 0.75;
static const double TELLING_ERROR = 0.75;

/* Models whose LOO losses differ by less than this share of a standard error are as good as each
 * other; the smoother one is taken, which fits less of the noise. */
static const double AS_GOOD = 0.25;
enum { SMOOTHER_STEPS = 8 };

void diva_clean_options_init(struct diva_clean_options *options) {
  *options = (struct diva_clean_options){
      .version = DIVA_STRUCT_VERSION, .count = -1, .precision = NAN, .refit = DIVA_REFIT_AUTO};
}

/* A run in progress. */
struct cleaning {
  struct diva_dataset *train;
  struct diva_dataset *validation;
  struct diva_dataset_info info;
  const double *given; /* weights of the rows as they came; NULL: all are 1 */
  const struct diva_clean_options *clean;
  struct diva_analysis_options options; /* of the last look; the model settled */
  struct diva_subset pilot;
  int32_t *pilot_groups;       /* NULL: none */
  struct diva_detection plain; /* on the pilot */
  struct diva_refit_choice choice;
  double *weights; /* of the last look; NULL: as given */
  struct diva_detection last;
  bool model_is_open; /* the caller left both scale and kernel to be chosen */
  struct diva_opinion opinions[DIVA_OPINIONS];
  int opinion_count;
};

static bool belongs(const struct cleaning *run, int64_t i) {
  return diva_dataset_labels(run->train)[i] >= 0 && (!run->given || run->given[i] > 0.0);
}

static int64_t count_belonging(const struct cleaning *run) {
  int64_t rows = 0;
  for (int64_t i = 0; i < run->info.rows; i++) {
    rows += belongs(run, i);
  }
  return rows;
}

static enum diva_status check(const struct cleaning *run, struct diva_error *error) {
  const struct diva_clean_options *clean = run->clean;
  const enum diva_status status = diva_version_check(clean->version, "diva_clean_options", error);
  if (status != DIVA_OK) {
    return status;
  }
  if (!diva_dataset_labels(run->train)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a dataset of targets has no labels that could be wrong; use prune");
  }
  const int64_t rows = count_belonging(run);
  if (clean->count >= rows) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "cannot flag %lld rows: there are %lld labelled rows of positive weight",
                          (long long)clean->count, (long long)rows);
  }
  if (clean->refit < DIVA_REFIT_AUTO || clean->refit > DIVA_REFIT_BOTH) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "refit %d is unknown", (int)clean->refit);
  }
  if (clean->count >= 0 && !isnan(clean->precision)) {
    return diva_error_set(error, DIVA_ERROR_USAGE,
                          "a count and a precision cannot both say how many to flag");
  }
  if (!isnan(clean->precision) && !(clean->precision > 0.0 && clean->precision < 1.0)) {
    return diva_error_set(error, DIVA_ERROR_USAGE, "precision is %g; it must be between 0 and 1",
                          clean->precision);
  }
  return DIVA_OK;
}

static double standard_error(const struct diva_columns *columns, double mean) {
  double squares = 0.0;
  double rows = 0.0;
  for (int64_t i = 0; i < columns->rows; i++) {
    if (columns->weight[i] > 0.0 && !isnan(columns->loo_loss[i])) {
      squares += (columns->loo_loss[i] - mean) * (columns->loo_loss[i] - mean);
      rows += 1.0;
    }
  }
  return rows > 1.0 ? sqrt(squares / (rows - 1.0) / rows) : 0.0;
}

/* Doubles lambda from where the LOO loss is least for as long as it is as good as least. */
static enum diva_status smooth(struct diva_dataset *pilot, struct diva_analysis_options *options,
                               struct diva_error *error) {
  struct diva_analysis *analysis = NULL;
  struct diva_columns columns;
  struct diva_summary summary;
  enum diva_status status = diva_analysis_run(pilot, NULL, options, &analysis, error);
  if (status != DIVA_OK) {
    return status;
  }
  diva_analysis_summary(analysis, &summary);
  diva_analysis_columns(analysis, &columns);
  const double most = summary.loo.loss + AS_GOOD * standard_error(&columns, summary.loo.loss);
  diva_analysis_destroy(analysis);
  options->lambda = summary.lambda;
  for (int i = 0; i < SMOOTHER_STEPS; i++) {
    struct diva_analysis_options smoother = *options;
    smoother.lambda *= 2.0;
    status = diva_analysis_run(pilot, NULL, &smoother, &analysis, error);
    if (status != DIVA_OK) {
      return status;
    }
    diva_analysis_summary(analysis, &summary);
    diva_analysis_destroy(analysis);
    if (!(summary.loo.loss <= most)) {
      break;
    }
    options->lambda = smoother.lambda;
  }
  return DIVA_OK;
}

/* The model, and what the pilot's labels look like by it. */
static enum diva_status settle_model(struct cleaning *run, struct diva_error *error) {
  const double asked_temperature = run->options.temperature;
  enum diva_status status = diva_subset_draw(
      run->train,
      &(struct diva_subset_request){
          .weights = run->given, .most = DIVA_PILOT_ROWS, .seed = run->options.seed},
      &run->options.progress, &run->pilot, error);
  if (status == DIVA_OK) {
    status = diva_model_choose_on(run->pilot.dataset, &run->options, error);
  }
  if (status == DIVA_OK) {
    status = diva_subset_codes(&run->pilot, run->options.groups, &run->pilot_groups, error);
  }
  struct diva_analysis_options pilot = diva_model_pilot(&run->options, run->pilot.rows);
  pilot.loss = DIVA_LOSS_SQUARED;
  pilot.weights = run->pilot.weights;
  pilot.groups = run->pilot_groups;
  pilot.temperature = asked_temperature;
  if (status == DIVA_OK && run->options.lambda == 0.0) {
    status = smooth(run->pilot.dataset, &pilot, error);
  }
  run->options.lambda = pilot.lambda;
  if (status == DIVA_OK) {
    status = diva_detection_run(run->pilot.dataset, &pilot, run->pilot.weights, &run->plain, error);
  }
  if (status == DIVA_OK) {
    status =
        diva_refit_choose(&run->pilot, &pilot, &run->plain, run->clean->refit, &run->choice, error);
  }
  return status;
}

/* Weights for the last look at all rows, found with the narrow model of the pilot. */
static enum diva_status settle_weights(struct cleaning *run, struct diva_error *error) {
  struct diva_detection plain = {0};
  struct diva_analysis_options narrow = diva_model_pilot(&run->options, run->pilot.rows);
  if (run->choice.refit == DIVA_REFIT_NONE) {
    return DIVA_OK;
  }
  narrow.weights = run->given;
  enum diva_status status =
      diva_allocate(run->info.rows, sizeof *run->weights, "weights", (void **)&run->weights, error);
  if (status == DIVA_OK) {
    status = diva_detection_run(run->train, &narrow, run->given, &plain, error);
  }
  if (status == DIVA_OK) {
    status = diva_refit_weights(run->choice.refit, run->train, &narrow, run->given, &plain,
                                run->weights, error);
  }
  diva_detection_free(&plain);
  return status;
}

/* Others are asked as well, unless the caller says which model is to judge. */
static enum diva_status gather_opinions(struct cleaning *run, struct diva_error *error) {
  struct diva_dataset_info info;
  const struct diva_opinions_request request = {.dataset = run->train,
                                                .given = run->given,
                                                .options = &run->options,
                                                .pilot = &run->pilot,
                                                .noise = &run->plain.noise};
  diva_dataset_describe(run->train, &info);
  if (!run->model_is_open || info.has_base_outputs) {
    return DIVA_OK;
  }
  return diva_opinions_pool(&request, &run->last.scores, run->opinions, &run->opinion_count, error);
}

static enum diva_status look(struct cleaning *run, struct diva_error *error) {
  run->options.weights = run->weights ? run->weights : run->given;
  enum diva_status status =
      diva_detection_score(run->train, run->validation, &run->options, &run->last, error);
  if (status == DIVA_OK) {
    status = gather_opinions(run, error);
  }
  if (status == DIVA_OK) {
    status = diva_detection_judge(run->train, run->given, &run->last, error);
  }
  /* Reweighted rows fit their labels more closely and hide some of the noise. */
  return status == DIVA_OK ? diva_detection_recalibrate(run->train, run->given,
                                                        run->plain.noise.rate, &run->last, error)
                           : status;
}

/* How many of the rows in order to flag: `flags` of the rows that belong. */
static int64_t choose_count(const struct cleaning *run, const int64_t *order) {
  const double *probability = run->last.columns.probability;
  double wrong = 0.0;
  double found = 0.0;
  double best = 0.0;
  int64_t rank = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < run->info.rows; i++) {
    wrong += belongs(run, i) ? probability[i] : 0.0;
  }
  if (run->clean->count >= 0) {
    return run->clean->count;
  }
  for (int64_t at = 0; at < run->info.rows; at++) {
    if (!belongs(run, order[at])) {
      continue;
    }
    found += probability[order[at]];
    rank++;
    const double f1 = 2.0 * found / ((double)rank + wrong);
    if (!isnan(run->clean->precision) ? found >= run->clean->precision * (double)rank : f1 > best) {
      best = f1;
      count = rank;
    }
  }
  /* Less than one wrong label expected in all: there is none to flag. */
  return wrong < 1.0 ? 0 : count;
}

/* Whether the caller says how many to flag; else nothing is flagged that cannot be told, and no
 * class is left without a row. */
static bool is_asked(const struct diva_clean_options *clean) {
  return clean->count >= 0 || !isnan(clean->precision);
}

/* Rows that belong, by class as given. */
static void count_classes(const struct cleaning *run, int64_t *counts) {
  for (int64_t i = 0; i < run->info.rows; i++) {
    if (belongs(run, i)) {
      counts[diva_dataset_labels(run->train)[i]]++;
    }
  }
}

/* Flags `left` of the rows in order. */
static void flag_rows(const struct cleaning *run, const int64_t *order, int64_t left,
                      int64_t *unflagged, struct diva_decision *decision) {
  const int64_t fewest = is_asked(run->clean) ? 0 : 1;
  const double *probability = run->last.columns.probability;
  double found = 0.0;
  double wrong = 0.0;
  for (int64_t at = 0; at < run->info.rows; at++) {
    const int64_t i = order[at];
    if (!belongs(run, i)) {
      continue;
    }
    wrong += probability[i];
    int64_t *of_class = &unflagged[diva_dataset_labels(run->train)[i]];
    if (left > 0 && *of_class > fewest) {
      decision->is_label_issue[i] = 1;
      decision->noise.flagged++;
      found += probability[i];
      --*of_class;
    }
    left--;
  }
  const double flagged = (double)decision->noise.flagged;
  decision->noise.expected_precision = flagged > 0.0 ? found / flagged : NAN;
  decision->noise.expected_recall = wrong > 0.0 ? found / wrong : NAN;
}

static enum diva_status flag(const struct cleaning *run, int64_t *class_rows,
                             struct diva_decision *decision, struct diva_error *error) {
  int64_t *order = NULL;
  enum diva_status status =
      diva_allocate(run->info.rows, sizeof *order, "sorting", (void **)&order, error);
  if (status == DIVA_OK) {
    status = diva_order_rows(run->last.columns.probability, run->info.rows, true, order, error);
  }
  if (status == DIVA_OK) {
    const bool untold = !decision->noise.features_tell && !is_asked(run->clean);
    flag_rows(run, order, untold ? 0 : choose_count(run, order), class_rows, decision);
  }
  free(order);
  return status;
}

/* By the planted labels; with too few rows to plant any, by the error against always naming the
 * largest class. */
static bool features_tell(const struct cleaning *run, const int64_t *class_rows) {
  struct diva_summary summary;
  int64_t rows = 0;
  int64_t largest = 0;
  if (run->choice.planted > 0) {
    return run->choice.verdict.auroc >= TELLING_AUROC;
  }
  for (int64_t c = 0; c < run->info.outputs; c++) {
    rows += class_rows[c];
    largest = class_rows[c] > largest ? class_rows[c] : largest;
  }
  diva_analysis_summary(run->last.analysis, &summary);
  return summary.loo.error < TELLING_ERROR * (double)(rows - largest) / (double)rows;
}

static enum diva_action choose_action(const struct diva_decision *decision, int64_t i) {
  const double probability = decision->issue_probability[i];
  if (!decision->is_label_issue[i] && !decision->noise.features_tell) {
    return DIVA_ACTION_KEEP;
  }
  if (!decision->is_label_issue[i]) {
    return probability >= REVIEW_PROBABILITY ? DIVA_ACTION_REVIEW : DIVA_ACTION_KEEP;
  }
  if (decision->suggested_probability[i] >= RELABEL_PROBABILITY) {
    return DIVA_ACTION_RELABEL;
  }
  return probability > DROP_PROBABILITY ? DIVA_ACTION_DROP : DIVA_ACTION_REVIEW;
}

/* P(given = y | class = c), from what each row's probabilities say of its class. */
static enum diva_status estimate_transition(const struct cleaning *run,
                                            struct diva_decision *decision,
                                            struct diva_error *error) {
  const int64_t k = run->info.outputs;
  const int32_t *labels = diva_dataset_labels(run->train);
  double *p = NULL;
  enum diva_status status = diva_allocate(k, sizeof *p, "a row", (void **)&p, error);
  if (status == DIVA_OK) {
    status = diva_allocate(k * k, sizeof *decision->transition, "class transitions",
                           (void **)&decision->transition, error);
  }
  for (int64_t i = 0; i < run->info.rows && status == DIVA_OK; i++) {
    if (belongs(run, i)) {
      const double wrong = run->last.columns.probability[i];
      const double posterior = diva_label_noise_posterior(
          &run->last.noise, run->last.scores.scores + i * k, labels[i], p);
      for (int64_t c = 0; c < k; c++) {
        const double share = posterior > 0.0 ? p[c] / posterior : 1.0 / (double)(k - 1);
        decision->transition[c * k + labels[i]] += c == labels[i] ? 1.0 - wrong : wrong * share;
      }
    }
  }
  for (int64_t c = 0; c < k && status == DIVA_OK; c++) {
    double *row = decision->transition + c * k;
    double sum = 0.0;
    for (int64_t y = 0; y < k; y++) {
      sum += row[y];
    }
    for (int64_t y = 0; y < k; y++) {
      row[y] = sum > 0.0 ? row[y] / sum : (y == c ? 1.0 : 0.0);
    }
  }
  free(p);
  return status;
}

static void copy_columns(const struct cleaning *run, struct diva_decision *decision) {
  const struct diva_issue_columns *columns = &run->last.columns;
  for (int64_t i = 0; i < run->info.rows; i++) {
    decision->issue_probability[i] = columns->probability[i];
    decision->label_quality[i] = 1.0 - columns->probability[i];
    decision->suggested_probability[i] = columns->suggested_probability[i];
    decision->suggested_label[i] = columns->suggested[i];
  }
}

static enum diva_status decide(const struct cleaning *run, struct diva_decision *decision,
                               struct diva_error *error) {
  struct diva_noise_summary *noise = &decision->noise;
  int64_t *class_rows = NULL;
  enum diva_status status =
      diva_allocate(run->info.outputs, sizeof *class_rows, "classes", (void **)&class_rows, error);
  if (status != DIVA_OK) {
    return status;
  }
  count_classes(run, class_rows);
  copy_columns(run, decision);
  noise->features_tell = features_tell(run, class_rows);
  noise->rows = count_belonging(run);
  noise->rate = noise->features_tell ? run->last.noise.rate : NAN;
  noise->confusable = run->plain.noise.confusable;
  noise->refit = run->choice.refit;
  noise->planted = run->choice.planted;
  noise->planted_precision = run->choice.verdict.average_precision;
  noise->planted_auroc = run->choice.verdict.auroc;
  noise->classes = run->info.outputs;
  noise->opinion_count = run->opinion_count;
  memcpy(noise->opinions, run->opinions, sizeof noise->opinions);
  status = flag(run, class_rows, decision, error);
  free(class_rows);
  for (int64_t i = 0; i < run->info.rows && status == DIVA_OK; i++) {
    decision->action[i] = (uint8_t)choose_action(decision, i);
    decision->keep[i] = !decision->is_label_issue[i];
  }
  return status == DIVA_OK ? estimate_transition(run, decision, error) : status;
}

static enum diva_status find(struct cleaning *run, struct diva_decision **decision,
                             struct diva_error *error) {
  enum diva_status status = check(run, error);
  if (status == DIVA_OK) {
    status = settle_model(run, error);
  }
  if (status == DIVA_OK) {
    status = settle_weights(run, error);
  }
  if (status == DIVA_OK) {
    status = look(run, error);
  }
  if (status == DIVA_OK) {
    status = diva_decision_create(run->info.rows, true, decision, error);
  }
  return status == DIVA_OK ? decide(run, *decision, error) : status;
}

enum diva_status diva_clean(struct diva_dataset *train, struct diva_dataset *validation,
                            const struct diva_analysis_options *options,
                            const struct diva_clean_options *clean, struct diva_analysis **analysis,
                            struct diva_decision **decision, struct diva_error *error) {
  struct cleaning run = {.train = train,
                         .validation = validation,
                         .given = options->weights ? options->weights : diva_dataset_weights(train),
                         .clean = clean,
                         .options = *options,
                         .model_is_open = options->scale == DIVA_SCALE_AUTO &&
                                          options->kernel == DIVA_KERNEL_AUTO};
  *analysis = NULL;
  *decision = NULL;
  diva_dataset_describe(train, &run.info);
  const enum diva_status status = find(&run, decision, error);
  if (status == DIVA_OK) {
    *analysis = run.last.analysis;
    run.last.analysis = NULL;
    diva_decision_finish(*decision, train, run.given, run.info.outputs);
  } else {
    diva_decision_destroy(*decision);
    *decision = NULL;
  }
  diva_detection_free(&run.last);
  diva_detection_free(&run.plain);
  diva_subset_free(&run.pilot);
  free(run.pilot_groups);
  free(run.weights);
  return status;
}
