/* What each row gets from its residual: loss, margin, gradient, derivative; one warp a row, or a
 * quarter of one where there are few outputs. The algebra is that of formulas.h; here its sums over
 * outputs are shared out to the lanes. */
#include "kernel.cuh"
#include "kernels/formulas.h"

template <typename Tile, int Lanes>
static __device__ double dot(const Tile *a, const Tile *b, int64_t n) {
  double sum = 0.0;
  for (int64_t j = diva_lane_of<Lanes>(); j < n; j += Lanes) {
    sum += static_cast<double>(a[j]) * static_cast<double>(b[j]);
  }
  return diva_lanes_sum<Lanes>(sum);
}

template <typename Tile, int Lanes>
static __global__ void row_dots(struct diva_cuda_tile a, struct diva_cuda_tile b, double *out) {
  const int64_t i = diva_row_of_lanes<Lanes>();
  if (i >= a.rows) {
    return;
  }
  const double sum = dot<Tile, Lanes>(diva_row<Tile>(a, i), diva_row<Tile>(b, i), a.columns);
  if (diva_lane_of<Lanes>() == 0) {
    out[i] = sum;
  }
}

/* diva_softmax_prepare() by a warp. */
template <int Lanes>
static __device__ struct diva_softmax
prepare_softmax(struct diva_residual_row row, struct diva_target target, double temperature) {
  struct diva_softmax softmax = {temperature, -INFINITY, 0.0};
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    softmax.largest = fmax(softmax.largest, temperature * diva_loo_score(row, target, c));
  }
  softmax.largest = diva_lanes_largest<Lanes>(softmax.largest);
  double sum = 0.0;
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    sum += exp(temperature * diva_loo_score(row, target, c) - softmax.largest);
  }
  softmax.log_sum = softmax.largest + log(diva_lanes_sum<Lanes>(sum));
  return softmax;
}

/* diva_squared_loss() or diva_cross_entropy_loss() by a warp. */
template <int Lanes>
static __device__ double find_loss(struct diva_residual_row row, struct diva_target target,
                                   const struct diva_softmax *softmax) {
  double loss = 0.0;
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    const double r = diva_loo_residual(row, c);
    const double y = diva_target_value(target, c);
    if (!softmax) {
      loss += r * r;
    } else if (y != 0.0) {
      loss += y * (softmax->log_sum - softmax->temperature * (y - r));
    }
  }
  return diva_lanes_sum<Lanes>(loss);
}

template <int Lanes>
static __device__ double target_sum(struct diva_target target, int64_t outputs) {
  double sum = 0.0;
  for (int64_t c = diva_lane_of<Lanes>(); c < outputs; c += Lanes) {
    sum += diva_target_value(target, c);
  }
  return diva_lanes_sum<Lanes>(sum);
}

/* diva_row_scores_of() by a warp: of equal scores the lower class. */
template <int Lanes>
static __device__ struct diva_row_scores find_scores(struct diva_residual_row row,
                                                     struct diva_target target) {
  struct diva_row_scores scores = {NAN, 0};
  double best = -INFINITY;
  double best_other = -INFINITY;
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    const double score = diva_loo_score(row, target, c);
    if (score > best) {
      best = score;
      scores.best = static_cast<int32_t>(c);
    }
    if (c != target.label && score > best_other) {
      best_other = score;
    }
  }
  for (int apart = Lanes / 2; apart > 0; apart /= 2) {
    const double score = __shfl_xor_sync(diva_lanes_mask<Lanes>(), best, apart);
    const int32_t place = __shfl_xor_sync(diva_lanes_mask<Lanes>(), scores.best, apart);
    if (score > best || (score == best && place < scores.best)) {
      best = score;
      scores.best = place;
    }
  }
  best_other = diva_lanes_largest<Lanes>(best_other);
  if (target.label >= 0) {
    scores.margin = best_other - diva_loo_score(row, target, target.label);
  }
  return scores;
}

/* What a row's gradient is made with: v, and the share c alpha of e to be taken from it. */
struct gradient_terms {
  double importance;
  double residual_share;
};

/* g = v dl/dF by output; writes g / (1 - h) - c alpha e where wanted and returns g . r. */
template <typename Tile, int Lanes>
static __device__ double write_gradient(struct diva_residual_row row, struct diva_target target,
                                        const struct diva_softmax *softmax,
                                        struct gradient_terms terms, Tile *out) {
  const double y_sum = softmax ? target_sum<Lanes>(target, row.outputs) : 0.0;
  double gradient_dot_r = 0.0;
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    const double r = diva_loo_residual(row, c);
    double gradient = 0.0;
    if (terms.importance != 0.0) {
      gradient = terms.importance *
                 (softmax ? diva_cross_entropy_gradient(*softmax, diva_loo_score(row, target, c),
                                                        diva_target_value(target, c), y_sum)
                          : diva_squared_gradient(r));
    }
    gradient_dot_r += gradient * r;
    if (out) {
      out[c] = static_cast<Tile>(gradient / row.one_minus_h -
                                 terms.residual_share * diva_training_residual(row, c));
    }
  }
  return diva_lanes_sum<Lanes>(gradient_dot_r);
}

