/* Refits in complex long double: an imaginary step in one weight carries its exact derivative. */
#include "brute.h"

#include "tests/support/reference.h"

#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef long double complex number;

/* So small that its square vanishes beside 1: no truncation, and nothing is subtracted. */
static const long double STEP = 1e-40L;

/*
 * Two forms of the same refit, so that neither loses digits. Columns: (Z' A Z + lambda I) w = Z' A
 * y for the weights of the columns. Rows, where there are fewer: the model is sum_i c_i z_i' z + b
 * with lambda c_i = alpha_i (y_i - F_i) and, for b, sum_i c_i = 0. Either way predictions are
 * linear in the unknowns; `basis` holds what multiplies them.
 */
struct brute {
  const struct brute_problem *problem;
  bool by_rows;
  int64_t width;             /* unknowns: columns or rows, and 1 with an intercept */
  long double *basis, *held; /* of the two sets, rows x width, the constant 1 last */
  number *alpha;
  number *matrix, *right;    /* of the equations: width x width; width x outputs */
  number *system, *solution; /* scratch: the same sizes */
  number *scores;            /* outputs */
};

static double weight_of(const struct brute_problem *problem, int64_t i) {
  if (problem->train.labels && problem->train.labels[i] < 0) {
    return 0.0;
  }
  return problem->weights ? problem->weights[i] : 1.0;
}

static long double target_of(const struct brute_problem *problem, const struct brute_rows *rows,
                             int64_t i, int64_t c) {
  return rows->labels ? (rows->labels[i] == c ? 1.0L : 0.0L)
                      : (long double)rows->targets[i * problem->outputs + c];
}

static long double base_of(const struct brute_problem *problem, const struct brute_rows *rows,
                           int64_t i, int64_t c) {
  return rows->base_outputs ? (long double)rows->base_outputs[i * problem->outputs + c] : 0.0L;
}

/* Mean and standard deviation of each column over the weighted training rows. */
static void find_moments(const struct brute_problem *problem, long double *mean,
                         long double *deviation) {
  const int64_t d = problem->columns;
  for (int64_t j = 0; j < d; j++) {
    long double total = 0.0L;
    long double sum = 0.0L;
    long double squares = 0.0L;
    for (int64_t i = 0; i < problem->train.rows; i++) {
      total += weight_of(problem, i);
      sum += weight_of(problem, i) * (long double)problem->train.features[i * d + j];
    }
    mean[j] = sum / total;
    for (int64_t i = 0; i < problem->train.rows; i++) {
      const long double centred = problem->train.features[i * d + j] - mean[j];
      squares += weight_of(problem, i) * centred * centred;
    }
    deviation[j] = sqrtl(squares / total);
  }
}

/* Features as the model sees them, rows x columns. */
static long double *scale_rows(const struct brute_problem *problem, const struct brute_rows *rows) {
  const int64_t d = problem->columns;
  long double *z = reference_allocate(rows->rows * d, sizeof *z);
  long double *mean = reference_allocate(2 * d, sizeof *mean);
  find_moments(problem, mean, mean + d);
  for (int64_t i = 0; i < rows->rows; i++) {
    long double norm = 0.0L;
    for (int64_t j = 0; j < d; j++) {
      const long double x = rows->features[i * d + j];
      norm += x * x;
    }
    for (int64_t j = 0; j < d; j++) {
      long double x = rows->features[i * d + j];
      if (problem->scale == DIVA_SCALE_L2) {
        x = norm > 0.0L ? x / sqrtl(norm) : 0.0L;
      } else if (problem->scale == DIVA_SCALE_STANDARDIZE) {
        x = mean[d + j] > 0.0L ? (x - mean[j]) / mean[d + j] : 0.0L;
      }
      z[i * d + j] = x;
    }
  }
  free(mean);
  return z;
}

/* What multiplies the unknowns in the prediction of each row: its features, or its products with
 * the training rows. */
