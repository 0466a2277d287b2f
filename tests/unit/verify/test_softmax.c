/* The softmax regression: its products, gradient and optimum, against naive long double loops. */
#include "host/verify/softmax_product.h"
#include "host/verify/softmax_regression.h"
#include "tests/support/reference.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A problem small enough for long double loops; class ABSENT has no row. */
enum { ROWS = 90, COLUMNS = 5, CLASSES = 4, ABSENT = 2 };

struct problem {
  float values[2 * ROWS * COLUMNS];
  const float *features[2 * ROWS];
  int32_t labels[2 * ROWS];
  double weights[2 * ROWS];
  struct diva_softmax_rows rows;
  struct diva_softmax_options options;
  struct diva_softmax_model model;
};

/* Every third row counts twice. */
static struct problem *open_problem(void) {
  struct problem *problem = reference_allocate(1, sizeof *problem);
  struct reference_random random = {2024};
  struct diva_error error;
  for (int64_t i = 0; i < ROWS; i++) {
    const int32_t label = (int32_t)reference_below(&random, CLASSES);
    for (int64_t j = 0; j < COLUMNS; j++) {
      problem->values[i * COLUMNS + j] =
          (float)(reference_normal(&random) + (label == j ? 1.0 : 0.0));
    }
    problem->features[i] = problem->values + i * COLUMNS;
    problem->labels[i] = label == ABSENT ? 0 : label;
    problem->weights[i] = i % 3 ? 1.0 : 2.0;
  }
  problem->rows = (struct diva_softmax_rows){.count = ROWS,
                                             .columns = COLUMNS,
                                             .classes = CLASSES,
                                             .features = problem->features,
                                             .labels = problem->labels,
                                             .weights = problem->weights};
  diva_softmax_options_init(&problem->options);
  problem->options.penalty = 0.03;
  problem->options.tolerance = 1e-7;
  problem->options.improvement = 0.0;
  const enum diva_status status =
      diva_softmax_model_create(COLUMNS, CLASSES, &problem->model, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
  return problem;
}

static void close_problem(struct problem *problem) {
  diva_softmax_model_free(&problem->model);
  free(problem);
}

static void fit(struct problem *problem) {
  struct diva_error error;
  const enum diva_status status =
      diva_softmax_fit(&problem->rows, &problem->options, &problem->model, &error);
  cr_assert(status == DIVA_OK, "%s", error.message);
}

/* The objective by its definition, at parameters laid out as the model's. */
static long double naive_objective(const struct problem *problem, const double *parameters) {
  const int64_t lanes = problem->model.lanes;
  long double loss = 0.0L;
  long double total = 0.0L;
  long double square = 0.0L;
  for (int64_t i = 0; i < problem->rows.count; i++) {
    long double score[CLASSES];
    long double mass = 0.0L;
    for (int c = 0; c < CLASSES; c++) {
      score[c] = (long double)parameters[COLUMNS * lanes + c];
      for (int64_t j = 0; j < COLUMNS; j++) {
        score[c] +=
            (long double)parameters[j * lanes + c] * (long double)problem->rows.features[i][j];
      }
      mass += c == ABSENT ? 0.0L : expl(score[c]);
    }
    const long double weight = (long double)problem->rows.weights[i];
    loss += weight * (logl(mass) - score[problem->rows.labels[i]]);
    total += weight;
  }
  for (int64_t at = 0; at < COLUMNS * lanes; at++) {
    square += (long double)parameters[at] * (long double)parameters[at];
  }
  return loss / total + (long double)problem->options.penalty / 2.0L * square;
}

Test(softmax, products_of_every_shape) {
  static const int64_t sizes[][3] = {{1, 1, 2},  {3, 4, 15},  {4, 5, 16},
                                     {5, 7, 17}, {9, 33, 33}, {64, 18, 77}};
  for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
    const int64_t rows = sizes[s][0];
    const int64_t columns = sizes[s][1];
    const int64_t lanes = diva_softmax_lanes(sizes[s][2]);
    struct reference_random random = {s + 1};
    float *x = reference_allocate(rows * columns, sizeof *x);
    float *w = reference_allocate(columns * lanes, sizeof *w);
    float *scores = reference_allocate(rows * lanes, sizeof *scores);
    double *sums = reference_allocate(columns * lanes, sizeof *sums);
    const float **pointers = reference_allocate(rows, sizeof *pointers);
    cr_assert(lanes % DIVA_SOFTMAX_LANES == 0 && lanes >= sizes[s][2]);
    for (int64_t at = 0; at < rows * columns; at++) {
      x[at] = (float)reference_uniform(&random);
    }
    for (int64_t at = 0; at < columns * lanes; at++) {
      w[at] = (float)reference_uniform(&random);
      sums[at] = 1.0;
    }
    for (int64_t i = 0; i < rows; i++) {
      pointers[i] = x + (rows - 1 - i) * columns; /* rows need not lie in order */
    }
    diva_softmax_scores(pointers, rows, columns, w, lanes, scores);
    diva_softmax_sums(pointers, rows, 0, columns, scores, lanes, sums);
    for (int64_t c = 0; c < lanes; c++) {
      for (int64_t i = 0; i < rows; i++) {
        long double score = 0.0L;
        for (int64_t j = 0; j < columns; j++) {
          score += (long double)pointers[i][j] * (long double)w[j * lanes + c];
        }
        cr_expect(fabsl(score - (long double)scores[i * lanes + c]) < 1e-5L);
      }
      for (int64_t j = 0; j < columns; j++) {
        long double sum = 1.0L;
        for (int64_t i = 0; i < rows; i++) {
          sum += (long double)pointers[i][j] * (long double)scores[i * lanes + c];
        }
        cr_expect(fabsl(sum - (long double)sums[j * lanes + c]) < 1e-4L);
      }
    }
    free(pointers);
    free(sums);
    free(scores);
    free(w);
    free(x);
  }
}

