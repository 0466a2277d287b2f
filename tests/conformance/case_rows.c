/* Conformance of what each row gets: labels, conversion, LOO results, derivatives. */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

/* Labels among the outputs, every sixth row unlabelled. */
static const struct guarded *make_labels(struct conformance *self) {
  double *labels = reference_allocate(self->shape.rows, sizeof *labels);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    labels[i] = i % 6 == 5 ? -1.0 : (double)reference_below(&self->random, self->shape.outputs);
  }
  const struct guarded *made =
      conformance_input(self, ELEMENT_INTEGER, 1, self->shape.rows, labels);
  free(labels);
  return made;
}

void case_label_rows(struct conformance *self) {
  struct diva_error error;
  const struct guarded *labels = make_labels(self);
  const struct guarded *y =
      conformance_output(self, ELEMENT_TILE, self->shape.rows, self->shape.outputs);
  conformance_finish(self,
                     self->ops->label_rows(self->backend, conformance_vector(labels),
                                           conformance_matrix(y), &error),
                     &error);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    for (int64_t c = 0; c < self->shape.outputs; c++) {
      const bool hit = labels->values[i] == (double)c;
      conformance_compare(self, y->result[i * self->shape.outputs + c], hit ? 1.0L : 0.0L, 0.0L);
    }
  }
}

void case_convert(struct conformance *self) {
  struct diva_error error;
  const int64_t rows = self->shape.rows;
  const int64_t columns = self->shape.columns;
  const struct guarded *from = conformance_random(self, ELEMENT_REAL, rows, columns);
  const struct guarded *to = conformance_output(self, ELEMENT_TILE, rows, columns);
  conformance_finish(
      self,
      self->ops->convert(self->backend, conformance_matrix(from), conformance_matrix(to), &error),
      &error);
  for (int64_t i = 0; i < rows * columns; i++) {
    conformance_compare(self, to->result[i], from->values[i], fabs(from->values[i]));
  }
}

/* A case of loo_rows: what is known of the rows. */
struct row_case {
  bool targets, entropy, with_form;
  double temperature;
  double shift; /* c of scaled_gradient */
};

/* Everything of one case, on the device. */
struct rows {
  const struct guarded *e, *labels, *targets, *weight, *importance, *form;
  const struct guarded *loss, *margin, *quality, *suggested, *pull, *adjoint, *gradient, *scores;
};

/* One row in long double, each value with the scale of its error. */
struct expected_row {
  long double slack, loss, loss_scale, margin, quality, pull, pull_scale, score_scale, spread;
  int64_t best;
};

/* Leverages from 0 to 1 - 2^-20 (where weight * form is exact); some weights are zero. */
static void make_leverages(struct conformance *self, struct rows *rows) {
  const int64_t n = self->shape.rows;
  double *weight = reference_allocate(n, sizeof *weight);
  double *form = reference_allocate(n, sizeof *form);
  double *importance = reference_allocate(n, sizeof *importance);
  for (int64_t i = 0; i < n; i++) {
    const double share = fabs(reference_uniform(&self->random));
    weight[i] = i % 4 == 3 ? 0.0 : (i % 4 == 1 ? 2.0 : 0.5 + share);
    form[i] = i % 4 == 1 ? 0.5 - 0x1p-21 : 0.6 * share;
    importance[i] = i % 6 == 5 || weight[i] == 0.0 ? 0.0 : 0.1 + share;
  }
  rows->weight = conformance_input(self, ELEMENT_REAL, 1, n, weight);
  rows->form = conformance_input(self, ELEMENT_REAL, 1, n, form);
  rows->importance = conformance_input(self, ELEMENT_REAL, 1, n, importance);
  free(weight);
  free(form);
  free(importance);
}

static double target_of(const struct rows *rows, bool targets, int64_t i, int64_t outputs,
                        int64_t c) {
  return targets ? rows->targets->values[i * outputs + c]
                 : (rows->labels->values[i] == (double)c ? 1.0 : 0.0);
}

static long double residual_of(const struct rows *rows, int64_t i, int64_t outputs, int64_t c,
                               long double slack) {
  return (long double)rows->e->values[i * outputs + c] / slack;
}