static long double *make_basis(const struct brute *self, const struct brute_rows *rows) {
  const struct brute_problem *problem = self->problem;
  const int64_t d = problem->columns;
  const int64_t unknowns = self->by_rows ? problem->train.rows : d;
  long double *z = scale_rows(problem, rows);
  long double *train = scale_rows(problem, &problem->train);
  long double *basis = reference_allocate(rows->rows * self->width, sizeof *basis);
  for (int64_t i = 0; i < rows->rows; i++) {
    long double *row = basis + i * self->width;
    for (int64_t u = 0; u < unknowns; u++) {
      row[u] = self->by_rows ? 0.0L : z[i * d + u];
      for (int64_t j = 0; j < d && self->by_rows; j++) {
        row[u] += z[i * d + j] * train[u * d + j];
      }
    }
    if (problem->intercept) {
      row[unknowns] = 1.0L;
    }
  }
  free(z);
  free(train);
  return basis;
}

/* Adds what a row of the training set says to one equation. */
static void add_to_equation(const struct brute *self, int64_t row, number factor, int64_t equation,
                            number *matrix, number *right) {
  const int64_t p = self->width;
  const int64_t k = self->problem->outputs;
  for (int64_t j = 0; j < p; j++) {
    matrix[equation * p + j] += factor * self->basis[row * p + j];
  }
  for (int64_t c = 0; c < k; c++) {
    const long double y = target_of(self->problem, &self->problem->train, row, c) -
                          base_of(self->problem, &self->problem->train, row, c);
    right[equation * k + c] += factor * y;
  }
}

/* Adds a row to the equations, or with sign -1 takes it out. */
static void add_row(const struct brute *self, int64_t row, long double sign, number *matrix,
                    number *right) {
  const number weight = sign * self->alpha[row];
  if (self->by_rows) {
    add_to_equation(self, row, weight, row, matrix, right);
    return;
  }
  for (int64_t i = 0; i < self->width; i++) {
    add_to_equation(self, row, weight * self->basis[row * self->width + i], i, matrix, right);
  }
}

static void form_equations(const struct brute *self) {
  const int64_t p = self->width;
  const int64_t unknowns = p - (self->problem->intercept ? 1 : 0);
  memset(self->matrix, 0, (size_t)(p * p) * sizeof *self->matrix);
  memset(self->right, 0, (size_t)(p * self->problem->outputs) * sizeof *self->right);
  for (int64_t j = 0; j < unknowns; j++) {
    self->matrix[j * p + j] = self->problem->lambda;
    if (self->by_rows && self->problem->intercept) {
      self->matrix[unknowns * p + j] = 1.0L;
    }
  }
  for (int64_t i = 0; i < self->problem->train.rows; i++) {
    add_row(self, i, 1.0L, self->matrix, self->right);
  }
}

static void swap_rows(number *a, number *b, int64_t n) {
  for (int64_t j = 0; j < n; j++) {
    const number kept = a[j];
    a[j] = b[j];
    b[j] = kept;
  }
}

/* Gaussian elimination with partial pivoting: a x = b, x in place of b. */
static void eliminate(number *a, int64_t p, number *b, int64_t k) {
  for (int64_t step = 0; step < p; step++) {
    int64_t pivot = step;
    for (int64_t i = step + 1; i < p; i++) {
      pivot = fabsl(creall(a[i * p + step])) > fabsl(creall(a[pivot * p + step])) ? i : pivot;
    }
    swap_rows(a + step * p, a + pivot * p, p);
    swap_rows(b + step * k, b + pivot * k, k);
    for (int64_t i = step + 1; i < p; i++) {
      const number factor = a[i * p + step] / a[step * p + step];
      for (int64_t j = step; j < p; j++) {
        a[i * p + j] -= factor * a[step * p + j];
      }
      for (int64_t c = 0; c < k; c++) {
        b[i * k + c] -= factor * b[step * k + c];
      }
    }
  }
  for (int64_t i = p - 1; i >= 0; i--) {
    for (int64_t c = 0; c < k; c++) {
      for (int64_t j = i + 1; j < p; j++) {
        b[i * k + c] -= a[i * p + j] * b[j * k + c];
      }
      b[i * k + c] /= a[i * p + i];
    }
  }
}