Test(softmax, gradient_is_that_of_the_objective) {
  struct problem *problem = open_problem();
  const int64_t count = (COLUMNS + 1) * problem->model.lanes;
  struct reference_random random = {7};
  double *gradient = reference_allocate(count, sizeof *gradient);
  double *parameters = problem->model.parameters;
  double objective;
  for (int64_t at = 0; at < count; at++) {
    /* short fractions, so that float32 holds them exactly */
    parameters[at] =
        at % problem->model.lanes < CLASSES ? rint(64.0 * reference_uniform(&random)) / 64.0 : 0.0;
  }
  cr_assert(diva_softmax_objective(&problem->rows, &problem->options, &problem->model, &objective,
                                   gradient, NULL) == DIVA_OK);
  cr_expect(fabsl(naive_objective(problem, parameters) - (long double)objective) < 1e-6L);
  for (int64_t at = 0; at < count; at++) {
    const double step = 1e-4;
    const double here = parameters[at];
    parameters[at] = here + step;
    const long double above = naive_objective(problem, parameters);
    parameters[at] = here - step;
    const long double below = naive_objective(problem, parameters);
    parameters[at] = here;
    const bool real = at % problem->model.lanes < CLASSES;
    const double expected = real ? (double)((above - below) / (2.0L * (long double)step)) : 0.0;
    cr_expect(fabs(gradient[at] - expected) < 2e-6, "parameter %lld: %g, not %g", (long long)at,
              gradient[at], expected);
  }
  free(gradient);
  close_problem(problem);
}

Test(softmax, optimum_cannot_be_bettered) {
  struct problem *problem = open_problem();
  fit(problem);
  double *parameters = problem->model.parameters;
  const long double least = naive_objective(problem, parameters);
  cr_expect(fabsl(least - (long double)problem->model.objective) < 1e-6L);
  for (int64_t at = 0; at < (COLUMNS + 1) * problem->model.lanes; at++) {
    for (double step = -0.01; step < 0.02; step += 0.02) {
      if (at % problem->model.lanes >= CLASSES) {
        cr_expect(parameters[at] == 0.0, "a lane of no class is used");
        continue;
      }
      parameters[at] += step;
      cr_expect(naive_objective(problem, parameters) >= least - 1e-9L,
                "parameter %lld is better by a step of %g", (long long)at, step);
      parameters[at] -= step;
    }
  }
  int32_t predicted[ROWS];
  int mistakes = 0;
  cr_assert(diva_softmax_predict(&problem->model, problem->features, ROWS, 1, predicted, NULL) ==
            DIVA_OK);
  for (int64_t i = 0; i < ROWS; i++) {
    cr_expect(predicted[i] >= 0 && predicted[i] < CLASSES && predicted[i] != ABSENT);
    mistakes += predicted[i] != problem->labels[i];
  }
  cr_expect(mistakes < ROWS / 2, "%d of %d rows are mistaken", mistakes, ROWS);
  /* However high the score of a class without rows, it is no answer. */
  problem->model.weights[COLUMNS * problem->model.lanes + ABSENT] = 100.0F;
  cr_assert(diva_softmax_predict(&problem->model, problem->features, ROWS, 1, predicted, NULL) ==
            DIVA_OK);
  for (int64_t i = 0; i < ROWS; i++) {
    cr_expect(predicted[i] != ABSENT);
  }
  close_problem(problem);
}

Test(softmax, weight_two_is_two_rows_and_threads_change_nothing) {
  struct problem *weighted = open_problem();
  struct problem *doubled = open_problem();
  struct problem *threaded = open_problem();
  for (int64_t i = 0; i < ROWS; i++) {
    doubled->weights[i] = 1.0;
    if (weighted->weights[i] > 1.0) {
      const int64_t at = doubled->rows.count++;
      doubled->features[at] = doubled->features[i];
      doubled->labels[at] = doubled->labels[i];
      doubled->weights[at] = 1.0;
    }
  }
  threaded->options.threads = 3;
  fit(weighted);
  fit(doubled);
  fit(threaded);
  const int64_t count = (COLUMNS + 1) * weighted->model.lanes;
  for (int64_t at = 0; at < COLUMNS * weighted->model.lanes; at++) {
    cr_expect(fabs(weighted->model.parameters[at] - doubled->model.parameters[at]) < 1e-4);
  }
  cr_expect(memcmp(weighted->model.parameters, threaded->model.parameters,
                   (size_t)count * sizeof(double)) == 0,
            "three threads give another model than one");
  close_problem(threaded);
  close_problem(doubled);
  close_problem(weighted);
}