/* log sum exp of the scores times t, less the largest of them. */
static long double log_sum(const struct rows *rows, const struct row_case *kind, int64_t i,
                           int64_t k, long double slack, long double *largest) {
  *largest = -(long double)INFINITY;
  for (int64_t c = 0; c < k; c++) {
    const long double score =
        target_of(rows, kind->targets, i, k, c) - residual_of(rows, i, k, c, slack);
    *largest = fmaxl(*largest, kind->temperature * score);
  }
  long double sum = 0.0L;
  for (int64_t c = 0; c < k; c++) {
    const long double score =
        target_of(rows, kind->targets, i, k, c) - residual_of(rows, i, k, c, slack);
    sum += expl(kind->temperature * score - *largest);
  }
  return logl(sum);
}

static struct expected_row expect_row(struct conformance *self, const struct rows *rows,
                                      const struct row_case *kind, int64_t i) {
  const int64_t k = self->shape.outputs;
  const long double h =
      kind->with_form ? (long double)rows->weight->values[i] * rows->form->values[i] : 0.0L;
  struct expected_row row = {.slack = 1.0L - h, .margin = (long double)NAN};
  const int64_t label = kind->targets ? -1 : (int64_t)rows->labels->values[i];
  long double best = -(long double)INFINITY;
  long double other = best;
  long double largest = 0.0L;
  const long double logarithm = log_sum(rows, kind, i, k, row.slack, &largest);
  for (int64_t c = 0; c < k; c++) {
    const long double y = target_of(rows, kind->targets, i, k, c);
    const long double r = residual_of(rows, i, k, c, row.slack);
    const long double score = y - r;
    row.score_scale = fmaxl(row.score_scale, fabsl(y) + fabsl(r));
    if (score > best) {
      best = score;
      row.best = c;
    }
    other = c != label ? fmaxl(other, score) : other;
    row.loss += kind->entropy ? y * (logarithm + largest - kind->temperature * score) : r * r;
  }
  row.spread = 1.0L + fabsl(kind->temperature) * row.score_scale;
  row.loss_scale = kind->entropy ? (long double)k * row.spread : row.loss;
  if (label >= 0) {
    const long double given = 1.0L - residual_of(rows, i, k, label, row.slack);
    row.margin = other - given;
    row.quality = expl(kind->temperature * given - largest - logarithm);
  }
  for (int64_t c = 0; c < k; c++) {
    long double sum = 0.0L;
    for (int64_t o = 0; o < k; o++) {
      sum += target_of(rows, kind->targets, i, k, o);
    }
    const long double y = target_of(rows, kind->targets, i, k, c);
    const long double r = residual_of(rows, i, k, c, row.slack);
    const long double p = expl(kind->temperature * (y - r) - largest - logarithm);
    const long double v = rows->importance->values[i];
    const long double g = v * (kind->entropy ? kind->temperature * (p * sum - y) : -2.0L * r);
    const long double size =
        v * (kind->entropy ? kind->temperature * (fabsl(sum) + fabsl(y)) * row.spread
                           : 2.0L * fabsl(r));
    row.pull += g * r;
    row.pull_scale += size * fabsl(r);
    const long double share = kind->shift * (long double)rows->weight->values[i] *
                              (long double)rows->e->values[i * k + c];
    conformance_compare(self, rows->gradient->result[i * k + c], g / row.slack - share,
                        size / row.slack + fabsl(share));
  }
  return row;
}