static bool leaves_together(const struct brute_problem *problem, int64_t a, int64_t b) {
  return a == b ||
         (problem->groups && problem->groups[a] >= 0 && problem->groups[a] == problem->groups[b]);
}

/* W of the model without row `left_out` and its group (-1: with all) into `solution`. */
static void refit(const struct brute *self, int64_t left_out) {
  const int64_t p = self->width;
  memcpy(self->system, self->matrix, (size_t)(p * p) * sizeof *self->matrix);
  memcpy(self->solution, self->right, (size_t)(p * self->problem->outputs) * sizeof *self->right);
  for (int64_t i = 0; left_out >= 0 && i < self->problem->train.rows; i++) {
    if (leaves_together(self->problem, i, left_out)) {
      add_row(self, i, -1.0L, self->system, self->solution);
    }
  }
  eliminate(self->system, p, self->solution, self->problem->outputs);
}

static void predict(const struct brute *self, const struct brute_rows *rows,
                    const long double *basis, int64_t row) {
  const int64_t k = self->problem->outputs;
  for (int64_t c = 0; c < k; c++) {
    self->scores[c] = base_of(self->problem, rows, row, c);
    for (int64_t j = 0; j < self->width; j++) {
      self->scores[c] += self->solution[j * k + c] * basis[row * self->width + j];
    }
  }
}

/* log sum_c exp(t F_c). */
static number log_sum(const struct brute *self) {
  const long double t = self->problem->temperature;
  long double largest = -(long double)INFINITY;
  number sum = 0.0L;
  for (int64_t c = 0; c < self->problem->outputs; c++) {
    largest = fmaxl(largest, t * creall(self->scores[c]));
  }
  for (int64_t c = 0; c < self->problem->outputs; c++) {
    sum += cexpl(t * self->scores[c] - largest);
  }
  return clogl(sum) + largest;
}

static number loss_of(const struct brute *self, const struct brute_rows *rows, int64_t row) {
  const struct brute_problem *problem = self->problem;
  const bool entropy = problem->loss == DIVA_LOSS_CROSS_ENTROPY;
  const number logarithm = entropy ? log_sum(self) : 0.0L;
  number loss = 0.0L;
  for (int64_t c = 0; c < problem->outputs; c++) {
    const long double y = target_of(problem, rows, row, c);
    const number f = self->scores[c];
    loss += entropy ? y * (logarithm - problem->temperature * f) : (f - y) * (f - y);
  }
  return loss;
}

static int32_t best_class(const struct brute *self) {
  int32_t best = 0;
  for (int32_t c = 1; c < (int32_t)self->problem->outputs; c++) {
    best = creall(self->scores[c]) > creall(self->scores[best]) ? c : best;
  }
  return best;
}

/* The columns of one row from its scores. */
static void describe_row(const struct brute *self, int64_t i, struct brute_answer *answer) {
  const struct brute_problem *problem = self->problem;
  const int32_t label = problem->train.labels ? problem->train.labels[i] : -1;
  long double other = -(long double)INFINITY;
  for (int64_t c = 0; c < problem->outputs; c++) {
    answer->scores[i * problem->outputs + c] = (double)creall(self->scores[c]);
    other = c != label ? fmaxl(other, creall(self->scores[c])) : other;
  }
  answer->suggested_label[i] = problem->train.labels ? best_class(self) : -1;
  answer->loo_loss[i] = answer->loo_margin[i] = answer->label_quality[i] = (double)NAN;
  if (label >= 0 || !problem->train.labels) {
    answer->loo_loss[i] = (double)creall(loss_of(self, &problem->train, i));
  }
  if (label >= 0) {
    const long double given = creall(self->scores[label]);
    answer->loo_margin[i] = (double)(other - given);
    answer->label_quality[i] = (double)expl(problem->temperature * given - creall(log_sum(self)));
  }
}