template <int Lanes>
static __device__ void write_scores(struct diva_residual_row row, struct diva_target target,
                                    const struct diva_cuda_row_results &results, int64_t i) {
  const int64_t place = results.score_rows ? results.score_rows[i] : i;
  if (results.scores && place >= 0) {
    double *scores = results.scores + place * results.score_stride;
    for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
      scores[c] = diva_loo_score(row, target, c);
    }
  }
  if (!results.margin && !results.suggested) {
    return;
  }
  const struct diva_row_scores found = find_scores<Lanes>(row, target);
  if (diva_lane_of<Lanes>() == 0 && results.margin) {
    results.margin[i] = found.margin;
  }
  if (diva_lane_of<Lanes>() == 0 && results.suggested) {
    results.suggested[i] = found.best;
  }
}

template <typename Tile, int Lanes>
static __device__ void write_gradients(struct diva_residual_row row, struct diva_target target,
                                       const struct diva_softmax *softmax,
                                       const struct diva_cuda_row_facts &facts,
                                       const struct diva_cuda_row_results &results, int64_t i) {
  const double weight = facts.weight ? facts.weight[i] : 0.0;
  Tile *scaled = results.scaled_gradient
                     ? static_cast<Tile *>(results.scaled_gradient) + i * results.gradient_stride
                     : nullptr;
  const struct gradient_terms terms = {facts.importance[i], facts.gradient_shift * weight};
  const double gradient_dot_r = write_gradient<Tile, Lanes>(row, target, softmax, terms, scaled);
  if (diva_lane_of<Lanes>() == 0 && results.gradient_dot_r) {
    results.gradient_dot_r[i] = gradient_dot_r;
  }
  if (diva_lane_of<Lanes>() == 0 && results.adjoint) {
    results.adjoint[i] = diva_adjoint_weight(weight, gradient_dot_r, row.one_minus_h);
  }
}

static __device__ struct diva_target find_target(const struct diva_cuda_row_facts &facts,
                                                 int64_t i) {
  struct diva_target target = {nullptr, -1};
  if (facts.targets) {
    target.values = facts.targets + i * facts.target_stride;
  } else {
    target.label = facts.labels[i];
  }
  return target;
}

template <typename Tile, int Lanes>
static __global__ void loo_rows(struct diva_cuda_tile e, struct diva_cuda_row_facts facts,
                                struct diva_cuda_row_results results) {
  const int64_t i = diva_row_of_lanes<Lanes>();
  if (i >= e.rows) {
    return;
  }
  const struct diva_residual_row row = {
      diva_row<Tile>(e, i), sizeof(Tile) == sizeof(double), e.columns,
      facts.form ? diva_one_minus_leverage(facts.weight[i], facts.form[i]) : 1.0};
  const struct diva_target target = find_target(facts, i);
  const bool fitted = !isnan(facts.temperature);
  struct diva_softmax softmax = {0.0, 0.0, 0.0};
  if (fitted && (facts.entropy || results.quality)) {
    softmax = prepare_softmax<Lanes>(row, target, facts.temperature);
  }
  write_scores<Lanes>(row, target, results, i);
  if (diva_lane_of<Lanes>() == 0 && results.quality) {
    results.quality[i] =
        fitted && target.label >= 0
            ? diva_softmax_probability(softmax, diva_loo_score(row, target, target.label))
            : NAN;
  }
  if (facts.entropy && !fitted) {
    return;
  }
  const struct diva_softmax *known = facts.entropy ? &softmax : nullptr;
  if (results.loss) {
    const double loss = find_loss<Lanes>(row, target, known);
    if (diva_lane_of<Lanes>() == 0) {
      results.loss[i] = loss;
    }
  }
  if (results.gradient_dot_r || results.adjoint || results.scaled_gradient) {
    write_gradients<Tile, Lanes>(row, target, known, facts, results, i);
  }
}

/* A warp reads a whole row before it writes any of it. */
template <typename Tile, int Lanes>
static __global__ void expect_rows(const int32_t *labels, double temperature,
                                   struct diva_cuda_tile e) {
  const int64_t i = diva_row_of_lanes<Lanes>();
  if (i >= e.rows || labels[i] >= 0) {
    return;
  }
  Tile *values = diva_row<Tile>(e, i);
  const struct diva_residual_row row = {values, sizeof(Tile) == sizeof(double), e.columns, 1.0};
  const struct diva_target none = {nullptr, -1};
  const struct diva_softmax softmax = prepare_softmax<Lanes>(row, none, temperature);
  for (int64_t c = diva_lane_of<Lanes>(); c < row.outputs; c += Lanes) {
    values[c] = static_cast<Tile>(diva_expected_residual(softmax, row, c));
  }
}