static void compare_row(struct conformance *self, const struct rows *rows,
                        const struct row_case *kind, int64_t i) {
  const int64_t k = self->shape.outputs;
  const int64_t label = kind->targets ? -1 : (int64_t)rows->labels->values[i];
  const struct expected_row row = expect_row(self, rows, kind, i);
  for (int64_t c = 0; c < k; c++) {
    const long double score =
        target_of(rows, kind->targets, i, k, c) - residual_of(rows, i, k, c, row.slack);
    conformance_compare(self, rows->scores->result[i * k + c], score, row.score_scale);
  }
  conformance_compare(self, rows->loss->result[i], row.loss, row.loss_scale);
  conformance_compare(self, rows->pull->result[i], row.pull, row.pull_scale);
  const long double weight = rows->weight->values[i];
  conformance_compare(self, rows->adjoint->result[i], weight * row.pull / row.slack,
                      weight * row.pull_scale / row.slack);
  if (k > 1) {
    conformance_compare(self, rows->margin->result[i], row.margin, row.score_scale);
  }
  conformance_compare(self, rows->quality->result[i], label >= 0 ? row.quality : (long double)NAN,
                      row.spread);
  conformance_expect(self, rows->suggested->result[i] == (double)row.best, "another class", i);
}

static void make_rows(struct conformance *self, struct rows *rows) {
  const int64_t n = self->shape.rows;
  const int64_t k = self->shape.outputs;
  double *e = reference_allocate(n * k, sizeof *e);
  for (int64_t i = 0; i < n * k; i++) {
    /* Every tenth row has equal residuals: unlabelled ones then tie, and class 0 must be named. */
    e[i] = i / k % 10 == 5 ? 0.25 : reference_uniform(&self->random);
  }
  rows->e = conformance_input(self, ELEMENT_TILE, n, k, e);
  rows->labels = make_labels(self);
  rows->targets = conformance_random(self, ELEMENT_REAL, n, k);
  make_leverages(self, rows);
  rows->loss = conformance_output(self, ELEMENT_REAL, 1, n);
  rows->margin = conformance_output(self, ELEMENT_REAL, 1, n);
  rows->quality = conformance_output(self, ELEMENT_REAL, 1, n);
  rows->suggested = conformance_output(self, ELEMENT_INTEGER, 1, n);
  rows->pull = conformance_output(self, ELEMENT_REAL, 1, n);
  rows->adjoint = conformance_output(self, ELEMENT_REAL, 1, n);
  rows->gradient = conformance_output(self, ELEMENT_TILE, n, k);
  rows->scores = conformance_output(self, ELEMENT_REAL, n, k);
  free(e);
}

static struct diva_row_facts facts_of(const struct rows *rows, const struct row_case *kind) {
  return (struct diva_row_facts){
      .labels = kind->targets ? (struct diva_vector){0} : conformance_vector(rows->labels),
      .targets = kind->targets ? conformance_matrix(rows->targets) : (struct diva_matrix){0},
      .weight = conformance_vector(rows->weight),
      .importance = conformance_vector(rows->importance),
      .form = kind->with_form ? conformance_vector(rows->form) : (struct diva_vector){0},
      .loss = kind->entropy ? DIVA_LOSS_CROSS_ENTROPY : DIVA_LOSS_SQUARED,
      .gradient_shift = kind->shift,
      .temperature = kind->temperature,
  };
}

static void run_loo(struct conformance *self, const struct row_case *kind) {
  struct diva_error error;
  struct rows rows;
  make_rows(self, &rows);
  const struct diva_row_facts facts = facts_of(&rows, kind);
  const struct diva_row_results results = {
      .loss = conformance_vector(rows.loss),
      .margin = conformance_vector(rows.margin),
      .quality = conformance_vector(rows.quality),
      .suggested = conformance_vector(rows.suggested),
      .gradient_dot_r = conformance_vector(rows.pull),
      .adjoint = conformance_vector(rows.adjoint),
      .scaled_gradient = conformance_matrix(rows.gradient),
      .scores = conformance_matrix(rows.scores),
  };
  conformance_finish(
      self,
      self->ops->loo_rows(self->backend, conformance_matrix(rows.e), &facts, &results, &error),
      &error);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    compare_row(self, &rows, kind, i);
  }
  conformance_clear(self);
}