/* How far a row's prediction follows its own target: alpha z' A^-1 z, by a solve. */
static double leverage_of(const struct brute *self, int64_t row) {
  const int64_t p = self->width;
  const long double *basis = self->basis + row * p;
  number *x = reference_allocate(p, sizeof *x);
  long double sum = 0.0L;
  memcpy(self->system, self->matrix, (size_t)(p * p) * sizeof *self->matrix);
  for (int64_t j = 0; j < p; j++) {
    x[j] = self->by_rows ? (j == row ? self->alpha[row] : 0.0L) : self->alpha[row] * basis[j];
  }
  eliminate(self->system, p, x, 1);
  for (int64_t j = 0; j < p; j++) {
    sum += basis[j] * creall(x[j]);
  }
  free(x);
  return (double)sum;
}

/* How much a row counts: not at all where it has no label or is not trained on. */
static long double importance_of(const struct brute_problem *problem, int64_t i) {
  const long double given = problem->importance ? (long double)problem->importance[i] : 1.0L;
  return weight_of(problem, i) > 0.0 ? given : 0.0L;
}

static long double validation_importance_of(const struct brute_problem *problem, int64_t v) {
  const bool labelled = !problem->validation.labels || problem->validation.labels[v] >= 0;
  const double *given = problem->validation_importance;
  return labelled ? (given ? (long double)given[v] : 1.0L) : 0.0L;
}

/* Mean loss over the validation rows. */
static number validation_loss(const struct brute *self) {
  const struct brute_rows *held = &self->problem->validation;
  number sum = 0.0L;
  long double total = 0.0L;
  form_equations(self);
  refit(self, -1);
  for (int64_t v = 0; v < held->rows; v++) {
    const long double importance = validation_importance_of(self->problem, v);
    if (importance > 0.0L) {
      predict(self, held, self->held, v);
      sum += importance * loss_of(self, held, v);
      total += importance;
    }
  }
  return sum / total;
}

/* Mean LOO loss over the training rows. */
static number loo_loss(const struct brute *self) {
  const struct brute_problem *problem = self->problem;
  number sum = 0.0L;
  long double total = 0.0L;
  form_equations(self);
  for (int64_t i = 0; i < problem->train.rows; i++) {
    const long double importance = importance_of(problem, i);
    if (importance > 0.0L) {
      refit(self, i);
      predict(self, &problem->train, self->basis, i);
      sum += importance * loss_of(self, &problem->train, i);
      total += importance;
    }
  }
  return sum / total;
}

static number objective(const struct brute *self) {
  return self->problem->validation.rows > 0 ? validation_loss(self) : loo_loss(self);
}

static void open_brute(struct brute *self, const struct brute_problem *problem) {
  const int64_t k = problem->outputs;
  const bool by_rows = problem->train.rows <= problem->columns;
  const int64_t unknowns = by_rows ? problem->train.rows : problem->columns;
  *self = (struct brute){
      .problem = problem, .by_rows = by_rows, .width = unknowns + (problem->intercept ? 1 : 0)};
  const int64_t p = self->width;
  self->basis = make_basis(self, &problem->train);
  self->held = make_basis(self, &problem->validation);
  self->alpha = reference_allocate(problem->train.rows, sizeof *self->alpha);
  self->matrix = reference_allocate(p * p, sizeof *self->matrix);
  self->system = reference_allocate(p * p, sizeof *self->system);
  self->right = reference_allocate(p * k, sizeof *self->right);
  self->solution = reference_allocate(p * k, sizeof *self->solution);
  self->scores = reference_allocate(k, sizeof *self->scores);
  for (int64_t i = 0; i < problem->train.rows; i++) {
    self->alpha[i] = weight_of(problem, i);
  }
}

static void close_brute(struct brute *self) {
  free(self->basis);
  free(self->held);
  free(self->alpha);
  free(self->matrix);
  free(self->system);
  free(self->right);
  free(self->solution);
  free(self->scores);
}

static void create_answer(const struct brute_problem *problem, struct brute_answer *answer) {
  const int64_t n = problem->train.rows;
  *answer = (struct brute_answer){
      .leverage = reference_allocate(n, sizeof(double)),
      .loo_loss = reference_allocate(n, sizeof(double)),
      .loo_margin = reference_allocate(n, sizeof(double)),
      .label_quality = reference_allocate(n, sizeof(double)),
      .derivative = reference_allocate(n, sizeof(double)),
      .scores = reference_allocate(n * problem->outputs, sizeof(double)),
      .suggested_label = reference_allocate(n, sizeof(int32_t)),
  };
}