template <typename Tile, int Lanes>
static __global__ void scatter_rows(struct diva_cuda_tile from, const int32_t *order,
                                    struct diva_cuda_tile to) {
  const int64_t i = diva_row_of_lanes<Lanes>();
  if (i >= from.rows) {
    return;
  }
  const Tile *source = diva_row<Tile>(from, i);
  Tile *target = diva_row<Tile>(to, order[i]);
  for (int64_t c = diva_lane_of<Lanes>(); c < from.columns; c += Lanes) {
    target[c] = source[c];
  }
}

template <typename Tile, int Lanes>
static __global__ void derivative_rows(struct diva_cuda_tile direct, struct diva_cuda_tile e,
                                       struct diva_cuda_derivative_terms terms, double *out) {
  const int64_t i = diva_row_of_lanes<Lanes>();
  if (i >= e.rows) {
    return;
  }
  const double product =
      dot<Tile, Lanes>(diva_row<Tile>(direct, i), diva_row<Tile>(e, i), e.columns);
  if (diva_lane_of<Lanes>() == 0) {
    const double pull = terms.pull ? terms.pull[i] : 0.0;
    const double form = terms.pull ? terms.form[i] : 0.0;
    const double slack = terms.pull ? diva_one_minus_leverage(terms.weight[i], form) : 1.0;
    const double quadratic = terms.quadratic ? terms.quadratic[i] : 0.0;
    out[i] = diva_derivative(product, pull, form, slack, quadratic);
  }
}

/* Rows of at most so many outputs have 8 lanes each: 32 would mostly idle. */
enum { FEW_OUTPUTS = 16, FEW_LANES = 8 };

static dim3 blocks_for_lanes(int64_t rows, int lanes) {
  return diva_blocks_for(rows, DIVA_BLOCK / lanes);
}

cudaError_t diva_cuda_launch_row_dots(bool is_double, struct diva_cuda_tile a,
                                      struct diva_cuda_tile b, double *out, cudaStream_t stream) {
  return diva_launch(is_double ? row_dots<double, DIVA_WARP> : row_dots<float, DIVA_WARP>,
                     diva_blocks_for_rows(a.rows), dim3(DIVA_BLOCK), stream, a, b, out);
}

template <int Lanes>
static cudaError_t launch_loo(bool is_double, struct diva_cuda_tile e,
                              const struct diva_cuda_row_facts &facts,
                              const struct diva_cuda_row_results &results, cudaStream_t stream) {
  return diva_launch(is_double ? loo_rows<double, Lanes> : loo_rows<float, Lanes>,
                     blocks_for_lanes(e.rows, Lanes), dim3(DIVA_BLOCK), stream, e, facts, results);
}

cudaError_t diva_cuda_launch_loo(bool is_double, struct diva_cuda_tile e,
                                 struct diva_cuda_row_facts facts,
                                 struct diva_cuda_row_results results, cudaStream_t stream) {
  return e.columns <= FEW_OUTPUTS ? launch_loo<FEW_LANES>(is_double, e, facts, results, stream)
                                  : launch_loo<DIVA_WARP>(is_double, e, facts, results, stream);
}

cudaError_t diva_cuda_launch_expect(bool is_double, const int32_t *labels, double temperature,
                                    struct diva_cuda_tile e, cudaStream_t stream) {
  return diva_launch(is_double ? expect_rows<double, DIVA_WARP> : expect_rows<float, DIVA_WARP>,
                     diva_blocks_for_rows(e.rows), dim3(DIVA_BLOCK), stream, labels, temperature,
                     e);
}

cudaError_t diva_cuda_launch_scatter(bool is_double, struct diva_cuda_tile from,
                                     const int32_t *order, struct diva_cuda_tile to,
                                     cudaStream_t stream) {
  return diva_launch(is_double ? scatter_rows<double, DIVA_WARP> : scatter_rows<float, DIVA_WARP>,
                     diva_blocks_for_rows(from.rows), dim3(DIVA_BLOCK), stream, from, order, to);
}

template <int Lanes>
static cudaError_t launch_derivative(bool is_double, struct diva_cuda_tile direct,
                                     struct diva_cuda_tile e,
                                     const struct diva_cuda_derivative_terms &terms, double *out,
                                     cudaStream_t stream) {
  return diva_launch(is_double ? derivative_rows<double, Lanes> : derivative_rows<float, Lanes>,
                     blocks_for_lanes(e.rows, Lanes), dim3(DIVA_BLOCK), stream, direct, e, terms,
                     out);
}

cudaError_t diva_cuda_launch_derivative(bool is_double, struct diva_cuda_tile direct,
                                        struct diva_cuda_tile e,
                                        struct diva_cuda_derivative_terms terms, double *out,
                                        cudaStream_t stream) {
  return e.columns <= FEW_OUTPUTS
             ? launch_derivative<FEW_LANES>(is_double, direct, e, terms, out, stream)
             : launch_derivative<DIVA_WARP>(is_double, direct, e, terms, out, stream);
}