/* Each result asked for alone is the same as in company, and leaves the others alone. */
static void run_loo_alone(struct conformance *self, int which) {
  struct diva_error error;
  struct rows rows;
  make_rows(self, &rows);
  const struct row_case kind = {.entropy = which % 2 == 1, .with_form = true, .temperature = 2.0};
  const struct diva_row_facts facts = facts_of(&rows, &kind);
  struct diva_row_results results = {0};
  const struct guarded *wanted[] = {rows.loss,    rows.margin,   rows.pull,
                                    rows.adjoint, rows.gradient, rows.scores};
  struct diva_vector *const vectors[] = {&results.loss, &results.margin, &results.gradient_dot_r,
                                         &results.adjoint};
  if (which < 4) {
    *vectors[which] = conformance_vector(wanted[which]);
  } else {
    *(which == 4 ? &results.scaled_gradient : &results.scores) = conformance_matrix(wanted[which]);
  }
  conformance_finish(
      self,
      self->ops->loo_rows(self->backend, conformance_matrix(rows.e), &facts, &results, &error),
      &error);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    const struct guarded *got = wanted[which];
    for (int64_t c = 0; c < got->rows * got->columns / self->shape.rows; c++) {
      const double value = got->result[i * (got->rows * got->columns / self->shape.rows) + c];
      const bool unlabelled = rows.labels->values[i] < 0.0;
      const bool absent = which == 1 && (unlabelled || self->shape.outputs == 1);
      conformance_expect(self, isfinite(value) || absent, "a result asked for alone is missing",
                         which);
    }
  }
  conformance_clear(self);
}

/* Scores of every third row alone, the last row's first. */
static void run_loo_some_scores(struct conformance *self) {
  struct diva_error error;
  struct rows rows;
  const int64_t n = self->shape.rows;
  const int64_t k = self->shape.outputs;
  const int64_t count = (n + 2) / 3;
  make_rows(self, &rows);
  const struct row_case kind = {.with_form = true, .temperature = 1.0};
  double *place = reference_allocate(n, sizeof *place);
  for (int64_t i = 0; i < n; i++) {
    place[i] = i % 3 == 0 ? (double)(count - 1 - i / 3) : -1.0;
  }
  const struct guarded *order = conformance_input(self, ELEMENT_INTEGER, 1, n, place);
  const struct guarded *scores = conformance_output(self, ELEMENT_REAL, count, k);
  const struct diva_row_facts facts = facts_of(&rows, &kind);
  const struct diva_row_results results = {.scores = conformance_matrix(scores),
                                           .score_rows = conformance_vector(order)};
  conformance_finish(
      self,
      self->ops->loo_rows(self->backend, conformance_matrix(rows.e), &facts, &results, &error),
      &error);
  for (int64_t i = 0; i < n; i += 3) {
    const long double h = (long double)rows.weight->values[i] * rows.form->values[i];
    for (int64_t c = 0; c < k; c++) {
      const long double y = target_of(&rows, false, i, k, c);
      const long double r = residual_of(&rows, i, k, c, 1.0L - h);
      conformance_compare(self, scores->result[(count - 1 - i / 3) * k + c], y - r,
                          fabsl(y) + fabsl(r));
    }
  }
  free(place);
  conformance_clear(self);
}

/* A leverage that rounding has put at 1 or past it still gives finite numbers. */
static void run_loo_past_one(struct conformance *self) {
  struct diva_error error;
  struct rows rows;
  make_rows(self, &rows);
  const struct row_case kind = {.with_form = true, .temperature = 1.0};
  double *ones = reference_allocate(self->shape.rows, sizeof *ones);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    ones[i] = i % 2 == 0 ? 1.0 : 1.0 + 1e-9;
  }
  rows.weight = rows.form = conformance_input(self, ELEMENT_REAL, 1, self->shape.rows, ones);
  const struct diva_row_facts facts = facts_of(&rows, &kind);
  const struct diva_row_results results = {.loss = conformance_vector(rows.loss),
                                           .quality = conformance_vector(rows.quality)};
  conformance_finish(
      self,
      self->ops->loo_rows(self->backend, conformance_matrix(rows.e), &facts, &results, &error),
      &error);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    const bool labelled = rows.labels->values[i] >= 0.0;
    conformance_expect(self, isfinite(rows.loss->result[i]), "loss is not finite", i);
    conformance_expect(self, !labelled || isfinite(rows.quality->result[i]), "no quality", i);
  }
  free(ones);
  conformance_clear(self);
}