static void score_validation(const struct brute *self, struct brute_answer *answer) {
  const struct brute_rows *held = &self->problem->validation;
  long double wrong = 0.0L;
  long double total = 0.0L;
  refit(self, -1);
  for (int64_t v = 0; v < held->rows; v++) {
    const long double importance = validation_importance_of(self->problem, v);
    predict(self, held, self->held, v);
    wrong += held->labels && best_class(self) != held->labels[v] ? importance : 0.0L;
    total += importance;
  }
  answer->validation_error = held->labels ? (double)(wrong / total) : (double)NAN;
  answer->validation_mean = (double)creall(validation_loss(self));
}

/* Whether a row is among those wanted, spread over all, and has a label. */
static bool is_wanted(const struct brute *self, int64_t wanted, int64_t row) {
  const int64_t n = self->problem->train.rows;
  const int64_t stride = wanted < 0 || wanted >= n ? 1 : n / wanted;
  return row % stride == 0 &&
         !(self->problem->train.labels && self->problem->train.labels[row] < 0);
}

static void differentiate(const struct brute *self, int64_t wanted, struct brute_answer *answer) {
  for (int64_t j = 0; j < self->problem->train.rows; j++) {
    answer->derivative[j] = (double)NAN;
    if (!is_wanted(self, wanted, j)) {
      continue;
    }
    const number weight = self->alpha[j];
    self->alpha[j] = weight + STEP * (number)I;
    answer->derivative[j] = (double)(cimagl(objective(self)) / STEP);
    self->alpha[j] = weight;
  }
}

void brute_solve(const struct brute_problem *problem, int64_t derivatives,
                 struct brute_answer *answer) {
  struct brute self;
  open_brute(&self, problem);
  long double loss = 0.0L;
  long double wrong = 0.0L;
  long double total = 0.0L;
  create_answer(problem, answer);
  form_equations(&self);
  for (int64_t i = 0; i < problem->train.rows; i++) {
    const long double importance = importance_of(problem, i);
    answer->leverage[i] = leverage_of(&self, i);
    refit(&self, i);
    predict(&self, &problem->train, self.basis, i);
    describe_row(&self, i, answer);
    const bool missed = problem->train.labels && best_class(&self) != problem->train.labels[i];
    wrong += missed ? importance : 0.0L;
    loss += importance > 0.0L ? importance * answer->loo_loss[i] : 0.0L;
    total += importance;
  }
  answer->loo_error = problem->train.labels ? (double)(wrong / total) : (double)NAN;
  answer->loo_mean = (double)(loss / total);
  if (problem->validation.rows > 0) {
    score_validation(&self, answer);
  }
  if (derivatives != 0) {
    differentiate(&self, derivatives, answer);
  }
  close_brute(&self);
}

void brute_remove(const struct brute_problem *problem, int64_t wanted, double *out) {
  struct brute self;
  open_brute(&self, problem);
  const long double before = creall(validation_loss(&self));
  for (int64_t j = 0; j < problem->train.rows; j++) {
    out[j] = (double)NAN;
    if (is_wanted(&self, wanted, j)) {
      const number weight = self.alpha[j];
      self.alpha[j] = creall(weight) > 0.0L ? 0.0L : 1.0L;
      out[j] = (double)(creall(validation_loss(&self)) - before);
      self.alpha[j] = weight;
    }
  }
  close_brute(&self);
}

void brute_free(struct brute_answer *answer) {
  free(answer->leverage);
  free(answer->loo_loss);
  free(answer->loo_margin);
  free(answer->label_quality);
  free(answer->derivative);
  free(answer->scores);
  free(answer->suggested_label);
  *answer = (struct brute_answer){0};
}

void brute_rows_free(struct brute_rows *rows) {
  free(rows->features);
  free(rows->labels);
  free(rows->targets);
  free(rows->base_outputs);
  *rows = (struct brute_rows){0};
}