/* Before the temperature is known: all that does not need it. */
static void run_loo_unfitted(struct conformance *self) {
  struct diva_error error;
  struct rows rows;
  make_rows(self, &rows);
  const struct row_case kind = {.entropy = true, .with_form = true, .temperature = (double)NAN};
  const struct diva_row_facts facts = facts_of(&rows, &kind);
  const struct diva_row_results results = {.margin = conformance_vector(rows.margin),
                                           .suggested = conformance_vector(rows.suggested),
                                           .scores = conformance_matrix(rows.scores)};
  conformance_finish(
      self,
      self->ops->loo_rows(self->backend, conformance_matrix(rows.e), &facts, &results, &error),
      &error);
  for (int64_t i = 0; i < self->shape.rows; i++) {
    conformance_expect(self, rows.suggested->result[i] >= 0.0, "no suggestion", i);
    conformance_expect(self, isfinite(rows.scores->result[i * self->shape.outputs]), "no score", i);
  }
  conformance_clear(self);
}

void case_loo_rows(struct conformance *self) {
  static const double temperatures[] = {1.0, 30.0};
  for (int bits = 0; bits < 8; bits++) {
    for (int t = 0; t < 2; t++) {
      const struct row_case kind = {bits & 1, bits & 2, bits & 4, temperatures[t],
                                    t == 0 ? 0.0 : -0.7};
      run_loo(self, &kind);
    }
  }
  for (int which = 0; which < 6 && self->shape.rows > 0; which++) {
    run_loo_alone(self, which);
  }
  run_loo_some_scores(self);
  run_loo_past_one(self);
  run_loo_unfitted(self);
}

/* The two optional terms, present and absent in all four ways. */
static void run_derivative(struct conformance *self, bool with_pull, bool with_quadratic) {
  struct diva_error error;
  const struct shape shape = self->shape;
  struct rows rows = {0};
  const struct guarded *z = conformance_random(self, ELEMENT_TILE, shape.rows, shape.columns);
  const struct guarded *m = conformance_random(self, ELEMENT_TILE, shape.outputs, shape.columns);
  const struct guarded *e = conformance_random(self, ELEMENT_TILE, shape.rows, shape.outputs);
  const struct guarded *pull = conformance_random(self, ELEMENT_REAL, 1, shape.rows);
  const struct guarded *quadratic = conformance_random(self, ELEMENT_REAL, 1, shape.rows);
  const struct guarded *out = conformance_output(self, ELEMENT_REAL, 1, shape.rows);
  make_leverages(self, &rows);
  const struct diva_row_facts facts = {.weight = conformance_vector(rows.weight),
                                       .form = conformance_vector(rows.form)};
  const struct diva_vector none = {0};
  conformance_finish(self,
                     self->ops->derivative_rows(
                         self->backend, conformance_matrix(z), conformance_matrix(m),
                         conformance_matrix(e), &facts, with_pull ? conformance_vector(pull) : none,
                         with_quadratic ? conformance_vector(quadratic) : none,
                         conformance_vector(out), &error),
                     &error);
  for (int64_t i = 0; i < shape.rows; i++) {
    const long double form = rows.form->values[i];
    const long double slack = 1.0L - rows.weight->values[i] * form;
    long double want = with_pull ? -pull->values[i] * form / slack : 0.0L;
    want += with_quadratic ? (long double)quadratic->values[i] : 0.0L;
    long double scale = fabsl((long double)pull->values[i] * form / slack) + 1.0L;
    for (int64_t c = 0; c < shape.outputs; c++) {
      for (int64_t j = 0; j < shape.columns; j++) {
        const long double term = (long double)z->values[i * shape.columns + j] *
                                 m->values[c * shape.columns + j] *
                                 e->values[i * shape.outputs + c];
        want += term;
        scale += fabsl(term);
      }
    }
    conformance_compare(self, out->result[i], want, scale);
  }
  conformance_clear(self);
}

void case_derivative_rows(struct conformance *self) {
  for (int bits = 0; bits < 4; bits++) {
    run_derivative(self, bits & 1, bits & 2);
  }
}
